import io

import numpy as np
import pytest
from PIL import Image

from datasets import crop_to_multiple, downscale, jpeg_copy, jpeg_round_trip, resize
from datasets.containers.jpeg import read
from datasets.degrade import KERNELS
from tests.awkward import picture


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("factor", [2, 4, 1.5, (13, 17)])
def test_reductions_are_pillows(kernel, factor):
    pixels = picture(48, 64)
    size = factor if isinstance(factor, tuple) else (round(48 / factor), round(64 / factor))
    expected = Image.fromarray(pixels).resize(size[::-1], KERNELS[kernel])
    got = downscale(pixels, factor, kernel)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, np.asarray(expected))


def test_enlargements_are_pillows():
    pixels = picture(12, 10, 1)
    expected = Image.fromarray(pixels).resize((30, 36), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(resize(pixels, (36, 30), "lanczos"), np.asarray(expected))


def test_a_flat_picture_stays_flat():
    pixels = np.full((24, 36, 3), 77, np.uint8)
    for kernel in KERNELS:
        assert (downscale(pixels, 3, kernel) == 77).all()


def test_cropping_keeps_the_upper_left():
    pixels = picture(50, 61)
    np.testing.assert_array_equal(crop_to_multiple(pixels, 12), pixels[:48, :60])
    np.testing.assert_array_equal(crop_to_multiple(pixels, 1), pixels)


@pytest.mark.parametrize("quality", [1, 50, 75, 98, 100])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_jpeg_copies_have_the_quality_and_subsampling_asked_for(quality, subsampling):
    data = jpeg_copy(picture(), quality, subsampling)
    info = read(data, 10**6).jpeg
    assert info is not None and (info.quality, info.standard, info.subsampling) == (quality, True, subsampling)
    np.testing.assert_array_equal(
        jpeg_round_trip(picture(), quality, subsampling), np.asarray(Image.open(io.BytesIO(data)))
    )


def test_round_trips_keep_shape_and_lose_more_at_lower_quality():
    pixels = picture(33, 41)
    errors = [np.abs(jpeg_round_trip(pixels, q).astype(int) - pixels).mean() for q in (30, 60, 95)]
    assert errors[0] > errors[1] > errors[2] > 0
    assert jpeg_round_trip(picture(9, 7, 1), 90).shape == (9, 7)


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda p: downscale(p, 0.5), "factor must be at least 1, got 0.5"),
        (lambda p: downscale(p, 7), "factor 7 must divide"),
        (lambda p: downscale(p, (41, 56)), "factor must not ask for more"),
        (lambda p: downscale(p, float("nan")), "factor must be at least 1"),
        (lambda p: resize(p, (4, 4), "sinc"), "kernel must be one of .*'sinc'"),
        (lambda p: resize(p, (0, 4)), "size must be at least 1x1"),
        (lambda p: resize(p.astype(np.float32), (4, 4)), "uint8, got .* float32"),
        (lambda p: crop_to_multiple(p, 99), "multiple"),
        (lambda p: jpeg_copy(p, 0), "quality must be from 1 to 100, got 0"),
        (lambda p: jpeg_copy(p, 90, "4:1:1"), "subsampling must be one of"),
    ],
)
def test_mistakes_are_named(call, names):
    with pytest.raises(ValueError, match=names):
        call(picture())
