"""Accuracy against area as curves: a column a post-processing, a row a share, a curve a group of sources."""

from collections.abc import Mapping, Sequence
from typing import Any

from fingerprint.area import GROUPS
from reports.canvas import encoded
from reports.study_figures import BLUE, GREEN, PURPLE, RED, banded

_ROWS = (
    ("top1", "top-1 right"),
    ("scale", "scale right"),
    ("named_right", "named rightly"),
    ("inconclusive", "inconclusive"),
)
_COLOURS = dict(zip(GROUPS, (BLUE, GREEN, PURPLE, RED), strict=True))
_ORIGINALS = {"inconclusive": "innocents_inconclusive", "named_right": "false_accusations"}
_WIDE, _HIGH = 4.6, 2.6  # inches of a panel


def draw_area(posts: Mapping[str, Sequence[Mapping[str, Any]]], suffix: str = ".png") -> bytes:
    """Draw shares against area.

    Args:
        posts: what `fingerprint.area.area_curves` returned.
        suffix: one of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same numbers and matplotlib.

    Raises:
        ValueError: another suffix, or there is nothing to draw.
    """
    if not posts:
        raise ValueError("posts must hold something to draw, got none")
    size = (max(len(posts) * _WIDE, 7.0), len(_ROWS) * _HIGH + 0.8)

    def fill(figure: Any) -> None:
        grid = figure.add_gridspec(
            len(_ROWS), len(posts), left=0.65 / size[0], right=1 - 0.2 / size[0], top=1 - 0.75 / size[1],
            bottom=0.55 / size[1], hspace=0.3, wspace=0.2,
        )  # fmt: skip
        for column, (post, entries) in enumerate(posts.items()):
            for row, (key, label) in enumerate(_ROWS):
                axes = figure.add_subplot(grid[row, column])
                _panel(axes, key, entries)
                axes.set_ylabel(label if column == 0 else "")
                axes.set_title(post if row == 0 else "", parse_math=False)
                if row == len(_ROWS) - 1:
                    axes.set_xlabel("side of the crop, or whole (area in pixels, log scale)")
        named: dict[str, Any] = {}
        for axes in figure.axes:
            named |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
        figure.legend(named.values(), named.keys(), loc="upper center", ncols=6, frameon=False)

    return encoded(size, suffix, fill)


def _panel(axes: Any, key: str, entries: Sequence[Mapping[str, Any]]) -> None:
    areas = [entry["area"] for entry in entries]
    for group, colour in _COLOURS.items():
        chosen, words = key, GROUPS[group]
        if group == "original":
            chosen = _ORIGINALS.get(key, key)
            words = "originals accused" if chosen == "false_accusations" else words
        shares = [entry["groups"].get(group, {}).get(chosen) for entry in entries]
        banded(axes, areas, shares, colour=colour, label=words, style="--" if chosen == "false_accusations" else "-")
    axes.set_xscale("log")
    ticks = [f"{entry['side']}" if entry["side"] else "whole" for entry in entries]
    axes.set_xticks(areas, ticks, fontsize=8)
    axes.set_xticks([], minor=True)
    axes.set(ylim=(0, 1), yticks=[0, 0.25, 0.5, 0.75, 1])
    axes.grid(alpha=0.25)
