"""The figures of the validation report: drawn from results files, or copied from beside them."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.canvas import encoded
from reports.study_figures import BLUE, GREEN, ORANGE, RED, banded
from reports.validation_results import Found, Studies

SUFFIX = ".png"
_PANELS = (
    ("cost of likelihood ratios (bits)", (
        ("upscaled", "cllr", "upscaled: Cllr", BLUE), ("upscaled", "cllr_min", "upscaled: Cllr-min", GREEN),
        ("source", "cllr", "source: Cllr", RED), ("source", "cllr_min", "source: Cllr-min", ORANGE),
    )),
    ("expected calibration error", (
        ("upscaled", "ece", "upscaled, at the prior", BLUE), ("source", "ece_top", "likeliest source", RED),
        ("source", "ece_printed", "first candidate, as printed", ORANGE),
    )),
)  # fmt: skip
_APART = 0.13


def drawn(studies: Studies) -> dict[str, bytes]:
    """Draw what results files hold.

    Args:
        studies: all results files; of each study the first that may be shown is drawn.

    Returns:
        Encoded figures by name; a file that cannot be drawn has none.
    """
    from reports.adversary_figures import draw_verdicts
    from reports.area_figures import draw_area
    from reports.stress_figures import draw_stress

    artists: Mapping[str, Callable[[Mapping[str, Any]], bytes]] = {
        "area": lambda report: draw_area(report["posts"], SUFFIX),
        "stress": lambda report: draw_stress(report["kinds"], SUFFIX),
        "adversary": lambda report: draw_verdicts(report["rows"], SUFFIX),
        "calibration": lambda report: draw_costs(report["conditions"]),
    }
    figures = {}
    for kind, draw in artists.items():
        for found in studies.shown(kind)[:1]:
            try:
                figures[f"{kind}{SUFFIX}"] = draw(found.report)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError):
                continue
    return figures


def copied(studies: Studies, folder: Path) -> dict[str, bytes]:
    """Take figures that need more than results files hold from beside them.

    They lie in a folder named after the study, or in the one that `--figures` named in the recorded command.

    Args:
        studies: all results files.
        folder: of the results files.

    Returns:
        Encoded figures by name.
    """
    figures = {}
    for kind in ("calibration", "protocol"):
        for found in studies.shown(kind)[:1]:
            for place in _places(found, folder):
                paths = [path for path in sorted(place.glob(f"*{SUFFIX}")) if _belongs(path, found)]
                figures |= {f"{kind}-{path.name}": path.read_bytes() for path in paths}
    return figures


def _belongs(path: Path, found: Found) -> bool:
    """Tell whether a figure is of a condition that the results file holds; protocol's figures have none."""
    return found.kind != "calibration" or path.stem in found.report["conditions"]


def _places(found: Found, folder: Path) -> list[Path]:
    words = shlex.split(found.command)
    named = [Path(words[k + 1]).name for k, word in enumerate(words[:-1]) if word == "--figures"]
    named += [Path(word.partition("=")[2]).name for word in words if word.startswith("--figures=")]
    return [folder / name for name in dict.fromkeys((*named, Path(found.file).stem, found.kind)) if name][:3]


def draw_costs(conditions: Mapping[str, Any], suffix: str = SUFFIX) -> bytes:
    """Draw cost and calibration error by condition.

    Args:
        conditions: what `fingerprint.calibration_measures.measures` returned for each.
        suffix: one of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same numbers and matplotlib.

    Raises:
        ValueError: another suffix.
    """

    def fill(figure: Any) -> None:
        for place, (title, series) in enumerate(_PANELS):
            _panel(figure.add_subplot(1, 2, place + 1), title, series, conditions)
        figure.subplots_adjust(left=0.06, right=0.985, top=0.91, bottom=0.28, wspace=0.16)

    return encoded((12.0, 4.4), suffix, fill)


def _panel(axes: Any, title: str, series: Sequence[tuple[str, ...]], conditions: Mapping[str, Any]) -> None:
    for order, (level, key, label, colour) in enumerate(series):
        shift = (order - (len(series) - 1) / 2) * _APART
        entries = [
            {"share": told[level][key]["value"], "interval": told[level][key]["interval"]}
            if key in told[level]
            else None
            for told in conditions.values()
        ]
        places = [place + shift for place in range(len(entries))]
        banded(axes, places, entries, colour=colour, label=label, joined=False)
    axes.set_title(title, fontsize=10)
    axes.set_xticks(range(len(conditions)), list(conditions))
    axes.set_xlim(-0.6, len(conditions) - 0.4)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25, axis="y")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, fontsize=8, frameon=False)
