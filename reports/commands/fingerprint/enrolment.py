"""`whorl fingerprint enrolment`."""

from collections.abc import Sequence

from reports.commandline import ANSWERED, Parser, check_output, emit, emit_json, positive_int
from reports.commands.fingerprint.common import (
    as_called,
    check_name,
    deliver,
    make_room,
    out_option,
    say,
    work_option,
)
from reports.study_tables import share_cell, table


def main(argv: Sequence[str], prog: str) -> int:
    """Fit without some networks, enrol them from a few pictures, and attribute test pictures.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out)
    if options.images < 5:
        raise ValueError(f"--images must be at least 5, got {options.images}")
    import datasets
    from fingerprint.attributor import tool_version
    from fingerprint.conditions import CONDITIONS
    from fingerprint.enrolment import FEATURES, TEN, by_network, enrolment
    from fingerprint.features import features_id
    from fingerprint.fit import default_samples
    from fingerprint.sources import known_sources

    conditions = {condition.name: condition for condition in CONDITIONS}
    check_name("--condition", options.condition, conditions)
    sources = known_sources()
    networks = tuple(dict.fromkeys(options.network or TEN))
    for name in networks:
        check_name("--network", name, sorted(sources.keys() & set(datasets.published_sources())))
    make_room("--work", options.work)
    samples = default_samples(options.work / "renders", step=say)
    condition = conditions[options.condition]
    found = enrolment(samples, sources, options.work / "features", networks, options.images, condition, step=say)
    made = {"version": tool_version(), "features": features_id(), "command": as_called(prog, argv)}
    about = {"condition": condition.name, "networks": len(networks), "images": options.images}
    whole = found["all"]
    report = {**made, **about, "enrolment": whole["enrolment"], "sources": whole["sources"], "by_features": found}
    deliver(report, options.out)
    if options.json:
        emit_json(report)
        return ANSWERED
    shares = [
        (words, *(share_cell(found[kind][key]) for kind in FEATURES))
        for key, words in (
            ("enrolment", f"top-1 among {whole['sources']}"),
            ("top5", "top-5"),
            ("alone", "top-1 among them alone"),
            ("others", "top-1 of the other published"),
        )
    ]
    emit(table(("", *FEATURES), [*shares, *by_network(found)], markdown=False))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Fit without some networks, enrol each from a few of its pictures, and "
        "attribute test pictures of all: with the classical features alone, and with the embedding, which was trained "
        "on these networks, too.",
    )
    add = parser.add_argument
    work_option(parser)
    add("--network", nargs="+", action="extend", metavar="NAME", help="published sources (default: ten that differ)")
    add("--images", type=positive_int, default=15, metavar="N", help="to enrol each from (default: %(default)s)")
    add("--condition", default="clean", metavar="NAME", help="processing of all pictures (default: %(default)s)")
    out_option(parser)
    add("--json", action="store_true", help="write one JSON object instead of a table")
    return parser
