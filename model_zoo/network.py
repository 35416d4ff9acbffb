"""A network ready for use: 8-bit pictures of any size in, enlarged pictures out.

Convention: pictures are H W 3, uint8 (or uint16); inside, float32 in [0, 1], N H W C.

A picture is worked on in square tiles of one fixed size, which overlap by as far as the network sees, so memory is
bounded, and no seam can be seen: each output pixel comes from a tile that holds all it depends on. A network that sees
the whole picture (statistics of it, attention over it, a grid that follows from its size) or hundreds of pixels works
on the whole of it in one program, up to a limit; a larger picture is cut into tiles that overlap by 32 pixels, which
is near what the whole would give but not the same (:meth:`Network.exact`).

What a network sees beyond the picture's edge is its `border`. `replicate`: the outermost pixels repeated as far as it
sees (32 pixels where that is unbounded), so that its own zero padding hardly or never shows; nothing is then compiled
anew for a new size. `zero`: its own padding, as its authors ran it. `replicate-10`: ten repeated pixels, then its own
padding.

Sums are worked out in full float32 on every device, also where matrix units would round their inputs by default.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from model_zoo import chroma
from model_zoo.functional import Functional, Params
from model_zoo.manifests import Manifest, check_border, find_manifest, read_manifest, weights_path
from model_zoo.tiles import Span, spans_inside, spans_over, tiled
from model_zoo.weights import read_weights

_TILES = (64, 192)  # sides in low-resolution pixels: a small one for small pictures, else the large one
_FAR = 96  # a reach beyond this counts as the whole picture: tiles with such margins would be nearly all margin
_OVERLAP = 32  # where the reach is the whole picture
_WHOLE = 2**20  # pixels of the enlarged picture up to which such a network works on the whole of it
_PROGRAMS = 32  # compiled programs that are kept: one for each network, kind of result and size of tile


class Network:
    """A super-resolution network with its weights.

    Attributes:
        function: the network as a plain function.
        params: its parameters.
        manifest: what is known about it, None for one that was never finished.
        border: what it sees beyond the picture's edge, see :class:`model_zoo.Manifest`.
        chroma: how chroma is enlarged where the network enlarges luma alone, see :mod:`model_zoo.chroma`.
    """

    def __init__(
        self, function: Functional, params: Params, manifest: Manifest | None = None, *, border: str | None = None
    ) -> None:
        """Takes hold of function and weights.

        Args:
            function: the network as a plain function.
            params: its parameters.
            manifest: what is known about it.
            border: what it sees beyond the picture's edge; None for what the manifest says, `replicate` without one.

        Raises:
            ValueError: if there is no such border.
        """
        self.function, self.params, self.manifest = function, params, manifest
        self.border = border or (manifest.border if manifest else "replicate")
        self.chroma = manifest.chroma if manifest else "bicubic-studio"
        check_border(self.border)

    @property
    def scale(self) -> int:
        """Enlargement of each side."""
        return self.function.scale

    def exact(self, height: int, width: int) -> bool:
        """Says whether a picture is enlarged as the network would in one piece.

        Args:
            height: of the picture in pixels.
            width: of the picture in pixels.

        Returns:
            False where tiles that overlap by less than the network sees stand in for the whole.
        """
        pad = self._padding()
        return self._near() or (height + 2 * pad) * (width + 2 * pad) * self.scale**2 <= _WHOLE

    def upscale(self, pixels: np.ndarray, *, tile: int | None = None) -> UInt8[np.ndarray, "sh sw 3"]:
        """Enlarges a picture.

        Args:
            pixels: (H, W, 3), RGB, uint8 or uint16, at least 1x1.
            tile: side of the tiles in low-resolution pixels; None for the usual ones. Results are the same unless
                the network sees the whole picture.

        Returns:
            RGB, 8 bits a sample, `scale` times the size.

        Raises:
            ValueError: if the array is not such a picture, or the tile is too small for the network's reach.
        """
        run = self._enlarge_rgb if self.function.colour == "rgb" else self._enlarge_luma
        return self._tiled(pixels, run, (3, np.uint8), tile)

    def upscale_piece(self, pixels: np.ndarray) -> UInt8[np.ndarray, "sh sw 3"]:
        """Enlarges a small piece of a picture in one program, with the network's own padding at its edges.

        Args:
            pixels: (H, W, 3), RGB, uint8 or uint16; every size is a program of its own.

        Returns:
            RGB, 8 bits a sample, `scale` times the size; near the edges not what the whole picture would give.
        """
        return self._enlarge_rgb(pixels) if self.function.colour == "rgb" else self._enlarge_luma(pixels)

    def raw(self, pixels: np.ndarray, *, tile: int | None = None) -> Float[np.ndarray, "sh sw c"]:
        """Enlarges a picture and leaves the network's output as it comes.

        Args:
            pixels: as for :meth:`upscale`.
            tile: as for :meth:`upscale`.

        Returns:
            Float32, nominally in [0, 1], neither clipped nor rounded; one channel for a network of luma.

        Raises:
            ValueError: as :meth:`upscale`.
        """
        return self._tiled(pixels, self._raw, (self.function.channels, np.float32), tile)

    def _near(self) -> bool:
        """Whether tiles can hold all that an output pixel depends on."""
        return self.function.radius is not None and self.function.radius <= _FAR

    def _padding(self) -> int:
        """How many pixels are repeated around the picture before it is cut into tiles."""
        if self.border == "replicate":
            return 0 if self._near() else min(_OVERLAP, self.function.radius or _OVERLAP)
        return int(self.border.removeprefix("replicate-")) if self.border != "zero" else 0

    def _tiled(
        self, pixels: np.ndarray, run: Callable[[np.ndarray], np.ndarray], like: tuple[int, Any], tile: int | None
    ) -> np.ndarray:
        """Pads, cuts, runs, puts together and crops."""
        if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise ValueError(f"pixels must be H x W x 3 and not empty, got {'x'.join(map(str, pixels.shape))}")
        if pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"pixels must be uint8 or uint16, got {pixels.dtype}")
        pad = self._padding()
        if pad:
            pixels = np.pad(pixels, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
        height, width, _ = pixels.shape
        large = tiled(pixels, run, self._spans(height, width, tile), scale=self.scale, like=like)
        cut = pad * self.scale
        return np.ascontiguousarray(large[cut:-cut, cut:-cut]) if pad else large

    def _spans(self, height: int, width: int, tile: int | None) -> tuple[list[Span], list[Span]]:
        """Which tiles cover a picture, which is padded already."""
        reach = self.function.radius if self._near() else None
        margin = max(_OVERLAP if reach is None else reach, chroma.REACH)
        if tile is not None and tile <= 2 * margin:
            raise ValueError(f"tile must be more than {2 * margin} for a reach of {margin} pixels, got {tile}")
        over = self.border == "replicate" and reach is not None
        if tile is not None:
            side = tile
        elif reach is None:
            whole = height * width * self.scale**2 <= _WHOLE
            side = max(height, width) if whole else max(math.isqrt(_WHOLE) // self.scale, 3 * margin)
        else:
            side = _tile_side(max(height, width) + 2 * margin * over, margin)
        spans = spans_over if over else spans_inside
        return spans(height, side, margin), spans(width, side, margin)

    def _enlarge_rgb(self, tile: np.ndarray) -> UInt8[np.ndarray, "st st2 3"]:
        return self._run(_unit(tile), rounded=True)

    def _enlarge_luma(self, tile: np.ndarray) -> UInt8[np.ndarray, "st st2 3"]:
        light, rest = chroma.split(_unit(tile) * np.float32(255), self.chroma)
        return chroma.join(self._run(light[:, :, None])[:, :, 0], rest, self.chroma)

    def _raw(self, tile: np.ndarray) -> Float[np.ndarray, "st st2 c"]:
        if self.function.colour == "rgb":
            return self._run(_unit(tile))
        return self._run(chroma.split(_unit(tile) * np.float32(255), self.chroma)[0][:, :, None])

    def _run(self, tile: Float[np.ndarray, "t t2 c"], *, rounded: bool = False) -> np.ndarray:
        program = _compiled(self.function, rounded, *tile.shape[:2])
        return np.asarray(program(self.params, jnp.asarray(tile[None])))[0]


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


@functools.lru_cache(maxsize=_PROGRAMS)
def _compiled(function: Functional, rounded: bool, height: int, width: int) -> Callable[[Params, Array], Array]:
    """A program for tiles of one size; each is a function of its own, so that what is forgotten is freed."""
    del height, width

    def run(params: Params, images: Array) -> Array:
        with jax.default_matmul_precision("highest"):
            large = function.apply(params, images)
        if not rounded:
            return large
        return jnp.rint(jnp.clip(large * jnp.float32(255), 0, 255)).astype(jnp.uint8)

    return jax.jit(run)


def _unit(tile: np.ndarray) -> Float[np.ndarray, "t t2 3"]:
    """A tile's samples as numbers in [0, 1]."""
    return tile.astype(np.float32) / np.float32(np.iinfo(tile.dtype).max)


def _tile_side(needed: int, margin: int) -> int:
    """The smallest usual tile that holds the picture in one, or else the largest that is worth its overlap."""
    usable = [side for side in _TILES if side >= 3 * margin] or [4 * margin]
    return next((side for side in usable if needed <= side), usable[-1])
