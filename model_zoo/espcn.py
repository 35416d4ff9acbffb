"""ESPCN: efficient sub-pixel convolutional network, on luma.

Convention: float32 luma (BT.601, studio swing / 255), in [0, 1], N H W 1.

`layers.0`, `layers.1`, ... are the convolutions in order (`f1`, `f2`, `f3` of the published TensorFlow networks).
"""

from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.layers import Conv, depth_to_space
from model_zoo.taps import tap


class ESPCN(nnx.Module):
    """Three convolutions at low resolution, the last of which makes the pixels of the enlarged picture.

    Reference:
        Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
        Network", CVPR 2016, section 2 (5x5 to 64 channels, 3x3 to 32, 3x3; hyperbolic tangent between).
    """

    colour: ClassVar[str] = "luma"

    def __init__(
        self,
        *,
        scale: int,
        rngs: nnx.Rngs,
        width: int = 64,
        depth: int = 1,
        activation: Literal["tanh", "relu"] = "tanh",
        bounded: bool = False,
    ) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 2, 3, 4 or 8.
            rngs: where the weights are drawn from; not kept.
            width: channels after the first convolution, even; half as many after the others.
            depth: 3x3 convolutions between the first and the last.
            activation: between convolutions; the paper's is `tanh`, TF-ESPCN's (which OpenCV uses) `relu`.
            bounded: whether the output goes through a hyperbolic tangent, as TF-ESPCN's does.

        Raises:
            ValueError: if the scale, the width or the activation is none of the above.
        """
        if scale not in (2, 3, 4, 8):
            raise ValueError(f"scale must be 2, 3, 4 or 8 for espcn, got {scale}")
        if width < 2 or width % 2:
            raise ValueError(f"width must be even for espcn, got {width}")
        if activation not in ("tanh", "relu"):
            raise ValueError(f"activation must be tanh or relu for espcn, got {activation!r}")
        self.scale, self.depth, self.activation, self.bounded = scale, depth, activation, bounded
        channels = [width, *[width // 2] * depth]
        self.layers = nnx.List([Conv(1, width, 5, rngs=rngs)])
        for inputs, outputs in zip(channels, [*channels[1:], scale**2], strict=True):
            self.layers.append(Conv(inputs, outputs, 3, rngs=rngs))

    @property
    def radius(self) -> int:
        """Low-resolution pixels that an output pixel reaches to either side."""
        return 3 + self.depth

    def __call__(self, images: Float[Array, "n h w 1"]) -> Float[Array, "n sh sw 1"]:
        """Enlarges a batch of luma.

        Args:
            images: low resolution, in [0, 1].

        Returns:
            High resolution, nominally in [0, 1] (not clipped).
        """
        *hidden_layers, last = self.layers
        act = jnp.tanh if self.activation == "tanh" else jax.nn.relu
        hidden = images
        for layer in hidden_layers:
            hidden = act(layer(hidden))
        large = depth_to_space(last(tap(hidden)), self.scale)
        return jnp.tanh(large) if self.bounded else large
