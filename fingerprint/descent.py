"""What trainings here share: Muon with a rate that rises, stays and falls, mean weights, and the loop over steps.

Weights are flat dictionaries of arrays.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from optax.contrib import MuonDimensionNumbers, muon

from fingerprint.drawing import ahead
from model_zoo.checkpoints import Checkpoints

S = TypeVar("S")
B = TypeVar("B")
F = TypeVar("F")

Weights = dict[str, jax.Array]

_MEAN = 0.998  # of the running mean of weights


def muon_optimizer(
    highest: float,
    steps: int,
    *,
    warm_up: int,
    falling: float,
    matrix: Callable[[str], MuonDimensionNumbers | None],
    decay: float = 0.0,
    adam: float = 1.0,
) -> optax.GradientTransformation:
    """Muon (Jordan et al., 2024), whose steps are orthogonal matrices, and Adam for what is no matrix.

    Args:
        highest: learning rate.
        steps: of the run.
        warm_up: steps over which the rate rises.
        falling: share of the steps over which it falls to nothing.
        matrix: told a weight's name, says along which axes it is a matrix, None for what Adam moves.
        decay: decoupled weight decay of kernels.
        adam: Adam's rate, in parts of Muon's.
    """
    end = max(1.0, falling * steps)

    def rate(count: jax.typing.ArrayLike) -> jax.Array:
        step = jnp.asarray(count, jnp.float32)
        return highest * jnp.clip(jnp.minimum(step / warm_up, (steps - step) / end), 0.0, 1.0)

    def matrices(tree: Mapping[str, Any]) -> dict[str, MuonDimensionNumbers | None]:
        return {name: matrix(name) for name in tree}

    return optax.chain(
        optax.clip_by_global_norm(5.0),
        muon(
            rate,
            adam_learning_rate=lambda count: rate(count) * jnp.float32(adam),
            weight_decay=decay,
            weight_decay_mask=lambda tree: {name: name.endswith("kernel") for name in cast(Weights, tree)},
            adam_weight_decay=0.0,
            consistent_rms=0.2,
            muon_weight_dimension_numbers=cast(Any, matrices),
        ),
    )


def moved(
    optimizer: optax.GradientTransformation,
    slopes: Weights,
    optimized: optax.OptState,
    weights: Weights,
    mean: Weights,
) -> tuple[Weights, optax.OptState, Weights]:
    """Take a step.

    Args:
        optimizer: of `muon_optimizer`.
        slopes: derivatives of the loss.
        optimized: the optimizer's state.
        weights: as they are.
        mean: their running mean.

    Returns:
        Weights, optimizer's state and mean after it.
    """
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # optax itself mixes them
        updates, optimized = optimizer.update(slopes, optimized, weights)
        weights = cast(Weights, optax.apply_updates(weights, updates))
    mean = {name: value + (1 - _MEAN) * (weights[name] - value) for name, value in mean.items()}
    return weights, optimized, mean


def descend(
    folder: Path,
    state: S,
    draw: Callable[[int], B],
    take: Callable[[S, B], tuple[S, F]],
    summarise: Callable[[Sequence[F]], tuple[float, Any]],
    report: Callable[[int, float, tuple[float, Any]], None],
    *,
    steps: int,
    every: int,
    keep_every: int,
    until: Callable[[], bool],
) -> S:
    """Take all steps of a run, or those that are left after its newest checkpoint.

    Args:
        folder: for checkpoints.
        state: the first one, a pytree of arrays; a checkpoint's arrays lie where these do.
        draw: gives the batch of a step's number; drawn some steps ahead, in a thread.
        take: takes a step, and returns the new state and figures of it.
        summarise: makes of some steps' figures the loss and whatever else is told.
        report: told steps done, seconds, and the summary of the steps since it was last told.
        steps: in all.
        every: steps between reports.
        keep_every: steps between checkpoints.
        until: asked after each checkpoint whether to stop before the end.

    Returns:
        The state after the last step taken.

    Raises:
        FloatingPointError: the loss is not finite; no such state is kept.
    """
    with Checkpoints(folder) as checkpoints:
        begun = checkpoints.latest() or 0
        if begun:
            state = checkpoints.load(begun, state)
        clock, seen = time.perf_counter(), []
        for number, batch in ahead(draw, begun, steps):
            state, figures = take(state, batch)
            seen.append(figures)
            done = number + 1
            told, kept = (done % each == 0 or done == steps for each in (every, keep_every))
            if told or kept:
                summary = summarise(seen)
                if not np.isfinite(summary[0]):
                    raise FloatingPointError(f"the loss is not finite at step {done}")
            if told:
                report(done, time.perf_counter() - clock, summary)
                seen = []
            if kept:
                checkpoints.save(done, state)
                if until():
                    break
    return state
