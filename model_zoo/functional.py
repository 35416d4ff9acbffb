"""The boundary between network objects and plain functions of plain arrays.

Outside the network files, a network is a `Functional` (static, hashable) and a flat dictionary of arrays, keyed by
dotted path: what `jax.jit` donates, orbax keeps and safetensors stores.
"""

import dataclasses
import os
from typing import Any

os.environ.setdefault("NNX_GRAPH_MODE", "false")  # tree mode: read when flax is first imported
os.environ.setdefault("NNX_GRAPH_UPDATES", "false")

import flax
import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.registry import ARCHITECTURES

flax.config.update("nnx_graph_mode", False)  # and here if something else imported flax before
flax.config.update("nnx_graph_updates", False)

Params = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Functional:
    """A network without its parameters.

    Attributes:
        architecture: registered name.
        scale: enlargement of each side.
        colour: what it takes and gives, `rgb` or `luma`.
        radius: low-resolution pixels an output pixel reaches to either side; None where that is unbounded or depends
            on the picture's size or grid.
    """

    architecture: str
    scale: int
    colour: str
    radius: int | None
    _graph: Any
    _paths: tuple[tuple[str | int, ...], ...]

    @property
    def channels(self) -> int:
        """Channels of the images it takes and gives."""
        return 3 if self.colour == "rgb" else 1

    def apply(self, params: Params, images: Float[Array, "n h w c"]) -> Float[Array, "n sh sw c"]:
        """Runs the network.

        Args:
            params: arrays by dotted path.
            images: low resolution, in [0, 1].

        Returns:
            High resolution, nominally in [0, 1].
        """
        leaves = [(path, nnx.Param(params[_dotted(path)])) for path in self._paths]
        return nnx.merge(self._graph, nnx.from_flat_state(leaves))(images)


def build(architecture: str, *, scale: int, rngs: nnx.Rngs | None = None, **config: Any) -> nnx.Module:
    """Builds a network object with freshly drawn weights.

    Args:
        architecture: registered name.
        scale: enlargement of each side.
        rngs: where the weights are drawn from; None for seed 0.
        **config: the architecture's own arguments (`width`, `depth`, ...); None means its default.

    Returns:
        The module.

    Raises:
        ValueError: if the name, the scale or an argument is unknown to the architecture.
    """
    given = {key: value for key, value in config.items() if value is not None}
    network = ARCHITECTURES.find(architecture)
    try:
        return network(scale=scale, rngs=nnx.Rngs(0) if rngs is None else rngs, **given)
    except TypeError as error:
        raise ValueError(f"arguments {sorted(given)} do not fit architecture {architecture!r}: {error}") from None


def split(network: Any, architecture: str) -> tuple[Functional, Params]:
    """Splits a network object, once, into function and parameters.

    Args:
        network: what :func:`build` returned.
        architecture: its registered name.

    Returns:
        The function, and the parameters by dotted path.

    Raises:
        ValueError: if the network keeps state that is not an `nnx.Param`.
    """
    return _split(network, architecture)


def _split(network: Any, architecture: str) -> tuple[Functional, dict[str, Any]]:
    graph, state = nnx.split(network)
    flat: list[tuple[tuple[str | int, ...], Any]] = [*nnx.to_flat_state(state)]  # pyright: ignore[reportAssignmentType]
    strangers = [_dotted(path) for path, leaf in flat if type(leaf) is not nnx.Param]
    if strangers:
        raise ValueError(f"a network's state must be nnx.Param only, {architecture!r} also keeps {strangers}")
    function = Functional(
        architecture=architecture,
        scale=network.scale,
        colour=network.colour,
        radius=network.radius,
        _graph=graph,
        _paths=tuple(path for path, _ in flat),
    )
    return function, {_dotted(path): leaf.get_value() for path, leaf in flat}


def initialise(architecture: str, *, scale: int, key: jax.Array, **config: Any) -> tuple[Functional, Params]:
    """Builds and splits in one go.

    Args:
        architecture: registered name.
        scale: enlargement of each side.
        key: PRNG key of the weights.
        **config: the architecture's own arguments.

    Returns:
        The function and its parameters.
    """
    return split(build(architecture, scale=scale, rngs=nnx.Rngs(params=key), **config), architecture)


def skeleton(architecture: str, *, scale: int, **config: Any) -> tuple[Functional, dict[str, jax.ShapeDtypeStruct]]:
    """Builds the function and its parameters' shapes without drawing weights.

    Args:
        architecture: registered name.
        scale: enlargement of each side.
        **config: the architecture's own arguments.

    Returns:
        The function and the shapes by dotted path.
    """
    network = nnx.eval_shape(lambda: build(architecture, scale=scale, rngs=_SameKey(), **config))
    function, params = _split(network, architecture)
    return function, {name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for name, leaf in params.items()}


class _SameKey(nnx.Rngs):
    """Gives one key again and again: enough for shapes.

    Counting keys inside a trace costs flax time that grows with the square of the layers (36 s for RCAN's 814).
    """

    def __init__(self) -> None:
        """Keeps nothing."""

    def params(self) -> jax.Array:
        """The key."""
        return jax.random.key(0)


def count_parameters(params: Params | dict[str, jax.ShapeDtypeStruct]) -> int:
    """Counts the numbers in a dictionary of arrays or shapes."""
    return sum(int(leaf.size) for leaf in params.values())


def as_float32(params: dict[str, Any]) -> Params:
    """Puts arrays of any float type on the device as float32."""
    return {name: jnp.asarray(value, jnp.float32) for name, value in params.items()}


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))
