"""Training batches of the embedding: a pure function of a seed and a step's number, so that a resumed run is the same.

Pictures are uint8 `H W 3`. Pictures of several sources that show one photograph can be drawn together; they then go
through the same post-processing, and what differs between them is the source alone.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import datasets
from fingerprint import posts
from fingerprint.expert import is_innocent, is_source
from fingerprint.samples import ENLARGED, HISTORIES, Sample

GRID = 8  # of JPEG
_MARGIN = 16  # pixels that are left out at a side where a network padded its input
_LATTICE = 24  # pixels: JPEG grids and the lattices of scales 2, 3 and 4 begin on multiples of it
_INNOCENT, _ENLARGED = 0.12, 0.03  # of all draws
_SPARE = 16  # pixels beyond a crop that a photograph's part is given, for cuts


@dataclass(frozen=True)
class Batch:
    """What a step learns from.

    Attributes:
        tiles: (n, side, side, 3) uint8.
        labels: (n,) int32, into the pool's names.
        quality: (n,) float32, of the last JPEG step, 100 where there was none.
    """

    tiles: np.ndarray
    labels: np.ndarray
    quality: np.ndarray


class Pool:
    """All training pictures in memory, and how often each label is drawn."""

    def __init__(
        self, samples: Sequence[Sample], weight: Callable[[str], float], advance: Callable[[int], None] = lambda _: None
    ) -> None:
        """Read every picture once.

        Args:
            samples: pictures of sources, innocents, and enlargements.
            weight: how often a source is drawn, relative to the others.
            advance: called with 1 for each picture.

        Raises:
            ValueError: there are no sources, or no innocents.
            EvidenceError: a picture cannot be read.
        """
        self.samples = tuple(samples)
        self.names = tuple(sorted({sample.label for sample in samples}))
        number = {name: k for k, name in enumerate(self.names)}
        self.label = np.array([number[sample.label] for sample in samples], np.int32)
        paths = sorted({sample.path for sample in samples})

        def read(path: Path) -> np.ndarray:
            advance(1)
            return np.ascontiguousarray(datasets.read_evidence(path).pixels)

        with ThreadPoolExecutor() as pool:
            self._pixels = dict(zip(paths, pool.map(read, paths), strict=True))
        sources = np.array([is_source(name) for name in self.names])
        innocents = np.array([is_innocent(name) for name in self.names])
        if not sources.any() or not innocents.any():
            raise ValueError("a pool needs pictures of sources and of innocents")
        share = np.array([weight(name) if made else 0.0 for name, made in zip(self.names, sources, strict=True)])
        share *= (1 - _INNOCENT - _ENLARGED * (ENLARGED in self.names)) / share.sum()
        share[innocents] = _INNOCENT / innocents.sum()
        share[np.array(self.names) == ENLARGED] = _ENLARGED
        self.share = share / share.sum()
        self._rows = [np.flatnonzero(self.label == k) for k in range(len(self.names))]
        self._mates: dict[str, dict[int, int]] = {}
        for row, sample in enumerate(samples):
            if is_source(sample.label):
                self._mates.setdefault(sample.group, {})[int(self.label[row])] = row

    def batch(
        self, seed: int, step: int, size: int, side: int, mates: int, mixture: posts.Mixture = posts.MIXED
    ) -> Batch:
        """Draw a batch.

        Args:
            seed: of the run.
            step: its number.
            size: pictures.
            side: of the tiles, in pixels.
            mates: how many sources' pictures of one photograph are drawn together.
            mixture: what the pictures go through.
        """
        rng = np.random.default_rng([seed, step])
        tiles, labels = np.empty((size, side, side, 3), np.uint8), np.empty(size, np.int32)
        quality = np.empty(size, np.float32)
        done = 0
        while done < size:
            chosen = self._together(rng, mates)
            key = int(rng.integers(2**62))
            for row in chosen[: size - done]:
                tiles[done], quality[done] = self._tile(row, np.random.default_rng(key), side, mixture)
                labels[done] = self.label[row]
                done += 1
        return Batch(tiles, labels, quality)

    def _together(self, rng: np.random.Generator, mates: int) -> list[int]:
        name = int(rng.choice(len(self.names), p=self.share))
        row = int(rng.choice(self._rows[name]))
        sample = self.samples[row]
        if not is_source(sample.label) or mates < 2:
            return [row]
        others = {k: r for k, r in self._mates[sample.group].items() if k != name}
        names = np.array(sorted(others))
        if not len(names):
            return [row]
        share = self.share[names] / self.share[names].sum()
        drawn = rng.choice(names, min(mates - 1, len(names)), replace=False, p=share)
        return [row, *(others[int(k)] for k in drawn)]

    def _tile(self, row: int, rng: np.random.Generator, side: int, mixture: posts.Mixture) -> tuple[np.ndarray, float]:
        sample = self.samples[row]
        picture = self._pixels[sample.path]
        if is_source(sample.label):
            height, width = picture.shape[:2]
            top, left = (_MARGIN * (name in sample.touches) for name in ("top", "left"))
            bottom, right = (_MARGIN * (name in sample.touches) for name in ("bottom", "right"))
            picture = picture[top : height - bottom, left : width - right]
        else:
            picture = HISTORIES[sample.history](picture, rng)
        picture = _part(picture, rng, side + 4 * _SPARE)
        processed = posts.drawn(picture, rng, side, mixture)
        aligned = processed.quality is not None and rng.random() < 0.8
        unit = GRID if aligned else 1
        top, left = (unit * int(rng.integers(0, (n - side) // unit + 1)) for n in processed.picture.shape[:2])
        tile = processed.picture[top : top + side, left : left + side]
        return tile, float(processed.quality or 100)


def _part(picture: np.ndarray, rng: np.random.Generator, side: int) -> np.ndarray:
    """Cut a part, half the time where a JPEG grid and the lattices of all scales begin."""
    unit = _LATTICE if rng.random() < 0.5 else 1
    size = [min(side, n) for n in picture.shape[:2]]
    down, across = (
        unit * int(rng.integers(0, (n - m) // unit + 1)) for n, m in zip(picture.shape[:2], size, strict=True)
    )
    return picture[down : down + size[0], across : across + size[1]]
