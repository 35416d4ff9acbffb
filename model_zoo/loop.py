"""The loop around jitted steps: from one log boundary to the next, with a look at the loss and checkpoints between.

It knows nothing of what a step does: whoever trains something hands in how states are advanced and kept.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

from model_zoo import backend
from model_zoo.step import Metrics

S = TypeVar("S")


class NonFiniteLossError(ValueError):
    """The loss stopped being a number."""

    def __init__(self, step: int) -> None:
        """Says at which step."""
        super().__init__(f"the loss of step {step} is not finite; a lower learning_rate may help")
        self.step = step


@dataclasses.dataclass(frozen=True)
class Progress:
    """What is known at a log boundary.

    Attributes:
        step: steps taken.
        steps: steps in all.
        loss: mean over the steps since the last boundary.
        terms: the same of each term of the loss, and of the discriminator's loss.
    """

    step: int
    steps: int
    loss: float
    terms: dict[str, float] = dataclasses.field(default_factory=dict)


@runtime_checkable
class Course(Protocol):
    """What the loop has to know of a run."""

    @property
    def steps(self) -> int:
        """Steps in all."""
        ...

    @property
    def log_every(self) -> int:
        """Steps between two looks at the loss."""
        ...

    @property
    def checkpoint_every(self) -> int:
        """Steps between two checkpoints."""
        ...


def loop(
    config: Course,
    state: S,
    advance: Callable[[int, S], tuple[S, Metrics]],
    step: int,
    stop_after: int | None,
    report: Callable[[list[Progress]], None],
    save: Callable[[int, S], None],
) -> S:
    """Goes from a step to the last, with a look at the loss at each boundary.

    Args:
        config: the run.
        state: where it begins; consumed.
        advance: takes so many steps from a state; gives the next one, and metrics of (steps,) or (steps, seeds).
        step: steps taken before.
        stop_after: leave off after this many steps in all; None for the run's own number.
        report: told at every boundary, a list with an entry for each seed.
        save: told the step and the state wherever a checkpoint is due.

    Returns:
        The last state.

    Raises:
        NonFiniteLossError: a loss is not finite.
    """
    last = config.steps if stop_after is None else min(stop_after, config.steps)
    while step < last:
        boundary = min(last, _next(step, config.log_every), _next(step, config.checkpoint_every))
        seen: list[Metrics] = []
        for count in _dispatches(boundary - step):
            state, metrics = advance(count, state)
            seen.append(metrics)
        means = _check(seen, step)
        step = boundary
        report(  # before the checkpoint: what is told twice can be dropped, what never is cannot
            [Progress(step, config.steps, m["loss"], {k: v for k, v in m.items() if k != "loss"}) for m in means]
        )
        if step % config.checkpoint_every == 0 or step == last:
            save(step, state)
    return state


def _dispatches(steps: int) -> list[int]:
    """How many steps each call takes."""
    most = backend.plan().steps_per_dispatch
    return [most] * (steps // most) + ([steps % most] if steps % most else [])


def _next(step: int, every: int) -> int:
    return (step // every + 1) * every


def _check(seen: list[Metrics], begin: int) -> list[dict[str, float]]:
    """Fetches the metrics since the last boundary; their means for each seed, or an error naming the first bad step."""
    columns = {name: np.concatenate([np.asarray(metrics[name]) for metrics in seen]) for name in seen[0]}
    columns = {name: values.reshape(len(values), -1) for name, values in columns.items()}  # (steps, seeds)
    bad = np.flatnonzero(~np.all([np.isfinite(values).all(axis=1) for values in columns.values()], axis=0))
    if bad.size:
        raise NonFiniteLossError(begin + int(bad[0]))
    seeds = columns["loss"].shape[1]
    return [
        {name: math.fsum(values[:, seed].tolist()) / len(values) for name, values in columns.items()}
        for seed in range(seeds)
    ]
