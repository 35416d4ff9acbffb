"""`whorl zoo distill-study`."""

from collections.abc import Sequence
from pathlib import Path

from reports.canvas import FORMATS
from reports.commandline import ANSWERED, Parser, check_output, emit, emit_json
from reports.commands.fingerprint.common import Counter, as_called, deliver, draw_to, form_options, out_option


def main(argv: Sequence[str], prog: str) -> int:
    """Hold students against twins that learnt alone.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out, (".json",))
    check_output("--figure", options.figure, FORMATS)
    from model_zoo.distillation.gains import counted, find_twins, gains
    from reports.distillation_study import draw_gains, gains_table

    twins = find_twins(options.runs)
    with Counter(counted(twins)) as bar:
        found = {"command": as_called(prog, argv), "groups": gains(twins, options.runs, advance=lambda: bar.advance(1))}
    deliver(found, options.out)
    draw_to(options.figure, lambda suffix: draw_gains(found["groups"], suffix))
    if options.json:
        emit_json(found)
    else:
        emit(gains_table(found["groups"], options.markdown))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Hold students that had a teacher against twins that learnt alone, of the same data, steps and "
        "seed: PSNR on Set5, Set14 and B100, the paired gain with its standard error, and learning curves.",
        epilog="The networks: `whorl zoo sweep pisr --runs DIR`.",
    )
    add = parser.add_argument
    add("--runs", type=Path, required=True, metavar="DIR", help="a folder of runs that holds students and twins")
    out_option(parser)
    add("--figure", type=Path, metavar="FIG", help=f"draw learning curves and gains: {' '.join(FORMATS)}")
    form_options(parser)
    return parser
