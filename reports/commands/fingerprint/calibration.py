"""`whorl fingerprint calibration`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, Parser, check_output, emit, emit_json, positive_int
from reports.commands.fingerprint.common import (
    Counter,
    as_called,
    chosen_posts,
    deliver,
    draw_to,
    form_options,
    make_room,
    origin,
    out_option,
    reference_option,
)
from reports.study_tables import NOTHING, share_cell, table, titled, value_cell

if TYPE_CHECKING:
    from fingerprint import Reference
    from fingerprint.calibration import Collected

LEVELS = {
    "upscaled": "Upscaled against not upscaled",
    "source": "A source against the other upscalers",
    "source_same_scale": "The same, against enrolled sources of its scale alone",
}
MERITS = {
    "cllr": "Cllr", "cllr_min": "Cllr-min", "misleading_same": "true, ratio < 1",
    "misleading_different": "untrue, ratio > 1", "auroc": "AUROC", "fpr_at_95_tpr": "FPR at 95 % TPR",
}  # fmt: skip
ERRORS = {
    ("upscaled", "ece"): "upscaled, at the prior",
    ("upscaled", "ece_as_given"): "upscaled, files as given",
    ("source", "ece_top"): "likeliest source, given upscaled",
    ("source", "ece_class"): "each source, given an enrolled one",
    ("source", "ece_printed"): "first candidate as printed",
}
MISLED = ("misleading_same", "misleading_different")
WORDS = {
    "clean": "no processing", "jpeg90": "JPEG of quality 90", "jpeg75": "JPEG of quality 75",
    "jpeg50": "JPEG of quality 50", "webp80": "WebP of quality 80", "x0.75": "reduced to 0.75",
    "x1.25": "enlarged by 1.25 afterwards",
}  # fmt: skip
CURVE = 250  # points of a curve that reports draw, at most
OPEN = {"auroc": "AUROC", "fpr_at_95_tpr": "FPR at 95 % TPR", "oscr": "OSCR"}
VERDICTS = {
    "known_source": "named", "unknown_source": "called unknown", "not_upscaled": "called not upscaled",
    "inconclusive": "inconclusive",
}  # fmt: skip
LEGEND = """\
In brackets 95 % intervals, which resample photographs. Bounds are the empirical lower and upper bounds (ELUB) of log10
ratios that so many comparisons support. Calibration errors of few files are too large: chance adds to them."""


def main(argv: Sequence[str], prog: str) -> int:
    """Collect likelihood ratios and probabilities of answers, and say how good and how well calibrated they are.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    for option, path in (("--out", options.out), ("--ratios", options.ratios)):
        check_output(option, path)
    from fingerprint import Attributor
    from fingerprint.calibration import CONDITION_POSTS, collect
    from fingerprint.calibration_measures import measures
    from fingerprint.reference import load

    posts = chosen_posts(options.post or CONDITION_POSTS)
    reference = load(options.reference)
    items = _items(options, reference)
    if options.figures is not None:
        make_room("--figures", options.figures)
    attributor, conditions, curves = Attributor(options.reference), {}, {}
    with Counter(len(posts) * len(items)) as bar:
        for post in posts:
            bar.say(post)
            collected = collect(items, post, attributor, bar.advance)
            conditions[post] = measures(collected, options.resamples)
            curves[post] = _curves(collected, conditions[post], post)
            if options.figures is not None:
                _draw(collected, post, options.figures / f"{post}.png")
    command = as_called(prog, argv)
    report = {**origin(reference), "command": command, **_about(options, items), "conditions": conditions}
    deliver(report, options.out)
    if options.ratios is not None:
        from fingerprint.imitation.store import agreement_digest

        about = {"agreement": agreement_digest(options.reference)}
        about |= {key: report[key] for key in ("reference", "version", "command", "pictures", "photographs")}
        deliver({**about, "conditions": curves}, options.ratios)
    if options.json:
        emit_json(report)
    else:
        emit(tables(conditions, options.markdown))
    return ANSWERED


