"""Convolutions written as matrix products of shifted slices: the form that keeps its speed inside `lax.scan` on a CPU.

Convention: N H W C; kernels are H W I O, square and odd.

XLA's own convolution falls onto a path without fast kernels inside a loop (jax issue 12868), a matrix product does not.
Shifts are taken on the side that has fewer channels, so that little is moved; derivatives are products of the same
kind.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def product_convolution(
    images: Float[Array, "n h w i"], kernel: Float[Array, "k k i o"], stride: int = 1, margin: int = 0
) -> Float[Array, "n h2 w2 o"]:
    """Convolves by matrix products.

    Args:
        images: the batch.
        kernel: weights.
        stride: input pixels between two output pixels.
        margin: zeros around each picture.

    Returns:
        What XLA's convolution gives, up to rounding.
    """
    size, _, inputs, outputs = kernel.shape
    if size == 1 and stride == 1 and not margin:
        return images @ kernel[0, 0]
    if stride == 1 and outputs < inputs:
        return _summed(images @ kernel.transpose(2, 0, 1, 3).reshape(inputs, -1), size, margin)
    return _gathered(_padded(images, margin), size, stride) @ kernel.reshape(-1, outputs)


def _forward(
    images: jax.Array, kernel: jax.Array, stride: int, margin: int
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return product_convolution(images, kernel, stride, margin), (images, kernel)


def _backward(
    stride: int, margin: int, kept: tuple[jax.Array, jax.Array], slopes: jax.Array
) -> tuple[jax.Array, jax.Array]:
    images, kernel = kept
    size, _, inputs, outputs = kernel.shape
    if size == 1 and stride == 1 and not margin:
        return slopes @ kernel[0, 0].T, _correlated(images, slopes)[None, None]
    if stride == 1 and outputs < inputs:
        spread = _gathered(_padded(slopes, size - 1 - margin), size, 1)  # taps from the last to the first
        back = kernel[::-1, ::-1].transpose(0, 1, 3, 2).reshape(-1, inputs)
        by_kernel = _correlated(spread, images).reshape(size, size, outputs, inputs)
        return spread @ back, by_kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    patches = _gathered(_padded(images, margin), size, stride)
    return _by_images(slopes, kernel, stride, margin, images.shape), _correlated(patches, slopes).reshape(kernel.shape)


product_convolution.defvjp(_forward, _backward)


def _padded(images: jax.Array, margin: int) -> jax.Array:
    return jnp.pad(images, ((0, 0), (margin, margin), (margin, margin), (0, 0)))


def _correlated(left: jax.Array, right: jax.Array) -> jax.Array:
    """(a, b): the sum over pictures and pixels of every channel of the one times every channel of the other."""
    return left.reshape(-1, left.shape[-1]).T @ right.reshape(-1, right.shape[-1])


def _gathered(padded: jax.Array, size: int, stride: int) -> jax.Array:
    """Every window's pixels side by side, (n, h2, w2, size² c)."""
    height, width = ((length - size) // stride + 1 for length in padded.shape[1:3])
    parts = [
        padded[:, row : row + (height - 1) * stride + 1 : stride, column : column + (width - 1) * stride + 1 : stride]
        for row in range(size)
        for column in range(size)
    ]
    return jnp.concatenate(parts, axis=-1)


def _summed(spread: jax.Array, size: int, margin: int) -> jax.Array:
    """Each pixel's contributions to all outputs it reaches, (n, h, w, size² o), added up where they belong."""
    count, height, width, _ = spread.shape
    taps = spread.reshape(count, height, width, size, size, -1)
    padded = jnp.pad(taps, ((0, 0), (margin, margin), (margin, margin), (0, 0), (0, 0), (0, 0)))
    height, width = height + 2 * margin - size + 1, width + 2 * margin - size + 1
    parts = [
        padded[:, row : row + height, column : column + width, row, column]
        for row in range(size)
        for column in range(size)
    ]
    return functools.reduce(jnp.add, parts)


def _by_images(slopes: jax.Array, kernel: jax.Array, stride: int, margin: int, shape: tuple[int, ...]) -> jax.Array:
    """The derivative by the pictures: each phase of pixels is reached by taps of its own, and takes one product."""
    size, _, inputs, outputs = kernel.shape
    count, height, width, _ = shape
    rows, columns = -(-height // stride), -(-width // stride)
    before, after = -((margin - size + 1) // stride), (stride - 1 + margin) // stride  # how far taps reach
    more = [max(0, after + wanted - given) for wanted, given in zip((rows, columns), slopes.shape[1:3], strict=True)]
    padded = jnp.pad(slopes, ((0, 0), (before, more[0]), (before, more[1]), (0, 0)))
    phases = []
    for phase_row in range(stride):
        for phase_column in range(stride):
            taps = [
                (row, column, (phase_row - row + margin) // stride, (phase_column - column + margin) // stride)
                for row in range(size)
                for column in range(size)
                if (phase_row - row + margin) % stride == 0 and (phase_column - column + margin) % stride == 0
            ]
            if not taps:
                phases.append(jnp.zeros((count, rows, columns, inputs), slopes.dtype))
                continue
            windows = [
                padded[:, before + down : before + down + rows, before + across : before + across + columns]
                for _, _, down, across in taps
            ]
            weights = jnp.concatenate([kernel[row, column].T for row, column, _, _ in taps])
            phases.append(jnp.concatenate(windows, axis=-1) @ weights)
    whole = jnp.stack(phases).reshape(stride, stride, count, rows, columns, inputs).transpose(2, 3, 0, 4, 1, 5)
    return whole.reshape(count, rows * stride, columns * stride, inputs)[:, :height, :width]
