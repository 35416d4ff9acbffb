"""The one place that decides how work is laid out for the device at hand.

Networks ask nothing: they call :func:`model_zoo.layers.convolve`, which asks here. The training loop asks here how
many steps go into one dispatch. What was measured stands with the rule it led to.

benchmarks/CONVOLUTIONS.md has what was measured and tried, on AMD EPYC with jax 0.10. On one core, where a convolution
has more than 16 channels on either side, XLA runs it at some 90 GFLOP/s of 110 forwards and backwards to the pictures,
otherwise at 10 to 50; channels of zeros make up for that. Its weight gradient runs at 25 to 40, because pictures and
slopes of the whole batch fall out of the cache; summed over two or four pictures at a time it gets 50 to 65. From 32
channels on both sides Winograd's filtering, written as matrix products, is faster still: EDSR-baseline trains at twice
the speed. Shifted slices and matrix products take twice as long, and inside `lax.scan` XLA's convolution falls onto a
path that is more than ten times slower. So on a CPU: `tuned`, one step a dispatch. On an accelerator a dispatch may
cost more than a small step and scanning costs nothing, so several steps go into one there; how many is an estimate, to
be replaced by a measurement.
"""

import contextlib
import contextvars
import dataclasses
from collections.abc import Iterator
from typing import Literal

import jax

Convolution = Literal["native", "tuned", "products"]
Seeds = Literal["vmap", "sequential"]


@dataclasses.dataclass(frozen=True)
class Plan:
    """How work is laid out on one kind of device.

    Attributes:
        convolution: `native` is XLA's convolution; `tuned` is the same until it is differentiated, and then equal up to
            rounding (and the same bits every time), see :mod:`model_zoo.convolution`; `products` are matrix products,
            see :mod:`model_zoo.products`.
        steps_per_dispatch: training steps that one call of the jitted function takes (1: no scan).
        seeds: whether runs that differ by seed alone are trained in one program (`vmap`) or one after another.
    """

    convolution: Convolution
    steps_per_dispatch: int
    seeds: Seeds = "sequential"


_CPU = Plan(convolution="tuned", steps_per_dispatch=1)
_ACCELERATOR = Plan(convolution="native", steps_per_dispatch=20, seeds="vmap")
_SCANNED: contextvars.ContextVar[int | None] = contextvars.ContextVar("scanned", default=None)
_OVERRIDE: contextvars.ContextVar[Convolution | None] = contextvars.ContextVar("convolution", default=None)


def plan(backend: str | None = None) -> Plan:
    """Says how to lay work out on a backend.

    Args:
        backend: a JAX platform name (`cpu`, `gpu`, `tpu`); None for the default one.

    Returns:
        The plan for it.
    """
    chosen = _CPU if (backend or jax.default_backend()) == "cpu" else _ACCELERATOR
    convolution, steps = _OVERRIDE.get() or chosen.convolution, _SCANNED.get() or chosen.steps_per_dispatch
    return dataclasses.replace(chosen, convolution=convolution, steps_per_dispatch=steps)


@contextlib.contextmanager
def scanning(steps: int) -> Iterator[None]:
    """Lays work out such that up to so many steps are one program, whatever the backend.

    On a CPU convolutions are then matrix products, which keep their speed inside a scan.

    Args:
        steps: training steps that one call takes.

    Yields:
        Nothing.
    """
    convolution: Convolution = "products" if plan().convolution == "tuned" else plan().convolution
    token = _SCANNED.set(steps)
    try:
        with using(convolution):
            yield
    finally:
        _SCANNED.reset(token)


@contextlib.contextmanager
def using(convolution: Convolution) -> Iterator[None]:
    """Sets how convolutions are expressed in what is traced inside, to compare or to count.

    Args:
        convolution: see :class:`Plan`.

    Yields:
        Nothing.
    """
    token = _OVERRIDE.set(convolution)
    try:
        yield
    finally:
        _OVERRIDE.reset(token)
