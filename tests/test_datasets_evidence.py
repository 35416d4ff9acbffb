import hashlib
import io
import os
import resource
import stat
import subprocess
import sys
import time
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

import datasets
from datasets import Evidence, EvidenceError, InputError, find_images, float_pixels, read_evidence
from tests import awkward
from tests.awkward import encoded, picture


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def awkward_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("awkward") / "spaces and ümläuts"
    return folder, awkward.make_awkward(folder)


def answer(path: Path) -> Evidence | str:
    try:
        return read_evidence(path)
    except EvidenceError as error:
        return str(error)


def test_every_awkward_file_gets_an_answer_or_a_short_reason_quickly(awkward_files):
    _, files = awkward_files
    assert len(files) >= 46
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for file in files:
        start = time.process_time()
        got = answer(file.path)
        assert time.process_time() - start < 2, file.path.name
        if file.readable:
            assert isinstance(got, Evidence), (file.path.name, got)
            assert got.pixels.shape == (*(file.size or ()), 3), file.path.name
            assert (got.height, got.width) == file.size
            assert not file.says or any(file.says in note for note in got.notes), (file.path.name, got.notes)
            assert all(": " in note and "\n" not in note for note in got.notes)
        else:
            assert isinstance(got, str), file.path.name
            assert got and len(got) <= 160 and got.isprintable()
            assert file.folder or file.says in got, (file.path.name, got)
    kilobytes = 1 if sys.platform == "linux" else 1024
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / kilobytes < 500_000


def test_walking_the_awkward_folder_gives_each_file_once_and_ends(awkward_files):
    folder, files = awkward_files
    found = list(find_images([folder]))
    assert not any(isinstance(item, InputError) for item in found)
    assert found == sorted(found, key=str)
    assert sorted(map(str, found)) == sorted(str(file.path) for file in files if not file.folder)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP"])
def test_lossless_formats_give_back_the_pixels_that_were_stored(tmp_path, kind):
    pixels = picture(33, 47)
    if kind == "GIF":
        image = Image.fromarray(pixels).quantize(64)
        pixels = np.asarray(image.convert("RGB"))
        data = encoded(kind, image)
    else:
        data = encoded(kind, pixels, **({"lossless": True} if kind == "WEBP" else {}))
    got = read_evidence(write(tmp_path / f"x.{kind.lower()}", data))
    np.testing.assert_array_equal(got.pixels, pixels)
    assert (got.format, got.width, got.height, got.bit_depth) == (kind, 47, 33, 8)
    assert got.sha256 == hashlib.sha256(data).hexdigest()
    assert got.jpeg is None and got.jpeg_quality is None and not got.icc
    assert not [note for note in got.notes if not note.startswith("palette")]


def test_a_jpeg_is_decoded_as_pillow_decodes_it(tmp_path):
    data = encoded("JPEG", picture(61, 83), quality=83)
    got = read_evidence(write(tmp_path / "x.jpg", data))
    np.testing.assert_array_equal(got.pixels, np.asarray(Image.open(io.BytesIO(data))))
    assert got.jpeg_quality == 83


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_sixteen_bit_colour_keeps_every_bit(tmp_path, kind):
    pixels = np.random.default_rng(1).integers(0, 65536, (17, 23, 3), dtype=np.uint16)
    data = bytes(imagecodecs.png_encode(pixels)) if kind == "png" else awkward.tiff(pixels, photometric="rgb")
    got = read_evidence(write(tmp_path / f"x.{kind}", data))
    assert got.bit_depth == 16 and got.pixels.dtype == np.uint16
    np.testing.assert_array_equal(got.pixels, pixels)


def test_sixteen_bit_grey_is_repeated_not_scaled(tmp_path):
    pixels = np.random.default_rng(2).integers(0, 65536, (9, 11), dtype=np.uint16)
    got = read_evidence(write(tmp_path / "x.png", encoded("PNG", Image.fromarray(pixels))))
    np.testing.assert_array_equal(got.pixels, np.repeat(pixels[..., None], 3, axis=2))


