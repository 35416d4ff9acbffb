"""Training an imitator: regression of many sources' pictures on what one of them looks like reduced; resumable.

The error of a source's picture, beside the mean of those asked for, counts in parts of what tells the source from its
nearest relative; that of the mean itself in parts of a tenth of what plain enlargement leaves.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from optax.contrib import MuonDimensionNumbers

from fingerprint.descent import descend, moved, muon_optimizer
from fingerprint.imitation.batches import Batch, Pool
from fingerprint.imitation.network import Shape, Weights, common, deviations, enlarged, features, initial, luma, reduced

_WARM_UP = 100  # steps
_EDGE = 3  # small pixels at a tile's edges that are not asked for
_OF_MEAN = 9.0  # squared grey levels that the common part's error counts in
_OURS = 0.25  # weight of a source that is not favoured
_ADAM = 0.2  # its rate, in parts of Muon's
_NEAREST = 4.0  # squared grey levels: sources are not told more closely than that


@dataclasses.dataclass(frozen=True)
class ImitationConfig:
    """What a run is.

    Attributes:
        shape: of the imitator.
        steps: in all.
        batch: tiles a step.
        others: sources that are not favoured, asked for in a step.
        rate: the highest learning rate.
        falling: share of the steps over which it falls to nothing.
        seed: of weights and batches.
    """

    shape: Shape
    steps: int = 10_000
    batch: int = 16
    others: int = 8
    rate: float = 1e-3
    falling: float = 0.6
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Progress:
    """How a run stands: step, steps, seconds, the mean's error, and each source's error in parts of its distance."""

    step: int
    steps: int
    seconds: float
    common: float
    sources: dict[str, float]


@dataclasses.dataclass
class State:
    """All that a step changes."""

    weights: Weights
    optimizer: optax.OptState
    mean: Weights


jax.tree_util.register_dataclass(State, ["weights", "optimizer", "mean"], [])


def train(
    config: ImitationConfig,
    pool: Pool,
    favoured: frozenset[str],
    folder: Path,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
    every: int = 200,
    keep_every: int = 500,
    until: Callable[[], bool] = lambda: False,
) -> State:
    """Train, or go on from the newest checkpoint.

    Args:
        config: the run.
        pool: the scenes, with the shape's sources.
        favoured: sources that weigh most.
        folder: for checkpoints.
        report: told every `every` steps.
        every: steps between reports.
        keep_every: steps between checkpoints.
        until: asked after each checkpoint whether to stop before the end.

    Returns:
        The state after the last step taken.

    Raises:
        FloatingPointError: the loss is not finite; no such state is kept.
    """
    optimizer = _optimizer(config)
    names = config.shape.sources
    share = np.array([1.0 if name in favoured else _OURS for name in names], np.float32)
    weight, near = jnp.asarray(share), jnp.asarray(np.maximum(pool.nearest(), _NEAREST))
    step = jax.jit(functools.partial(_step, config.shape, optimizer, weight, near), donate_argnums=0)
    weights = initial(config.shape, config.seed)
    state = State(weights, optimizer.init(weights), {name: value.copy() for name, value in weights.items()})

    def take(state: State, batch: Batch) -> tuple[State, tuple]:
        state, figures = step(state, batch.tiles, batch.targets, batch.chosen, batch.present)
        return state, (batch.chosen, figures)

    return descend(
        folder,
        state,
        functools.partial(_draw, config, pool),
        take,
        functools.partial(_told, names),
        lambda done, seconds, told: report(Progress(done, config.steps, seconds, *told)),
        steps=config.steps,
        every=every,
        keep_every=keep_every,
        until=until,
    )


def _draw(config: ImitationConfig, pool: Pool, number: int) -> Batch:
    return pool.batch(config.seed, number, config.batch, config.others)


def _told(names: tuple[str, ...], seen: Sequence) -> tuple[float, dict[str, float]]:
    total, count = np.zeros(len(names)), np.zeros(len(names))
    for chosen, (_, errors, present) in seen:
        total[chosen] += np.asarray(errors)
        count[chosen] += np.asarray(present)
    sources = {name: float(total[k] / count[k]) for k, name in enumerate(names) if count[k]}
    return float(np.mean([float(figures[0]) for _, figures in seen])), sources


def _optimizer(config: ImitationConfig) -> optax.GradientTransformation:
    return muon_optimizer(
        config.rate, config.steps, warm_up=_WARM_UP, falling=config.falling, matrix=_matrix, adam=_ADAM
    )


def _matrix(name: str) -> MuonDimensionNumbers | None:
    layer, _, part = name.rpartition("/")
    return MuonDimensionNumbers((0, 1, 2), 3) if part == "kernel" and layer not in ("common", "sources") else None


def _step(
    shape: Shape,
    optimizer: optax.GradientTransformation,
    weight: jax.Array,
    near: jax.Array,
    state: State,
    tiles: jax.Array,
    targets: jax.Array,
    chosen: jax.Array,
    present: jax.Array,
) -> tuple[State, tuple[jax.Array, jax.Array, jax.Array]]:
    def loss(weights: Weights) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
        small = reduced(tiles, shape.scale)
        maps = features(shape, weights, small)
        here = present / jnp.maximum(present.sum(axis=1, keepdims=True), 1)
        wanted = targets.astype(jnp.float32)
        mean = (wanted * here[:, :, None, None]).sum(axis=1)
        told = deviations(shape, weights, maps, chosen)
        told_mean = (told * here[:, :, None, None]).sum(axis=1)
        base = enlarged(luma(small), shape.scale) + common(shape, weights, maps) + told_mean
        of_mean = jnp.square(_inner(shape, base - mean)) / _OF_MEAN
        apart = (told - told_mean[:, None]) - (wanted - mean[:, None])
        errors = jnp.square(_inner(shape, apart)) / near[chosen][None, :, None, None]
        shares = present * weight[chosen][None]
        lost = (_robust(errors).mean(axis=(2, 3)) * shares).sum() / shares.sum()
        told_apart = (errors.mean(axis=(2, 3)) * present).sum(axis=0)
        return _robust(of_mean).mean() + lost, (of_mean.mean(), told_apart, present.sum(axis=0))

    (_, figures), slopes = jax.value_and_grad(loss, has_aux=True)(state.weights)
    weights, optimized, mean = moved(optimizer, slopes, state.optimizer, state.weights, state.mean)
    return State(weights, optimized, mean), figures


def _robust(squares: jax.Array) -> jax.Array:
    """Let large errors count by their size, not by their square: strong edges would drown the rest."""
    return jnp.sqrt(1 + squares) - 1


def _inner(shape: Shape, pictures: jax.Array) -> jax.Array:
    """Cut off what a tile's edge has changed."""
    edge = _EDGE * shape.scale
    return pictures[..., edge:-edge, edge:-edge]
