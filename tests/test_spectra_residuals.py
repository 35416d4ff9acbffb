"""Residuals against SciPy's filters."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from scipy.signal import convolve2d

from spectra import high_pass, median_residual, wiener_residual
from spectra.residuals import median3


def planes(seed: int = 0, shape: tuple[int, int, int] = (3, 40, 31)) -> np.ndarray:
    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.normal(size=shape), (0, 4, 4)) * 400 + 128
    return np.rint(smooth + random.normal(size=shape) * 5).clip(0, 255).astype(np.float32)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(hnp.arrays(np.float32, (1, 6, 7), elements=st.floats(-1e6, 1e6, width=32)))
def test_the_sorting_network_finds_the_median(values: np.ndarray) -> None:
    middle = ndimage.median_filter(values[0], 3)[1:-1, 1:-1]
    np.testing.assert_array_equal(np.asarray(median3(jnp.asarray(values)))[0], middle)


def test_every_pattern_of_zeros_and_ones_is_sorted() -> None:
    # By the zero-one principle a network of exchanges that does this is right for all values.
    patterns = ((np.arange(512)[:, None] >> np.arange(9)) & 1).reshape(512, 3, 3).astype(np.float32)
    expected = patterns.reshape(512, 9).sum(axis=1) >= 5
    np.testing.assert_array_equal(np.asarray(median3(jnp.asarray(patterns)))[:, 0, 0], expected)


def test_the_median_residual_is_scipys() -> None:
    values = planes()
    expected = np.zeros_like(values)
    for k, plane in enumerate(values):
        expected[k, 1:-1, 1:-1] = (plane - ndimage.median_filter(plane, 3))[1:-1, 1:-1]
    np.testing.assert_array_equal(median_residual(jnp.asarray(values)), expected)


def test_the_high_pass_is_scipys() -> None:
    values = planes(1)
    kernel = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
    expected = np.zeros_like(values)
    for k, plane in enumerate(values):
        expected[k, 1:-1, 1:-1] = convolve2d(plane, kernel, mode="valid")
    np.testing.assert_array_equal(high_pass(jnp.asarray(values)), expected)  # multiples of 1/4: exact in float32


@pytest.mark.parametrize("residual", [median_residual, high_pass, wiener_residual])
def test_a_flat_plane_has_no_residual(residual) -> None:
    flat = jnp.full((2, 24, 25), 131, jnp.float32)
    # The Wiener filter subtracts a mean of nine equal numbers, right to the last place of 131.
    np.testing.assert_allclose(residual(flat), 0, atol=2e-5)


def box_mean(plane: np.ndarray, size: int) -> np.ndarray:
    ones = np.ones((size, size))
    total = ndimage.convolve(plane, ones, mode="constant")
    return total / ndimage.convolve(np.ones_like(plane), ones, mode="constant")


@pytest.mark.parametrize("noise", [0.5, 2, 5.0])
def test_the_wiener_residual_is_its_formula(noise: float) -> None:
    values = planes(2)
    residual = np.asarray(wiener_residual(jnp.asarray(values), noise))
    for plane, found in zip(values.astype(np.float64), residual, strict=True):
        detail = plane - box_mean(plane, 3)
        moment = np.min([box_mean(detail**2, size) for size in (3, 5, 7, 9)], axis=0)
        signal = np.maximum(moment - noise**2, 0)
        expected = detail * noise**2 / (signal + noise**2)
        # float32 sums of up to 81 squares of up to 100 grey levels, divided by no less than noise**2
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-4)


def test_the_wiener_filter_keeps_noise_and_drops_edges() -> None:
    random = np.random.default_rng(3)
    noise = random.normal(size=(1, 64, 64)).astype(np.float32)
    step = np.where(np.arange(64) < 32, 60, 190).astype(np.float32) + np.zeros((1, 64, 1), np.float32)
    quiet = np.asarray(wiener_residual(jnp.asarray(noise + 100), 2.0))
    assert quiet.std() > 0.9 * noise.std()  # weaker than what is looked for: all that a 3x3 mean leaves, (8/9) ** 0.5
    edge = np.asarray(wiener_residual(jnp.asarray(step), 2.0))
    assert np.abs(edge).max() < 1  # of a step of 130
    assert np.abs(edge[:, :, :28]).max() < 2e-5


def test_noise_must_be_positive() -> None:
    for noise in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="noise must be positive, got"):
            wiener_residual(jnp.zeros((1, 16, 16), jnp.float32), noise)


def test_residuals_are_float32_of_the_planes_size() -> None:
    values = jnp.asarray(planes(4, (1, 12, 19)))
    for residual in (median_residual, high_pass, wiener_residual):
        assert residual(values).shape == values.shape
        assert residual(values).dtype == jnp.float32
