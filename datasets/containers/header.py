"""What a container's headers say about its first picture, before any pixel is decoded."""

from dataclasses import dataclass, field
from typing import Any

from datasets.errors import EvidenceError


@dataclass(frozen=True)
class JpegInfo:
    """How a JPEG was coded.

    Attributes:
        tables: the quantisation tables in the order of the components that first use them, 64 integers each, by rows.
        quality: the quality from 1 to 100 whose standard tables (T.81 annex K, scaled as libjpeg does) come nearest.
        standard: whether the tables are exactly those of `quality`.
        subsampling: "4:2:0" and the like; "4:0:0" for grey; else the components' sampling factors, "1x1,2x2,1x1".
        progressive: whether it was coded in several passes.
        components: 1, 3 or 4.
    """

    tables: tuple[tuple[int, ...], ...]
    quality: int
    standard: bool
    subsampling: str
    progressive: bool
    components: int


@dataclass
class Header:
    """Facts from the headers and the stream for the decoder.

    Attributes:
        width, height: pixels of the first picture as stored.
        bit_depth: 8 or 16, that of the decoded samples.
        core: the bytes that determine the pixels, nothing else.
        notes: each "code: text".
        exif: an EXIF block (a TIFF structure) or None.
        icc: whether an ICC profile is embedded.
        jpeg: JPEG coding facts where the format is JPEG.
        extra: what the format's own `decode` needs to know.
    """

    width: int
    height: int
    bit_depth: int = 8
    core: bytes = b""
    notes: list[str] = field(default_factory=list)
    exif: bytes | None = None
    icc: bool = False
    jpeg: JpegInfo | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Refuse a picture without pixels or with more than the limit.

    Raises:
        EvidenceError: width·height is 0 or exceeds `max_pixels`.
    """
    if width <= 0 or height <= 0:
        raise EvidenceError(f"damaged: the header says {width}x{height} pixels")
    if width * height > max_pixels:
        raise EvidenceError(f"{width}x{height} pixels exceed the limit of {max_pixels:,}")


def truncated(what: str) -> EvidenceError:
    """Make the error for a file that ends too early."""
    return EvidenceError(f"truncated: {what}")
