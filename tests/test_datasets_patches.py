import jax
import jax.numpy as jnp
import numpy as np
import pytest

from datasets import PatchBank, crop_to_multiple, downscale, sample
from datasets.resample import matlab_bicubic
from tests.awkward import picture


def bank(scale=2, patch=6):
    return PatchBank([picture(41, 60, seed=1), picture(70, 37, seed=2), picture(30, 30, seed=3)], patch, scale)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_batches_have_the_promised_form(scale):
    low, high = bank(scale).batch(seed=3, step=5)
    assert low.shape == (16, 6, 6, 3) and high.shape == (16, 6 * scale, 6 * scale, 3)
    assert low.dtype == high.dtype == jnp.float32
    assert 0 <= float(high.min()) <= float(high.max()) <= 1


def test_the_same_seed_and_step_give_the_same_batch_in_any_order():
    first, second = bank(), bank()
    late = first.batch(1, 1000)
    first.batch(1, 0)
    for again in (first.batch(1, 1000), second.batch(1, 1000)):
        np.testing.assert_array_equal(late[0], again[0])
        np.testing.assert_array_equal(late[1], again[1])
    assert not np.array_equal(late[0], first.batch(1, 1001)[0])
    assert not np.array_equal(late[0], first.batch(2, 1000)[0])


def turned(patch):
    """The eight flips and transpositions of a patch."""
    for base in (patch, patch.transpose(1, 0, 2)):
        for rows in (slice(None), slice(None, None, -1)):
            for columns in (slice(None), slice(None, None, -1)):
                yield base[rows, columns]


def test_every_patch_is_a_turned_piece_of_a_picture_and_its_reduction():
    scale, patch = 2, 6
    images = [picture(41, 60, seed=1), picture(70, 37, seed=2), picture(30, 30, seed=3)]
    low, high = PatchBank(images, patch, scale).batch(0, 0)
    pieces = {}
    for image in images:
        hr = crop_to_multiple(image, scale)
        lr = downscale(hr, scale)
        for y in range(lr.shape[0] - patch + 1):
            for x in range(lr.shape[1] - patch + 1):
                for piece, mate in zip(
                    turned(lr[y : y + patch, x : x + patch]),
                    turned(hr[scale * y : scale * (y + patch), scale * x : scale * (x + patch)]),
                    strict=True,
                ):
                    pieces[piece.tobytes()] = mate
    for a, b in zip(np.asarray(low), np.asarray(high), strict=True):
        key = np.round(a * 255).astype(np.uint8).tobytes()
        np.testing.assert_array_equal(np.round(b * 255).astype(np.uint8), pieces[key])


def test_all_places_pictures_and_turns_come_up():
    image = np.zeros((4, 6, 3), np.uint8)
    image[..., 0] = np.arange(24).reshape(4, 6)
    low, _ = PatchBank([image, image + 100], 3, 1).batch(0, 0, 2000)
    seen = np.unique(np.round(np.asarray(low[..., 0]) * 255).astype(int).reshape(2000, -1), axis=0)
    assert len(seen) == 2 * (2 * 4) * 8


def test_sample_is_pure_and_traces_under_jit_and_scan():
    pairs = bank()
    key = jax.random.key(9)
    draw = jax.jit(lambda arrays, step: sample(arrays, key, step, 16, 6, 2))
    expected = pairs.batch(9, 3)
    np.testing.assert_array_equal(draw(pairs.arrays, jnp.int32(3))[1], expected[1])
    _, (low, _) = jax.lax.scan(lambda carry, step: (carry, draw(pairs.arrays, step)), 0, jnp.arange(4, dtype=jnp.int32))
    np.testing.assert_array_equal(low[3], expected[0])
    assert len(jax.tree.leaves(pairs.arrays)) == 3


def test_tall_pictures_cost_no_padding():
    pairs = PatchBank([picture(20, 40), picture(40, 20)], 4, 2)
    assert pairs.arrays.hr.shape == (2, 20, 40, 3) and len(pairs) == 2


def test_the_degradation_is_as_asked_for():
    image = picture(24, 36)
    banks = {kind: PatchBank([image], 4, 3, kind) for kind in ("pillow-bicubic", "matlab-bicubic")}
    np.testing.assert_array_equal(banks["pillow-bicubic"].arrays.lr[0], downscale(image, 3))
    np.testing.assert_array_equal(banks["matlab-bicubic"].arrays.lr[0], matlab_bicubic(image, 3))
    assert PatchBank([image], 4, 3).degradation == "pillow-bicubic"
    with pytest.raises(
        ValueError, match="degradation must be one of pillow-bicubic, matlab-bicubic, blind, got 'blur'"
    ):
        PatchBank([image], 4, 3, "blur")


def test_blind_banks_hold_versions_that_belong_to_their_pictures():
    dark, light = np.full((24, 32, 3), 20, np.uint8), np.full((32, 16, 3), 230, np.uint8)
    first, again, other = (PatchBank([dark, light], 3, 4, "blind", seed=s, versions=3) for s in (0, 0, 1))
    assert first.arrays.lr.shape == (6, 6, 8, 3) and first.arrays.hr.shape == (2, 24, 32, 3) and len(first) == 2
    np.testing.assert_array_equal(first.arrays.lr, again.arrays.lr)
    assert not np.array_equal(first.arrays.lr, other.arrays.lr)
    low, high = first.batch(0, 0, 32)
    bright = np.asarray(high).mean(axis=(1, 2, 3)) > 0.5
    assert 4 < bright.sum() < 28 and ((np.asarray(low).mean(axis=(1, 2, 3)) > 0.5) == bright).all()


@pytest.mark.parametrize(
    ("images", "patch", "scale", "says"),
    [
        ([], 4, 2, "images"),
        ([np.zeros((7, 20, 3), np.uint8)], 4, 2, "image 0 must be .* at least 8x8"),
        ([np.zeros((20, 20), np.uint8)], 4, 2, "image 0"),
        ([np.zeros((20, 20, 3), np.float32)], 4, 2, "float32"),
        ([np.zeros((20, 20, 3), np.uint8)], 0, 2, "patch"),
    ],
)
def test_mistakes_are_named(images, patch, scale, says):
    with pytest.raises(ValueError, match=says):
        PatchBank(images, patch, scale)
