import io
import logging
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from datasets.containers import SNIFF_BYTES, container, exif, sniff
from datasets.errors import EvidenceError, InputError, one_line
from tests.awkward import encoded, picture, png_chunk, png_with, several, tiff

LIMIT = 10**8


def decoded(data: bytes, limit: int = LIMIT):
    module = container(sniff(data[:SNIFF_BYTES]))
    header = module.read(data, limit)
    return header, module.decode(header)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x00\x00\x00\x20ftypavif", "AVIF"),
        (b"\x00\x00\x00\x20ftypheic", "HEIC"),
        (b"\x00\x00\x00\x20ftypisom", "video"),
        (b"\xff\x0a\x00", "JPEG XL"),
        (b"\x00\x00\x00\x0cjP  \r\n", "JPEG 2000"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_formats_that_are_not_supported_are_named(head, name):
    with pytest.raises(EvidenceError, match=f"{name}.*not supported"):
        sniff(head)


def test_a_letter_that_begins_like_a_bitmap_is_none():
    with pytest.raises(EvidenceError, match="not an image"):
        sniff(b"BMW sold more cars last year than in the year before.")


def test_reasons_fit_on_one_line():
    assert one_line("a\n b\t\x1b[31mc" + "d" * 300).isprintable()
    assert len(one_line("x" * 1000)) == 160
    assert one_line(KeyError()) == "KeyError"
    error = InputError("a/b", "gone\nmissing")
    assert (error.path, error.reason, str(error)) == ("a/b", "gone missing", "a/b: gone missing")


def test_png_palette_transparency_and_text_do_not_reach_the_pixels():
    image = Image.fromarray(picture()).quantize(32)
    text = png_chunk(b"zTXt", b"k\x00\x00" + zlib.compress(bytes(3_000_000)))
    data = png_with(text, encoded("PNG", image, transparency=b"\x00\x10"))
    header, samples = decoded(data)
    np.testing.assert_array_equal(samples, np.asarray(image.convert("RGB")))
    assert text not in header.core and b"tRNS" not in header.core


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_png_greys_of_few_bits_span_the_whole_range(bits):
    levels = 2**bits
    packed = b"".join(
        b"\x00" + bytes([sum(v << (8 - bits * (i + 1)) for i, v in enumerate([0, levels - 1]))]) for _ in "ab"
    )
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 2, 2, bits, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(packed)),
        (b"IEND", b""),
    ]
    header, samples = decoded(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts))
    np.testing.assert_array_equal(samples, [[0, 255], [0, 255]])
    assert header.notes[0].startswith(f"depth: {bits} bit")


def test_interlaced_png_is_read():
    # Pillow writes no interlaced PNG, so one pixel's worth of Adam7 is written by hand: its only pass is the first.
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 1)),
        (b"IDAT", zlib.compress(b"\x00\x0a\x14\x1e")),
        (b"IEND", b""),
    ]
    _, samples = decoded(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts))
    np.testing.assert_array_equal(samples, [[[10, 20, 30]]])


def test_a_png_without_enough_data_is_refused_before_decoding():
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        png_chunk(*part)
        for part in [
            (b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(bytes(100))),
            (b"IEND", b""),
        ]
    )
    with pytest.raises(EvidenceError, match="cannot fill"):
        container("PNG").read(data, LIMIT)


def test_a_gif_frame_inside_its_canvas_keeps_its_own_size():
    frame = encoded("GIF", Image.fromarray(picture(20, 30)).quantize(32))
    canvas = frame[:6] + struct.pack("<HH", 100, 90) + frame[10:]
    place = canvas.index(b",", 13 + 3 * 32)
    moved = canvas[: place + 1] + struct.pack("<HH", 5, 6) + canvas[place + 5 :]
    header, samples = decoded(moved)
    assert samples.shape[:2] == (20, 30) and (header.width, header.height) == (30, 20)
    assert any("(5, 6) of a 100x90 canvas" in note for note in header.notes)
    np.testing.assert_array_equal(samples, decoded(frame)[1])


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})])
def test_the_first_of_several_pictures_is_read_and_said(kind, options):
    header, samples = decoded(several(kind, **options))
    expected = Image.fromarray(picture(seed=0))
    expected = expected.quantize(64).convert("RGB") if kind == "GIF" else expected
    np.testing.assert_array_equal(samples, np.asarray(expected))
    assert sum(note.startswith("frames:") for note in header.notes) == 1


def test_lossy_webp_with_alpha_gives_the_colours_under_it():
    pixels = picture(channels=4)
    data = encoded("WEBP", Image.fromarray(pixels, "RGBA"), quality=90)
    header, samples = decoded(data)
    expected = np.asarray(Image.open(io.BytesIO(data)))[..., :3]
    np.testing.assert_array_equal(samples, expected)
    assert any(note.startswith("alpha:") for note in header.notes)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_bmp_of_every_depth(mode):
    image = Image.fromarray(picture(13, 21))
    image = image.quantize(200) if mode == "P" else image.convert(mode)
    _, samples = decoded(encoded("BMP", image))
    np.testing.assert_array_equal(
        np.broadcast_to(samples.reshape(13, 21, -1), (13, 21, 3)), np.asarray(image.convert("RGB"))
    )


