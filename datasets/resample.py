"""Bicubic resizing of 8-bit pictures, exactly as MATLAB's `imresize` and as Pillow do it, in JAX or NumPy.

Convention: uint8, (..., H, W, C), channels last. Both programs compute in 8 bits between the two passes, and their sums
are done here in whole numbers, so nothing depends on a device's floating point: the same pixels come out of NumPy, of
JAX and of a jitted program on an accelerator. The weights are made on the host from sizes, which are static.

* MATLAB: Keys' kernel with a = -1/2 (Keys 1981, eq. 15), widened by the factor of a reduction; positions as
  `imresize` documents them; the edges' pixels repeated beyond them; height first, rounded half up to 8 bits, then
  width. For a whole factor s all weights are multiples of 1/(16 s^4), which are kept as whole numbers. This gives the
  low resolution of `set5_matlab` to the last bit (mirrored edges do not).
* Pillow: the same kernel and positions, but weights beyond the edges dropped and the others divided by their sum; in 22
  bits of fixed point; width first, rounded to 8 bits, then height. Since version 13 Pillow begins with the height where
  that loses more than twice as many pixels as the width, as in reductions of pictures more than twice as high as wide.
"""

import math
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32

MAX_FACTOR = 16
"""The largest whole factor whose weights, times 255, stay within 32 bits."""

_PILLOW_BITS = 22

Pixels = TypeVar("Pixels", bound=np.ndarray | Array)


class Taps(NamedTuple):
    """One pass as whole numbers: output i is (half + sum_k weights[i, k] * input[places[i, k]]) // unit.

    Attributes:
        places: indices of the pixels that an output pixel is made of.
        weights: their weights, in units of 1/unit.
        unit: what the weights add up to (for Pillow: within rounding).
    """

    places: Int32[np.ndarray, "out taps"]
    weights: Int32[np.ndarray, "out taps"]
    unit: int


def matlab_bicubic(pixels: Pixels, factor: int, *, enlarge: bool = False) -> Pixels:
    """Resize by a whole factor as MATLAB's `imresize(pixels, 1/factor)` does, anti-aliased.

    Args:
        pixels: (..., H, W, C) uint8, NumPy or JAX, traced or not.
        factor: how many times smaller, 1 to 16; sides that it does not divide are rounded up, as MATLAB does.
        enlarge: `imresize(pixels, factor)` instead.

    Returns:
        (..., ceil(H/factor), ceil(W/factor), C) or (..., H*factor, W*factor, C), uint8, of the same kind.

    Raises:
        ValueError: the factor is out of range, or the array is not such a picture.
    """
    height, width = _sides(pixels)
    if not 1 <= factor <= MAX_FACTOR:
        raise ValueError(f"factor must be from 1 to {MAX_FACTOR}, got {factor}")
    rows, columns = matlab_taps(height, factor, enlarge=enlarge), matlab_taps(width, factor, enlarge=enlarge)
    return _pass(_pass(pixels, rows, -3), columns, -2)


