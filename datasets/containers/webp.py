"""WebP: RIFF chunks walked, then the first picture's bitstream alone is decoded by Pillow."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from datasets.containers.header import Header, check_size, truncated
from datasets.errors import EvidenceError

_MAX_CHUNKS = 100_000


@dataclass
class _Found:
    """What the chunks have shown so far: the canvas, the first picture's chunk, its alpha plane, how many frames."""

    canvas: tuple[int, int] | None = None
    picture: tuple[bytes, bytes] | None = None
    alpha: bool = False
    frames: int = 0


def read(data: bytes, max_pixels: int) -> Header:
    """Read a WebP's chunks.

    Args:
        data: the file's bytes.
        max_pixels: the limit on width times height, of the canvas and of the picture.

    Returns:
        The header; `core` is a plain WebP that holds the first picture without its alpha plane.

    Raises:
        EvidenceError: truncated, without a picture, or over the limit.
    """
    if len(data) < 20:
        raise truncated("the WebP ends inside its header")
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise truncated("the WebP ends inside its data")
    header, found = Header(0, 0), _Found()
    for kind, body in _chunks(data, 12, end):
        _collect(header, found, kind, body)
        if kind == b"VP8X" and found.canvas:
            check_size(*found.canvas, max_pixels)
    if found.picture is None:
        raise EvidenceError("damaged: the WebP holds no picture")
    header.width, header.height, inner_alpha = _size(*found.picture)
    check_size(header.width, header.height, max_pixels)
    if found.picture[0] == b"VP8 " and 8 * len(found.picture[1]) < header.width * header.height // 256:
        raise truncated(
            "the WebP's data cannot fill its pixels"
        )  # each 16x16 block codes its modes in two bits or more
    if found.alpha or inner_alpha:
        header.notes.append("alpha: transparency dropped, colours as stored")
    if found.frames > 1:
        header.notes.append(f"frames: {found.frames} in the file, only the first is read")
    if found.frames and found.canvas and found.canvas != (header.width, header.height):
        header.notes.append(f"frames: the first frame covers part of a {found.canvas[0]}x{found.canvas[1]} canvas")
    if end + end % 2 < len(data):
        header.notes.append(f"trailing: {len(data) - end - end % 2} bytes after the image ignored")
    header.core = _riff(*found.picture)
    return header


def _collect(header: Header, found: _Found, kind: bytes, body: memoryview) -> None:
    """Take from one chunk what it says about the first picture."""
    if kind == b"VP8X" and len(body) >= 10:
        found.canvas = (1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))
    elif kind == b"ANMF":
        found.frames += 1
        if found.picture is None:
            found.picture, found.alpha = _frame(body)
    elif kind in (b"VP8 ", b"VP8L") and found.picture is None:
        found.picture = (kind, bytes(body))
    elif kind == b"ALPH":
        found.alpha = True
    elif kind == b"EXIF" and header.exif is None:
        header.exif = bytes(body).removeprefix(b"Exif\x00\x00")
    elif kind == b"ICCP":
        header.icc = True


def _chunks(data: bytes | memoryview, position: int, end: int) -> Iterator[tuple[bytes, memoryview]]:
    """Walk the RIFF chunks between two places."""
    view = memoryview(data)
    for _ in range(_MAX_CHUNKS):
        if position + 8 > end:
            return
        (length,) = struct.unpack_from("<I", view, position + 4)
        if position + 8 + length > end:
            raise truncated("the WebP ends inside a chunk")
        yield bytes(view[position : position + 4]), view[position + 8 : position + 8 + length]
        position += 8 + length + length % 2
    raise EvidenceError(f"damaged: more than {_MAX_CHUNKS:,} chunks")


def _frame(body: memoryview) -> tuple[tuple[bytes, bytes] | None, bool]:
    """Take the picture out of an animation's frame, and whether it has an alpha plane."""
    picture, alpha = None, False
    for kind, inner in _chunks(body, 16, len(body)):
        alpha |= kind == b"ALPH"
        if kind in (b"VP8 ", b"VP8L") and picture is None:
            picture = (kind, bytes(inner))
    return picture, alpha


def _size(kind: bytes, body: bytes) -> tuple[int, int, bool]:
    """Give a bitstream's width, height and whether it codes alpha (RFC 6386 section 9.1, RFC 9649 section 3.4)."""
    if kind == b"VP8 ":
        if len(body) < 10 or body[0] & 1 or body[3:6] != b"\x9d\x01\x2a":
            raise EvidenceError("damaged: the WebP's picture does not begin with a key frame")
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF, False
    if len(body) < 5 or body[0] != 0x2F:
        raise EvidenceError("damaged: the WebP's lossless picture has no signature")
    bits = int.from_bytes(body[1:5], "little")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)


def _riff(kind: bytes, body: bytes) -> bytes:
    """Wrap a bitstream as a WebP of its own."""
    padded = body + b"\x00" * (len(body) % 2)
    return b"RIFF" + struct.pack("<I", 12 + len(padded)) + b"WEBP" + kind + struct.pack("<I", len(body)) + padded


def decode(header: Header) -> np.ndarray:
    """Decode the stream that `read` cut out.

    Returns:
        uint8, (H, W, 3).
    """
    from PIL.WebPImagePlugin import WebPImageFile

    from datasets.containers.pil import samples_of

    return samples_of(WebPImageFile, header.core)
