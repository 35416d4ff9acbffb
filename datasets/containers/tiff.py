"""TIFF: the first directory read and cut down to what decoding needs, then decoded by tifffile."""

import io
import logging
import struct
from typing import Any

import numpy as np

from datasets.containers import ifd
from datasets.containers.header import Header, check_size, truncated
from datasets.errors import EvidenceError

_DECODING = (256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 338, 339,
             347, 530)  # fmt: skip
_COMPRESSIONS = {1: "none", 2: "CCITT", 3: "CCITT", 4: "CCITT", 5: "LZW", 7: "JPEG", 8: "deflate", 32773: "PackBits",
                 32946: "deflate", 50000: "Zstandard"}  # fmt: skip
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_MAX_SEGMENTS = 100_000


def read(data: bytes, max_pixels: int) -> Header:
    """Read a TIFF's first directory.

    Args:
        data: the file's bytes.
        max_pixels: the limit on width times height, of the picture and of a tile.

    Returns:
        The header; `core` is the file with a new first directory that holds only what decoding needs.

    Raises:
        EvidenceError: truncated, of an unsupported kind, or over the limit.
    """
    how, first = ifd.layout(data)
    entries, following = ifd.directory(data, first, how)
    values = {
        tag: ifd.numbers(data, entry, how, _MAX_SEGMENTS if tag in (273, 279, 324, 325) else 16)
        for tag, entry in entries.items()
        if tag in _DECODING
    }
    if not values.get(256) or not values.get(257):
        raise EvidenceError("damaged: the TIFF does not say how large it is")
    header = Header(int(values[256][0]), int(values[257][0]), exif=data, icc=34675 in entries)
    check_size(header.width, header.height, max_pixels)
    _layout(header, values)
    _check_segments(header, values, data, max_pixels)
    if following:
        header.notes.append("frames: several pages, only the first is read")
    if header.extra["photometric"] == _PALETTE:
        if 320 not in entries:
            raise EvidenceError("damaged: the TIFF has indexed colours and no palette")
        header.extra["palette"] = ifd.numbers(data, entries[320], how, 3 << 16)
    header.core = _cut(data, [entries[tag] for tag in sorted(entries) if tag in _DECODING and tag != 320], how)
    return header


def _layout(header: Header, values: dict[int, tuple]) -> None:
    """Judge how the samples are stored."""
    one: dict[str, Any] = {
        name: int((values.get(tag) or (default,))[0])
        for name, tag, default in (
            ("compression", 259, 1),
            ("photometric", 262, 1),
            ("samples", 277, 1),
            ("kind", 339, 1),
        )
    }
    bits = [int(b) for b in values.get(258) or (1,)]
    if one["compression"] not in _COMPRESSIONS:
        raise EvidenceError(f"a TIFF with compression {one['compression']} is not supported")
    if one["kind"] not in (1, 4) or any(value != one["kind"] for value in values.get(339) or ()):
        raise EvidenceError(
            "a TIFF of floating-point or signed samples is not supported (only unsigned 8 and 16 bits are)"
        )
    if len(set(bits)) != 1 or bits[0] not in (1, 2, 4, 8, 16):
        raise EvidenceError(f"a TIFF of {','.join(map(str, bits[:4]))} bits a sample is not supported")
    colours = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}.get(one["photometric"])
    if colours is None or (one["photometric"] == _YCBCR and one["compression"] != 7):
        raise EvidenceError(f"a TIFF with colour coding {one['photometric']} is not supported")
    if not colours <= one["samples"] <= 16:
        raise EvidenceError(f"damaged: {one['samples']} samples a pixel in a TIFF that needs {colours}")
    header.bit_depth = 16 if bits[0] == 16 and one["photometric"] != _PALETTE else 8
    header.extra.update(one, bits=bits[0], colours=colours)
    _note(header)


def _note(header: Header) -> None:
    """Say what decoding will do to the samples."""
    photometric, bits = header.extra["photometric"], header.extra["bits"]
    if header.bit_depth == 16:
        header.notes.append("depth: 16 bits a sample, all kept")
    if bits < 8 and photometric != _PALETTE:
        header.notes.append(f"depth: {bits} bit{'s' * (bits > 1)} a sample, scaled to 8")
    if photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO):
        header.notes.append("grey: one channel, repeated for red, green and blue")
    if photometric == _WHITE_IS_ZERO:
        header.notes.append("inverted: zero stands for white in this file, turned round")
    if photometric == _PALETTE:
        header.notes.append("palette: indexed colours looked up, the upper 8 bits of each entry")
    if photometric == _CMYK:
        header.notes.append("cmyk: converted by red = (white-C)(white-K)/white and so on, without an ICC profile")
    if header.extra["samples"] > header.extra["colours"]:
        header.notes.append("alpha: transparency or further channels dropped, colours as stored")


