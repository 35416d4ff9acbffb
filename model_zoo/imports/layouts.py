"""How arrays under other people's names become a network of ours.

A layout knows a family of files by names that only they have, reads the network's sizes off the shapes, and says which
of our parameters each array is. Everything else is common to all: PyTorch's kernels are (out, in, height, width), ours
(height, width, in, out); its linear weights are (out, in), ours (in, out); its sub-pixel layer orders channels (colour,
row, column), ours (row, column, colour).
"""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from model_zoo.functional import skeleton

Shapes = Mapping[str, tuple[int, ...]]
Rule = tuple[str, str | Callable[[re.Match[str]], str]]

_COUNTS = ("depth", "blocks", "layers")

RANGE = "value_range"
"""The option that says what white is inside the network."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """How the arrays of one file become a network.

    Attributes:
        scale: enlargement of each side.
        config: the architecture's own arguments.
        names: our module or parameter for each of their arrays, without the last part of the name where that is
            `weight`; arrays that are worked out anew are left out.
        dropped: pattern of the names of those.
        fixed: arrays that our network has built in, by their names; a file's must be the same.
        shuffles: our modules whose outputs the sub-pixel layer takes apart, and its factor.
        unshuffles: our modules whose inputs are pixels put into channels, and the factor.
        factors: our parameters that are multiplied, and by what.
        ranges: values of white to choose from by trial, where shapes don't tell; empty where it is known.
        border: see :class:`model_zoo.Manifest`.
        chroma: see :class:`model_zoo.Manifest`.
    """

    scale: int
    config: dict[str, Any]
    names: dict[str, str]
    dropped: str = "(?!)"
    fixed: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    shuffles: Mapping[str, int] = dataclasses.field(default_factory=dict)
    unshuffles: Mapping[str, int] = dataclasses.field(default_factory=dict)
    factors: Mapping[str, float] = dataclasses.field(default_factory=dict)
    ranges: tuple[float, ...] = ()
    border: str = "zero"
    chroma: str = "bicubic-studio"


@dataclasses.dataclass(frozen=True)
class Layout:
    """A family of files.

    Attributes:
        name: what a person calls it.
        architecture: ours.
        marks: names that are in all of its files and together in no others.
        plan: reads a file's shapes; the second argument holds the user's options.
    """

    name: str
    architecture: str
    marks: tuple[str, ...]
    plan: Callable[[Shapes, Mapping[str, Any]], Plan]


def convert(
    arrays: Mapping[str, np.ndarray], plan: Plan, architecture: str, config: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Turns their arrays into our parameters.

    Args:
        arrays: theirs by name.
        plan: made for their shapes.
        architecture: ours.
        config: its arguments, the user's among them.

    Returns:
        Our parameters by dotted path, float32; each is there and has its shape.

    Raises:
        ValueError: if an array is unknown, missing, of another shape, or not finite.
    """
    if math.prod(config.get(key, 1) for key in _COUNTS) > len(arrays):  # before so many modules are built
        raise ValueError(f"its {len(arrays)} arrays are too few for {config}")
    _, shapes = skeleton(architecture, scale=plan.scale, **config)
    found: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if name not in plan.names:
            if re.fullmatch(plan.dropped, name) or _is(array, plan.fixed.get(name)):
                continue
            built_in = "holds other numbers than ours" if name in plan.fixed else f"has no place in {architecture}"
            raise ValueError(f"array {name[:60]!r} {built_in}")
        ours = _parameter(plan.names[name], shapes)
        if ours in found:
            raise ValueError(f"array {name[:60]!r} is there twice, under another name too")
        found[ours] = _converted(array, ours, plan)
        wanted = shapes[ours].shape if ours in shapes else None
        if found[ours].shape != wanted:
            shape = "x".join(map(str, array.shape)) or "a single number"
            raise ValueError(f"array {name[:60]!r} does not fit {architecture}, it is {shape}")
        if not np.isfinite(found[ours]).all():
            raise ValueError(f"array {name[:60]!r} holds what is no finite number")
    missing = sorted(shapes.keys() - found.keys())
    if missing:
        raise ValueError(f"there is no array for {architecture}'s {', '.join(missing[:3])}")
    return found


