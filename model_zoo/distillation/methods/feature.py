"""Imitation of the teacher's features through a linear map."""

import jax
import jax.numpy as jnp

from model_zoo.distillation.methods.lesson import Lesson, Method
from model_zoo.functional import Params

_EPSILON = 1e-6


def feature_adapters(key: jax.Array, student: int, teacher: int) -> Params:
    """Draws the map from the student's channels to the teacher's."""
    kernel = jax.random.normal(key, (student, teacher), jnp.float32) * jnp.float32(student**-0.5)
    return {"map.kernel": kernel, "map.bias": jnp.zeros((teacher,), jnp.float32)}


def feature_loss(adapters: Params, lesson: Lesson) -> jax.Array:
    """Computes the share of the teacher's features' variance that the mapped features of the student leave.

    Args:
        adapters: of `feature_adapters`.
        lesson: the features.

    Reference:
        Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015; the division by the variance makes the loss the
        same for every teacher's scale.
    """
    mapped = lesson.features @ adapters["map.kernel"] + adapters["map.bias"][None, None, None, :]
    left = jnp.mean(jnp.square(mapped - lesson.told))
    return left / (jnp.mean(jnp.var(lesson.told, axis=(0, 1, 2))) + jnp.float32(_EPSILON))


FEATURE = Method(feature_loss, feature_adapters, weight=0.01, inside=True)
