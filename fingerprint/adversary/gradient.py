"""The white-box attack: change every pixel by a few grey levels at most, along the slope of the evidence itself.

Projected gradient descent within a bound on the largest change (Madry et al., "Towards deep learning models resistant
to adversarial attacks", ICLR 2018). The adversary knows the reference and its router. The file is one without loss, and
the attack also has it taken for one that never saw a JPEG step: one expert is then all that must be misled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from fingerprint.adversary.surrogate import Learned, Model, Told, arrays_of, features, learned_part, model_of, tell
from fingerprint.conditions import CLEAN
from fingerprint.embedding.network import Shape
from fingerprint.reference import Reference
from fingerprint.result import Priors
from spectra.features import COUNTS, DIMENSIONS

Slope = Callable[[jax.Array], tuple[jax.Array, jax.Array]]
"""From a float32 picture, which is rounded first, to its worth and the slope of that."""
BOUND = 2
STEPS = 20
GROUPS = {
    "co-occurrences": slice(0, COUNTS),
    "spectra": slice(COUNTS, DIMENSIONS),
    "embedding": slice(DIMENSIONS, None),
}
"""Where each kind of feature lies in the vector."""
_KEPT_ROUTE = np.float32(np.log(0.995))  # of the router's probability: below, other conditions are looked at, too
_ROUTE_WEIGHT = 5.0
_STRIDES = (0.25, 0.06)  # of the bound, the first and the last step


@dataclass(frozen=True)
class WhiteBox:
    """An adversary who knows the reference.

    Attributes:
        reference: what is attacked.
        priors: those that verdicts will be given under.
        steps: how often the slope is followed.
    """

    reference: Reference
    priors: Priors
    steps: int = STEPS

    def perturb(
        self,
        pixels: UInt8[np.ndarray, "h w 3"],
        source: str | None = None,
        bound: float = BOUND,
        group: str | None = None,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """Change a colour picture so that it looks not upscaled, or like the work of a source.

        Args:
            pixels: the picture.
            source: the name that shall be given, None for `not_upscaled`.
            bound: largest change of a sample, in grey levels.
            group: one of `GROUPS`, where the adversary knows only that kind of feature.

        Returns:
            The best picture met on the way, by what it is worth to the adversary.

        Raises:
            ValueError: no such source or kind of feature, or a picture below a tile's size.
        """
        expert = self.reference.experts["colour", CLEAN.name]
        if source is not None and source not in expert.sources:
            raise ValueError(f"source must be enrolled in the reference, got {source!r}")
        if group is not None and group not in GROUPS:
            raise ValueError(f"group must be one of {', '.join(GROUPS)}, got {group!r}")
        embedder = learned_part(self.reference)
        learned, shape = (None, None) if embedder is None else (arrays_of(embedder), embedder.shape)
        model = model_of(self.reference, CLEAN.name)
        target = jnp.asarray(-1 if source is None else expert.sources.index(source))
        seen = np.full(len(model.detector[0]), group is None)
        if group is not None:
            seen[GROUPS[group]] = True
        if not seen.any():
            raise ValueError(f"group {group} is not among the features that the reference rests on")
        start, every = jnp.asarray(pixels, jnp.float32), jnp.ones(len(seen), bool)
        still = jnp.zeros(len(seen), jnp.float32)
        if group is not None:
            still = _slope(start, model, still, every, target, learned, shape, self.priors)[1]
        known = jnp.asarray(seen)

        def slope(picture: jax.Array) -> tuple[jax.Array, jax.Array]:
            value, _, direction = _slope(picture, model, still, known, target, learned, shape, self.priors)
            return value, direction

        return climb(slope, pixels, bound, self.steps)


def climb(slope: Slope, pixels: UInt8[np.ndarray, "h w 3"], bound: float, steps: int) -> UInt8[np.ndarray, "h w 3"]:
    """Follow the sign of a slope within a bound on the largest change.

    Args:
        slope: of what the adversary is after.
        pixels: where to begin.
        bound: in grey levels.
        steps: how often.

    Returns:
        The best rounded picture met on the way, the first one included.
    """
    start = pixels.astype(np.float32)
    change = np.zeros_like(start)
    best, best_worth = pixels, -np.inf
    for step in range(steps + 1):
        picture = np.clip(start + change, 0, 255)
        worth, direction = map(np.asarray, slope(jnp.asarray(picture)))
        if worth > best_worth:
            best, best_worth = np.rint(picture).astype(np.uint8), float(worth)
        share = _STRIDES[0] * (_STRIDES[1] / _STRIDES[0]) ** (step / max(steps, 1))
        change = np.clip(change + np.float32(share * bound) * np.sign(direction), -bound, bound)
    return best


def worth(told: Told, source: jax.Array, priors: Priors) -> jax.Array:
    """Return how near an answer is to what the adversary wants: log-odds of not upscaled, or a log-posterior.

    Args:
        told: what the expert says.
        source: column of the source that shall be named, negative for not upscaled.
        priors: as attribution has them.
    """
    odds = told.upscaled + _logit(priors.upscaled)
    known = told.known - _logit(priors.unknown_given_upscaled)
    named = jax.nn.log_sigmoid(odds) + jax.nn.log_sigmoid(known) + told.log_sources[jnp.maximum(source, 0)]
    return jnp.where(source < 0, -odds, named) + _ROUTE_WEIGHT * jnp.minimum(told.routed - _KEPT_ROUTE, 0)


def _logit(probability: float) -> np.float32:
    return np.float32(np.log(probability / (1 - probability)))


@partial(jax.jit, static_argnames=("shape", "priors"))
def _slope(pixels, model: Model, still, known, source, learned: Learned | None, shape: Shape | None, priors: Priors):
    """Return the worth of a picture, its features, and the worth's slope; what is not known is held still."""

    def value(picture: jax.Array) -> tuple[jax.Array, jax.Array]:
        vector = features(picture, learned, shape)
        return worth(tell(model, jnp.where(known, vector, still)), source, priors), vector

    (found, vector), direction = jax.value_and_grad(value, has_aux=True)(pixels)
    return found, vector, direction
