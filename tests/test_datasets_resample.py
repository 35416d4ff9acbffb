import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

import datasets
from datasets.resample import MAX_FACTOR, matlab_bicubic, matlab_taps, pillow_bicubic
from tests.awkward import picture


def by_pillow(pixels, size):
    return np.asarray(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BICUBIC))


@pytest.mark.data("set5_matlab")
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_reductions_are_matlabs_to_the_last_bit(scale):
    for high, low in datasets.set5_matlab(scale):
        ours = matlab_bicubic(datasets.read_evidence(high).pixels, scale)
        np.testing.assert_array_equal(ours, datasets.read_evidence(low).pixels)


@pytest.mark.data("set5_matlab")
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_jitted_reduction_is_matlabs_too(scale):
    high, low = datasets.set5_matlab(scale)[-1]
    reduce = jax.jit(lambda pixels: matlab_bicubic(pixels, scale))
    ours = reduce(jnp.asarray(datasets.read_evidence(high).pixels))
    np.testing.assert_array_equal(ours, datasets.read_evidence(low).pixels)


small = st.tuples(st.integers(1, 24), st.integers(1, 24))


def pictures(shape):
    return arrays(np.uint8, (*shape, 3), elements=st.sampled_from([0, 1, 127, 128, 254, 255]), fill=st.just(255))


@settings(max_examples=150, deadline=None)
@given(small.flatmap(pictures), st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_any_size_is_pillows(pixels, size):
    np.testing.assert_array_equal(pillow_bicubic(pixels, size), by_pillow(pixels, size))


@settings(max_examples=60, deadline=None)
@given(small, st.sampled_from([2, 3, 4, 8]), st.integers(0, 2**32 - 1))
def test_whole_factors_are_pillows_both_ways(size, factor, seed):
    random = np.random.default_rng(seed)
    large = random.integers(0, 256, (size[0] * factor, size[1] * factor, 3), dtype=np.uint8)
    np.testing.assert_array_equal(pillow_bicubic(large, size), by_pillow(large, size))
    little = random.integers(0, 256, (*size, 3), dtype=np.uint8)
    np.testing.assert_array_equal(pillow_bicubic(little, large.shape[:2]), by_pillow(little, large.shape[:2]))


@pytest.mark.parametrize("size", [(12, 8), (31, 70), (60, 11)])
def test_numpy_jax_and_jit_agree(size):
    pixels = picture(24, 37)
    expected = by_pillow(pixels, size)
    np.testing.assert_array_equal(pillow_bicubic(jnp.asarray(pixels), size), expected)
    np.testing.assert_array_equal(jax.jit(pillow_bicubic, static_argnums=1)(jnp.asarray(pixels), size), expected)


def test_pictures_that_are_more_than_twice_as_high_as_wide_are_pillows():
    for shape in ((164, 80), (160, 80), (156, 80)):
        pixels = picture(*shape)
        size = (shape[0] // 4, shape[1] // 4)
        np.testing.assert_array_equal(pillow_bicubic(pixels, size), by_pillow(pixels, size))


def test_batches_are_resized_one_by_one():
    batch = np.stack([picture(12, 20, 3), picture(12, 20, 3)[::-1]])
    for resize in (lambda p: matlab_bicubic(p, 2), lambda p: pillow_bicubic(p, (6, 10))):
        np.testing.assert_array_equal(resize(batch), np.stack([resize(one) for one in batch]))


def reference(length, factor, enlarge):
    """The weights that `imresize` computes in floating point, as a matrix."""
    scale = factor if enlarge else 1 / factor
    shrunk = min(scale, 1.0)
    count = int(np.ceil(length * scale))
    centres = np.arange(1, count + 1) / scale + 0.5 * (1 - 1 / scale)
    taps = int(np.ceil(4 / shrunk)) + 2
    places = np.floor(centres - 2 / shrunk)[:, None] + np.arange(taps)
    d = np.abs(shrunk * (centres[:, None] - places))
    near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    weights = np.where(d <= 1, near, np.where(d <= 2, far, 0))
    weights /= weights.sum(1, keepdims=True)
    matrix = np.zeros((count, length))
    for row, (ks, ws) in enumerate(zip(places, weights, strict=True)):
        np.add.at(matrix[row], np.clip(ks, 1, length).astype(int) - 1, ws)
    return matrix


@pytest.mark.parametrize("enlarge", [False, True])
@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5, 8, MAX_FACTOR])
def test_whole_weights_are_the_formulas(factor, enlarge):
    for length in (1, 5, 24, 31):
        taps = matlab_taps(length, factor, enlarge=enlarge)
        assert (taps.weights.astype(np.int64).sum(1) == taps.unit).all()
        assert 255 * np.abs(taps.weights.astype(np.int64)).sum(1).max() + taps.unit < 2**31
        matrix = np.zeros((len(taps.places), length))
        for row, (ks, ws) in enumerate(zip(taps.places, taps.weights, strict=True)):
            np.add.at(matrix[row], ks, ws / taps.unit)
        np.testing.assert_allclose(matrix, reference(length, factor, enlarge), atol=1e-12)  # rounding in float64


def test_flat_pictures_stay_flat_and_factor_one_changes_nothing():
    flat = np.full((9, 14, 3), 201, np.uint8)
    assert (matlab_bicubic(flat, 4) == 201).all() and matlab_bicubic(flat, 4).shape == (3, 4, 3)
    assert (matlab_bicubic(flat, 3, enlarge=True) == 201).all()
    np.testing.assert_array_equal(matlab_bicubic(picture(9, 14), 1), picture(9, 14))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda p: matlab_bicubic(p, 0), "factor must be from 1 to 16, got 0"),
        (lambda p: matlab_bicubic(p, 17), "factor must be from 1 to 16, got 17"),
        (lambda p: matlab_bicubic(p.astype(np.float32), 2), "uint8 and not empty, got .* float32"),
        (lambda p: matlab_bicubic(p[:, :, 0], 2), "uint8 and not empty"),
        (lambda p: pillow_bicubic(p, (0, 4)), "size must be at least 1x1, got 0x4"),
        (lambda p: pillow_bicubic(p[:0], (2, 4)), "not empty"),
    ],
)
def test_mistakes_are_named(call, says):
    with pytest.raises(ValueError, match=says):
        call(picture())
