"""RCAN: residual channel attention network.

Convention: float32, sRGB-encoded in [0, 1], N H W C.
"""

from typing import ClassVar

import jax
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.attention import ChannelAttention
from model_zoo.layers import Conv
from model_zoo.subpixel import colour_mean, enlarge, factors_of, sub_pixel_layers
from model_zoo.taps import tap


class ChannelAttentionBlock(nnx.Module):
    """Two convolutions and channel attention, around a short cut."""

    def __init__(self, channels: int, reduction: int, *, rngs: nnx.Rngs) -> None:
        """Builds the block (the paper's RCAB)."""
        self.first = Conv(channels, channels, 3, rngs=rngs)
        self.second = Conv(channels, channels, 3, rngs=rngs)
        self.attention = ChannelAttention(channels, reduction, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Adds the attended residual."""
        return images + self.attention(self.second(jax.nn.relu(self.first(images))))


class ResidualGroup(nnx.Module):
    """Blocks and a convolution, around a short cut."""

    def __init__(self, channels: int, blocks: int, reduction: int, *, rngs: nnx.Rngs) -> None:
        """Builds the group."""
        self.blocks = nnx.List([ChannelAttentionBlock(channels, reduction, rngs=rngs) for _ in range(blocks)])
        self.body = Conv(channels, channels, 3, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Adds the group's residual."""
        hidden = images
        for block in self.blocks:
            hidden = block(hidden)
        return images + self.body(hidden)


class RCAN(nnx.Module):
    """Residual groups of residual blocks with channel attention, then sub-pixel enlargement.

    Names in the authors' files: `head.0` is `head`; `body.G.body.B.body.0/2` are `groups.G.blocks.B.first/second` and
    `.body.3.conv_du.0/2` its `attention.squeeze/excite`; the last `body.G.body` is `groups.G.body`, the last `body`
    is `body`; `tail.0.0/2` are `up`, `tail.1` is `tail`. In BasicSR's: `conv_first`, `body.G.residual_group.B.rcab.0/2`
    with `.3.attention.1/3`, `body.G.conv`, `conv_after_body`, `upsample.0/2`, `conv_last`. Both work on 0 to 255
    minus the mean: a factor for `head`'s kernel, and its inverse for `tail`'s kernel and bias.

    Reference:
        Zhang et al., "Image Super-Resolution Using Very Deep Residual Channel Attention Networks", ECCV 2018. The
        defaults are the paper's (15.44 million parameters at x2).
    """

    colour: ClassVar[str] = "rgb"
    radius: ClassVar[None] = None  # the gates see the whole picture

    def __init__(
        self, *, scale: int, rngs: nnx.Rngs, width: int = 64, depth: int = 10, blocks: int = 20, reduction: int = 16
    ) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 2, 3, 4 or 8.
            rngs: where the weights are drawn from; not kept.
            width: channels of every hidden layer.
            depth: residual groups.
            blocks: residual blocks in a group.
            reduction: how many times fewer channels lie inside a gate.

        Raises:
            ValueError: if the scale is none of the above.
        """
        self.scale, self.factors = scale, factors_of(scale, "rcan")
        self.head = Conv(3, width, 3, rngs=rngs)
        self.groups = nnx.List([ResidualGroup(width, blocks, reduction, rngs=rngs) for _ in range(depth)])
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
        for group in self.groups:
            hidden = group(hidden)
        hidden = features + self.body(hidden)
        return self.tail(enlarge(tap(hidden), self.up, self.factors)) + mean
