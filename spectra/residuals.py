"""Noise residuals: what is left of a plane when its content is predicted and taken away.

Planes are float32 `n h w` in any unit (the residual has the same); residuals keep the planes' size, and pixels without
all the neighbours a filter needs are zero unless the function says otherwise.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_NETWORK = (
    (1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 3), (5, 8), (4, 7), (3, 6), (1, 4),
    (2, 5), (4, 7), (4, 2), (6, 4), (4, 2),
)  # fmt: skip


def median3(planes: Float[Array, "n h w"]) -> Float[Array, "n h-2 w-2"]:
    """Return the 3x3 median at every pixel that has all its neighbours.

    A sorting network of 19 exchanges: minima and maxima alone, so exact on any backend.

    Reference: J. L. Smith, "Implementing median filters in XC4000E FPGAs", 1996 (the network for nine values).
    """
    height, width = planes.shape[-2] - 2, planes.shape[-1] - 2
    values = [planes[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    for a, b in _NETWORK:
        values[a], values[b] = jnp.minimum(values[a], values[b]), jnp.maximum(values[a], values[b])
    return values[4]


def _inside(residual, margin: int):
    return jnp.pad(residual, ((0, 0), (margin, margin), (margin, margin)))


def median_residual(planes: Float[Array, "n h w"]) -> Float[Array, "n h w"]:
    """Return each plane minus its 3x3 median; a border of one pixel is zero."""
    return _inside(planes[:, 1:-1, 1:-1] - median3(planes), 1)


def high_pass(planes: Float[Array, "n h w"]) -> Float[Array, "n h w"]:
    """Return the second-order 3x3 high-pass of each plane, divided by 4; a border of one pixel is zero.

    Reference: A. D. Ker, R. Boehme, "Revisiting weighted stego-image steganalysis", SPIE 2008 (the kernel).
    """
    p = planes
    edges = p[:, :-2, 1:-1] + p[:, 2:, 1:-1] + p[:, 1:-1, :-2] + p[:, 1:-1, 2:]
    corners = p[:, :-2, :-2] + p[:, :-2, 2:] + p[:, 2:, :-2] + p[:, 2:, 2:]
    return _inside((2.0 * edges - corners - 4.0 * p[:, 1:-1, 1:-1]) / 4.0, 1)


def _box_mean(planes, size: int):
    """Average over the part of a box of odd `size` around each pixel that lies within the plane."""
    total, zero = planes, np.float32(0)
    for window in ((1, size, 1), (1, 1, size)):
        total = jax.lax.reduce_window(total, zero, jax.lax.add, window, (1, 1, 1), "SAME")
    rows, columns = (_neighbours(length, size) for length in planes.shape[1:])
    return total / np.outer(rows, columns)[None]


def _neighbours(length: int, size: int) -> np.ndarray:
    """Return how many of `size` neighbours in a line each of `length` pixels has, itself included."""
    place, reach = np.arange(length), size // 2
    return (np.minimum(place, reach) + np.minimum(place[::-1], reach) + 1).astype(np.float32)


def wiener_residual(planes: Float[Array, "n h w"], noise: float = 2.0) -> Float[Array, "n h w"]:
    """Return the part of each plane that an adaptive Wiener denoiser calls noise, as PRNU work extracts it.

    The signal's variance is the smallest over windows of 3, 5, 7 and 9 pixels of the local second moment less that of
    the noise; it is applied to the plane's deviation from its local 3x3 mean.

    Args:
        planes: `n h w`, in the unit of `noise`.
        noise: standard deviation of the noise that is looked for, in the planes' unit (2 suits 0..255).

    Returns:
        The residual, all pixels valid.

    Raises:
        ValueError: `noise` is not positive.

    Reference: M. K. Mihcak et al., "Spatially adaptive statistical modeling of wavelet image coefficients and its
    application to denoising", ICASSP 1999; J. Lukas, J. Fridrich, M. Goljan, IEEE TIFS 1(2), 2006, appendix A.
    """
    if not noise > 0:
        raise ValueError(f"noise must be positive, got {noise}")
    power = np.float32(noise * noise)
    mean = _box_mean(planes, 3)
    detail = planes - mean
    moments = [_box_mean(detail * detail, size) for size in (3, 5, 7, 9)]
    signal = jnp.maximum(jnp.stack(moments).min(axis=0) - power, np.float32(0))
    return detail * power / (signal + power)