def _check_segments(header: Header, values: dict[int, tuple], data: bytes, max_pixels: int) -> None:
    """Refuse strips and tiles that lie outside the file or are larger than the limit."""
    tiled = 322 in values and 323 in values
    offsets, counts = (values.get(324), values.get(325)) if tiled else (values.get(273), values.get(279))
    width, height = header.width, header.height
    if tiled:
        across, down = int(values[322][0]), int(values[323][0])
        check_size(across, down, max_pixels)
    else:
        across, down = width, min(int((values.get(278) or (height,))[0]), height)
    planes = header.extra["samples"] if (values.get(284) or (1,))[0] == 2 else 1
    if down < 1:
        raise EvidenceError("damaged: a strip of the TIFF has no rows")
    needed = -(-width // across) * -(-height // down) * planes
    if not offsets or not counts or len(offsets) < needed or len(counts) < needed:
        raise truncated("the TIFF does not say where all its pixels lie")
    if needed > _MAX_SEGMENTS or needed * across * down > 4 * max(max_pixels, 1 << 20) * planes:
        raise EvidenceError("damaged: the TIFF's tiles are far larger than its picture")
    where, size = np.array(offsets[:needed], np.float64), np.array(counts[:needed], np.float64)
    if (where < 8).any() or (size < 1).any() or (where + size > len(data)).any():
        raise truncated("the TIFF ends inside its pixels")
    if header.extra["compression"] == 1:
        row = -(-across * header.extra["bits"] * (header.extra["samples"] // planes) // 8)
        if size.sum() < row * (height * planes if not tiled else needed * down):
            raise truncated("the TIFF's data cannot fill its pixels")
    if header.extra["compression"] == 7:
        _check_jpegs(data, offsets[:needed], counts[:needed], across * down)


def _check_jpegs(data: bytes, offsets: tuple, counts: tuple, pixels: int) -> None:
    """Refuse JPEG strips and tiles that unpack to more than their place in the picture."""
    from datasets.containers.jpeg import markers

    for offset, count in zip(offsets, counts, strict=True):
        segment = data[int(offset) : int(offset + count)]
        for marker, start, end in markers(segment):
            if marker in (0xC0, 0xC1, 0xC2) and end - start >= 9:
                rows, columns = struct.unpack_from(">HH", segment, start + 5)
                if rows * columns > 4 * pixels + 4096:
                    raise EvidenceError("damaged: a JPEG in the TIFF is larger than its tile")


def _cut(data: bytes, entries: list[ifd.Entry], how: ifd.Layout) -> bytes:
    """Put a directory of only these entries in front; their values stay where they are."""
    width, count, word = (20, "Q", "Q") if how.big else (12, "H", "I")
    place = len(data) + len(data) % 2
    head = data[:8] + struct.pack(how.order + "Q", place) if how.big else data[:4] + struct.pack(how.order + "I", place)
    table = struct.pack(how.order + count, len(entries)) + b"".join(data[e.place : e.place + width] for e in entries)
    return b"".join(
        (head, memoryview(data)[len(head) :], b"\x00" * (len(data) % 2), table, struct.pack(how.order + word, 0))
    )


def decode(header: Header) -> np.ndarray:
    """Decode the stream that `read` cut out.

    Returns:
        uint8 or uint16, (H, W) for grey, (H, W, 3), or (H, W, 4) for CMYK.
    """
    import tifffile

    _quieten()
    with tifffile.TiffFile(io.BytesIO(header.core)) as file:
        page = file.pages.first
        samples = page.asarray(maxworkers=1)
        planar = page.planarconfig == 2
    shape = (header.height, header.width)
    channels = header.extra["samples"]
    samples = samples.reshape((channels, *shape)).transpose(1, 2, 0) if planar else samples.reshape((*shape, channels))
    if header.extra["photometric"] == _PALETTE:
        return _look_up(samples[..., 0], header.extra["palette"])
    samples = _scale(samples[..., : header.extra["colours"]], header.extra["bits"])
    if header.extra["photometric"] == _WHITE_IS_ZERO:
        samples = ~samples
    return samples[..., 0] if samples.shape[2] == 1 else samples


def _quieten() -> None:
    """Keep tifffile's log from the terminal of a program that sets no logging up; others still get it."""
    logger = logging.getLogger("tifffile")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _look_up(indices: np.ndarray, palette: tuple) -> np.ndarray:
    """Replace indices by the palette's colours, (H, W) to (H, W, 3) uint8."""
    colours = (np.array(palette, np.uint16).reshape(3, -1).T >> 8).astype(np.uint8)
    if int(indices.max()) >= len(colours):
        raise EvidenceError("damaged: a pixel of the TIFF points outside its palette")
    return colours[indices]


def _scale(samples: np.ndarray, bits: int) -> np.ndarray:
    """Stretch 1, 2 and 4-bit samples to 8 bits; 8 and 16 stay as they are."""
    if bits == 16:
        return samples.astype(np.uint16, copy=False)
    return (
        samples.astype(np.uint8, copy=False) if bits == 8 else samples.astype(np.uint8) * np.uint8(255 // (2**bits - 1))
    )
