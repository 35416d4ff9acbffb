"""What running or training a network costs, counted from its program without running it.

The unit is the multiply-add: one multiplication and the addition of its product, two floating-point operations. Counted
are those of convolutions and matrix products, as the field counts; activations, means, soft-maxima and interpolation
are not. Zero padding counts as if it were picture; zeros that a strided convolution's derivative puts between values do
not count.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from model_zoo import backend
from model_zoo.functional import Params, skeleton

_HD = (720, 1280)  # rows and columns of the picture that the field's counts are for


def multiply_adds(architecture: str, *, scale: int, size: tuple[int, int], **config: Any) -> int:
    """Counts the multiply-adds of enlarging one picture.

    Args:
        architecture: registered name.
        scale: enlargement of each side.
        size: rows and columns of the low-resolution picture.
        **config: the architecture's own arguments (`width`, `depth`, ...).

    Returns:
        The number for a whole picture, without tiling.

    Raises:
        ValueError: as :func:`count_multiply_adds` and `model_zoo.build` do.
    """
    function, params = skeleton(architecture, scale=scale, **config)
    images = jax.ShapeDtypeStruct((1, *size, function.channels), jnp.float32)
    return count_multiply_adds(function.apply, params, images)


def training_multiply_adds(
    architecture: str, *, scale: int, size: tuple[int, int], batch: int = 1, **config: Any
) -> int:
    """Counts the multiply-adds of one training step's forward and backward pass under the mean absolute error.

    Args:
        architecture: registered name.
        scale: enlargement of each side.
        size: rows and columns of a low-resolution patch.
        batch: patches a step.
        **config: the architecture's own arguments (`width`, `depth`, ...).

    Returns:
        The number a step, for gradients of all parameters and not of the pictures; about three times the forward
        pass's. Floating-point operations are twice as many.

    Raises:
        ValueError: as :func:`count_multiply_adds` and `model_zoo.build` do.
    """
    function, params = skeleton(architecture, scale=scale, **config)
    small = (batch, *size, function.channels)
    large = (batch, size[0] * scale, size[1] * scale, function.channels)

    def loss(params: Params, images: jax.Array, targets: jax.Array) -> jax.Array:
        return jnp.abs(function.apply(params, images) - targets).mean()

    given = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in (small, large)]
    return count_multiply_adds(jax.grad(loss), params, *given)


def hd_size(scale: int) -> tuple[int, int]:
    """Rows and columns of the picture that is enlarged to 1280x720, rounded down, for which the field counts."""
    return _HD[0] // scale, _HD[1] // scale


def count_multiply_adds(function: Callable[..., Any], *arguments: Any) -> int:
    """Counts the multiply-adds of a JAX function.

    Args:
        function: what is counted; traced, never run.
        *arguments: arrays, or `jax.ShapeDtypeStruct` in their place.

    Returns:
        The number. Of a condition's branches the dearest counts.

    Raises:
        ValueError: if a product stands in a loop of unknown length.
    """
    with backend.using("native"):  # what other forms of a convolution fill up with zeros does not count
        return _walk(jax.make_jaxpr(function)(*arguments).jaxpr)


def _walk(jaxpr: Any) -> int:
    return sum(_COUNTERS.get(equation.primitive.name, _nested)(equation) for equation in jaxpr.eqns)


def _nested(equation: Any) -> int:
    """What calls of any kind hold: jit, custom derivatives, recomputation."""
    return sum(_walk(inner) for inner in _programs(equation.params.values()))


def _programs(values: Any) -> list[Any]:
    """The programs among an equation's parameters."""
    found = []
    for value in values:
        candidates = value if isinstance(value, tuple | list) else (value,)
        opened = [getattr(each, "jaxpr", each) for each in candidates]
        found += [each for each in opened if hasattr(each, "eqns")]
    return found


def _convolution(equation: Any) -> int:
    kernel = equation.invars[1].aval.shape
    outputs = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
    dilation = math.prod(equation.params["lhs_dilation"])
    return equation.outvars[0].aval.size * math.prod(kernel) // (outputs * dilation)


def _product(equation: Any) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    shape = equation.invars[0].aval.shape
    return equation.outvars[0].aval.size * math.prod(shape[axis] for axis in contracted)


def _scan(equation: Any) -> int:
    return equation.params["length"] * _nested(equation)


def _while(equation: Any) -> int:
    inside = _nested(equation)
    if inside:
        raise ValueError(f"function must not multiply in a loop of unknown length, got {inside} multiply-adds a turn")
    return 0


def _condition(equation: Any) -> int:
    return max(_walk(branch.jaxpr) for branch in equation.params["branches"])


_COUNTERS: dict[str, Callable[[Any], int]] = {
    "conv_general_dilated": _convolution,
    "dot_general": _product,
    "scan": _scan,
    "while": _while,
    "cond": _condition,
}
