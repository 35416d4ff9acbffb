"""Layers that the attentive networks share.

Convention: images are N H W C, tokens carry their channels last. Statistics and softmax are worked out in float32
whatever the float type of the numbers around them.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.layers import Conv


class ChannelAttention(nnx.Module):
    """Scales every channel by a gate worked out from all channels' means over the picture.

    Reference:
        Zhang et al., "Image Super-Resolution Using Very Deep Residual Channel Attention Networks", ECCV 2018,
        equations 9 to 11.
    """

    def __init__(self, channels: int, reduction: int, *, rngs: nnx.Rngs) -> None:
        """Builds the two layers of the gate.

        Args:
            channels: channels in and out.
            reduction: how many times fewer channels (at least one) lie between the two layers.
            rngs: where the weights are drawn from; not kept.
        """
        between = max(1, channels // reduction)
        self.squeeze = Conv(channels, between, 1, rngs=rngs)
        self.excite = Conv(between, channels, 1, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Scales the channels."""
        means = images.mean(axis=(1, 2), keepdims=True, dtype=jnp.float32).astype(images.dtype)
        return images * jax.nn.sigmoid(self.excite(jax.nn.relu(self.squeeze(means))))
