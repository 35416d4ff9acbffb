"""Making one network's picture, or a photograph, look like the work of another: without knowledge of the tool.

Convention: pictures are uint8 `H W 3`, residuals float64 grey levels. What a source leaves behind is learned from its
training pictures, whose crops begin on multiples of 24 pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from fingerprint.adversary.removal import foreign_residual, remade, rounded
from fingerprint.posts import Picture
from spectra.windows import STRIDE, WINDOW, hann

PERIOD = 24  # pixels; a multiple of every scale's and every transposed convolution's grid
LIMIT = 4.0  # a frequency is changed by this factor at most


@dataclass(frozen=True)
class Style:
    """What a source's pictures have in common.

    Attributes:
        power: (WINDOW, WINDOW // 2 + 1, 3) mean power of the residual, `rfft2` layout.
        pattern: (PERIOD, PERIOD, 3) mean residual by place in the grid, in grey levels.
    """

    power: np.ndarray
    pattern: np.ndarray


def residual(pixels: Picture) -> np.ndarray:
    """Return (H, W, 3) float64: a picture less its 3x3 median."""
    picture = pixels.astype(np.float64)
    return picture - ndimage.median_filter(picture, size=(3, 3, 1))


def style(pictures: Sequence[Picture]) -> Style:
    """Learn a source's style from its pictures.

    Args:
        pictures: at least WINDOW pixels a side.

    Raises:
        ValueError: there is none.
    """
    if not pictures:
        raise ValueError("pictures must hold at least one picture, got none")
    powers, patterns = [], []
    for pixels in pictures:
        rest = residual(pixels)
        powers.append(_power(rest))
        whole = rest[: len(rest) // PERIOD * PERIOD, : rest.shape[1] // PERIOD * PERIOD]
        patterns.append(whole.reshape(len(whole) // PERIOD, PERIOD, -1, PERIOD, 3).mean(axis=(0, 2)))
    return Style(np.mean(powers, axis=0), np.mean(patterns, axis=0))


def _power(rest: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(rest, (WINDOW, WINDOW), axis=(0, 1))[::STRIDE, ::STRIDE]
    return np.square(np.abs(np.fft.rfft2(windows * hann()))).mean(axis=(0, 1)).transpose(1, 2, 0)


def with_spectrum(pixels: Picture, own: Style, other: Style, share: float) -> Picture:
    """Filter a picture's residual so that its mean power spectrum passes from one source's to another's.

    Args:
        pixels: the picture.
        own: style of what made it.
        other: style that it shall have.
        share: how far the filter goes, on a logarithmic scale; 1 for all the way.
    """
    gain = np.clip(np.sqrt(other.power / own.power), 1 / LIMIT, LIMIT) ** share
    kernel = np.fft.irfft2(gain, (WINDOW, WINDOW), axes=(0, 1))
    height, width = pixels.shape[:2]
    wide = np.zeros((height, width, 3))
    half = WINDOW // 2
    wide[:WINDOW, :WINDOW] = np.roll(kernel, (half, half), axis=(0, 1))
    wide = np.roll(wide, (-half, -half), axis=(0, 1))
    rest = residual(pixels)
    filtered = np.fft.irfft2(
        np.fft.rfft2(rest, axes=(0, 1)) * np.fft.rfft2(wide, axes=(0, 1)), (height, width), axes=(0, 1)
    )
    return rounded(pixels - rest + filtered)


def with_pattern(pixels: Picture, own: Style, other: Style, level: float) -> Picture:
    """Take away the pattern that one source leaves on its grid, and add another's, enlarged to `level` grey levels.

    Args:
        pixels: the picture, whose grid begins in its corner.
        own: style of what made it.
        other: style that it shall have.
        level: root mean square of what is added, in grey levels.
    """
    added = other.pattern * (level / max(float(np.sqrt(np.square(other.pattern).mean())), 1e-9))
    height, width = pixels.shape[:2]
    repeats = (-(-height // PERIOD), -(-width // PERIOD), 1)
    return rounded(pixels + np.tile(added - own.pattern, repeats)[:height, :width])


Forge = Callable[[Picture, Style, Style], Picture]
Remake = Callable[[Picture, str], Picture]


def _spectrum(share: float) -> Forge:
    return lambda pixels, own, other: with_spectrum(pixels, own, other, share)


def _pattern(level: float) -> Forge:
    return lambda pixels, own, other: with_pattern(pixels, own, other, level)


def _residual(share: float) -> Remake:
    return lambda pixels, network: rounded(pixels + share * foreign_residual(pixels, network))


def _blend(share: float) -> Remake:
    return lambda pixels, network: rounded((1 - share) * pixels + share * remade(pixels, network).astype(np.float64))


STYLISTIC: Mapping[str, Mapping[str, Forge]] = {
    "forge-spectrum": {"half way": _spectrum(0.5), "all the way": _spectrum(1.0)},
    "forge-pattern": {"1 level": _pattern(1.0), "3 levels": _pattern(3.0)},
}
"""Forgeries by name and strength that need pictures of the source that is to be named, and of the real one."""
REMAKING: Mapping[str, Mapping[str, Remake]] = {
    "forge-residual": {"half": _residual(0.5), "whole": _residual(1.0)},
    "forge-blend": {"half": _blend(0.5), "four fifths": _blend(0.8)},
    "remake": {"whole": remade},
}
"""Forgeries that need the network itself; `remake` truly is its work."""
