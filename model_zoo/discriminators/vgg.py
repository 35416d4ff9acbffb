"""A classifier of whole patches in the manner of VGG, as SRGAN and ESRGAN have it.

Convention: float32, N H W 3, in [-1, 1].
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.layers import Conv

_SLOPE = 0.2
_HE = 2.0 / (1.0 + _SLOPE**2)  # keeps the features' variance through leaky rectifiers


class VGGDiscriminator(nnx.Module):
    """Pairs of convolutions, the second of which halves each side, then a mean over the patch and two dense layers.

    It differs from SRGAN's in two ways. There is no batch normalisation: with it a picture's logit would depend on the
    pictures beside it, and a slim discriminator on small batches gets noise rather than help from it; weights are drawn
    such that variances are kept without. And features are averaged over the patch before the dense layers, so that
    patches of any size from 2**depth pixels can be judged.

    Reference:
        Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", CVPR 2017,
        figure 4; windows of 4x4 pixels where it halves, as in BasicSR's version for ESRGAN.
    """

    def __init__(self, *, rngs: nnx.Rngs, width: int = 64, depth: int = 4, dense: int = 100) -> None:
        """Builds the network.

        Args:
            rngs: where the weights are drawn from; not kept.
            width: channels of the first pair; doubled from pair to pair up to eightfold.
            depth: pairs, that is, halvings.
            dense: outputs of the first dense layer.
        """
        widths = [width * min(2**pair, 8) for pair in range(depth)]
        self.plain = nnx.List(
            [Conv(i, o, 3, rngs=rngs, gain=_HE) for i, o in zip([3, *widths[:-1]], widths, strict=True)]
        )
        self.halving = nnx.List([Conv(w, w, 4, rngs=rngs, gain=_HE, stride=2, padding=1) for w in widths])
        self.dense = Conv(widths[-1], dense, 1, rngs=rngs, gain=_HE)
        self.last = Conv(dense, 1, 1, rngs=rngs)
        self.least = 2**depth

    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n 1"]:
        """Judges a batch.

        Args:
            images: in [-1, 1].

        Returns:
            A logit for each picture.

        Raises:
            ValueError: if a side is shorter than 2**depth pixels.
        """
        if min(images.shape[1:3]) < self.least:
            raise ValueError(f"images must be at least {self.least} pixels a side, got {images.shape[1:3]}")
        for plain, halving in zip(self.plain, self.halving, strict=True):
            images = _leaky(halving(_leaky(plain(images))))
        pooled = jnp.mean(images.astype(jnp.float32), axis=(1, 2), keepdims=True).astype(images.dtype)
        return self.last(_leaky(self.dense(pooled)))[:, 0, 0]


def _leaky(images: Array) -> Array:
    return jax.nn.leaky_relu(images, _SLOPE)
