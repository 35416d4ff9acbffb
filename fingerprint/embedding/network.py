"""The embedding network: from uint8 tiles to vectors in which pictures of one source lie together.

Convention: tiles are uint8 `N H W 3`; vectors float32 `N D`. Nothing is resized and nothing is pooled before the end of
a stage: a stage begins by rearranging squares of pixels into channels, which loses nothing. Weights and running
statistics are flat dictionaries; a network is a pure function of them.

The first layer sees each pixel as it is and what a second-order high-pass leaves of it (the square kernel of Fridrich &
Kodovsky, "Rich Models for Steganalysis of Digital Images", IEEE TIFS 2012), compressed by asinh, so that faint traces
aren't drowned by content. Means and deviations of every stage's maps, over all tiles of a picture, are what its vector
is computed from: a larger picture gives steadier statistics, not another network.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from model_zoo.convolution import convolve, winograd_filters, winograd_run

Weights = dict[str, jax.Array]
Tiles = Num[Array, "n h w 3"] | Num[np.ndarray, "n h w 3"]
"""uint8, or float32 of grey levels where they are differentiated."""

MOMENTUM = 0.02  # of the running statistics
_EPSILON = 1e-5
_WIDE = 32  # channels from which minimal filtering is faster; tiles then have maps whose sides are multiples of four
_SLICE = 8  # pictures that are convolved at a time, which keeps them in the cache (a fifth faster than 32)
_LEAST_VARIANCE = 1e-4  # added to a map's, under the root
_SQUARE = ((-1, 2, -1), (2, -4, 2), (-1, 2, -1))  # in quarters
_REACH = 8 * 255  # of its sums over uint8
_LOOKED_UP = np.arcsinh(np.arange(-_REACH, _REACH + 1) / 8).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Stage:
    """Layers at one resolution.

    Attributes:
        fold: side of the squares of pixels that become channels.
        width: channels.
        blocks: residual blocks of two 3x3 convolutions.
    """

    fold: int
    width: int
    blocks: int


@dataclasses.dataclass(frozen=True)
class Shape:
    """How large the network is.

    Attributes:
        stages: from fine to coarse.
        hidden: width of the layer between statistics and vector.
        dimensions: of the vector.
    """

    stages: tuple[Stage, ...] = (Stage(4, 96, 1), Stage(2, 160, 2))
    hidden: int = 256
    dimensions: int = 128

    @property
    def statistics(self) -> int:
        """How many statistics a picture has: two moments of each map."""
        return 2 * sum(stage.width for stage in self.stages)

    @property
    def multiple(self) -> int:
        """What the sides of tiles must be multiples of, in pixels."""
        return int(np.prod([stage.fold for stage in self.stages]))


def initial(shape: Shape, seed: int) -> tuple[Weights, Weights]:
    """Draw weights (He et al., ICCV 2015).

    Args:
        shape: of the network.
        seed: of the draws.

    Returns:
        Weights, and running statistics of the normalisations (`…/mean`, `…/variance`).
    """
    rng = np.random.default_rng([seed, 0xE3BED])
    weights: dict[str, np.ndarray] = {}
    running: dict[str, np.ndarray] = {}

    def normalised(name: str, width: int, gain: float = 1.0) -> None:
        weights[f"{name}/gain"], weights[f"{name}/offset"] = np.full(width, gain), np.zeros(width)
        running[f"{name}/mean"], running[f"{name}/variance"] = np.zeros(width), np.ones(width)

    def convolution(name: str, side: int, inputs: int, outputs: int, gain: float = 1.0) -> None:
        deviation = np.sqrt(2 / (side * side * inputs))
        weights[f"{name}/kernel"] = rng.normal(0, deviation, (side, side, inputs, outputs))
        normalised(name, outputs, gain)

    channels = 6
    for number, stage in enumerate(shape.stages):
        convolution(f"{number}/enter", 3 if number == 0 else 1, stage.fold**2 * channels, stage.width)
        for block in range(stage.blocks):
            convolution(f"{number}/{block}/a", 3, stage.width, stage.width)
            convolution(f"{number}/{block}/b", 3, stage.width, stage.width, 0.2)
        channels = stage.width
    normalised("statistics", shape.statistics)
    for name, inputs, outputs in (
        ("hidden", shape.statistics, shape.hidden),
        ("vector", shape.hidden, shape.dimensions),
    ):
        weights[f"{name}/kernel"] = rng.normal(0, np.sqrt(1 / inputs), (inputs, outputs))
        normalised(name, outputs)

    def arrays(part: dict[str, np.ndarray]) -> Weights:
        return {name: jnp.asarray(value, jnp.float32) for name, value in part.items()}

    return arrays(weights), arrays(running)


class _Normaliser:
    """Normalisation by the batch while training, by running statistics otherwise (Ioffe & Szegedy, ICML 2015)."""

    def __init__(self, weights: Weights, running: Weights, training: bool) -> None:
        self.weights, self.running, self.training = weights, running, training
        self.updated: Weights = {}

    def __call__(self, name: str, maps: jax.Array) -> jax.Array:
        mean, variance = self.running[f"{name}/mean"], self.running[f"{name}/variance"]
        if self.training:
            axes = tuple(range(maps.ndim - 1))
            seen = maps.mean(axes)
            spread = jnp.maximum(jnp.square(maps).mean(axes) - jnp.square(seen), 0)
            self.updated[f"{name}/mean"] = mean + MOMENTUM * (seen - mean)
            self.updated[f"{name}/variance"] = variance + MOMENTUM * (spread - variance)
            mean, variance = seen, spread
        factor = self.weights[f"{name}/gain"] * jax.lax.rsqrt(variance + _EPSILON)
        shape = (1,) * (maps.ndim - 1) + (-1,)
        return maps * factor.reshape(shape) + (self.weights[f"{name}/offset"] - mean * factor).reshape(shape)


def prepared(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return weights with wide 3x3 kernels transformed for minimal filtering, for `moments`: it takes half the time."""

    def suits(value: np.ndarray) -> bool:
        return value.ndim == 4 and value.shape[0] == 3 and min(value.shape[2:]) >= _WIDE

    return {name: winograd_filters(value) if suits(value) else value for name, value in weights.items()}


