"""What the networks that enlarge at their end share: sub-pixel steps and the colour mean that is taken off first.

Convention: float32, sRGB-encoded in [0, 1], N H W C.
"""

import math
from collections.abc import Iterable, MutableSequence

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.layers import Conv, depth_to_space

_MEAN = (0.4488, 0.4371, 0.4040)  # of DIV2K's training set, as EDSR and those after it subtract


def colour_mean(images: Float[Array, "n h w 3"]) -> Float[Array, "1 1 1 3"]:
    """The mean colour of DIV2K's training set, in the images' float type."""
    return jnp.array(_MEAN, images.dtype)[None, None, None, :]


def factors_of(scale: int, architecture: str) -> tuple[int, ...]:
    """Says in which steps a network of the EDSR family enlarges.

    Args:
        scale: enlargement of each side: 2, 3, 4 or 8.
        architecture: the network's name, for the message.

    Returns:
        The factors of the steps: 3, or as many twos as needed.

    Raises:
        ValueError: if the scale is none of the above.
    """
    if scale not in (2, 3, 4, 8):
        raise ValueError(f"scale must be 2, 3, 4 or 8 for {architecture}, got {scale}")
    return (3,) if scale == 3 else (2,) * int(math.log2(scale))


def sub_pixel_layers(width: int, factors: Iterable[int], *, rngs: nnx.Rngs) -> MutableSequence[Conv]:
    """Makes the convolution before each sub-pixel rearrangement."""
    return nnx.List([Conv(width, width * factor**2, 3, rngs=rngs) for factor in factors])


def enlarge(
    images: Float[Array, "n h w c"], layers: Iterable[Conv], factors: Iterable[int]
) -> Float[Array, "n sh sw g"]:
    """Runs the sub-pixel steps: a convolution and a rearrangement each."""
    for factor, layer in zip(factors, layers, strict=True):
        images = depth_to_space(layer(images), factor)
    return images
