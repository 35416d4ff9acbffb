"""SwinIR: image restoration using shifted-window attention.

Convention: float32, sRGB-encoded in [0, 1], N H W C.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.attention import LayerNorm, Linear, WindowAttention
from model_zoo.blocks import enlarge_nearest
from model_zoo.layers import Conv, depth_to_space
from model_zoo.subpixel import colour_mean, enlarge, factors_of, sub_pixel_layers
from model_zoo.taps import tap

UPSAMPLERS = ("pixelshuffle", "pixelshuffledirect", "nearest+conv")
RESIDUALS = ("1conv", "3conv")
_LEAK, _DEEP_LEAK = 0.01, 0.2  # slopes below zero: before the enlargement, and in the rest


class SwinLayer(nnx.Module):
    """Window attention and a two-layer perceptron, each after normalisation and around a short cut."""

    def __init__(self, channels: int, heads: int, window: int, shift: int, mlp_ratio: float, *, rngs: nnx.Rngs) -> None:
        """Builds the layer (the paper's STL)."""
        hidden = int(channels * mlp_ratio)
        self.norm1, self.norm2 = LayerNorm(channels), LayerNorm(channels)
        self.attn = WindowAttention(channels, heads, window, shift, rngs=rngs)
        self.fc1 = Linear(channels, hidden, rngs=rngs)
        self.fc2 = Linear(hidden, channels, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Adds what attention and the perceptron give."""
        images = images + self.attn(self.norm1(images))
        return images + self.fc2(jax.nn.gelu(self.fc1(self.norm2(images)), approximate=False))


class ResidualConv(nnx.Module):
    """The convolution that ends a group: one, or three with a narrow middle."""

    def __init__(self, channels: int, kind: str, *, rngs: nnx.Rngs) -> None:
        """Builds the convolutions."""
        narrow = channels // 4
        sizes = [(channels, channels, 3)] if kind == "1conv" else [(channels, narrow, 3), (narrow, narrow, 1)]
        sizes += [] if kind == "1conv" else [(narrow, channels, 3)]
        self.layers = nnx.List([Conv(i, o, size, rngs=rngs) for i, o, size in sizes])

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Convolves; leaky rectifiers lie between, none at the end."""
        for index, layer in enumerate(self.layers):
            images = layer(jax.nn.leaky_relu(images, _DEEP_LEAK) if index else images)
        return images


class SwinGroup(nnx.Module):
    """Swin layers, every second one shifted by half a window, and a convolution, around a short cut."""

    def __init__(
        self, channels: int, blocks: int, heads: int, window: int, mlp_ratio: float, kind: str, *, rngs: nnx.Rngs
    ) -> None:
        """Builds the group (the paper's RSTB)."""
        shifts = [window // 2 if index % 2 else 0 for index in range(blocks)]
        self.blocks = nnx.List([SwinLayer(channels, heads, window, s, mlp_ratio, rngs=rngs) for s in shifts])
        self.conv = ResidualConv(channels, kind, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Adds the group's residual."""
        hidden = images
        for block in self.blocks:
            hidden = block(hidden)
        return images + self.conv(hidden)


class SwinIR(nnx.Module):
    """Groups of window-attention layers between a shallow convolution and an enlarging end.

    Pictures are extended at the right and at the bottom, mirrored, to a multiple of the window.

    Names in the authors' files (and BasicSR's): `conv_first` is `head`; `patch_embed.norm` and `norm` are `first_norm`
    and `last_norm`; `layers.G.residual_group.blocks.B.*` are `groups.G.blocks.B.*` with the same `norm1`, `norm2`,
    `attn.qkv`, `attn.proj`, but `mlp.fc1/2` are `fc1/2` and `attn.relative_position_bias_table` is `attn.offsets`;
    `layers.G.conv` is `groups.G.conv.layers.0` (of three: `conv.0/2/4` are `layers.0/1/2`); `conv_after_body` is
    `body`; `conv_before_upsample.0` is `before`; `upsample.0/2` (pixelshuffledirect: `upsample.0`) or `conv_up1/2` are
    `up`; `conv_hr` is `after`; `conv_last` is `tail`. Linear weights are transposed; buffers (`attn_mask`,
    `relative_position_index`) are worked out here. The range is 0 to 1; real-world files subtract the mean too.

    Reference:
        Liang et al., "SwinIR: Image Restoration Using Swin Transformer", ICCVW 2021. The defaults are its lightweight
        network (910,152 parameters at x2, of which the paper's 878 thousand leave out the tables of offsets);
        its classical one is `width=180, depth=6, upsampler="pixelshuffle"` (11.75 million at x2), its real-world one
        the same with `nearest+conv`.
    """

    colour: ClassVar[str] = "rgb"
    radius: ClassVar[None] = None  # which pixels see each other depends on where the windows lie

    def __init__(
        self,
        *,
        scale: int,
        rngs: nnx.Rngs,
        width: int = 60,
        depth: int = 4,
        blocks: int = 6,
        heads: int = 6,
        window: int = 8,
        mlp_ratio: float = 2.0,
        upsampler: str = "pixelshuffledirect",
        residual: str = "1conv",
        features: int = 64,
    ) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 2, 3, 4 or 8.
            rngs: where the weights are drawn from; not kept.
            width: channels of the attention layers, a multiple of `heads`.
            depth: groups of attention layers (RSTB).
            blocks: attention layers in a group.
            heads: attention heads of every layer.
            window: side of the windows in pixels, at least 2.
            mlp_ratio: hidden channels of the perceptrons over `width`.
            upsampler: `pixelshuffle` (classical), `pixelshuffledirect` (lightweight) or `nearest+conv` (real-world;
                not for x3).
            residual: convolutions at the end of a group, `1conv` or `3conv`.
            features: channels of the enlarging end, without meaning for `pixelshuffledirect`.

        Raises:
            ValueError: if an argument is none of the above.
        """
        _check(scale, width, heads, window, upsampler, residual)
        self.scale, self.factors = scale, factors_of(scale, "swinir")
        self.window, self.upsampler = window, upsampler
        self.head = Conv(3, width, 3, rngs=rngs)
        self.first_norm, self.last_norm = LayerNorm(width), LayerNorm(width)
        self.groups = nnx.List(
            [SwinGroup(width, blocks, heads, window, mlp_ratio, residual, rngs=rngs) for _ in range(depth)]
        )
        self.body = ResidualConv(width, residual, rngs=rngs)
        if upsampler == "pixelshuffledirect":
            self.up = nnx.List([Conv(width, 3 * scale**2, 3, rngs=rngs)])
            return
        self.before = Conv(width, features, 3, rngs=rngs)
        if upsampler == "pixelshuffle":
            self.up = sub_pixel_layers(features, self.factors, rngs=rngs)
        else:
            self.up = nnx.List([Conv(features, features, 3, rngs=rngs) for _ in self.factors])
            self.after = Conv(features, features, 3, rngs=rngs)
        self.tail = Conv(features, 3, 3, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n sh sw 3"]:
        """Enlarges a batch.

        Args:
            images: low resolution, in [0, 1].

        Returns:
            High resolution, nominally in [0, 1] (not clipped).
        """
        _, height, width, _ = images.shape
        mean = colour_mean(images)
        margins = [(0, 0), (0, -height % self.window), (0, -width % self.window), (0, 0)]
        features = self.head(jnp.pad(images, margins, mode="reflect") - mean)
        hidden = self.first_norm(features)
        for group in self.groups:
            hidden = group(hidden)
        large = self._enlarge(tap(features + self.body(self.last_norm(hidden)))) + mean
        return large[:, : height * self.scale, : width * self.scale]

    def _enlarge(self, hidden: Float[Array, "n h w c"]) -> Float[Array, "n sh sw 3"]:
        if self.upsampler == "pixelshuffledirect":
            return depth_to_space(self.up[0](hidden), self.scale)
        hidden = jax.nn.leaky_relu(self.before(hidden), _LEAK)
        if self.upsampler == "pixelshuffle":
            return self.tail(enlarge(hidden, self.up, self.factors))
        for factor, layer in zip(self.factors, self.up, strict=True):
            hidden = jax.nn.leaky_relu(layer(enlarge_nearest(hidden, factor)), _DEEP_LEAK)
        return self.tail(jax.nn.leaky_relu(self.after(hidden), _DEEP_LEAK))


def _check(scale: int, width: int, heads: int, window: int, upsampler: str, residual: str) -> None:
    if upsampler not in UPSAMPLERS:
        raise ValueError(f"upsampler must be one of {', '.join(UPSAMPLERS)}, got {upsampler!r}")
    if residual not in RESIDUALS:
        raise ValueError(f"residual must be one of {', '.join(RESIDUALS)}, got {residual!r}")
    if upsampler == "nearest+conv" and scale == 3:
        raise ValueError("scale must be 2, 4 or 8 with upsampler 'nearest+conv', got 3")
    if heads < 1 or width % heads:
        raise ValueError(f"width must be a multiple of heads = {heads}, got {width}")
    if window < 2:
        raise ValueError(f"window must be at least 2 pixels, got {window}")
