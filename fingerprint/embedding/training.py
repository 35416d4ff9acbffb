"""Training the embedding: classification of many sources under heavy post-processing, resumable to the bit.

Convention: tiles are uint8 `N H W 3`. The learning rate rises, stays, and falls in the last part of the run; what is
kept in the end is a running mean of the weights.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from optax.contrib import MuonDimensionNumbers

from fingerprint import posts
from fingerprint.descent import descend, moved, muon_optimizer
from fingerprint.embedding.batches import Batch, Pool
from fingerprint.embedding.network import Shape, Weights, initial, trained

FIRST = posts.Mixture(0.12, 0.78, 0, 0.10, 0, 0, curved=0.05, lowest=65, highest=95)
LAST = posts.Mixture(0.12, 0.46, 0.06, 0.11, 0.17, 0.08, curved=0.1)
"""Pictures go through little at first: all kinds of post-processing from the start teach slowly. After 36,000 crops at
JPEG 75 alone 0.33 of held-out pictures at that quality had their source, among thirty, told; after 50,000 of the last
mixture 0.14."""

SCALES = 5  # classes of the head for the scale: none, 1.5 or other, 2, 3, 4
HEADS = ("source", "scale", "quality")
_SCALE_WEIGHT, _QUALITY_WEIGHT = 0.2, 0.1
_WARM_UP = 300  # steps
_CENTRE, _SPREAD = 75.0, 20.0  # of JPEG qualities
_AXIS = "pictures"


@dataclasses.dataclass(frozen=True)
class EmbeddingConfig:
    """What a run is.

    Attributes:
        shape: of the network.
        steps: in all.
        batch: pictures a step.
        side: of the tiles, in pixels.
        mates: how many sources' pictures of one photograph are drawn together; 8 learned more slowly than 1 (after 400
            steps, 30 sources at JPEG 75: 0.14 of a batch right, not 0.20).
        rate: the highest learning rate.
        decay: decoupled weight decay of kernels.
        falling: share of the steps over which the rate falls to nothing.
        seed: of weights and batches.
        narrow: share of the steps with the first mixture alone.
        broad: share of the steps after which the mixture is the last one.
    """

    shape: Shape = dataclasses.field(default_factory=Shape)
    steps: int = 20_000
    batch: int = 96
    side: int = 64
    mates: int = 1
    rate: float = 3e-3
    decay: float = 1e-3
    falling: float = 0.25
    seed: int = 0
    narrow: float = 0.2
    broad: float = 0.4

    def mixture(self, step: int) -> posts.Mixture:
        """What pictures go through at a step."""
        share = (step / self.steps - self.narrow) / max(self.broad - self.narrow, 1e-9)
        return posts.blended(FIRST, LAST, min(1.0, max(0.0, share)))


@dataclasses.dataclass(frozen=True)
class Progress:
    """How a run stands; `loss`, shares of `right` sources and `scale`s are means since the last report."""

    step: int
    steps: int
    seconds: float
    loss: float
    right: float
    scale: float


@dataclasses.dataclass
class State:
    """All that a step changes: `weights` (heads among them), `running` statistics, `optimizer`, and `mean` weights."""

    weights: Weights
    running: Weights
    optimizer: optax.OptState
    mean: Weights


def train(
    config: EmbeddingConfig,
    pool: Pool,
    scales: np.ndarray,
    folder: Path,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
    every: int = 100,
    keep_every: int = 500,
    until: Callable[[], bool] = lambda: False,
) -> State:
    """Train, or go on from the newest checkpoint.

    Args:
        config: the run.
        pool: the pictures.
        scales: (labels,) int, each label's class for the scale, below `SCALES`.
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
    mesh = _mesh(config.batch)
    step = _spread(functools.partial(_step, config.shape, optimizer, jnp.asarray(scales, jnp.int32)), mesh)
    state = _initial(config, len(pool.names), optimizer)
    return descend(
        folder,
        jax.device_put(state, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())),
        functools.partial(_draw, config, pool),
        lambda state, batch: step(state, batch.tiles, batch.labels, batch.quality),
        _means,
        lambda done, seconds, means: report(Progress(done, config.steps, seconds, means[0], *means[1])),
        steps=config.steps,
        every=every,
        keep_every=keep_every,
        until=until,
    )


