"""`whorl fingerprint coverage`."""

from collections.abc import Sequence

from reports.commandline import ANSWERED, Parser, check_output, emit, emit_json, positive_int
from reports.commands.fingerprint.common import as_called, check_name, deliver, form_options, out_option, say
from reports.commands.fingerprint.measuring import measure_all, measuring_options, plan_of


def main(argv: Sequence[str], prog: str) -> int:
    """Leave networks out, and count how often intervals of hyper-parameters hold the true values of their pictures.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out)
    from fingerprint.attributor import tool_version
    from fingerprint.regression.coverage import STUDIES, summary, told
    from reports.parameter_tables import markdown, table
    from spectra import FEATURES_ID

    for name in options.study:
        check_name("--study", name, STUDIES)
    plan = plan_of(options)
    data = measure_all(plan)
    chosen = [name for name in STUDIES if not options.study or name in options.study]
    studies = {name: summary(data, told(data, name, options.mode, options.folds, say)) for name in chosen}
    about = {
        "version": tool_version(),
        "command": as_called(prog, argv),
        "features": FEATURES_ID,
        "mode": options.mode,
        "folds": options.folds,
    }
    drawn = {"copies": plan.copies, "seed": plan.seed, "conditions": [each.name for each in plan.conditions]}
    report = {**about, **drawn, "studies": studies}
    deliver(report, options.out)
    if options.json:
        emit_json(report)
    else:
        emit((markdown if options.markdown else table)(studies))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Leave networks out of the fit in turn, and count how often the 90 % intervals of scale, size, "
        "depth, adversarial weight and JPEG qualities hold the true values of their pictures. Every network counts "
        "once.",
    )
    add = parser.add_argument
    measuring_options(parser)
    text = "what is left out: networks, photographs, designs, published, zoo (default: each of them)"
    add("--study", nargs="+", action="extend", default=[], metavar="NAME", help=text)
    add("--mode", choices=("colour", "grey"), default="colour", help="of the pictures (default: %(default)s)")
    text = "how many times networks, or designs, are left out (default: %(default)s)"
    add("--folds", type=positive_int, default=5, metavar="N", help=text)
    out_option(parser)
    form_options(parser)
    return parser
