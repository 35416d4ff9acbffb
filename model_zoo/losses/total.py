"""A loss that was given as text, as a function of pictures.

Convention: estimate and truth are N H W C, RGB in [0, 1] or studio-swing luma; all is worked out in float32.
"""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from model_zoo.losses.gan import generator_loss
from model_zoo.losses.grey import as_rgb
from model_zoo.losses.perceptual import FeatureParams, Features, load_features, perceptual
from model_zoo.losses.pixel import PIXEL_LOSSES
from model_zoo.losses.spec import GAN_KINDS, LossSpec, Term

FrozenParams = dict[str, FeatureParams]


@dataclasses.dataclass(frozen=True)
class Objective:
    """A loss without the arrays it needs: hashable, static under `jax.jit`.

    Attributes:
        spec: its terms.
        features: what perceptual terms compare, by the terms' arguments, in their order.
    """

    spec: LossSpec
    features: tuple[tuple[str, Features], ...] = ()

    def generator(
        self,
        frozen: FrozenParams,
        estimate: Float[Array, "n h w c"],
        truth: Float[Array, "n h w c"],
        fake_logits: Float[Array, "..."] | None = None,
        real_logits: Float[Array, "..."] | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """Computes what the network is trained to make small.

        Args:
            frozen: the arrays that came with this objective.
            estimate: what the network made.
            truth: what it should have made; no gradient goes there.
            fake_logits: the discriminator's of the estimate, for an adversarial term.
            real_logits: its of the truth, for a relativistic one.

        Returns:
            The weighted sum, and each term's value before it is weighted, by its kind (and argument, where one kind is
            there twice).

        Raises:
            ValueError: if logits are missing.
        """
        truth = jax.lax.stop_gradient(truth)
        values = {
            self._name(term): self._value(term, frozen, estimate, truth, fake_logits, real_logits)
            for term in self.spec.terms
        }
        weights = [term.weight for term in self.spec.terms]
        total = sum((w * value for w, value in zip(weights, values.values(), strict=True)), jnp.float32(0.0))
        return total, values

    def _name(self, term: Term) -> str:
        return term.kind if [other.kind for other in self.spec.terms].count(term.kind) == 1 else term.label

    def _value(
        self, term: Term, frozen: FrozenParams, estimate: Array, truth: Array, fake: Array | None, real: Array | None
    ) -> Array:
        if term.kind in PIXEL_LOSSES:
            return PIXEL_LOSSES[term.kind](estimate, truth)
        if term.kind == "perceptual":
            features = dict(self.features)[term.argument]
            return perceptual(features, frozen[term.argument], as_rgb(estimate), as_rgb(truth))
        if fake is None:
            raise ValueError(f"fake_logits must be given for the loss {self.spec.canonical!r}, got None")
        return generator_loss("gan" if term.kind == GAN_KINDS[0] else "ragan", fake, real)


def make_objective(spec: LossSpec, folder: Path | None = None) -> tuple[Objective, FrozenParams]:
    """Loads what a loss needs.

    Args:
        spec: the terms.
        folder: where backbones' weights lie, see :func:`model_zoo.losses.perceptual.load_features`.

    Returns:
        The loss, and the arrays it is to be called with, by perceptual term; they are not trained.

    Raises:
        OSError: if a backbone's weights are not there.
        ValueError: if they are not that backbone's.
    """
    loaded = {t.argument: load_features(t.argument, folder) for t in spec.terms if t.kind == "perceptual"}
    features = tuple((argument, function) for argument, (function, _) in loaded.items())
    return Objective(spec, features), {argument: params for argument, (_, params) in loaded.items()}
