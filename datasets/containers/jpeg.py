"""JPEG: markers walked, quantisation tables and quality read, then decoded by libjpeg through Pillow.

Tables are 64 integers in natural (row by row) order. Markers and their layout: ITU-T T.81, annex B.
"""

import re
import struct
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from datasets.containers.header import Header, JpegInfo, check_size, truncated
from datasets.errors import EvidenceError

_MAX_SCANS = 100
_MAX_SEGMENTS = 100_000
_NEXT_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")  # no stuffed zero, restart, fill byte or reserved code
_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)  # baseline, extended, progressive; arithmetic: sequential, progressive
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF)
_ORIENTED = (0xE0, 0xEE)  # JFIF and Adobe: they decide how the colours are coded
_ZIGZAG = (
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
)  # fmt: skip
LUMA_TABLE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
CHROMA_TABLE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, *[99] * 38,
)  # fmt: skip
_SUBSAMPLINGS = {
    (1, 1): "4:4:4",
    (2, 1): "4:2:2",
    (2, 2): "4:2:0",
    (1, 2): "4:4:0",
    (4, 1): "4:1:1",
    (4, 2): "4:1:0",
    (1, 4): "4:4:1",
}


class _Frame(NamedTuple):
    """A start-of-frame segment; `parts` are horizontal factor, vertical factor and table of each component."""

    height: int
    width: int
    parts: list[tuple[int, int, int]]
    progressive: bool
    arithmetic: bool


def read(data: bytes, max_pixels: int) -> Header:
    """Read a JPEG's markers without decoding any coefficient.

    Args:
        data: the file's bytes.
        max_pixels: the limit on width times height.

    Returns:
        The header; `core` holds the first picture without comments, metadata and thumbnails.

    Raises:
        EvidenceError: truncated, damaged, of an unsupported kind, or over the limit.
    """
    header, core, tables, frame, scans, coded = Header(0, 0), [b"\xff\xd8"], {}, None, 0, 0
    for marker, start, end in markers(data):
        body = data[start + 4 : end] if marker != 0xDA else b""
        if marker == 0xDB:
            tables.update(quantisation_tables(body))
        elif marker in _FRAMES or marker in _OTHER_FRAMES:
            if frame is not None:
                raise EvidenceError("a JPEG of several frames (hierarchical) is not supported")
            frame = _frame(marker, body)
            header.width, header.height = frame.width, frame.height
            check_size(header.width, header.height, max_pixels)
        elif marker == 0xDA:
            scans, coded = scans + 1, coded + end - start
            if scans > _MAX_SCANS:
                raise EvidenceError(f"damaged: the JPEG has more than {_MAX_SCANS} scans")
        elif marker >= 0xE0:
            _application(header, marker, body)
        if marker in _ORIENTED or not 0xE0 <= marker <= 0xFE:
            core.append(data[start:end])
        if marker == 0xD9 and end < len(data):
            header.notes.append(f"trailing: {len(data) - end} bytes after the image ignored")
    if frame is None or not scans:
        raise EvidenceError("damaged: the JPEG holds no picture")
    header.core = b"".join(core)
    _finish(header, frame, tables, coded)
    return header


def _finish(header: Header, frame: _Frame, tables: dict[int, tuple[int, ...]], coded: int) -> None:
    """Judge the picture by its frame, its tables and how many bytes of coefficients there are."""
    blocks = header.width * header.height // 64
    if 8 * coded < blocks and not frame.arithmetic:  # Huffman codes take at least one bit a block
        raise truncated("the JPEG's data cannot fill its pixels")
    header.jpeg = _info(frame, tables)
    header.extra["one_pass"] = not (frame.progressive or frame.arithmetic)
    if len(frame.parts) == 1:
        header.notes.append("grey: one channel, repeated for red, green and blue")
    if len(frame.parts) == 4:
        header.notes.append("cmyk: converted by red = (255-C)(255-K)/255 and so on, without an ICC profile")


