"""GIF: blocks walked up to the end of the first picture, which alone is decoded by Pillow."""

import struct

import numpy as np

from datasets.containers.header import Header, check_size, truncated
from datasets.errors import EvidenceError

_MAX_BLOCKS = 5_000_000
_MAX_FRAMES = 100_000
_LZW_LIMIT = 4096  # a code of up to 12 bits stands for fewer than 4096 pixels


def read(data: bytes, max_pixels: int) -> Header:
    """Read a GIF's blocks up to its first picture's end and see whether another follows.

    Args:
        data: the file's bytes.
        max_pixels: the limit on width times height, of the canvas and of the picture.

    Returns:
        The header; `core` is a GIF whose canvas is the first picture.

    Raises:
        EvidenceError: truncated, without a picture, or over the limit.
    """
    if len(data) < 13:
        raise truncated("the GIF ends inside its header")
    canvas = struct.unpack_from("<HH", data, 6)
    check_size(*canvas, max_pixels)
    flags = data[10]
    position = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    palette_end = position
    position, transparent = _next_picture(data, position)
    if position is None:
        raise EvidenceError("damaged: the GIF holds no picture")
    left, top, width, height, local = struct.unpack_from("<HHHHB", data, position + 1)
    check_size(width, height, max_pixels)
    if not (flags | local) & 0x80:
        raise EvidenceError("damaged: the GIF has no palette")
    end = _skip_blocks(data, position + 10 + (3 << (local & 7) + 1 if local & 0x80 else 0) + 1)
    if width * height > (end - position) * _LZW_LIMIT:
        raise truncated("the GIF's data cannot fill its pixels")
    header = Header(width, height, notes=["palette: indexed colours looked up"])
    if transparent:
        header.notes.append("alpha: transparency dropped, colours as stored")
    frames = _count_pictures(data, end)
    if frames > 1:
        header.notes.append(f"frames: {frames} in the file, only the first is read")
    if (left, top, width, height) != (0, 0, *canvas):
        header.notes.append(f"frames: the first frame lies at ({left}, {top}) of a {canvas[0]}x{canvas[1]} canvas")
    header.core = (
        data[:6] + struct.pack("<HH", width, height) + data[10:palette_end]
        + b"," + struct.pack("<HHHHB", 0, 0, width, height, local) + data[position + 10 : end] + b";"
    )  # fmt: skip
    return header


def _count_pictures(data: bytes, position: int) -> int:
    """Walk from the first picture's end to the trailer, so that a file cut off later on does not pass as whole."""
    for count in range(1, _MAX_FRAMES):
        following, _ = _next_picture(data, position)
        if following is None:
            return count
        local = data[following + 9]
        position = _skip_blocks(data, following + 10 + (3 << (local & 7) + 1 if local & 0x80 else 0) + 1)
    raise EvidenceError(f"damaged: the GIF has more than {_MAX_FRAMES:,} frames")


def _skip_blocks(data: bytes, position: int) -> int:
    """Give the place after a chain of sub-blocks that starts at `position`."""
    size = len(data)
    for _ in range(_MAX_BLOCKS):
        if position >= size:
            raise truncated("the GIF ends inside a block")
        length = data[position]
        position += length + 1
        if not length:
            return position
    raise EvidenceError(f"damaged: the GIF has more than {_MAX_BLOCKS:,} blocks in a chain")


def _next_picture(data: bytes, position: int) -> tuple[int | None, bool]:
    """Find the next image descriptor: its place (None at the trailer) and whether it has a transparent colour."""
    transparent = False
    while position < len(data):
        mark = data[position]
        if mark == 0x3B:
            return None, transparent
        if mark == 0x2C and position + 10 <= len(data):
            return position, transparent
        if mark != 0x21 or position + 2 > len(data):
            break
        if data[position + 1] == 0xF9 and position + 4 <= len(data):
            transparent = bool(data[position + 3] & 1)
        position = _skip_blocks(data, position + 2)
    raise truncated("the GIF ends before its trailer")


def decode(header: Header) -> np.ndarray:
    """Decode the stream that `read` cut out.

    Returns:
        uint8, (H, W) or (H, W, 3).
    """
    from PIL.GifImagePlugin import GifImageFile

    from datasets.containers.pil import samples_of

    return samples_of(GifImageFile, header.core)