def test_run_length_coded_bmp_is_bounded():
    data = (
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 58, 40, 9000, 9000, 1, 8, 1, 0, 0, 0, 1, 0) + bytes(9_000_000)
    )
    with pytest.raises(EvidenceError, match="run-length"):
        container("BMP").read(data, LIMIT)


TIFFS = {
    "lzw with predictor": {"compression": "lzw", "predictor": True},
    "deflate in strips": {"compression": "zlib", "rowsperstrip": 7},
    "packbits": {"compression": "packbits"},
    "tiles": {"tile": (16, 32)},
    "big": {"bigtiff": True},
    "motorola": {"byteorder": ">"},
}


@pytest.mark.parametrize("name", TIFFS)
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_tiff_layouts_give_back_what_was_stored(name, depth):
    pixels = picture(45, 61).astype(depth) * depth(1 if depth is np.uint8 else 251)
    header, samples = decoded(tiff(pixels, photometric="rgb", **TIFFS[name]))
    np.testing.assert_array_equal(samples, pixels)
    assert header.bit_depth == 8 * pixels.itemsize


def test_tiff_planes_extra_channels_and_inverted_greys():
    pixels = picture(20, 30, 4)
    _, samples = decoded(
        tiff(np.ascontiguousarray(pixels.transpose(2, 0, 1)), photometric="rgb", planarconfig="separate")
    )
    np.testing.assert_array_equal(samples, pixels[..., :3])
    header, samples = decoded(tiff(pixels[..., 0], photometric="miniswhite"))
    np.testing.assert_array_equal(samples, 255 - pixels[..., 0])
    assert any(note.startswith("inverted:") for note in header.notes)


def test_tiff_palette_and_bilevel():
    image = Image.fromarray(picture()).quantize(32)
    np.testing.assert_array_equal(decoded(encoded("TIFF", image))[1], np.asarray(image.convert("RGB")))
    image = Image.fromarray(picture()).convert("1")
    for compression in (None, "group4"):
        header, samples = decoded(encoded("TIFF", image, compression=compression))
        np.testing.assert_array_equal(samples, np.asarray(image.convert("L")))
        assert "depth: 1 bit a sample, scaled to 8" in header.notes


@pytest.mark.parametrize("kind", [np.float32, np.uint32, np.int16, np.float16])
def test_tiff_samples_that_are_no_picture_values_are_refused(kind):
    with pytest.raises(EvidenceError, match="not supported"):
        decoded(tiff(picture(channels=1).astype(kind)))


def test_a_tile_larger_than_the_limit_is_refused():
    data = tiff(picture(16, 16), photometric="rgb", tile=(16, 16))
    entry = data.index(struct.pack("<HHII", 322, 4, 1, 16))
    data = data[: entry + 2] + struct.pack("<HII", 4, 1, 2**30) + data[entry + 12 :]
    with pytest.raises(EvidenceError, match="limit"):
        container("TIFF").read(data, LIMIT)


def test_a_damaged_tiff_logs_nothing_to_the_terminal(capfd):
    data = bytearray(tiff(picture(), photometric="rgb"))
    entry = data.index(struct.pack("<HH", 284, 3))
    data[entry + 8 : entry + 12] = struct.pack("<I", 4711)
    propagate, logging.getLogger("tifffile").propagate = logging.getLogger("tifffile").propagate, False
    try:
        decoded(bytes(data))
    except Exception as error:  # noqa: BLE001
        assert str(error)
    finally:
        logging.getLogger("tifffile").propagate = propagate
    assert capfd.readouterr() == ("", "")


def test_exif_fields_are_named_and_kept_short():
    block = Image.Exif()
    block[271], block[270], block[282], block[0xEEEE] = "Maker\n2", "x" * 5000, 72.5, 7
    block.get_ifd(0x8769)[37500] = bytes(range(100))
    block.get_ifd(0x8769)[33437] = 2.8
    block.get_ifd(0x8825)[1] = "N"
    fields, orientation = exif.fields(block.tobytes().removeprefix(b"Exif\x00\x00"))
    assert orientation is None
    assert fields["Make"] == "Maker 2" and len(fields["ImageDescription"]) == 200
    assert fields["XResolution"] == "145/2" and fields["FNumber"] == "2.8"
    assert fields["MakerNote"] == "100 bytes" and fields["GPSLatitudeRef"] == "N" and fields["tag 0xeeee"] == "7"


@pytest.mark.parametrize(
    "block", [b"", b"II*\x00", b"II*\x00\xff\xff\xff\xff", b"MM\x00*\x00\x00\x00\x08\xff\xff", b"nonsense"]
)
def test_damaged_exif_gives_nothing_and_raises_nothing(block):
    assert exif.fields(block) == ({}, None)


def test_exif_that_points_to_itself_ends():
    entry = struct.pack("<HHII", 34665, 4, 1, 8)
    assert exif.fields(b"II*\x00\x08\x00\x00\x00\x01\x00" + entry + bytes(4)) == ({}, None)
