"""Which parts of a picture were upscaled: likelihood ratios of its tiles, put together to a map and to regions.

Each tile is scored by the detector that judges whole pictures, and what a score means on one tile was learned on tiles.
A map's cell is the mean of the tiles that cover it, the nearer ones weighing more. Where cells of both kinds lie in one
picture, the smaller part is a region if its evidence, and the rest's, is stronger than it ever was in pictures of one
piece. Logarithms are natural unless named log10; coordinates are (top, left) in pixels.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np

from fingerprint.expert import Expert, detection_sum
from fingerprint.features import mode_mask
from spectra import TILE
from spectra.tiles import positions

FLATTEST = 0.7  # grey levels; a tile below this standard deviation of luma shows nothing that could carry a trace
CELL = 32  # pixels, the side of a map's cell where every tile is measured
REACH = TILE / 2  # pixels from a tile's centre to the cells that it speaks of
LEAST_SIDE = 256  # pixels; a smaller picture has too few tiles to be divided
LEAST_REST = 1.0  # how clearly the rest must speak against its regions
NEAR = TILE  # pixels around a suspicious tile within which more tiles are measured
CLOSELY = 96  # tiles of a picture that is looked at closely; a larger one, of which so many are measured, gets no more
GRID = 8  # pixels; where JPEG blocks begin, and tiles that are added
USUAL = 24  # tiles of the pictures that the limits were set on; in a larger one there are more places to be wrong in
_BLOCK = 32  # tiles that are scored together
_MOST_SCORE = 40.0  # a score beyond it, up or down, says no more than this one
_EDGE = 1e-3  # weight of a tile for the cells at its very edge

UPSCALED, UNTOUCHED = "upscaled", "not_upscaled"


@runtime_checkable
class Tiles(Protocol):
    """What is measured on tiles: anything that can be pooled over some of them, `spectra.TileFeatures` among others."""

    @property
    def origins(self) -> list[tuple[int, int]]:
        """Corners of the tiles."""
        ...

    @property
    def activity(self) -> np.ndarray:
        """(tiles,) standard deviation of luma in grey levels."""
        ...

    def pooled(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """Return the feature vector of the chosen tiles."""
        ...


@dataclass(frozen=True)
class TileCalibration:
    """What one condition's detector says on a single tile, and from where on it means something.

    The log likelihood ratio of a tile with score s and log activity a is max(score + both a, 0) s + busy a + offset: a
    tile without texture says little, whatever its score.

    Attributes:
        score, busy, both, offset: of that formula.
        bound: log likelihood ratios beyond it, up or down, are not supported by the pictures that were seen.
        suspect_upscaled: more tiles are measured where one says so clearly that it was upscaled, the majority that it
            was not.
        suspect_untouched: the same the other way round.
        least_upscaled: least evidence of an upscaled part in an untouched picture.
        least_untouched: least evidence of an untouched part in an upscaled picture.
    """

    score: float
    busy: float
    both: float
    offset: float
    bound: float
    suspect_upscaled: float
    suspect_untouched: float
    least_upscaled: float
    least_untouched: float

    def log_ratios(self, scores: np.ndarray, activity: np.ndarray) -> np.ndarray:
        """Return (n,) bounded log likelihood ratios from tiles' (n,) scores and activities, NaN for flat ones."""
        scores, busy, _ = tile_inputs(scores, activity).T
        told = np.maximum(self.score + self.both * busy, 0) * scores + self.busy * busy + self.offset
        return np.where(activity >= FLATTEST, np.clip(told, -self.bound, self.bound), np.nan)

    def suspicious(self, ratios: np.ndarray) -> np.ndarray:
        """Return (n,) bool: which of a picture's tiles give reason to measure more around them."""
        if np.isnan(ratios).all():
            return np.zeros(len(ratios), bool)
        least = self.suspect_upscaled if majority(ratios) < 0 else self.suspect_untouched
        return suspicion(ratios) >= least


def tile_inputs(scores: np.ndarray, activity: np.ndarray) -> np.ndarray:
    """Return (n, 3): what a tile's likelihood ratio depends on: its score, its log activity, and their product."""
    scores = np.clip(scores.astype(np.float64), -_MOST_SCORE, _MOST_SCORE)
    busy = np.log(np.maximum(activity.astype(np.float64), FLATTEST))
    return np.stack([scores, busy, scores * busy], axis=1)