def _means(figures: Sequence[jax.Array]) -> tuple[float, tuple[float, float]]:
    loss, right, scale = np.mean(figures, axis=0).tolist()
    return loss, (right, scale)


def _mesh(batch: int) -> jax.sharding.Mesh:
    """All devices, or one if they cannot share a batch equally."""
    count = jax.local_device_count()
    shape = (count if batch % count == 0 else 1,)
    return jax.make_mesh(shape, (_AXIS,), axis_types=(jax.sharding.AxisType.Auto,), devices=jax.devices()[: shape[0]])


def _spread(step: Callable, mesh: jax.sharding.Mesh) -> Callable:
    """Compile a step that every device takes with its part of the batch; normalisation sees that part alone."""
    parts, whole = jax.sharding.PartitionSpec(_AXIS), jax.sharding.PartitionSpec()
    spread = jax.shard_map(step, mesh=mesh, in_specs=(whole, parts, parts, parts), out_specs=whole, check_vma=False)
    return jax.jit(spread, donate_argnums=0)


def describe(config: EmbeddingConfig) -> str:
    """Return a run's configuration as canonical JSON."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True, separators=(",", ":"))


def _optimizer(config: EmbeddingConfig) -> optax.GradientTransformation:
    """Muon: after 250 steps a loss of 3.04, AdamW 3.50."""
    return muon_optimizer(
        config.rate, config.steps, warm_up=_WARM_UP, falling=config.falling, matrix=_matrix, decay=config.decay
    )


def _matrix(name: str) -> MuonDimensionNumbers | None:
    layer, _, part = name.rpartition("/")
    if part != "kernel" or layer in HEADS:
        return None
    return MuonDimensionNumbers(0, 1) if layer in ("hidden", "vector") else MuonDimensionNumbers((0, 1, 2), 3)


def _initial(config: EmbeddingConfig, labels: int, optimizer: optax.GradientTransformation) -> State:
    weights, running = initial(config.shape, config.seed)
    rng = np.random.default_rng([config.seed, 0x4EAD])
    deviation = 1 / np.sqrt(config.shape.dimensions)
    for name, outputs in (("source", labels), ("scale", SCALES), ("quality", 1)):
        kernel = rng.normal(0, deviation, (config.shape.dimensions, outputs))
        weights[f"{name}/kernel"] = jnp.asarray(kernel, jnp.float32)
        weights[f"{name}/offset"] = jnp.zeros(outputs, jnp.float32)
    mean = {name: value.copy() for name, value in weights.items()}
    return State(weights, running, optimizer.init(weights), mean)


def _step(
    shape: Shape,
    optimizer: optax.GradientTransformation,
    scales: jax.Array,
    state: State,
    tiles: jax.Array,
    labels: jax.Array,
    quality: jax.Array,
) -> tuple[State, jax.Array]:
    def loss(weights: Weights) -> tuple[jax.Array, tuple[Weights, jax.Array]]:
        found, running = trained(shape, weights, state.running, tiles)

        def head(name: str) -> jax.Array:
            return found @ weights[f"{name}/kernel"] + weights[f"{name}/offset"][None]

        source, scale, told = head("source"), head("scale"), head("quality")[:, 0]
        of_source = optax.softmax_cross_entropy_with_integer_labels(source, labels).mean()
        of_scale = optax.softmax_cross_entropy_with_integer_labels(scale, scales[labels]).mean()
        of_quality = jnp.square(told - (quality - _CENTRE) / _SPREAD).mean()
        right = (source.argmax(-1) == labels).mean()
        scaled = (scale.argmax(-1) == scales[labels]).mean()
        total = of_source + _SCALE_WEIGHT * of_scale + _QUALITY_WEIGHT * of_quality
        return total, (running, jnp.stack([of_source, right, scaled]))

    (_, (running, figures)), slopes = jax.value_and_grad(loss, has_aux=True)(state.weights)
    slopes, running, figures = jax.lax.pmean((slopes, running, figures), _AXIS)
    weights, optimized, mean = moved(optimizer, slopes, state.optimizer, state.weights, state.mean)
    return State(weights, running, optimized, mean), figures


jax.tree_util.register_dataclass(State, ["weights", "running", "optimizer", "mean"], [])


def _draw(config: EmbeddingConfig, pool: Pool, number: int) -> Batch:
    return pool.batch(config.seed, number, config.batch, config.side, config.mates, config.mixture(number))
