"""IMDN: information multi-distillation network.

Convention: float32, sRGB-encoded in [0, 1], N H W C.

Parameters are named as the authors name them, with these differences: blocks `IMDB1` ... are `blocks.0` ..., `c.0` is
`c`, `LR_conv` is `lr_conv`, `upsampler.0` is `upsampler` (its channels in :func:`model_zoo.layers.depth_to_space`'s
order), `cca.conv_du.2` is `cca.conv_du.1`.
"""

import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.blocks import ContrastAttention
from model_zoo.layers import Conv, depth_to_space
from model_zoo.taps import tap

_leaky = functools.partial(jax.nn.leaky_relu, negative_slope=0.05)


class DistillationBlock(nnx.Module):
    """Four convolutions; after each of the first three a quarter of the channels is kept and the others go on."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        """Builds a block; `channels` is a multiple of 4."""
        self.kept = channels // 4
        rest = channels - self.kept
        self.c1 = Conv(channels, channels, 3, rngs=rngs)
        self.c2 = Conv(rest, channels, 3, rngs=rngs)
        self.c3 = Conv(rest, channels, 3, rngs=rngs)
        self.c4 = Conv(rest, self.kept, 3, rngs=rngs)
        self.c5 = Conv(channels, channels, 1, rngs=rngs)
        self.cca = ContrastAttention(channels, rngs=rngs)

    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Adds the residual."""
        kept, rest = [], features
        for layer in (self.c1, self.c2, self.c3):
            both = _leaky(layer(rest))
            kept.append(both[..., : self.kept])
            rest = both[..., self.kept :]
        kept.append(self.c4(rest))
        return features + self.c5(self.cca(jnp.concatenate(kept, axis=-1)))


class IMDN(nnx.Module):
    """Multi-distillation blocks whose outputs are all gathered, then sub-pixel enlargement.

    Reference:
        Hui et al., "Lightweight Image Super-Resolution with Information Multi-distillation Network", ACM MM 2019. The
        defaults are its standard size (6 blocks of 64 channels, 0.715 million parameters at x4).
    """

    colour: ClassVar[str] = "rgb"
    radius: ClassVar[None] = None  # the channel attention's statistics are the whole picture's

    def __init__(
        self, *, scale: int, rngs: nnx.Rngs, width: int = 64, depth: int = 6, value_range: float = 1.0
    ) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 2, 3, 4 or 8.
            rngs: where the weights are drawn from; not kept.
            width: channels, a multiple of 4.
            depth: distillation blocks.
            value_range: what white is inside the network (255 for weights that were made for such values).

        Raises:
            ValueError: if the scale is none of the above or the width no multiple of 4.
        """
        if scale not in (2, 3, 4, 8):
            raise ValueError(f"scale must be 2, 3, 4 or 8 for imdn, got {scale}")
        if width < 4 or width % 4:
            raise ValueError(f"width must be a multiple of 4 for imdn, got {width}")
        self.scale, self.value_range = scale, value_range
        self.fea_conv = Conv(3, width, 3, rngs=rngs)
        self.blocks = nnx.List([DistillationBlock(width, rngs=rngs) for _ in range(depth)])
        self.c = Conv(width * depth, width, 1, rngs=rngs)
        self.lr_conv = Conv(width, width, 3, rngs=rngs)
        self.upsampler = Conv(width, 3 * scale**2, 3, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n sh sw 3"]:
        """Enlarges a batch.

        Args:
            images: low resolution, in [0, 1].

        Returns:
            High resolution, nominally in [0, 1] (not clipped).
        """
        first = hidden = self.fea_conv(images * self.value_range)
        gathered = []
        for block in self.blocks:
            hidden = block(hidden)
            gathered.append(hidden)
        hidden = self.lr_conv(_leaky(self.c(jnp.concatenate(gathered, axis=-1)))) + first
        return depth_to_space(self.upsampler(tap(hidden)), self.scale) / self.value_range
