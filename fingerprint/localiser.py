"""Finding the upscaled parts of a picture, or the untouched ones: `regions` with an expert, and more tiles at need.

The tiles that are measured of every picture decide whether it may be of two pieces; more are measured only then, and
only where they matter. Logarithms are natural unless named log10; `pixels` are uint8 or uint16 `H W 3`.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logit

from fingerprint.conditions import LOWEST_QUALITY, Condition
from fingerprint.decide import decide
from fingerprint.expert import Expert, Scored
from fingerprint.reference import SHIPPED, Reference
from fingerprint.regions import (
    CLOSELY,
    FLATTEST,
    LEAST_SIDE,
    UNTOUCHED,
    UPSCALED,
    Grid,
    Part,
    TileCalibration,
    finer,
    grid_of,
    joined,
    least_evidence,
    log_ratio_map,
    mosaic,
    parts,
    tile_scores,
    tiles_inside,
    vector_of,
)
from fingerprint.result import Candidate, Priors, Region, RegionMap, Verdict
from fingerprint.router import Route
from spectra import MAX_TILES, TileFeatures, to_uint8

FILE = "regions.json"
FORMAT = 1
NAMED_SIDE = 144  # pixels; a smaller part's source is not named
Calibrations = Mapping[tuple[str, str], TileCalibration]
"""By mode and condition name."""


@dataclass(frozen=True)
class Judge:
    """What answers for feature vectors.

    Attributes:
        reference: the experts.
        priors: of upscaled, and of an unknown upscaler.
        measure: pixels, and how many tiles at most, to tile features.
        route: mode, (1, d) vector and JPEG quality to the condition to judge by.
        ask: mode, condition and (1, d) vector to the expert and what it says.
        run: `map`, or a thread pool's.
    """

    reference: Reference
    priors: Priors
    measure: Callable[..., TileFeatures]
    route: Callable[[str, np.ndarray, int | None], Route]
    ask: Callable[[str, Condition, np.ndarray], tuple[Expert, Scored]]
    run: Callable[..., Iterable] = map


@dataclass(frozen=True)
class Localised:
    """A picture's tiles, their map, and the parts that speak against the rest.

    Attributes:
        grid: of the map.
        features: of all tiles that were measured.
        cells: (rows, columns) log likelihood ratios, NaN where there is none.
        parts: strongest first, of any strength.
    """

    grid: Grid
    features: TileFeatures
    cells: np.ndarray
    parts: tuple[Part, ...]


class Localiser:
    """Tells parts of pictures apart, with one reference.

    Attributes:
        judge: of vectors.
    """

    def __init__(self, judge: Judge, calibrations: Calibrations) -> None:
        """Take hold of what judges.

        Args:
            judge: of vectors.
            calibrations: what detectors say on single tiles; nothing is localised in a condition without one.
        """
        self.judge, self._calibrations = judge, calibrations

    def regions(
        self,
        pixels: np.ndarray,
        quality: int | None,
        features: TileFeatures,
        mode: str,
        route: Route,
        everywhere: bool = False,
    ) -> RegionMap | None:
        """Find the parts of a picture that speak against the rest.

        Args:
            pixels: the picture.
            quality: of its JPEG file, None for another file.
            features: of the tiles that are measured of every picture.
            mode: "colour" or "grey".
            route: the condition that the picture is judged by.
            everywhere: whether more tiles are measured everywhere, and a picture of one piece is mapped, too.

        Returns:
            The map and the parts. None where nothing can be told, and for a picture of one piece unless `everywhere`.
        """
        found = self.localise(pixels, quality, features, mode, route, everywhere)
        if found is None:
            return None
        calibration, tiles = self._calibrations[mode, route.condition.name], len(features.origins)
        strong = (part for part in found.parts if part.evidence >= least_evidence(calibration, part.kind, tiles))
        told = list(self.agreed(replace(found, parts=tuple(strong)), mode, route, quality))
        if not (told or everywhere):
            return None
        number = np.zeros(found.cells.shape, int)
        for place, part in enumerate(told, 1):
            number[part.cells] = place
        about = tuple(self._region(found, part, mode, quality) for part in told)
        return RegionMap(found.grid.cell, rounded(found.cells), tuple(map(tuple, number.tolist())), about)

    def localise(
        self,
        pixels: np.ndarray,
        quality: int | None,
        features: TileFeatures,
        mode: str,
        route: Route,
        everywhere: bool = False,
    ) -> Localised | None:
        """Find all parts, however weak, whatever their pooled tiles say; the arguments are those of `regions`.

        Returns:
            None where nothing can be told, and unless `everywhere`, where no tile is suspicious.
        """
        calibration = self._calibrations.get((mode, route.condition.name))
        if calibration is None or (quality is not None and quality < LOWEST_QUALITY):
            return None
        ratios = self._ratios(features, mode, route.condition, calibration)
        divisible = min(pixels.shape[:2]) >= LEAST_SIDE
        suspicious = calibration.suspicious(ratios) & divisible
        around, most = features.origins, MAX_TILES
        if not everywhere:
            around = [origin for origin, odd in zip(features.origins, suspicious, strict=True) if odd]
            most = max(CLOSELY - len(features.origins), 0)
        if not around:
            return None
        localised = self._with_more(pixels, features, ratios, around, (mode, route.condition, calibration), most)
        if not suspicious.any():
            return localised
        return replace(localised, parts=tuple(parts(localised.grid, localised.cells)))

    def heat(
        self, pixels: np.ndarray, quality: int | None, grey: bool, features: TileFeatures | None = None
    ) -> RegionMap | None:
        """Map a picture for people to look at, tiles being measured closely everywhere.

        Args:
            pixels: the picture.
            quality: of its JPEG file, None for another file.
            grey: whether red, green and blue agree everywhere.
            features: of the tiles that are measured of every picture, where they are known.

        Returns:
            The map, without parts; None where nothing can be told.
        """
        if features is None:
            features = self.judge.measure(to_uint8(pixels))
        textured = features.activity >= FLATTEST
        if not textured.any():
            return None
        mode = "grey" if grey else "colour"
        route = self.judge.route(mode, vector_of(features, textured, mode), quality)
        found = self.localise(pixels, quality, features, mode, route, everywhere=True)
        if found is None:
            return None
        nothing = tuple((0,) * found.cells.shape[1] for _ in found.cells)
        return RegionMap(found.grid.cell, rounded(found.cells), nothing, ())

    def _with_more(
        self,
        pixels: np.ndarray,
        features: TileFeatures,
        ratios: np.ndarray,
        around: list[tuple[int, int]],
        told: tuple[str, Condition, TileCalibration],
        most: int,
    ) -> Localised:
        """Measure more tiles around some, and draw the map of all."""
        grid = grid_of(pixels.shape[0], pixels.shape[1], len(features.origins))
        added = finer(grid, features.origins, around, most) if most else []
        if added:
            more = self.judge.measure(to_uint8(mosaic(pixels, added)), len(added))
            ratios = np.concatenate([ratios, self._ratios(more, *told)])
            features = joined(features, more, added)
        return Localised(grid, features, log_ratio_map(grid, features.origins, ratios), ())

    def _ratios(
        self, features: TileFeatures, mode: str, condition: Condition, calibration: TileCalibration
    ) -> np.ndarray:
        expert = self.judge.reference.experts[mode, condition.name]
        return calibration.log_ratios(tile_scores(expert, features, mode, self.judge.run), features.activity)

    def agreed(self, found: Localised, mode: str, route: Route, quality: int | None) -> Iterator[Part]:
        """Yield the parts whose pooled tiles say the same as the map, and the rest's the contrary.

        What is called upscaled has to look so under every condition that it may be in: a part's pixels may have another
        past than the rest's, for nobody pastes from the same file. That a picture was upscaled except for a part is
        said only where the rest would be accused if it were the whole picture.

        Args:
            found: the map and its parts.
            mode: "colour" or "grey".
            route: the condition that the picture is judged by.
            quality: of its JPEG file, None for another file.
        """
        for part in found.parts:
            side = 1 if part.kind == UPSCALED else -1
            inside, rest = _vector(found, part.cells, mode), _vector(found, side * found.cells < 0, mode)
            if inside is None or rest is None:
                continue
            made, kept = (inside, rest) if side > 0 else (rest, inside)
            conditions = {route.condition, *route.others, self.judge.route(mode, made, quality).condition}
            if self._log_ratio(mode, route.condition, kept) >= 0:
                continue
            if any(self._log_ratio(mode, condition, made) <= 0 for condition in conditions):
                continue
            if side > 0 or self._accused(mode, route.condition, rest):
                yield part

    def _log_ratio(self, mode: str, condition: Condition, vector: np.ndarray) -> float:
        return float(self.judge.ask(mode, condition, vector)[1].upscaled[0])

    def _accused(self, mode: str, condition: Condition, vector: np.ndarray) -> bool:
        """Whether a picture with these features would be called upscaled."""
        thresholds, priors = self.judge.reference.thresholds[mode, condition.name], self.judge.priors
        decision = decide(*self.judge.ask(mode, condition, vector), 0, thresholds, priors)
        return decision.log_lr_upscaled + float(logit(priors.upscaled)) >= thresholds.accuse

    def _region(self, found: Localised, part: Part, mode: str, quality: int | None) -> Region:
        box, area = outline(found.grid, part.cells)
        source = None
        if part.kind == UPSCALED and min(box[2:]) >= NAMED_SIDE:
            source = self._source(_vector(found, part.cells, mode), mode, quality)
        return Region("upscaled" if part.kind == UPSCALED else "not_upscaled", box, area, _log10(part.mean), source)

    def _source(self, vector: np.ndarray | None, mode: str, quality: int | None) -> Candidate | None:
        """Name what made a part, as a picture's source would be named."""
        if vector is None:
            return None
        condition = self.judge.route(mode, vector, quality).condition
        expert, scored = self.judge.ask(mode, condition, vector)
        thresholds = self.judge.reference.thresholds[mode, condition.name]
        decision = decide(expert, scored, 0, thresholds, self.judge.priors)
        if decision.verdict != "known_source":
            return None
        best = int(np.argmax(decision.sources))
        probability = math.floor(decision.upscaled * float(decision.sources[best]) * 1e6) / 1e6
        return Candidate(scored.sources[best], probability, _log10(float(decision.log_lr_sources[best])))


