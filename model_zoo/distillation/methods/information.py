"""Variational information distillation with a Laplace likelihood.

Two adapters predict, from the student's features, mean and scale of a Laplace distribution over the teacher's; the
likelier those are, the more the student's features say of them.
"""

import jax
import jax.numpy as jnp

from model_zoo.distillation.methods.lesson import Lesson, Method
from model_zoo.functional import Params

_SHRINK, _LEAST = 0.1, 1e-8  # of the scale
_SLOPE = 0.25
_HEADS = ("mean", "scale")


def information_adapters(key: jax.Array, student: int, teacher: int) -> Params:
    """Draws both adapters: a 1x1 convolution, a rectifier with a learnt slope, another 1x1 convolution."""
    params: Params = {}
    sizes = {"first": (student, teacher), "second": (teacher, teacher)}
    places = [(head, layer) for head in _HEADS for layer in sizes]
    for (head, layer), draw in zip(places, jax.random.split(key, len(places)), strict=True):
        inputs, outputs = sizes[layer]
        kernel = jax.random.normal(draw, (inputs, outputs), jnp.float32) * jnp.float32((2 / inputs) ** 0.5)
        params[f"{head}.{layer}.kernel"] = kernel
        params[f"{head}.{layer}.bias"] = jnp.zeros((outputs,), jnp.float32)
        params[f"{head}.slope"] = jnp.full((teacher,), _SLOPE, jnp.float32)
    return params


def information_loss(adapters: Params, lesson: Lesson) -> jax.Array:
    """Computes the negative log-likelihood of the teacher's features, up to a constant, a number a feature.

    Args:
        adapters: of `information_adapters`.
        lesson: the features.

    Reference:
        Lee et al., "Learning with Privileged Information for Efficient Image Super-Resolution", ECCV 2020 (Laplace);
        Ahn et al., "Variational Information Distillation for Knowledge Transfer", CVPR 2019.
    """
    mean, spread = (_head(adapters, name, lesson.features) for name in _HEADS)
    scale = jnp.float32(_SHRINK) * jax.nn.softplus(spread) + jnp.float32(_LEAST)
    return jnp.mean(jnp.log(2 * scale) + jnp.abs(mean - lesson.told) / scale)


def _head(adapters: Params, name: str, features: jax.Array) -> jax.Array:
    def layer(which: str, images: jax.Array) -> jax.Array:
        kernel, bias = adapters[f"{name}.{which}.kernel"], adapters[f"{name}.{which}.bias"]
        return images @ kernel + bias[None, None, None, :]

    hidden = layer("first", features)
    hidden = jnp.where(hidden > 0, hidden, hidden * adapters[f"{name}.slope"][None, None, None, :])
    return layer("second", hidden)


INFORMATION = Method(information_loss, information_adapters, weight=1e-6, inside=True)
