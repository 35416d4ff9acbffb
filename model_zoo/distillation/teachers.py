"""What a student can learn from: a network that sees what the student sees, or one that sees the truth.

Convention: float32 in [0, 1], N H W C; pictures that are handed in are RGB.
"""

import dataclasses
from typing import Protocol, runtime_checkable

import jax
from jaxtyping import Array, Float

from model_zoo.colour import luma_unit
from model_zoo.functional import Functional, Params
from model_zoo.taps import apply_tapped

ENCODER, DECODER = "encoder.", "decoder."


@runtime_checkable
class Teacher(Protocol):
    """A teacher without its arrays: hashable, static under `jax.jit`."""

    @property
    def colour(self) -> str:
        """What its pictures are, `rgb` or `luma`."""
        ...

    def look(
        self, params: Params, low: Float[Array, "n h w 3"], high: Float[Array, "n sh sw 3"]
    ) -> tuple[Float[Array, "n sh sw c"], Float[Array, "n h2 w2 b"]]:
        """Enlarges, and shows the last features before the enlargement.

        Args:
            params: its arrays.
            low: low resolution.
            high: the truth.
        """
        ...


@dataclasses.dataclass(frozen=True)
class NetworkTeacher:
    """A network of the zoo, which sees the low resolution.

    Attributes:
        function: the network.
    """

    function: Functional

    @property
    def colour(self) -> str:
        """What its pictures are."""
        return self.function.colour

    def look(
        self, params: Params, low: Float[Array, "n h w 3"], high: Float[Array, "n sh sw 3"]
    ) -> tuple[Float[Array, "n sh sw c"], Float[Array, "n h2 w2 b"]]:
        """Enlarges the low resolution."""
        del high
        return apply_tapped(self.function, params, luma_unit(low) if self.colour == "luma" else low)


@dataclasses.dataclass(frozen=True)
class PrivilegedTeacher:
    """Encoder and decoder, which see the truth.

    Attributes:
        encoder: high resolution to code.
        decoder: code to high resolution.
    """

    encoder: Functional
    decoder: Functional

    @property
    def colour(self) -> str:
        """What its pictures are."""
        return self.decoder.colour

    def look(
        self, params: Params, low: Float[Array, "n h w 3"], high: Float[Array, "n sh sw 3"]
    ) -> tuple[Float[Array, "n sh sw 1"], Float[Array, "n h2 w2 b"]]:
        """Enlarges the code of the truth."""
        del low
        return apply_tapped(self.decoder, part(params, DECODER), self.encode(params, luma_unit(high)))

    def encode(self, params: Params, high: Float[Array, "n sh sw 1"]) -> Float[Array, "n h w 1"]:
        """Returns the code of luma."""
        return self.encoder.apply(part(params, ENCODER), high)


def part(params: Params, prefix: str) -> Params:
    """Returns the arrays whose names begin so, without the prefix."""
    return {name.removeprefix(prefix): value for name, value in params.items() if name.startswith(prefix)}


def prefixed(params: Params, prefix: str) -> Params:
    """Returns the arrays under longer names."""
    return {prefix + name: value for name, value in params.items()}


def in_common(
    made: Float[Array, "n h w a"], mine: str, shown: Float[Array, "n h w b"], theirs: str
) -> tuple[jax.Array, jax.Array]:
    """Brings two pictures to the colours that both have: luma where one of them is luma."""
    if mine == theirs:
        return made, shown
    return (made, luma_unit(shown)) if mine == "luma" else (luma_unit(made), shown)
