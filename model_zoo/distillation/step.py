"""The steps of both programs, as pure functions of plain arrays: the teacher that sees the truth, and the student.

Convention: float32 in [0, 1], N H W C.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array

from datasets import BankArrays, sample
from model_zoo.colour import luma_unit
from model_zoo.distillation.config import DistilConfig
from model_zoo.distillation.methods import Lesson, Method
from model_zoo.distillation.teachers import DECODER, PrivilegedTeacher, Teacher, in_common, part
from model_zoo.functional import Functional, Params
from model_zoo.losses.pixel import l1
from model_zoo.losses.total import Objective
from model_zoo.step import Metrics, State, make_optimiser, update
from model_zoo.taps import apply_tapped

ADAPTER = "adapter."
Losses = tuple[jax.Array, Metrics]


@dataclasses.dataclass(frozen=True)
class TeacherRecipe:
    """How the teacher that sees the truth is trained: its picture near the truth, its code near the low resolution.

    Attributes:
        config: the run, its steps those of the teacher.
        teacher: encoder and decoder.
        mesh: None; one device.
    """

    config: DistilConfig
    teacher: PrivilegedTeacher
    mesh: Mesh | None = None

    @property
    def function(self) -> Functional:
        """The decoder."""
        return self.teacher.decoder

    def step(self, state: State, bank: BankArrays, key: Array, frozen: Any) -> tuple[State, Metrics]:
        """Takes one step; pure. See :meth:`model_zoo.step.Recipe.step`."""
        del frozen
        low, high = _batch(self.config, bank, key, state.step)

        def losses(params: Params) -> Losses:
            code = self.teacher.encode(params, luma_unit(high))
            made = self.teacher.decoder.apply(part(params, DECODER), code)
            output, imitation = l1(made, luma_unit(high)), l1(code, luma_unit(low))
            total = output + jnp.float32(self.config.imitation) * imitation
            return total, {"output": output, "imitation": imitation}

        return advance(self.config, state, losses)


@dataclasses.dataclass(frozen=True)
class StudentRecipe:
    """How a student is trained, with or without a teacher.

    Attributes:
        config: the run.
        function: the student.
        objective: the loss on the truth.
        method: what is learnt from the teacher; None without one.
        teacher: None without one.
        mesh: None; one device.
    """

    config: DistilConfig
    function: Functional
    objective: Objective
    method: Method | None = None
    teacher: Teacher | None = None
    mesh: Mesh | None = None

    def step(self, state: State, bank: BankArrays, key: Array, frozen: Any) -> tuple[State, Metrics]:
        """Takes one step; pure. See :meth:`model_zoo.step.Recipe.step`.

        Args:
            state: the student's parameters, and the method's under `adapter.`.
            bank: the pictures.
            key: the key of the run's data.
            frozen: arrays of the `objective` and of the `teacher`.

        Returns:
            The next state, and the values of the loss and its terms.
        """
        low, high = _batch(self.config, bank, key, state.step)
        shown = None if self.teacher is None else jax.lax.stop_gradient(self.teacher.look(frozen["teacher"], low, high))
        mine = self.function.colour
        given, truth = (luma_unit(low), luma_unit(high)) if mine == "luma" else (low, high)

        def losses(params: Params) -> Losses:
            student = {name: value for name, value in params.items() if not name.startswith(ADAPTER)}
            made, features = apply_tapped(self.function, student, given)
            total, terms = jnp.float32(0), {}
            if self.config.truth:
                value, terms = self.objective.generator(frozen["objective"], made, truth)
                total += jnp.float32(self.config.truth) * value
            if shown is not None and self.method is not None and self.teacher is not None:
                lesson = Lesson(*in_common(made, mine, shown[0], self.teacher.colour), features, shown[1])
                terms["teacher"] = self.method.loss(part(params, ADAPTER), lesson)
                weight = self.method.weight if self.config.weight is None else self.config.weight
                total += jnp.float32(weight) * terms["teacher"]
            return total, terms

        return advance(self.config, state, losses)


def advance(config: DistilConfig, state: State, losses: Callable[[Params], Losses]) -> tuple[State, Metrics]:
    """Takes a step down the slope of a loss.

    Args:
        config: the run: optimiser, schedule, moving average.
        state: before the step.
        losses: of parameters, the total and its terms.

    Returns:
        The state after it, and the loss with its terms.
    """
    (total, terms), slopes = jax.value_and_grad(losses, has_aux=True)(state.params)
    params, moments = update(make_optimiser(config), slopes, state.optimiser, state.params)
    decay = config.ema
    average = {name: decay * mean + (1 - decay) * params[name] for name, mean in state.average.items()}
    after = state._replace(params=params, optimiser=moments, average=average, step=state.step + jnp.int32(1))
    return after, {"loss": total, **terms}


def begin(config: DistilConfig, params: Params) -> State:
    """Makes the state before step 0 from copies of parameters: a step consumes its state, and teachers keep theirs."""
    params = {name: jnp.array(value) for name, value in params.items()}
    average = {name: jnp.array(value) for name, value in params.items()} if config.ema else {}
    return State(params, make_optimiser(config).init(params), average, {}, {}, jnp.zeros((), jnp.int32))


def _batch(config: DistilConfig, bank: BankArrays, key: Array, step: Array) -> tuple[Array, Array]:
    return sample(bank, key, step, config.batch, config.patch, config.scale)
