"""The sections of the validation report that show a study each: what its file holds, as Markdown.

A section whose file is missing, or belongs to another reference, says so in its place.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from reports.study_tables import NOTHING, table, value_cell
from reports.validation_numbers import bounded_cell, count_cell
from reports.validation_requirements import innocent_counts, photographs_accused
from reports.validation_results import COMMANDS, Found, Studies

Write = Callable[[Mapping[str, Any]], str]
WORST = 8
POSTS = {
    "as-is": "as it is", "clean": "as made, PNG", "crop": "cut at any place, PNG", "jpeg90": "JPEG 90",
    "jpeg75": "JPEG 75", "jpeg50": "JPEG 50", "webp80": "WebP 80", "x0.7-jpeg85": "resized ×0.7, JPEG 85",
}  # fmt: skip


def post_words(post: str) -> str:
    """Return what was done to a picture, in words.

    Args:
        post: key of `fingerprint.evaluate.POSTS`.
    """
    return POSTS.get(post, f"resized ×{post[1:]}" if post.startswith("x") else post)


def study(studies: Studies, kind: str, write: Write) -> str:
    """Write what the files of one study hold, and what must be said of those that are not shown.

    Args:
        studies: all results files.
        kind: key of `COMMANDS`.
        write: writes one file's numbers.
    """
    parts = [f"**Not shown:** `{found.file}`: {found.fault}." for found in studies.faulty(kind)]
    parts += [_one(found, write) for found in studies.shown(kind)]
    if parts:
        return "\n\n".join(parts)
    made = COMMANDS[kind]
    return f"**No results.** The folder of results holds no file of this study (`{made}`). Nothing is claimed."


def _one(found: Found, write: Write) -> str:
    rebuilt = "" if found.recorded else " (put together from the file's fields, as it does not record its command)"
    head = f"From `{found.file}`, made by `{found.command}`{rebuilt}."
    try:
        body = write(found.report)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        return f"**Not shown:** `{found.file}`: its fields are not those that are read here ({type(error).__name__})."
    return "\n\n".join(part for part in (f"{head} {found.remark}".strip(), body) if part)


def shown_figure(figures: Collection[str], name: str, words: str) -> str:
    """Show a figure that is there.

    Args:
        figures: names of those that are.
        name: of the file.
        words: what it shows.

    Returns:
        Markdown, empty where it is not.
    """
    return f"![{words}](figures/{name})\n\n*{words}*" if name in figures else ""


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


# results per condition


def results(studies: Studies, figures: Collection[str]) -> str:
    """Write accuracy by condition, and against area.

    Args:
        studies: all results files.
        figures: names of the figures that are there.
    """
    area = shown_figure(figures, "area.png", "Shares against the area of the picture, by group of sources")
    return _joined(
        study(studies, "evaluate", _evaluate),
        "### Accuracy against area",
        "Whole photographs are enlarged; parts of several sizes are cut out and judged.",
        study(studies, "area", _area),
        area,
    )


def _evaluate(report: Mapping[str, Any]) -> str:
    posts = report["posts"]
    first = next(iter(posts.values()))
    keys = {
        "top1": "top-1", "named_right": "named, rightly", "named_wrong": "named, wrongly",
        "inconclusive": "upscaled, inconclusive", "scale": "scale right", "false_accusations": "originals accused",
    }  # fmt: skip
    rows = [[post_words(post), *(bounded_cell(entry.get(key)) for key in keys)] for post, entry in posts.items()]
    each = max(sum(row.values()) for row in first["confusion"].values())
    about = (
        f"{len(first['per_source'])} sources, {first['images']:,} images, at most {each} photographs of each source."
    )
    return _joined(about, table(("condition", *keys.values()), rows, markdown=True), _confused(posts))


def _confused(posts: Mapping[str, Any]) -> str:
    """List the sources that do worst, in the first condition and the last, and what they are taken for."""
    lines = []
    for post in dict.fromkeys((next(iter(posts)), list(posts)[-1])):
        worst = sorted(posts[post]["per_source"].items(), key=lambda item: (item[1], item[0]))
        named = []
        for name, share in worst[:WORST]:
            others = {other: n for other, n in posts[post]["confusion"][name].items() if other != name}
            taken = max(others, key=lambda other: (others[other], other)) if others else ""
            named.append(f"`{name}` {share:.2f}" + (f" (mostly taken for `{taken}`)" if taken else ""))
        lines.append(f"* The lowest top-1, {post_words(post)}: {', '.join(named)}.")
    return "\n".join(lines)


def _area(report: Mapping[str, Any]) -> str:
    keys = {"top1": "top-1", "named_right": "named, rightly", "inconclusive": "inconclusive", "scale": "scale right"}
    blocks = []
    for post, entries in report["posts"].items():
        rows = []
        for entry in entries:
            side = "whole" if entry["side"] is None else f"{entry['side']} × {entry['side']}"
            shares = entry["groups"]["all"]
            rows.append([side, f"{entry['area']:,}", *(bounded_cell(shares[key]) for key in keys)])
        blocks.append(f"{post_words(post)}, all sources:")
        blocks.append(table(("cut", "pixels", *keys.values()), rows, markdown=True))
    about = f"{len(report['sources'])} sources, {len(report['photographs'])} photographs."
    return _joined(about, *blocks)


# innocents


def innocents(studies: Studies, figures: Collection[str]) -> str:
    """Write how often photographs that were never upscaled are accused.

    Args:
        studies: all results files.
        figures: names of the figures that are there.
    """
    return _joined(
        "An innocent is accused if the verdict is `known_source` or `unknown_source`. Each photograph counts once for "
        "every history. Intervals are exact; for answers they take the histories of a photograph for independent, "
        "which they are not; for photographs, one that is accused after any history counts as accused.",
        _innocents_together(studies),
        study(studies, "innocents", _innocents),
        "### Interpolated photographs",
        "A photograph that was enlarged by a plain kernel is upscaled, but by no network.",
        study(studies, "interpolation", lambda report: f"Recognised: {bounded_cell(report['interpolated'])}."),
    )


def _innocents_together(studies: Studies) -> str:
    counts = innocent_counts(studies)
    if not counts:
        return ""
    rows = []
    for corpus in dict.fromkeys(corpus for corpus, _ in counts):
        rows.append(_innocent_row(corpus, [entry for (name, _), entry in counts.items() if name == corpus]))
    photographs = [photographs_accused(counts, corpus) for corpus in dict.fromkeys(corpus for corpus, _ in counts)]
    every = list(counts.values())
    total = _innocent_row("all", every)
    total[2] = count_cell(sum(a for a, _ in photographs), sum(n for _, n in photographs))
    for row, (accused, number) in zip(rows, photographs, strict=True):
        row[2] = count_cell(accused, number)
    head = ("photographs", "answers accused", "photographs ever accused", "inconclusive, 256×256 and larger")
    return _joined("All files together:", table(head, [*rows, total], markdown=True))


def _innocent_row(name: str, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    def total(key: str) -> int:
        return sum(entry[key] for entry in entries)

    return [
        name,
        count_cell(total("false_accusations"), total("images")),
        "",
        count_cell(total("large_inconclusive"), total("large_images")),
    ]


def _innocents(report: Mapping[str, Any]) -> str:
    corpora = report["corpora"]
    posts = list(dict.fromkeys(post for given in corpora.values() for post in given))
    rows = []
    for post in posts:
        cells = []
        for given in corpora.values():
            entry = given.get(post)
            cells.append(
                f"{entry['false_accusations']} / {entry['inconclusive']} / {entry['images']}" if entry else "-"
            )
        rows.append([post_words(post), *cells])
    accused = sorted({f"`{c}/{n}` ({post_words(p)})" for c, g in corpora.items() for p, e in g.items()
                      for n in e["accused"]})  # fmt: skip
    told = f"Accused: {', '.join(accused)}." if accused else "None was accused."
    return _joined("Accused / inconclusive / all:", table(("history", *corpora), rows, markdown=True), told)


# unknown networks


def unknown(studies: Studies, figures: Collection[str]) -> str:
    """Write what becomes of networks that are not enrolled, and of those that users enrol.

    Args:
        studies: all results files.
        figures: names of the figures that are there.
    """
    return _joined(
        "Each network is left out of the fit in turn, and its pictures are judged by what is left. Where the "
        "fingerprint has a learned part, the number is honest only if that part never saw the network either; a part "
        "that did flatters it.",
        study(studies, "leave-out", _leave_out),
        "### Sources that are not enrolled, in the calibration study",
        study(studies, "calibration", _unenrolled),
        "### Enrolment",
        study(studies, "enrolment", _enrolment),
        "### Galleries",
        "Pictures of sources that took no part in any fit, enrolled in a gallery and judged beside those that ship.",
        study(studies, "gallery", _gallery),
    )


def _leave_out(report: Mapping[str, Any]) -> str:
    rows = []
    for name, entry in report["networks"].items():
        taken = max(entry["named_as"], key=lambda key: entry["named_as"][key], default=NOTHING)
        shares = [
            count_cell(round(entry[key] * entry["images"]), entry["images"], 2)
            for key in ("named", "called_unknown", "called_not_upscaled", "right_scale")
        ]
        figures = [f"{entry[key]:.3f}" for key in ("auroc", "fpr_at_95_tpr", "oscr", "calibration_error")]
        rows.append([name, *figures, *shares, taken])
    head = ("left out", "AUROC", "FPR at 95 % TPR", "OSCR", "calibration error", "wrongly named",
            "called unknown", "called not upscaled", "scale right", "mostly named as")  # fmt: skip
    about = f"Condition: {report['condition']}. Mean AUROC of known against unknown: {report['mean_auroc']:.3f}."
    error = (
        "The calibration error is that of the likeliest source's probability, where unknown networks have the share "
        "that the priors give them."
    )
    return _joined(about, error, "Intervals are exact, images as units.", table(head, rows, markdown=True))


def _unenrolled(report: Mapping[str, Any]) -> str:
    keys = {"auroc": "AUROC", "fpr_at_95_tpr": "FPR at 95 % TPR", "oscr": "OSCR"}
    verdicts = {"known_source": "wrongly named", "unknown_source": "called unknown",
                "not_upscaled": "called not upscaled", "inconclusive": "inconclusive"}  # fmt: skip
    rows = [
        [
            post_words(post),
            *(figure_cell(told["unknown"], key) for key in keys),
            *(bounded_cell(told["unknown"]["verdicts"][key]) for key in verdicts),
        ]
        for post, told in report["conditions"].items()
        if told["unknown"]
    ]
    if not rows:
        return "This run had no pictures of sources that are not enrolled."
    return table(("condition", *keys.values(), *verdicts.values()), rows, markdown=True)


def _enrolment(report: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in report.items() if isinstance(value, str | int | float)}
    told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in rest.items() if key not in _ABOUT)
    return _joined(f"Top-1 among all enrolled: {bounded_cell(report['enrolment'])}.", f"({told})" if told else "")


def _gallery(report: Mapping[str, Any]) -> str:
    about = report["gallery"]
    each = " or ".join(map(str, about["pictures"]))
    told = f"Gallery `{about['name']}`: {about['sources']} sources, each enrolled from {each} pictures."
    rows = [
        [
            post_words(post),
            str(found["images"]),
            *(bounded_cell(found[key]) for key in ("top1", "named_right", "named_wrong")),
        ]
        for post, found in report["posts"].items()
    ]
    head = ("condition", "pictures", "top-1 among all", "named, rightly", "named, wrongly")
    return _joined(told, table(head, rows, markdown=True))


_ABOUT = ("version", "reference", "command")


# calibration


def calibration(studies: Studies, figures: Collection[str]) -> str:
    """Write how good likelihood ratios and probabilities are.

    Args:
        studies: all results files.
        figures: names of the figures that are there.
    """
    summary = shown_figure(figures, "calibration.png", "Cost and calibration error by condition, with 95 % intervals")
    drawn = [
        shown_figure(
            figures, name, f"Tippett plots, empirical cross-entropy and reliability: {post_words(name[12:-4])}"
        )
        for name in sorted(figures)
        if name.startswith("calibration-")
    ]
    if not drawn and studies.shown("calibration"):
        drawn = ["Tippett, cross-entropy and reliability plots were not found beside the results: `--figures` of "
                 "`whorl fingerprint calibration` draws them, into a folder `calibration` of the results."]  # fmt: skip
    return _joined(study(studies, "calibration", _calibration), summary, *drawn)


def figure_cell(told: Mapping[str, Any], key: str) -> str:
    """Write a figure with its interval, as `fingerprint.calibration_measures` gives it.

    Args:
        told: figures by name.
        key: of one, which may be missing.
    """
    return value_cell(told[key]["value"], told[key]["interval"]) if key in told else NOTHING


def _merit_cell(told: Mapping[str, Any], key: str) -> str:
    """Write a figure; for a share of ratios that none of the resamplings changed, with the exact interval."""
    if key.startswith("misleading") and key in told:
        images = told[key.removeprefix("misleading_")]
        return bounded_cell({"share": told[key]["value"], "interval": told[key]["interval"], "images": images})
    return figure_cell(told, key)


def _calibration(report: Mapping[str, Any]) -> str:
    levels = {
        "upscaled": "Upscaled against not upscaled", "source": "A source against the other upscalers",
        "source_same_scale": "A source against enrolled sources of its scale alone",
    }  # fmt: skip
    merits = {"cllr": "Cllr", "cllr_min": "Cllr-min", "misleading_same": "true, ratio < 1",
              "misleading_different": "untrue, ratio > 1"}  # fmt: skip
    blocks = [f"{report['pictures']:,} pictures of {report['photographs']} photographs."]
    for level, title in levels.items():
        rows = []
        for post, told in report["conditions"].items():
            entry = told[level]
            bounds = entry["elub_log10"]
            shown = NOTHING if bounds is None else f"{bounds[0]:+.2f} to {bounds[1]:+.2f}"
            counts = (f"{entry['same']:,}", f"{entry['different']:,}")
            rows.append([post_words(post), *counts, *(_merit_cell(entry, key) for key in merits), shown])
        head = ("condition", "true", "untrue", *merits.values(), "bounds (ELUB, log10)")
        blocks += [f"**{title}**", table(head, rows, markdown=True)]
    errors = {
        ("upscaled", "ece"): "upscaled, at the prior", ("source", "ece_top"): "likeliest source, given upscaled",
        ("source", "ece_class"): "each source", ("source", "ece_printed"): "first candidate, as printed",
    }  # fmt: skip
    rows = [
        [post_words(post), *(figure_cell(told[level], key) for level, key in errors)]
        for post, told in report["conditions"].items()
    ]
    note = "Errors of few files are too large, for chance adds to them."
    blocks += ["**Expected calibration error**", table(("condition", *errors.values()), rows, markdown=True), note]
    return _joined(*blocks)


# robustness


def robustness(studies: Studies, figures: Collection[str]) -> str:
    """Write what is left after post-processing.

    Args:
        studies: all results files.
        figures: names of the figures that are there.
    """
    curves = shown_figure(figures, "stress.png", "Shares against the strength of each kind of post-processing")
    return _joined(study(studies, "stress", _stress), curves)


def _stress(report: Mapping[str, Any]) -> str:
    keys = ("top1", "scale", "named_right", "named_wrong", "inconclusive")
    rows = []
    for kind in report["kinds"].values():
        for strength in kind["strengths"]:
            guilty = strength["innocents"]["false_accusations"] if strength["innocents"] else None
            mark = "\\*" if strength["enlarges"] else ""
            cells = [bounded_cell(strength[key]) for key in keys]
            accused = bounded_cell(guilty or strength["false_accusations"])
            rows.append([kind["title"], strength["strength"] + mark, *cells, _missed(strength), accused])
    head = (
        "post-processing", "strength", "top-1", "scale right", "named, rightly", "named, wrongly", "inconclusive",
        "called not upscaled or unknown", "innocents accused",
    )  # fmt: skip
    return _joined(
        f"{len(report['sources'])} sources, {len(report['photographs'])} photographs, further innocents: "
        f"{sum(report['innocents'].values())}. An asterisk marks strengths that enlarge; there an innocent is accused "
        "only if a network is said to have done it. Scale is the network's own, whatever was done later.",
        _accused_in(report),
        _folded("All kinds and strengths", table(head, rows, markdown=True)),
    )


def _missed(strength: Mapping[str, Any]) -> str:
    """Write the share of upscaled pictures that is left when names and inconclusive answers are taken away."""
    told = [strength[key]["share"] for key in ("named_right", "named_wrong", "inconclusive")]
    return NOTHING if None in told else f"{max(1 - sum(told), 0.0):.3f}"


def _accused_in(report: Mapping[str, Any]) -> str:
    """List the innocents that the battery accuses."""
    lines = []
    for kind in report["kinds"].values():
        for strength in kind["strengths"]:
            guilty = (strength["innocents"] or {}).get("accused", ())
            if guilty:
                lines.append(f"* {kind['title']} {strength['strength']}: {', '.join(f'`{name}`' for name in guilty)}")
    return _joined("Innocents accused by name:", "\n".join(lines)) if lines else ""


def _folded(title: str, body: str) -> str:
    """Fold a long table away."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"
