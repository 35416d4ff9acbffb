"""The figure that shows where a picture was upscaled: the picture beside the map of its likelihood ratios.

Pictures are `H W 3` as stored (uint8 or uint16); likelihood ratios are log10, upscaled against not.
"""

from typing import Any

import numpy as np

from fingerprint.result import RegionMap, Result
from reports.canvas import encoded
from reports.figures import drawable, thumbnail

SENTENCES = {
    "known_source": "known source",
    "unknown_source": "unknown source",
    "not_upscaled": "no sign of upscaling",
    "inconclusive": "inconclusive",
}
_WIDTH = 7.0  # inches, of each panel
_TALLEST = 9.0
_BELOW, _ABOVE = 1.35, 0.5  # inches for the caption and the titles
_LEFT, _BETWEEN, _RIGHT = 0.75, 0.95, 1.3
_COLOURS = ("#0072B2", "#FFFFFF", "#D55E00")  # Okabe and Ito's; against upscaling, nothing, for it
_LEAST_LIMIT = 1.0  # log10; a map that says nothing is drawn pale
_FRAME = "#000000"


def draw_regions(pixels: np.ndarray, result: Result, heat: RegionMap | None, suffix: str = ".png") -> bytes:
    """Draw the figure.

    Args:
        pixels: of the picture.
        result: what was said of it; its parts are framed in both panels.
        heat: the map, None where nothing can be told.
        suffix: one of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same picture, result and matplotlib.

    Raises:
        ValueError: another suffix.
    """
    height, width = pixels.shape[:2]
    across = _WIDTH
    up = min(across * height / width, _TALLEST)
    small, step = thumbnail(pixels)
    size = (_LEFT + 2 * across + _BETWEEN + _RIGHT, _BELOW + up + _ABOVE)

    def fill(figure: Any) -> None:
        panels = [
            figure.add_axes((left / size[0], _BELOW / size[1], across / size[0], up / size[1]))
            for left in (_LEFT, _LEFT + across + _BETWEEN)
        ]
        averaged = "picture" if step == 1 else f"picture, averaged over {step} × {step} pixels"
        _picture(panels[0], small, (height, width), averaged)
        _map(panels[1], small, (height, width), heat)
        for axes in panels:
            _frames(axes, result)
        for line, text in enumerate(_caption(result, heat)):
            figure.text(_LEFT / size[0], (0.62 - 0.24 * line) / size[1], text, parse_math=False)

    return encoded(size, suffix, fill, font=10)


def _picture(axes: Any, small: np.ndarray, size: tuple[int, int], title: str) -> None:
    axes.imshow(small, extent=(0, size[1], size[0], 0))
    axes.set_title(title)
    axes.set(xlabel="column (pixels)", ylabel="row (pixels)")


def _map(axes: Any, small: np.ndarray, size: tuple[int, int], heat: RegionMap | None) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    height, width = size
    grey = small @ np.array([0.299, 0.587, 0.114])
    axes.imshow(grey, cmap="gray", vmin=-255, vmax=383, extent=(0, width, height, 0))  # faint, below the colours
    axes.set(xlabel="column (pixels)", ylabel="row (pixels)", xlim=(0, width), ylim=(height, 0))
    axes.set_title("evidence for upscaling")
    if heat is None:
        axes.text(width / 2, height / 2, "nothing can be told", ha="center", va="center")
        return
    cells = np.array([[np.nan if value is None else value for value in row] for row in heat.log10_lr], float)
    limit = max(_LEAST_LIMIT, float(np.nanmax(np.abs(cells), initial=0.0)))
    rows, columns = (n * heat.cell for n in cells.shape)
    colours = LinearSegmentedColormap.from_list("against and for", _COLOURS)
    image = axes.imshow(
        cells, cmap=colours, vmin=-limit, vmax=limit, extent=(0, columns, rows, 0), alpha=0.6, interpolation="nearest"
    )
    axes.set(xlim=(0, width), ylim=(height, 0))
    beside = axes.inset_axes((1.03, 0.0, 0.035, 1.0))
    axes.figure.colorbar(image, cax=beside, label="log10 likelihood ratio: upscaled against not", format="%g")


def _frames(axes: Any, result: Result) -> None:
    """Draw a line around the cells of every part."""
    if result.regions is None:
        return
    from matplotlib.collections import LineCollection

    for colour, thickness in (("white", 4.5), (_FRAME, 2.0)):
        lines = LineCollection(_borders(result.regions, result.image.width, result.image.height))
        lines.set(color=colour, linewidth=thickness, capstyle="projecting", clip_on=False)
        axes.add_collection(lines, autolim=False)


def _borders(regions: RegionMap, width: int, height: int) -> list[list[tuple[int, int]]]:
    """Return the sides, in pixels, that cells of a part share with cells of another or with the picture's edge."""
    number = np.pad(np.array(regions.parts), 1)
    rows, columns = (
        np.minimum(np.arange(n - 1) * regions.cell, end) for n, end in zip(number.shape, (height, width), strict=True)
    )
    sides = []
    for i, j in np.argwhere(number[1:, 1:-1] != number[:-1, 1:-1]).tolist():
        sides.append([(int(columns[j]), int(rows[i])), (int(columns[j + 1]), int(rows[i]))])
    for i, j in np.argwhere(number[1:-1, 1:] != number[1:-1, :-1]).tolist():
        sides.append([(int(columns[j]), int(rows[i])), (int(columns[j]), int(rows[i + 1]))])
    return sides


def _caption(result: Result, heat: RegionMap | None) -> tuple[str, ...]:
    image = result.image
    shown = drawable(image.path.replace("\\", "/").rsplit("/", 1)[-1])
    if len(shown) > 110:
        shown = f"{shown[:70]} … {shown[-37:]}"
    found = result.regions.found if result.regions else ()
    kind = "upscaled" if found and found[0].kind == "upscaled" else "not upscaled"
    framed = f"; framed: {'a part that was' if len(found) == 1 else f'{len(found)} parts that were'} {kind}"
    cells = "" if heat is None else f"Cells of {heat.cell} × {heat.cell} pixels; grey where nothing can be told. "
    return (
        f"{shown}    {image.width} × {image.height} pixels    SHA-256 {image.sha256[:16]}…",
        f"The picture as a whole: {SENTENCES[result.verdict]}{framed if found else ''}.",
        f"{cells}Orange speaks for upscaling, blue against; a cell alone proves nothing.",
    )
