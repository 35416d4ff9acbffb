"""A network ready for use: 8-bit pictures of any size in, enlarged pictures out.

Convention: pictures are H W 3, uint8 (or uint16); inside, float32 in [0, 1], N H W C.

A picture is worked on in square tiles of one fixed size, which overlap by as far as the network sees, so memory is
bounded, nothing is compiled anew for a new size, and no seam can be seen: each output pixel comes from a tile that
holds all it depends on. Beyond the picture's edges its outermost pixels are repeated, by as far as the network sees,
so the network's own zero padding never shows either.
"""

import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8, UInt16
from PIL import Image

from model_zoo.colour import luma
from model_zoo.functional import Functional, Params
from model_zoo.manifests import Manifest, find_manifest, read_manifest, weights_path
from model_zoo.weights import read_weights

_TILES = (64, 192)  # sides in low-resolution pixels: a small one for small pictures, else the large one
_BICUBIC_REACH = 3  # low-resolution pixels that bicubic enlargement needs around a pixel, and one to spare
_SWING = 255.0 / 219.0  # grey levels of RGB that one level of studio-swing luma stands for

Picture = UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"]


class Network:
    """A super-resolution network with its weights.

    Attributes:
        function: the network as a plain function.
        params: its parameters.
        manifest: what is known about it, None for one that was never finished.
    """

    def __init__(self, function: Functional, params: Params, manifest: Manifest | None = None) -> None:
        """Takes hold of function and weights."""
        self.function, self.params, self.manifest = function, params, manifest

    @property
    def scale(self) -> int:
        """Enlargement of each side."""
        return self.function.scale

    def upscale(self, pixels: np.ndarray, *, tile: int | None = None) -> UInt8[np.ndarray, "sh sw 3"]:
        """Enlarges a picture.

        Args:
            pixels: (H, W, 3), RGB, uint8 or uint16, at least 1x1.
            tile: side of the tiles in low-resolution pixels; None for the usual ones. Results are the same.

        Returns:
            RGB, 8 bits a sample, `scale` times the size.

        Raises:
            ValueError: if the array is not such a picture, or the tile is too small for the network's reach.
        """
        if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise ValueError(f"pixels must be H x W x 3 and not empty, got {'x'.join(map(str, pixels.shape))}")
        if pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"pixels must be uint8 or uint16, got {pixels.dtype}")
        margin = max(self.function.radius, _BICUBIC_REACH)
        side = _tile_side(pixels.shape[:2], margin) if tile is None else tile
        if side <= 2 * margin:
            raise ValueError(f"tile must be more than {2 * margin} for a reach of {margin} pixels, got {side}")
        run = self._enlarge_rgb if self.function.colour == "rgb" else self._enlarge_luma
        return _tiled(pixels, run, self.scale, side=side, margin=margin)

    def _enlarge_rgb(self, tile: Float[np.ndarray, "t t 3"]) -> UInt8[np.ndarray, "st st 3"]:
        return np.asarray(_compiled_rgb(self.function)(self.params, jnp.asarray(tile[None])))[0]

    def _enlarge_luma(self, tile: Float[np.ndarray, "t t 3"]) -> UInt8[np.ndarray, "st st 3"]:
        """Enlarges luma by the network and chroma by bicubic interpolation.

        A change of luma alone moves red, green and blue alike, so the bicubic picture is moved by the difference.
        """
        smooth = _bicubic(tile * np.float32(255), self.scale)
        gray = (luma(tile * np.float32(255)) / 255.0).astype(np.float32)
        sharp = np.asarray(_compiled(self.function)(self.params, jnp.asarray(gray[None, :, :, None])))[0]
        change = (sharp * np.float32(255) - luma(smooth).astype(np.float32)[:, :, None]) * np.float32(_SWING)
        return np.rint(np.clip(smooth + change, 0, 255)).astype(np.uint8)


def load(name: str) -> Network:
    """Loads a network.

    Args:
        name: a name that :func:`model_zoo.list_networks` gives, or the path of a trained `.safetensors` file.

    Returns:
        The network.

    Raises:
        ValueError: if there is no such network or its files are damaged.
    """
    path = find_manifest(name)
    function, params = read_weights(weights_path(path))
    return Network(function, params, read_manifest(path))


@functools.cache
def _compiled(function: Functional) -> Callable[[Params, Array], Array]:
    return jax.jit(function.apply)


@functools.cache
def _compiled_rgb(function: Functional) -> Callable[[Params, Array], Array]:
    def run(params: Params, images: Array) -> Array:
        levels = function.apply(params, images) * jnp.float32(255)
        return jnp.rint(jnp.clip(levels, 0, 255)).astype(jnp.uint8)

    return jax.jit(run)


def _tile_side(shape: tuple[int, ...], margin: int) -> int:
    """The smallest usual tile that holds the picture in one, or else the largest that is worth its overlap."""
    usable = [side for side in _TILES if side >= 3 * margin] or [4 * margin]
    return next((side for side in usable if max(shape) + 2 * margin <= side), usable[-1])


def _tiled(
    pixels: Picture, run: Callable[[np.ndarray], np.ndarray], scale: int, *, side: int, margin: int
) -> UInt8[np.ndarray, "sh sw 3"]:
    """Puts a picture together from tiles whose margins are thrown away."""
    height, width, _ = pixels.shape
    result = np.empty((height * scale, width * scale, 3), np.uint8)
    inner = side - 2 * margin
    peak = np.float32(np.iinfo(pixels.dtype).max)
    for top, left in _corners(height, width, inner):
        rows = np.clip(np.arange(top - margin, top + inner + margin), 0, height - 1)
        columns = np.clip(np.arange(left - margin, left + inner + margin), 0, width - 1)
        large = run(pixels[rows[:, None], columns[None, :]].astype(np.float32) / peak)
        deep, broad = min(inner, height - top) * scale, min(inner, width - left) * scale
        start = margin * scale
        place = np.s_[top * scale : top * scale + deep, left * scale : left * scale + broad]
        result[place] = large[start : start + deep, start : start + broad]
    return result


def _corners(height: int, width: int, inner: int) -> Iterator[tuple[int, int]]:
    for top in range(0, height, inner):
        for left in range(0, width, inner):
            yield top, left


def _bicubic(tile: Float[np.ndarray, "t t 3"], scale: int) -> Float[np.ndarray, "st st 3"]:
    """Enlarges by Pillow's bicubic without rounding."""
    size = (tile.shape[1] * scale, tile.shape[0] * scale)
    planes = [Image.fromarray(np.ascontiguousarray(tile[:, :, c])) for c in range(3)]
    return np.stack([np.asarray(plane.resize(size, Image.Resampling.BICUBIC)) for plane in planes], axis=-1)