def _vector(found: Localised, cells: np.ndarray, mode: str) -> np.ndarray | None:
    """Return the (1, d) features pooled over the tiles of some cells, None where they have no tile to themselves."""
    inside = tiles_inside(cells, found.grid, found.features.origins) & (found.features.activity >= FLATTEST)
    return vector_of(found.features, inside, mode) if inside.any() else None


def outline(grid: Grid, cells: np.ndarray) -> tuple[tuple[int, int, int, int], int]:
    """Return left, top, width and height of a set of cells in pixels, and how many pixels they cover."""
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    top, left = int(rows[0]) * grid.cell, int(columns[0]) * grid.cell
    bottom = min(int(rows[-1] + 1) * grid.cell, grid.height)
    right = min(int(columns[-1] + 1) * grid.cell, grid.width)
    return (left, top, right - left, bottom - top), int(grid.spread(cells).sum())


def rounded(cells: np.ndarray) -> tuple[tuple[float | None, ...], ...]:
    """Return natural log likelihood ratios as rows of log10 ones with three decimals, None for NaN."""
    return tuple(tuple(None if math.isnan(value) else _log10(float(value)) for value in row) for row in cells)


def _log10(natural: float) -> float:
    return round(natural / math.log(10), 3) + 0.0


def verdict_with_regions(verdict: Verdict, found: RegionMap | None) -> Verdict:
    """Return a picture's verdict in the light of its parts.

    A verdict speaks of the whole picture. Where an upscaled part lies in an untouched picture, neither `not_upscaled`
    (no clearance for a forgery) nor a source (no accusation of the photograph around it) is right, however strong the
    part's evidence: the answer is `inconclusive`, and `regions` says what is known. Where an untouched part lies in an
    upscaled picture, what is said of the upscaled rest stays, but it is not cleared either.
    """
    if found is None or not found.found:
        return verdict
    stays = found.found[0].kind == UNTOUCHED and verdict in ("known_source", "unknown_source")
    return verdict if stays else "inconclusive"