def _about(options: Any, items: Sequence[tuple[str, str, Path]]) -> dict[str, Any]:
    """Say what is measured."""
    return {
        "folders": [folder.name for folder in options.folders],
        "unknown_folders": [folder.name for folder in options.unknown],
        "pictures": len(items),
        "photographs": len({photograph for _, photograph, _ in items}),
        "resamples": options.resamples,
    }


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Collect likelihood ratios and probabilities of answers on files that the reference was not fitted "
        "on, and say how good and how well calibrated they are.",
    )
    add = parser.add_argument
    text = "holds a folder for each source, with pictures in it or in its `test`; `original` for innocents"
    add("folders", nargs="+", type=Path, metavar="DIR", help=text)
    text = "the same, of sources that are not enrolled (so are any such in DIR)"
    add("--unknown", nargs="+", action="extend", default=[], type=Path, metavar="DIR", help=text)
    add("--innocents", action="store_true", help="with the photographs in no training split as further innocents")
    reference_option(parser)
    add(
        "--post", nargs="+", action="extend", metavar="NAME", help="what is done to the pictures (default: seven kinds)"
    )
    add("--sources", nargs="+", action="extend", metavar="NAME", help="these sources, and originals (default: all)")
    add("--photographs", type=positive_int, metavar="N", help="the first N photographs by name (default: all)")
    text = "how often photographs are resampled for intervals (default: %(default)s)"
    add("--resamples", type=positive_int, default=200, metavar="N", help=text)
    out_option(parser)
    add("--ratios", type=Path, metavar="FILE.json", help="write what reports quote: ratios and error rates")
    text = "draw Tippett, cross-entropy and reliability plots into this folder, POST.png for each condition"
    add("--figures", type=Path, metavar="DIR", help=text)
    form_options(parser)
    return parser


def _items(options: Any, reference: "Reference") -> list[tuple[str, str, Path]]:
    """List all pictures: of enrolled sources, of others, of innocents."""
    from fingerprint.evaluate import ORIGINAL, test_items
    from fingerprint.stress import chosen_items, unseen_innocents

    known = [item for folder in options.folders for item in test_items(folder)]
    strange = [item for folder in options.unknown for item in test_items(folder)]
    for name in dict.fromkeys(source for source, *_ in strange):
        if name in reference.sources or name == ORIGINAL:
            raise ValueError(f"--unknown must hold sources that are not enrolled, got {name!r}")
    items = chosen_items([*known, *strange], options.sources, options.photographs)
    if options.innocents:
        items += [item for several in unseen_innocents(options.photographs).values() for item in several]
    return items


def _curves(collected: "Collected", measured: Mapping[str, Any], post: str) -> dict[str, Any]:
    """Return quantiles of all ratios of a condition, log10, with the error rates."""
    import numpy as np

    from fingerprint.calibration import activity_ratios, source_ratios

    every, levels = np.arange(len(collected.truth)), {}
    for level, ratios in (("upscaled", activity_ratios), ("source", source_ratios)):
        sides = [np.sort(side) / np.log(10) for side in ratios(collected, every)]
        kept = [side[np.linspace(0, len(side) - 1, min(len(side), CURVE)).round().astype(int)] for side in sides]
        levels[level] = {
            "same": [round(value, 3) for value in kept[0].tolist()],
            "different": [round(value, 3) for value in kept[1].tolist()],
            "counts": [len(side) for side in sides],
            "merits": {key: measured[level][key]["value"] for key in ("cllr", *MISLED)},
        }
    return {"words": WORDS.get(post, post), "levels": levels}


def _draw(collected: "Collected", post: str, path: Path) -> None:
    from reports.calibration_figures import draw_calibration

    draw_to(path, lambda suffix: draw_calibration(collected, post, suffix))


def tables(conditions: Mapping[str, Any], markdown: bool) -> str:
    """Write the results as tables.

    Args:
        conditions: What `fingerprint.calibration_measures.measures` returned for each condition.
        markdown: As Markdown.

    Returns:
        The text.
    """
    blocks = []
    for level, title in LEVELS.items():
        head = ("condition", "true", "untrue", *MERITS.values(), "bounds")
        rows = [[post, *_level(told[level])] for post, told in conditions.items()]
        blocks.append(titled(title, table(head, rows, markdown), markdown))
    rows = [[post, *(_figure(told[level], key) for level, key in ERRORS)] for post, told in conditions.items()]
    blocks.append(
        titled("Expected calibration error", table(("condition", *ERRORS.values()), rows, markdown), markdown)
    )
    if any(told["unknown"] for told in conditions.values()):
        rows = [[post, *_unknown(told["unknown"])] for post, told in conditions.items()]
        head = ("condition", *OPEN.values(), *VERDICTS.values())
        blocks.append(titled("Sources that are not enrolled", table(head, rows, markdown), markdown))
    return "\n\n".join([*blocks, LEGEND])


def _figure(told: Mapping[str, Any], key: str) -> str:
    return value_cell(told[key]["value"], told[key]["interval"]) if key in told else NOTHING


def _level(told: Mapping[str, Any]) -> list[str]:
    bounds = told["elub_log10"]
    shown = NOTHING if bounds is None else f"{bounds[0]:+.2f} to {bounds[1]:+.2f}"
    return [f"{told['same']:,}", f"{told['different']:,}", *(_figure(told, key) for key in MERITS), shown]


def _unknown(told: Mapping[str, Any] | None) -> list[str]:
    if told is None:
        return [NOTHING] * (len(OPEN) + len(VERDICTS))
    return [*(_figure(told, key) for key in OPEN), *(share_cell(told["verdicts"][key]) for key in VERDICTS)]
