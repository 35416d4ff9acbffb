"""Further sections of the validation report: localisation, the adversary, hyper-parameters, the paper's protocol."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from reports.study_tables import NOTHING, table, value_cell
from reports.validation_numbers import bounded_cell, count_cell
from reports.validation_results import Studies
from reports.validation_sections import post_words, shown_figure, study

DEFENCES = ("none", "all")


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def deeper(markdown: str, by: int = 1) -> str:
    """Put headings further down.

    Args:
        markdown: a text.
        by: how many levels.
    """
    return re.sub(r"^(#+ )", "#" * by + r"\1", markdown, flags=re.MULTILINE)


def folded(title: str, body: str) -> str:
    """Fold a long text away.

    Args:
        title: that is shown.
        body: Markdown.
    """
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


# localisation


def localisation(studies: Studies, figures: Collection[str]) -> str:
    """Write what is found of parts that were upscaled.

    Args:
        studies: all results files.
        figures: names of the figures that are there.
    """
    words = "A photograph with a pasted patch that a network had upscaled, and the map of evidence, place by place"
    return _joined(
        "Composites are photographs with an upscaled patch, upscaled pictures with an untouched patch, and pictures of "
        "one piece, two photographs spliced together among them. IoU is intersection over union of the patch and what "
        "was framed; 0 where nothing was. AUROC is of the map on pixels.",
        study(studies, "composites", _composites),
        shown_figure(figures, "heat-map.png", words),
    )


def _composites(report: Mapping[str, Any]) -> str:
    patched, whole = [], []
    for row in report["composites"]:
        kind = row["kind"].replace("-", " ")
        if "iou" in row:
            found = count_cell(round(row["found"] * row["pictures"]), row["pictures"], 2)
            named = f"{row['named_rightly']} of {row['sources_named']}" if row["sources_named"] else NOTHING
            means = (value_cell(row[key]) for key in ("iou", "iou_of_found", "iou_above_half", "auroc"))
            patched.append([f"{post_words(row['post'])}, {kind}", str(row["side"]), found, *means, named])
        else:
            whole.append([f"{post_words(row['post'])}, {kind}", count_cell(row["false_regions"], row["pictures"])])
    head = ("composite", "side", "found", "IoU", "IoU of found", "share of IoU > 0.5", "pixel AUROC", "named rightly")
    return _joined(
        f"{report['photographs']} photographs. Intervals of counts are exact.",
        table(head, patched, markdown=True) if patched else "",
        table(("picture without such a patch", "falsely framed"), whole, markdown=True) if whole else "",
    )


# adversary


def adversary(studies: Studies, figures: Collection[str]) -> str:
    """Write what becomes of attacked pictures.

    Args:
        studies: all results files.
        figures: names of the figures that are there.
    """
    words = "What becomes of verdicts under each attack"
    return _joined(study(studies, "adversary", _attacks), shown_figure(figures, "adversary.png", words))


def _attacks(report: Mapping[str, Any]) -> str:
    from reports.adversary_tables import attack_words, tables

    rows = []
    for row in report["rows"]:
        told = [row["defences"][name] for name in DEFENCES]
        shares = [bounded_cell(each[key], 2) for each in told for key in ("right", "wrong")]
        target = bounded_cell(row["named_target"], 2)
        closeness = value_cell(row["psnr"], digits=1)
        rows.append([attack_words(row), row["pictures"], str(row["images"]), closeness, *shares, target])
    head = ("attack", "pictures", "images", "PSNR", "right", "wrong", "right, all defences", "wrong, all defences",
            "target named")  # fmt: skip
    return _joined(
        f"Pictures of {len(report['sources'])} sources on {len(report['photographs'])} photographs, and "
        f"{len(report['innocents'])} photographs that were never upscaled; gradient attacks take {report['steps']} "
        "steps. Whoever attacks by gradients knows the reference and everything in it. Wrong is a wrong name or "
        "`not_upscaled` for an upscaled picture, a name or `unknown_source` for a photograph; `inconclusive` is "
        "neither right nor wrong. The defences are tried here and are no part of what `attribute` does.",
        table(head, rows, markdown=True),
        folded(
            "Every verdict and every defence (intervals as resampled, without width where nothing changes)",
            deeper(tables(report["rows"], True), 2),
        ),
    )


# hyper-parameters


def hyper_parameters(studies: Studies, figures: Collection[str]) -> str:
    """Write how often intervals of hyper-parameters hold.

    Args:
        studies: all results files.
        figures: names of the figures that are there.
    """
    return _joined(
        "Real-valued hyper-parameters are told with intervals that are stated to hold for 90 % of networks (conformal "
        "prediction). Networks are left out of the fit; each counts once. The band is the binomial 95 % band of that "
        "many networks, if each interval held with the stated probability: coverage outside it refutes the statement.",
        study(studies, "coverage", _coverage),
    )


def _coverage(report: Mapping[str, Any]) -> str:
    from reports.parameter_tables import markdown

    drawn = ", ".join(f"{key} {report[key]}" for key in ("copies", "seed", "folds", "mode") if key in report)
    return _joined(drawn, markdown(report["studies"]))


# the paper's protocol


def protocol(studies: Studies, figures: Collection[str]) -> str:
    """Write the paper's protocol on the reference zoo.

    Args:
        studies: all results files.
        figures: names of the figures that are there.
    """
    drawn = {
        "protocol-pictures.png": "Test pictures of the reference zoo in a plane (t-SNE)",
        "protocol-distances.png": "Distances between networks over those within one",
        "protocol-published-distances.png": "The same for published networks",
        "protocol-published-parsed.png": "What the zoo's parsers call the published networks",
    }
    return _joined(
        "The protocol of J. Vonderfecht and F. Liu (“Fingerprints of Super Resolution Networks”, TMLR 2022), with the "
        "paper's numbers beside ours. It judges classifiers of its own, not the fitted reference.",
        study(studies, "protocol", _protocol),
        *(shown_figure(figures, name, words) for name, words in drawn.items()),
    )


def _protocol(report: Mapping[str, Any]) -> str:
    from reports.protocol_table import protocol_markdown

    whole = protocol_markdown(report)
    _, _, rest = whole.partition("`\n\n")  # title and command, which stand above
    return deeper(rest.strip(), 1)