@dataclass(frozen=True)
class Grid:
    """The cells of a picture's map.

    Attributes:
        height: of the picture, in pixels.
        width: likewise.
        coarseness: how many tiles a side there are for one that is measured, on average, rounded up.
    """

    height: int
    width: int
    coarseness: int = 1

    @property
    def cell(self) -> int:
        """A cell's side in pixels."""
        return CELL * self.coarseness

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return -(-self.height // self.cell), -(-self.width // self.cell)

    def spread(self, cells: np.ndarray) -> np.ndarray:
        """Return (height, width) pixels, each with its cell's value."""
        return spread(cells, self.cell, self.height, self.width)

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows and the columns of the cells' centres in pixels."""

        def middle(length: int) -> np.ndarray:
            starts = np.arange(0, length, self.cell)
            return (starts + np.minimum(starts + self.cell, length)) / 2

        return middle(self.height), middle(self.width)


def spread(cells: np.ndarray, side: int, height: int, width: int) -> np.ndarray:
    """Return (height, width) pixels, each with the value of its cell of `side` pixels."""
    return cells.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]


def grid_of(height: int, width: int, measured: int) -> Grid:
    """Return the grid of a picture of which so many tiles were measured."""
    every = len(positions(height)) * len(positions(width))
    return Grid(height, width, max(1, math.ceil(math.sqrt(every / max(measured, 1)) - 1e-9)))


def vector_of(features: Tiles, chosen: np.ndarray, mode: str) -> np.ndarray:
    """Return (1, d) float32: what a mode's expert is asked of the chosen tiles, of which there is at least one."""
    return features.pooled(chosen)[mode_mask(mode)][None]


def tile_scores(expert: Expert, features: Tiles, mode: str, run: Callable[..., Iterable] = map) -> np.ndarray:
    """Score each tile by an expert's detector, without BLAS, whose sums depend on the number of threads.

    Args:
        expert: of the picture's condition.
        features: of the tiles.
        mode: the expert's, "colour" or "grey".
        run: `map`, or a thread pool's.

    Returns:
        (tiles,) float64, the difference of the log of the upscaled classes' likelihoods' sum and the innocent ones'.
    """
    detector = expert.detector
    alone = np.eye(len(features.origins), dtype=bool)

    def block(start: int) -> np.ndarray:
        vectors = np.concatenate([vector_of(features, row, mode) for row in alone[start : start + _BLOCK]])
        return np.einsum("td,dk->tk", vectors, detector.weights, optimize=False)

    parts = list(run(block, range(0, len(alone), _BLOCK)))
    if not parts:
        return np.zeros(0)
    scores = np.concatenate(parts).astype(np.float64) + detector.offsets
    return detection_sum(detector.classes, expert.detection_temperature * scores)[:, 0]


def majority(ratios: np.ndarray) -> int:
    """Return +1 if most tiles speak for upscaling, else -1."""
    return 1 if float(np.nanmedian(ratios)) > 0 else -1


def suspicion(ratios: np.ndarray) -> np.ndarray:
    """Return how clearly each tile speaks against the majority, minus infinity for flat tiles."""
    return np.where(np.isnan(ratios), -np.inf, -majority(ratios) * ratios)


