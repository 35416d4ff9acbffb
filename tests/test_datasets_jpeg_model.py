import jax
import jax.numpy as jnp
import numpy as np
import pytest

import datasets
from datasets.jpeg_model import jpeg
from tests.awkward import picture

compiled = jax.jit(jpeg)


def levels(pixels, quality):
    return np.asarray(compiled(jnp.asarray(pixels / np.float32(255)), jnp.float32(quality))) * 255


def smooth(height, width, seed=0):
    """A picture whose neighbours resemble each other, as in photographs."""
    coarse = picture(height // 8 + 2, width // 8 + 2, seed=seed)
    return np.ascontiguousarray(datasets.resize(coarse, (height + 16, width + 16))[8 : height + 8, 8 : width + 8])


@pytest.mark.parametrize("quality", [10, 50, 75, 95, 100])
def test_the_result_is_nearly_libjpegs(quality):
    pixels = smooth(64, 96)
    ours, libjpegs = levels(pixels, quality), datasets.jpeg_round_trip(pixels, quality).astype(float)
    np.testing.assert_allclose(ours, np.rint(ours), atol=1e-3)  # whole levels, but for float32's rounding of x / 255
    error = np.abs(ours - libjpegs)
    assert error.mean() < 0.5 and (error > 2).mean() < 0.03  # half-way coefficients fall to either side
    assert np.abs((ours - pixels).std() - (libjpegs - pixels).std()) < 0.1


@pytest.mark.data("set14")
@pytest.mark.parametrize("quality", [30, 75, 95])
def test_photographs_are_nearly_libjpegs(quality):
    pixels = datasets.read_evidence(datasets.set14()[3]).pixels
    error = np.abs(levels(pixels, quality) - datasets.jpeg_round_trip(pixels, quality))
    assert error.mean() < 0.1 and (error > 2).mean() < 0.01  # measured: 0.07 and 0.005 at most


@pytest.mark.parametrize("shape", [(1, 1), (7, 33), (16, 17)])
def test_any_size_keeps_its_shape(shape):
    pixels = smooth(*shape, seed=3)
    assert levels(pixels, 90).shape == (*shape, 3)
    assert np.abs(levels(np.full((*shape, 3), 77, np.uint8), 90) - 77).max() < 1.5


def test_gradients_pass_through():
    pixels = jnp.asarray(smooth(16, 16) / np.float32(255))
    gradient = jax.jit(jax.grad(lambda image: (jpeg(image, 50.0) ** 2).sum()))(pixels)
    assert np.isfinite(gradient).all() and float(jnp.abs(gradient).mean()) > 0.1
    doubled = 2 * np.asarray(compiled(pixels, jnp.float32(50)))
    assert np.corrcoef(gradient.ravel(), doubled.ravel())[0, 1] > 0.9  # as if JPEG changed nothing