def markers(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Walk the segments of a JPEG up to its end-of-image marker.

    Args:
        data: bytes that begin with a start-of-image marker.

    Yields:
        marker (0xC0 to 0xFE), the place of its 0xFF byte, and the end of the segment; that of a start-of-scan includes
        the coefficients that follow.

    Raises:
        EvidenceError: the bytes end before the end-of-image marker, or are no segments.
    """
    position, size = 2, len(data)
    for _ in range(_MAX_SEGMENTS):
        found = _NEXT_MARKER.search(data, position)  # as libjpeg does, skip what stands between two segments
        if found is None:
            raise truncated("the JPEG ends without its end-of-image marker")
        start, marker = found.start(), data[found.start() + 1]
        if marker == 0xD9:
            yield marker, start, start + 2
            return
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        if end > size or start + 4 > size:
            raise truncated("the JPEG ends inside a segment")
        if end < start + 4:
            raise EvidenceError("damaged: a JPEG segment says it is shorter than its own length field")
        if marker == 0xDA:
            found = _NEXT_MARKER.search(data, end)
            if found is None:
                raise truncated("the JPEG ends inside its coefficients")
            end = found.start()
        yield marker, start, end
        position = end
    raise EvidenceError(f"damaged: the JPEG has more than {_MAX_SEGMENTS:,} segments")


def quantisation_tables(body: bytes) -> dict[int, tuple[int, ...]]:
    """Parse the body of a DQT segment.

    Args:
        body: the segment without marker and length.

    Returns:
        Tables by identifier (0 to 3), each 64 integers row by row.

    Raises:
        EvidenceError: the segment is malformed.
    """
    tables, position = {}, 0
    while position < len(body):
        precision, identifier = body[position] >> 4, body[position] & 15
        end = position + 1 + 64 * (1 + precision)
        if precision > 1 or identifier > 3 or end > len(body):
            raise EvidenceError("damaged: malformed quantisation table in the JPEG")
        zigzag = struct.unpack(f">64{'BH'[precision]}", body[position + 1 : end])
        natural = [0] * 64
        for place, value in zip(_ZIGZAG, zigzag, strict=True):
            natural[place] = value
        tables[identifier] = tuple(natural)
        position = end
    return tables


def _frame(marker: int, body: bytes) -> _Frame:
    """Parse a start-of-frame segment."""
    if marker not in _FRAMES:
        kind = "lossless" if marker in (0xC3, 0xC7, 0xCB, 0xCF) else "hierarchical"
        raise EvidenceError(f"a {kind} JPEG is not supported")
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise EvidenceError("damaged: malformed frame header in the JPEG")
    precision, height, width, count = struct.unpack_from(">BHHB", body)
    if precision != 8:
        raise EvidenceError(f"a JPEG of {precision} bits a sample is not supported")
    if count not in (1, 3, 4):
        raise EvidenceError(f"a JPEG of {count} components is not supported")
    parts = [(body[6 + 3 * i + 1] >> 4, body[6 + 3 * i + 1] & 15, body[6 + 3 * i + 2]) for i in range(count)]
    if any(not (1 <= h <= 4 and 1 <= v <= 4) for h, v, _ in parts):
        raise EvidenceError("damaged: impossible sampling factors in the JPEG")
    return _Frame(height, width, parts, marker in (0xC2, 0xCA), marker in (0xC9, 0xCA))


def _application(header: Header, marker: int, body: bytes) -> None:
    """Take EXIF and the presence of an ICC profile or of more pictures from APPn segments."""
    if marker == 0xE1 and body.startswith(b"Exif\x00") and header.exif is None:
        header.exif = body[6:]
    elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\x00"):
        header.icc = True
    elif marker == 0xE2 and body.startswith(b"MPF\x00"):
        header.notes.append("frames: the file may hold further pictures (MPF), only the first is read")


def _info(frame: _Frame, tables: dict[int, tuple[int, ...]]) -> JpegInfo:
    """Sum up how the picture was coded."""
    parts = frame.parts
    order = list(dict.fromkeys(table for _, _, table in parts))
    if any(table not in tables for table in order):
        raise EvidenceError("damaged: the JPEG lacks a quantisation table")
    used = tuple(tables[table] for table in order)
    quality, standard = estimate_quality(used)
    factors = [(h, v) for h, v, _ in parts]
    subsampling = "4:0:0" if len(factors) == 1 else ",".join(f"{h}x{v}" for h, v in factors)
    if (
        len(factors) >= 3
        and factors[1] == factors[2]
        and factors[0][0] % factors[1][0] == factors[0][1] % factors[1][1] == 0
    ):
        ratio = (factors[0][0] // factors[1][0], factors[0][1] // factors[1][1])
        subsampling = _SUBSAMPLINGS.get(ratio, subsampling)
    return JpegInfo(used, quality, standard, subsampling, frame.progressive, len(parts))


@cache
def _standard_tables() -> np.ndarray:
    """The scaled standard tables, (quality 1..100, luma then chroma, 64), as libjpeg's jpeg_set_quality makes them."""
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    base = np.array([LUMA_TABLE, CHROMA_TABLE])
    return np.clip((base[None] * scale[:, None, None] + 50) // 100, 1, 255)


def estimate_quality(tables: tuple[tuple[int, ...], ...]) -> tuple[int, bool]:
    """Estimate the quality setting from quantisation tables.

    Args:
        tables: at least one; the first is compared with the standard luminance table, the others with chrominance.

    Returns:
        The quality from 1 to 100 with the least mean absolute difference of log steps (the higher on a tie), and
        whether the tables are exactly the standard ones. Source: ITU-T T.81 annex K and libjpeg's scaling rule.
    """
    standard = _standard_tables().astype(np.float64)
    found = np.clip(np.array(tables, dtype=np.float64), 1, 255)
    kinds = [0] + [1] * (len(tables) - 1)
    distance = np.abs(np.log(standard[:, kinds]) - np.log(found)[None]).mean(axis=(1, 2))
    best = len(distance) - 1 - int(np.argmin(distance[::-1]))
    return best + 1, bool(np.array_equal(standard[best][kinds], found))


def decode(header: Header) -> np.ndarray:
    """Decode the stream that `read` cut out.

    Returns:
        uint8, (H, W) for grey, (H, W, 3), or (H, W, 4) for CMYK.

    Raises:
        EvidenceError: the coefficients end too early.
    """
    from PIL.JpegImagePlugin import JpegImageFile

    from datasets.containers.pil import samples_of

    samples = samples_of(JpegImageFile, header.core)
    end = samples[-1, -4:]
    if header.extra["one_pass"] and (end == end[-1]).all():
        # libjpeg fills what is missing with flat grey and says nothing. Bytes added behind the coefficients change the
        # picture if, and only if, the decoder had run out of them.
        padded = header.core[:-2] + b"\x55" * 64 + header.core[-2:]
        if not np.array_equal(samples, samples_of(JpegImageFile, padded)):
            raise truncated("the JPEG's coefficients end before its pixels")
    return samples
