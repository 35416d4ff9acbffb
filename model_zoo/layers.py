"""The few layers the networks are built from.

Convention: float32, sRGB-encoded in [0, 1], N H W C; kernels are H W I O. Parameters live under `nnx.Param` only and
no layer keeps random state, so a network is a pure function of its parameters.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.convolution import Padding, convolve


def depth_to_space(images: Float[Array, "n h w c"], factor: int) -> Float[Array, "n fh fw c2"]:
    """Rearranges channels into pixels (the sub-pixel layer).

    Args:
        images: channels ordered (row phase, column phase, colour).
        factor: how many times larger each side becomes.

    Returns:
        The larger batch, with `factor**2` times fewer channels.

    Reference:
        Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN", CVPR 2016.
    """
    count, height, width, channels = images.shape
    colours = channels // factor**2
    split = images.reshape(count, height, width, factor, factor, colours)
    return split.transpose(0, 1, 3, 2, 4, 5).reshape(count, height * factor, width * factor, colours)


def draw_kernel(key: jax.Array, shape: tuple[int, int, int, int], gain: float) -> Float[Array, "kh kw i o"]:
    """Draws a kernel evenly around zero, with a variance of `gain` over the fan-in (LeCun's start where it is 1).

    The very numbers of `jax.nn.initializers.variance_scaling`, drawn in a row: to draw them in their four axes takes
    XLA's CPU compiler 2 to 15 s for a shape (measured with jax 0.10.2), a row 0.3 s.

    Args:
        key: what the numbers follow from.
        shape: height, width, channels in, channels out.
        gain: variance times fan-in.

    Returns:
        The kernel, float32.
    """
    variance = jnp.array(gain / math.prod(shape[:-1]), jnp.float32)
    row = jax.random.uniform(key, (math.prod(shape),), jnp.float32, -1.0)
    return (row * jnp.sqrt(jnp.float32(3) * variance)).reshape(shape)


class Conv(nnx.Module):
    """A square convolution, by default with bias and such that height and width stay."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        *,
        rngs: nnx.Rngs,
        gain: float = 1.0 / 3.0,
        stride: int = 1,
        padding: Padding = "SAME",
        bias: bool = True,
    ) -> None:
        """Draws the weights.

        Args:
            inputs: channels in.
            outputs: channels out.
            size: side of the footprint in pixels, odd where the padding is `SAME`.
            rngs: where the weights are drawn from; not kept.
            gain: variance of the weights times the fan-in (1/3: the field's usual start; 2: He's for rectifiers).
            stride: input pixels between two output pixels.
            padding: see :func:`convolve`.
            bias: whether a number is added to each channel.
        """
        self.kernel = nnx.Param(draw_kernel(rngs.params(), (size, size, inputs, outputs), gain))
        if bias:
            self.bias = nnx.Param(jnp.zeros((outputs,), jnp.float32))
        self.biased, self.stride = bias, stride
        self.padding: Padding = padding

    def __call__(self, images: Float[Array, "n h w i"]) -> Float[Array, "n h2 w2 o"]:
        """Convolves and adds the bias."""
        result = convolve(images, self.kernel[...], stride=self.stride, padding=self.padding)
        return result + self.bias[...][None, None, None, :] if self.biased else result


class PReLU(nnx.Module):
    """A rectifier whose slope below zero is learnt for each channel (He et al., ICCV 2015)."""

    def __init__(self, channels: int, start: float = 0.25) -> None:
        """Sets every channel's slope to `start`."""
        self.slope = nnx.Param(jnp.full((channels,), start, jnp.float32))

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Scales what is below zero."""
        return jnp.where(images > 0, images, images * self.slope[...][None, None, None, :])


class Deconv(nnx.Module):
    """A transposed convolution to one channel, worked out at low resolution.

    A stride-s transposed convolution computes each of the s*s output phases from its own subset of the kernel's
    taps. The taps are gathered into one plain convolution with s*s outputs, followed by the sub-pixel rearrangement:
    the same numbers, without the zeros in between. Low-resolution pixel j lies at output pixel s*j + (s - 1)//2.
    """

    def __init__(self, inputs: int, size: int, factor: int, *, rngs: nnx.Rngs, gain: float) -> None:
        """Draws the weights.

        Args:
            inputs: channels in.
            size: side of the footprint in output pixels, odd.
            factor: stride, how many times larger each side becomes.
            rngs: where the weights are drawn from; not kept.
            gain: variance of the weights times the fan-in of one output phase.
        """
        self.factor, self.size = factor, size
        scale = math.sqrt(gain * factor**2 / (size**2 * inputs))
        draw = jax.random.normal(rngs.params(), (size, size, inputs, 1), jnp.float32)
        self.kernel = nnx.Param(draw * jnp.float32(scale))
        self.bias = nnx.Param(jnp.zeros((1,), jnp.float32))

    @property
    def radius(self) -> int:
        """Low-resolution pixels that an output pixel reaches to either side."""
        return (self.size // 2 + self.factor - 1) // self.factor

    def __call__(self, images: Float[Array, "n h w i"]) -> Float[Array, "n fh fw 1"]:
        """Enlarges and adds the bias."""
        reach, factor, inputs = 2 * self.radius + 1, self.factor, images.shape[-1]
        taps = self._taps()
        padded = jnp.pad(self.kernel[...], ((0, 1), (0, 1), (0, 0), (0, 0)))
        gathered = padded[taps[:, :, None, None], taps[None, None, :, :]][..., 0]  # (reach, f, reach, f, inputs)
        kernel = gathered.transpose(0, 2, 4, 1, 3).reshape(reach, reach, inputs, factor**2)
        return depth_to_space(convolve(images, kernel), factor) + self.bias[...][None, None, None, :]

    def _taps(self) -> np.ndarray:
        """Which tap joins low-resolution offset d to output phase p; `size` where none does."""
        offset = np.arange(-self.radius, self.radius + 1)[:, None]
        phase = np.arange(self.factor)[None, :]
        tap = phase - (self.factor - 1) // 2 + self.size // 2 - self.factor * offset
        return np.where((tap >= 0) & (tap < self.size), tap, self.size)
