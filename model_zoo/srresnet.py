"""SRResNet in its usual form without batch normalisation (BasicSR's MSRResNet).

Convention: float32, sRGB-encoded in [0, 1], N H W C.

Parameters are named as in BasicSR, with two differences: `upconv1`, `upconv2` are `upconv.0`, `upconv.1`, and their
channels are in :func:`model_zoo.layers.depth_to_space`'s order.
"""

import functools
import math
from typing import ClassVar

import jax
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.blocks import resize_bilinear
from model_zoo.layers import Conv, depth_to_space
from model_zoo.taps import tap

_leaky = functools.partial(jax.nn.leaky_relu, negative_slope=0.1)
_GAIN = 2.0 * 0.1**2  # He's variance at a tenth of its deviation, BasicSR's start


class ResidualBlock(nnx.Module):
    """Convolution, rectifier, convolution and a short cut."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        """Builds a block of two 3x3 convolutions."""
        self.conv1 = Conv(channels, channels, 3, rngs=rngs, gain=_GAIN)
        self.conv2 = Conv(channels, channels, 3, rngs=rngs, gain=_GAIN)

    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Adds the residual."""
        return features + self.conv2(jax.nn.relu(self.conv1(features)))


class SRResNet(nnx.Module):
    """Residual blocks at low resolution, sub-pixel enlargement, and the bilinearly enlarged picture added.

    The paper's network normalises over the batch, which keeps state beside its parameters and was found to harm
    restoration (Lim et al., CVPRW 2017); this is the form that ESRGAN's authors made of it, with 3x3 convolutions
    throughout.

    Reference:
        Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", CVPR 2017;
        Wang et al., "ESRGAN", ECCVW 2018. The defaults are 16 blocks of 64 channels, 1.52 million parameters at x4.
    """

    colour: ClassVar[str] = "rgb"

    def __init__(self, *, scale: int, rngs: nnx.Rngs, width: int = 64, depth: int = 16) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 2, 3, 4 or 8.
            rngs: where the weights are drawn from; not kept.
            width: channels of every hidden layer.
            depth: residual blocks.

        Raises:
            ValueError: if the scale is none of the above.
        """
        if scale not in (2, 3, 4, 8):
            raise ValueError(f"scale must be 2, 3, 4 or 8 for srresnet, got {scale}")
        self.scale, self.depth = scale, depth
        self.factors = (3,) if scale == 3 else (2,) * int(math.log2(scale))
        self.conv_first = Conv(3, width, 3, rngs=rngs, gain=_GAIN)
        self.body = nnx.List([ResidualBlock(width, rngs=rngs) for _ in range(depth)])
        self.upconv = nnx.List([Conv(width, width * f**2, 3, rngs=rngs, gain=_GAIN) for f in self.factors])
        self.conv_hr = Conv(width, width, 3, rngs=rngs, gain=_GAIN)
        self.conv_last = Conv(width, 3, 3, rngs=rngs, gain=_GAIN)

    @property
    def radius(self) -> int:
        """Low-resolution pixels that an output pixel reaches to either side, rounded up."""
        reach = 2  # of the two last convolutions
        for factor in reversed(self.factors):
            reach = -(-reach // factor) + 1
        return reach + 2 * self.depth + 1

    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n sh sw 3"]:
        """Enlarges a batch.

        Args:
            images: low resolution, in [0, 1].

        Returns:
            High resolution, nominally in [0, 1] (not clipped).
        """
        hidden = _leaky(self.conv_first(images))
        for block in self.body:
            hidden = block(hidden)
        hidden = tap(hidden)
        for factor, layer in zip(self.factors, self.upconv, strict=True):
            hidden = _leaky(depth_to_space(layer(hidden), factor))
        residual = self.conv_last(_leaky(self.conv_hr(hidden)))
        _, height, width, _ = images.shape
        return residual + resize_bilinear(images, height * self.scale, width * self.scale)
