"""`whorl fingerprint composites`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, Parser, check_output, columns, emit, emit_json, positive_int
from reports.commands.fingerprint.common import (
    Counter,
    as_called,
    chosen_posts,
    deliver,
    make_room,
    origin,
    out_option,
    post_option,
    reference_option,
    work_option,
)

if TYPE_CHECKING:
    from fingerprint import Attributor, Reference

POSTS = ("clean", "jpeg90", "jpeg75")


def main(argv: Sequence[str], prog: str) -> int:
    """Paste upscaled patches into photographs, and the other way round, and measure what is found of them.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out)
    posts = chosen_posts(options.post or POSTS)
    from fingerprint.composites import SIDES, bases
    from fingerprint.localisation import counted, located
    from fingerprint.localiser import read_calibrations
    from fingerprint.reference import load

    make_room("--work", options.work)
    sides = sorted(set(options.side or SIDES))
    reference = load(options.reference)
    if not read_calibrations(options.reference, reference.identity):
        raise ValueError("--reference has no regions.json that belongs to it: run `fit-regions` first")
    photographs = bases("test", camera=options.folds is not None)[:: options.every]
    work, close = options.work / "composites", options.regions
    answers = []
    with Counter(len(posts) * len(photographs)) as bar:
        attributor = _attributor(options.reference, reference, options.folds)
        for post in posts:
            bar.say(post)
            answers += located(photographs, post, attributor, work, sides, bar.advance, everywhere=close)
    about = {"command": as_called(prog, argv), "photographs": len(photographs), "sides": sides, "everywhere": close}
    report = {**origin(reference), **about, "composites": counted(answers)}
    deliver(report, options.out)
    if options.json:
        emit_json(report)
    else:
        emit(f"{_patch_table(report['composites'])}\n\n{_whole_table(report['composites'])}")
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Paste patches of upscaled pictures into untouched photographs, and the other way round, and "
        "measure what is found of them; the photographs are in no training split.",
    )
    add = parser.add_argument
    add("--every", type=positive_int, default=1, metavar="N", help="only every so many-th photograph (default: all)")
    add(
        "--side",
        nargs="+",
        action="extend",
        type=positive_int,
        metavar="PIXELS",
        help="of the patches (default: 96 128 192 256)",
    )
    add("--regions", action="store_true", help="ask as `attribute --regions` does, looking closely everywhere")
    add("--folds", type=Path, metavar="DIR", help="what `fit --folds` kept: pictures of cameras are used, too")
    reference_option(parser)
    post_option(parser, POSTS)
    work_option(parser)
    out_option(parser)
    add("--json", action="store_true", help="write one JSON object instead of tables")
    return parser


def _attributor(path: Path | None, reference: "Reference", folds: Path | None) -> Callable[[str], "Attributor"]:
    """Return what gives the attributor for a photograph: for a camera one that never saw its fold."""
    from fingerprint import Attributor
    from fingerprint.localiser import read_calibrations
    from fingerprint.samples import FOLDS, fold_of

    whole = Attributor(path)
    if folds is None:
        return lambda photograph: whole
    from datasets import camera

    calibrations = read_calibrations(path, reference.identity)
    parts = [Attributor(folds / f"fold{k}", calibrations=calibrations) for k in range(FOLDS)]
    cameras = set(camera().groups)
    return lambda photograph: parts[fold_of(photograph)] if photograph in cameras else whole


def _patch_table(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ("POST", "PATCH", "SIDE", "PICTURES", "FOUND", "IOU", "IOU OF FOUND", "IOU > 0.5", "PIXEL AUROC", "NAMED")
    lines = [
        (
            row["post"],
            row["kind"].removesuffix("-patch"),
            str(row["side"]),
            str(row["pictures"]),
            f"{row['found']:.2f}",
            f"{row['iou']:.2f}",
            "-" if row["iou_of_found"] is None else f"{row['iou_of_found']:.2f}",
            f"{row['iou_above_half']:.2f}",
            f"{row['auroc']:.3f}",
            f"{row['named_rightly']}/{row['sources_named']}" if row["kind"] == "upscaled-patch" else "",
        )
        for row in rows
        if "iou" in row
    ]
    return columns([head, *lines], right=set(range(2, 10)))


def _whole_table(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ("POST", "NO SUCH PATCH", "PICTURES", "FALSE REGIONS", "95 %")
    lines = [
        (
            row["post"],
            row["kind"],
            str(row["pictures"]),
            str(row["false_regions"]),
            f"{row['interval'][0]:.3f} to {row['interval'][1]:.3f}",
        )
        for row in rows
        if "false_regions" in row
    ]
    return columns([head, *lines], right={2, 3})
