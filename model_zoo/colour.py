"""Luma and chroma as the super-resolution field measures them: BT.601, studio swing.

Convention: RGB in [0, 255] on the way in; Y in [16, 235], Cb and Cr in [16, 240]; N H W C or H W C, channels last.
The numbers are those of MATLAB's `rgb2ycbcr`, which every published PSNR rests on.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

LUMA_WEIGHTS = (65.481 / 255.0, 128.553 / 255.0, 24.966 / 255.0)
LUMA_OFFSET = 16.0


def luma(pixels: Num[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch"]:
    """Computes Y.

    Args:
        pixels: RGB in [0, 255], any number type.

    Returns:
        Y in [16, 235], float64, not rounded.
    """
    return np.asarray(pixels, np.float64) @ np.array(LUMA_WEIGHTS) + LUMA_OFFSET


def luma_unit(images: Float[Array, "*batch 3"]) -> Float[Array, "*batch 1"]:
    """Computes Y on the device, of pictures in [0, 1].

    Args:
        images: RGB in [0, 1].

    Returns:
        Y / 255, in [16/255, 235/255], one channel.
    """
    weights = jnp.array(LUMA_WEIGHTS, jnp.float32)[:, None]
    return jnp.matmul(images, weights, precision=jax.lax.Precision.HIGHEST) + jnp.float32(LUMA_OFFSET / 255.0)
