"""The imitator of one scale: from a picture's small version to what every source of that scale would have made of it.

Convention: tiles are uint8 `N H W 3`, their corners on the lattice of the scale; luma is float32 in grey levels.
Weights are a flat dictionary; everything is a pure function of them. Nothing sees anything of a tile but its reduction
by the scale and, for the comparison, its luma.

The trunk works on small pixels; what a source does beside the others is one linear layer on the trunk's maps, so that
seventy sources cost little more than one.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from model_zoo.convolution import convolve

Weights = dict[str, jax.Array]
Tiles = Num[Array, "n h w 3"] | Num[np.ndarray, "n h w 3"]

LUMA = (0.299, 0.587, 0.114)
_UNIT = 16.0  # grey levels that an output of one stands for
_CUBIC = -0.5  # Pillow's and Keys' (IEEE TASSP 1981)


@dataclasses.dataclass(frozen=True)
class Shape:
    """How large an imitator is.

    Attributes:
        scale: of its sources.
        sources: names, in the order of its heads.
        width: channels of the trunk.
        blocks: residual blocks of two 3x3 convolutions.
        features: maps that the heads read.
    """

    scale: int
    sources: tuple[str, ...]
    width: int = 64
    blocks: int = 5
    features: int = 96


def initial(shape: Shape, seed: int) -> Weights:
    """Draw weights (He et al., ICCV 2015); heads begin at little.

    Args:
        shape: of the imitator.
        seed: of the draws.
    """
    rng = np.random.default_rng([seed, 0x1317A])
    weights: dict[str, np.ndarray] = {}

    def layer(name: str, side: int, inputs: int, outputs: int, gain: float = 1.0) -> None:
        deviation = gain * np.sqrt(2 / (side * side * inputs))
        weights[f"{name}/kernel"] = rng.normal(0, deviation, (side, side, inputs, outputs))
        weights[f"{name}/offset"] = np.zeros(outputs)

    layer("enter", 3, 3, shape.width)
    for block in range(shape.blocks):
        layer(f"{block}/a", 3, shape.width, shape.width)
        layer(f"{block}/b", 3, shape.width, shape.width, 0.3)
    layer("features", 3, shape.width, shape.features)
    layer("common", 1, shape.features, shape.scale**2, 0.1)
    layer("sources", 1, shape.features, len(shape.sources) * shape.scale**2, 0.1)
    return {name: jnp.asarray(value, jnp.float32) for name, value in weights.items()}


def features(shape: Shape, weights: Weights, small: Float[Array, "n h w 3"]) -> Float[Array, "n h w f"]:
    """Return the trunk's maps of small pictures in grey levels."""

    def layer(name: str, maps: jax.Array) -> jax.Array:
        return convolve(maps, weights[f"{name}/kernel"]) + _wide(weights[f"{name}/offset"])

    maps = layer("enter", (small - 128) / 64)
    for block in range(shape.blocks):
        maps = maps + layer(f"{block}/b", jax.nn.relu(layer(f"{block}/a", jax.nn.relu(maps))))
    return jax.nn.relu(layer("features", jax.nn.relu(maps)))


def common(shape: Shape, weights: Weights, maps: Float[Array, "n h w f"]) -> Float[Array, "n sh sw"]:
    """Return what all sources add to the plain enlargement, in grey levels."""
    return _arranged(shape, maps @ weights["common/kernel"][0, 0] + _wide(weights["common/offset"]))[:, 0]


def deviations(
    shape: Shape, weights: Weights, maps: Float[Array, "n h w f"], chosen: jax.Array | None = None
) -> Float[Array, "n k sh sw"]:
    """Return what each source adds beside the others, in grey levels.

    Args:
        shape: of the imitator.
        weights: likewise.
        maps: of `features`.
        chosen: (k,) int numbers of sources, all by default.
    """
    squares, count = shape.scale**2, len(shape.sources)
    kernel = weights["sources/kernel"][0, 0].reshape(shape.features, count, squares)
    offset = weights["sources/offset"].reshape(count, squares)
    if chosen is not None:
        kernel, offset = kernel[:, chosen], offset[chosen]
    return _arranged(shape, maps @ kernel.reshape(shape.features, -1) + _wide(offset))


def _wide(offset: jax.Array) -> jax.Array:
    return offset.reshape(1, 1, 1, -1)


def _arranged(shape: Shape, outputs: jax.Array) -> jax.Array:
    """From (n, h, w, k s s) to (n, k, s h, s w)."""
    count, height, width, channels = outputs.shape
    side = shape.scale
    parts = outputs.reshape(count, height, width, channels // side**2, side, side) * jnp.float32(_UNIT)
    return parts.transpose(0, 3, 1, 4, 2, 5).reshape(count, channels // side**2, height * side, width * side)


def luma(pictures: Num[Array, "*n 3"]) -> Float[Array, "*n"]:
    """Return the luma of RGB samples, in their unit."""
    red, green, blue = (pictures[..., k].astype(jnp.float32) * jnp.float32(LUMA[k]) for k in range(3))
    return red + green + blue


def reduced(tiles: Tiles, scale: int) -> Float[Array, "n lh lw 3"]:
    """Reduce tiles as Pillow's anti-aliased bicubic does, unrounded.

    Args:
        tiles: sides in multiples of the scale.
        scale: how many times smaller.
    """
    pixels = jnp.asarray(tiles, jnp.float32)
    down, across = (jnp.asarray(_resampling(side, side // scale)) for side in pixels.shape[1:3])
    return jnp.einsum("ih,nhwc,jw->nijc", down, pixels, across)


def enlarged(small: Float[Array, "n h w"], scale: int) -> Float[Array, "n sh sw"]:
    """Enlarge luma as Pillow's bicubic does, unrounded."""
    down, across = (jnp.asarray(_resampling(side, side * scale)) for side in small.shape[1:3])
    return jnp.einsum("ih,nhw,jw->nij", down, small, across)


@functools.cache
def _resampling(before: int, after: int) -> np.ndarray:
    """Return the (after, before) float32 matrix of Pillow's bicubic along one side (Keys' kernel, anti-aliased)."""
    ratio = before / after
    stretch = max(ratio, 1.0)
    centers = (np.arange(after) + 0.5) * ratio
    distance = np.abs((np.arange(before)[None] + 0.5 - centers[:, None]) / stretch)
    near = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1
    far = _CUBIC * (((distance - 5) * distance + 8) * distance - 4)
    weight = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    return (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
