"""Spectral normalisation: a convolution divided by its largest singular value.

Convention: kernels are H W I O, seen as a matrix of H W I rows and O columns. The left singular vector `u` (of the
outputs' side) is kept among the parameters under a name that ends in `.u`; no gradient goes through it, and it is moved
by :func:`power_iteration` once a step, outside the differentiated function.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from model_zoo.layers import convolve, draw_kernel

_TINY = 1e-12


def power_iteration(kernel: Float[Array, "h w i o"], u: Float[Array, " o"]) -> Float[Array, " o"]:
    """Moves a vector towards the kernel's first singular vector on the outputs' side.

    Args:
        kernel: weights.
        u: the vector so far, of length 1.

    Returns:
        The next one, of length 1 and of the same float type.

    Reference:
        Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018, algorithm 1.
    """
    matrix = _matrix(kernel)
    return _unit(_dot(_inputs_side(matrix, u), matrix)).astype(u.dtype)


def largest_singular_value(kernel: Float[Array, "h w i o"], u: Float[Array, " o"]) -> Float[Array, ""]:
    """Estimates the largest singular value, differentiable in the kernel with both vectors held fixed.

    Args:
        kernel: weights.
        u: the first singular vector on the outputs' side, as far as it is known.

    Returns:
        v' W u with v = W u / |W u|, float32.
    """
    matrix = _matrix(kernel)
    u = jax.lax.stop_gradient(u.astype(jnp.float32))
    v = jax.lax.stop_gradient(_inputs_side(matrix, u))
    return _dot(_dot(v, matrix), u)


class SpectralConv(nnx.Module):
    """A convolution without bias whose matrix has the spectral norm 1."""

    def __init__(self, inputs: int, outputs: int, size: int, *, rngs: nnx.Rngs, stride: int = 1) -> None:
        """Draws weights and vector.

        Args:
            inputs: channels in.
            outputs: channels out.
            size: side of the footprint in pixels.
            rngs: where both are drawn from; not kept.
            stride: input pixels between two output pixels.
        """
        self.kernel = nnx.Param(draw_kernel(rngs.params(), (size, size, inputs, outputs), 1.0))
        self.u = nnx.Param(_unit(jax.random.normal(rngs.params(), (outputs,), jnp.float32)))
        self.stride = stride

    def __call__(self, images: Float[Array, "n h w i"]) -> Float[Array, "n h2 w2 o"]:
        """Convolves with one pixel of zeros around."""
        kernel = self.kernel[...]
        scale = 1.0 / jnp.maximum(largest_singular_value(kernel, self.u[...]), _TINY)
        return convolve(
            images, (kernel.astype(jnp.float32) * scale).astype(kernel.dtype), stride=self.stride, padding=1
        )


def _matrix(kernel: Array) -> Array:
    return kernel.astype(jnp.float32).reshape(-1, kernel.shape[-1])


def _inputs_side(matrix: Array, u: Array) -> Array:
    return _unit(_dot(matrix, u.astype(jnp.float32)))


def _dot(first: Array, second: Array) -> Array:
    return jnp.dot(first, second, precision=jax.lax.Precision.HIGHEST)


def _unit(vector: Array) -> Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), _TINY)
