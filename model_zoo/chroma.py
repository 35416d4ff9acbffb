"""What becomes of a picture's colours where a network enlarges luma alone.

Convention: pictures are H W 3 RGB in [0, 255], planes H W; luma planes for a network are float32 in [0, 1].

`bicubic-studio` is the field's way: luma as MATLAB's `rgb2ycbcr` defines it (BT.601, studio swing), chroma enlarged
bicubically. `bilinear-opencv` is what OpenCV's module `dnn_superres` does with the networks made for it: full-range
YCrCb in 8 bits, chroma enlarged bilinearly, everything rounded to 8 bits before it becomes RGB again.
"""

import numpy as np
from jaxtyping import Float, Integer, UInt8
from PIL import Image

from model_zoo.colour import luma

REACH = 3
"""Low-resolution pixels that either way needs around a pixel, and one to spare."""

_SWING = 255.0 / 219.0  # grey levels of RGB that one level of studio-swing luma stands for
_SHIFT = 14  # OpenCV's 8-bit colour conversions are sums of whole multiples of 2**-14, rounded
_RED, _GREEN, _BLUE = 4899, 9617, 1868  # 0.299, 0.587, 0.114
_TO_CR, _TO_CB = 11682, 9241  # 0.713, 0.564
_CR_RED, _CR_GREEN, _CB_GREEN, _CB_BLUE = 22987, -11698, -5636, 29049  # 1.403, -0.714, -0.344, 1.773


def split(pixels: Float[np.ndarray, "h w 3"], chroma: str) -> tuple[Float[np.ndarray, "h w"], np.ndarray]:
    """Takes luma out of a picture.

    Args:
        pixels: RGB in [0, 255].
        chroma: `bicubic-studio` or `bilinear-opencv`.

    Returns:
        Luma for the network, float32 in [0, 1], and what :func:`join` needs of the rest.
    """
    if chroma == "bicubic-studio":
        return (luma(pixels) / 255.0).astype(np.float32), pixels
    planes = _to_ycrcb(np.rint(pixels).astype(np.int32)).astype(np.float32) * np.float32(1 / 255)
    return planes[..., 0], planes[..., 1:]


def join(
    large: Float[np.ndarray, "sh sw"], rest: Float[np.ndarray, "h w c"], chroma: str
) -> UInt8[np.ndarray, "sh sw 3"]:
    """Puts enlarged luma and what :func:`split` left together.

    Args:
        large: luma as the network made it, nominally in [0, 1].
        rest: of the small picture.
        chroma: as given to :func:`split`.

    Returns:
        The enlarged picture, RGB, 8 bits.
    """
    scale = large.shape[0] // rest.shape[0]
    if chroma == "bicubic-studio":
        return _join_studio(large, rest, scale)
    planes = np.stack([large, *(_bilinear(rest[..., index], scale) for index in range(2))], axis=-1)
    return _to_rgb(np.rint(np.clip(planes * np.float32(255), 0, 255)).astype(np.int32))


def _join_studio(
    large: Float[np.ndarray, "sh sw"], pixels: Float[np.ndarray, "h w 3"], scale: int
) -> UInt8[np.ndarray, "sh sw 3"]:
    """A change of luma alone moves red, green and blue alike: the bicubic picture is moved by the difference."""
    size = (pixels.shape[1] * scale, pixels.shape[0] * scale)
    planes = [Image.fromarray(np.ascontiguousarray(pixels[:, :, c])) for c in range(3)]
    smooth = np.stack([np.asarray(plane.resize(size, Image.Resampling.BICUBIC)) for plane in planes], axis=-1)
    change = (large * np.float32(255) - luma(smooth).astype(np.float32))[:, :, None] * np.float32(_SWING)
    return np.rint(np.clip(smooth + change, 0, 255)).astype(np.uint8)


def _to_ycrcb(pixels: Integer[np.ndarray, "h w 3"]) -> Integer[np.ndarray, "h w 3"]:
    """Full-range YCrCb, each sample rounded to 8 bits."""
    red, green, blue = np.moveaxis(pixels, -1, 0)
    light = _rounded(red * _RED + green * _GREEN + blue * _BLUE)
    parts = (light, _rounded((red - light) * _TO_CR) + 128, _rounded((blue - light) * _TO_CB) + 128)
    return np.clip(np.stack(parts, axis=-1), 0, 255)


def _to_rgb(planes: Integer[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """The way back."""
    light, reddish, bluish = np.moveaxis(planes - np.array([0, 128, 128], planes.dtype), -1, 0)
    green = _rounded(reddish * _CR_GREEN + bluish * _CB_GREEN)
    parts = (light + _rounded(reddish * _CR_RED), light + green, light + _rounded(bluish * _CB_BLUE))
    return np.clip(np.stack(parts, axis=-1), 0, 255).astype(np.uint8)


def _rounded(values: Integer[np.ndarray, "*shape"]) -> Integer[np.ndarray, "*shape"]:
    return (values + (1 << (_SHIFT - 1))) >> _SHIFT


def _bilinear(plane: Float[np.ndarray, "h w"], scale: int) -> Float[np.ndarray, "sh sw"]:
    """Enlarges by bilinear interpolation: half-pixel centres, the outermost pixels repeated.

    Rows first, then columns, each as a + (b - a) * share: half of all results lie on ties of the rounding to 8 bits
    that follows, and this order of float32 operations breaks them as OpenCV does.
    """
    for axis in (1, 0):
        length = plane.shape[axis]
        place = np.clip((np.arange(length * scale) + 0.5) / scale - 0.5, 0, length - 1)
        low = np.floor(place).astype(np.intp)
        share = (place - low).astype(np.float32)
        share = share[:, None] if axis == 0 else share[None, :]
        first, second = plane.take(low, axis), plane.take(np.minimum(low + 1, length - 1), axis)
        plane = first + (second - first) * share
    return plane
