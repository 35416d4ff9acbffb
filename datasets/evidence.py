"""Reading an evidence file as it is: judged by its content, decoded without rotation, colour management or resizing."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt

from datasets.containers import SNIFF_BYTES, SUFFIXES, Header, JpegInfo, container, exif, sniff
from datasets.errors import EvidenceError, one_line

MAX_PIXELS = 200_000_000
MAX_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Evidence:
    """One image file as stored.

    Attributes:
        path: the path as given.
        sha256: of the file's bytes, in hexadecimal.
        format: PNG, JPEG, WEBP, TIFF, BMP or GIF.
        width, height: in pixels, as stored.
        bit_depth: 8 or 16.
        pixels: (height, width, 3) uint8 or uint16, read-only; grey is repeated, alpha dropped.
        jpeg: how it was coded, where the format is JPEG.
        exif: EXIF fields by name.
        icc: whether an ICC profile is embedded (it is never applied).
        notes: what the reader did or left undone, each "code: text".
    """

    path: str
    sha256: str
    format: str
    width: int
    height: int
    bit_depth: int
    pixels: UInt[np.ndarray, "H W 3"]
    jpeg: JpegInfo | None
    exif: dict[str, str]
    icc: bool
    notes: tuple[str, ...]

    @property
    def jpeg_quality(self) -> int | None:
        """The estimated JPEG quality from 1 to 100, None for other formats."""
        return None if self.jpeg is None else self.jpeg.quality


def read_evidence(path: str | os.PathLike, *, max_pixels: int = MAX_PIXELS) -> Evidence:
    """Read an image file faithfully.

    Args:
        path: a regular file; its suffix does not matter, a mismatch is noted.
        max_pixels: the most pixels (width times height) to decode, checked from the headers alone.

    Returns:
        The evidence; `sha256` and `pixels` come from the same bytes, read once.

    Raises:
        EvidenceError: the file cannot be read, for whatever reason.
        ValueError: `max_pixels` is not positive.
    """
    if max_pixels < 1:
        raise ValueError(f"max_pixels must be at least 1, got {max_pixels}")
    name = os.fsdecode(path)
    try:
        data, kind = _read_file(name)
        module = container(kind)
        header = module.read(data, max_pixels)
        pixels = _rgb(module.decode(header), header)
        tags, orientation = exif.fields(header.exif) if header.exif else ({}, None)
        digest = hashlib.sha256(data).hexdigest()
    except EvidenceError:
        raise
    except MemoryError:
        raise EvidenceError("too large for this machine's memory") from None
    except Exception as error:  # a decoder may raise anything at all on a damaged file
        raise EvidenceError(f"damaged: cannot be decoded{_detail(error)}") from error
    notes = _notes(name, kind, header, orientation)
    return Evidence(
        name, digest, kind, header.width, header.height, header.bit_depth, pixels, header.jpeg, tags, header.icc, notes
    )


def _read_file(name: str) -> tuple[bytes, str]:
    """Read a regular file's bytes, all of them only if they begin like an image; give them and the format."""
    try:
        mode = Path(name).stat().st_mode
        if not stat.S_ISREG(mode):  # asked before opening, which may do things to a device
            raise EvidenceError(_irregular(mode))
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        with os.fdopen(os.open(name, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise EvidenceError(_irregular(status.st_mode))
            if status.st_size > MAX_BYTES:
                raise EvidenceError(f"{status.st_size:,} bytes exceed the limit of {MAX_BYTES:,}")
            head = file.read(SNIFF_BYTES)
            if not head:
                raise EvidenceError("empty: the file has no bytes")
            kind = sniff(head)
            return head + file.read(MAX_BYTES), kind
    except FileNotFoundError:
        raise EvidenceError("is a broken link" if Path(name).is_symlink() else "no such file") from None
    except OSError as error:
        raise EvidenceError(error.strerror or error) from None
    except ValueError as error:  # a path with a zero byte
        raise error if isinstance(error, EvidenceError) else EvidenceError(error) from None


def _detail(error: Exception) -> str:
    """Tell what a decoder said, unless it stumbled over the damage itself."""
    stumbled = isinstance(error, TypeError | LookupError | ArithmeticError | AttributeError | AssertionError)
    return "" if stumbled else f" ({one_line(error, 120)})"


def _irregular(mode: int) -> str:
    return "is a folder" if stat.S_ISDIR(mode) else "not a regular file"


def _rgb(samples: np.ndarray, header: Header) -> np.ndarray:
    """Bring decoded samples into the read-only (H, W, 3) form; grey costs no memory for its copies."""
    if samples.shape[:2] != (header.height, header.width) or samples.dtype != (
        np.uint16 if header.bit_depth == 16 else np.uint8
    ):
        raise EvidenceError("damaged: the decoded picture is not what the header says")
    if samples.ndim == 2:
        return np.broadcast_to(samples[..., None], (*samples.shape, 3))
    if samples.shape[2] == 4:
        samples = _cmyk(samples)
    pixels = np.ascontiguousarray(samples)
    pixels.flags.writeable = False
    return pixels


def _cmyk(samples: np.ndarray, rows: int = 256) -> np.ndarray:
    """Convert ink (H, W, 4) to light (H, W, 3): (white - ink)(white - black) / white, rounded, a few rows at a time."""
    white = int(np.iinfo(samples.dtype).max)
    light = np.empty((*samples.shape[:2], 3), samples.dtype)
    for top in range(0, len(samples), rows):
        part = white - samples[top : top + rows].astype(np.uint32)
        light[top : top + rows] = (part[..., :3] * part[..., 3:] + white // 2) // white
    return light


def _notes(name: str, kind: str, header: Header, orientation: int | None) -> tuple[str, ...]:
    """Gather what the reader did, in a fixed order and each once."""
    notes = []
    suffix = Path(name).suffix.lower()
    if suffix and SUFFIXES.get(suffix) != kind:
        notes.append(f"suffix: the name ends in {one_line(suffix, 20)}, the content is {kind}")
    notes += header.notes
    if orientation not in (None, 1):
        notes.append(f"orientation: EXIF says {orientation} ({exif.ORIENTATIONS[orientation]}), pixels are as stored")
    if header.icc:
        notes.append("icc: a colour profile is embedded, it is not applied")
    return tuple(dict.fromkeys(notes))


def float_pixels(pixels: np.ndarray) -> Float32[np.ndarray, "..."]:
    """Scale stored pixels to floating point.

    Args:
        pixels: (..., 3) uint8 or uint16.

    Returns:
        float32 of the same shape in [0, 1].

    Raises:
        ValueError: another type of samples.
    """
    pixels = np.asarray(pixels)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels must be uint8 or uint16, got {pixels.dtype}")
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
