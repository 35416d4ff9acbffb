"""How a picture is cut into tiles that a network works on one by one.

Convention: pictures are H W C; places and sizes are in low-resolution pixels.

Two rules. Where a picture is continued beyond its edges by repeating its outermost pixels, tiles of one fixed size
cover it and reach over its edges. Where a network is to meet the picture's edge itself, tiles lie wholly inside the
picture and those at its edges end there. Either way each output pixel is taken from a tile that holds all it depends
on, if the margin is as far as the network sees.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Span(NamedTuple):
    """One tile along one axis.

    Attributes:
        start: its first pixel, which may lie outside the picture.
        size: its pixels.
        begin: the first pixel that is kept of it.
        end: the first one after those.
    """

    start: int
    size: int
    begin: int
    end: int


def spans_over(length: int, side: int, margin: int) -> list[Span]:
    """Covers an axis with tiles of one size, which reach over its ends.

    Args:
        length: of the axis.
        side: of the tiles.
        margin: pixels at either end of a tile that are not kept, less than half of it.

    Returns:
        The tiles in order.
    """
    inner = side - 2 * margin
    return [Span(begin - margin, side, begin, min(begin + inner, length)) for begin in range(0, length, inner)]


def spans_inside(length: int, side: int, margin: int) -> list[Span]:
    """Covers an axis with tiles of one size, none of which reaches over its ends.

    Args:
        length: of the axis.
        side: of the tiles; all of the axis if it is shorter.
        margin: pixels at an end of a tile that are not kept unless the axis ends there, less than half of it.

    Returns:
        The tiles in order.
    """
    side = min(side, length)
    spans, begin = [], 0
    while begin < length:
        start = min(max(begin - margin, 0), length - side)
        end = length if start + side == length else start + side - margin
        spans.append(Span(start, side, begin, end))
        begin = end
    return spans


def tiled(
    pixels: np.ndarray,
    run: Callable[[np.ndarray], np.ndarray],
    spans: tuple[Sequence[Span], Sequence[Span]],
    *,
    scale: int,
    like: tuple[int, Any],
) -> np.ndarray:
    """Puts an enlarged picture together from tiles.

    Args:
        pixels: (H, W, 3), the picture; beyond its edges its outermost pixels are repeated.
        run: enlarges a tile.
        spans: the tiles along rows and columns.
        scale: enlargement of each side.
        like: channels and number type of the result.

    Returns:
        (scale H, scale W, channels).
    """
    height, width, _ = pixels.shape
    result = np.empty((height * scale, width * scale, like[0]), like[1])
    for down in spans[0]:
        rows = np.clip(np.arange(down.start, down.start + down.size), 0, height - 1)
        for along in spans[1]:
            columns = np.clip(np.arange(along.start, along.start + along.size), 0, width - 1)
            large = run(pixels[rows[:, None], columns[None, :]])
            result[_kept(down, scale, 0), _kept(along, scale, 0)] = large[
                _kept(down, scale, down.start), _kept(along, scale, along.start)
            ]
    return result


def _kept(span: Span, scale: int, origin: int) -> slice:
    """What is kept of a tile, in enlarged pixels from an origin."""
    return slice((span.begin - origin) * scale, (span.end - origin) * scale)
