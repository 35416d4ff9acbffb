"""`whorl fingerprint evaluate`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.commandline import ANSWERED, Parser, check_output, emit, emit_json, printable
from reports.commands.fingerprint.common import (
    Counter,
    as_called,
    chosen_posts,
    deliver,
    origin,
    out_option,
    post_option,
    reference_option,
    true_scales,
)

POSTS = ("clean", "crop", "jpeg90", "jpeg75", "jpeg50")
WORST = 5


def main(argv: Sequence[str], prog: str) -> int:
    """Attribute every picture, as it is and post-processed, and compare with the names of the folders.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out)
    from fingerprint import studies
    from fingerprint.evaluate import test_items
    from fingerprint.gallery import open_gallery
    from fingerprint.reference import load

    posts = chosen_posts(options.post or POSTS)
    total = len(posts) * len(test_items(options.folder))
    reference = load(options.reference)
    about = {}
    if options.gallery is not None:
        enrolled = open_gallery(options.gallery, reference.identity, needed=True).sources
        pictures = sorted({len(source.images) for source in enrolled.values()})
        about["gallery"] = {"name": options.gallery.name, "sources": len(enrolled), "pictures": pictures}
    with Counter(total) as bar:
        summaries = studies.evaluate_folder(
            options.folder, posts, true_scales(reference), options.reference, bar.say, bar.advance, options.gallery
        )
    report = {**origin(reference), "command": as_called(prog, argv), "folder": options.folder.name, **about}
    report["posts"] = summaries
    deliver(report, options.out)
    if options.json:
        emit_json(report)
    else:
        emit("\n\n".join(_summary_lines(post, summary) for post, summary in summaries.items()))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Attribute every picture, as it is and post-processed, and compare with the names of the folders.",
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="holds a folder for each source, with pictures in it or in its `test`")
    reference_option(parser)
    add("--gallery", type=Path, metavar="DIR", help="compare with the sources of this gallery, too")
    post_option(parser, POSTS)
    out_option(parser)
    add("--json", action="store_true", help="write one JSON object instead of tables")
    return parser


def _summary_lines(post: str, summary: Mapping[str, Any]) -> str:
    rows = [
        ("top-1", "top1"),
        ("named, rightly", "named_right"),
        ("named, wrongly", "named_wrong"),
        ("scale", "scale"),
        ("originals falsely accused", "false_accusations"),
        ("originals inconclusive", "innocents_inconclusive"),
    ]
    lines = [f"{post}: {summary['images']} images; intervals (95 %) resample photographs"]
    for label, key in rows:
        entry = summary[key]
        if entry["share"] is None:
            lines.append(f"  {label:<27}{'-':>6}")
            continue
        low, high = entry["interval"]
        lines.append(f"  {label:<27}{entry['share']:>6.3f}  {low:.3f} to {high:.3f}  of {entry['images']}")
    worst = sorted(summary["per_source"].items(), key=lambda item: (item[1], item[0]))[:WORST]
    lines.append("  worst sources: " + ", ".join(f"{printable(name)} {share:.2f}" for name, share in worst))
    return "\n".join(lines)
