"""Makes a folder of awkward files: what an analyst's folder may hold besides ordinary pictures.

Used by the tests of `datasets` and of the commands; nothing here needs more than a few megabytes or a second.
"""

import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image


@dataclass(frozen=True)
class Awkward:
    """One awkward file: where it is, whether it can be read, and a part of its note or of the reason why not.

    `size` is (height, width) of a readable one. Those with `folder` set are folders without pictures.
    """

    path: Path
    readable: bool
    says: str = ""
    size: tuple[int, int] | None = None
    folder: bool = False


def picture(height: int = 40, width: int = 56, channels: int = 3, seed: int = 0) -> np.ndarray:
    """A smooth uint8 picture with some noise, (height, width, channels) or (height, width) for one channel."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [96 + 60 * np.sin(rows / (5 + c)) + 60 * np.cos(columns / (7 + c)) for c in range(channels)]
    noisy = np.stack(waves, -1) + rng.normal(0, 6, (height, width, channels))
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


def encoded(kind: str, image: np.ndarray | Image.Image | None = None, **options: Any) -> bytes:
    """A picture as the bytes of a file that Pillow writes."""
    if not isinstance(image, Image.Image):
        image = Image.fromarray(picture() if image is None else image)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    """An array as the bytes of a TIFF file."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(chunk: bytes, base: bytes | None = None) -> bytes:
    """A PNG with a further chunk behind its header."""
    base = encoded("PNG") if base is None else base
    return base[:33] + chunk + base[33:]


