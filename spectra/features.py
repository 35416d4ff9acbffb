"""The classical fingerprint of a picture: residual co-occurrences and folded log-power spectra of its tiles.

Pictures are uint8 `H W 3`; features are float32. Every tile goes through jitted programs of fixed shape, whatever the
picture's size, without threads inside, so that the same picture gives the same bits alone, in a batch, on any number
of threads.
"""

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from threading import Lock

import jax.numpy as jnp
import numpy as np

from spectra.cooccurrence import SUBMODELS, count_codes, residual_maps, symmetry_map
from spectra.cooccurrence import planes as colour_planes
from spectra.power import FOLDED, fold, split_by_activity, window_log_power
from spectra.programs import alone
from spectra.residuals import median_residual
from spectra.tiles import BATCH, MAX_TILES, TILE, batches, tile_origins
from spectra.windows import cut_windows

SPECTRA = ("luma busy", "luma calm", "luma median residual", "R-G", "B-G")
PLANES = ("luma", "R-G", "B-G")
CODES = int(symmetry_map().max()) + 1
COUNTS = len(PLANES) * len(SUBMODELS) * CODES
DIMENSIONS = COUNTS + len(SPECTRA) * FOLDED
FEATURES_ID = "cooccurrence24+power5/1"


def dimension_names() -> list[str]:
    """Return a name for every dimension of the feature vector, in order."""
    names = [
        f"{plane} {sub.kernel}/{sub.step} {sub.scan} {code}"
        for plane in PLANES
        for sub in SUBMODELS
        for code in range(CODES)
    ]
    return names + [f"{name} {k}" for name in SPECTRA for k in range(FOLDED)]


def luma_mask() -> np.ndarray:
    """Return (DIMENSIONS,) bool: the dimensions that depend on luma alone, all that a grey picture has."""
    counts = np.zeros((len(PLANES), len(SUBMODELS), CODES), bool)
    counts[0] = True
    powers = np.array([name.startswith("luma") for name in SPECTRA]).repeat(FOLDED)
    return np.concatenate([counts.reshape(-1), powers])


@dataclass(frozen=True)
class TileFeatures:
    """What is measured on each tile of a picture.

    Attributes:
        origins: (top, left) of each tile.
        counts: (tiles, COUNTS) int32, co-occurrence counts.
        powers: (tiles, len(SPECTRA) * FOLDED) float32, log-power spectra.
        activity: (tiles,) float32, standard deviation of luma in grey levels.
    """

    origins: list[tuple[int, int]]
    counts: np.ndarray
    powers: np.ndarray
    activity: np.ndarray

    def pooled(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """Return the picture's feature vector from all tiles or from the chosen ones.

        Counts are summed, turned into relative frequencies in each submodel and square-rooted (Hellinger); log powers
        are averaged.

        Args:
            chosen: (tiles,) bool, or None for all.

        Returns:
            (DIMENSIONS,) float32.

        Raises:
            ValueError: no tile is chosen.
        """
        keep = np.ones(len(self.origins), bool) if chosen is None else chosen
        if not keep.any():
            raise ValueError("pooled needs at least one tile, got none")
        total = self.counts[keep].sum(axis=0, dtype=np.int64).reshape(-1, CODES)
        share = np.sqrt(total / total.sum(axis=1, keepdims=True)).reshape(-1)
        power = self.powers[keep].sum(axis=0, dtype=np.float64) / keep.sum()
        return np.concatenate([share, power]).astype(np.float32)


def _spectra(tiles):
    """Return folded spectra (n, 5 * 325) and the standard deviation of luma (n,) of uint8 tiles."""
    count = tiles.shape[0]
    planes = colour_planes(tiles.astype(jnp.int32)).astype(jnp.float32)
    luma = planes[:, 0]
    power = window_log_power(jnp.concatenate([luma, median_residual(luma), planes[:, 1], planes[:, 2]]))
    halves = split_by_activity(power[:count], cut_windows(luma).var(axis=(-2, -1)))
    others = power[count:].mean(axis=1).reshape(3, count, *power.shape[2:]).swapaxes(0, 1)
    return fold(jnp.concatenate([halves, others], axis=1)).reshape(count, -1), luma.std(axis=(-2, -1))


_maps_program, _counts_program, _spectra_program = alone(residual_maps), alone(count_codes, soon=False), alone(_spectra)


@cache
def _compiled() -> bool:
    tiles = np.zeros((BATCH, TILE, TILE, 3), np.uint8)
    with ThreadPoolExecutor(2) as pool:
        spectra = pool.submit(lambda: _spectra_program(tiles))
        _counts_program(_maps_program(tiles))
        spectra.result()
    return True


_compiling = Lock()


def prepare() -> None:
    """Compile the programs, side by side, once; later calls find them ready."""
    with _compiling:
        _compiled()


def tile_features(pixels: np.ndarray, *, max_tiles: int = MAX_TILES, pool: Executor | None = None) -> TileFeatures:
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
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"pixels must be (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
    height, width = pixels.shape[:2]
    origins = tile_origins(height, width, max_tiles)
    groups = batches(pixels, origins, BATCH)
    parts = list(pool.map(_run, groups) if pool else map(_run, groups))
    if not parts:
        powers = np.zeros((0, len(SPECTRA) * FOLDED), np.float32)
        return TileFeatures([], np.zeros((0, COUNTS), np.int32), powers, np.zeros(0, np.float32))
    return TileFeatures(origins, *(np.concatenate(column) for column in zip(*parts, strict=True)))


def _run(batch: tuple[np.ndarray, int]) -> list[np.ndarray]:
    tiles, real = batch
    powers, activity = _spectra_program(tiles)
    counts = _counts_program(_maps_program(tiles)).reshape(len(tiles), COUNTS)
    return [np.asarray(part)[:real] for part in (counts, powers, activity)]
