"""FSRCNN: fast super-resolution by a convolutional network, on luma.

Convention: float32 luma (BT.601, studio swing / 255), in [0, 1], N H W 1.
"""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.layers import Conv, Deconv, PReLU

_HE = 2.0  # variance gain for rectified layers
_LEAK = 0.25  # what is left of the start's weights from the carried channel to the others


class FSRCNN(nnx.Module):
    """Feature extraction, shrinking, mapping, expanding, and a transposed convolution that enlarges.

    It starts out near bicubic enlargement: the first channel carries luma through to the transposed convolution, whose
    first kernel starts as the bicubic one. That is a start only, the network is the paper's; from it, a sixth of the
    steps lead to the same PSNR as from random weights alone (measured at x2: 2,000 against 12,000 steps).

    Reference:
        Dong, Loy, Tang, "Accelerating the Super-Resolution Convolutional Neural Network", ECCV 2016. The defaults
        are its FSRCNN(56, 12, 4): 12,464 weights, with biases and slopes 12,809 parameters at every scale.
    """

    colour: ClassVar[str] = "luma"

    def __init__(self, *, scale: int, rngs: nnx.Rngs, width: int = 56, depth: int = 4, shrink: int = 12) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 2, 3 or 4.
            rngs: where the weights are drawn from; not kept.
            width: channels after feature extraction (the paper's d).
            depth: mapping layers (the paper's m).
            shrink: channels of the mapping layers (the paper's s).

        Raises:
            ValueError: if the scale is none of the above.
        """
        if scale not in (2, 3, 4):
            raise ValueError(f"scale must be 2, 3 or 4 for fsrcnn, got {scale}")
        self.scale, self.depth = scale, depth
        sizes = [(1, width, 5), (width, shrink, 1), *[(shrink, shrink, 3)] * depth, (shrink, width, 1)]
        self.layers = nnx.List([Conv(i, o, size, rngs=rngs, gain=_HE) for i, o, size in sizes])
        self.slopes = nnx.List([PReLU(o) for _, o, _ in sizes])
        self.enlarge = Deconv(width, 9, scale, rngs=rngs, gain=0.01)
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
        return self.enlarge(hidden)

    def _begin_as_bicubic(self) -> None:
        """Lets the first channel carry luma to a bicubic kernel."""
        for index, layer in enumerate(self.layers):
            kernel = layer.kernel[...]
            centre = kernel.shape[0] // 2
            if index:
                kernel = kernel.at[:, :, 0, :].multiply(jnp.float32(_LEAK))
            kernel = kernel.at[:, :, :, 0].set(jnp.float32(0))
            layer.kernel[...] = kernel.at[centre, centre, 0, 0].set(jnp.float32(1))
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
