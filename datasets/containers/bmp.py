"""BMP: the headers read, then decoded by Pillow."""

import struct

import numpy as np

from datasets.containers.header import Header, check_size, truncated
from datasets.errors import EvidenceError

_PLAIN, _RLE8, _RLE4, _MASKS, _ALPHA_MASKS = 0, 1, 2, 3, 6
_MAX_RUN_LENGTH_BYTES = 8_000_000  # Pillow decodes runs at Python's pace


def read(data: bytes, max_pixels: int) -> Header:
    """Read a BMP's headers.

    Args:
        data: the file's bytes.
        max_pixels: the limit on width times height.

    Returns:
        The header; `core` is the whole file.

    Raises:
        EvidenceError: truncated, of an unsupported kind, or over the limit.
    """
    if len(data) < 26:
        raise truncated("the BMP ends inside its header")
    offset, size = struct.unpack_from("<II", data, 10)
    if 14 + size > len(data):
        raise truncated("the BMP ends inside its header")
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = _PLAIN
    elif size >= 40:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    else:
        raise EvidenceError("a BMP of OS/2's 2nd version with a short header is not supported")
    check_size(width, abs(height), max_pixels)
    if compression not in (_PLAIN, _RLE8, _RLE4, _MASKS, _ALPHA_MASKS) or bits not in (1, 4, 8, 16, 24, 32):
        raise EvidenceError(f"a BMP with compression {compression} and {bits} bits a pixel is not supported")
    if compression in (_RLE8, _RLE4):
        if len(data) > _MAX_RUN_LENGTH_BYTES:
            raise EvidenceError(f"a run-length coded BMP of more than {_MAX_RUN_LENGTH_BYTES:,} bytes is not supported")
    elif offset + (width * bits + 31) // 32 * 4 * abs(height) > len(data):
        raise truncated("the BMP ends inside its pixels")
    header = Header(width, abs(height), core=data)
    if bits <= 8:
        header.notes.append("palette: indexed colours looked up")
    if bits == 16:
        header.notes.append("depth: 16 bits a pixel, scaled to 8 a sample")
    header.icc = size >= 124 and data[70:74] in (b"DEBM", b"KNIL")
    return header


def decode(header: Header) -> np.ndarray:
    """Decode the file; notes dropped transparency.

    Returns:
        uint8, (H, W) or (H, W, 3).
    """
    from PIL.BmpImagePlugin import BmpImageFile

    from datasets.containers.pil import samples_of

    def plugin(stream: object) -> BmpImageFile:
        image = BmpImageFile(stream)  # type: ignore[arg-type]
        if image.mode == "RGBA":
            header.notes.append("alpha: transparency dropped, colours as stored")
        return image

    return samples_of(plugin, header.core)
