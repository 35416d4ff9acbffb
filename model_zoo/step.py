"""One training step as a pure function of plain arrays: what is jitted, scanned, mapped over seeds and sharded.

Convention: float32 in [0, 1], N H W C.
"""

import dataclasses
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

from datasets import BankArrays, sample
from model_zoo.colour import luma_unit
from model_zoo.config import TrainConfig
from model_zoo.discriminators import Discriminator
from model_zoo.functional import Functional, Params
from model_zoo.losses.gan import discriminator_loss
from model_zoo.losses.total import Objective

Metrics = dict[str, jax.Array]


class State(NamedTuple):
    """All that changes while training; a pytree.

    Attributes:
        params: the network's parameters by dotted path.
        optimiser: its optimiser's state.
        average: the moving average of the parameters; empty where none is kept.
        critic: the discriminator's parameters; empty where there is none.
        critic_optimiser: its optimiser's state; empty likewise.
        step: steps taken.
    """

    params: Params
    optimiser: Any
    average: Params
    critic: Params
    critic_optimiser: Any
    step: Int[Array, ""]

    @property
    def result(self) -> Params:
        """The weights that the run gives: the average where one is kept."""
        return self.average or self.params


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a step does, without any arrays: hashable, static under `jax.jit`.

    Attributes:
        config: the run.
        function: the network.
        objective: what is minimised.
        critic: the discriminator; None where the loss has no adversarial term.
        mesh: the devices a batch is spread over; None for one device.
    """

    config: TrainConfig
    function: Functional
    objective: Objective
    critic: Discriminator | None
    mesh: Mesh | None = None

    def begin(self, params: Params, critic: Params) -> State:
        """Makes the state before step 0.

        Args:
            params: the network's parameters at the start.
            critic: the discriminator's; empty if there is none.

        Returns:
            The state.
        """
        return State(
            params=params,
            optimiser=self._optimiser().init(params),
            average={name: jnp.array(value) for name, value in params.items()} if self.config.ema else {},
            critic=critic,
            critic_optimiser=self._critic_optimiser().init(critic) if critic else {},
            step=jnp.zeros((), jnp.int32),
        )

    def step(self, state: State, bank: BankArrays, key: Array, frozen: Any) -> tuple[State, Metrics]:
        """Takes one step; pure.

        Args:
            state: parameters, optimisers and step number.
            bank: the pictures.
            key: the key of the run's data.
            frozen: arrays the loss needs that are not trained.

        Returns:
            The next state, and the values of the loss and its terms.
        """
        low, high = self._batch(bank, key, state.step)
        real = None if self.critic is None else self._judge(state.critic, high)

        def objective(params: Params) -> tuple[Array, tuple[Array, Metrics]]:
            estimate = self._enlarge(params, low)
            fake = None if self.critic is None else self._judge(state.critic, estimate)
            total, terms = self.objective.generator(frozen, estimate, high, fake, real)
            return total, (estimate, terms)

        (total, (estimate, terms)), slopes = jax.value_and_grad(objective, has_aux=True)(state.params)
        params, moments = update(self._optimiser(), slopes, state.optimiser, state.params)
        metrics = {"loss": total, **terms}
        critic, critic_moments = state.critic, state.critic_optimiser
        if self.critic is not None:
            critic, critic_moments, metrics["discriminator"] = self._teach(state, estimate, high)
        decay = self.config.ema
        average = {name: decay * mean + (1 - decay) * params[name] for name, mean in state.average.items()}
        return State(params, moments, average, critic, critic_moments, state.step + jnp.int32(1)), metrics

    def _batch(self, bank: BankArrays, key: Array, step: Array) -> tuple[Array, Array]:
        config = self.config
        low, high = sample(bank, key, step, config.batch, config.patch, config.scale)
        if self.mesh is not None:
            spread = NamedSharding(self.mesh, PartitionSpec("data"))
            low, high = (jax.lax.with_sharding_constraint(images, spread) for images in (low, high))
        return (luma_unit(low), luma_unit(high)) if self.function.colour == "luma" else (low, high)

    def _enlarge(self, params: Params, low: Float[Array, "n h w c"]) -> Float[Array, "n sh sw c"]:
        return self._narrow(self.function.apply, params, low)

    def _judge(self, critic: Params, images: Float[Array, "n h w c"]) -> Array:
        assert self.critic is not None  # noqa: S101 - told by the caller
        return self._narrow(self.critic.apply, critic, images)

    def _narrow(self, apply: Any, params: Params, images: Array) -> Array:
        """Runs a network in the run's precision; what it gives is float32."""
        if self.config.precision == "float32":
            return apply(params, images)
        small = {name: value.astype(jnp.bfloat16) for name, value in params.items()}
        return apply(small, images.astype(jnp.bfloat16)).astype(jnp.float32)

    def _teach(self, state: State, estimate: Array, high: Array) -> tuple[Params, Any, Array]:
        """Trains the discriminator on the pictures of this step."""
        kind, critic = self.objective.spec.gan, self.critic
        assert kind is not None and critic is not None  # noqa: S101 - told by the caller
        fake = jax.lax.stop_gradient(estimate)

        def objective(params: Params) -> Array:
            return discriminator_loss(kind, self._judge(params, fake), self._judge(params, high))

        loss, slopes = jax.value_and_grad(objective)(state.critic)
        params, moments = update(self._critic_optimiser(), slopes, state.critic_optimiser, state.critic)
        return critic.refresh(params), moments, loss

    def _optimiser(self) -> optax.GradientTransformation:
        return make_optimiser(self.config)

    def _critic_optimiser(self) -> optax.GradientTransformation:
        return make_optimiser(self.config, self.config.discriminator_rate)


def schedule(config: TrainConfig, rate: float) -> optax.Schedule:
    """Makes the learning rate's course.

    Args:
        config: the run.
        rate: the rate at its height.

    Returns:
        The rate of a step number.
    """
    steps = config.steps - config.warmup
    if config.schedule == "cosine":
        main = optax.cosine_decay_schedule(rate, steps, alpha=config.final_rate)
    elif config.schedule == "halving":
        main = optax.piecewise_constant_schedule(rate, {max(1, steps * part // 5): 0.5 for part in range(1, 5)})
    else:
        main = optax.constant_schedule(rate)
    if not config.warmup:
        return main
    return optax.join_schedules([optax.linear_schedule(0.0, rate, config.warmup), main], [config.warmup])


def make_optimiser(config: TrainConfig, rate: float | None = None) -> optax.GradientTransformation:
    """Makes a run's optimiser: Adam under the run's schedule, with its bound on the gradient's norm.

    Args:
        config: the run.
        rate: the learning rate at its height; None for the run's.

    Returns:
        The optimiser.
    """
    adam = optax.adam(schedule(config, rate or config.learning_rate))
    return optax.chain(optax.clip_by_global_norm(config.clip), adam) if config.clip else adam


def update(optimiser: optax.GradientTransformation, slopes: Params, moments: Any, params: Params) -> tuple[Params, Any]:
    """Lets an optimiser change parameters.

    Args:
        optimiser: of the run.
        slopes: the loss's derivative by them.
        moments: the optimiser's state.
        params: the parameters.

    Returns:
        The parameters and the optimiser's state after it.
    """
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # optax itself mixes them
        updates, moments = optimiser.update(slopes, moments, params)
        return cast(Params, optax.apply_updates(params, updates)), moments
