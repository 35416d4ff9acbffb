"""What a network knows before it enlarges: features at low resolution, for those who want to look inside.

A network hands its last features before the enlargement through :func:`tap`, which gives them back unchanged. Inside
:func:`apply_tapped` they are kept, too; outside, nothing happens. Everything is as pure as the network: what is kept
belongs to one call, and never leaves the trace it was made in.
"""

import contextvars

import jax
from jaxtyping import Array, Float

from model_zoo.functional import Functional, Params

_KEPT: contextvars.ContextVar[list[jax.Array] | None] = contextvars.ContextVar("kept", default=None)


def tap(features: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """Shows features to whoever asked for them.

    Args:
        features: what the enlargement begins with.

    Returns:
        The same.
    """
    kept = _KEPT.get()
    if kept is not None:
        kept.append(features)
    return features


def apply_tapped(
    function: Functional, params: Params, images: Float[Array, "n h w c"]
) -> tuple[Float[Array, "n sh sw c"], Float[Array, "n h2 w2 c2"]]:
    """Runs a network and looks inside.

    Args:
        function: the network.
        params: arrays by dotted path.
        images: low resolution, in [0, 1].

    Returns:
        High resolution, and the last features before the enlargement; those of a network that works in windows may be
        padded.

    Raises:
        ValueError: the architecture shows no features.
    """
    kept: list[jax.Array] = []
    token = _KEPT.set(kept)
    try:
        large = function.apply(params, images)
    finally:
        _KEPT.reset(token)
    if not kept:
        raise ValueError(f"architecture {function.architecture!r} shows no features before its enlargement")
    return large, kept[-1]
