"""Classifiers as rows of steps, of which a perceptual loss takes the first ones.

Convention: features are float32, N H W C; kernels H W I O. A convolution's name is the one it has in the file it comes
from, and batch normalisation, always in its inference form, is folded into the convolution before it.
"""

import dataclasses
from collections.abc import Iterator
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from model_zoo.layers import convolve

FeatureParams = dict[str, jax.Array]
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of a classifier.

    Attributes:
        kind: `conv`, `relu`, `pool` (maximum), or a block with short cuts inside: `fire` (SqueezeNet), `basic`,
            `bottleneck` (ResNet).
        label: what the features after this step are called; empty if they have no name.
        name: the convolution's or the block's in the file.
        size: a pooling window's side.
        stride: of the convolution, the pooling or the block.
        padding: pixels on each side, of convolution and pooling.
        ceil: whether the last pooling window may reach over the edge.
        shortcut: what a residual block adds its residual to: the features themselves, the features thinned out with
            zeros for the channels that are missing (option A of He et al.), or their projection.
    """

    kind: Literal["conv", "relu", "pool", "fire", "basic", "bottleneck"]
    label: str = ""
    name: str = ""
    size: int = 3
    stride: int = 1
    padding: int = 0
    ceil: bool = False
    shortcut: Literal["same", "zeros", "projection"] = "same"

    @property
    def convolutions(self) -> tuple[str, ...]:
        """The names of the convolutions whose weights it needs."""
        inner = {
            "conv": ("",),
            "fire": ("/conv1x1_1", "/conv1x1_2", "/conv3x3_2"),
            "basic": (".conv1", ".conv2"),
            "bottleneck": (".conv1", ".conv2", ".conv3"),
        }.get(self.kind, ())
        projection = (".downsample.0",) if self.shortcut == "projection" else ()
        return tuple(self.name + suffix for suffix in (*inner, *projection))


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A classifier up to its last features.

    Attributes:
        steps: in order.
        mean: subtracted from RGB in [0, 1] first.
        std: divided by then.
        bgr: whether the channels are turned around after that.
        normalised: whether each convolution is followed by batch normalisation.
    """

    steps: tuple[Step, ...]
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    bgr: bool = False
    normalised: bool = False

    def until(self, layer: str) -> "Backbone":
        """Leaves off after the step of that label, or the last one of that stage (`layer2` is `layer2.8`)."""
        last = max(i for i, step in enumerate(self.steps) if f"{step.label}.".startswith(f"{layer}."))
        return dataclasses.replace(self, steps=self.steps[: last + 1])

    def __call__(self, params: FeatureParams, images: Float[Array, "n h w 3"]) -> Float[Array, "n h2 w2 c"]:
        """Computes the features after the last step.

        Args:
            params: kernels and biases by `name.kernel` and `name.bias`.
            images: RGB in [0, 1], float32.

        Returns:
            The features.

        Raises:
            ValueError: if the images are too small for a window.
        """
        mean, std = (jnp.array(row, jnp.float32)[None, None, None, :] for row in (self.mean, self.std))
        features = (images - mean) / std
        features = features[..., ::-1] if self.bgr else features
        for step in self.steps:
            features = _take(step, params, features)
        return features


def _take(step: Step, params: FeatureParams, features: Array) -> Array:
    if step.kind == "conv":
        return _conv(params, step.name, features, step.stride, step.padding)
    if step.kind == "relu":
        return jax.nn.relu(features)
    if step.kind == "pool":
        return max_pool(features, step.size, step.padding, ceil=step.ceil)
    if step.kind == "fire":
        return _fire(step, params, features)
    return _residual(step, params, features)


def _conv(params: FeatureParams, name: str, features: Array, stride: int = 1, padding: int = 0) -> Array:
    kernel, bias = params[f"{name}.kernel"], params[f"{name}.bias"]
    if min(features.shape[1:3]) + 2 * padding < kernel.shape[0]:
        raise ValueError(f"images must be larger for the features after {name}, got {features.shape[1:3]} pixels there")
    return convolve(features, kernel, stride=stride, padding=padding) + bias[None, None, None, :]


def _fire(step: Step, params: FeatureParams, features: Array) -> Array:
    """Squeezes to few channels, then expands with windows of one pixel and of 3x3."""
    squeeze, point, window = step.convolutions
    squeezed = jax.nn.relu(_conv(params, squeeze, features))
    expanded = [_conv(params, point, squeezed), _conv(params, window, squeezed, padding=1)]
    return jax.nn.relu(jnp.concatenate(expanded, axis=-1))


def _residual(step: Step, params: FeatureParams, features: Array) -> Array:
    names = step.convolutions
    if step.kind == "basic":
        hidden = jax.nn.relu(_conv(params, names[0], features, step.stride, 1))
        hidden = _conv(params, names[1], hidden, padding=1)
    else:  # the stride is the middle convolution's, as torchvision has it
        hidden = jax.nn.relu(_conv(params, names[0], features))
        hidden = jax.nn.relu(_conv(params, names[1], hidden, step.stride, 1))
        hidden = _conv(params, names[2], hidden)
    if step.shortcut == "projection":
        features = _conv(params, names[-1], features, step.stride)
    elif step.shortcut == "zeros":
        more = (hidden.shape[-1] - features.shape[-1]) // 2
        features = jnp.pad(features[:, :: step.stride, :: step.stride], ((0, 0), (0, 0), (0, 0), (more, more)))
    return jax.nn.relu(features + hidden)


