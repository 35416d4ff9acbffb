"""Whether a picture was filtered by ranks (a median filter), which nothing here was fitted on.

A median filter hands pixels on unchanged, so that neighbours in texture are often equal; elsewhere they differ by one
or two grey levels about as often (Kirchner and Fridrich, "On detection of median filtering in digital images", SPIE
7541, 2010).
"""

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

STREAKED, REPEATED = 2.0, 10.0
"""Where a picture counts as filtered: from the first to the second, beyond which pixels were repeated. The largest of
90 training photographs, 40 of cameras, and 450 training pictures of published networks is 1.6, of 90 bicubic
enlargements 1.8. After median filters of 3 and 5 nine tenths of 180 photographs lie between 2.5 and 6.3; enlargements
by 2 that repeat pixels lie from 12 up."""
LINES = 0.01
"""Share of rows and of columns that are equal to the one before, from which pixels were repeated, too."""
_SIDE, _RANGE = 5, 16  # texture: every window around spans so many grey levels
_BLACK, _WHITE = 5, 250  # beyond, neighbours are equal because the scale ends
_FEW = 5  # pairs that are added to both counts


def streaks(pixels: np.ndarray) -> float:
    """Return how many times more often neighbours in texture are equal than they differ by one or two levels.

    Args:
        pixels: (H, W, 3) uint8; the green channel is looked at.

    Returns:
        The ratio along rows or columns, whichever is smaller; 1 where differences are spread evenly.
    """
    green = pixels[..., 1]
    spans = minimum_filter(maximum_filter(green, _SIDE) - minimum_filter(green, _SIDE), _SIDE)
    texture = (spans >= _RANGE) & (green > _BLACK) & (green < _WHITE)
    levels = np.cumsum(np.bincount(green.reshape(-1), minlength=256) > 0).astype(np.int16)
    ranks = levels[green]  # among the levels that occur: a stretched picture leaves some out
    ratios = []
    for axis in (0, 1):
        there = texture.take(range(1, texture.shape[axis]), axis)
        differences = np.abs(np.diff(ranks, axis=axis))[there]
        near = ((differences == 1) | (differences == 2)).sum() / 4
        ratios.append(((differences == 0).sum() + _FEW) / (near + _FEW))
    return float(min(ratios))


def repeated_lines(pixels: np.ndarray) -> tuple[float, float]:
    """Return the shares of rows and of columns of (H, W, 3) pixels that are equal to the one before."""
    rows, columns = ((np.diff(pixels, axis=axis) == 0).all(axis=(1 - axis, 2)).mean() for axis in (0, 1))
    return float(rows), float(columns)


def filtered(pixels: np.ndarray) -> bool:
    """Whether (H, W, 3) uint8 pixels look filtered by ranks."""
    return STREAKED <= streaks(pixels) < REPEATED and min(repeated_lines(pixels)) < LINES
