"""Co-occurrences against a count written anew in NumPy, and the symmetries they are meant to have."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate2d

from spectra import cooccurrence
from spectra.cooccurrence import KERNELS, SUBMODELS, Submodel, cooccurrences, count_codes, residual_maps, symmetry_map

SHAPE = (2, 21, 17, 3)
FEW = settings(max_examples=12, deadline=None, derandomize=True, database=None)
SUBMODEL_NAMES = [f"{s.kernel}-{s.step}-{s.scan}" for s in SUBMODELS]

program = jax.jit(cooccurrences)


def tiles(seed: int, noise: float = 3.0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Slopes with noise, so that residuals of all magnitudes occur, and clipped flat parts too."""
    random = np.random.default_rng(seed)
    slopes = random.normal(size=(shape[0], 2, 1, 1, 3)) * 4
    rows, columns = np.arange(shape[1])[:, None, None], np.arange(shape[2])[:, None]
    smooth = random.uniform(0, 255, (shape[0], 1, 1, 3)) + slopes[:, 0] * rows + slopes[:, 1] * columns
    return np.rint(smooth + random.normal(size=shape) * noise).clip(0, 255).astype(np.int32)


def canonical(run: tuple[int, ...]) -> tuple[int, ...]:
    negative = tuple(-v for v in run)
    return min(run, run[::-1], negative, negative[::-1])


CLASSES = sorted({canonical(run) for run in itertools.product(range(-2, 3), repeat=4)})
CLASS_OF = {run: CLASSES.index(canonical(run)) for run in itertools.product(range(-2, 3), repeat=4)}


def expected(tile: np.ndarray, submodel: Submodel) -> np.ndarray:
    """Count one tile (h, w, 3) run by run: (3, 169)."""
    red, green, blue = (tile[..., c].astype(np.int64) for c in range(3))
    luma = np.floor((77 * red + 150 * green + 29 * blue) / 256 + 0.5)
    kernel = np.array(KERNELS[submodel.kernel])
    counts = np.zeros((3, len(CLASSES)), np.int64)
    for k, plane in enumerate((luma, red - green, blue - green)):
        for turned in (plane, plane.T):  # the transposed kernel on a plane is the kernel on the transposed plane
            residual = correlate2d(turned, kernel, mode="valid")
            rounded = np.floor(np.abs(residual) / submodel.step + 0.5)
            values = (np.sign(residual) * np.minimum(rounded, 2)).astype(int)
            lines = values if submodel.scan == "along" else values.T
            for line in lines.tolist():
                for start in range(len(line) - 3):
                    counts[k, CLASS_OF[tuple(line[start : start + 4])]] += 1
    return counts


@pytest.mark.parametrize("kind", range(len(SUBMODELS)), ids=SUBMODEL_NAMES)
def test_counts_are_those_of_a_plain_count(kind: int) -> None:
    for seed, noise in ((1, 0.7), (2, 3.0), (3, 40.0)):
        batch = tiles(seed, noise)
        counts = np.asarray(program(jnp.asarray(batch)))[:, :, kind]
        np.testing.assert_array_equal(counts, [expected(tile, SUBMODELS[kind]) for tile in batch])


def test_one_tile_of_the_size_in_use_is_counted_the_same_way() -> None:
    batch = tiles(4, shape=(1, 96, 96, 3))
    counts = np.asarray(program(jnp.asarray(batch)))
    for kind in (0, 5, 7):
        np.testing.assert_array_equal(counts[0, :, kind], expected(batch[0], SUBMODELS[kind]))


def test_an_unsymmetric_kernel_is_counted_as_it_stands_and_transposed() -> None:
    submodel = Submodel("e3", 3, "along")
    batch = tiles(5)
    counts = np.asarray(jax.jit(lambda t: cooccurrences(t, (submodel,)))(jnp.asarray(batch)))
    np.testing.assert_array_equal(counts[:, :, 0], [expected(tile, submodel) for tile in batch])


