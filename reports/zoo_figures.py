"""The figure that puts networks side by side: the same detail of one picture, enlarged by each of them.

Pictures are (H, W, 3) uint8 RGB; places are in pixels of the original.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.canvas import encoded
from reports.commandline import printable
from reports.figures import drawable

_COLUMNS = 7  # details side by side at most
_SIDE = 2.0  # inches, the width of one detail
_TOP = 0.15  # inches above the pictures
_LETTERS = 26  # of a name, a line
_DPI = 130
_FRAME = "#D55E00"


@dataclass(frozen=True)
class Crop:
    """A rectangle of the original.

    Attributes:
        x: column of its left edge.
        y: row of its upper edge.
        width: in pixels.
        height: in pixels.
    """

    x: int
    y: int
    width: int
    height: int

    def cut(self, pixels: np.ndarray) -> np.ndarray:
        """Return the part of a picture that lies in the rectangle."""
        return pixels[self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True)
class Panel:
    """One detail of the figure.

    Attributes:
        title: what made it.
        note: its scores, in a line below the title.
        pixels: the whole picture, of the original's size.
    """

    title: str
    note: str
    pixels: np.ndarray


def busiest(pixels: np.ndarray, width: int = 96, height: int = 72) -> Crop:
    """Find the detail with the steepest edges, where enlargements differ most.

    Args:
        pixels: The picture.
        width: Of the detail, at most the picture's.
        height: Likewise.

    Returns:
        Where it is.
    """
    rows, columns = pixels.shape[:2]
    width, height = min(width, columns), min(height, rows)
    grey = pixels.astype(np.float64).mean(axis=2)
    steep = np.abs(np.diff(grey, axis=0, append=grey[-1:])) + np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    total = np.pad(steep.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    y, x = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return Crop(int(x), int(y), width, height)


def draw_comparison(
    truth: np.ndarray, crop: Crop, groups: Sequence[tuple[str, Sequence[Panel]]], caption: str, suffix: str
) -> bytes:
    """Draw the figure: the original with the detail framed, and beside it a row of details for each group.

    Args:
        truth: The original.
        crop: The detail.
        groups: For each a heading and its panels; more than seven take several rows.
        caption: A line at the bottom.
        suffix: One of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same pictures and matplotlib.

    Raises:
        ValueError: Another suffix.
    """
    rows = [row for heading, panels in groups for row in _rows(heading, panels)]
    columns = max(len(panels) for _, panels in rows)
    deep = _SIDE * crop.height / crop.width + 0.72  # a detail and the lines below it
    whole = max(3.0, min(deep * len(rows) * 0.9, 4.5))
    size = (0.35 + whole + 0.45 + columns * (_SIDE + 0.12), max(deep * len(rows) - 0.25, whole * _aspect(truth)) + 0.6)

    def fill(figure: Any) -> None:
        _whole(figure, truth, crop, whole)
        left = 0.35 + whole + 0.45
        for row, (heading, panels) in enumerate(rows):
            top = size[1] - _TOP - row * deep
            for column, panel in enumerate(panels):
                _detail(figure, panel, crop, left + column * (_SIDE + 0.12), top)
            if heading:
                figure.text((left - 0.12) / size[0], (top - 0.1) / size[1], heading, rotation=90, ha="right", va="top",
                            fontsize=10, fontweight="bold", parse_math=False)  # fmt: skip
        figure.text(0.35 / size[0], 0.18 / size[1], drawable(printable(caption)), parse_math=False)

    return encoded(size, suffix, fill, font=8, dpi=_DPI)


def _rows(heading: str, panels: Sequence[Panel]) -> list[tuple[str, Sequence[Panel]]]:
    """Share a group out among as few rows as can be, of nearly one length."""
    share = -(-len(panels) // -(-len(panels) // _COLUMNS))
    return [(heading if i == 0 else "", panels[i : i + share]) for i in range(0, len(panels), share)]


def _aspect(pixels: np.ndarray) -> float:
    return pixels.shape[0] / pixels.shape[1]


def _axes(figure: Any, left: float, top: float, width: float, height: float) -> Any:
    """Add axes without ticks; the place is in inches from the figure's upper left."""
    across, up = figure.get_size_inches()
    axes = figure.add_axes((left / across, (top - height) / up, width / across, height / up))
    axes.set(xticks=[], yticks=[])
    return axes


def _whole(figure: Any, truth: np.ndarray, crop: Crop, width: float) -> None:
    from matplotlib.patches import Rectangle

    axes = _axes(figure, 0.35, figure.get_size_inches()[1] - _TOP, width, width * _aspect(truth))
    axes.imshow(truth, interpolation="antialiased")
    for colour, thickness in (("white", 3.0), (_FRAME, 1.6)):
        place = (crop.x - 0.5, crop.y - 0.5)
        axes.add_patch(Rectangle(place, crop.width, crop.height, fill=False, edgecolor=colour, linewidth=thickness))
    axes.set_xlabel(f"original, {truth.shape[1]} × {truth.shape[0]} pixels")


def _detail(figure: Any, panel: Panel, crop: Crop, left: float, top: float) -> None:
    axes = _axes(figure, left, top, _SIDE, _SIDE * crop.height / crop.width)
    axes.imshow(crop.cut(panel.pixels), interpolation="nearest")
    lines = textwrap.wrap(drawable(printable(panel.title)), _LETTERS) or [""]
    if len(lines) > 2:
        lines = [lines[0], f"{lines[1][: _LETTERS - 1]}…"]
    axes.set_xlabel("\n".join([*lines, panel.note]), parse_math=False, linespacing=1.15, labelpad=3)