def pillow_bicubic(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize as `resize(..., BICUBIC)` of Pillow 13 does; reductions are anti-aliased.

    Args:
        pixels: (..., H, W, C) uint8, NumPy or JAX, traced or not.
        size: (height, width) wanted, at least 1 each.

    Returns:
        (..., height, width, C) uint8, of the same kind.

    Raises:
        ValueError: the size is not positive, or the array is not such a picture.
    """
    height, width = _sides(pixels)
    if min(size) < 1:
        raise ValueError(f"size must be at least 1x1, got {size[0]}x{size[1]}")
    passes = [(-2, pillow_taps(width, size[1])), (-3, pillow_taps(height, size[0]))]
    if height > size[0] and height - size[0] > 2 * (width - size[1]):
        passes.reverse()
    for axis, taps in passes:
        if len(taps.places) != pixels.shape[axis]:
            pixels = _pass(pixels, taps, axis)
    return pixels


def _sides(pixels: np.ndarray | Array) -> tuple[int, int]:
    """Check a picture and give its height and width."""
    if pixels.dtype != np.uint8 or pixels.ndim < 3 or not pixels.size:
        raise ValueError(f"pixels must be (..., H, W, C) uint8 and not empty, got {pixels.shape} {pixels.dtype}")
    return pixels.shape[-3], pixels.shape[-2]


@lru_cache(maxsize=256)
def matlab_taps(length: int, factor: int, *, enlarge: bool = False) -> Taps:
    """Compute one pass of `imresize` by a whole factor.

    With distances in units of 1/(2 factor) of a kernel's unit, Keys' cubic is a whole number over 2 (2 factor)^3.

    Args:
        length: of the side, in pixels.
        factor: 1 to 16.
        enlarge: whether the side grows.
    """
    grid = 2 * factor
    if enlarge:
        count, reach = length * factor, 2
        # (i + 1/2)/factor - 1/2 in units of 1/grid
        centres = 2 * np.arange(count) + 1 - factor
        step, unit = grid, 2 * grid**3
    else:
        count, reach = -(-length // factor), 2 * factor
        # (i + 1/2) factor - 1/2 pixels; a pixel is 2 units of 1/grid of the widened kernel
        centres = 2 * (np.arange(count) * factor) + factor - 1
        step, unit = 2, 2 * grid**3 * factor
    first = (centres - reach * step) // step + 1
    places = first[:, None] + np.arange(2 * reach)
    weights = _cubic(places * step - centres[:, None], grid)
    return Taps(np.clip(places, 0, length - 1).astype(np.int32), weights.astype(np.int32), unit)


def _cubic(distance: np.ndarray, grid: int) -> np.ndarray:
    """Keys' kernel (a = -1/2) at distance/grid, times 2 grid^3, in whole numbers."""
    d = np.abs(distance.astype(np.int64))
    near = 3 * d**3 - 5 * grid * d**2 + 2 * grid**3
    far = -(d**3) + 5 * grid * d**2 - 8 * grid**2 * d + 4 * grid**3
    return np.where(d <= grid, near, np.where(d <= 2 * grid, far, 0))


@lru_cache(maxsize=256)
def pillow_taps(length: int, wanted: int) -> Taps:
    """Compute one of Pillow's bicubic passes.

    Args:
        length: of the side, in pixels.
        wanted: what it becomes.
    """
    scale = length / wanted
    widened = max(scale, 1.0)
    support = 2.0 * widened
    taps = math.ceil(support) * 2 + 1
    places = np.zeros((wanted, taps), np.int32)
    weights = np.zeros((wanted, taps), np.int32)
    for index in range(wanted):
        centre = (index + 0.5) * scale
        first = max(int(centre - support + 0.5), 0)
        last = min(int(centre + support + 0.5), length)
        values = [_keys((place + first - centre + 0.5) * (1.0 / widened)) for place in range(last - first)]
        total = sum(values)
        for tap, value in enumerate(values):
            places[index, tap] = first + tap
            share = (value * (1.0 / total) if total else value) * (1 << _PILLOW_BITS)
            weights[index, tap] = int(share - 0.5 if share < 0 else share + 0.5)
    return Taps(places, weights, 1 << _PILLOW_BITS)


def _keys(distance: float) -> float:
    """Keys' kernel (a = -1/2) in the order of operations that Pillow uses."""
    d, a = abs(distance), -0.5
    if d < 1.0:
        return ((a + 2.0) * d - (a + 3.0)) * d * d + 1
    return (((d - 5) * d + 8) * d - 4) * a if d < 2.0 else 0.0


def _pass(pixels: Pixels, taps: Taps, axis: int) -> Pixels:
    """Apply one pass along an axis and round to 8 bits."""
    xp: Any = jnp if isinstance(pixels, jax.Array) else np
    shape = [1] * pixels.ndim
    shape[axis] = len(taps.places)
    total = np.int32(taps.unit // 2)
    for places, weights in zip(taps.places.T, taps.weights.T, strict=True):
        if weights.any():
            taken = xp.take(pixels, xp.asarray(places), axis=axis).astype(np.int32)
            total = total + taken * xp.asarray(weights).reshape(shape)
    return xp.clip(total // np.int32(taps.unit), 0, 255).astype(np.uint8)
