"""Losses between pictures, pixel by pixel or frequency by frequency.

Convention: N H W C, any float type on the way in; worked out in float32.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

CHARBONNIER_EPSILON = 1e-3  # as LapSRN has it, for pictures in [0, 1]


def l1(estimate: Float[Array, "n h w c"], truth: Float[Array, "n h w c"]) -> Float[Array, ""]:
    """Computes the mean absolute difference."""
    return jnp.mean(jnp.abs(_difference(estimate, truth)))


def l2(estimate: Float[Array, "n h w c"], truth: Float[Array, "n h w c"]) -> Float[Array, ""]:
    """Computes the mean squared difference."""
    return jnp.mean(jnp.square(_difference(estimate, truth)))


def charbonnier(estimate: Float[Array, "n h w c"], truth: Float[Array, "n h w c"]) -> Float[Array, ""]:
    """Computes the mean of sqrt(difference^2 + epsilon^2), an L1 that is smooth at zero, with epsilon = 1e-3.

    Args:
        estimate: pictures in [0, 1].
        truth: pictures in [0, 1].

    Returns:
        The mean; epsilon if the pictures are equal.

    Reference:
        Lai et al., "Deep Laplacian Pyramid Networks for Fast and Accurate Super-Resolution", CVPR 2017.
    """
    return jnp.mean(jnp.sqrt(jnp.square(_difference(estimate, truth)) + CHARBONNIER_EPSILON**2))


def fft(estimate: Float[Array, "n h w c"], truth: Float[Array, "n h w c"]) -> Float[Array, ""]:
    """Computes the mean modulus of the difference of the spectra.

    Each channel's two-dimensional transform is orthonormal (divided by sqrt(H W)), so that the value does not grow with
    the patch and white noise counts as much as in an L2's root; the mean is over the half of the plane that a real
    picture's transform has of its own (`rfft2`).

    Args:
        estimate: pictures in [0, 1].
        truth: pictures in [0, 1].

    Returns:
        The mean.

    Reference:
        Cho et al., "Rethinking Coarse-to-Fine Approach in Single Image Deblurring", ICCV 2021 (its frequency
        reconstruction loss, there without the normalisation).
    """
    return jnp.mean(jnp.abs(jnp.fft.rfft2(_difference(estimate, truth), axes=(1, 2), norm="ortho")))


PIXEL_LOSSES: dict[str, Callable[..., Array]] = {"l1": l1, "l2": l2, "charbonnier": charbonnier, "fft": fft}


def _difference(estimate: Array, truth: Array) -> Array:
    return estimate.astype(jnp.float32) - truth.astype(jnp.float32)
