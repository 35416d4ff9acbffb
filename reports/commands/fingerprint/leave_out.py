"""`whorl fingerprint leave-out`."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.commandline import ANSWERED, Parser, check_output, columns, emit
from reports.commands.fingerprint.common import (
    as_called,
    check_name,
    deliver,
    make_room,
    out_option,
    say,
    work_option,
)


def main(argv: Sequence[str], prog: str) -> int:
    """Fit without each network, and tell its test pictures from those of enrolled sources.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out)
    import datasets
    from fingerprint.attributor import tool_version
    from fingerprint.conditions import CONDITIONS
    from fingerprint.features import features_id
    from fingerprint.fit import default_samples
    from fingerprint.sources import known_sources
    from fingerprint.studies import SIX, leave_out

    conditions = {condition.name: condition for condition in CONDITIONS}
    check_name("--condition", options.condition, conditions)
    condition = conditions[options.condition]
    sources, published = known_sources(), set(datasets.published_sources())
    networks = options.network or SIX
    for name in networks:
        check_name("--network", name, sorted(sources.keys() & published))
    make_room("--work", options.work)
    samples = default_samples(options.work / "renders", step=say)
    say(f"measuring {condition.name}")
    cache = options.work / "features"
    found = leave_out(samples, sources, cache, networks, condition, say)
    mean = found.pop("mean_auroc")
    about = {"version": tool_version(), "features": features_id(), "command": as_called(prog, argv)}
    deliver({**about, "condition": condition.name, "mean_auroc": mean, "networks": found}, options.out)
    head = ("LEFT OUT", "AUROC", "FPR AT 95 % TPR", "OSCR", "ECE", "NAMED", "UNKNOWN", "NOT UPSCALED", "RIGHT SCALE",
            "IMAGES", "MOSTLY NAMED AS")  # fmt: skip
    rows = [(name, *_left_out_cells(entry)) for name, entry in found.items()]
    emit(columns([head, *rows], right=set(range(1, 10))) + f"\n\nmean AUROC {mean:.3f}, {condition.name}")
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Fit without each network, and tell its test pictures from those of enrolled sources.",
    )
    add = parser.add_argument
    work_option(parser)
    add("--network", nargs="+", action="extend", metavar="NAME", help="published sources (default: six that differ)")
    add("--condition", default="clean", metavar="NAME", help="processing of all pictures (default: %(default)s)")
    out_option(parser)
    return parser


def _left_out_cells(entry: Mapping[str, Any]) -> tuple[str, ...]:
    keys = (
        "auroc",
        "fpr_at_95_tpr",
        "oscr",
        "calibration_error",
        "named",
        "called_unknown",
        "called_not_upscaled",
        "right_scale",
    )
    taken_for = max(entry["named_as"], key=lambda name: entry["named_as"][name], default="-")
    return (*(f"{entry[key]:.3f}" for key in keys), str(entry["images"]), taken_for)
