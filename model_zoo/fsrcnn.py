"""FSRCNN: fast super-resolution by a convolutional network, on luma.

Convention: float32 luma (BT.601, studio swing / 255), in [0, 1], N H W 1.

`layers.0` ... and `slopes.0` ... are the convolutions in order and the slopes behind them, `enlarge` is the last layer.
"""

from typing import ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.layers import Conv, Deconv, PReLU, depth_to_space
from model_zoo.taps import tap

_HE = 2.0  # variance gain for rectified layers
_LEAK = 0.25  # what is left of the start's weights from the carried channel to the others


class SubPixel(nnx.Module):
    """A 1x1 convolution without bias whose channels become pixels, and one number added to them all."""

    radius: ClassVar[int] = 0

    def __init__(self, inputs: int, factor: int, *, rngs: nnx.Rngs, gain: float) -> None:
        """Draws the weights."""
        self.factor = factor
        self.expand = Conv(inputs, factor**2, 1, rngs=rngs, gain=gain, bias=False)
        self.bias = nnx.Param(jnp.zeros((1,), jnp.float32))

    def __call__(self, images: Float[Array, "n h w i"]) -> Float[Array, "n fh fw 1"]:
        """Enlarges and adds the bias."""
        return depth_to_space(self.expand(images), self.factor) + self.bias[...][None, None, None, :]


class FSRCNN(nnx.Module):
    """Feature extraction, shrinking, mapping, expanding, and a transposed convolution that enlarges.

    It starts out near bicubic enlargement: the first channel carries luma through to the transposed convolution, whose
    first kernel starts as the bicubic one. That is a start only, the network is the paper's; from it, a sixth of the
    steps lead to the same PSNR as from random weights alone (measured at x2: 2,000 against 12,000 steps).

    OpenCV's networks of this name end in a sub-pixel layer instead (`tail="subpixel"`: a 1x1 convolution, shuffling,
    one bias), whose carried channel starts by repeating pixels.

    Reference:
        Dong, Loy, Tang, "Accelerating the Super-Resolution Convolutional Neural Network", ECCV 2016. The defaults
        are its FSRCNN(56, 12, 4): 12,464 weights, with biases and slopes 12,809 parameters at every scale.
    """

    colour: ClassVar[str] = "luma"

    def __init__(
        self,
        *,
        scale: int,
        rngs: nnx.Rngs,
        width: int = 56,
        depth: int = 4,
        shrink: int = 12,
        tail: Literal["transposed", "subpixel"] = "transposed",
    ) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 2, 3 or 4.
            rngs: where the weights are drawn from; not kept.
            width: channels after feature extraction (the paper's d).
            depth: mapping layers (the paper's m).
            shrink: channels of the mapping layers (the paper's s).
            tail: what enlarges, the paper's transposed convolution or the sub-pixel layer of OpenCV's networks.

        Raises:
            ValueError: if the scale or the tail is none of the above.
        """
        if scale not in (2, 3, 4):
            raise ValueError(f"scale must be 2, 3 or 4 for fsrcnn, got {scale}")
        if tail not in ("transposed", "subpixel"):
            raise ValueError(f"tail must be transposed or subpixel for fsrcnn, got {tail!r}")
        self.scale, self.depth = scale, depth
        sizes = [(1, width, 5), (width, shrink, 1), *[(shrink, shrink, 3)] * depth, (shrink, width, 1)]
        self.layers = nnx.List([Conv(i, o, size, rngs=rngs, gain=_HE) for i, o, size in sizes])
        self.slopes = nnx.List([PReLU(o) for _, o, _ in sizes])
        if tail == "transposed":
            self.enlarge = Deconv(width, 9, scale, rngs=rngs, gain=0.01)
        else:
            self.enlarge = SubPixel(width, scale, rngs=rngs, gain=0.01)
        self._begin_as_bicubic()

    @property
    def radius(self) -> int:
        """Low-resolution pixels that an output pixel reaches to either side."""
        return 2 + self.depth + self.enlarge.radius

    def __call__(self, images: Float[Array, "n h w 1"]) -> Float[Array, "n sh sw 1"]:
        """Enlarges a batch of luma.

        Args:
            images: low resolution, in [0, 1].

        Returns:
            High resolution, nominally in [0, 1] (not clipped).
        """
        hidden = images
        for layer, slope in zip(self.layers, self.slopes, strict=True):
            hidden = slope(layer(hidden))
        return self.enlarge(tap(hidden))

    def _begin_as_bicubic(self) -> None:
        """Lets the first channel carry luma to a bicubic kernel, or to a sub-pixel layer that repeats it."""
        for index, layer in enumerate(self.layers):
            kernel = layer.kernel[...]
            centre = kernel.shape[0] // 2
            if index:
                kernel = kernel.at[:, :, 0, :].multiply(jnp.float32(_LEAK))
            kernel = kernel.at[:, :, :, 0].set(jnp.float32(0))
            layer.kernel[...] = kernel.at[centre, centre, 0, 0].set(jnp.float32(1))
        if isinstance(self.enlarge, SubPixel):
            expand = self.enlarge.expand.kernel
            expand[...] = expand[...].at[0, 0, 0, :].set(jnp.float32(1))
            return
        start = jnp.asarray(_bicubic_taps(self.enlarge.size, self.scale), jnp.float32)
        self.enlarge.kernel[...] = self.enlarge.kernel[...].at[:, :, 0, 0].set(start)


def _bicubic_taps(size: int, factor: int) -> np.ndarray:
    """The bicubic kernel (Keys, a = -1/2) at the places of a transposed convolution's taps; each phase sums to 1."""
    offset = np.arange(size) - size // 2 + (factor - 1) // 2  # of the output pixel from its source's corner
    distance = np.abs(offset - (factor - 1) / 2) / factor
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    taps = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
    for phase in range(factor):
        taps[offset % factor == phase] /= taps[offset % factor == phase].sum()
    return np.outer(taps, taps)
