"""Imitation of the teacher's pictures: all that a thief has who can only ask."""

import jax
import jax.numpy as jnp

from model_zoo.distillation.methods.lesson import Lesson, Method, no_adapters
from model_zoo.functional import Params


def output_loss(adapters: Params, lesson: Lesson) -> jax.Array:
    """Computes the mean absolute difference of the two pictures.

    Args:
        adapters: none.
        lesson: the pictures.

    Reference:
        Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", NIPS workshop 2014, with pictures in the
        place of class probabilities.
    """
    del adapters
    return jnp.mean(jnp.abs(lesson.made - lesson.shown))


OUTPUT = Method(output_loss, no_adapters, weight=1.0, inside=False)
