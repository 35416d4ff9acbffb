"""RFDN: residual feature distillation network.

Convention: float32, sRGB-encoded in [0, 1], N H W C.

Parameters are named as the authors name them, with these differences: blocks `B1` ... are `blocks.0` ..., `c.0` is
`c`, `LR_conv` is `lr_conv`, `upsampler.0` is `upsampler` (its channels in :func:`model_zoo.layers.depth_to_space`'s
order).
"""

import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.blocks import EnhancedSpatialAttention
from model_zoo.layers import Conv, depth_to_space
from model_zoo.taps import tap

_leaky = functools.partial(jax.nn.leaky_relu, negative_slope=0.05)


class DistillationBlock(nnx.Module):
    """Three shallow residual convolutions, each beside a 1x1 convolution that distils half the channels."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        """Builds a block."""
        half = channels // 2
        self.c1_d = Conv(channels, half, 1, rngs=rngs)
        self.c1_r = Conv(channels, channels, 3, rngs=rngs)
        self.c2_d = Conv(channels, half, 1, rngs=rngs)
        self.c2_r = Conv(channels, channels, 3, rngs=rngs)
        self.c3_d = Conv(channels, half, 1, rngs=rngs)
        self.c3_r = Conv(channels, channels, 3, rngs=rngs)
        self.c4 = Conv(channels, half, 3, rngs=rngs)
        self.c5 = Conv(half * 4, channels, 1, rngs=rngs)
        self.esa = EnhancedSpatialAttention(channels, max(1, channels // 4), deep=True, rngs=rngs)

    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Distils, gathers and weighs; there is no short cut around the block."""
        kept, rest = [], features
        for distil, refine in ((self.c1_d, self.c1_r), (self.c2_d, self.c2_r), (self.c3_d, self.c3_r)):
            kept.append(_leaky(distil(rest)))
            rest = _leaky(refine(rest) + rest)
        kept.append(_leaky(self.c4(rest)))
        return self.esa(self.c5(jnp.concatenate(kept, axis=-1)))


class RFDN(nnx.Module):
    """Feature-distillation blocks whose outputs are all gathered, then sub-pixel enlargement.

    Reference:
        Liu, Tang, Wu, "Residual Feature Distillation Network for Lightweight Image Super-Resolution", ECCVW 2020. The
        defaults (4 blocks of 50 channels, 0.433 million parameters at x4) are the size that won the AIM 2020 and was
        the baseline of the NTIRE 2022 efficient super-resolution challenge, whose weights take values up to 255
        (`value_range`). The paper's own tables are of another variant, with 6 blocks of 48 channels, channel attention
        and short cuts around the blocks (0.550 million).
    """

    colour: ClassVar[str] = "rgb"
    radius: ClassVar[None] = None  # the spatial attention's grid follows from the whole picture's size

    def __init__(
        self, *, scale: int, rngs: nnx.Rngs, width: int = 50, depth: int = 4, value_range: float = 1.0
    ) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 2, 3, 4 or 8.
            rngs: where the weights are drawn from; not kept.
            width: channels, at least 2.
            depth: distillation blocks.
            value_range: what white is inside the network (255 for weights that were made for such values).

        Raises:
            ValueError: if the scale is none of the above or the width too small.
        """
        if scale not in (2, 3, 4, 8):
            raise ValueError(f"scale must be 2, 3, 4 or 8 for rfdn, got {scale}")
        if width < 2:
            raise ValueError(f"width must be at least 2 for rfdn, got {width}")
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
