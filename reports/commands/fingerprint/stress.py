"""`whorl fingerprint stress`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.canvas import FORMATS
from reports.commandline import ANSWERED, Parser, check_output, emit, emit_json, positive_int
from reports.commands.fingerprint.common import (
    Counter,
    as_called,
    check_name,
    deliver,
    draw_to,
    form_options,
    origin,
    out_option,
    reference_option,
    true_scales,
)
from reports.study_tables import share_cell, table, titled

if TYPE_CHECKING:
    from fingerprint.stress import Battery

HEAD = (
    "strength", "top-1", "scale", "named rightly", "named wrongly", "inconclusive", "originals accused",
    "originals inconclusive", "other innocents accused", "other innocents inconclusive",
)  # fmt: skip
LEGEND = """\
Shares with their 95 % intervals, which resample photographs. An original counts as right if and only if it is called
not upscaled. Scale is the network's own, whatever was done to the picture later. An asterisk marks strengths that
enlarge: there an innocent is accused only if a network is said to have done it."""


def main(argv: Sequence[str], prog: str) -> int:
    """Attribute every picture after many kinds of post-processing, and count what is right, wrong and left open.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out)
    check_output("--figure", options.figure, FORMATS)
    if options.resume and options.out is None:
        raise ValueError("--resume needs --out, the file to go on from")
    from fingerprint import Attributor
    from fingerprint.reference import load
    from fingerprint.stress import stress
    from reports.stress_figures import draw_stress

    reference = load(options.reference)
    battery = _battery(options, true_scales(reference))
    about = {
        **origin(reference),
        "command": as_called(prog, argv),
        **_about(options, battery),
    }
    kept = _kept(options.out, about) if options.resume and options.out is not None else {}

    def keep(so_far: dict) -> None:
        deliver({**about, "kinds": so_far}, options.out)

    with Counter(battery.answers) as bar:
        kinds = stress(battery, Attributor(options.reference), bar.say, bar.advance, kept, keep)
    report = {**about, "kinds": kinds}
    deliver(report, options.out)
    draw_to(options.figure, lambda suffix: draw_stress(kinds, suffix))
    if options.json:
        emit_json(report)
    else:
        emit(tables(kinds, options.markdown))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Attribute every picture after many kinds of post-processing at many strengths, and count what is "
        "right, wrong, falsely accused and left open.",
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="holds a folder for each source, with pictures in it or in its `test`")
    reference_option(parser)
    add("--kinds", nargs="+", action="extend", metavar="NAME", help="kinds of post-processing (default: all)")
    add("--sources", nargs="+", action="extend", metavar="NAME", help="these sources, and originals (default: all)")
    add("--photographs", type=positive_int, metavar="N", help="the first N photographs by name (default: all)")
    add("--innocents", action="store_true", help="count false accusations of photographs in no training split, too")
    out_option(parser)
    add("--resume", action="store_true", help="go on from what --out holds of the same pictures and reference")
    add("--figure", type=Path, metavar="FIG", help=f"draw curves: {' '.join(FORMATS)}")
    form_options(parser)
    return parser


def _battery(options: Any, scales: dict[str, int]) -> "Battery":
    from fingerprint.evaluate import test_items
    from fingerprint.stress import Battery, chosen_items, unseen_innocents
    from fingerprint.stress_kinds import KINDS

    kinds = tuple(dict.fromkeys(options.kinds or KINDS))
    for name in kinds:
        check_name("--kinds", name, KINDS)
    items = chosen_items(test_items(options.folder), options.sources, options.photographs)
    innocents = unseen_innocents(options.photographs) if options.innocents else {}
    return Battery(items, innocents, kinds, scales)


def _about(options: Any, battery: "Battery") -> dict[str, Any]:
    """Say what is measured."""
    return {
        "folder": options.folder.name,
        "sources": sorted({source for source, *_ in battery.items}),
        "photographs": sorted({photograph for _, photograph, _ in battery.items}),
        "innocents": {corpus: len(items) for corpus, items in battery.innocents.items()},
    }


def _kept(path: Path, about: Mapping[str, Any]) -> dict:
    """Return what a results file holds; it must be of the same pictures, reference and version."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        kinds = found["kinds"]
    except FileNotFoundError:
        return {}
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"--out {path} holds no results that --resume could go on from") from None
    for key in ("version", "reference", "folder", "sources", "photographs", "innocents"):
        if found.get(key) != about[key]:
            raise ValueError(f"--out {path} cannot be resumed: its {key} is not this call's; give a new file")
    return kinds


def tables(kinds: Mapping[str, Any], markdown: bool) -> str:
    """Write the results as tables, one a kind.

    Args:
        kinds: What `fingerprint.stress.stress` returned.
        markdown: As Markdown.

    Returns:
        The text.
    """
    further = any(strength["innocents"] for kind in kinds.values() for strength in kind["strengths"])
    head = HEAD if further else HEAD[:-2]
    blocks = [
        titled(
            kind["title"], table(head, [_row(strength, further) for strength in kind["strengths"]], markdown), markdown
        )
        for kind in kinds.values()
    ]
    return "\n\n".join([*blocks, LEGEND])


def _row(strength: Mapping[str, Any], further: bool) -> list[str]:
    keys = (
        "top1",
        "scale",
        "named_right",
        "named_wrong",
        "inconclusive",
        "false_accusations",
        "innocents_inconclusive",
    )
    entries = [strength[key] for key in keys]
    if further:
        entries += [strength["innocents"]["false_accusations"], strength["innocents"]["inconclusive"]]
    return [strength["strength"] + ("*" if strength["enlarges"] else ""), *map(share_cell, entries)]