def moments(shape: Shape, weights: Weights, running: Weights, tiles: Tiles) -> Float[Array, "n m"]:
    """Return each tile's mean and mean square of every map: what is averaged over the tiles of a picture.

    Args:
        shape: of the network.
        weights: as `initial` names them, or `prepared`, for which maps' sides must be multiples of four.
        running: likewise.
        tiles: sides are multiples of `shape.multiple`.
    """
    return _moments(shape, _Normaliser(weights, running, False), tiles)


def statistics(weights: Weights, running: Weights, averaged: Float[Array, "n m"]) -> Float[Array, "n m"]:
    """Return the normalised statistics of pictures whose tiles' moments have been averaged: means, then deviations."""
    return _statistics(_Normaliser(weights, running, False), averaged)


def trained(shape: Shape, weights: Weights, running: Weights, tiles: Tiles) -> tuple[Float[Array, "n d"], Weights]:
    """Return the vectors of a training batch, a tile a picture, and the running statistics after it."""
    normaliser = _Normaliser(weights, running, True)
    found = _vectors(normaliser, _moments(shape, normaliser, tiles))
    return found, normaliser.updated


def _moments(shape: Shape, normaliser: _Normaliser, tiles: Tiles) -> jax.Array:
    def layer(name: str, maps: jax.Array) -> jax.Array:
        kernel = normaliser.weights[f"{name}/kernel"]
        if kernel.ndim == 3:
            return normaliser(name, winograd_run(maps, kernel))
        if kernel.shape[0] == 1:
            return normaliser(name, maps @ kernel[0, 0])
        parts = [convolve(maps[start : start + _SLICE], kernel) for start in range(0, len(maps), _SLICE)]
        return normaliser(name, jnp.concatenate(parts))

    maps = _first(tiles)
    first, second = [], []
    for number, stage in enumerate(shape.stages):
        maps = jax.nn.relu(layer(f"{number}/enter", _folded(maps, stage.fold)))
        for block in range(stage.blocks):
            inner = jax.nn.relu(layer(f"{number}/{block}/a", maps))
            maps = jax.nn.relu(maps + layer(f"{number}/{block}/b", inner))
        first.append(maps.mean((1, 2)))
        second.append(jnp.square(maps).mean((1, 2)))
    return jnp.concatenate(first + second, axis=-1)


def _statistics(normaliser: _Normaliser, averaged: jax.Array) -> jax.Array:
    mean, square = jnp.split(averaged, 2, axis=-1)
    deviation = jnp.sqrt(jnp.maximum(square - jnp.square(mean), 0) + _LEAST_VARIANCE)
    return normaliser("statistics", jnp.concatenate([mean, deviation], axis=-1))


def _vectors(normaliser: _Normaliser, averaged: jax.Array) -> jax.Array:
    told = _statistics(normaliser, averaged)
    hidden = jax.nn.relu(normaliser("hidden", told @ normaliser.weights["hidden/kernel"]))
    return normaliser("vector", hidden @ normaliser.weights["vector/kernel"])


def _first(tiles: Tiles) -> jax.Array:
    """Pixels about zero, and what the high-pass leaves of them; of uint8 its asinh is looked up, which is faster."""
    whole = tiles.dtype == jnp.uint8
    pixels = jnp.asarray(tiles, jnp.int32 if whole else jnp.float32)
    height, width = pixels.shape[1:3]
    wide = jnp.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    quarters = sum(
        factor * wide[:, row : row + height, column : column + width]
        for row, factors in enumerate(_SQUARE)
        for column, factor in enumerate(factors)
    )
    rest = jnp.asarray(_LOOKED_UP)[quarters + _REACH] if whole else jnp.arcsinh(quarters / 8)
    return jnp.concatenate([(pixels - 128).astype(jnp.float32) / 64, rest], axis=-1)


def _folded(maps: jax.Array, side: int) -> jax.Array:
    count, height, width, channels = maps.shape
    squares = maps.reshape(count, height // side, side, width // side, side, channels)
    return squares.transpose(0, 1, 3, 2, 4, 5).reshape(count, height // side, width // side, -1)
