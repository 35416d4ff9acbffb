"""`whorl fingerprint fit`."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reports.commandline import ANSWERED, Parser, columns, emit, positive_int
from reports.commands.fingerprint.common import Counter, check_name, make_room, say, work_option

if TYPE_CHECKING:
    from fingerprint import Reference


def main(argv: Sequence[str], prog: str) -> int:
    """Fit and write the reference and its card; an interrupted fit goes on from the features it has measured.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    _check_fit(options)
    from fingerprint.card import render_card
    from fingerprint.conditions import CONDITIONS
    from fingerprint.fit import Plan, default_samples, fit
    from fingerprint.reference import load
    from model_zoo.weights import write_atomically

    samples = default_samples(options.work / "renders", options.extra, options.without, say)
    plan = Plan(samples, options.work / "features", options.out, options.folds, options.workers)
    with Counter(len(CONDITIONS) * sum(sample.copies for sample in samples)) as bar:
        fit(plan, bar.say, bar.advance)
    reference = load(options.out)
    card = render_card(reference, _rebuilt_by(options))
    write_atomically(options.out / "CARD.md", card.encode())
    emit(f"{options.out}\n{reference.identity}\n\n{_validation_table(reference)}")
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Fit and write the reference and its card; an interrupted fit goes on from the features it "
        "has measured.",
    )
    add = parser.add_argument
    add(
        "extra",
        nargs="*",
        type=Path,
        metavar="EXTRA_SOURCE_FOLDER",
        help="pictures of the known source it is named after",
    )
    add("--out", type=Path, default=Path("reference"), metavar="DIR", help="the reference (default: ./%(default)s)")
    work_option(parser)
    add("--folds", type=Path, metavar="DIR", help="keep here, too, the references that never saw one fold each")
    add("--without", nargs="+", action="extend", default=[], metavar="NAME", help="sources to leave out")
    add("--workers", type=positive_int, metavar="N", help="threads (default: all processors; the result is the same)")
    return parser


def _check_fit(options: Namespace) -> None:
    """Refuse in the first second what would otherwise fail after hours."""
    for folder in options.extra:
        if not folder.is_dir():
            raise ValueError(f"EXTRA_SOURCE_FOLDER {folder} is no folder")
    from fingerprint.sources import known_sources

    known = known_sources()
    for name in options.without:
        check_name("--without", name, known)
    for folder in options.extra:
        check_name(f"EXTRA_SOURCE_FOLDER {folder}: its name", folder.name, known)
    for name in ("out", "work", "folds"):
        if getattr(options, name) is not None:
            make_room(f"--{name}", getattr(options, name))


def _rebuilt_by(options: Namespace) -> list[str]:
    """Return the arguments that decide what the reference is, without where things lie on this machine."""
    without = ["--without", *options.without] if options.without else []
    return ["--out", options.out.name, *[folder.name for folder in options.extra], *without]


def _validation_table(reference: "Reference") -> str:
    from fingerprint.card import validation_rows

    head = ("CONDITION", "PICTURES", "TOP-1", "NAMED RIGHT", "NAMED WRONG", "SCALE", "WORST FALSE ACCUSATION")
    rows = []
    for condition, mode, rates in validation_rows(reference.card):
        history, share = max(rates["falsely_accused"].items(), key=lambda item: item[1])
        numbers = (f"{rates[key]:.3f}" for key in ("top1", "named_right", "named_wrong", "scale"))
        rows.append((condition, mode, *numbers, f"{share:.3f} ({history})"))
    return columns([head, *rows], right={2, 3, 4, 5})
