"""SRVGGNetCompact: Real-ESRGAN's compact network.

Convention: float32, sRGB-encoded in [0, 1], N H W C.

`body.0`, `body.1`, ... are convolutions and their slopes in turn, numbered as in BasicSR (and in ncnn's files, where
they are called `Conv_0`, `PRelu_1`, ...); the last convolution's channels are in
:func:`model_zoo.layers.depth_to_space`'s order.
"""

from typing import ClassVar

from flax import nnx
from jaxtyping import Array, Float

from model_zoo.blocks import enlarge_nearest
from model_zoo.layers import Conv, PReLU, depth_to_space
from model_zoo.taps import tap


class SRVGGNetCompact(nnx.Module):
    """A plain chain of convolutions at low resolution, added to the picture enlarged by repeating pixels.

    Reference:
        Wang, Xie, Dong, Shan, "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data",
        ICCVW 2021, and its code. The general networks have 32 convolutions between the first and the last, those for
        drawings and video 16 (the default).
    """

    colour: ClassVar[str] = "rgb"

    def __init__(self, *, scale: int, rngs: nnx.Rngs, width: int = 64, depth: int = 16) -> None:
        """Builds the network.

        Args:
            scale: enlargement of each side: 1, 2, 3, 4 or 8.
            rngs: where the weights are drawn from; not kept.
            width: channels of every hidden layer.
            depth: convolutions between the first and the last.

        Raises:
            ValueError: if the scale is none of the above.
        """
        if scale not in (1, 2, 3, 4, 8):
            raise ValueError(f"scale must be 1, 2, 3, 4 or 8 for srvgg, got {scale}")
        self.scale, self.depth = scale, depth
        body: list[Conv | PReLU] = [Conv(3, width, 3, rngs=rngs), PReLU(width)]
        for _ in range(depth):
            body += [Conv(width, width, 3, rngs=rngs), PReLU(width)]
        self.body = nnx.List([*body, Conv(width, 3 * scale**2, 3, rngs=rngs)])

    @property
    def radius(self) -> int:
        """Low-resolution pixels that an output pixel reaches to either side."""
        return self.depth + 2

    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n sh sw 3"]:
        """Enlarges a batch.

        Args:
            images: low resolution, in [0, 1].

        Returns:
            High resolution, nominally in [0, 1] (not clipped).
        """
        hidden = images
        *features, last = self.body
        for layer in features:
            hidden = layer(hidden)
        hidden = last(tap(hidden))
        return depth_to_space(hidden, self.scale) + enlarge_nearest(images, self.scale)
