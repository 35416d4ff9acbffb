"""Training batches of an imitator: a pure function of a seed and a step's number, so that a resumed run is the same.

A scene is cut at a place on the lattice; one of its sources, after some post-processing or none, is what the imitator
sees reduced, and a choice of its sources, untouched, is what it has to tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fingerprint import posts
from fingerprint.imitation.network import LUMA, reduced
from fingerprint.imitation.pictures import Scene

MIXTURE = posts.Mixture(0.6, 0.32, 0, 0.08, 0, 0, curved=0.0, lowest=45, highest=98)
"""What the seen picture went through; steps that change its geometry are left out."""
_SMALL = 36  # small pixels a side
_FAITHFUL = 1.0
"""Grey levels that pictures, reduced, may lie from what others' are: a source that changes more hides what it saw."""


@dataclass(frozen=True)
class Batch:
    """What a step learns from.

    Attributes:
        tiles: (n, side, side, 3) uint8, what is seen.
        targets: (n, k, side, side) uint8 luma of the chosen sources' pictures.
        chosen: (k,) int32 numbers of these sources.
        present: (n, k) float32, 1 where the scene has the source's picture.
    """

    tiles: np.ndarray
    targets: np.ndarray
    chosen: np.ndarray
    present: np.ndarray


class Pool:
    """Scenes in memory, and how often each source is asked for."""

    def __init__(self, scale: int, scenes: Sequence[Scene], names: Sequence[str], favoured: frozenset[str]) -> None:
        """Take hold of scenes.

        Args:
            scale: of the sources.
            scenes: at least one.
            names: all sources, in the order of the heads.
            favoured: sources that every batch asks for, and that are seen more often.
        """
        self.scale, self.scenes, self.names = scale, tuple(scenes), tuple(names)
        number = {name: k for k, name in enumerate(names)}
        self._row = [{number[name]: row for row, name in enumerate(scene.sources)} for scene in scenes]
        self._luma = [_luma(scene.pixels) for scene in scenes]
        self._favoured = np.array([name in favoured for name in names])
        self._faithful = self._apart() <= _FAITHFUL

    def batch(self, seed: int, step: int, size: int, others: int) -> Batch:
        """Draw a batch.

        Args:
            seed: of the run.
            step: its number.
            size: tiles.
            others: how many sources are asked for beside the favoured ones.
        """
        rng = np.random.default_rng([seed, step])
        rest = np.flatnonzero(~self._favoured)
        drawn = rng.choice(rest, min(others, len(rest)), replace=False)
        chosen = np.sort(np.concatenate([np.flatnonzero(self._favoured), drawn])).astype(np.int32)
        side = _SMALL * self.scale
        tiles = np.empty((size, side, side, 3), np.uint8)
        targets = np.zeros((size, len(chosen), side, side), np.uint8)
        present = np.zeros((size, len(chosen)), np.float32)
        for place in range(size):
            scene = int(rng.integers(len(self.scenes)))
            rows = self._row[scene]
            height, width = self.scenes[scene].pixels.shape[1:3]
            top, left = (self.scale * int(rng.integers(0, (n - side) // self.scale + 1)) for n in (height, width))
            part = np.s_[top : top + side, left : left + side]
            known = np.array([source for source in sorted(rows) if self._faithful[source]] or sorted(rows))
            share = np.where(self._favoured[known], 1.0, 0.25)
            seen = rows[int(rng.choice(known, p=share / share.sum()))]
            picture = np.ascontiguousarray(self.scenes[scene].pixels[seen][part])
            picture = _processed(picture, rng)
            turn = int(rng.integers(8))
            tiles[place] = _turned(picture, turn)
            for column, source in enumerate(chosen):
                if source in rows:
                    targets[place, column] = _turned(self._luma[scene][rows[source]][part], turn)
                    present[place, column] = 1
        return Batch(tiles, targets, chosen, present)

    def _apart(self) -> np.ndarray:
        """Return (k,): how far each source's pictures, reduced, lie from the median of all, in grey levels."""
        total, seen = np.zeros(len(self.names)), np.zeros(len(self.names))
        for rows, luma in zip(self._row, self._luma, strict=True):
            order = np.array(sorted(rows))
            here = np.array(reduced(np.repeat(luma[[rows[k] for k in order], ..., None], 3, -1), self.scale)[..., 0])
            total[order] += np.sqrt(np.square(here - np.median(here, axis=0)).mean(axis=(1, 2)))
            seen[order] += 1
        return total / np.maximum(seen, 1)

    def nearest(self) -> np.ndarray:
        """Return (k,) float32: each source's mean squared difference from its nearest relative, in grey levels."""
        count = len(self.names)
        total, seen = np.zeros((count, count)), np.zeros((count, count))
        for rows, luma in zip(self._row, self._luma, strict=True):
            order = np.array(sorted(rows))
            flat = luma[[rows[k] for k in order]][:, ::3, ::3].reshape(len(order), -1).astype(np.float32)
            square = (flat * flat).mean(axis=1)
            apart = square[:, None] + square[None] - 2 * (flat @ flat.T) / flat.shape[1]
            total[np.ix_(order, order)] += apart
            seen[np.ix_(order, order)] += 1
        apart = np.where(seen > 0, total / np.maximum(seen, 1), np.inf)
        np.fill_diagonal(apart, np.inf)
        return np.maximum(apart.min(axis=1), 0.25).astype(np.float32)


def _luma(pixels: np.ndarray) -> np.ndarray:
    """Return (sources, H, W) uint8 luma, a picture at a time."""
    factors = np.array(LUMA, np.float32)
    return np.stack([np.rint(picture.astype(np.float32) @ factors).astype(np.uint8) for picture in pixels])


def _processed(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Send a picture through what leaves its geometry as it is."""
    kind = rng.random()
    if kind < MIXTURE.untouched:
        return picture
    if kind < MIXTURE.untouched + MIXTURE.jpeg:
        return posts.jpeg(picture, rng, int(rng.integers(MIXTURE.lowest, MIXTURE.highest + 1)))
    return posts.webp(picture, rng, int(rng.integers(50, 99)))


def _turned(picture: np.ndarray, turn: int) -> np.ndarray:
    """Return one of the eight mirrored and turned versions."""
    if turn & 1:
        picture = picture[:, ::-1]
    if turn & 2:
        picture = picture[::-1]
    return picture.swapaxes(0, 1) if turn & 4 else picture
