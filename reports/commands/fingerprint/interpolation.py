"""`whorl fingerprint interpolation`."""

from collections.abc import Sequence

from reports.commandline import ANSWERED, Parser, check_output, emit, emit_json, positive_int
from reports.commands.fingerprint.common import Counter, as_called, deliver, origin, out_option, reference_option
from reports.study_tables import share_cell, table


def main(argv: Sequence[str], prog: str) -> int:
    """Enlarge held-out photographs by plain kernels, and count which are recognised as interpolated.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out)
    from fingerprint.attributor import Attributor
    from fingerprint.interpolation import FACTORS, KERNELS, interpolated
    from fingerprint.reference import load
    from fingerprint.studies import innocent_corpora

    corpora = innocent_corpora()
    listed = [item for name in ("bsds-val", "set14", "scikit-image") for item in corpora.get(name, [])]
    photographs = [(group, path) for _, group, path in listed][:: options.every]
    reference = load(options.reference)
    with Counter(len(photographs) * len(KERNELS) * len(FACTORS)) as bar:
        found = interpolated(photographs, Attributor(options.reference), advance=bar.advance)
    about = {"command": as_called(prog, argv), "photographs": len(photographs)}
    report = {**origin(reference), **about, **found}
    deliver(report, options.out)
    if options.json:
        emit_json(report)
        return ANSWERED
    rows = [("all", *_cells(found["interpolated"])), ("said to be upscaled, too", *_cells(found["said"]))]
    rows += [("taken for a network's", *_cells(found["network"]))]
    rows += [(name, *_cells(entry)) for name, entry in found["by_kernel"].items()]
    rows += [(f"x{name}", *_cells(entry)) for name, entry in found["by_factor"].items()]
    emit(table(("", "recognised", "pictures"), rows, markdown=False))
    return ANSWERED


def _cells(entry: dict) -> tuple[str, str]:
    return share_cell(entry), str(entry["images"])


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Enlarge photographs of no training split by seven kernels and nine factors, and count how many "
        "are recognised as interpolated.",
    )
    add = parser.add_argument
    reference_option(parser)
    add("--every", type=positive_int, default=4, metavar="N", help="take each Nth photograph (default: %(default)s)")
    out_option(parser)
    add("--json", action="store_true", help="write one JSON object instead of a table")
    return parser