def test_alpha_is_dropped_and_hidden_colours_stay(tmp_path):
    pixels = picture(channels=4)
    pixels[:20, :, 3] = 0
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})):
        data = encoded(kind, Image.fromarray(pixels, "RGBA"), **options)
        got = read_evidence(write(tmp_path / f"x.{kind.lower()}", data))
        np.testing.assert_array_equal(got.pixels, pixels[..., :3])
        assert any(note.startswith("alpha:") for note in got.notes)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_is_converted_by_the_rule_in_its_note(tmp_path, kind):
    data = encoded(kind, Image.fromarray(picture(channels=4), "CMYK"))
    ink = np.asarray(Image.open(io.BytesIO(data))).astype(float)
    got = read_evidence(write(tmp_path / f"x.{kind.lower()}", data))
    expected = (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255
    assert np.abs(got.pixels - expected).max() <= 0.5
    assert any(note.startswith("cmyk:") for note in got.notes)


def test_orientation_and_profile_are_noted_and_not_applied(tmp_path):
    exif = Image.Exif()
    exif[274] = 8
    exif[272] = "A camera\nwith a line break"
    pixels = picture(24, 48)
    data = encoded("PNG", pixels, exif=exif, icc_profile=b"profile")
    got = read_evidence(write(tmp_path / "x.png", data))
    np.testing.assert_array_equal(got.pixels, pixels)
    assert got.icc and got.exif["Orientation"] == "8" and got.exif["Model"] == "A camera with a line break"
    assert [note.split(":")[0] for note in got.notes] == ["orientation", "icc"]


def test_the_pixel_limit_is_inclusive_and_checked_first(tmp_path):
    path = write(tmp_path / "x.png", encoded("PNG", picture(10, 10)))
    assert read_evidence(path, max_pixels=100).width == 10
    with pytest.raises(EvidenceError, match="10x10 pixels exceed the limit of 99"):
        read_evidence(path, max_pixels=99)
    with pytest.raises(ValueError, match="max_pixels"):
        read_evidence(path, max_pixels=0)


def test_a_file_beyond_the_size_limit_is_refused_unread(tmp_path):
    path = tmp_path / "x.png"
    with path.open("wb") as file:
        file.write(encoded("PNG"))
        file.truncate(3_000_000_000)
    with pytest.raises(EvidenceError, match="bytes exceed"):
        read_evidence(path)


def test_the_path_is_kept_as_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "x.png", encoded("PNG"))
    assert read_evidence("./x.png").path == "./x.png"


def test_what_cannot_be_opened_has_a_reason(tmp_path, monkeypatch):
    assert answer(tmp_path / "nothing.png") == "no such file"
    assert "folder" in str(answer(tmp_path))
    assert "null" in str(answer(Path("a\0b.png")))
    path = write(tmp_path / "x.png", encoded("PNG"))

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert answer(path) == "Permission denied"


def test_a_device_is_refused():
    device = Path(os.devnull)
    if not device.exists() or stat.S_ISREG(device.stat().st_mode):
        pytest.skip("no null device here")
    assert answer(device) == "not a regular file"


def test_pixels_cannot_be_changed(tmp_path):
    for channels in (1, 3):
        got = read_evidence(write(tmp_path / "x.png", encoded("PNG", picture(channels=channels))))
        with pytest.raises(ValueError, match="read-only"):
            got.pixels[0, 0, 0] = 1


def test_float_pixels_spans_zero_to_one():
    eight = np.array([[[0, 51, 255]]], np.uint8)
    np.testing.assert_array_equal(float_pixels(eight), np.array([[[0, 0.2, 1]]], np.float32))
    sixteen = float_pixels(np.array([[[0, 13107, 65535]]], np.uint16))
    assert sixteen.dtype == np.float32 and sixteen[0, 0, 1] == np.float32(0.2)
    with pytest.raises(ValueError, match="float64"):
        float_pixels(np.zeros((1, 1, 3)))


def test_importing_the_package_loads_nothing_heavy():
    script = (
        "import sys, datasets; assert not {'numpy', 'PIL', 'jax'} & set(sys.modules);"
        "from datasets import read_evidence, find_images;"
        "heavy = {'jax', 'tifffile', 'imagecodecs'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.data("camera")
def test_photographs_read_as_pillow_reads_them():
    paths = [*datasets.camera()[::9], *datasets.lossless()[::19], *datasets.set5()]
    for path in paths:
        got = read_evidence(path)
        np.testing.assert_array_equal(got.pixels, np.asarray(Image.open(path).convert("RGB")), err_msg=path.name)
        assert not got.notes, path.name
