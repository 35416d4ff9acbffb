"""One module for each file format: `read` judges a file by its headers alone, `decode` then gets its pixels.

`read` never decompresses anything. It walks the file's own structure, refuses what is truncated or over the pixel
limit, and cuts out a minimal stream with only the parts that determine the pixels of the first picture. Only this
stream reaches a decoder library, so comments, profiles, thumbnails and later frames can neither break the reading nor
make it costly.
"""

from importlib import import_module
from types import ModuleType

from datasets.containers.header import Header, JpegInfo
from datasets.errors import EvidenceError

SUFFIXES = {
    ".png": "PNG",
    ".apng": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".mpo": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".dib": "BMP",
    ".gif": "GIF",
}
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
SNIFF_BYTES = 64
_SUPPORTED = "supported: PNG, JPEG, WebP, TIFF, BMP, GIF"
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
_UNSUPPORTED = (
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"8BPS", "Photoshop"),
    (b"%PDF", "PDF"),
    (b"<svg", "SVG"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"DDS ", "DDS"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"FUJIFILMCCD-RAW", "camera raw"),
    (b"\x8aMNG", "MNG"),
    (b"PK\x03\x04", "ZIP archive"),
)


def sniff(head: bytes) -> str:
    """Name the container format that a file's first bytes announce.

    Args:
        head: the first bytes, `SNIFF_BYTES` of them where the file is as long.

    Returns:
        One of `FORMATS`.

    Raises:
        EvidenceError: the bytes announce none of them; a format that is known but not supported is named.
    """
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "TIFF"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124):
        return "BMP"
    raise EvidenceError(_unsupported(head))


def _unsupported(head: bytes) -> str:
    """Say what the bytes are instead, as far as that shows."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        name = "AVIF" if brand in (b"avif", b"avis") else "HEIC" if brand in _HEIF_BRANDS else "ISO media (video)"
        return f"{name} is not supported ({_SUPPORTED})"
    for magic, name in _UNSUPPORTED:
        if head.startswith(magic):
            return f"{name} is not supported ({_SUPPORTED})"
    if not head.strip(b"\x00"):
        return "not an image: the file begins with nothing but zeros"
    return f"not an image that can be read ({_SUPPORTED})"


def container(name: str) -> ModuleType:
    """Import the module of one format, which has `read(data, max_pixels) -> Header` and `decode(header) -> samples`."""
    return import_module(f"datasets.containers.{name.lower()}")


__all__ = ["FORMATS", "SNIFF_BYTES", "SUFFIXES", "Header", "JpegInfo", "container", "sniff"]