def regions_note(found: RegionMap) -> str:
    """Say in a note what differs from the rest, in a picture that has such parts."""
    first, more = found.found[0], len(found.found) - 1
    left, top, width, height = first.box
    where = f"a part of {width} × {height} pixels at column {left}, row {top}"
    others = f" and {more} more" if more else ""
    if first.kind == UPSCALED:
        return f"regions: {where}{others} was upscaled, the rest was not"
    return f"regions: {where}{others} was not upscaled, the rest was"


def read_calibrations(folder: Path | None, identity: str) -> dict[tuple[str, str], TileCalibration]:
    """Read what `fit-regions` wrote beside a reference.

    Args:
        folder: of the reference, None for the shipped one.
        identity: of the reference.

    Returns:
        The calibrations; none where there is no such file, or where it belongs to another reference.

    Raises:
        ValueError: the file is damaged.
    """
    path = (SHIPPED if folder is None else folder) / FILE
    if not path.exists():
        return {}
    try:
        about = json.loads(path.read_text("utf-8"))
        if (about["format"], about["reference"]) != (FORMAT, identity):
            return {}
        return {_key(name): TileCalibration(**numbers) for name, numbers in about["tiles"].items()}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {type(error).__name__}: {error}") from None


def _key(name: str) -> tuple[str, str]:
    mode, condition = name.split(".", 1)
    return mode, condition


def write_calibrations(folder: Path, identity: str, calibrations: Calibrations, card: Mapping[str, Any]) -> Path:
    """Write calibrations beside the reference that they belong to.

    Args:
        folder: of the reference.
        identity: of the reference.
        calibrations: by mode and condition name.
        card: what they were fitted on, and error rates; plain numbers.

    Returns:
        The file.
    """
    from model_zoo.weights import write_atomically

    tiles = {f"{mode}.{condition}": asdict(one) for (mode, condition), one in calibrations.items()}
    about = {"format": FORMAT, "reference": identity, "tiles": tiles, "card": dict(card)}
    write_atomically(folder / FILE, (json.dumps(about, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())
    return folder / FILE
