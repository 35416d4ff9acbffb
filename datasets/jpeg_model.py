"""JPEG as a function of pixels, in JAX: compression's loss without its bits, to be jitted and differentiated.

Convention: float32 RGB in [0, 1], H W 3; inside, levels 0 to 255. The chain is that of libjpeg with its usual settings:
JFIF's YCbCr, chroma halved by averaging, DCT of 8x8 blocks, the standard's tables scaled by quality, and chroma
enlarged by the triangle filter (ITU-T T.81, annexes A and K; JFIF 1.02). Samples are rounded where libjpeg rounds them,
with a gradient as if they were not. On photographs the mean difference from libjpeg's result is below half a level; it
comes from coefficients that lie half-way between two steps, where libjpeg's DCT of whole numbers may decide otherwise.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from datasets.containers.jpeg import CHROMA_TABLE, LUMA_TABLE

_ANGLES = (2 * np.arange(8)[None, :] + 1) * np.arange(8)[:, None] * np.pi / 16
_DCT = (np.cos(_ANGLES) * np.where(np.arange(8) == 0, np.sqrt(1 / 8), 0.5)[:, None]).astype(np.float32)

_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]], np.float32
)
_TO_RGB = np.array([[0, 1.402], [-0.344136286, -0.714136286], [1.772, 0]], np.float32)
_EXACT = jax.lax.Precision.HIGHEST


def jpeg(image: Float32[Array, "h w 3"], quality: Float[Array, ""] | float) -> Float32[Array, "h w 3"]:
    """Compress a picture as JPEG does, with 4:2:0 chroma, and give what a decoder shows.

    Args:
        image: RGB in [0, 1], any size.
        quality: 1 to 100 as libjpeg counts it, traced or not.

    Returns:
        RGB in [0, 1], whole levels of 1/255.
    """
    height, width, _ = image.shape
    padded = jnp.pad(image, ((0, -height % 16), (0, -width % 16), (0, 0)), mode="edge")
    levels = _rounded(jnp.clip(padded, 0, 1) * 255)
    luma, blue, red = (
        _rounded(jnp.einsum("hwc,c->hw", levels, jnp.asarray(row), precision=_EXACT) + offset)
        for row, offset in zip(_TO_YCC, (0, 128, 128), strict=True)
    )
    steps = _steps(jnp.asarray(quality, jnp.float32))
    luma = _coded(luma, steps[0])
    chroma = jnp.stack([_enlarged(_coded(_halved(plane), steps[1])) - 128 for plane in (blue, red)], axis=-1)
    change = _rounded(jnp.einsum("hwc,rc->hwr", chroma, jnp.asarray(_TO_RGB), precision=_EXACT))
    return (jnp.clip(luma[:, :, None] + change, 0, 255) / 255)[:height, :width]


def _steps(quality: Float32[Array, ""]) -> Float32[Array, "2 8 8"]:
    """Scale the standard's tables as libjpeg does."""
    quality = jnp.clip(jnp.round(quality), 1, 100)
    percent = jnp.where(quality < 50, jnp.floor(5000 / quality), 200 - 2 * quality)
    tables = jnp.asarray(np.array([LUMA_TABLE, CHROMA_TABLE], np.float32).reshape(2, 8, 8))
    return jnp.clip(jnp.floor((tables * percent + 50) / 100), 1, 255)


def _rounded(values: Float32[Array, "..."]) -> Float32[Array, "..."]:
    """Round, halves away from zero, with the gradient of no rounding at all."""
    return _stepped(values, jnp.sign(values) * jnp.floor(jnp.abs(values) + 0.5))


def _stepped(smooth: Float32[Array, "..."], stepped: Float32[Array, "..."]) -> Float32[Array, "..."]:
    """Take the value of the one and the gradient of the other."""
    return smooth + jax.lax.stop_gradient(stepped - smooth)


def _coded(plane: Float32[Array, "h w"], steps: Float32[Array, "8 8"]) -> Float32[Array, "h w"]:
    """Quantise the DCT of a plane's blocks, sides multiples of 8; back to whole levels."""
    height, width = plane.shape
    blocks = (plane - 128).reshape(height // 8, 8, width // 8, 8)
    dct = jnp.asarray(_DCT)
    spectrum = jnp.einsum("iy,jx,aybx->aibj", dct, dct, blocks, precision=_EXACT)
    table = steps[None, :, None, :]
    kept = _rounded(_rounded(spectrum * 8) / (8 * table)) * table  # libjpeg's DCT has three bits below the point
    back = jnp.einsum("iy,jx,aibj->aybx", dct, dct, kept, precision=_EXACT).reshape(height, width)
    return jnp.clip(_rounded(back + 128), 0, 255)


def _halved(plane: Float32[Array, "h w"]) -> Float32[Array, "h2 w2"]:
    """Average squares of four samples; halves go up in every other column, as in libjpeg."""
    height, width = plane.shape
    sums = plane.reshape(height // 2, 2, width // 2, 2).sum(axis=(1, 3))
    bias = jnp.asarray(1 + np.arange(width // 2) % 2, jnp.float32)[None, :]
    return _stepped(sums / 4, jnp.floor((sums + bias) / 4))


def _enlarged(plane: Float32[Array, "h w"]) -> Float32[Array, "h2 w2"]:
    """Double both sides by the triangle filter: three parts of the nearer sample, one of the farther."""
    tall = _doubled(plane, 0)
    wide = _doubled(tall, 1)
    bias = jnp.asarray(8 - np.arange(wide.shape[1]) % 2, jnp.float32)[None, :]
    return _stepped(wide / 16, jnp.floor((wide + bias) / 16))


def _doubled(plane: Float32[Array, "h w"], axis: int) -> Float32[Array, "h2 w2"]:
    """Double one side, four times too bright."""
    places = np.arange(plane.shape[axis])
    before = jnp.take(plane, jnp.asarray(np.maximum(places - 1, 0)), axis=axis)
    after = jnp.take(plane, jnp.asarray(np.minimum(places + 1, len(places) - 1)), axis=axis)
    both = jnp.stack([3 * plane + before, 3 * plane + after], axis=axis + 1)
    return both.reshape(*(2 * size if at == axis else size for at, size in enumerate(plane.shape)))
