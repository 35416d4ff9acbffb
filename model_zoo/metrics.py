"""How well an enlargement matches the original, by the field's protocol.

Convention: uint8 RGB in, H W 3. Luma is that of MATLAB's `rgb2ycbcr` (BT.601, 16 to 235), worked out from the 8-bit
colours and not rounded again, as in BasicSR and in the evaluation scripts of EDSR and RCAN; grey pictures are treated
like colours. A border of `shave` pixels is left out, and the peak is 255.
"""

import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

from model_zoo.colour import luma

_RADIUS = 5  # of the window of SSIM, whose standard deviation is 1.5
_WINDOW = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / 1.5) ** 2)
_STABLE = ((0.01 * 255) ** 2, (0.03 * 255) ** 2)


def psnr_luma(estimate: UInt8[np.ndarray, "h w 3"], truth: UInt8[np.ndarray, "h2 w2 3"], *, shave: int) -> float:
    """Computes the peak signal-to-noise ratio of luma.

    Args:
        estimate: the enlarged picture, 8-bit.
        truth: the original, 8-bit.
        shave: pixels left out along each border (the scale, by convention).

    Returns:
        PSNR in decibels, peak 255; infinite for identical luma.

    Raises:
        ValueError: if the shapes differ or nothing is left after shaving.
    """
    return psnr(*_planes(estimate, truth, shave, least=1))


def psnr(first: Float[np.ndarray, "h w"], second: Float[np.ndarray, "h w"]) -> float:
    """Computes the peak signal-to-noise ratio of two planes.

    Args:
        first: in [0, 255].
        second: likewise.

    Returns:
        PSNR in decibels, peak 255; infinite for identical planes.
    """
    error = np.mean((first - second) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def ssim_luma(estimate: UInt8[np.ndarray, "h w 3"], truth: UInt8[np.ndarray, "h2 w2 3"], *, shave: int) -> float:
    """Computes the structural similarity of luma (Wang et al. 2004, eq. 13).

    A Gaussian window of 11x11 pixels, standard deviation 1.5, at all places where it lies inside; K = 0.01 and 0.03.

    Args:
        estimate: the enlarged picture, 8-bit.
        truth: the original, 8-bit.
        shave: pixels left out along each border (the scale, by convention).

    Returns:
        The mean over all places, at most 1.

    Raises:
        ValueError: if the shapes differ or less than 11x11 pixels are left after shaving.
    """
    first, second = _planes(estimate, truth, shave, least=2 * _RADIUS + 1)
    mean_1, mean_2 = _windowed(first), _windowed(second)
    spread = _windowed(first**2) + _windowed(second**2) - mean_1**2 - mean_2**2
    shared = _windowed(first * second) - mean_1 * mean_2
    top = (2 * mean_1 * mean_2 + _STABLE[0]) * (2 * shared + _STABLE[1])
    return float(np.mean(top / ((mean_1**2 + mean_2**2 + _STABLE[0]) * (spread + _STABLE[1]))))


def _planes(
    estimate: np.ndarray, truth: np.ndarray, shave: int, least: int
) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Luma of both pictures without their borders."""
    if estimate.shape != truth.shape:
        raise ValueError(f"estimate and truth must have one shape, got {estimate.shape} and {truth.shape}")
    height, width, _ = truth.shape
    if shave < 0 or min(height, width) - 2 * shave < least:
        what = f"{least}x{least} pixels" if least > 1 else "pixels"
        raise ValueError(f"shave must leave {what} of a {width}x{height} picture, got {shave}")
    inside = np.s_[shave : height - shave, shave : width - shave]
    return luma(estimate[inside]), luma(truth[inside])


def _windowed(plane: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h2 w2"]:
    """Weighted means of all windows that lie inside."""
    window = _WINDOW / _WINDOW.sum()
    rows = ndimage.correlate1d(plane, window, axis=0, mode="nearest")[_RADIUS:-_RADIUS]
    return ndimage.correlate1d(rows, window, axis=1, mode="nearest")[:, _RADIUS:-_RADIUS]
