"""The boundary between discriminator objects and plain functions of plain arrays.

As for networks in :mod:`model_zoo.functional`: a static, hashable function and a flat dictionary of arrays.
"""

import dataclasses
import functools
import importlib
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.discriminators import DISCRIMINATORS
from model_zoo.discriminators.spectral import power_iteration
from model_zoo.functional import Params
from model_zoo.losses.grey import as_rgb

_FIRST = 15  # power iterations before the first step


@dataclasses.dataclass(frozen=True)
class Discriminator:
    """A discriminator without its parameters.

    Attributes:
        name: registered name.
    """

    name: str
    _graph: Any
    _paths: tuple[tuple[str | int, ...], ...]

    def apply(self, params: Params, images: Float[Array, "n h w c"]) -> Float[Array, "n *places 1"]:
        """Judges pictures.

        Args:
            params: arrays by dotted path, of the images' float type.
            images: RGB in [0, 1], or studio-swing luma, which is looked at as grey.

        Returns:
            Logits, large where a picture looks real.

        Raises:
            ValueError: if the images are too small.
        """
        leaves = [(path, nnx.Param(params[_dotted(path)])) for path in self._paths]
        return nnx.merge(self._graph, nnx.from_flat_state(leaves))(as_rgb(images) * 2.0 - 1.0)

    def refresh(self, params: Params) -> Params:
        """Brings the singular vectors of spectral normalisation up to date, once a training step.

        Args:
            params: arrays by dotted path.

        Returns:
            The same with one power iteration done for every `.u`; the very same if there is none.
        """
        places = [name.removesuffix(".u") for name in params if name.endswith(".u")]
        if not places:
            return params
        return params | {
            f"{place}.u": power_iteration(params[f"{place}.kernel"], params[f"{place}.u"]) for place in places
        }


def build_discriminator(
    name: str, *, key: jax.Array, width: int | None = None, **options: Any
) -> tuple[Discriminator, Params]:
    """Builds a discriminator with freshly drawn weights.

    Args:
        name: `vgg` or `unet-sn`.
        key: PRNG key of the weights.
        width: channels of its first layer; None for its default, 64.
        **options: the discriminator's own arguments.

    Returns:
        The function, and its parameters by dotted path.

    Raises:
        ValueError: if the name or an option is unknown, or the width is not positive.
    """
    if name not in DISCRIMINATORS:
        raise ValueError(f"discriminator must be one of {', '.join(DISCRIMINATORS)}, got {name!r}")
    if width is not None and width < 1:
        raise ValueError(f"discriminator_width must be at least 1, got {width}")
    given = options if width is None else {"width": width, **options}
    module, _, kind = DISCRIMINATORS[name].partition(":")
    try:
        network = getattr(importlib.import_module(module), kind)(rngs=nnx.Rngs(params=key), **given)
    except TypeError as error:
        raise ValueError(f"options {sorted(given)} do not fit discriminator {name!r}: {error}") from None
    graph, state = nnx.split(network)
    flat: list[tuple[tuple[str | int, ...], Any]] = [*nnx.to_flat_state(state)]  # pyright: ignore[reportAssignmentType]
    function = Discriminator(name, graph, tuple(path for path, _ in flat))
    params = {_dotted(path): leaf.get_value() for path, leaf in flat}
    return function, params if not any(name.endswith(".u") for name in params) else _settle(function, params)


@functools.partial(jax.jit, static_argnums=0)
def _settle(function: Discriminator, params: Params) -> Params:
    """Lets the singular vectors, which are drawn at random, come near before the first step."""
    return jax.lax.fori_loop(0, _FIRST, lambda _, params: function.refresh(params), params)


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))
