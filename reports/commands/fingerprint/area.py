"""`whorl fingerprint area`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.canvas import FORMATS
from reports.commandline import ANSWERED, Parser, check_output, emit, emit_json, positive_int
from reports.commands.fingerprint.common import (
    Counter,
    as_called,
    check_name,
    chosen_posts,
    deliver,
    draw_to,
    form_options,
    make_room,
    origin,
    out_option,
    reference_option,
    true_scales,
)
from reports.study_tables import share_cell, table, titled

POSTS = ("clean", "jpeg75")
SHARES = {
    "top1": "top-1", "scale": "scale", "named_right": "named rightly", "named_wrong": "named wrongly",
    "inconclusive": "inconclusive", "false_accusations": "originals accused",
    "innocents_inconclusive": "originals inconclusive",
}  # fmt: skip
LEGEND = "In brackets 95 % intervals, which resample photographs."


def main(argv: Sequence[str], prog: str) -> int:
    """Enlarge whole photographs by many sources, cut parts of several sizes out, and attribute them.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out)
    check_output("--figure", options.figure, FORMATS)
    from fingerprint import Attributor
    from fingerprint.area import SIDES, area_curves
    from fingerprint.reference import load
    from reports.area_figures import draw_area

    posts, sides = chosen_posts(options.post or POSTS), sorted(set(options.sides or SIDES))
    reference = load(options.reference)
    sources, photographs = _sources(options.sources, tuple(reference.sources)), _photographs(options.photographs)
    make_room("DIR", options.folder)
    with Counter(len(sources) * len(photographs) * (1 + len(posts) * (len(sides) + 1))) as bar:
        items = _rendered(sources, photographs, options.folder, bar)
        attributor = Attributor(options.reference)
        curves = area_curves(items, posts, true_scales(reference), attributor, sides, bar.say, bar.advance)
    report = {
        **origin(reference),
        "command": as_called(prog, argv),
        "sources": list(sources),
        "photographs": [path.stem for path in photographs],
        "posts": curves,
    }
    deliver(report, options.out)
    draw_to(options.figure, lambda suffix: draw_area(curves, suffix))
    if options.json:
        emit_json(report)
    else:
        emit(tables(curves, options.markdown))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Measure accuracy against the area of a picture. Imported networks, interpolation kernels, some "
        "networks of the zoo (and nothing: originals) enlarge held-out photographs (BSDS500 val) whole; crops of "
        "several sizes and the whole are attributed.",
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="gets the whole pictures, a folder a source; what is there is kept")
    reference_option(parser)
    add("--sources", nargs="+", action="extend", metavar="NAME", help="these sources (default: 24, and originals)")
    text = "how many photographs, the first by name (default: %(default)s)"
    add("--photographs", type=positive_int, default=20, metavar="N", help=text)
    add("--sides", nargs="+", action="extend", type=positive_int, metavar="PIXELS", help="of crops (default: five)")
    text = f"what is done to the pictures after the cut (default: {' '.join(POSTS)})"
    add("--post", nargs="+", action="extend", metavar="NAME", help=text)
    out_option(parser)
    add("--figure", type=Path, metavar="FIG", help=f"draw curves: {' '.join(FORMATS)}")
    form_options(parser)
    return parser


def _photographs(count: int) -> tuple[Path, ...]:
    from datasets import bsds500

    return tuple(bsds500("val").paths[:count])


def _rendered(
    sources: Sequence[str], photographs: Sequence[Path], folder: Path, bar: Counter
) -> list[tuple[str, str, Path]]:
    """Make the whole pictures of every source."""
    from fingerprint.area import render_whole

    items = []
    for source in sources:
        bar.say(f"pictures of {source}")
        made = render_whole(source, photographs, folder)
        items += [(source, path.stem, path) for path in made]
        bar.advance(len(made))
    return items


def _sources(given: Sequence[str] | None, enrolled: Sequence[str]) -> tuple[str, ...]:
    """Check names of sources; by default all that can be made here and that the reference knows."""
    from fingerprint.area import ZOO
    from fingerprint.evaluate import ORIGINAL
    from fingerprint.render import KERNELS, imported_sources
    from model_zoo import list_networks

    if given is None:
        return tuple(name for name in (*imported_sources(), *KERNELS, *ZOO) if name in enrolled) + (ORIGINAL,)
    known = (*imported_sources(), *KERNELS, *(network.name for network in list_networks()), ORIGINAL)
    for name in given:
        check_name("--sources", name, known)
    return tuple(dict.fromkeys(given))


def tables(curves: Mapping[str, Sequence[Mapping[str, Any]]], markdown: bool) -> str:
    """Write the results as tables, one for each post-processing and group of sources.

    Args:
        curves: What `fingerprint.area.area_curves` returned.
        markdown: As Markdown.

    Returns:
        The text.
    """
    from fingerprint.area import GROUPS

    blocks = []
    for post, entries in curves.items():
        for group, title in {**GROUPS, "all": "all"}.items():
            rows = [_row(entry, entry["groups"][group]) for entry in entries if group in entry["groups"]]
            if rows:
                head = ("side", "area", *SHARES.values())
                blocks.append(titled(f"{post}: {title}", table(head, rows, markdown), markdown))
    return "\n\n".join([*blocks, LEGEND])


def _row(entry: Mapping[str, Any], summary: Mapping[str, Any]) -> list[str]:
    side = "whole" if entry["side"] is None else str(entry["side"])
    return [side, f"{entry['area']:,}", *(share_cell(summary[key]) for key in SHARES)]
