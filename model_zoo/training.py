"""The training loop: one jitted step with donated buffers, resumable, and nothing read back between log boundaries.

Convention: float32 in [0, 1], N H W C.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from datasets import BankArrays, PatchBank, sample
from model_zoo import backend
from model_zoo.checkpoints import Checkpoints
from model_zoo.colour import luma_unit
from model_zoo.config import TrainConfig
from model_zoo.functional import Functional, Params, initialise
from model_zoo.network import load


class NonFiniteLossError(ValueError):
    """The loss stopped being a number."""

    def __init__(self, step: int) -> None:
        """Says at which step."""
        super().__init__(f"the loss of step {step} is not finite; a lower learning_rate may help")
        self.step = step


class State(NamedTuple):
    """All that changes while training; a pytree.

    Attributes:
        params: the network's parameters by dotted path.
        optimiser: the optimiser's own state.
        step: steps taken.
    """

    params: Params
    optimiser: Any
    step: Int[Array, ""]


@dataclasses.dataclass(frozen=True)
class Progress:
    """What is known at a log boundary.

    Attributes:
        step: steps taken.
        steps: steps in all.
        loss: mean over the steps since the last boundary.
    """

    step: int
    steps: int
    loss: float


def optimiser(config: TrainConfig) -> optax.GradientTransformation:
    """Adam with a cosine from the learning rate down to its final fraction."""
    return optax.adam(optax.cosine_decay_schedule(config.learning_rate, config.steps, alpha=config.final_rate))


def start(config: TrainConfig) -> tuple[Functional, State, Array]:
    """Makes the state before step 0.

    Args:
        config: the run.

    Returns:
        The network's function, the state, and the key its data are drawn with.

    Raises:
        ValueError: if the architecture's arguments don't fit, or `warm_start` names no fitting network.
    """
    weights_key, data_key = jax.random.split(jax.random.key(config.seed))
    function, params = initialise(config.architecture, scale=config.scale, key=weights_key, **config.network())
    if config.warm_start is not None:
        params = inherit(params, load(config.warm_start).params)
    return function, State(params, optimiser(config).init(params), jnp.zeros((), jnp.int32)), data_key


def inherit(params: Params, parent: Params) -> Params:
    """Takes over a parent's weights where name and shape agree.

    Args:
        params: freshly drawn parameters.
        parent: another network's.

    Returns:
        The parameters to start from.

    Raises:
        ValueError: if nothing agrees.
    """
    fitting = {k: v for k, v in parent.items() if k in params and params[k].shape == v.shape}
    if not fitting:
        raise ValueError("warm_start must name a network of the same architecture and width, nothing agrees")
    return params | fitting


def loss_l1(estimate: Float[Array, "n h w c"], truth: Float[Array, "n h w c"]) -> Float[Array, ""]:
    """Mean absolute error."""
    return jnp.mean(jnp.abs(estimate - truth))


def train_step(
    config: TrainConfig, function: Functional, state: State, bank: BankArrays, key: Array
) -> tuple[State, Float[Array, ""]]:
    """Takes one step; pure.

    Args:
        config: the run (static).
        function: the network (static).
        state: parameters, optimiser and step number.
        bank: the pictures.
        key: the key of the run's data.

    Returns:
        The next state and the loss of this step.
    """
    low, high = sample(bank, key, state.step, config.batch, config.patch, config.scale)
    if function.colour == "luma":
        low, high = luma_unit(low), luma_unit(high)
    loss, slopes = jax.value_and_grad(lambda params: loss_l1(function.apply(params, low), high))(state.params)
    with jax.numpy_dtype_promotion("standard"):  # optax itself mixes whole numbers and floats
        updates, moments = optimiser(config).update(slopes, state.optimiser, state.params)
    params = cast(Params, optax.apply_updates(state.params, updates))
    return State(params, moments, state.step + jnp.int32(1)), loss


def make_dispatch(config: TrainConfig, function: Functional, count: int) -> Callable[..., tuple[State, Array]]:
    """Compiles what one call takes: a step, or several in a scan.

    Args:
        config: the run.
        function: the network.
        count: steps a call.

    Returns:
        A jitted function of (state, bank, key) that consumes the state and returns the next one with the losses.
    """
    step = functools.partial(train_step, config, function)

    def several(state: State, bank: BankArrays, key: Array) -> tuple[State, Float[Array, " n"]]:
        if count == 1:
            state, loss = step(state, bank, key)
            return state, loss[None]
        return jax.lax.scan(lambda carried, _: step(carried, bank, key), state, None, length=count)

    return jax.jit(several, donate_argnums=0)


def train(
    config: TrainConfig,
    bank: PatchBank,
    folder: Path,
    *,
    report: Callable[[Progress], None] | None = None,
    stop_after: int | None = None,
) -> tuple[Functional, Params]:
    """Trains, from the newest checkpoint in the folder if there is one.

    Args:
        config: the run.
        bank: the pictures, of the run's scale and patch.
        folder: where checkpoints are kept.
        report: called at every log boundary.
        stop_after: leave off after this many steps in all, as if interrupted (the schedule stays the run's).

    Returns:
        The network's function and its parameters.

    Raises:
        NonFiniteLossError: if the loss is not finite; no checkpoint of that state is kept.
        ValueError: if the bank's scale or patch is not the run's.
    """
    if (bank.scale, bank.patch) != (config.scale, config.patch):
        raise ValueError(
            f"bank must have scale {config.scale} and patch {config.patch}, got {bank.scale} and {bank.patch}"
        )
    function, state, key = start(config)
    last = config.steps if stop_after is None else min(stop_after, config.steps)
    dispatch = functools.cache(functools.partial(make_dispatch, config, function))
    with Checkpoints(folder) as checkpoints:
        found = checkpoints.latest()
        step = 0 if found is None else found
        if found is not None:
            state = checkpoints.load(found, state)
        while step < last:
            boundary = min(last, _next(step, config.log_every), _next(step, config.checkpoint_every))
            losses = []
            for count in _dispatches(boundary - step):
                state, loss = dispatch(count)(state, bank.arrays, key)
                losses.append(loss)
            mean = _check(losses, step)
            step = boundary
            if report is not None:  # before the checkpoint: what is told twice can be dropped, what never is cannot
                report(Progress(step, config.steps, mean))
            if step % config.checkpoint_every == 0 or step == last:
                checkpoints.save(step, state)
    return function, state.params


def _dispatches(steps: int) -> list[int]:
    """How many steps each call takes."""
    most = backend.plan().steps_per_dispatch
    return [most] * (steps // most) + ([steps % most] if steps % most else [])


def _next(step: int, every: int) -> int:
    return (step // every + 1) * every


def _check(losses: list[Array], begin: int) -> float:
    """Fetches the losses since the last boundary; their mean, or an error naming the first bad step."""
    values = np.concatenate([np.asarray(loss) for loss in losses])
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise NonFiniteLossError(begin + int(bad[0]))
    return math.fsum(values.tolist()) / len(values)
