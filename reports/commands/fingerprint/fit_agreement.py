"""`whorl fingerprint fit-agreement`."""

from collections.abc import Sequence
from pathlib import Path

from reports.commandline import ANSWERED, Parser, emit, positive_int
from reports.commands.fingerprint.common import Counter, make_room, reference_option, work_option


def main(argv: Sequence[str], prog: str) -> int:
    """Learn what agreement with imitated sources counts beside a reference's experts, and write it beside them.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    make_room("--work", options.work)
    from fingerprint.imitation.fitting import fit_agreement
    from fingerprint.imitation.store import write_tracers
    from fingerprint.reference import SHIPPED, load

    folder = options.reference or SHIPPED
    make_room("--reference", folder)
    reference, without = load(folder), load(options.folds / "fold0")
    with Counter(0) as bar:
        tracers, card = fit_agreement(without, options.work, options.most, options.ours, bar.say)
    path = write_tracers(tracers, reference.identity, card, folder)
    emit(str(path))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Learn from training crops what a picture's agreement with imitated sources counts beside a "
        "reference's experts; `agreement.json` is written beside the reference. Needed after each `fit`, and after "
        "each `train-imitator`.",
    )
    add = parser.add_argument
    add("--folds", type=Path, required=True, metavar="DIR", help="what `fit --folds` kept with this reference")
    reference_option(parser)
    work_option(parser)
    text = "photographs of each published source, at most (default: %(default)s)"
    add("--most", type=positive_int, default=100, metavar="N", help=text)
    text = "photographs of each network of ours (default: %(default)s)"
    add("--ours", type=positive_int, default=24, metavar="N", help=text)
    return parser
