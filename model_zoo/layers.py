"""The few layers the networks are built from.

Convention: float32, sRGB-encoded in [0, 1], N H W C; kernels are H W I O. Parameters live under `nnx.Param` only and
no layer keeps random state, so a network is a pure function of its parameters.
"""

import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from model_zoo import backend


def convolve(
    images: Float[Array, "n h w i"],
    kernel: Float[Array, "kh kw i o"],
    *,
    stride: int = 1,
    padding: Literal["SAME", "VALID"] | int = "SAME",
) -> Float[Array, "n h2 w2 o"]:
    """Convolves with zero padding, expressed as the backend likes it best.

    Args:
        images: the batch, of the kernel's float type.
        kernel: weights.
        stride: input pixels between two output pixels.
        padding: `SAME` (odd kernels: half a kernel on each side), `VALID` (none), or pixels on each side.

    Returns:
        The filtered batch, ceil(H / stride) high for `SAME`.
    """
    height, width, _, _ = kernel.shape
    margins = {"SAME": (height // 2, width // 2), "VALID": (0, 0)}.get(str(padding)) or (int(padding),) * 2
    plain = stride > 1 or padding != "SAME" or height != width or height == 1 or not height % 2
    if plain or backend.plan().convolution == "native":
        pads = [(margin, margin) for margin in margins]
        return jax.lax.conv_general_dilated(images, kernel, (stride, stride), pads, dimension_numbers=_FORWARD)
    return _convolve_sliced(images, kernel)


_FORWARD = ("NHWC", "HWIO", "NHWC")
_WEIGHTS = ("CHWN", "IHWO", "HWNC")  # contracts pictures and pixels, the windows are the taps of the kernel


@jax.custom_vjp
def _convolve_sliced(images: Float[Array, "n h w i"], kernel: Float[Array, "k k i o"]) -> Float[Array, "n h w o"]:
    """The same bits as XLA's own convolution, but weight gradients from a few pictures at a time."""
    return _same(images, kernel, _FORWARD)


def _same(left: jax.Array, right: jax.Array, layout: tuple[str, str, str], size: int | None = None) -> jax.Array:
    """XLA's convolution, padded so that pictures keep their size under a kernel of `size` (its own, unless given)."""
    margin = (size or right.shape[0]) // 2
    kind = jnp.float32 if size and left.dtype == jnp.bfloat16 else left.dtype
    pads = [(margin, margin)] * 2
    return jax.lax.conv_general_dilated(
        left, right, (1, 1), pads, dimension_numbers=layout, preferred_element_type=kind
    )


def _sliced_forward(
    images: Any, kernel: Any
) -> tuple[jax.Array, tuple[jax.Array, jax.Array, bool | None, bool | None]]:
    """What the derivative needs: both operands, and which of them is differentiated (a None: it is not)."""
    wanted = (True if images.perturbed else None, True if kernel.perturbed else None)
    return _convolve_sliced(images.value, kernel.value), (images.value, kernel.value, *wanted)


def _sliced_backward(kept: Any, slopes: Any) -> tuple[jax.Array | None, jax.Array | None]:
    """The gradients that are wanted."""
    images, kernel, towards_images, towards_kernel = kept
    if not isinstance(slopes, jax.Array):  # known to be zero
        return None, None
    back = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    return (
        None if towards_images is None else _same(slopes, back, _FORWARD),
        None if towards_kernel is None else weight_gradient(images, slopes, kernel.shape[0]).astype(kernel.dtype),
    )


_convolve_sliced.defvjp(_sliced_forward, _sliced_backward, symbolic_zeros=True)

_NARROW = 16  # outputs up to which one XLA call for the whole batch is the faster
_SLICE = 72_000  # numbers in four pictures up to which four make a slice, and two beyond
_MOST = 16  # slices, since each costs time to compile


def weight_gradient(
    images: Float[Array, "n h w i"], slopes: Float[Array, "n h w o"], size: int
) -> Float[Array, "k k i o"]:
    """The derivative of a `SAME` convolution by its kernel, summed over slices of the batch.

    Args:
        images: what was convolved.
        slopes: derivative by the result, of the same float type.
        size: side of the kernel, odd.

    Returns:
        The derivative, float32 where the arguments are bfloat16. Few pictures at a time stay in the cache, which makes
        it up to twice as fast as one XLA call; with few outputs it is the slopes whose windows are taken.
    """
    count, height, width, inputs = images.shape
    outputs = slopes.shape[-1]
    if outputs <= _NARROW < inputs:
        return weight_gradient(slopes, images, size)[::-1, ::-1].transpose(0, 1, 3, 2)
    pictures = 4 if 4 * height * width * inputs <= _SLICE else 2
    step = count if outputs <= _NARROW else max(pictures, -(-count // _MOST))
    total = _same(images[:step], slopes[:step], _WEIGHTS, size)
    for start in range(step, count, step):
        piece = slice(start, start + step)
        total = total + _same(images[piece], slopes[piece], _WEIGHTS, size)
    return total


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
        padding: Literal["SAME", "VALID"] | int = "SAME",
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
        self.biased, self.stride, self.padding = bias, stride, padding

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
