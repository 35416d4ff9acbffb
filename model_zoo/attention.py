"""Layers that the attentive networks share.

Convention: images are N H W C, tokens carry their channels last. Statistics and softmax are worked out in float32
whatever the float type of the numbers around them.
"""

import functools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int8

from model_zoo.layers import Conv

_DEVIATION = 0.02  # of a transformer's weights at the start
_NORM_FLOOR = 1e-5  # added to the variance
_SCORES = 2**27  # how many are worked out at once: half a gigabyte
_APART = -100.0  # added to the score of two pixels that shall not see each other


class ChannelAttention(nnx.Module):
    """Scales every channel by a gate worked out from all channels' means over the picture.

    Reference:
        Zhang et al., "Image Super-Resolution Using Very Deep Residual Channel Attention Networks", ECCV 2018,
        equations 9 to 11.
    """

    def __init__(self, channels: int, reduction: int, *, rngs: nnx.Rngs) -> None:
        """Builds the two layers of the gate.

        Args:
            channels: channels in and out.
            reduction: how many times fewer channels (at least one) lie between the two layers.
            rngs: where the weights are drawn from; not kept.
        """
        between = max(1, channels // reduction)
        self.squeeze = Conv(channels, between, 1, rngs=rngs)
        self.excite = Conv(between, channels, 1, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Scales the channels."""
        means = images.mean(axis=(1, 2), keepdims=True, dtype=jnp.float32).astype(images.dtype)
        return images * jax.nn.sigmoid(self.excite(jax.nn.relu(self.squeeze(means))))


class Linear(nnx.Module):
    """A matrix and a bias on the last axis."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        """Draws the weights from a normal distribution of deviation 0.02 cut at two deviations."""
        draw = jax.nn.initializers.truncated_normal(_DEVIATION)
        self.kernel = nnx.Param(draw(rngs.params(), (inputs, outputs), jnp.float32))
        self.bias = nnx.Param(jnp.zeros((outputs,), jnp.float32))

    def __call__(self, tokens: Float[Array, "*n i"]) -> Float[Array, "*n o"]:
        """Multiplies and adds."""
        flat = tokens.reshape(-1, tokens.shape[-1])  # one plain matrix product, which trains fastest
        return (flat @ self.kernel[...] + self.bias[...][None]).reshape(*tokens.shape[:-1], -1)


class LayerNorm(nnx.Module):
    """Each token's channels at mean 0 and variance 1, then scaled and shifted (Ba et al., 2016)."""

    def __init__(self, channels: int) -> None:
        """Starts with scale 1 and shift 0."""
        self.scale = nnx.Param(jnp.ones((channels,), jnp.float32))
        self.bias = nnx.Param(jnp.zeros((channels,), jnp.float32))

    def __call__(self, tokens: Float[Array, "*n c"]) -> Float[Array, "*n c"]:
        """Normalises the last axis; statistics in float32."""
        wide = tokens.astype(jnp.float32)
        centred = wide - wide.mean(axis=-1, keepdims=True)
        variance = jnp.square(centred).mean(axis=-1, keepdims=True)
        normal = (centred * jax.lax.rsqrt(variance + _NORM_FLOOR)).astype(tokens.dtype)
        across = (1,) * (tokens.ndim - 1) + (-1,)
        return normal * self.scale[...].reshape(across) + self.bias[...].reshape(across)


class WindowAttention(nnx.Module):
    """Multi-head self-attention within square windows, which may lie shifted by some pixels.

    Shifted windows wrap around the picture; a mask keeps pixels from different sides of it apart. What a head scores
    for two pixels has a learnt part for their offset in the window.

    Reference:
        Liu et al., "Swin Transformer: Hierarchical Vision Transformer Using Shifted Windows", ICCV 2021, section 3.2
        and equation 4.
    """

    def __init__(self, channels: int, heads: int, window: int, shift: int, *, rngs: nnx.Rngs) -> None:
        """Draws the weights.

        Args:
            channels: channels in and out, a multiple of `heads`.
            heads: attention heads.
            window: side of the windows in pixels.
            shift: pixels by which the windows lie lower and further right than the picture's own grid.
            rngs: where the weights are drawn from; not kept.
        """
        self.heads, self.window, self.shift = heads, window, shift
        self.qkv = Linear(channels, 3 * channels, rngs=rngs)
        self.proj = Linear(channels, channels, rngs=rngs)
        draw = jax.nn.initializers.truncated_normal(_DEVIATION)
        self.offsets = nnx.Param(draw(rngs.params(), ((2 * window - 1) ** 2, heads), jnp.float32))

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Attends within windows.

        Args:
            images: height and width are multiples of the window.

        Returns:
            Attended features, without a short cut.
        """
        shift = self.shift
        _, height, width, channels = images.shape
        moved = jnp.roll(images, (-shift, -shift), (1, 2)) if shift else images
        tokens = to_windows(moved, self.window)
        pixels = tokens.shape[2]
        parts = self.qkv(tokens).reshape(-1, pixels, 3, self.heads, channels // self.heads)
        query, key, value = parts.transpose(2, 0, 3, 1, 4)  # (window of any picture, head, pixel, channel) each
        bias = self.offsets[...][_offset_index(self.window)].transpose(2, 0, 1)
        regions = jnp.asarray(shift_regions(height, width, self.window, shift)) if shift else None
        mixed = attend(query, key, value, bias, regions).transpose(0, 2, 1, 3).reshape(tokens.shape)
        back = from_windows(self.proj(mixed), height, width)
        return jnp.roll(back, (shift, shift), (1, 2)) if shift else back


def attend(
    query: Float[Array, "b h t d"],
    key: Float[Array, "b h t d"],
    value: Float[Array, "b h t d"],
    bias: Float[Array, "h t t"],
    regions: Int8[Array, "w t"] | None = None,
) -> Float[Array, "b h t d"]:
    """Scaled dot-product attention within windows.

    The weights are divided by their sum after they have mixed the values: the same, and a third faster to train.

    Args:
        query: windows of one picture after the other, heads, pixels, channels.
        key: the same.
        value: the same.
        bias: added to the scores of every window.
        regions: for each of a picture's w windows, which of its pixels may see each other: those of one number.

    Returns:
        The mixed values.
    """
    parts = (query * query.shape[-1] ** -0.5, key, value)
    if regions is not None:
        parts = (*parts, jnp.tile(regions, (len(query) // len(regions), 1)))
    return in_parts(functools.partial(_attend, bias.astype(jnp.float32)), parts, bias.size)


def _attend(bias: Array, query: Array, key: Array, value: Array, regions: Array | None = None) -> Array:
    count, heads, pixels, depth = query.shape
    query, key, value = (part.reshape(count * heads, pixels, depth) for part in (query, key, value))
    scores = jnp.einsum("bqd,bkd->bqk", query, key, preferred_element_type=jnp.float32)
    scores = scores.reshape(count, heads, pixels, pixels) + bias[None]
    if regions is not None:
        apart = (regions[:, :, None] != regions[:, None, :]).astype(jnp.float32) * _APART
        scores = scores + apart[:, None]
    weights = jnp.exp(scores - jax.lax.stop_gradient(scores.max(axis=-1, keepdims=True)))
    total = weights.sum(axis=-1).reshape(count * heads, pixels, 1)
    weights = weights.reshape(count * heads, pixels, pixels).astype(value.dtype)
    mixed = jnp.einsum("bqk,bkd->bqd", weights, value) / total.astype(value.dtype)
    return mixed.reshape(count, heads, pixels, depth)


def in_parts(function: Callable[..., Array], arrays: Sequence[Array], scores: int) -> Array:
    """Runs a function over the leading axis at once, or part by part where a large picture would fill the memory.

    Args:
        function: takes the arrays; each place in the leading axis is worked on by itself.
        arrays: of one length.
        scores: numbers that each place needs.

    Returns:
        What the function gives.
    """
    count = len(arrays[0])
    step = max(1, _SCORES // scores)
    if count <= step:
        return function(*arrays)
    filled = (jnp.pad(part, [(0, -count % step)] + [(0, 0)] * (part.ndim - 1)) for part in arrays)
    stacked = tuple(part.reshape(-1, step, *part.shape[1:]) for part in filled)
    result = jax.lax.map(lambda parts: function(*parts), stacked)
    return result.reshape(-1, *result.shape[2:])[:count]


def to_windows(images: Float[Array, "n h w c"], window: int) -> Float[Array, "n b t c"]:
    """Cuts pictures into windows: (picture, window row by row, pixel in the window row by row, channel)."""
    count, height, width, channels = images.shape
    cut = images.reshape(count, height // window, window, width // window, window, channels)
    return cut.transpose(0, 1, 3, 2, 4, 5).reshape(count, -1, window**2, channels)


def from_windows(tokens: Float[Array, "n b t c"], height: int, width: int) -> Float[Array, "n {height} {width} c"]:
    """Puts pictures together from windows, the inverse of :func:`to_windows`."""
    count, _, pixels, channels = tokens.shape
    window = math.isqrt(pixels)
    cut = tokens.reshape(count, height // window, width // window, window, window, channels)
    return cut.transpose(0, 1, 3, 2, 4, 5).reshape(count, height, width, channels)


@functools.cache
def shift_regions(height: int, width: int, window: int, shift: int) -> Int8[np.ndarray, "w t"]:
    """Which pixels of shifted windows lie on the same side of the picture: those of one number.

    Args:
        height: of the picture, a multiple of the window.
        width: the same.
        window: side of the windows.
        shift: pixels the picture was rolled up and left by, between 1 and the window.

    Returns:
        A number for every window's pixels.
    """

    def region(length: int) -> np.ndarray:
        place = np.arange(length)
        return (place >= length - window).astype(np.int8) + (place >= length - shift)

    regions = 3 * region(height)[:, None] + region(width)[None, :]
    cut = regions.reshape(height // window, window, width // window, window)
    return cut.transpose(0, 2, 1, 3).reshape(-1, window**2).astype(np.int8)


@functools.cache
def _offset_index(window: int) -> np.ndarray:
    """Which learnt offset joins two pixels of a window: rows of first minus second, then columns."""
    rows, columns = np.divmod(np.arange(window**2), window)
    down, right = rows[:, None] - rows[None, :], columns[:, None] - columns[None, :]
    return (down + window - 1) * (2 * window - 1) + right + window - 1
