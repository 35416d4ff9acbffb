"""Luma as a picture that networks for colour can look at.

Convention: images in [0, 1], N H W C.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from model_zoo.colour import LUMA_OFFSET, LUMA_WEIGHTS


def as_rgb(images: Float[Array, "n h w c"]) -> Float[Array, "n h w 3"]:
    """Turns luma into grey; leaves colour alone.

    Args:
        images: RGB in [0, 1], or studio-swing luma in [16/255, 235/255] as :func:`model_zoo.colour.luma_unit` gives it.

    Returns:
        RGB in [0, 1], of the same float type.

    Raises:
        ValueError: if there are neither 1 nor 3 channels.
    """
    channels = images.shape[-1]
    if channels not in (1, 3):
        raise ValueError(f"images must have 1 or 3 channels, got {channels}")
    if channels == 3:
        return images
    grey = (images - LUMA_OFFSET / 255.0) * (1.0 / sum(LUMA_WEIGHTS))
    return jnp.broadcast_to(grey, (*images.shape[:-1], 3))
