"""Tiles: every pixel is seen, time is bounded, nothing is invented."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectra import TILE, tile_origins, to_uint8
from spectra.tiles import BATCH, MAX_TILES, batches, positions

FEW = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@FEW
@given(height=st.integers(TILE, 1200), width=st.integers(TILE, 1200))
def test_tiles_cover_every_pixel_and_stay_inside(height: int, width: int) -> None:
    seen = np.zeros((height, width), bool)
    corners = tile_origins(height, width, 10_000)
    for top, left in corners:
        assert top >= 0
        assert left >= 0
        tile = seen[top : top + TILE, left : left + TILE]
        assert tile.shape == (TILE, TILE)
        tile[:] = True
    assert seen.all()
    assert len(set(corners)) == len(corners) == -(-height // TILE) * -(-width // TILE)  # no more than needed
    assert corners == sorted(corners)


@FEW
@given(length=st.integers(TILE, 20_000))
def test_neighbours_overlap_evenly(length: int) -> None:
    steps = np.diff(positions(length))
    if len(steps):
        assert steps.max() <= TILE
        assert steps.max() - steps.min() <= 1


@FEW
@given(height=st.integers(1, 9000), width=st.integers(1, 9000), most=st.integers(1, 300))
def test_the_number_of_tiles_is_bounded(height: int, width: int, most: int) -> None:
    everything = tile_origins(height, width, 10**6)
    chosen = tile_origins(height, width, most)
    assert len(chosen) == min(most, len(everything))
    assert set(chosen) <= set(everything)
    assert len(set(chosen)) == len(chosen)
    assert chosen == sorted(chosen)


def test_a_selection_is_spread_over_the_picture() -> None:
    chosen = np.array(tile_origins(6000, 8000))
    assert len(chosen) == MAX_TILES
    quarters = (chosen[:, 0] > 3000) * 2 + (chosen[:, 1] > 4000)
    assert np.bincount(quarters, minlength=4).min() > MAX_TILES // 6


def test_a_picture_below_a_tile_has_none() -> None:
    assert tile_origins(TILE - 1, 5000) == tile_origins(5000, TILE - 1) == []
    assert tile_origins(TILE, TILE) == [(0, 0)]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 9])
def test_batches_have_one_size_and_say_how_many_are_real(count: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (130, 400, 3), np.uint8)
    origins = [(3 * k, 30 * k) for k in range(count)]
    real = []
    for tiles, kept in batches(pixels, origins):
        assert tiles.shape == (BATCH, TILE, TILE, 3)
        assert tiles.dtype == np.uint8
        np.testing.assert_array_equal(tiles[kept:], np.broadcast_to(tiles[kept - 1], (BATCH - kept, TILE, TILE, 3)))
        real += list(tiles[:kept])
    assert len(real) == count
    for (top, left), tile in zip(origins, real, strict=True):
        np.testing.assert_array_equal(tile, pixels[top : top + TILE, left : left + TILE])


def test_sixteen_bits_become_the_nearest_eight() -> None:
    every = np.arange(65536, dtype=np.uint16)[:, None, None].repeat(3, axis=2)
    found = to_uint8(every)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.rint(every / 257.0))
    eight = np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, axis=2)
    np.testing.assert_array_equal(to_uint8(eight.astype(np.uint16) * 257), eight)
    assert to_uint8(eight) is eight


@pytest.mark.parametrize(
    ("shape", "kind", "said"),
    [
        ((4, 4), np.uint8, r"pixels must have the shape \(H, W, 3\), got \(4, 4\)"),
        ((4, 4, 4), np.uint8, r"pixels must have the shape \(H, W, 3\), got \(4, 4, 4\)"),
        ((4, 4, 3), np.float32, "pixels must be uint8 or uint16, got float32"),
        ((4, 4, 3), np.int16, "pixels must be uint8 or uint16, got int16"),
    ],
)
def test_other_pictures_are_refused(shape: tuple[int, ...], kind: type, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        to_uint8(np.zeros(shape, kind))
