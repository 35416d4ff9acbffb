"""How programs are compiled that must give the same bits under any load, and soon."""

from collections.abc import Callable
from typing import Any

import jax

_ONE_THREAD = {"xla_cpu_multi_thread_eigen": False}
_SOON = {"xla_backend_optimization_level": 1}


def alone(function: Callable[..., Any], *, soon: bool = True) -> Callable[..., Any]:
    """Compile for one thread: sums keep their order under any load; parallelism comes from batches side by side.

    Args:
        function: of arrays.
        soon: compile with fewer of LLVM's passes. That takes two thirds of the time and, on a CPU, gives the same bits
            as fast; only `count_codes` then takes a quarter longer.
    """
    return jax.jit(function, compiler_options=_ONE_THREAD | (_SOON if soon else {}))
