"""Post-processing that training and stress tests draw from."""

import numpy as np
import pytest

from fingerprint import posts


def picture(height=80, width=72, seed=0):
    rng = np.random.default_rng(seed)
    smooth = np.add.outer(np.linspace(40, 200, height), np.linspace(0, 40, width))[..., None]
    return np.clip(smooth + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("step", "strength"),
    [
        (posts.jpeg, 60), (posts.webp, 60), (posts.blurred, 0.8), (posts.noisy, 3.0), (posts.sharpened, 90.0),
        (posts.curved, 0.9),
    ],
)  # fmt: skip
def test_a_step_keeps_the_size_changes_the_picture_and_repeats_itself(step, strength):
    given = picture()
    first, second = (step(given.copy(), np.random.default_rng(3), strength) for _ in range(2))
    assert first.dtype == np.uint8 and first.shape == given.shape
    assert np.array_equal(first, second)
    assert not np.array_equal(first, given)
    assert np.abs(first.astype(int) - given).mean() < 40


def test_resizing_gives_the_size_asked_for():
    assert posts.resized(picture(), np.random.default_rng(0), 0.75).shape == (60, 54, 3)
    assert posts.resized(picture(), np.random.default_rng(0), 1.25).shape == (100, 90, 3)


def test_one_jpeg_encoder_in_four_has_tables_of_its_own():
    from datasets import jpeg_round_trip

    given = picture()
    standard = {jpeg_round_trip(given, 60, subsampling).tobytes() for subsampling in ("4:4:4", "4:2:2", "4:2:0")}
    odd = [posts.jpeg(given, np.random.default_rng(k), 60).tobytes() not in standard for k in range(120)]
    assert 0.12 < np.mean(odd) < 0.4


def test_every_chain_leaves_what_a_crop_needs():
    qualities = set()
    for key in range(300):
        result = posts.drawn(picture(140, 148), np.random.default_rng(key), 112)
        assert result.picture.dtype == np.uint8 and min(result.picture.shape[:2]) >= 112
        qualities.add(result.quality is None)
    assert qualities == {True, False}


def test_a_chain_repeats_itself():
    first, second = (posts.drawn(picture(140, 148), np.random.default_rng(11), 112) for _ in range(2))
    assert np.array_equal(first.picture, second.picture) and first.quality == second.quality


def test_a_mixture_says_how_often_what_happens():
    only = posts.Mixture(0, 1, 0, 0, 0, 0, curved=0, lowest=70, highest=72)
    drawn = [posts.drawn(picture(140, 148), np.random.default_rng(key), 112, only) for key in range(40)]
    assert {result.quality for result in drawn} == {70, 71, 72}
    nothing = posts.Mixture(1, 0, 0, 0, 0, 0, curved=0)
    assert np.array_equal(posts.drawn(picture(), np.random.default_rng(0), 64, nothing).picture, picture())
    for mixture in (posts.MIXED, posts.blended(only, nothing, 0.3)):
        kinds = (mixture.untouched, mixture.jpeg, mixture.twice, mixture.webp, mixture.resized, mixture.edited)
        assert sum(kinds) == pytest.approx(1)
    assert posts.blended(only, nothing, 0.5).jpeg == 0.5 and posts.blended(only, nothing, 0.5).lowest == 55