def _is(array: np.ndarray, wanted: np.ndarray | None) -> bool:
    """Whether an array is, but for rounding, the one wanted."""
    return wanted is not None and array.shape == wanted.shape and bool(np.allclose(array, wanted, rtol=1e-4))


def _parameter(ours: str, shapes: Mapping[str, Any]) -> str:
    """Our parameter's full name: what PyTorch calls `weight` is a kernel, a scale or a slope."""
    names = (f"{ours}.{kind}" for kind in ("kernel", "scale", "slope"))
    return next((name for name in names if name in shapes), ours)


def _converted(array: np.ndarray, ours: str, plan: Plan) -> np.ndarray:
    """Puts axes and channels into our order."""
    module, _, kind = ours.rpartition(".")
    if kind == "kernel":
        array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
    if kind == "bias" and array.ndim == 0:
        array = array[None]
    for factors, axis in ((plan.shuffles, -1), (plan.unshuffles, -2)):
        factor = factors.get(module)
        if factor and array.ndim >= -axis and array.shape[axis] % factor**2 == 0:
            array = np.take(array, _order(array.shape[axis], factor), axis)
    with np.errstate(over="ignore", invalid="ignore"):  # what becomes infinite is refused
        return np.ascontiguousarray(array.astype(np.float32) * np.float32(plan.factors.get(ours, 1.0)))


def _order(channels: int, factor: int) -> np.ndarray:
    """Their places of the channels in our order."""
    return np.arange(channels).reshape(channels // factor**2, factor, factor).transpose(1, 2, 0).reshape(-1)


def renamed(shapes: Shapes, rules: Sequence[Rule]) -> dict[str, str]:
    """Gives every array the name that the first fitting rule makes of its own.

    Args:
        shapes: of the arrays, by name.
        rules: pattern of a whole name, and what it becomes (a template or a function of the match); a trailing
            `.weight` is taken off before and a trailing `.bias` put back after.

    Returns:
        Our names by theirs; without those that no rule fits.
    """
    names = {}
    for name in shapes:
        stem, dot, kind = name.rpartition(".")
        if kind not in ("weight", "bias"):
            stem, dot, kind = name, "", ""
        for pattern, ours in rules:
            match = re.fullmatch(pattern, stem)
            if match:
                made = ours(match) if callable(ours) else match.expand(ours)
                names[name] = made + dot + kind if kind == "bias" else made
                break
    return names


def dim(shapes: Shapes, name: str, axis: int) -> int:
    """Looks up the length of an array's axis.

    Raises:
        ValueError: if there is no such array, or it has no such axis.
    """
    shape = shapes.get(name, ())
    if axis >= len(shape):
        raise ValueError(f"there is no array {name!r} with {axis + 1} axes")
    return shape[axis]


def count(shapes: Shapes, pattern: str, first: int = 0) -> int:
    """Counts modules that are numbered in a row.

    Args:
        shapes: of the arrays, by name.
        pattern: of an array that each of them has, its number in a group.
        first: the first number.

    Raises:
        ValueError: if there are none, or a number is missing.
    """
    numbers = {int(match[1]) for match in (re.fullmatch(pattern, name) for name in shapes) if match}
    if not numbers or max(numbers) - first + 1 != len(numbers) or min(numbers) != first:
        raise ValueError(f"the arrays {pattern!r} must be numbered in a row from {first}")
    return len(numbers)


def root(channels: int, colours: int = 1) -> int:
    """Finds the factor of a sub-pixel layer from its channels.

    Raises:
        ValueError: if no whole factor fits.
    """
    factor = math.isqrt(channels // colours)
    if factor < 1 or factor**2 * colours != channels:
        raise ValueError(f"{channels} channels are no {colours} times a square, as a sub-pixel layer needs them")
    return factor


def numbered(pattern: str, ours: str, *, first: int = 0, step: int = 1) -> Rule:
    r"""Makes a rule that counts from 0 where they count from elsewhere, or in steps.

    Args:
        pattern: of a name, its number in the first group.
        ours: what it becomes; `{}` takes our number, `\2` and so on the other groups.
        first: their first number.
        step: between two of theirs.
    """
    return pattern, lambda match: match.expand(ours.replace("{}", str((int(match[1]) - first) // step)))
