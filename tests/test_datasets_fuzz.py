"""Damaged files of every format: an answer or a reason, nothing else, and no warning."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from datasets import EvidenceError, read_evidence
from tests.awkward import _READABLE, encoded, picture, tiff

SEEDS = {name: make() for name, make, *_ in _READABLE if not name.startswith(("long", "thin"))} | {
    "lossy.webp": encoded("WEBP", quality=80),
    "alpha.webp": encoded("WEBP", Image.fromarray(picture(channels=4), "RGBA")),
    "lzw.tif": tiff(picture(), photometric="rgb", compression="lzw", predictor=True),
    "tiles.tif": tiff(picture(64, 64), photometric="rgb", tile=(16, 16), compression="jpeg"),
    "palette.tif": encoded("TIFF", Image.fromarray(picture()).quantize(16)),
    "fax.tif": encoded("TIFF", Image.fromarray(picture()).convert("1"), compression="group4"),
    "big.tif": tiff(picture(), photometric="rgb", bigtiff=True),
    "motorola.tif": tiff(picture(), photometric="rgb", byteorder=">", compression="packbits"),
    "planes.tif": tiff(
        np.ascontiguousarray(picture().transpose(2, 0, 1)),
        photometric="rgb",
        planarconfig="separate",
        compression="zlib",
    ),
}
EXTREMES = st.sampled_from([b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x01\x00\x00"])
CHANGE = st.tuples(
    st.floats(0, 1, exclude_max=True), st.booleans(), st.integers(0, 8), st.one_of(st.binary(max_size=4), EXTREMES)
)


def damaged(data: bytes, changes: list[tuple[float, bool, int, bytes]]) -> bytes:
    """Replace short stretches at relative places, every other time near the beginning, where the headers are."""
    for place, early, length, new in changes:
        start = int(place * (min(len(data), 120) if early else len(data)))
        data = data[:start] + new + data[start + length :]
    return data


@pytest.mark.parametrize("name", sorted(SEEDS))
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGE, min_size=1, max_size=4))
def test_a_damaged_file_is_answered_or_refused(tmp_path, name, changes):
    path = tmp_path / name
    path.write_bytes(damaged(SEEDS[name], changes))
    try:
        got = read_evidence(path, max_pixels=4_000_000)
    except EvidenceError as error:
        assert str(error).isprintable() and str(error)
    else:
        assert got.pixels.shape == (got.height, got.width, 3)
        assert got.pixels.dtype == (np.uint16 if got.bit_depth == 16 else np.uint8)


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_no_beginning_of_a_file_raises_anything_but_a_reason(tmp_path, name):
    data = SEEDS[name]
    path = tmp_path / name
    for length in sorted({*range(0, min(len(data), 64), 7), *range(64, len(data), max(1, len(data) // 40))}):
        path.write_bytes(data[:length])
        try:
            got = read_evidence(path)
        except EvidenceError as error:
            assert str(error).isprintable()
        else:  # only what follows the picture is missing
            np.testing.assert_array_equal(got.pixels, _whole(tmp_path, name))


def _whole(folder, name):
    path = folder / f"whole-{name}"
    path.write_bytes(SEEDS[name])
    return read_evidence(path).pixels
