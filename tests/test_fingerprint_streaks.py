"""Telling pictures that went through a median filter."""

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter
from skimage import data

from fingerprint.streaks import REPEATED, STREAKED, filtered, streaks
from spectra import to_uint8

PICTURES = ("astronaut", "brick", "coffee", "grass", "gravel", "rocket")


def picture(name: str) -> Image.Image:
    pixels = getattr(data, name)()
    return Image.fromarray(pixels).convert("RGB").crop((40, 40, 296, 296))


@pytest.mark.parametrize("name", PICTURES)
def test_a_photograph_is_not_filtered_until_it_is(name: str) -> None:
    plain = picture(name)
    assert not filtered(np.asarray(plain))
    for size in (3, 5):
        assert filtered(np.asarray(plain.filter(ImageFilter.MedianFilter(size))))


@pytest.mark.parametrize("name", ["astronaut", "grass"])
def test_resized_blurred_and_sharpened_photographs_are_not(name: str) -> None:
    plain = picture(name)
    small, large = plain.resize((128, 128)), plain.crop((0, 0, 128, 128)).resize((256, 256), Image.Resampling.BICUBIC)
    others = (small, large, plain.filter(ImageFilter.GaussianBlur(1)), plain.filter(ImageFilter.UnsharpMask(1)))
    assert not any(filtered(np.asarray(other)) for other in others)
    repeated = np.asarray(plain.crop((0, 0, 128, 128)).resize((256, 256), Image.Resampling.NEAREST))
    assert streaks(repeated) > REPEATED and not filtered(repeated)


def test_levels_that_are_left_out_do_not_count() -> None:
    stretched = (np.asarray(picture("coffee")) // 2 * 2).astype(np.uint8)
    assert not filtered(stretched)
    assert filtered(np.asarray(Image.fromarray(stretched).filter(ImageFilter.MedianFilter(3))))


def test_flat_and_clipped_parts_do_not_count() -> None:
    rng = np.random.default_rng(0)
    soft = gaussian_filter(rng.normal(0, 60, (200, 200, 3)), (2, 2, 0)) * 3 + 128
    plain = streaks(to_uint8(np.clip(soft, 0, 255).astype(np.uint8)))
    half = np.clip(soft, 0, 255).astype(np.uint8)
    half[:, 100:] = 255
    half[:100] = 40
    assert plain < STREAKED and streaks(half) < STREAKED
    assert streaks(np.zeros((100, 100, 3), np.uint8)) == 1.0