def test_both_ways_of_counting_agree() -> None:
    maps = jax.jit(residual_maps)(jnp.asarray(tiles(6)))
    count = jax.jit(count_codes, static_argnames="method")
    scattered, multiplied = (np.asarray(count(maps, method=way)) for way in ("scatter", "matmul"))
    np.testing.assert_array_equal(scattered, multiplied)
    assert scattered.dtype == multiplied.dtype == np.int32
    with pytest.raises(ValueError, match="method must be scatter or matmul, got 'magic'"):
        count_codes(maps, method="magic")


def test_codes_fall_into_169_classes_closed_under_reversal_and_sign() -> None:
    table = symmetry_map()
    assert table.shape == (625,)
    assert sorted(set(table.tolist())) == list(range(169))
    digits = np.stack(np.unravel_index(np.arange(625), (5,) * 4), axis=1)
    weights = 5 ** np.arange(3, -1, -1)
    np.testing.assert_array_equal(table, table[digits[:, ::-1] @ weights])
    np.testing.assert_array_equal(table, table[(4 - digits) @ weights])
    assert np.bincount(table).max() == 4  # nothing else is merged
    runs = [tuple(row) for row in (digits - 2).tolist()]
    np.testing.assert_array_equal(table, [CLASS_OF[run] for run in runs])


def test_every_run_is_counted_once() -> None:
    totals = np.asarray(program(jnp.asarray(tiles(7)))).sum(axis=-1)
    _, height, width, _ = SHAPE
    for kind, submodel in enumerate(SUBMODELS):
        rows, columns = np.array(KERNELS[submodel.kernel]).shape
        runs = 0
        for h, w in ((height, width), (width, height)):
            h, w = h - rows + 1, w - columns + 1
            runs += h * (w - 3) if submodel.scan == "along" else (h - 3) * w
        assert (totals[:, :, kind] == runs).all()


@FEW
@given(seed=st.integers(0, 2**32 - 1), noise=st.sampled_from([0.0, 0.5, 2.0, 30.0]))
def test_flips_and_brightness_leave_the_counts_alone(seed: int, noise: float) -> None:
    batch = tiles(seed, noise) // 2 + 40
    counts = np.asarray(program(jnp.asarray(batch)))
    for changed in (batch[:, ::-1], batch[:, :, ::-1], batch + 7):
        np.testing.assert_array_equal(counts, program(jnp.asarray(np.ascontiguousarray(changed))))


@FEW
@given(seed=st.integers(0, 2**32 - 1), noise=st.sampled_from([0.0, 0.5, 2.0, 30.0]))
def test_transposition_leaves_the_counts_alone(seed: int, noise: float) -> None:
    batch = tiles(seed, noise, (2, 17, 17, 3))
    turned = np.ascontiguousarray(batch.swapaxes(1, 2))
    np.testing.assert_array_equal(program(jnp.asarray(batch)), program(jnp.asarray(turned)))


@FEW
@given(seed=st.integers(0, 2**32 - 1))
def test_the_negative_of_a_grey_picture_has_the_same_counts(seed: int) -> None:
    # Of a colour picture only the colour differences: luma is rounded up at one half, also in the negative.
    batch = tiles(seed)
    grey = batch[..., :1].repeat(3, axis=-1)
    np.testing.assert_array_equal(program(jnp.asarray(grey)), program(jnp.asarray(255 - grey)))
    positive, negative = (np.asarray(program(jnp.asarray(b)))[:, 1:] for b in (batch, 255 - batch))
    np.testing.assert_array_equal(positive, negative)


def test_luma_keeps_grey_levels_and_their_ends() -> None:
    grey = np.arange(256, dtype=np.int32).reshape(1, 16, 16, 1).repeat(3, axis=-1)
    luma, red, blue = np.asarray(cooccurrence.planes(jnp.asarray(grey)))[0]
    np.testing.assert_array_equal(luma, grey[0, ..., 0])
    assert not red.any()
    assert not blue.any()


def test_residual_maps_are_small_integers_and_shared_by_submodels() -> None:
    maps = jax.jit(residual_maps)(jnp.asarray(tiles(8)))
    assert set(maps) == {"d1/1", "d1/1t", "d2/2", "d2/2t", "d3/3", "d3/3t", "sq3/4", "sq5/12"}
    for quantised in maps.values():
        assert quantised.dtype == jnp.int8
        assert 0 <= int(quantised.min()) <= int(quantised.max()) <= 4
