"""A classifier of every pixel in its surroundings: a U-Net with spectral normalisation.

Convention: float32, N H W 3, in [-1, 1].
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.blocks import resize_bilinear
from model_zoo.discriminators.spectral import SpectralConv
from model_zoo.layers import Conv

_SLOPE = 0.2
_MULTIPLE = 8  # three halvings


class UNetDiscriminator(nnx.Module):
    """Three halvings, three bilinear doublings with short cuts between equal sizes, three more convolutions.

    Reference:
        Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data", ICCVW 2021,
        section 3.4 and figure 6; spectral normalisation on all layers but the first and the last.
    """

    def __init__(self, *, rngs: nnx.Rngs, width: int = 64) -> None:
        """Builds the network.

        Args:
            rngs: where the weights are drawn from; not kept.
            width: channels at full size; doubled with every halving.
        """
        self.head = Conv(3, width, 3, rngs=rngs)
        self.down = nnx.List(
            [SpectralConv(width * 2**i, width * 2 ** (i + 1), 4, rngs=rngs, stride=2) for i in range(3)]
        )
        self.up = nnx.List([SpectralConv(width * 2 ** (i + 1), width * 2**i, 3, rngs=rngs) for i in (2, 1, 0)])
        self.body = nnx.List([SpectralConv(width, width, 3, rngs=rngs) for _ in range(2)])
        self.tail = Conv(width, 1, 3, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n h w 1"]:
        """Judges every pixel of a batch.

        Args:
            images: in [-1, 1], of any size; where the sides are no multiples of eight, the last rows and columns are
                repeated for the time being.

        Returns:
            A logit for each pixel.
        """
        height, width = images.shape[1:3]
        images = jnp.pad(images, ((0, 0), (0, -height % _MULTIPLE), (0, -width % _MULTIPLE), (0, 0)), mode="edge")
        levels = [_leaky(self.head(images))]
        for down in self.down:
            levels.append(_leaky(down(levels[-1])))
        features = levels.pop()
        for up in self.up:
            beside = levels.pop()
            features = _leaky(up(resize_bilinear(features, *beside.shape[1:3]))) + beside
        for layer in self.body:
            features = _leaky(layer(features))
        return self.tail(features)[:, :height, :width]


def _leaky(images: Array) -> Array:
    return jax.nn.leaky_relu(images, _SLOPE)