def png_bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A valid grey PNG of any size in a small file: zeros, deflated once and repeated."""
    deflate = zlib.compressobj(9, wbits=-15)
    share = 100 if height % 100 == 0 else 1
    rows = deflate.compress(bytes((width + 1) * share)) + deflate.flush(zlib.Z_FULL_FLUSH)
    adler = struct.pack(">HH", (width + 1) * height % 65521, 1)
    parts = [b"\x78\xda", rows * (height // share), b"\x03\x00", adler]
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"".join(parts)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def tiff_bomb(side: int = 60_000) -> bytes:
    """A TIFF that claims side x side pixels."""
    claims = {256: side, 257: side, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 279: 64}
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in claims.items())
    return b"II*\x00" + struct.pack("<I", 72) + b"\x00" * 64 + struct.pack("<H", len(claims)) + table + b"\x00" * 4


def bmp_bomb(side: int = 60_000) -> bytes:
    """A BMP that claims side x side pixels."""
    return (
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 118, 0, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0) + b"\x00" * 64
    )


def gif_bomb() -> bytes:
    """A GIF that claims 65,535 x 65,535 pixels."""
    base = encoded("GIF", Image.fromarray(picture()).quantize(16))
    return base[:6] + b"\xff\xff\xff\xff" + base[10:]


def webp_bomb() -> bytes:
    """A lossless WebP that claims 16,384 x 16,384 pixels."""
    base = encoded("WEBP", lossless=True)
    return base[:21] + struct.pack("<I", 0x0FFFFFFF) + base[25:]


def exif_turned() -> bytes:
    """A JPEG whose EXIF asks for a turn by 90 degrees."""
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Whorl"
    return encoded("JPEG", quality=90, exif=exif.tobytes())


def several(kind: str, **options: Any) -> bytes:
    """Three frames in one file."""
    frames = [Image.fromarray(picture(seed=seed)) for seed in range(3)]
    if kind == "GIF":
        frames = [frame.quantize(64) for frame in frames]
    return encoded(kind, frames[0], save_all=True, append_images=frames[1:], **options)


def palette_with_alpha() -> bytes:
    """A palette PNG with a transparent entry."""
    return encoded("PNG", Image.fromarray(picture()).quantize(16), transparency=b"\x00\x80\xff")


def _cut(data: bytes, share: float = 0.5) -> bytes:
    return data[: int(len(data) * share)]


def _broken_checksum() -> bytes:
    data = bytearray(encoded("PNG"))
    data[60] ^= 0xFF
    return bytes(data)


def _sixteen(channels: int) -> np.ndarray:
    return picture(channels=channels).astype(np.uint16) * 257 + 3


_READABLE: list[tuple[str, Callable[[], bytes], str, tuple[int, int]]] = [
    ("one-pixel.png", lambda: encoded("PNG", picture(1, 1)), "", (1, 1)),
    ("thin-wide.png", lambda: encoded("PNG", picture(1, 5000)), "", (1, 5000)),
    ("thin-high.jpg", lambda: encoded("JPEG", picture(5000, 1), quality=90), "", (5000, 1)),
    ("grey16.png", lambda: encoded("PNG", Image.fromarray(_sixteen(1))), "depth: 16", (40, 56)),
    ("colour16.png", lambda: bytes(imagecodecs.png_encode(_sixteen(3))), "depth: 16", (40, 56)),
    ("colour16.tif", lambda: tiff(_sixteen(3), photometric="rgb", compression="zlib"), "depth: 16", (40, 56)),
    ("cmyk.jpg", lambda: encoded("JPEG", Image.fromarray(picture(channels=4), "CMYK")), "cmyk", (40, 56)),
    ("cmyk.tif", lambda: encoded("TIFF", Image.fromarray(picture(channels=4), "CMYK")), "cmyk", (40, 56)),
    ("animated.gif", lambda: several("GIF"), "frames", (40, 56)),
    ("animated.webp", lambda: several("WEBP", lossless=True), "frames", (40, 56)),
    ("animated.png", lambda: several("PNG"), "frames", (40, 56)),
    ("pages.tiff", lambda: several("TIFF"), "frames", (40, 56)),
    ("palette-alpha.png", palette_with_alpha, "alpha", (40, 56)),
    ("one-bit.png", lambda: encoded("PNG", Image.fromarray(picture()).convert("1")), "depth: 1", (40, 56)),
    ("grey-alpha.png", lambda: encoded("PNG", Image.fromarray(picture(channels=2), "LA")), "alpha", (40, 56)),
    ("Übung mit Leerzeichen, 写真 №1.png", lambda: encoded("PNG"), "", (40, 56)),
    ("turned.jpg", exif_turned, "orientation", (40, 56)),
    ("long-text.png", lambda: png_with(png_chunk(b"zTXt", b"k\x00\x00" + zlib.compress(b"\x00" * 20_000_000, 9))), "",
     (40, 56)),
    ("long-profile.png", lambda: png_with(png_chunk(b"iCCP", b"k\x00\x00" + zlib.compress(b"\x00" * 20_000_000, 9))),
     "icc", (40, 56)),
    ("png-inside.jpg", lambda: encoded("PNG"), "suffix", (40, 56)),
    ("progressive.jpg", lambda: encoded("JPEG", progressive=True, quality=80), "", (40, 56)),
    ("tail.jpg", lambda: encoded("JPEG") + b"junk" * 1000, "trailing", (40, 56)),
    ("palette.bmp", lambda: encoded("BMP", Image.fromarray(picture()).quantize(200)), "palette", (40, 56)),
]  # fmt: skip
_UNREADABLE: list[tuple[str, Callable[[], bytes], str]] = [
    ("empty.png", lambda: b"", "empty"),
    ("text.png", lambda: b"Dear sir or madam,\n" * 9, "not an image"),
    ("zeros.jpg", lambda: b"\x00" * 4096, "zeros"),
    ("cut.png", lambda: _cut(encoded("PNG")), "truncated"),
    ("no-end.png", lambda: encoded("PNG")[:-12], "truncated"),
    ("cut.jpg", lambda: _cut(encoded("JPEG", picture(200, 200), quality=95), 0.7), "truncated"),
    (
        "cut-and-closed.jpg",
        lambda: _cut(encoded("JPEG", picture(200, 200), quality=95), 0.7) + b"\xff\xd9",
        "truncated",
    ),
    ("cut.webp", lambda: _cut(encoded("WEBP")), "truncated"),
    ("cut.tif", lambda: _cut(tiff(picture(), photometric="rgb")), "truncated"),
    ("cut.gif", lambda: _cut(several("GIF")), "truncated"),
    ("cut.bmp", lambda: _cut(encoded("BMP")), "truncated"),
    ("checksum.png", _broken_checksum, "checksum"),
    ("bomb.png", png_bomb, "limit"),
    ("bomb.tif", tiff_bomb, "limit"),
    ("bomb.bmp", bmp_bomb, "limit"),
    ("bomb.gif", gif_bomb, "limit"),
    ("bomb.webp", webp_bomb, "limit"),
    ("float.tif", lambda: tiff(picture(channels=1).astype(np.float32)), "floating-point"),
    ("photo.heic.png", lambda: b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"\x00" * 64, "HEIC"),
]


def make_awkward(folder: Path) -> list[Awkward]:
    """Write the awkward files.

    Args:
        folder: where; it is made if it is not there.

    Returns:
        What was written. An unreadable file is left out for a user who may read everything, a pipe where there are
        none; 48 where all can be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = [Awkward(folder / name, True, says, size) for name, _, says, size in _READABLE]
    made += [Awkward(folder / name, False, says) for name, _, says in _UNREADABLE]
    for name, make, *_ in [*_READABLE, *_UNREADABLE]:
        (folder / name).write_bytes(make())
    (folder / "folder.png").mkdir()
    (folder / "empty folder").mkdir()
    made += [Awkward(folder / name, False, "no pictures", folder=True) for name in ("folder.png", "empty folder")]
    return made + _special(folder)


def _special(folder: Path) -> list[Awkward]:
    """Links, pipes and files without permission."""
    made = []
    (folder / "broken-link.png").symlink_to(folder / "nowhere.png")
    made.append(Awkward(folder / "broken-link.png", False, "link"))
    (folder / "loop.png").symlink_to(folder / "loop.png")
    made.append(Awkward(folder / "loop.png", False, "link"))
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.png")
        made.append(Awkward(folder / "pipe.png", False, "regular"))
    locked = folder / "locked.png"
    locked.write_bytes(encoded("PNG"))
    locked.chmod(0)
    if os.access(locked, os.R_OK):
        locked.unlink()
    else:
        made.append(Awkward(locked, False, "ermission"))
    return made
