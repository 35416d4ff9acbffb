"""NLSN: non-local sparse attention network.

Convention: float32, sRGB-encoded in [0, 1], N H W C; tokens are the pixels of a picture, row by row.
"""

import functools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from model_zoo.attention import in_parts
from model_zoo.edsr import ResidualBlock
from model_zoo.layers import Conv
from model_zoo.subpixel import colour_mean, enlarge, factors_of, sub_pixel_layers
from model_zoo.taps import tap

_BUCKETS = 128  # at most, as in the authors' code
_SURE: dict[str, Any] = {"unique_indices": True, "mode": "promise_in_bounds"}  # what is true of a permutation
_NORM_FLOOR = 5e-5  # what a key is divided by at least, as in the authors' code


class SparseAttention(nnx.Module):
    """Attention of every pixel to those, anywhere in the picture, that fall into the same hash bucket.

    Spherical locality-sensitive hashing: pixels' embeddings are turned at random, and the axis they then lie nearest
    to is their bucket. Pixels are sorted by bucket and cut into chunks of one size; each attends to its own chunk and
    to those before and after it. Several rounds, each with another rotation, are weighted by how much each found
    (the softmax of their log-sum-exp).

    The authors draw the rotations anew at each run, so their network gives other pixels each time. Here a network is
    a function of its weights and its input alone, which is what a source that can be traced must be: the rotations
    belong to the layer, drawn once from a frozen random stream under the layer's number. Only the last chunk is ever
    filled up, with copies of the last pixels, as the authors do.

    Reference:
        Mei et al., "Image Super-Resolution with Non-Local Sparse Attention", CVPR 2021, section 3.2; for rounds and
        chunks Kitaev et al., "Reformer: The Efficient Transformer", ICLR 2020, section 2.
    """

    def __init__(
        self, channels: int, reduction: int, chunk: int, hashes: int, res_scale: float, number: int, *, rngs: nnx.Rngs
    ) -> None:
        """Draws the weights.

        Args:
            channels: channels in and out.
            reduction: how many times fewer channels (at least one) pixels are compared by.
            chunk: pixels in a chunk.
            hashes: rounds.
            res_scale: factor on what attention gives, before it is added to the input.
            number: the layer's place among those of its kind, which its rotations depend on.
            rngs: where the weights are drawn from; not kept.
        """
        self.chunk, self.hashes, self.res_scale, self.number = chunk, hashes, res_scale, number
        self.match = Conv(channels, max(1, channels // reduction), 3, rngs=rngs)
        self.assembly = Conv(channels, channels, 1, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Adds what attention gives."""
        count, height, width, channels = images.shape
        pixels = height * width
        chunk = min(self.chunk, pixels)
        tokens = self.match(images).reshape(count, pixels, -1)
        values = self.assembly(images).reshape(count, pixels, channels)
        rotations = _rotations(self.number, tokens.shape[-1], self.hashes)
        order, back = bucket_order(tokens, jnp.asarray(rotations[..., : _bucket_count(pixels, chunk) // 2]))
        mixed, score = chunk_attention(_spread(tokens, order, back), _spread(values, order, back), chunk)
        share = jax.nn.softmax(shuffle(score, back, order), axis=1).astype(images.dtype)
        result = (shuffle(mixed, back, order) * share).sum(axis=1)
        return images + self.res_scale * result.reshape(images.shape)


def bucket_order(
    tokens: Float[Array, "n l d"], rotations: Float[Array, "d r b"]
) -> tuple[Int[Array, "n r l"], Int[Array, "n r l"]]:
    """Sorts tokens by the bucket they are hashed into.

    Args:
        tokens: embeddings.
        rotations: for each of r rounds, b directions; with their opposites they are the buckets.

    Returns:
        For each round which token comes where (within a bucket they keep their order), and the way back.
    """
    length = tokens.shape[1]
    turned = jnp.einsum("nld,drb->nrlb", jax.lax.stop_gradient(tokens).astype(jnp.float32), rotations)
    buckets = jnp.argmax(jnp.concatenate((turned, -turned), axis=-1), axis=-1).astype(jnp.int32)
    place = jnp.arange(length, dtype=jnp.int32)[None, None]
    order = jnp.sort(buckets * length + place, axis=-1) % length
    flat = _flat_index(order)  # where each token is found again; on a CPU 15 times as fast as sorting once more
    back = jnp.zeros(order.size, order.dtype).at[flat].set(jnp.broadcast_to(place, order.shape).reshape(-1), **_SURE)
    return order, back.reshape(order.shape)


def chunk_attention(
    tokens: Float[Array, "n r l d"], values: Float[Array, "n r l c"], chunk: int
) -> tuple[Float[Array, "n r l c"], Float[Array, "n r l 1"]]:
    """Lets every token attend to its chunk and the two next to it (the last and the first are neighbours, too).

    Args:
        tokens: sorted embeddings: queries as they are, keys at length 1.
        values: in the same order.
        chunk: tokens in a chunk, at most l.

    Returns:
        Mixed values, and the logarithm of each token's sum of exponential scores, in float32.
    """
    count, rounds, length, depth = tokens.shape
    spare = -length % chunk
    tokens, values = (jnp.concatenate((part, part[:, :, length - spare :]), axis=2) for part in (tokens, values))
    squares = jnp.square(tokens.astype(jnp.float32)).sum(axis=-1, keepdims=True)
    keys = tokens * jax.lax.rsqrt(jnp.maximum(squares, _NORM_FLOOR**2)).astype(tokens.dtype)
    tokens = tokens.reshape(-1, chunk, depth)
    keys, values = (
        _with_neighbours(part.reshape(count * rounds, -1, chunk, part.shape[-1])) for part in (keys, values)
    )
    found = in_parts(_attend, (tokens, keys, values), chunk * keys.shape[1])
    found = found.reshape(count, rounds, length + spare, -1)[:, :, :length]
    return found[..., :-1].astype(values.dtype), found[..., -1:]


def _attend(tokens: Array, keys: Array, values: Array) -> Array:
    """Mixed values and, as a last channel, the logarithm of the weights' sum, in float32."""
    scores = jnp.einsum("bqd,bkd->bqk", tokens, keys, preferred_element_type=jnp.float32)
    highest = jax.lax.stop_gradient(scores.max(axis=-1, keepdims=True))
    weights = jnp.exp(scores - highest)
    total = weights.sum(axis=-1, keepdims=True)
    mixed = jnp.einsum("bqk,bkc->bqc", weights.astype(values.dtype), values, preferred_element_type=jnp.float32)
    return jnp.concatenate((mixed / total, highest + jnp.log(total)), axis=-1)


def _with_neighbours(chunks: Float[Array, "b k t d"]) -> Float[Array, "bk t3 d"]:
    """Each chunk, the one before it and the one after it, end to end; a chunk alone stays alone."""
    if chunks.shape[1] > 1:
        chunks = jnp.concatenate((chunks, jnp.roll(chunks, 1, axis=1), jnp.roll(chunks, -1, axis=1)), axis=2)
    return chunks.reshape(-1, *chunks.shape[2:])


@jax.custom_vjp
def shuffle(rows: Float[Array, "n r l d"], order: Int[Array, "n r l"], back: Int[Array, "n r l"]) -> Array:
    """Puts rows into another order.

    The derivative of a permutation is the permutation back: another gather, where JAX's own rule would scatter.

    Args:
        rows: what to permute, along its third axis.
        order: which row comes where.
        back: the inverse permutation.

    Returns:
        The permuted rows.
    """
    return _gather(rows, order)


def _gather(rows: Array, order: Array) -> Array:
    return rows.reshape(-1, rows.shape[-1]).at[_flat_index(order)].get(**_SURE).reshape(rows.shape)


def _flat_index(order: Array) -> Array:
    """Places in the last axis as places in the array flattened."""
    length = order.shape[-1]
    first = length * jnp.arange(order.size // length, dtype=order.dtype)
    return (order.reshape(-1, length) + first[:, None]).reshape(-1)


def _shuffle_forward(rows: Array, order: Array, back: Array) -> tuple[Array, Array]:
    return _gather(rows, order), back


def _shuffle_backward(back: Array, slope: Array) -> tuple[Array, None, None]:
    return _gather(slope, back), None, None


shuffle.defvjp(_shuffle_forward, _shuffle_backward)


def _spread(tokens: Float[Array, "n l d"], order: Int[Array, "n r l"], back: Int[Array, "n r l"]) -> Array:
    """The tokens in each round's order."""
    shape = (*order.shape, tokens.shape[-1])
    return shuffle(jnp.broadcast_to(tokens[:, None], shape), order, back)


def _bucket_count(pixels: int, chunk: int) -> int:
    """About as many buckets as chunks, and an even number, since each direction has its opposite."""
    return min(2 * -(-(pixels // chunk) // 2), _BUCKETS)


@functools.cache
def _rotations(number: int, depth: int, hashes: int) -> Float[np.ndarray, "d r b"]:
    """A layer's directions; small pictures, which have fewer buckets, use the first ones."""
    stream = np.random.RandomState(number)  # its stream is frozen for good, unlike those of newer generators
    return stream.standard_normal((depth, hashes, _BUCKETS // 2)).astype(np.float32)


class NLSN(nnx.Module):
    """EDSR's trunk of residual blocks with sparse attention before, between and after them.

    Names in the authors' files: `head.0` is `head`; `body.I` is `blocks.I`, attention with `conv_match.0` and
    `conv_assembly.0` (here `match`, `assembly`), residual blocks with `body.0/2` (`first`, `second`), and the last
    `body` is `body`; `tail.0.0/2` are `up`, `tail.1` is `tail`. The range is 0 to 1; `sub_mean` and `add_mean` hold
    the mean that is subtracted here.

    Reference:
        Mei et al., "Image Super-Resolution with Non-Local Sparse Attention", CVPR 2021. The defaults are the paper's
        (41.80 million parameters at x2, 44.16 at x4).
    """

    colour: ClassVar[str] = "rgb"
    radius: ClassVar[None] = None  # a pixel may attend to any other

    def __init__(
        self,
        *,
        scale: int,
        rngs: nnx.Rngs,
        width: int = 256,
        depth: int = 32,
        every: int = 8,
        chunk: int = 144,
        hashes: int = 4,
        reduction: int = 4,
        res_scale: float = 0.1,
    ) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 2, 3, 4 or 8.
            rngs: where the weights are drawn from; not kept.
            width: channels of every hidden layer.
            depth: residual blocks.
            every: blocks between two attention layers; another one stands before the first block.
            chunk: pixels in a chunk of sorted pixels.
            hashes: rounds of hashing.
            reduction: how many times fewer channels pixels are compared by.
            res_scale: factor on each block's residual and on what attention gives.

        Raises:
            ValueError: if the scale is none of the above, or `every`, `chunk` or `hashes` is not positive.
        """
        self.scale, self.factors = scale, factors_of(scale, "nlsn")
        for name, value in (("every", every), ("chunk", chunk), ("hashes", hashes)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")

        def attention(number: int) -> SparseAttention:
            return SparseAttention(width, reduction, chunk, hashes, res_scale, number, rngs=rngs)

        blocks: list[nnx.Module] = [attention(0)]
        for index in range(1, depth + 1):
            blocks.append(ResidualBlock(width, res_scale, rngs=rngs))
            if index % every == 0:
                blocks.append(attention(index // every))
        self.head = Conv(3, width, 3, rngs=rngs)
        self.blocks = nnx.List(blocks)
        self.body = Conv(width, width, 3, rngs=rngs)
        self.up = sub_pixel_layers(width, self.factors, rngs=rngs)
        self.tail = Conv(width, 3, 3, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n sh sw 3"]:
        """Enlarges a batch.

        Args:
            images: low resolution, in [0, 1].

        Returns:
            High resolution, nominally in [0, 1] (not clipped).
        """
        mean = colour_mean(images)
        features = self.head(images - mean)
        hidden = features
        for block in self.blocks:
            hidden = block(hidden)
        hidden = features + self.body(hidden)
        return self.tail(enlarge(tap(hidden), self.up, self.factors)) + mean
