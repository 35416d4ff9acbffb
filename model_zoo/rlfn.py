"""RLFN: residual local feature network.

Convention: float32, sRGB-encoded in [0, 1], N H W C.

Parameters are named as in the challenge's code, with these differences: blocks `B1` ... are `blocks.0` ..., `LR_conv`
is `lr_conv`, `upsampler.0` is `upsampler` (its channels in :func:`model_zoo.layers.depth_to_space`'s order). (The
authors' own repository calls them `conv_1`, `block_1` ..., `conv_2`, `upsampler.0`.)
"""

import functools
from typing import ClassVar

import jax
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.blocks import EnhancedSpatialAttention
from model_zoo.layers import Conv, depth_to_space
from model_zoo.taps import tap

_leaky = functools.partial(jax.nn.leaky_relu, negative_slope=0.05)


class LocalFeatureBlock(nnx.Module):
    """Three rectified convolutions, a short cut, a 1x1 convolution and spatial attention."""

    def __init__(self, channels: int, middle: int, esa_channels: int, *, rngs: nnx.Rngs) -> None:
        """Builds a block with `middle` channels between its convolutions."""
        self.c1_r = Conv(channels, middle, 3, rngs=rngs)
        self.c2_r = Conv(middle, middle, 3, rngs=rngs)
        self.c3_r = Conv(middle, channels, 3, rngs=rngs)
        self.c5 = Conv(channels, channels, 1, rngs=rngs)
        self.esa = EnhancedSpatialAttention(channels, esa_channels, deep=False, rngs=rngs)

    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Refines the features."""
        hidden = _leaky(self.c3_r(_leaky(self.c2_r(_leaky(self.c1_r(features))))))
        return self.esa(self.c5(hidden + features))


class RLFN(nnx.Module):
    """Local feature blocks one after another, a long short cut, then sub-pixel enlargement.

    Reference:
        Kong et al., "Residual Local Feature Network for Efficient Super-Resolution", CVPRW 2022. The defaults are its
        standard size (6 blocks of 52 channels, 0.543 million parameters at x4). What won the NTIRE 2022 challenge is
        `width=46, middle=48, depth=4` (0.317 million), with values up to 255 (`value_range`).
    """

    colour: ClassVar[str] = "rgb"
    radius: ClassVar[None] = None  # the spatial attention's grid follows from the whole picture's size

    def __init__(
        self,
        *,
        scale: int,
        rngs: nnx.Rngs,
        width: int = 52,
        depth: int = 6,
        middle: int | None = None,
        esa_channels: int = 16,
        value_range: float = 1.0,
    ) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 2, 3, 4 or 8.
            rngs: where the weights are drawn from; not kept.
            width: channels between the blocks.
            depth: blocks.
            middle: channels inside the blocks; None for as many as between them.
            esa_channels: channels of the spatial attention's own path.
            value_range: what white is inside the network (255 for weights that were made for such values).

        Raises:
            ValueError: if the scale is none of the above.
        """
        if scale not in (2, 3, 4, 8):
            raise ValueError(f"scale must be 2, 3, 4 or 8 for rlfn, got {scale}")
        inner = width if middle is None else middle
        self.scale, self.value_range = scale, value_range
        self.fea_conv = Conv(3, width, 3, rngs=rngs)
        self.blocks = nnx.List([LocalFeatureBlock(width, inner, esa_channels, rngs=rngs) for _ in range(depth)])
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
        for block in self.blocks:
            hidden = block(hidden)
        return depth_to_space(self.upsampler(tap(self.lr_conv(hidden) + first)), self.scale) / self.value_range