def finer(
    grid: Grid, measured: Sequence[tuple[int, int]], around: Sequence[tuple[int, int]], most: int
) -> list[tuple[int, int]]:
    """Return the corners of more tiles, about a cell apart and where JPEG blocks begin, near some that were measured.

    Args:
        grid: of the picture.
        measured: corners that are left out.
        around: corners of the tiles near which more are wanted.
        most: an even selection of this many is kept where there are more.
    """
    sides = []
    for length in (grid.height, grid.width):
        gaps = -(-(length - TILE) // grid.cell)
        sides.append([i * (length - TILE) // max(gaps, 1) // GRID * GRID for i in range(gaps + 1)])
    centres = np.array(around).reshape(-1, 2)
    reach = NEAR * grid.coarseness
    known = set(measured)
    found = [
        (top, left)
        for top in sides[0]
        for left in sides[1]
        if (top, left) not in known and (np.abs(centres - (top, left)).max(axis=1) <= reach).any()
    ]
    if len(found) <= most:
        return found
    return [found[k] for k in (np.arange(most) * len(found) + len(found) // 2) // most]


def mosaic(pixels: np.ndarray, origins: Sequence[tuple[int, int]]) -> np.ndarray:
    """Put tiles one below the other: a picture whose tiles are these, for whatever measures pictures tile by tile.

    Args:
        pixels: (H, W, 3).
        origins: corners of the tiles.

    Returns:
        (TILE n, TILE, 3).
    """
    return np.concatenate([pixels[top : top + TILE, left : left + TILE] for top, left in origins])


def joined(first: Any, second: Any, origins: Sequence[tuple[int, int]]) -> Any:
    """Return the features of two groups of tiles as one; `origins` are the second's corners in the picture."""
    if len(second.origins) != len(origins):
        raise ValueError(f"origins must be those of {len(second.origins)} tiles, got {len(origins)}")
    parts = {}
    for field in fields(first):
        one, other = getattr(first, field.name), getattr(second, field.name)
        parts[field.name] = np.concatenate([one, other]) if isinstance(one, np.ndarray) else one
    return replace(first, **{**parts, "origins": [*first.origins, *origins]})


def log_ratio_map(grid: Grid, origins: Sequence[tuple[int, int]], ratios: np.ndarray) -> np.ndarray:
    """Average tiles in every cell that they cover, the nearer ones weighing more.

    Where not every tile was measured, the nearest one speaks for a cell that none covers.

    Args:
        grid: of the cells.
        origins: corners of the tiles.
        ratios: (tiles,) log likelihood ratios, NaN for tiles that say nothing.

    Returns:
        (rows, columns) float64, NaN where no tile says anything.
    """
    middles = np.array(origins, np.float64).reshape(-1, 2) + TILE / 2
    told = ~np.isnan(ratios)
    apart = [np.abs(centres[:, None] - middles[:, axis]) for axis, centres in enumerate(grid.centres())]
    weights = []
    for distance in (part[:, told] / (REACH * grid.coarseness) for part in apart):
        weights.append(np.square(np.maximum(1 - distance, 0) + _EDGE * (distance <= 1)))
    total = np.einsum("it,jt->ij", *weights, optimize=False)
    summed = np.einsum("it,jt,t->ij", *weights, ratios[told], optimize=False)
    cells = np.where(total > 0, summed / np.where(total > 0, total, 1), np.nan)
    if grid.coarseness > 1:
        nearest = np.maximum(apart[0][:, None], apart[1][None]).argmin(axis=2)
        cells = np.where(total > 0, cells, ratios[nearest])
    return cells


@dataclass(frozen=True)
class Part:
    """A connected set of cells that speaks against the rest of its picture.

    Attributes:
        cells: (rows, columns) bool.
        kind: `UPSCALED` or `UNTOUCHED`.
        mean: mean log likelihood ratio of its cells.
        evidence: how clearly it speaks, more for a larger part: |mean| times the root of how many tiles fit into it.
        rest: mean log likelihood ratio of the cells of the other kind.
    """

    cells: np.ndarray
    kind: str
    mean: float
    evidence: float
    rest: float


def parts(grid: Grid, cells: np.ndarray) -> list[Part]:
    """Find the connected sets of cells that speak against the majority, strongest first.

    Args:
        grid: of the cells.
        cells: (rows, columns) log likelihood ratios, NaN where there is none.

    Returns:
        None where the rest says nothing clear either.
    """
    from scipy import ndimage  # few pictures need it

    sign = np.where(np.isnan(cells), 0, np.sign(cells))
    side = 1 if (sign > 0).sum() <= (sign < 0).sum() else -1
    rest = float(cells[sign == -side].mean()) if (sign == -side).any() else 0.0
    if side * rest > -LEAST_REST:
        return []
    labels, count = cast(tuple[np.ndarray, int], ndimage.label(sign == side))
    area = grid.spread(np.arange(cells.size).reshape(cells.shape))
    pixels = np.bincount(area.reshape(-1), minlength=cells.size).reshape(cells.shape)
    found = []
    for number in range(1, count + 1):
        inside = labels == number
        mean = float(cells[inside].mean())
        tiles = float(pixels[inside].sum()) / (TILE * grid.coarseness) ** 2
        kind = UPSCALED if side > 0 else UNTOUCHED
        found.append(Part(inside, kind, mean, abs(mean) * math.sqrt(tiles), rest))
    return sorted(found, key=lambda part: -part.evidence)


def least_evidence(calibration: TileCalibration, kind: str, tiles: int) -> float:
    """Return from where on a part is a region: more is asked of pictures with more tiles, any of which may be wrong."""
    least = calibration.least_upscaled if kind == UPSCALED else calibration.least_untouched
    return least + math.log(max(tiles / USUAL, 1.0))


def tiles_inside(cells: np.ndarray, grid: Grid, origins: Sequence[tuple[int, int]], share: float = 0.8) -> np.ndarray:
    """Return (tiles,) bool: the tiles of which at least a share of the pixels lies in a set of cells."""
    pixels = grid.spread(cells)
    return np.array([pixels[top : top + TILE, left : left + TILE].mean() >= share for top, left in origins], bool)
