"""How the pictures come about that the regression learns from: pure functions of a seed.

A photograph is reduced, perhaps JPEG-coded, enlarged by a network or by a kernel with any real factor, perhaps resized,
and brought into a processing condition. Pictures are uint8 `H W 3`.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

import datasets
from fingerprint import posts
from fingerprint.augment import CROP
from fingerprint.conditions import CLEAN, CONDITIONS, LOWEST_QUALITY, Condition
from fingerprint.regression.targets import KERNEL, UNCODED, Truth

Picture = np.ndarray
Enlarge = Callable[[Picture], Picture]

DRAWN = tuple(condition for condition in CONDITIONS if condition == CLEAN or condition.is_jpeg)
"""The processing conditions that pictures are drawn in, the strongest JPEG last; a resize is one of their steps."""
LOW_SIDES = (64, 112, 192)  # of low-resolution pictures: few sizes, since a network compiles anew for each
_EDGE = 8  # low-resolution pixels that are cut away at each side after enlargement, where padding shows
_GRID = 8  # of JPEG
_FACTORS = (1.1, 6.0)  # total scale after a resize
_KERNEL_FACTORS = (1.1, 4.0)
_UNRESIZED = 0.5  # share of networks' pictures that are left as they are
_UNCODED_SHARE = 0.5  # of low-resolution pictures that no JPEG step touched
_LOWEST_BEFORE = 30
_OFF_GRID = 0.25  # share of JPEG steps whose grid does not begin where the picture does
_FULL_CHROMA = 0.25  # share of JPEG steps that keep all chroma
LEAST_SIDE = 144  # pixels a side of the smallest pictures
_MULTIPLE = 12


@dataclass(frozen=True)
class Recipe:
    """How one picture comes about, up to its processing condition.

    Attributes:
        source: name of the network or kernel.
        copy: number of the draw.
        scale_factor: from the low resolution to the picture.
        resize: factor of the resize that follows a network, 1 for none.
        kernel: of that resize, or the one that enlarges.
        before: JPEG quality of the low resolution, `UNCODED` for none.
    """

    source: str
    copy: int
    scale_factor: float
    resize: float
    kernel: str
    before: float

    @property
    def low_side(self) -> int:
        """Pixels a side of the low-resolution picture."""
        needed = (CROP + _GRID) / self.scale_factor + 2 * _EDGE
        return next((side for side in LOW_SIDES if side >= needed), LOW_SIDES[-1])


def generator(*parts: object) -> np.random.Generator:
    """Return the generator that belongs to some parts, the same for the same ones."""
    key = "|".join(map(str, parts))
    return np.random.default_rng(list(hashlib.sha256(key.encode()).digest()[:16]))


def recipe(truth: Truth, copy: int, seed: int, *, runnable: bool = True) -> Recipe:
    """Draw how a picture comes about.

    Args:
        truth: the network or kernel.
        copy: number of the draw.
        seed: of all draws.
        runnable: whether it can be run here; of a published network that cannot, pictures as its authors' code made
            them are resized, so their low resolution has no JPEG step and reductions stay small.
    """
    rng = generator("recipe", seed, truth.name, copy)
    plain, coded = rng.random() < _UNRESIZED, rng.random() >= _UNCODED_SHARE
    before = float(rng.integers(_LOWEST_BEFORE, 100)) if coded and runnable else UNCODED
    if truth.origin == "kernel":
        factor = _between(rng, *_KERNEL_FACTORS)
        return Recipe(truth.name, copy, factor, 1.0, truth.name.removeprefix(KERNEL), before)
    low, high = _FACTORS
    least = low / truth.scale if runnable else LEAST_SIDE / 192
    resize = 1.0 if plain else _between(rng, least, high / truth.scale)
    kernel = str(rng.choice(posts.KERNELS))
    return Recipe(truth.name, copy, truth.scale * resize, resize, kernel, before)


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return round(math.exp(rng.uniform(math.log(low), math.log(high))), 4)


def _making(given: Recipe, seed: int) -> np.random.Generator:
    return generator("made", seed, given.source, given.copy)


def photograph(given: Recipe, seed: int, count: int) -> int:
    """Return which of `count` photographs `made` draws with the same arguments."""
    return int(_making(given, seed).integers(count))


def made(given: Recipe, photographs: Sequence[Path], seed: int, enlarge: Enlarge | None) -> Picture:
    """Enlarge a part of a photograph as a recipe says.

    Args:
        given: the recipe.
        photographs: one of which is drawn.
        seed: of all draws.
        enlarge: the network, by its own whole factor; None for a kernel.

    Returns:
        The picture, at least CROP pixels a side with a few to spare.
    """
    rng = _making(given, seed)
    whole = _photograph(photographs[int(rng.integers(len(photographs)))])
    side = given.low_side
    own = given.scale_factor / given.resize
    reduction = max(1.0, min(own, min(whole.shape[:2]) / side))
    size = tuple(max(side, round(n / reduction)) for n in whole.shape[:2])
    low = datasets.resize(whole, (size[0], size[1]), "bicubic")
    if given.before < UNCODED:
        low = datasets.jpeg_round_trip(low, int(given.before), "4:4:4" if rng.random() < _FULL_CHROMA else "4:2:0")
    top, left = (int(rng.integers(0, n - side + 1)) for n in low.shape[:2])
    low = np.ascontiguousarray(low[top : top + side, left : left + side])
    if enlarge is None:
        wide = round(side * own)
        large = datasets.resize(low, (wide, wide), given.kernel)
    else:
        large = enlarge(low)
    edge = math.ceil(_EDGE * own)
    return resized(large[edge:-edge, edge:-edge], given)


def resized(picture: Picture, given: Recipe) -> Picture:
    """Resize a network's picture as a recipe says."""
    if given.resize == 1:
        return picture
    height, width = (max(1, round(n * given.resize)) for n in picture.shape[:2])
    return datasets.resize(np.ascontiguousarray(picture), (height, width), given.kernel)


