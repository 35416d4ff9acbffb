"""The one place that decides how work is laid out for the device at hand.

Networks ask nothing: they call :func:`model_zoo.layers.convolve`, which asks here. The training loop asks here how
many steps go into one dispatch. What was measured stands with the rule it led to.

Measured on two CPU cores (jax 0.10, EDSR 24 channels x 5 blocks, batch 16, 24x24 patches, one core): XLA's own
convolution in a Python loop takes 93 ms a step, nine shifted slices and one matrix product 212 ms; inside
`lax.scan` XLA's convolution falls onto a path that is more than ten times slower. So: own convolution, one step a
dispatch. On an accelerator a dispatch may cost more than a small step and scanning costs nothing, so several steps go
into one there; how many is an estimate, to be replaced by a measurement.
"""

import dataclasses
from typing import Literal

import jax

Convolution = Literal["native", "patches"]
Seeds = Literal["vmap", "sequential"]


@dataclasses.dataclass(frozen=True)
class Plan:
    """How work is laid out on one kind of device.

    Attributes:
        convolution: `native` is XLA's convolution, `patches` shifted slices and one matrix product.
        steps_per_dispatch: training steps that one call of the jitted function takes (1: no scan).
        seeds: whether runs that differ by seed alone are trained in one program (`vmap`) or one after another.
    """

    convolution: Convolution
    steps_per_dispatch: int
    seeds: Seeds = "sequential"


_CPU = Plan(convolution="native", steps_per_dispatch=1)
_ACCELERATOR = Plan(convolution="native", steps_per_dispatch=20, seeds="vmap")


def plan(backend: str | None = None) -> Plan:
    """Says how to lay work out on a backend.

    Args:
        backend: a JAX platform name (`cpu`, `gpu`, `tpu`); None for the default one.

    Returns:
        The plan for it.
    """
    return _CPU if (backend or jax.default_backend()) == "cpu" else _ACCELERATOR
