"""What a method is told, and what it is.

Convention: float32 in [0, 1], N H W C; features at low resolution.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
from jaxtyping import Array, Float

from model_zoo.functional import Params


class Lesson(NamedTuple):
    """What student and teacher make of one batch; no gradient goes to the teacher.

    Attributes:
        made: the student's pictures, (n, sh, sw, c).
        shown: the teacher's, in the same colours.
        features: the student's last features before its enlargement, (n, h, w, a).
        told: the teacher's, (n, h, w, b).
    """

    made: Float[Array, "n sh sw c"]
    shown: Float[Array, "n sh sw c"]
    features: Float[Array, "n h w a"]
    told: Float[Array, "n h w b"]


@dataclasses.dataclass(frozen=True)
class Method:
    """A loss, and the arrays that are trained along with the student for its sake.

    Attributes:
        loss: (adapters, lesson) to a number that is made small.
        adapters: (key, channels of the student's features, of the teacher's) to the arrays at the start.
        weight: of the loss, beside a loss on pictures of weight 1.
        inside: whether it looks at features, which must then be of one size.
    """

    loss: Callable[[Params, Lesson], jax.Array]
    adapters: Callable[[jax.Array, int, int], Params]
    weight: float
    inside: bool


def no_adapters(key: jax.Array, student: int, teacher: int) -> Params:
    """Returns none."""
    del key, student, teacher
    return {}
