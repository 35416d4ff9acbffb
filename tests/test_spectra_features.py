"""The feature vector: the same bits however it is computed, and nothing compiled anew for another size."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from spectra import DIMENSIONS, TILE, TileFeatures, cooccurrences, dimension_names, luma_mask, tile_features
from spectra.features import (
    CODES,
    COUNTS,
    SPECTRA,
    _counts_program,
    _maps_program,
    _spectra_program,
    prepare,
)
from spectra.power import FOLDED, activity_split, fold, log_power
from spectra.residuals import median_residual
from spectra.tiles import tile_origins

PROGRAMS: tuple[Any, ...] = (_maps_program, _counts_program, _spectra_program)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.normal(size=(height, width, 3)), (3, 3, 0)) * 300 + 128
    return np.rint(smooth + random.normal(size=smooth.shape) * 2).clip(0, 255).astype(np.uint8)


def same(first: TileFeatures, second: TileFeatures) -> None:
    assert first.origins == second.origins
    for name in ("counts", "powers", "activity"):
        one, other = getattr(first, name), getattr(second, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return picture(210, 310)


@pytest.fixture(scope="module")
def measured(pixels: np.ndarray) -> TileFeatures:
    return tile_features(pixels)


def test_every_tile_is_measured(pixels: np.ndarray, measured: TileFeatures) -> None:
    count = len(tile_origins(*pixels.shape[:2]))
    assert count == 12
    assert measured.origins == tile_origins(*pixels.shape[:2])
    assert (measured.counts.shape, measured.counts.dtype) == ((count, COUNTS), np.int32)
    assert (measured.powers.shape, measured.powers.dtype) == ((count, 5 * FOLDED), np.float32)
    assert (measured.activity.shape, measured.activity.dtype) == ((count,), np.float32)
    assert np.isfinite(measured.powers).all()


def expected_powers(luma: jax.Array, red: jax.Array, blue: jax.Array) -> jax.Array:
    others = [log_power(plane)[:, None] for plane in (median_residual(luma), red, blue)]
    return fold(jnp.concatenate([activity_split(luma), *others], axis=1))


def test_tiles_are_measured_as_the_parts_say(pixels: np.ndarray, measured: TileFeatures) -> None:
    top, left = measured.origins[7]
    tile = pixels[top : top + TILE, left : left + TILE].astype(np.int32)
    counts = jax.jit(cooccurrences)(jnp.asarray(tile[None]))
    np.testing.assert_array_equal(measured.counts[7], np.asarray(counts).reshape(-1))
    red, green, blue = (tile[None, ..., c] for c in range(3))
    luma = (77 * red + 150 * green + 29 * blue + 128) // 256
    powers = jax.jit(expected_powers)(*(jnp.asarray(p.astype(np.float32)) for p in (luma, red - green, blue - green)))
    # the same sums, compiled apart: float32 in another order
    np.testing.assert_allclose(measured.powers[7], np.asarray(powers).reshape(-1), rtol=1e-4)
    np.testing.assert_allclose(measured.activity[7], luma.std(), rtol=1e-5)


def test_repeated_and_parallel_runs_give_the_same_bits(pixels: np.ndarray, measured: TileFeatures) -> None:
    same(measured, tile_features(pixels))
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            same(measured, tile_features(pixels, pool=pool))


def test_many_pictures_at_once_give_the_same_bits(pixels: np.ndarray, measured: TileFeatures) -> None:
    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(tile_features, [pixels, picture(97, 120, 5), pixels, pixels]):
            if len(found.origins) == len(measured.origins):
                same(measured, found)


def test_a_tile_does_not_know_its_neighbours(pixels: np.ndarray, measured: TileFeatures) -> None:
    for k in (0, 3, 11):
        top, left = measured.origins[k]
        alone = tile_features(pixels[top : top + TILE, left : left + TILE])
        np.testing.assert_array_equal(alone.counts[0], measured.counts[k])
        np.testing.assert_array_equal(alone.powers[0], measured.powers[k])
        assert alone.activity[0] == measured.activity[k]


def test_a_part_filled_batch_gives_the_same_bits(pixels: np.ndarray, measured: TileFeatures) -> None:
    few = tile_features(pixels, max_tiles=5)
    chosen = [measured.origins.index(corner) for corner in few.origins]
    assert len(chosen) == 5
    np.testing.assert_array_equal(few.counts, measured.counts[chosen])
    np.testing.assert_array_equal(few.powers, measured.powers[chosen])


def test_how_the_array_lies_in_memory_does_not_matter(pixels: np.ndarray, measured: TileFeatures) -> None:
    same(measured, tile_features(np.asfortranarray(pixels)))
    same(measured, tile_features(pixels[::-1].copy()[::-1]))


@pytest.mark.usefixtures("measured")
def test_other_sizes_compile_nothing() -> None:
    prepare()
    before = [program._cache_size() for program in PROGRAMS]
    for height, width in ((96, 96), (96, 500), (333, 222), (97, 101)):
        tile_features(picture(height, width))
    assert [program._cache_size() for program in PROGRAMS] == before == [1, 1, 1]


def test_counts_pool_as_shares_and_powers_as_means(measured: TileFeatures) -> None:
    vector = measured.pooled()
    assert (vector.shape, vector.dtype) == ((DIMENSIONS,), np.float32)
    shares = np.square(vector[:COUNTS].astype(np.float64)).reshape(-1, CODES)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)  # square roots in float32
    power = measured.powers.mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(vector[COUNTS:], power, rtol=1e-6)  # rounded to float32
    chosen = np.arange(12) % 3 == 0
    some = TileFeatures(
        [o for o, c in zip(measured.origins, chosen, strict=True) if c],
        measured.counts[chosen],
        measured.powers[chosen],
        measured.activity[chosen],
    )
    np.testing.assert_array_equal(measured.pooled(chosen), some.pooled())


def test_no_tile_cannot_be_pooled(measured: TileFeatures) -> None:
    with pytest.raises(ValueError, match="at least one tile"):
        measured.pooled(np.zeros(12, bool))
    small = tile_features(picture(95, 300))
    assert (small.origins, small.counts.shape, small.powers.shape) == ([], (0, COUNTS), (0, 5 * FOLDED))
    with pytest.raises(ValueError, match="at least one tile"):
        small.pooled()


def test_every_dimension_has_a_name_of_its_own() -> None:
    names = dimension_names()
    assert len(names) == len(set(names)) == DIMENSIONS == 3 * 8 * 169 + 5 * 325
    assert names[0] == "luma d1/1 along 0"
    assert names[COUNTS - 1] == "B-G sq5/12 along 168"
    assert names[COUNTS] == f"{SPECTRA[0]} 0"
    np.testing.assert_array_equal(luma_mask(), [name.startswith("luma") for name in names])


def test_a_grey_copy_keeps_what_depends_on_luma_alone(pixels: np.ndarray, measured: TileFeatures) -> None:
    red, green, blue = (pixels[..., c].astype(np.int32) for c in range(3))
    grey = ((77 * red + 150 * green + 29 * blue + 128) // 256).astype(np.uint8)[..., None].repeat(3, axis=2)
    found, colour, mask = tile_features(grey).pooled(), measured.pooled(), luma_mask()
    np.testing.assert_array_equal(found[mask], colour[mask])
    assert not np.array_equal(found[~mask], colour[~mask])


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((96, 96), np.uint8), ((96, 96, 4), np.uint8), ((96, 96, 3), np.uint16), ((96, 96, 3), np.float32)],
)
def test_other_pictures_are_refused(shape: tuple[int, ...], kind: type) -> None:
    with pytest.raises(ValueError, match=r"pixels must be \(H, W, 3\) uint8, got \(96"):
        tile_features(np.zeros(shape, kind))
