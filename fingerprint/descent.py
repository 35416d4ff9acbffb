"""Steps of gradient descent that trainings here share: Muon with a rate that rises, stays and falls, and mean weights.

Weights are flat dictionaries of arrays.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import jax
import jax.numpy as jnp
import optax
from optax.contrib import MuonDimensionNumbers, muon

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
