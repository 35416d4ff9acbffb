"""How well an enlargement matches the original, by the field's protocol.

Convention: uint8 RGB in, H W 3.
"""

import numpy as np
from jaxtyping import UInt8

from model_zoo.colour import luma


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
    if estimate.shape != truth.shape:
        raise ValueError(f"estimate and truth must have one shape, got {estimate.shape} and {truth.shape}")
    height, width, _ = truth.shape
    if shave < 0 or min(height, width) <= 2 * shave:
        raise ValueError(f"shave must leave pixels of a {width}x{height} picture, got {shave}")
    inside = np.s_[shave : height - shave, shave : width - shave]
    error = np.mean((luma(estimate[inside]) - luma(truth[inside])) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))
