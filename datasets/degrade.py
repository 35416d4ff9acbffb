"""Making pictures worse in the known ways: reductions by Pillow's kernels and JPEG copies. uint8 in, uint8 out."""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image

KERNELS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")


def resize(pixels: np.ndarray, size: tuple[int, int], kernel: str = "bicubic") -> UInt8[np.ndarray, "..."]:
    """Resize a picture exactly as Pillow does; reductions are anti-aliased.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        size: (height, width) wanted, at least 1 each.
        kernel: one of `KERNELS`.

    Returns:
        (height, width) or (height, width, 3) uint8.

    Raises:
        ValueError: an argument breaks these rules.
    """
    image = _image(pixels)
    if kernel not in KERNELS:
        raise ValueError(f"kernel must be one of {', '.join(KERNELS)}, got {kernel!r}")
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"size must be at least 1x1, got {height}x{width}")
    return np.array(image.resize((width, height), KERNELS[kernel]))


def downscale(
    pixels: np.ndarray, factor: float | int | tuple[int, int], kernel: str = "bicubic"
) -> UInt8[np.ndarray, "..."]:
    """Reduce a picture, as low-resolution inputs of SR networks are made.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        factor: how many times smaller, at least 1 (2 halves both sides, which are rounded to whole pixels; an integer
            must divide both sides, see `crop_to_multiple`), or the (height, width) wanted, at most the picture's own.
        kernel: one of `KERNELS`.

    Returns:
        The reduced picture, uint8.

    Raises:
        ValueError: an argument breaks these rules.
    """
    height, width = np.asarray(pixels).shape[:2]
    if isinstance(factor, tuple):
        size = factor
        if size[0] > height or size[1] > width:
            raise ValueError(f"factor must not ask for more than {height}x{width} pixels, got {size[0]}x{size[1]}")
    else:
        if not 1 <= factor < float("inf"):
            raise ValueError(f"factor must be at least 1, got {factor}")
        if float(factor).is_integer() and (height % int(factor) or width % int(factor)):
            raise ValueError(f"factor {factor} must divide the sides of a {height}x{width} picture")
        size = (max(1, round(height / factor)), max(1, round(width / factor)))
    return resize(pixels, size, kernel)


def crop_to_multiple(pixels: np.ndarray, multiple: int) -> np.ndarray:
    """Cut off rows at the bottom and columns on the right until both sides are multiples of a number.

    Args:
        pixels: (H, W, ...) with both sides at least `multiple`.
        multiple: at least 1.

    Returns:
        A view of the picture.

    Raises:
        ValueError: a side is shorter than `multiple`.
    """
    height, width = pixels.shape[:2]
    if multiple < 1 or min(height, width) < multiple:
        raise ValueError(f"multiple must be from 1 to the shorter side of a {height}x{width} picture, got {multiple}")
    return pixels[: height - height % multiple, : width - width % multiple]


def jpeg_copy(pixels: np.ndarray, quality: int, subsampling: str = "4:2:0") -> bytes:
    """Encode a picture as JPEG with libjpeg's standard tables.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        quality: 1 to 100.
        subsampling: of the chroma, one of `SUBSAMPLINGS`.

    Returns:
        The JPEG file's bytes.

    Raises:
        ValueError: an argument breaks these rules.
    """
    image = _image(pixels)
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must be from 1 to 100, got {quality}")
    if subsampling not in SUBSAMPLINGS:
        raise ValueError(f"subsampling must be one of {', '.join(SUBSAMPLINGS)}, got {subsampling!r}")
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=int(quality), subsampling=subsampling if image.mode == "RGB" else -1)
    return stream.getvalue()


def jpeg_round_trip(pixels: np.ndarray, quality: int, subsampling: str = "4:2:0") -> UInt8[np.ndarray, "..."]:
    """Encode a picture as JPEG and decode it again.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        quality: 1 to 100.
        subsampling: of the chroma, one of `SUBSAMPLINGS`.

    Returns:
        uint8 of the same shape.

    Raises:
        ValueError: an argument breaks these rules.
    """
    with Image.open(io.BytesIO(jpeg_copy(pixels, quality, subsampling)), formats=["JPEG"]) as image:
        return np.array(image)


def _image(pixels: np.ndarray) -> Image.Image:
    """Check a picture and hand it to Pillow."""
    pixels = np.asarray(pixels)
    if (
        pixels.dtype != np.uint8
        or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3))
        or not pixels.size
    ):
        raise ValueError(f"pixels must be (H, W) or (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
    return Image.fromarray(np.ascontiguousarray(pixels))
