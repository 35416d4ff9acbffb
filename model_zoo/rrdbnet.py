"""RRDBNet: the residual-in-residual dense network of ESRGAN and Real-ESRGAN.

Convention: float32, sRGB-encoded in [0, 1], N H W C.

Parameters are named as in BasicSR, with one difference: `conv_up1`, `conv_up2` are `conv_up.0`, `conv_up.1`. Where
pixels are put into channels first, `conv_first` takes those in the order (row phase, column phase, colour), BasicSR's
in (colour, row, column).
"""

import functools
import math
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.blocks import enlarge_nearest, space_to_depth
from model_zoo.layers import Conv
from model_zoo.taps import tap

_leaky = functools.partial(jax.nn.leaky_relu, negative_slope=0.2)
_RESIDUAL = 0.2  # share of a residual that is added, in dense blocks and around three of them
_GAIN = 2.0 * 0.1**2  # He's variance at a tenth of its deviation, the paper's start for the dense blocks
_REAL_SCALES = {1: 4, 2: 2}  # pixels a side that Real-ESRGAN puts into channels at the scales below 4


class DenseBlock(nnx.Module):
    """Five convolutions, each of which sees the input and what the ones before it added."""

    def __init__(self, channels: int, growth: int, *, rngs: nnx.Rngs) -> None:
        """Builds a block whose first four convolutions add `growth` channels each."""
        seen = [channels + index * growth for index in range(5)]
        self.conv1 = Conv(seen[0], growth, 3, rngs=rngs, gain=_GAIN)
        self.conv2 = Conv(seen[1], growth, 3, rngs=rngs, gain=_GAIN)
        self.conv3 = Conv(seen[2], growth, 3, rngs=rngs, gain=_GAIN)
        self.conv4 = Conv(seen[3], growth, 3, rngs=rngs, gain=_GAIN)
        self.conv5 = Conv(seen[4], channels, 3, rngs=rngs, gain=_GAIN)

    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Adds the scaled residual."""
        seen = features
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = jnp.concatenate([seen, _leaky(layer(seen))], axis=-1)
        return features + _RESIDUAL * self.conv5(seen)


class ResidualInResidual(nnx.Module):
    """Three dense blocks and a scaled short cut around them."""

    def __init__(self, channels: int, growth: int, *, rngs: nnx.Rngs) -> None:
        """Builds the three blocks."""
        self.rdb1 = DenseBlock(channels, growth, rngs=rngs)
        self.rdb2 = DenseBlock(channels, growth, rngs=rngs)
        self.rdb3 = DenseBlock(channels, growth, rngs=rngs)

    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Adds the scaled residual."""
        return features + _RESIDUAL * self.rdb3(self.rdb2(self.rdb1(features)))


class RRDBNet(nnx.Module):
    """Dense blocks at low resolution, then pixels repeated and convolved, twice at scale 4.

    At scales 2 and 1 Real-ESRGAN's networks put 2x2 or 4x4 pixels into channels first and then enlarge by 4; a picture
    whose sides are no multiples of that is extended by reflection below and to the right, as their code does, and the
    result is cut. Such a network has no `radius`, since a crop must begin at a multiple of 2 or 4.

    Reference:
        Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", ECCVW 2018; Wang, Xie, Dong,
        Shan, "Real-ESRGAN", ICCVW 2021. The defaults are their size (23 blocks, 16.70 million parameters at x4).
    """

    colour: ClassVar[str] = "rgb"

    def __init__(
        self,
        *,
        scale: int,
        rngs: nnx.Rngs,
        width: int = 64,
        depth: int = 23,
        growth: int = 32,
        unshuffle: bool = True,
    ) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 1, 2, 3, 4 or 8.
            rngs: where the weights are drawn from; not kept.
            width: channels between blocks.
            depth: blocks of three dense blocks each.
            growth: channels that each convolution in a dense block adds.
            unshuffle: whether pixels go into channels first at scales 2 and 1, as in Real-ESRGAN; ESRGAN's own
                networks of scale 2 enlarge once.

        Raises:
            ValueError: if the scale is none of the above, or 1 without `unshuffle`.
        """
        if scale not in (1, 2, 3, 4, 8):
            raise ValueError(f"scale must be 1, 2, 3, 4 or 8 for rrdbnet, got {scale}")
        if scale == 1 and not unshuffle:
            raise ValueError("unshuffle must be true for rrdbnet at scale 1, got False")
        self.scale, self.depth = scale, depth
        self.block = _REAL_SCALES.get(scale, 1) if unshuffle else 1
        inner = scale * self.block
        self.factors = (3,) if inner == 3 else (2,) * int(math.log2(inner))
        self.conv_first = Conv(3 * self.block**2, width, 3, rngs=rngs)
        self.body = nnx.List([ResidualInResidual(width, growth, rngs=rngs) for _ in range(depth)])
        self.conv_body = Conv(width, width, 3, rngs=rngs)
        self.conv_up = nnx.List([Conv(width, width, 3, rngs=rngs) for _ in self.factors])
        self.conv_hr = Conv(width, width, 3, rngs=rngs)
        self.conv_last = Conv(width, 3, 3, rngs=rngs)

    @property
    def radius(self) -> int | None:
        """Low-resolution pixels that an output pixel reaches to either side; None where pixels go into channels."""
        if self.block > 1:
            return None
        reach = 2
        for factor in reversed(self.factors):
            reach = -(-(reach + 1) // factor)
        return reach + 15 * self.depth + 2

    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n sh sw 3"]:
        """Enlarges a batch.

        Args:
            images: low resolution, in [0, 1].

        Returns:
            High resolution, nominally in [0, 1] (not clipped).
        """
        _, height, width, _ = images.shape
        first = hidden = self.conv_first(self._packed(images))
        for block in self.body:
            hidden = block(hidden)
        hidden = tap(first + self.conv_body(hidden))
        for factor, layer in zip(self.factors, self.conv_up, strict=True):
            hidden = _leaky(layer(enlarge_nearest(hidden, factor)))
        large = self.conv_last(_leaky(self.conv_hr(hidden)))
        return large[:, : height * self.scale, : width * self.scale]

    def _packed(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n h2 w2 c"]:
        """Puts pixels into channels where the scale asks for it."""
        if self.block == 1:
            return images
        pads = [(0, -size % self.block) for size in images.shape[1:3]]
        return space_to_depth(jnp.pad(images, ((0, 0), *pads, (0, 0)), mode="reflect"), self.block)
