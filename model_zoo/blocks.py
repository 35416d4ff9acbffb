"""Building blocks that several of the networks share: attention, bilinear resizing, pixels into channels.

Convention: features are N H W C, of the parameters' float type; bilinear resizing has half-pixel centres and repeats
the outermost pixels (PyTorch's `align_corners=False`).
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.layers import Conv

_ESA_SMALLEST = 15  # pixels a side that a 3x3 convolution of stride 2 and a 7x7 window of stride 3 need for one value
_VARIANCE_FLOOR = 1e-12  # keeps the derivative of the square root finite on a flat channel


def resize_bilinear(images: Float[Array, "n h w c"], height: int, width: int) -> Float[Array, "n h2 w2 c"]:
    """Resizes bilinearly, without anti-aliasing.

    Args:
        images: the batch.
        height: rows wanted.
        width: columns wanted.

    Returns:
        The resized batch. Rows and columns are gathered and mixed, so no matrix product's precision plays a part.
    """
    for axis, size in ((1, height), (2, width)):
        if images.shape[axis] == size:
            continue
        low, high, share = _bilinear_taps(images.shape[axis], size)
        weight = jnp.asarray(share, images.dtype).reshape([-1 if i == axis else 1 for i in range(4)])
        first, second = jnp.take(images, low, axis=axis), jnp.take(images, high, axis=axis)
        images = first + weight * (second - first)
    return images


def _bilinear_taps(inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two inputs each output lies between, and the second one's share."""
    place = np.clip((np.arange(outputs) + 0.5) * inputs / outputs - 0.5, 0, inputs - 1)
    low = np.floor(place).astype(np.int32)
    return low, np.minimum(low + 1, inputs - 1), (place - low).astype(np.float32)


def enlarge_nearest(images: Float[Array, "n h w c"], factor: int) -> Float[Array, "n fh fw c"]:
    """Repeats every pixel `factor` times in both directions."""
    count, height, width, channels = images.shape
    wide = jnp.broadcast_to(images[:, :, None, :, None, :], (count, height, factor, width, factor, channels))
    return wide.reshape(count, height * factor, width * factor, channels)


def space_to_depth(images: Float[Array, "n fh fw c"], factor: int) -> Float[Array, "n h w c2"]:
    """Puts each `factor` x `factor` block of pixels into channels, the inverse of `layers.depth_to_space`.

    Args:
        images: height and width are multiples of `factor`.
        factor: how many times smaller each side becomes.

    Returns:
        The smaller batch; its channels are ordered (row phase, column phase, colour).
    """
    count, height, width, colours = images.shape
    split = images.reshape(count, height // factor, factor, width // factor, factor, colours)
    return split.transpose(0, 1, 3, 2, 4, 5).reshape(count, height // factor, width // factor, -1)


def max_pool(images: Float[Array, "n h w c"], size: int, stride: int) -> Float[Array, "n h2 w2 c"]:
    """The largest value in each window; windows lie wholly inside."""
    lowest = np.array(-np.inf, images.dtype)
    window, steps = (1, size, size, 1), (1, stride, stride, 1)
    return jax.lax.reduce_window(images, lowest, jax.lax.max, window, steps, "VALID")


class EnhancedSpatialAttention(nnx.Module):
    """Enhanced spatial attention (ESA): a mask from a much reduced copy of few channels, which sees far.

    One reduction by convolution and one by pooling leave a map a sixth the size, which is worked on, enlarged
    bilinearly to the features' size and put through a logistic function. The map's places depend on the height and
    width of the whole picture, so a crop's output is not a crop of the output. Features smaller than 15 pixels a side,
    of which no window would be left, are first widened to 15 by repeating their edges (the authors' code fails there).

    Parameters: `conv1`, `conv_f`, `conv2`, `conv3`, `conv4` as in the authors' codes and, for the deep variant,
    `conv_max` and `conv3_`.

    Reference:
        Liu et al., "Residual Feature Aggregation Network for Image Super-Resolution", CVPR 2020 (deep); Kong et al.,
        "Residual Local Feature Network for Efficient Super-Resolution", CVPRW 2022, section 3.2 (one convolution).
    """

    def __init__(self, channels: int, hidden: int, *, deep: bool, rngs: nnx.Rngs) -> None:
        """Draws the weights.

        Args:
            channels: of the features.
            hidden: channels of the mask's own path.
            deep: whether the reduced map goes through three convolutions with rectifiers, or through one alone.
            rngs: where the weights are drawn from; not kept.
        """
        self.deep = deep
        self.conv1 = Conv(channels, hidden, 1, rngs=rngs)
        self.conv_f = Conv(hidden, hidden, 1, rngs=rngs)
        self.conv2 = Conv(hidden, hidden, 3, rngs=rngs, stride=2, padding="VALID")
        self.conv3 = Conv(hidden, hidden, 3, rngs=rngs)
        self.conv4 = Conv(hidden, channels, 1, rngs=rngs)
        if deep:
            self.conv_max = Conv(hidden, hidden, 3, rngs=rngs)
            self.conv3_ = Conv(hidden, hidden, 3, rngs=rngs)

    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Multiplies the features by their mask."""
        _, height, width, _ = features.shape
        few = self.conv1(features)
        reduced = max_pool(self.conv2(_at_least(few, _ESA_SMALLEST)), 7, 3)
        if self.deep:
            reduced = self.conv3_(jax.nn.relu(self.conv3(jax.nn.relu(self.conv_max(reduced)))))
        else:
            reduced = self.conv3(reduced)
        mask = self.conv4(resize_bilinear(reduced, height, width) + self.conv_f(few))
        return features * jax.nn.sigmoid(mask)


def _at_least(images: Float[Array, "n h w c"], side: int) -> Float[Array, "n h2 w2 c"]:
    """Repeats the edges, alike on both sides, until height and width are at least `side`."""
    missing = [max(0, side - size) for size in images.shape[1:3]]
    pads = [(lack // 2, lack - lack // 2) for lack in missing]
    return jnp.pad(images, ((0, 0), *pads, (0, 0)), mode="edge") if any(missing) else images


class ContrastAttention(nnx.Module):
    """Contrast-aware channel attention (CCA): each channel is weighed by its mean plus standard deviation.

    The statistics are those of the whole picture (population standard deviation), worked out in float32.

    Parameters: `conv_du.0` and `conv_du.1`, the authors' `conv_du.0` and `conv_du.2`.

    Reference:
        Hui et al., "Lightweight Image Super-Resolution with Information Multi-distillation Network", ACM MM 2019,
        section 3.3.
    """

    def __init__(self, channels: int, reduction: int = 16, *, rngs: nnx.Rngs) -> None:
        """Draws the weights.

        Args:
            channels: of the features.
            reduction: how many times fewer channels the hidden layer has (one is left at least).
            rngs: where the weights are drawn from; not kept.
        """
        hidden = max(1, channels // reduction)
        self.conv_du = nnx.List([Conv(channels, hidden, 1, rngs=rngs), Conv(hidden, channels, 1, rngs=rngs)])

    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Multiplies each channel by its weight."""
        exact = features.astype(jnp.float32)
        mean = exact.mean(axis=(1, 2), keepdims=True)
        variance = jnp.square(exact - mean).mean(axis=(1, 2), keepdims=True)
        contrast = (jnp.sqrt(jnp.maximum(variance, _VARIANCE_FLOOR)) + mean).astype(features.dtype)
        squeeze, excite = self.conv_du
        return features * jax.nn.sigmoid(excite(jax.nn.relu(squeeze(contrast))))
