"""The training loop: jitted steps with donated buffers, resumable, and nothing read back between log boundaries.

Convention: float32 in [0, 1], N H W C.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from datasets import BankArrays, PatchBank
from model_zoo import backend
from model_zoo.checkpoints import Checkpoints
from model_zoo.config import TrainConfig
from model_zoo.discriminators import build_discriminator
from model_zoo.functional import Functional, Params, initialise
from model_zoo.loop import Progress, loop
from model_zoo.losses.spec import parse_loss
from model_zoo.losses.total import make_objective
from model_zoo.network import load
from model_zoo.step import Metrics, Recipe, State


@runtime_checkable
class Stepping(Protocol):
    """What training asks of a recipe: `model_zoo.step.Recipe`, or another way to take a step."""

    @property
    def function(self) -> Functional:
        """The network that is trained."""
        ...

    @property
    def mesh(self) -> Mesh | None:
        """The devices a batch is spread over; None for one device."""
        ...

    def step(self, state: State, bank: BankArrays, key: Array, frozen: Any) -> tuple[State, Metrics]:
        """Takes one step; pure."""
        ...


class Job(NamedTuple):
    """A run that is ready to go.

    Attributes:
        recipe: what a step does.
        state: where it begins.
        frozen: arrays the loss needs that are not trained.
        key: the key of the run's data.
    """

    recipe: Stepping
    state: State
    frozen: Any
    key: Array


def start(config: TrainConfig, devices: Sequence[Any] | None = None, *, parent: Params | None = None) -> Job:
    """Makes what a run needs before step 0.

    Args:
        config: the run.
        devices: what each batch is spread over; None or one device: no spreading.
        parent: the weights `warm_start` stands for; None: they are loaded by its name.

    Returns:
        The job.

    Raises:
        ValueError: if the architecture's arguments don't fit, `warm_start` names no fitting network, or the batch
            cannot be spread evenly.
        OSError: if a perceptual loss finds no weights.
    """
    weights_key, data_key, critic_key = jax.random.split(jax.random.key(config.seed), 3)
    function, params = initialise(config.architecture, scale=config.scale, key=weights_key, **config.network())
    if config.warm_start is not None:
        params = inherit(params, load(config.warm_start).params if parent is None else parent)
    spec = parse_loss(config.loss)
    objective, frozen = make_objective(spec)
    critic, judge = None, {}
    if spec.gan is not None:
        critic, judge = build_discriminator(config.discriminator, key=critic_key, width=config.discriminator_width)
    recipe = Recipe(config, function, objective, critic, _mesh(config, devices))
    state = recipe.begin(params, judge)
    if recipe.mesh is not None:
        everywhere = NamedSharding(recipe.mesh, PartitionSpec())
        state, frozen, data_key = jax.device_put((state, frozen, data_key), everywhere)
    return Job(recipe, state, frozen, data_key)


def _mesh(config: TrainConfig, devices: Sequence[Any] | None) -> Mesh | None:
    if devices is None or len(devices) < 2:
        return None
    if config.batch % len(devices):
        raise ValueError(f"batch must be a multiple of the {len(devices)} devices, got {config.batch}")
    return Mesh(np.array(devices), ("data",), axis_types=(AxisType.Auto,))


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


def make_dispatch(recipe: Stepping, count: int, *, seeds: bool = False) -> Callable[..., tuple[State, Metrics]]:
    """Compiles what one call takes: a step, or several in a scan; of one run, or of several seeds at once.

    Args:
        recipe: what a step does.
        count: steps a call.
        seeds: whether state and key have a leading axis of seeds.

    Returns:
        A jitted function of (state, bank, key, frozen) that consumes the state and returns the next one with the
        metrics, each (steps,) or (steps, seeds).
    """
    step = jax.vmap(recipe.step, in_axes=(0, None, 0, None)) if seeds else recipe.step

    def several(state: State, bank: BankArrays, key: Array, frozen: Any) -> tuple[State, Metrics]:
        if count == 1:
            state, metrics = step(state, bank, key, frozen)
            return state, {name: value[None] for name, value in metrics.items()}
        return jax.lax.scan(lambda carried, _: step(carried, bank, key, frozen), state, None, length=count)

    return jax.jit(several, donate_argnums=0)


def train(
    config: TrainConfig,
    bank: PatchBank,
    folder: Path,
    *,
    report: Callable[[Progress], None] | None = None,
    stop_after: int | None = None,
    devices: Sequence[Any] | None = None,
    job: Job | None = None,
    watch: Callable[[int, Params], None] | None = None,
) -> tuple[Functional, Params]:
    """Trains, from the newest checkpoint in the folder if there is one.

    Args:
        config: the run.
        bank: the pictures, of the run's scale and patch.
        folder: where checkpoints are kept.
        report: called at every log boundary.
        stop_after: leave off after this many steps in all, as if interrupted (the schedule stays the run's).
        devices: what each batch is spread over. A run that is resumed on another number of devices goes on, but its
            sums are taken in another order: bits are equal only on the same devices.
        job: what :func:`start` made of the config, if that was needed before.
        watch: told the step and the parameters wherever a checkpoint has been written.

    Returns:
        The network's function and its parameters.

    Raises:
        NonFiniteLossError: if the loss is not finite; no checkpoint of that state is kept.
        ValueError: if the bank's scale or patch is not the run's.
    """
    _fits(config, bank)
    recipe, state, frozen, key = start(config, devices) if job is None else job
    arrays = bank.arrays
    if recipe.mesh is not None:
        arrays = jax.device_put(arrays, NamedSharding(recipe.mesh, PartitionSpec()))
    dispatch = functools.cache(functools.partial(make_dispatch, recipe))
    with Checkpoints(folder) as checkpoints:
        found = checkpoints.latest()
        if found is not None:
            state = checkpoints.load(found, state)

        def save(step: int, state: State) -> None:
            checkpoints.save(step, state)
            if watch is not None:
                watch(step, state.result)

        state = loop(
            config,
            state,
            lambda count, state: dispatch(count)(state, arrays, key, frozen),
            found or 0,
            stop_after,
            lambda progress: None if report is None else report(progress[0]),
            save,
        )
    return recipe.function, state.result


def train_seeds(
    configs: Sequence[TrainConfig],
    bank: PatchBank,
    folders: Sequence[Path],
    *,
    report: Callable[[Sequence[Progress]], None] | None = None,
    stop_after: int | None = None,
    how: backend.Seeds | None = None,
) -> list[tuple[Functional, Params]]:
    """Trains runs that differ in name, seed and warm start only, in one program where the backend gains by it.

    Args:
        configs: the runs.
        bank: their pictures.
        folders: where each run's checkpoints are kept.
        report: called with every run's progress (sequentially trained runs: of the run at hand alone).
        stop_after: leave off after this many steps in all, as if interrupted.
        how: `vmap` or `sequential`; None for what was measured to be faster on the backend.

    Returns:
        Each run's function and parameters, in order.

    Raises:
        NonFiniteLossError: if a loss is not finite.
        ValueError: if the runs differ in more.
    """
    plain = {dataclasses.replace(config, name="x", seed=0, warm_start=None) for config in configs}
    if len(plain) != 1 or len(configs) != len(folders):
        raise ValueError("configs must differ in name, seed and warm_start only, and have a folder each")
    if (how or backend.plan().seeds) == "sequential":
        tell = None if report is None else (lambda progress: report([progress]))
        pairs = zip(configs, folders, strict=True)
        return [train(config, bank, folder, report=tell, stop_after=stop_after) for config, folder in pairs]
    config = configs[0]
    _fits(config, bank)
    jobs = [start(config) for config in configs]
    recipe, frozen = jobs[0].recipe, jobs[0].frozen
    key = jnp.stack([job.key for job in jobs])
    dispatch = functools.cache(functools.partial(make_dispatch, recipe, seeds=True))
    with ExitStack() as stack:
        kept = [stack.enter_context(Checkpoints(folder)) for folder in folders]
        steps = [checkpoints.latest() or 0 for checkpoints in kept]
        begin = min(steps)  # a kill between two saves leaves one run a checkpoint ahead
        states = [job.state for job in jobs]
        if begin:
            states = [c.load(begin, state) for c, state in zip(kept, states, strict=True)]

        def save(step: int, state: State) -> None:
            for index, checkpoints in enumerate(kept):
                if checkpoints.latest() is None or (checkpoints.latest() or 0) < step:
                    checkpoints.save(step, jax.tree.map(lambda leaf, place=index: leaf[place], state))

        state = loop(
            config,
            jax.tree.map(lambda *leaves: jnp.stack(leaves), *states),
            lambda count, state: dispatch(count)(state, bank.arrays, key, frozen),
            begin,
            stop_after,
            lambda progress: None if report is None else report(progress),
            save,
        )
    results = [jax.tree.map(lambda leaf, place=index: leaf[place], state.result) for index in range(len(configs))]
    return [(recipe.function, result) for result in results]


def _fits(config: TrainConfig, bank: PatchBank) -> None:
    if (bank.scale, bank.patch) != (config.scale, config.patch):
        raise ValueError(
            f"bank must have scale {config.scale} and patch {config.patch}, got {bank.scale} and {bank.patch}"
        )
