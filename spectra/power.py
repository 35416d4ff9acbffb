"""Windowed log-power spectra of tiles, and their folding under flips and transposition.

Planes are float32 `n h w` in grey levels (0..255), spectra are in `rfft2` layout (48 x 25 for windows of 48),
frequencies in cycles/pixel: bin k is k / 48.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spectra.windows import WINDOW, cut_windows, hann

HALF = WINDOW // 2 + 1
FOLDED = HALF * (HALF + 1) // 2


def window_log_power(planes: Float[Array, "n h w"]) -> Float[Array, "n k 48 25"]:
    """Return log(1 + power) of every Hann-tapered window of every plane, the window's mean removed first.

    The 1 lies below the power of the rounding to whole grey levels (1/12 per pixel times the window's energy, 27).
    """
    cut = cut_windows(planes)
    cut = (cut - cut.mean(axis=(-2, -1), keepdims=True)) * hann()[None, None]
    spectrum = jnp.fft.rfft2(cut)
    return jnp.log(jnp.square(spectrum.real) + jnp.square(spectrum.imag) + np.float32(1))


def log_power(planes: Float[Array, "n h w"]) -> Float[Array, "n 48 25"]:
    """Return the mean over a plane's windows of the log-power spectrum."""
    return window_log_power(planes).mean(axis=1)


def activity_split(planes: Float[Array, "n h w"]) -> Float[Array, "n 2 48 25"]:
    """Return the mean log-power spectrum of each plane's busier and of its calmer windows.

    Windows are ranked by their variance within the plane; the busier half takes the middle one. A network's response
    to edges and to flat areas differs in a way that one mean hides.
    """
    return split_by_activity(window_log_power(planes), cut_windows(planes).var(axis=(-2, -1)))


def split_by_activity(power: Float[Array, "n k 48 25"], activity: Float[Array, "n k"]) -> Float[Array, "n 2 48 25"]:
    """Average window spectra over the busier and over the calmer half of a plane's windows."""
    count = activity.shape[1]
    ranks = jnp.argsort(jnp.argsort(activity, axis=1), axis=1)
    busy = (ranks >= count // 2).astype(jnp.float32)[:, :, None, None]
    halves = [(power * weight).sum(axis=1) / weight.sum(axis=1) for weight in (busy, np.float32(1) - busy)]
    return jnp.stack(halves, axis=1)


def fold(spectrum: Float[Array, "*n 48 25"]) -> Float[Array, "*n 325"]:
    """Average a spectrum over flips and transposition of the picture; the upper triangle is returned.

    A picture's content prefers one direction by chance; what a network leaves does so far less.
    """
    mirrored = (spectrum + spectrum[..., (-np.arange(WINDOW)) % WINDOW, :]) * np.float32(0.5)
    square = mirrored[..., :HALF, :]
    rows, columns = np.triu_indices(HALF)
    return (square[..., rows, columns] + square[..., columns, rows]) * np.float32(0.5)
