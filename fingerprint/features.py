"""All that is measured on a picture: the classical features of its tiles, and what the embedding says of them.

Pictures are uint8 `H W 3`; feature vectors float32, the classical dimensions first.
"""

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cache
from threading import Lock

import numpy as np

import spectra
from fingerprint.embedding.embedder import Embedder, load_embedder
from spectra import TILE, TileFeatures
from spectra.tiles import batches

GRID = 8  # pixels, of JPEG blocks
TOGETHER = 4  # tiles that the embedding sees at a time: one program for all pictures, and little wasted on small ones
MAX_TILES = 96  # of a picture: beyond some 900,000 pixels more of them change little and take time


@dataclass(frozen=True)
class PictureFeatures(TileFeatures):
    """What is measured on each tile of a picture.

    Attributes:
        moments: (tiles, m) float32, means and mean squares of the embedding's maps.
        embedder: the embedding they come from.
    """

    moments: np.ndarray
    embedder: Embedder

    def pooled(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """Return the picture's feature vector from all tiles or from the chosen ones.

        Args:
            chosen: (tiles,) bool, or None for all.

        Returns:
            (dimensions(),) float32.

        Raises:
            ValueError: no tile is chosen.
        """
        keep = np.ones(len(self.origins), bool) if chosen is None else chosen
        return np.concatenate([super().pooled(keep), self.embedder.pooled(self.moments[keep])])


def dimensions() -> int:
    """How many dimensions a feature vector has."""
    return spectra.DIMENSIONS + load_embedder().dimensions


def features_id() -> str:
    """What feature vectors are made by; vectors of another make cannot be compared."""
    return f"{spectra.FEATURES_ID}+embedding {load_embedder().identity}"


def mode_mask(mode: str) -> np.ndarray:
    """Return (d,) bool: the dimensions that a mode uses; grey has none of the embedding's, trained on colour."""
    learned = load_embedder().dimensions
    return np.concatenate([spectra.luma_mask() | (mode != "grey"), np.full(learned, mode != "grey")])


_compiling = Lock()


def prepare() -> None:
    """Compile all programs, side by side, once; later calls find them ready."""
    with _compiling:
        _compiled()


@cache
def _compiled() -> bool:
    with ThreadPoolExecutor(2) as pool:
        learned = pool.submit(lambda: load_embedder().tile_moments(np.zeros((TOGETHER, TILE, TILE, 3), np.uint8)))
        spectra.prepare()
        learned.result()
    return True


def picture_features(
    pixels: np.ndarray, *, max_tiles: int = MAX_TILES, pool: Executor | None = None
) -> PictureFeatures:
    """Measure every tile of a picture.

    Args:
        pixels: (H, W, 3) uint8.
        max_tiles: an even selection of this many tiles is measured where there are more.
        pool: runs batches side by side; the result does not depend on it.

    Returns:
        The tiles' features; none for a picture smaller than a tile.

    Raises:
        ValueError: pixels are not (H, W, 3) uint8.
    """
    embedder = load_embedder()
    classical = spectra.tile_features(pixels, max_tiles=max_tiles, pool=pool)
    parts = {field.name: getattr(classical, field.name) for field in fields(classical)}
    return PictureFeatures(
        **parts, moments=embedded_tiles(pixels, classical.origins, embedder, pool), embedder=embedder
    )


def embedded_tiles(
    pixels: np.ndarray, origins: list[tuple[int, int]], embedder: Embedder, pool: Executor | None = None
) -> np.ndarray:
    """Return (tiles, m) float32 moments of a picture's tiles, each moved to where a JPEG block begins, as in training.

    Args:
        pixels: (H, W, 3) uint8.
        origins: (top, left) of each tile.
        embedder: whose moments.
        pool: runs batches side by side.
    """
    on_grid = [(top // GRID * GRID, left // GRID * GRID) for top, left in origins]
    groups = batches(pixels, on_grid, TOGETHER)
    parts = list((pool.map if pool else map)(lambda group: embedder.tile_moments(group[0])[: group[1]], groups))
    return np.concatenate(parts) if parts else np.zeros((0, embedder.moments), np.float32)
