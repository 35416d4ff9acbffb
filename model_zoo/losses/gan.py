"""The two sides of adversarial training, from a discriminator's logits.

Convention: logits of any shape and float type, large where a picture looks real; worked out in float32. All is written
with softplus(x) = log(1 + exp(x)) = -log(sigmoid(-x)), which neither overflows nor loses small values.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Kind = Literal["gan", "ragan"]


def generator_loss(
    kind: Kind, fake_logits: Float[Array, "*shape"], real_logits: Float[Array, "*shape"] | None = None
) -> Float[Array, ""]:
    """Computes what the generator makes small.

    Args:
        kind: `gan`: -log D(fake), the form that does not saturate. `ragan`: relativistic average, -log(1 - D(real,
            fake)) - log D(fake, real), where D(a, b) = sigmoid(logit of a - mean logit of b).
        fake_logits: of the generator's pictures.
        real_logits: of real ones; only `ragan` needs them.

    Returns:
        The mean.

    Raises:
        ValueError: if `kind` is unknown, or `ragan` lacks real logits.

    Reference:
        Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014; Ledig et al. (SRGAN), CVPR 2017, equation 6;
        Wang et al. (ESRGAN), ECCVW 2018, equation 2.
    """
    fake = fake_logits.astype(jnp.float32)
    if kind == "gan":
        return _says_real(fake)
    if real_logits is None:
        raise ValueError("real_logits must be given for the loss ragan, got None")
    real = real_logits.astype(jnp.float32)
    return _says_fake(real - jnp.mean(fake, keepdims=True)) + _says_real(fake - jnp.mean(real, keepdims=True))


def discriminator_loss(
    kind: Kind, fake_logits: Float[Array, "*shape"], real_logits: Float[Array, "*shape"]
) -> Float[Array, ""]:
    """Computes what the discriminator makes small.

    Args:
        kind: `gan`: -log D(real) - log(1 - D(fake)). `ragan`: -log D(real, fake) - log(1 - D(fake, real)), see
            :func:`generator_loss`.
        fake_logits: of the generator's pictures.
        real_logits: of real ones.

    Returns:
        The sum of both means; 2 log 2 where nothing is told apart.

    Reference:
        As for :func:`generator_loss`; Wang et al., equation 1.
    """
    fake, real = fake_logits.astype(jnp.float32), real_logits.astype(jnp.float32)
    if kind == "gan":
        return _says_real(real) + _says_fake(fake)
    return _says_real(real - jnp.mean(fake, keepdims=True)) + _says_fake(fake - jnp.mean(real, keepdims=True))


def _says_real(logits: Array) -> Array:
    """The mean of -log sigmoid(logit)."""
    return jnp.mean(jax.nn.softplus(-logits))


def _says_fake(logits: Array) -> Array:
    """The mean of -log(1 - sigmoid(logit))."""
    return jnp.mean(jax.nn.softplus(logits))
