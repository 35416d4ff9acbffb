"""RDN: residual dense network.

Convention: float32, sRGB-encoded in [0, 1], N H W C.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.layers import Conv
from model_zoo.subpixel import enlarge, factors_of
from model_zoo.taps import tap


class ResidualDenseBlock(nnx.Module):
    """Densely joined convolutions, fused by a 1x1 convolution, around a short cut."""

    def __init__(self, channels: int, growth: int, layers: int, *, rngs: nnx.Rngs) -> None:
        """Builds the block: layer c sees the block's input and all layers before it."""
        self.layers = nnx.List([Conv(channels + c * growth, growth, 3, rngs=rngs) for c in range(layers)])
        self.fuse = Conv(channels + layers * growth, channels, 1, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Adds the fused residual."""
        seen = images
        for layer in self.layers:
            seen = jnp.concatenate((seen, jax.nn.relu(layer(seen))), axis=-1)
        return images + self.fuse(seen)


class RDN(nnx.Module):
    """Residual dense blocks whose outputs are all fused, then sub-pixel enlargement.

    Names in the authors' files: `SFENet1/2` are `head/second`; `RDBs.D.convs.C.conv.0` is `blocks.D.layers.C` and
    `RDBs.D.LFF` is `blocks.D.fuse`; `GFF.0/1` are `fuse/body`; `UPNet.0` (and at x4 `UPNet.2`) are `up`, the last
    `UPNet` is `tail`. They work on 0 to 255 and subtract no mean: 255 times `head`'s kernel, and 1/255 times
    `tail`'s kernel and bias.

    Reference:
        Zhang et al., "Residual Dense Network for Image Super-Resolution", CVPR 2018. The defaults are its largest
        (16 blocks of 8 layers, growth 64: 22.12 million parameters at x2).
    """

    colour: ClassVar[str] = "rgb"

    def __init__(
        self, *, scale: int, rngs: nnx.Rngs, width: int = 64, depth: int = 16, layers: int = 8, growth: int = 64
    ) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 2, 3, 4 or 8.
            rngs: where the weights are drawn from; not kept.
            width: channels between blocks (the paper's G0).
            depth: residual dense blocks (D).
            layers: densely joined convolutions in a block (C).
            growth: channels that each of them adds (G), and those of the enlarging layers.

        Raises:
            ValueError: if the scale is none of the above.
        """
        self.scale, self.factors = scale, factors_of(scale, "rdn")
        self.depth, self.layers = depth, layers
        self.head = Conv(3, width, 3, rngs=rngs)
        self.second = Conv(width, width, 3, rngs=rngs)
        self.blocks = nnx.List([ResidualDenseBlock(width, growth, layers, rngs=rngs) for _ in range(depth)])
        self.fuse = Conv(depth * width, width, 1, rngs=rngs)
        self.body = Conv(width, width, 3, rngs=rngs)
        inputs = (width, *[growth] * (len(self.factors) - 1))
        self.up = nnx.List([Conv(i, growth * f**2, 3, rngs=rngs) for i, f in zip(inputs, self.factors, strict=True)])
        self.tail = Conv(growth, 3, 3, rngs=rngs)

    @property
    def radius(self) -> int:
        """Low-resolution pixels that an output pixel reaches to either side, rounded up."""
        return self.depth * self.layers + 5

    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n sh sw 3"]:
        """Enlarges a batch.

        Args:
            images: low resolution, in [0, 1].

        Returns:
            High resolution, nominally in [0, 1] (not clipped).
        """
        features = self.head(images)
        hidden = self.second(features)
        outputs = []
        for block in self.blocks:
            hidden = block(hidden)
            outputs.append(hidden)
        hidden = features + self.body(self.fuse(jnp.concatenate(outputs, axis=-1)))
        return self.tail(enlarge(tap(hidden), self.up, self.factors))
