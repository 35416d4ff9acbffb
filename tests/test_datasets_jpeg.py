import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from datasets.containers.jpeg import decode, estimate_quality, markers, quantisation_tables, read
from datasets.errors import EvidenceError
from tests.awkward import encoded, picture

LIMIT = 10**8
SAMPLE = encoded("JPEG", picture(), quality=90, optimize=True)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_libjpeg_quality_is_recognised_exactly(channels):
    pixels = picture(16, 16, channels)
    for quality in range(1, 101):
        info = read(encoded("JPEG", pixels, quality=quality), LIMIT).jpeg
        assert info is not None and info.standard
        assert info.quality == quality


def test_tables_are_those_of_pillow_in_natural_order():
    info = read(SAMPLE, LIMIT).jpeg
    with Image.open(io.BytesIO(SAMPLE)) as image:
        expected = image.quantization  # type: ignore[attr-defined]
    assert info is not None
    assert [list(table) for table in info.tables] == [expected[0], expected[1]]


@pytest.mark.parametrize("quality", [20, 50, 75, 92])
def test_foreign_tables_get_a_nearby_quality(quality):
    with Image.open(io.BytesIO(encoded("JPEG", quality=quality))) as image:
        tables = image.quantization  # type: ignore[attr-defined]
    rng = np.random.default_rng(quality)
    other = {key: [int(max(1, value * rng.uniform(0.85, 1.18) + 0.5)) for value in t] for key, t in tables.items()}
    info = read(encoded("JPEG", qtables=other), LIMIT).jpeg
    assert info is not None and not info.standard
    assert abs(info.quality - quality) <= 3


def test_tables_of_ones_mean_quality_100():
    assert estimate_quality(((1,) * 64,)) == (100, True)
    assert estimate_quality(((65535,) * 64,))[0] == 1


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
def test_subsampling_and_passes_are_read(subsampling, progressive):
    data = encoded("JPEG", subsampling=subsampling, progressive=progressive)
    info = read(data, LIMIT).jpeg
    assert info is not None
    assert (info.subsampling, info.progressive, info.components) == (subsampling, progressive, 3)


@pytest.mark.parametrize(
    ("factors", "name"), [(0x41, "4:1:1"), (0x12, "4:4:0"), (0x42, "4:1:0"), (0x31, "3x1,1x1,1x1")]
)
def test_rare_subsampling_is_read(factors, name):
    place = SAMPLE.index(b"\xff\xc0") + 11
    info = read(SAMPLE[:place] + bytes([factors]) + SAMPLE[place + 1 :], LIMIT).jpeg
    assert info is not None and info.subsampling == name


def test_grey_has_no_chroma():
    header = read(encoded("JPEG", picture(channels=1)), LIMIT)
    assert header.jpeg is not None and header.jpeg.subsampling == "4:0:0" and len(header.jpeg.tables) == 1
    assert header.notes[0].startswith("grey:")


def test_sixteen_bit_tables_are_read():
    body = bytes([0x12]) + b"".join(value.to_bytes(2, "big") for value in range(300, 364))
    (table,) = quantisation_tables(body).values()
    assert table[:4] == (300, 301, 305, 306) and table[63] == 363


@pytest.mark.parametrize("body", [b"\x00" * 64, b"\x20" + b"\x01" * 200, b"\x04" + b"\x01" * 64])
def test_malformed_tables_are_refused(body):
    with pytest.raises(EvidenceError, match="quantisation table"):
        quantisation_tables(body)


def test_metadata_and_comments_never_reach_the_decoder():
    comment = b"\xff\xfe\x00\x0aRubbish!" + b"\xff\xe1\x00\x08NotExif"[:10]
    data = SAMPLE[:2] + comment + SAMPLE[2:]
    header = read(data, LIMIT)
    assert b"Rubbish!" not in header.core
    np.testing.assert_array_equal(decode(header), np.asarray(Image.open(io.BytesIO(SAMPLE))))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.98])
def test_cut_coefficients_are_found_even_with_an_end_marker(share, channels):
    whole = encoded("JPEG", picture(120, 160, channels), quality=90)
    cut = whole[: int(share * len(whole))]
    with pytest.raises(EvidenceError, match="truncated"):
        read(cut, LIMIT)
    with pytest.raises(EvidenceError, match="truncated"):
        decode(read(cut + b"\xff\xd9", LIMIT))


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}])
def test_a_flat_picture_is_not_taken_for_a_cut_one(value, options):
    pixels = np.full((50, 70, 3), value, np.uint8)
    samples = decode(read(encoded("JPEG", pixels, **options), LIMIT))
    assert np.abs(samples.astype(int) - value).max() <= 1


@pytest.mark.parametrize(("marker", "kind"), [(0xC3, "lossless"), (0xC5, "hierarchical")])
def test_rare_kinds_are_named(marker, kind):
    place = SAMPLE.index(b"\xff\xc0")
    with pytest.raises(EvidenceError, match=kind):
        read(SAMPLE[: place + 1] + bytes([marker]) + SAMPLE[place + 2 :], LIMIT)


def test_twelve_bits_a_sample_are_named():
    place = SAMPLE.index(b"\xff\xc0") + 4
    with pytest.raises(EvidenceError, match="12 bits"):
        read(SAMPLE[:place] + b"\x0c" + SAMPLE[place + 1 :], LIMIT)


def test_many_scans_are_refused():
    progressive = encoded("JPEG", progressive=True)
    start, end = next((s, e) for m, s, e in markers(progressive) if m == 0xDA)
    with pytest.raises(EvidenceError, match="100 scans"):
        read(progressive[:-2] + progressive[start:end] * 200 + b"\xff\xd9", LIMIT)


def test_a_large_header_over_little_data_is_refused_unread():
    place = SAMPLE.index(b"\xff\xc0") + 5
    with pytest.raises(EvidenceError, match="cannot fill"):
        read(SAMPLE[:place] + b"\x36\xb0\x36\xb0" + SAMPLE[place + 4 :], 200_000_000)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=300))
def test_the_marker_walk_ends_on_any_bytes(tail):
    for data in (b"\xff\xd8" + tail, b"\xff\xd8" + tail + b"\xff\xd9"):
        try:
            found = list(markers(data))
        except EvidenceError:
            continue
        assert found[-1][0] == 0xD9
        places = [place for _, start, end in found for place in (start, end)]
        assert places == sorted(places) and places[-1] <= len(data)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(2, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_reading_a_damaged_jpeg_gives_a_header_or_a_reason(changes):
    data = bytearray(SAMPLE)
    for place, value in changes:
        data[place] = value
    try:
        header = read(bytes(data), LIMIT)
    except EvidenceError as error:
        assert str(error)
    else:
        assert header.jpeg is not None and 1 <= header.jpeg.quality <= 100
        assert header.width * header.height <= LIMIT
