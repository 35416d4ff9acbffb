"""Periodic traces of interpolation in a window of pixels.

A pixel that was interpolated is a weighted sum of its neighbours, and how smooth that sum is depends on where it lies
between the pixels of the picture before: so the size of differences along rows and columns repeats, with as many beats
a pixel as the old grid has (Gallagher, "Detection of linear and cubic interpolation in JPEG compressed images", CRV
2005; Popescu and Farid, "Exposing digital forgeries by detecting traces of resampling", IEEE TSP 53, 2005). Frequencies
are in cycles a pixel, 0 to 0.5; a beat above 0.5 is seen folded.

JPEG's blocks beat, too, at all eighths, and at other frequencies once a JPEG picture was resized: that is told apart by
how harmonics lie, and by what is left of high frequencies, which enlarged pictures lack.
"""

from functools import lru_cache

import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d

from fingerprint.streaks import repeated_lines

LEAST, SIDE = 128, 256
"""Pixels a side of the smallest window that is measured, and of the largest."""
ORDERS = (1, 2, 3, 4, 6)  # of differences
CROSSED = (1, 2)  # likewise, of those whose size is followed across their own direction
BINS = 1024  # of the padded transform
BANDS = 32
DIMENSIONS = 151
TOP = 3  # lines of each spectrum that are told of
FLATTEST = 0.25  # mean difference of neighbours, in grey levels
LOWEST = 0.03  # cycles a pixel; below, a picture's own content varies
FACTORS = np.geomspace(1.04, 4.5, 400)
"""Of enlargements."""
GRIDS = np.concatenate([np.linspace(0.3, 0.985, 240), np.linspace(1.02, 4.2, 200)])
"""Factors by which JPEG pictures may have been resized, reduced or enlarged."""
_HARMONICS = 3
_FREQUENCIES = np.arange(BINS // 2 + 1) / BINS
_FLOOR = 0.5  # grey levels; below, differences are rounding
_AROUND = 0.06  # cycles a pixel over which a line's surroundings reach
_NEAR = 3  # bins to both sides that belong to a line


def traces(window: np.ndarray) -> np.ndarray:
    """Measure a window.

    Args:
        window: (H, W, 3) uint8, at least `LEAST` pixels a side.

    Returns:
        (`DIMENSIONS`,) float32.
    """
    grey = np.ascontiguousarray(window, np.float32).mean(axis=2)
    both = np.stack([[_lines(grey, order, axis) for axis in (0, 1)] for order in ORDERS])
    crossed = np.stack([[_lines(grey, order, axis, True) for axis in (0, 1)] for order in CROSSED])
    spectra, cross = both.min(axis=1), crossed.min(axis=1)
    total, whole = spectra.mean(axis=0), both.mean(axis=(0, 1))
    every = [*spectra, *cross, total, whole]
    parts = [_told(spectrum) for spectrum in every]
    parts += [_along(np.stack(every), total), _along(np.stack(every), whole)]
    parts += [_combs(spectrum) for spectrum in (total, whole, spectra[0], cross[0])]
    parts += [_bands(grey), np.sort(repeated_lines(window))]
    return np.concatenate(parts).astype(np.float32)


def flat(window: np.ndarray) -> bool:
    """Whether (H, W, 3) uint8 pixels differ too little from their neighbours to carry a trace."""
    green = window[..., 1].astype(np.int16)
    return min(float(np.abs(np.diff(green, axis=axis)).mean()) for axis in (0, 1)) < FLATTEST


def _lines(grey: np.ndarray, order: int, axis: int, across: bool = False) -> np.ndarray:
    """Return (BINS // 2 + 1,): how far each line stands above its surroundings, as a logarithm."""
    along = 1 - axis if across else axis
    sizes = np.log(np.abs(np.diff(grey, order, axis=along)) + _FLOOR).mean(axis=1 - axis)
    middle = median_filter(sizes, 9, mode="nearest")  # what varies slowly, unmoved by the edges of things
    signal = np.clip(sizes - middle, *_spread(sizes - middle))
    signal = (signal - signal.mean()) * np.hanning(len(signal))
    power = np.abs(np.fft.rfft(signal, BINS)) ** 2
    width = round(_AROUND * BINS)
    around = uniform_filter1d(np.log(power + 1e-12), width, mode="mirror")
    return 0.5 * (np.log(power + 1e-12) - around)


def _spread(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, (0.02, 0.98))
    return float(low), float(high)


@lru_cache
def _eighths() -> tuple[np.ndarray, np.ndarray]:
    """Return (4, 2) bins from and to around the eighths, and (n,) bool which bins lie elsewhere."""
    middle = np.array([round(BINS * k / 8) for k in range(1, 5)])
    ends = np.stack([middle - _NEAR, np.minimum(middle + _NEAR, BINS // 2)], axis=1)
    free = _FREQUENCIES >= LOWEST
    for low, high in ends:
        free[low : high + 1] = False
    return ends, free


def _told(spectrum: np.ndarray) -> np.ndarray:
    """Return heights at the eighths, the highest elsewhere in falling order, and where the first of these lies."""
    ends, free = _eighths()
    at = [spectrum[low : high + 1].max() for low, high in ends]
    left = np.where(free, spectrum, -np.inf)
    heights, first = [], 0
    for k in range(TOP):
        top = int(np.argmax(left))
        first = first if k else top
        heights.append(left[top])
        left[max(top - 2 * _NEAR, 0) : top + 2 * _NEAR + 1] = -np.inf
    return np.array([*at, *heights, _FREQUENCIES[first]])


def _along(spectra: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return what all orders, and the harmonics, have where the mean of all has its highest line off the eighths."""
    _, free = _eighths()
    top = int(np.argmax(np.where(free, total, -np.inf)))
    orders = spectra[:, max(top - 1, 0) : top + 2].max(axis=1)
    harmonics = [_near(total, _folded(np.array([k * _FREQUENCIES[top]])))[0] for k in (2, 3, 4)]
    return np.array([*orders, *harmonics])


def _folded(frequencies: np.ndarray) -> np.ndarray:
    return np.abs(frequencies - np.round(frequencies))


def _near(spectrum: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Return the greatest height within a bin of each frequency."""
    places = np.clip(np.round(frequencies * BINS).astype(int), 1, BINS // 2 - 1)
    return np.maximum(np.maximum(spectrum[places - 1], spectrum[places]), spectrum[places + 1])


@lru_cache
def _combs_of(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, harmonics) frequencies of each comb, and their weights, none where a picture's content varies."""
    base = 1 / FACTORS if kind == "factors" else 1 / (8 * GRIDS)
    frequencies = _folded(base[:, None] * np.arange(1, 1 + (_HARMONICS if kind == "factors" else 6)))
    return frequencies, (frequencies >= LOWEST).astype(np.float64)


def _comb_scores(spectrum: np.ndarray, kind: str) -> np.ndarray:
    frequencies, weights = _combs_of(kind)
    heights = np.maximum(_near(spectrum, frequencies.reshape(-1)).reshape(frequencies.shape), -1.0)
    return (heights * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)


def _combs(spectrum: np.ndarray) -> np.ndarray:
    """Return the best comb of an enlargement and of JPEG's blocks that were resized, and where they lie."""
    enlarged, blocks = _comb_scores(spectrum, "factors"), _comb_scores(spectrum, "blocks")
    best, other = int(np.argmax(enlarged)), int(np.argmax(blocks))
    return np.array([enlarged[best], 1 / FACTORS[best], blocks[other], GRIDS[other], enlarged[best] - blocks[other]])


def _bands(grey: np.ndarray) -> np.ndarray:
    """Return the log power of equal bands along both axes, the weaker axis, against their mean."""
    out = []
    for axis in (0, 1):
        lines = np.moveaxis(grey, axis, 1)
        window = np.hanning(lines.shape[1])
        power = (np.abs(np.fft.rfft((lines - lines.mean(axis=1, keepdims=True)) * window, axis=1)) ** 2).mean(axis=0)
        edges = np.linspace(0, len(power), BANDS + 1).astype(int)
        bands = np.log(np.array([power[a:b].mean() for a, b in zip(edges, edges[1:], strict=False)]) + 1e-3)
        out.append(bands - np.log(len(grey)))
    return np.concatenate([np.minimum(*out), [float(np.abs(np.subtract(*out))[BANDS // 2 :].mean())]])
