"""The convolution in the form that the backend's plan asks for, against XLA's own."""

import functools
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from model_zoo import backend, layers

# Inputs, outputs, side of the kernel, pictures, rows, columns: filled, by four with a rest, swapped, by two, and by
# Winograd's filtering, which the last but one is not tall enough for.
SHAPES = (
    (3, 12, 3, 5, 9, 7),
    (16, 15, 3, 5, 9, 7),
    (20, 24, 3, 6, 9, 7),
    (24, 3, 5, 6, 9, 7),
    (24, 12, 3, 6, 9, 7),
    (40, 20, 3, 5, 36, 32),
    (32, 40, 3, 3, 9, 12),
    (32, 40, 3, 3, 8, 12),
)


def operands(shape: tuple[int, ...], kind: type = jnp.float32) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Pictures, kernel and slopes."""
    inputs, outputs, size, count, height, width = shape
    shapes = ((count, height, width, inputs), (size, size, inputs, outputs), (count, height, width, outputs))
    draw = np.random.default_rng(0)
    images, kernel, slopes = (jnp.asarray(draw.standard_normal(each), kind) for each in shapes)
    return images, kernel, slopes


def native(images: jax.Array, kernel: jax.Array, stride: int = 1, margin: int | None = None) -> jax.Array:
    """XLA's convolution."""
    side = kernel.shape[0] // 2 if margin is None else margin
    pads = [(side, side), (side, side)]
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(images, kernel, (stride, stride), pads, dimension_numbers=layout)


@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_those_of_the_native_convolution(shape: tuple[int, ...]) -> None:
    images, kernel, slopes = operands(shape)

    @functools.partial(jax.jit, static_argnums=0)
    def run(function: Callable[..., jax.Array], *given: jax.Array) -> tuple[jax.Array, ...]:
        result, back = jax.vjp(function, *given)
        return result, *back(slopes)

    expected, result = run(native, images, kernel), run(layers.convolve, images, kernel)
    # To the bit where nothing is differentiated: shipped networks must not change what they make.
    assert np.array_equal(jax.jit(layers.convolve)(images, kernel), expected[0])
    for got, right in zip(result, expected, strict=True):
        # A sum of n products in another order: errors grow as sqrt(n) epsilon.
        np.testing.assert_allclose(got, right, rtol=1e-4, atol=1e-5 * float(np.abs(right).max()))
    assert all(map(np.array_equal, result, run(layers.convolve, images, kernel)))


def test_wide_convolutions_are_filtered_by_matrix_products() -> None:
    def products(shape: tuple[int, ...], kind: type = jnp.float32) -> int:
        images, kernel, _ = operands(shape, kind)
        both = jax.grad(lambda images, kernel: layers.convolve(images, kernel).sum(), (0, 1))
        text = str(jax.make_jaxpr(both)(images, kernel))
        assert ("conv_general_dilated[" in text) == ("dot_general[" not in text)
        return text.count("dot_general[")

    assert products(SHAPES[-1]) == 11  # of each way four, but the tiles of the pictures are kept
    assert products(SHAPES[-2]) == products(SHAPES[2]) == products(SHAPES[-1], jnp.bfloat16) == 0


def test_bfloat16_gradients_are_summed_in_float32() -> None:
    images, kernel, slopes = operands(SHAPES[2], jnp.bfloat16)
    gradient = jax.jit(lambda: jax.vjp(layers.convolve, images, kernel)[1](slopes)[1])()
    images, kernel, slopes = (each.astype(jnp.float32) for each in (images, kernel, slopes))
    exact = jax.jit(lambda: jax.vjp(native, images, kernel)[1](slopes)[1])()
    assert gradient.dtype == jnp.bfloat16
    # One rounding at the end: half a unit of 8 bits, and a little for values near zero.
    np.testing.assert_allclose(gradient.astype(np.float32), exact, rtol=2**-8, atol=1e-3)


@pytest.mark.parametrize(("stride", "padding", "margin"), [(2, "SAME", 1), (1, "VALID", 0), (2, 1, 1), (1, 2, 2)])
def test_other_strides_and_paddings_stay_native(
    stride: int, padding: Literal["SAME", "VALID"] | int, margin: int
) -> None:
    images, kernel, _ = operands(SHAPES[2])
    result, expected = jax.jit(
        lambda: (
            layers.convolve(images, kernel, stride=stride, padding=padding),
            native(images, kernel, stride, margin),
        )
    )()
    assert np.array_equal(result, expected)


def test_only_wanted_gradients_are_in_the_program() -> None:
    images, kernel, _ = operands(SHAPES[0])

    def count(argument: int) -> int:
        gradient = jax.grad(lambda images, kernel: layers.convolve(images, kernel).sum(), argument)
        return str(jax.make_jaxpr(gradient)(images, kernel)).count("conv_general_dilated[")

    assert count(0) == count(1) == 2  # forwards, and one backwards


@pytest.mark.parametrize("shape", [SHAPES[2], SHAPES[-1]])
def test_gradients_of_gradients_and_batches_of_kernels_work(shape: tuple[int, ...]) -> None:
    images, kernel, _ = operands(shape)

    @functools.partial(jax.jit, static_argnums=0)
    def run(function: Callable[..., jax.Array]) -> tuple[jax.Array, jax.Array]:
        def penalty(kernel: jax.Array) -> jax.Array:
            return (jax.grad(lambda images: (function(images, kernel) ** 2).sum())(images) ** 2).sum()

        def plain(kernel: jax.Array) -> jax.Array:
            return (function(images, kernel) ** 2).sum()

        return jax.grad(penalty)(kernel), jax.vmap(jax.grad(plain))(jnp.stack([kernel, 2.0 * kernel]))

    for got, right in zip(run(layers.convolve), run(native), strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-4, atol=1e-5 * float(np.abs(right).max()))


def test_accelerators_use_their_own_convolution() -> None:
    assert backend.plan("cpu").convolution == "tuned"
    assert backend.plan("gpu").convolution == backend.plan("tpu").convolution == "native"
    with backend.using("native"):
        assert backend.plan("cpu").convolution == "native"
    assert backend.plan("cpu").convolution == "tuned"
