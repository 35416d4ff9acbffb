"""`whorl zoo benchmark`."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.commandline import ANSWERED, Parser, check_output, columns, emit, emit_json, portable_arguments

_BENCHMARKS = ("set5", "set14", "b100")


def main(argv: Sequence[str], prog: str) -> int:
    """Score networks on the benchmarks of the field.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    parser = _parser(prog)
    options = parser.parse_args(argv)
    if not (options.networks or options.all or options.published):
        parser.error("a NAME, --all or --published is missing")
    if options.networks and options.all:
        parser.error("--all goes without a NAME")
    check_output("--out", options.out, (".json",))
    rows = _measure(options, f"{prog} {shlex.join(portable_arguments(argv))}")
    if options.json:
        emit_json(rows)
        return ANSWERED
    from reports.zoo_quality import cells, legend, markdown

    if options.markdown:
        emit(markdown(rows))
        return ANSWERED
    table = _loud(cells(rows))
    emit("\n".join([columns(table, right=range(2, len(table[0]))), "", *legend(rows)]))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Score networks on Set5, Set14 and B100 by the field's protocol: PSNR and SSIM of luma, a border "
        "of `scale` pixels shaved, low resolution by MATLAB's bicubic reduction; and LPIPS where its weights lie in "
        "the data folder's `lpips`. Bicubic enlargement stands beside them, and what authors report of their networks.",
    )
    parser.add_argument(
        "networks", nargs="*", metavar="NAME", help="a network, or a pattern for several, such as 'whorl-*-x4'"
    )
    parser.add_argument("--all", action="store_true", help="all networks that `list` shows")
    parser.add_argument(
        "--published", action="store_true", help="those in the data folder's `published-weights` too, imported or not"
    )
    parser.add_argument("--runs", type=Path, metavar="DIR", help="a folder of runs, whose finished networks are known")
    for name in _BENCHMARKS:
        parser.add_argument(f"--{name}", action="append_const", dest="benchmarks", const=name, help=f"{name} only")
    parser.add_argument(
        "--degradation",
        choices=("matlab-bicubic", "pillow-bicubic"),
        default="matlab-bicubic",
        help="what makes the low resolution (default: matlab-bicubic)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="keep the results in a .json file, after each network; what it holds already is not measured again",
    )
    parser.add_argument("--json", action="store_true", help="write one JSON array instead of a table")
    parser.add_argument("--markdown", action="store_true", help="write the table in Markdown")
    return parser


def _measure(options: Any, command: str) -> list[dict[str, Any]]:
    """Find the networks and score them."""
    from reports.zoo_networks import choose, gather

    networks = choose(options.networks, options.runs) if options.networks else []
    networks = gather(options.runs) if options.all else networks
    from reports.zoo_quality import entries, measure, read_rows, write_rows

    kept = [] if options.out is None else read_rows(options.out)
    found = entries(networks, options.published)
    from model_zoo.lpips import load_lpips

    benchmarks = [name for name in _BENCHMARKS if name in (options.benchmarks or _BENCHMARKS)]

    def keep(rows: list[dict[str, Any]]) -> None:
        if options.out is not None:
            write_rows(options.out, rows, command)

    return measure(found, benchmarks, options.degradation, lpips=load_lpips(), kept=kept, keep=keep)


def _loud(table: list[list[str]]) -> list[list[str]]:
    """Put the head in capitals, as the other tables have it."""
    return [[cell.upper() for cell in table[0]], *table[1:]]
