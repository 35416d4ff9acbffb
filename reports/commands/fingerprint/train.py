"""`whorl fingerprint train`."""

from collections.abc import Sequence
from pathlib import Path

from reports.commandline import ANSWERED, Parser, emit, positive_int
from reports.commands.fingerprint.common import Counter, make_room, say, work_option


def main(argv: Sequence[str], prog: str) -> int:
    """Train the embedding; an interrupted training goes on from its last checkpoint.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    if options.out.suffix != ".safetensors":
        raise ValueError(f"--out must end in .safetensors, got {options.out}")
    make_room("--work", options.work)
    from dataclasses import replace

    from fingerprint.embedding.recipe import train_embedding, training_samples
    from fingerprint.embedding.training import EmbeddingConfig, Progress

    config = EmbeddingConfig(seed=options.seed)
    config = replace(config, steps=options.steps or config.steps)
    samples = training_samples(options.work / "renders", step=say)

    def report(progress: Progress) -> None:
        say(
            f"step {progress.step} of {progress.steps}, {progress.seconds:.0f} s: loss {progress.loss:.3f}, "
            f"source right {progress.right:.3f}, scale right {progress.scale:.3f}"
        )

    run = options.work / f"embedding-{config.steps}-{config.seed}"
    with Counter(len(samples)) as bar:
        train_embedding(config, samples, run, options.out, advance=bar.advance, report=report)
    emit(str(options.out))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Train the embedding on pictures of all sources, of relatives of published networks, and of "
        "photographs; an interrupted training goes on from its last checkpoint. A reference fitted before belongs to "
        "the embedding before.",
    )
    add = parser.add_argument
    add("--out", type=Path, default=Path("embedding.safetensors"), metavar="FILE", help="(default: ./%(default)s)")
    work_option(parser)
    add("--steps", type=positive_int, metavar="N", help="of 96 crops each (default: as the shipped one)")
    add("--seed", type=int, default=0, metavar="N", help="of weights and draws (default: %(default)s)")
    return parser
