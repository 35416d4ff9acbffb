"""PNG: chunks walked and checked, then decoded by Pillow (up to 8 bits) or libpng through imagecodecs (16 bits)."""

import struct
import zlib

import numpy as np

from datasets.containers.header import Header, check_size, truncated
from datasets.errors import EvidenceError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_MAX_CHUNKS = 500_000
_DEFLATE_LIMIT = 1032  # deflate codes at most 258 bytes in 2 bits (RFC 1951), so no stream expands further


def read(data: bytes, max_pixels: int) -> Header:
    """Read a PNG's chunks without inflating any of them.

    Args:
        data: the file's bytes.
        max_pixels: the limit on width times height.

    Returns:
        The header; `core` holds IHDR, PLTE, IDAT and IEND alone.

    Raises:
        EvidenceError: truncated, damaged, or over the limit.
    """
    header = Header(0, 0)
    core: list[bytes | memoryview] = [_SIGNATURE]
    seen: dict[bytes, int] = dict.fromkeys((b"IHDR", b"PLTE", b"IDAT", b"IEND"), 0)
    position, count = 8, 0
    while not seen[b"IEND"]:
        kind, body, whole = _chunk(data, position)
        position, count = position + len(whole), count + 1
        if count > _MAX_CHUNKS:
            raise EvidenceError(f"damaged: more than {_MAX_CHUNKS:,} chunks")
        if (count == 1) != (kind == b"IHDR"):
            raise EvidenceError("damaged: a PNG must begin with one IHDR chunk")
        if kind in seen:
            _check_crc(kind, body, whole)
            seen[kind] += len(body) + (kind != b"IDAT")
            if kind == b"IHDR":
                _image_header(header, bytes(body), max_pixels)
            if kind != b"PLTE" or header.extra["colour"] == 3:
                core.append(whole)
        else:
            _ancillary(header, kind, body)
    _check_data(header, seen)
    if position < len(data):
        header.notes.append(f"trailing: {len(data) - position} bytes after the image ignored")
    header.core = b"".join(core)
    return header


def _chunk(data: bytes, position: int) -> tuple[bytes, memoryview, memoryview]:
    """Cut the chunk at `position`: its kind, body, and all of it."""
    if position + 12 > len(data):
        raise truncated("the PNG ends before its IEND chunk")
    (length,) = struct.unpack_from(">I", data, position)
    end = position + 12 + length
    if end > len(data):
        raise truncated("the PNG ends inside a chunk")
    view = memoryview(data)
    return data[position + 4 : position + 8], view[position + 8 : end - 4], view[position:end]


def _check_crc(kind: bytes, body: memoryview, whole: memoryview) -> None:
    if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(whole[-4:], "big"):
        raise EvidenceError(f"damaged: wrong checksum in the PNG's {kind.decode()} chunk")


def _image_header(header: Header, body: bytes, max_pixels: int) -> None:
    """Take size and sample layout from IHDR."""
    if len(body) != 13:
        raise EvidenceError("damaged: wrong length of the PNG's IHDR chunk")
    header.width, header.height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", body)
    check_size(header.width, header.height, max_pixels)
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise EvidenceError("damaged: the PNG's header holds values that PNG does not know")
    header.bit_depth = 16 if depth == 16 else 8
    header.extra.update(depth=depth, colour=colour)
    if depth == 16:
        header.notes.append("depth: 16 bits a sample, all kept")
    if depth < 8 and colour != 3:
        header.notes.append(f"depth: {depth} bit{'s' * (depth > 1)} a sample, scaled to 8")
    if colour in (0, 4):
        header.notes.append("grey: one channel, repeated for red, green and blue")
    if colour == 3:
        header.notes.append("palette: indexed colours looked up")
    if colour in (4, 6):
        header.notes.append("alpha: transparency dropped, colours as stored")


def _ancillary(header: Header, kind: bytes, body: memoryview) -> None:
    """Note what an ancillary chunk adds; its content never reaches the decoder."""
    if kind == b"tRNS" and header.extra["colour"] not in (4, 6):
        header.notes.append("alpha: transparency dropped, colours as stored")
    elif kind == b"iCCP":
        header.icc = True
    elif kind == b"eXIf" and header.exif is None:
        header.exif = bytes(body)
    elif kind == b"acTL":
        header.notes.append("frames: animated, only the default image is read")
    elif not kind[0] & 0x20:
        raise EvidenceError("damaged: the PNG holds a critical chunk that PNG does not know")


def _check_data(header: Header, seen: dict[bytes, int]) -> None:
    """Refuse image data that cannot fill the picture, before memory is taken for it."""
    if header.extra["colour"] == 3 and not seen[b"PLTE"]:
        raise EvidenceError("damaged: the PNG has indexed colours and no palette")
    row = (header.width * _CHANNELS[header.extra["colour"]] * header.extra["depth"] + 7) // 8
    if seen[b"IDAT"] * _DEFLATE_LIMIT < row * header.height:
        raise truncated("the PNG's data cannot fill its pixels")


def decode(header: Header) -> np.ndarray:
    """Decode the stream that `read` cut out.

    Returns:
        uint8 or uint16, (H, W) or (H, W, 3).
    """
    if header.bit_depth == 16:
        import imagecodecs

        samples = imagecodecs.png_decode(header.core)
        channels = 1 if samples.ndim == 2 else samples.shape[2]
        return samples if samples.ndim == 2 else samples[..., 0] if channels < 3 else samples[..., :3]
    from PIL.PngImagePlugin import PngImageFile

    from datasets.containers.pil import samples_of

    return samples_of(PngImageFile, header.core)
