"""`whorl fingerprint ablation`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.commandline import ANSWERED, Parser, check_output, emit, emit_json
from reports.commands.fingerprint.common import as_called, check_name, deliver, make_room, out_option, say, work_option
from reports.study_tables import share_cell, table

CONDITIONS = ("clean", "jpeg-90", "jpeg-74", "jpeg-51", "webp", "resized")


def main(argv: Sequence[str], prog: str) -> int:
    """Tell sources by each kind of features alone, and by all together.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    for option, path, suffixes in (("--out", options.out, ()), ("--markdown", options.markdown, (".md",))):
        check_output(option, path, suffixes)
    from fingerprint import conditions

    known = {condition.name: condition for condition in conditions.CONDITIONS}
    names = list(dict.fromkeys(options.condition or CONDITIONS))
    for name in names:
        check_name("--condition", name, known)
    make_room("--work", options.work)
    import datasets
    from fingerprint.ablation import ablation
    from fingerprint.attributor import tool_version
    from fingerprint.features import features_id
    from fingerprint.fit import default_samples
    from fingerprint.sources import known_sources

    samples = default_samples(options.work / "renders", step=say)
    chosen = [known[name] for name in names]
    cache = options.work / "features"
    found = ablation(samples, known_sources(), datasets.published_sources(), cache, chosen, say)
    report = {
        "version": tool_version(),
        "features": features_id(),
        "command": as_called(prog, argv),
        "conditions": found,
    }
    deliver(report, options.out)
    if options.markdown is not None:
        from model_zoo.weights import write_atomically

        write_atomically(options.markdown, (_table(found, markdown=True) + "\n").encode())
    emit_json(report) if options.json else emit(_table(found, markdown=False))
    return ANSWERED


_HEAD = ("condition", "features", "dimensions", "source", "scale", "zoo network", "upscaled (AUROC)")


def _table(found: Mapping[str, Mapping[str, Any]], markdown: bool) -> str:
    rows = [
        (condition, name, str(entry["dimensions"]), *(share_cell(entry[key]) for key in ("top1", "scale", "zoo")))
        + (f"{entry['upscaled']:.4f}",)
        for condition, kinds in found.items()
        for name, entry in kinds.items()
    ]
    return table(_HEAD, rows, markdown)


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Fit discriminants on each kind of features alone and on all, and measure them on the photographs "
        "that neither they nor the embedding saw. Features that a fit measured into the same folder are used again.",
    )
    add = parser.add_argument
    work_option(parser)
    text = f"processing of all pictures (default: {' '.join(CONDITIONS)})"
    add("--condition", nargs="+", action="extend", metavar="NAME", help=text)
    out_option(parser)
    add("--markdown", type=Path, metavar="FILE.md", help="write the table to this file")
    add("--json", action="store_true", help="write one JSON object instead of a table")
    return parser
