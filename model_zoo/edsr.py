"""EDSR: enhanced deep residual network for single-image super-resolution.

Convention: float32, sRGB-encoded in [0, 1], N H W C.
"""

from typing import ClassVar

import jax
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.layers import Conv
from model_zoo.subpixel import colour_mean, enlarge, factors_of, sub_pixel_layers
from model_zoo.taps import tap


class ResidualBlock(nnx.Module):
    """Convolution, rectifier, convolution and a scaled short cut; no batch normalisation."""

    def __init__(self, channels: int, res_scale: float, *, rngs: nnx.Rngs) -> None:
        """Builds a block of two 3x3 convolutions."""
        self.first = Conv(channels, channels, 3, rngs=rngs)
        self.second = Conv(channels, channels, 3, rngs=rngs)
        self.res_scale = res_scale

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Adds the scaled residual."""
        return images + self.res_scale * self.second(jax.nn.relu(self.first(images)))


class EDSR(nnx.Module):
    """Residual blocks at low resolution, then sub-pixel enlargement.

    Reference:
        Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017. The defaults are
        its baseline (16 blocks of 64 channels, 1.37 million parameters at x2).
    """

    colour: ClassVar[str] = "rgb"

    def __init__(self, *, scale: int, rngs: nnx.Rngs, width: int = 64, depth: int = 16, res_scale: float = 1.0) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 2, 3, 4 or 8.
            rngs: where the weights are drawn from; not kept.
            width: channels of every hidden layer.
            depth: residual blocks.
            res_scale: factor on each block's residual (0.1 steadies very wide networks).

        Raises:
            ValueError: if the scale is none of the above.
        """
        self.scale, self.depth = scale, depth
        self.factors = factors_of(scale, "edsr")
        self.head = Conv(3, width, 3, rngs=rngs)
        self.blocks = nnx.List([ResidualBlock(width, res_scale, rngs=rngs) for _ in range(depth)])
        self.body = Conv(width, width, 3, rngs=rngs)
        self.up = sub_pixel_layers(width, self.factors, rngs=rngs)
        self.tail = Conv(width, 3, 3, rngs=rngs)

    @property
    def radius(self) -> int:
        """Low-resolution pixels that an output pixel reaches to either side, rounded up."""
        return 2 * self.depth + 4

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
