"""`whorl fingerprint fit-regions`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.commandline import ANSWERED, Parser, columns, emit, positive_int
from reports.commands.fingerprint.common import Counter, make_room, reference_option, work_option


def main(argv: Sequence[str], prog: str) -> int:
    """Learn what a reference's detectors say on single tiles, and write it beside the reference.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    make_room("--work", options.work)
    from fingerprint.conditions import CONDITIONS
    from fingerprint.fit_regions import fit_regions, wholes
    from fingerprint.localiser import write_calibrations
    from fingerprint.reference import SHIPPED, load

    folder = options.reference or SHIPPED
    make_room("--reference", folder)
    reference = load(folder)
    pictures = wholes(options.work / "composites", options.every)
    with Counter(len(pictures) * len(CONDITIONS)) as bar:
        calibrations, card = fit_regions(pictures, options.folds, bar.say, bar.advance)
    path = write_calibrations(folder, reference.identity, calibrations, card)
    emit(f"{path}\n\n{_table(card)}")
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Learn from training photographs what a reference's detectors say on single tiles, and from where "
        "on a part of a picture is no chance; `regions.json` is written beside the reference. Needed after each `fit`.",
    )
    add = parser.add_argument
    add(
        "--folds",
        type=Path,
        required=True,
        metavar="DIR",
        help="what `fit --folds` kept with this reference",
    )
    reference_option(parser)
    work_option(parser)
    add(
        "--every",
        type=positive_int,
        default=2,
        metavar="N",
        help="only every so many-th picture (default: %(default)s)",
    )
    return parser


def _table(card: Mapping[str, Any]) -> str:
    head = ("CONDITION", "TILES", "AUROC", "CLLR", "PICTURES", "LOOKED AT CLOSELY", "FALSE REGIONS")
    rows = []
    for name, about in card.items():
        mode, condition = name.split(".", 1)
        kinds = about["pictures"].values()
        sums = (sum(kind[key] for kind in kinds) for key in ("pictures", "looked_at_closely", "false_regions"))
        numbers = (f"{about['auroc']:.3f}", f"{about['cllr']:.3f}", *map(str, sums))
        rows.append((f"{condition}, {mode}", str(sum(about["tiles"].values())), *numbers))
    return columns([head, *rows], right=set(range(1, 7)))
