"""`whorl fingerprint train-imitator`."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from reports.commandline import ANSWERED, Parser, emit, positive_int
from reports.commands.fingerprint.common import make_room, say, work_option


def main(argv: Sequence[str], prog: str) -> int:
    """Train the imitator of a scale; an interrupted training goes on from its last checkpoint.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    out = options.out or Path(f"x{options.scale}.safetensors")
    if out.suffix != ".safetensors":
        raise ValueError(f"--out must end in .safetensors, got {out}")
    make_room("--work", options.work)
    from fingerprint.imitation.recipe import imitation_config, train_imitator, training_pool
    from fingerprint.imitation.training import Progress

    pool, favoured = training_pool(options.scale, options.work / "renders", options.work / "wide", step=say)
    config = imitation_config(options.scale, pool, options.steps, options.seed)

    def report(progress: Progress) -> None:
        published = mean(progress.sources[name] for name in favoured & progress.sources.keys())
        say(
            f"step {progress.step} of {progress.steps}, {progress.seconds:.0f} s: common error {progress.common:.2f}, "
            f"published sources' {published:.2f} of what tells them apart"
        )

    run = options.work / f"imitator-x{options.scale}-{config.steps}-{config.seed}"
    train_imitator(config, pool, favoured, run, out, report)
    emit(str(out))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Train what tells, from a picture's small version, how every source of one scale would have "
        "enlarged it; an interrupted training goes on from its last checkpoint. `fit-agreement` must follow.",
    )
    add = parser.add_argument
    add("--scale", type=int, choices=(2, 3, 4), required=True, help="of the sources")
    add("--out", type=Path, metavar="FILE", help="(default: ./x<scale>.safetensors)")
    work_option(parser)
    add("--steps", type=positive_int, metavar="N", help="of 16 tiles each (default: as the shipped one)")
    add("--seed", type=int, default=0, metavar="N", help="of weights and draws (default: %(default)s)")
    return parser
