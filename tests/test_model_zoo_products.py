"""Convolutions as matrix products, against XLA's own."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from model_zoo import backend, layers
from model_zoo.products import product_convolution

# size, channels in and out, stride, margin, height, width
SHAPES = [
    (1, 4, 3, 1, 0, 5, 6),
    (3, 4, 6, 1, 1, 9, 8),
    (3, 7, 2, 1, 1, 9, 8),
    (3, 4, 6, 1, 0, 9, 8),
    (5, 1, 6, 1, 2, 8, 9),
    (5, 3, 5, 2, 2, 8, 12),
    (5, 6, 2, 3, 2, 9, 12),
    (5, 6, 5, 4, 2, 8, 12),
    (9, 6, 2, 1, 4, 12, 12),
    (3, 4, 4, 2, 1, 7, 9),
]


def native(images, kernel, stride, margin):
    pads = [(margin, margin)] * 2
    return jax.lax.conv_general_dilated(
        images, kernel, (stride, stride), pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_result_and_both_gradients_are_those_of_a_convolution(shape):
    size, inputs, outputs, stride, margin, height, width = shape
    draw = np.random.default_rng(0)
    images = jnp.asarray(draw.normal(size=(2, height, width, inputs)), jnp.float32)
    kernel = jnp.asarray(draw.normal(size=(size, size, inputs, outputs)), jnp.float32)
    expected, right = jax.vjp(lambda images, kernel: native(images, kernel, stride, margin), images, kernel)
    found, back = jax.vjp(lambda images, kernel: product_convolution(images, kernel, stride, margin), images, kernel)
    slopes = jnp.asarray(draw.normal(size=expected.shape), jnp.float32)
    for got, wanted in zip((found, *back(slopes)), (expected, *right(slopes)), strict=True):
        # Sums of at most a thousand float32 products, in another order.
        np.testing.assert_allclose(
            np.asarray(got), np.asarray(wanted), rtol=1e-5, atol=1e-5 * float(jnp.abs(wanted).max())
        )


def test_inside_a_scan_a_cpu_takes_products_and_an_accelerator_its_own():
    kernel, images = jnp.ones((3, 3, 2, 2)), jnp.ones((1, 6, 6, 2))

    def program():
        return str(jax.make_jaxpr(functools.partial(layers.convolve, kernel=kernel))(images))

    assert "conv_general_dilated" in program()
    with backend.scanning(7):
        assert "conv_general_dilated" not in program()
        assert backend.plan("cpu").steps_per_dispatch == 7
    assert "conv_general_dilated" in program()
    assert backend.plan("cpu").steps_per_dispatch == 1
    with backend.using("native"), backend.scanning(7):
        assert "conv_general_dilated" in program()


@pytest.mark.parametrize("stride", [1, 2])
def test_a_layer_gives_the_same_either_way(stride):
    images = jnp.asarray(np.random.default_rng(0).normal(size=(1, 8, 8, 3)), jnp.float32)
    kernel = jnp.asarray(np.random.default_rng(1).normal(size=(5, 5, 3, 2)), jnp.float32)
    plain = layers.convolve(images, kernel, stride=stride)
    with backend.scanning(2):
        np.testing.assert_allclose(layers.convolve(images, kernel, stride=stride), plain, rtol=1e-5, atol=1e-5)
