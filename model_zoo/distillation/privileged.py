"""The teacher that sees the truth: it makes a code of the low resolution's size out of the high one, and enlarges that.

Convention: float32 luma (BT.601, studio swing / 255), in [0, 1], N H W 1.

The encoder's code is kept near the true low resolution, and the decoder has the student's shape, so that what the
decoder learns is of use to a student that sees the low resolution alone.
"""

from typing import ClassVar

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.layers import Conv, PReLU

_HE = 2.0
_LEAK = 0.25  # what is left of the start's weights from the carried channel to the others
_SIZE = 5


class Encoder(nnx.Module):
    """High resolution to a code of the low one's size.

    It starts out near the mean of the pixels that it reaches of each square, as the decoder starts near bicubic
    enlargement (`model_zoo.fsrcnn`): a start only, the network is the paper's.

    Reference:
        Lee et al., "Learning with Privileged Information for Efficient Image Super-Resolution", ECCV 2020: 5x5 to 56
        channels, 5x5 with a stride of the scale, 3x3 to 12, 3x3 to 1.
    """

    colour: ClassVar[str] = "luma"
    radius: ClassVar[None] = None

    def __init__(self, *, scale: int, rngs: nnx.Rngs, width: int = 56, shrink: int = 12) -> None:
        """Builds the encoder.

        Args:
            scale: high-resolution pixels to a pixel of the code, on each side.
            rngs: where the weights are drawn from; not kept.
            width: channels of the first two layers.
            shrink: channels of the third.
        """
        self.scale = scale
        sizes = [(1, width, _SIZE, 1), (width, width, _SIZE, scale), (width, shrink, 3, 1), (shrink, 1, 3, 1)]
        self.layers = nnx.List([Conv(i, o, size, rngs=rngs, gain=_HE, stride=step) for i, o, size, step in sizes])
        self.slopes = nnx.List([PReLU(o) for _, o, _, _ in sizes[:-1]])
        self._begin_as_mean()

    def __call__(self, images: Float[Array, "n sh sw 1"]) -> Float[Array, "n h w 1"]:
        """Encodes luma.

        Args:
            images: high resolution, in [0, 1], sides multiples of the scale.

        Returns:
            The code.
        """
        *layers, last = self.layers
        hidden = images
        for layer, slope in zip(layers, self.slopes, strict=True):
            hidden = slope(layer(hidden))
        return last(hidden)

    def _begin_as_mean(self) -> None:
        """Lets the first channel carry luma, and the layer with the stride average it."""
        for index, layer in enumerate(self.layers):
            kernel = layer.kernel[...]
            centre = kernel.shape[0] // 2
            reach = min(self.scale, _SIZE - centre) if layer.stride > 1 else 1
            if index:
                kernel = kernel.at[:, :, 0, :].multiply(jnp.float32(_LEAK))
            kernel = kernel.at[:, :, :, 0].set(jnp.float32(0))
            mean = jnp.float32(1 / reach**2)
            layer.kernel[...] = kernel.at[centre : centre + reach, centre : centre + reach, 0, 0].set(mean)