def values(given: Recipe, condition: Condition, seed: int) -> dict[str, float]:
    """Return the true values that change from picture to picture: those of `drawn` with the same arguments."""
    return {
        "scale_factor": given.scale_factor,
        "jpeg_quality_before": given.before,
        "jpeg_quality_after": _quality(given, condition, seed),
    }


def _quality(given: Recipe, condition: Condition, seed: int) -> float:
    if condition.lowest is None or condition.highest is None:
        return UNCODED
    lowest = LOWEST_QUALITY if condition == DRAWN[-1] else condition.lowest
    rng = generator("quality", seed, given.source, given.copy, condition.name)
    return float(rng.integers(lowest, min(condition.highest, 99) + 1))


def drawn(picture: Picture, given: Recipe, condition: Condition, seed: int) -> Picture:
    """Bring a picture into a condition and cut a training crop.

    A JPEG grid mostly begins where the picture begins; now and then at random.

    Args:
        picture: what `made` or `resized` returned.
        given: its recipe.
        condition: clean, or a range of JPEG qualities, the lowest of which reaches down to the validated range's end.
        seed: of all draws.

    Returns:
        (h, w, 3) uint8, CROP pixels a side or, of a small picture, all there is.
    """
    rng = generator("drawn", seed, given.source, given.copy, condition.name)
    if condition.is_jpeg:
        if rng.random() < _OFF_GRID:
            top, left = rng.integers(0, _GRID, 2)
            picture = picture[top:, left:]
        subsampling = "4:4:4" if rng.random() < _FULL_CHROMA else "4:2:0"
        picture = datasets.jpeg_round_trip(picture, int(_quality(given, condition, seed)), subsampling)
    high, wide = (min(CROP, n) for n in picture.shape[:2])
    top, left = (int(rng.integers(0, n - m + 1)) for n, m in zip(picture.shape[:2], (high, wide), strict=True))
    return np.ascontiguousarray(picture[top : top + high, left : left + wide])


@lru_cache(maxsize=256)
def _photograph(path: Path) -> Picture:
    return datasets.crop_to_multiple(datasets.read_evidence(path).pixels, _MULTIPLE)
