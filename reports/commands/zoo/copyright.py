"""`whorl zoo copyright`."""

from collections.abc import Sequence
from pathlib import Path

from reports.canvas import FORMATS
from reports.commandline import ANSWERED, Parser, check_output, emit, emit_json

_BENCHMARKS = ("set5", "set14", "b100")


def main(argv: Sequence[str], prog: str) -> int:
    """Report what a lightweight network in a full one's place keeps and spares.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--figure", options.figure, FORMATS)
    check_output("--out", options.out, (".json",))
    from reports.zoo_networks import choose

    teacher = choose([options.teacher], options.runs)
    students = choose(options.students, options.runs)
    if len(teacher) != 1:
        raise ValueError(f"TEACHER must name one network, {options.teacher!r} names {len(teacher)}")
    from reports.commands.fingerprint.common import as_called, deliver, draw_to
    from reports.copyright import Released, compare, table
    from reports.copyright_figures import draw_trade_off

    released = Released(teacher[0], students)
    benchmarks = [name for name in _BENCHMARKS if name in (options.benchmarks or _BENCHMARKS)]
    found = {"command": as_called(prog, argv), **compare(released, benchmarks)}
    draw_to(options.figure, lambda suffix: draw_trade_off(found, suffix))
    deliver(found, options.out)
    if options.json:
        emit_json(found)
    else:
        emit(table(found))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Report what lightweight networks keep of a full one that they are released in the place of: size, "
        "multiply-adds, time, PSNR, SSIM (and LPIPS where its weights are at hand) of each, and the share of the full "
        "one's gain over bicubic enlargement that is retained.",
    )
    parser.add_argument("teacher", metavar="TEACHER", help="the full network")
    parser.add_argument(
        "students",
        nargs="+",
        metavar="STUDENT",
        help="a lighter network, or a pattern for several, such as 'student-*'",
    )
    parser.add_argument("--runs", type=Path, metavar="DIR", help="a folder of runs, whose finished networks are known")
    for name in _BENCHMARKS:
        parser.add_argument(f"--{name}", action="append_const", dest="benchmarks", const=name, help=f"{name} only")
    parser.add_argument("--figure", type=Path, metavar="FIG", help="draw quality against size: .png .pdf .svg")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write all numbers to this file")
    parser.add_argument("--json", action="store_true", help="write one JSON object instead of a table")
    return parser
