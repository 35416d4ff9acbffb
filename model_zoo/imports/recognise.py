"""Finds out which network a file's arrays are, and builds it.

Convention: arrays are float32; pictures, where one is tried, are in [0, 1].
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from model_zoo.functional import Functional, Params, as_float32, skeleton
from model_zoo.imports import efficient_families, esrgan_families, subpixel_families, swinir_family
from model_zoo.imports.layouts import RANGE, Layout, convert

LAYOUTS: tuple[Layout, ...] = (
    *subpixel_families.LAYOUTS,
    *esrgan_families.LAYOUTS,
    *swinir_family.LAYOUTS,
    *efficient_families.LAYOUTS,
)
"""All that can be read; the first whose marks are there is taken."""

_TRIAL = 24  # pixels a side of the picture on which a range of values is tried


class Recognised(NamedTuple):
    """A network made of a file's arrays.

    Attributes:
        layout: what a person calls the file's kind.
        function: the network as a plain function.
        params: its parameters.
        config: the architecture's own arguments.
        border: see :class:`model_zoo.Manifest`.
        chroma: see :class:`model_zoo.Manifest`.
    """

    layout: str
    function: Functional
    params: Params
    config: dict[str, Any]
    border: str
    chroma: str


def recognise(arrays: Mapping[str, np.ndarray], options: Mapping[str, Any] | None = None) -> Recognised:
    """Builds the network that arrays belong to; architecture and sizes are read off their names and shapes.

    Args:
        arrays: by name, as :func:`model_zoo.imports.read_arrays` gives them.
        options: what shapes don't tell: `value_range` (what white is inside the network) and arguments of the
            architecture, such as EDSR's `res_scale`.

    Returns:
        The network.

    Raises:
        ValueError: if no known network has such arrays, or an option does not fit it.
    """
    options = dict(options or {})
    shapes = {name: array.shape for name, array in arrays.items()}
    if any(0 in shape for shape in shapes.values()):
        raise ValueError("an array is empty")
    layout = next((known for known in LAYOUTS if all(mark in shapes for mark in known.marks)), None)
    if layout is None:
        names = ", ".join(repr(name[:40]) for name in sorted(shapes)[:3])
        raise ValueError(f"the arrays are of no known network: {names} ...")
    try:
        plan = layout.plan(shapes, options)
        folded = RANGE in options and bool(plan.factors)
        config = plan.config | {key: value for key, value in options.items() if key != RANGE or not folded}
        params = as_float32(convert(arrays, plan, layout.architecture, config))
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise ValueError(f"it looks like {layout.name}, but {error}") from None
    if plan.ranges:
        white = _likeliest(layout.architecture, plan.scale, config, params, plan.ranges)
        config = config | ({RANGE: white} if white != 1.0 else {})
    function, _ = skeleton(layout.architecture, scale=plan.scale, **config)
    return Recognised(layout.name, function, params, config, plan.border, plan.chroma)


def _likeliest(
    architecture: str, scale: int, config: dict[str, Any], params: Params, ranges: tuple[float, ...]
) -> float:
    """Tries which range of values lets the network enlarge a plain ramp as it is."""
    ramp = np.linspace(0.2, 0.8, _TRIAL, dtype=np.float32)
    small = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], ramp[::-1, None]), axis=-1)[None]
    large = small.repeat(scale, axis=1).repeat(scale, axis=2)
    errors = []
    for white in ranges:
        function, _ = skeleton(architecture, scale=scale, **config, **{RANGE: white})
        found = np.asarray(jax.jit(function.apply)(params, jnp.asarray(small)))
        error = float(np.abs(found - large).mean())
        errors.append(error if math.isfinite(error) else math.inf)
    return ranges[int(np.argmin(errors))]
