"""The robustness battery as curves: a panel a kind of post-processing, shares against strength."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fingerprint.stress_kinds import CLEAN
from reports.canvas import encoded
from reports.study_figures import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, banded

_COLUMNS = 4
_WIDE, _HIGH = 4.0, 3.1  # inches of a panel
_APART = 0.09  # between the points of one place, where places have no order
_CURVES = (
    ("top1", "top-1 right", BLUE, "-"),
    ("scale", "scale right", GREEN, "-"),
    ("inconclusive", "upscaled, inconclusive", ORANGE, "--"),
    ("named_wrong", "upscaled, named wrongly", PURPLE, ":"),
    ("accused", "innocents accused", RED, "-"),
)


def draw_stress(kinds: Mapping[str, Any], suffix: str = ".png") -> bytes:
    """Draw the battery's results.

    Args:
        kinds: what `fingerprint.stress.stress` returned.
        suffix: one of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same numbers and matplotlib.

    Raises:
        ValueError: another suffix, or there is nothing to draw.
    """
    shown = {name: kind for name, kind in kinds.items() if name != CLEAN} or dict(kinds)
    if not shown:
        raise ValueError("kinds must hold something to draw, got none")
    clean = kinds[CLEAN]["strengths"][0] if kinds.get(CLEAN, {}).get("strengths") else None
    across = min(_COLUMNS, len(shown))
    down = -(-len(shown) // across)
    size = (max(across * _WIDE, 7.5), down * _HIGH + 1.0)

    def fill(figure: Any) -> None:
        grid = figure.add_gridspec(
            down, across, left=0.5 / size[0], right=1 - 0.2 / size[0], top=1 - 0.75 / size[1],
            bottom=0.95 / size[1], hspace=0.68, wspace=0.24,
        )  # fmt: skip
        for place, kind in enumerate(shown.values()):
            _panel(figure.add_subplot(grid[place // across, place % across]), kind, clean)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="upper center", ncols=6, frameon=False, bbox_to_anchor=(0.5, 1 - 0.02 / size[1])
        )

    return encoded(size, suffix, fill)


def entry_of(strength: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """Return one share of one strength.

    Args:
        strength: its results.
        key: of a share, or "accused": of the further innocents, or of the folder's originals where there are none.
    """
    if key != "accused":
        return strength[key]
    return strength["innocents"]["false_accusations"] if strength["innocents"] else strength["false_accusations"]


def _panel(axes: Any, kind: Mapping[str, Any], clean: Mapping[str, Any] | None) -> None:
    strengths = kind["strengths"]
    numbers = [strength["value"] for strength in strengths]
    joined = len(strengths) > 1 and None not in numbers
    places = numbers if joined else list(range(len(strengths)))
    for order, (key, label, colour, style) in enumerate(_CURVES):
        shift = 0.0 if joined else (order - (len(_CURVES) - 1) / 2) * _APART
        entries = [entry_of(strength, key) for strength in strengths]
        there = [place + shift for place in places]
        banded(axes, there, entries, colour=colour, label=label, style=style, joined=joined)
    if clean is not None and clean["top1"]["share"] is not None:
        axes.axhline(
            clean["top1"]["share"], color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), label="top-1 right, clean"
        )
    axes.set_title(kind["title"], fontsize=10)
    axes.set(xlabel=kind["axis"] if joined else "", ylim=(0, 1), yticks=[0, 0.25, 0.5, 0.75, 1])
    axes.set_axisbelow(True)
    axes.grid(alpha=0.25)
    if joined:
        _numbered(axes, numbers)
    else:
        _worded(axes, [strength["strength"] for strength in strengths])


def _numbered(axes: Any, numbers: Sequence[float]) -> None:
    """Put ticks where there are points, on the scale that spaces them more evenly."""
    if min(numbers) > 0 and _uneven(np.log(numbers)) < _uneven(numbers):
        axes.set_xscale("log")
    axes.set_xticks(numbers, [f"{number:g}" for number in numbers], fontsize=7 if len(numbers) > 6 else 8)
    axes.set_xticks([], minor=True)
    axes.margins(x=0.04)


def _uneven(places: ArrayLike) -> float:
    gaps = np.abs(np.diff(places))
    return float(gaps.std() / gaps.mean())


def _worded(axes: Any, words: Sequence[str]) -> None:
    many = len(words) > 3
    turned = {"rotation": 28, "ha": "right", "rotation_mode": "anchor"} if many else {}
    axes.set_xticks(range(len(words)), words, fontsize=7 if many else 8, **turned)
    axes.set_xlim(-0.6, len(words) - 0.4)