def max_pool(images: Float[Array, "n h w c"], size: int, padding: int = 0, *, ceil: bool = False) -> Array:
    """Takes the largest value of each window of 2 or 3 pixels a side, every second pixel.

    Written with slices of even and odd rows and columns: their gradient takes XLA half the time of its own pooling's on
    a CPU. Where values tie, they share the gradient.

    Args:
        images: the batch.
        size: side of the window, 2 or 3.
        padding: pixels on each side that count as smaller than anything.
        ceil: whether a last window may reach over the edge, as Caffe has it.

    Returns:
        The batch, half as high and wide.

    Raises:
        ValueError: if no window fits.
    """
    for axis in (1, 2):
        images = _pool_axis(images, axis, size, padding, ceil)
    return images


def _pool_axis(images: Array, axis: int, size: int, padding: int, ceil: bool) -> Array:
    length = images.shape[axis] + 2 * padding - size
    if length < 0:
        raise ValueError(f"images must be larger, got {images.shape[axis]} pixels where {size} are pooled")
    count = (length + ceil) // 2 + 1
    edges = [(0, 0, 0)] * 4
    edges[axis] = (padding, 2 * count + 2 - padding - images.shape[axis], 0)  # cuts what no window reaches
    padded = jax.lax.pad(images, np.array(-np.inf, images.dtype), edges)
    pairs = padded.reshape(*images.shape[:axis], count + 1, 2, *images.shape[axis + 1 :])
    even, odd = (jax.lax.index_in_dim(pairs, phase, axis + 1, keepdims=False) for phase in (0, 1))
    largest = jnp.maximum(
        jax.lax.slice_in_dim(even, 0, count, axis=axis), jax.lax.slice_in_dim(odd, 0, count, axis=axis)
    )
    return largest if size == 2 else jnp.maximum(largest, jax.lax.slice_in_dim(even, 1, count + 1, axis=axis))


def _squeezenet() -> Iterator[Step]:
    pool = Step("pool", ceil=True)
    yield from (Step("conv", name="conv1", stride=2), Step("relu", "conv1"), pool)
    for number in range(2, 10):
        yield Step("fire", f"fire{number}", f"fire{number}")
        if number in (4, 8):
            yield pool


def _vgg19() -> Iterator[Step]:
    place = 0
    for block, count in enumerate((2, 2, 4, 4, 4), start=1):
        for number in range(1, count + 1):
            yield Step("conv", f"conv{block}_{number}", f"features.{place}", padding=1)
            yield Step("relu", f"relu{block}_{number}")
            place += 2
        yield Step("pool", size=2)
        place += 1


def _stage(number: int, blocks: int, kind: Literal["basic", "bottleneck"], change: str) -> Iterator[Step]:
    """A ResNet's stage: blocks of one size, of which the first may change size and channels."""
    for block in range(blocks):
        stride = 2 if number > 1 and block == 0 else 1
        shortcut = change if block == 0 and (stride == 2 or kind == "bottleneck") else "same"
        name = f"layer{number}.{block}"
        yield Step(kind, name, name, stride=stride, shortcut=shortcut)  # pyright: ignore[reportArgumentType]


def _resnet56() -> Iterator[Step]:
    yield from (Step("conv", name="conv1", padding=1), Step("relu", "stem"))
    for number in (1, 2, 3):
        yield from _stage(number, 9, "basic", "zeros")


def _resnet(kind: Literal["basic", "bottleneck"], *blocks: int) -> Iterator[Step]:
    yield from (Step("conv", name="conv1", stride=2, padding=3), Step("relu", "stem"), Step("pool", padding=1))
    for number, count in enumerate(blocks, start=1):
        yield from _stage(number, count, kind, "projection")


BACKBONES = {
    "squeezenet": Backbone(  # Iandola et al., 2016, version 1.0
        tuple(_squeezenet()), mean=(123 / 255, 117 / 255, 104 / 255), std=(1 / 255, 1 / 255, 1 / 255), bgr=True
    ),
    "resnet56": Backbone(tuple(_resnet56()), normalised=True),  # He et al., CVPR 2016, section 4.2
    "vgg19": Backbone(tuple(_vgg19())),  # Simonyan & Zisserman, ICLR 2015, configuration E
    "resnet18": Backbone(tuple(_resnet("basic", 2, 2, 2, 2)), normalised=True),  # He et al., table 1
    "resnet34": Backbone(tuple(_resnet("basic", 3, 4, 6, 3)), normalised=True),
    "resnet50": Backbone(tuple(_resnet("bottleneck", 3, 4, 6, 3)), normalised=True),
}

# SqueezeNet sees levels up to 255 and normalises nothing, so its features are tens to hundreds and their squares would
# drown any other term. They are divided by their root mean square over 50 crops of 96x96 from photographs of
# BSDS500 train (two digits), which puts them where the features of the others are: near one.
UNITS = {
    "squeezenet/conv1": 48.0,
    "squeezenet/fire2": 150.0,
    "squeezenet/fire3": 280.0,
    "squeezenet/fire4": 260.0,
    "squeezenet/fire5": 400.0,
    "squeezenet/fire6": 190.0,
    "squeezenet/fire7": 140.0,
    "squeezenet/fire8": 54.0,
    "squeezenet/fire9": 34.0,
}
