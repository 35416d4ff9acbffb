"""Feature vectors of all samples in all conditions, measured once and kept on disk.

Features are float16 on disk and float32 in memory.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np

from fingerprint.conditions import Condition
from fingerprint.embedding.embedder import Embedder, load_embedder
from fingerprint.features import embedded_tiles
from fingerprint.samples import NATIVE, UNSEEN, Sample, fold_of
from spectra import DIMENSIONS, FEATURES_ID, tile_features, tile_origins

RECIPE = "1"


@dataclass(frozen=True)
class TrainingSet:
    """Samples of one condition.

    Attributes:
        features: (n, d) float32, the classical dimensions first.
        labels: (n,) str.
        groups: (n,) str.
        folds: (n,) int.
        native: (n,) bool, made of photographs as they are; none by default.
    """

    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    folds: np.ndarray
    native: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        """Fill in what is not given."""
        if not len(self.native):
            object.__setattr__(self, "native", np.zeros(len(self.labels), bool))

    def columns(self, used: np.ndarray) -> "TrainingSet":
        """Return the samples with some dimensions alone, (d,) bool."""
        return self if used.all() else replace(self, features=np.ascontiguousarray(self.features[:, used]))

    def take(self, chosen: np.ndarray) -> "TrainingSet":
        """Return the chosen samples, (n,) bool or indices."""
        columns = (self.features, self.labels, self.groups, self.folds, self.native)
        return TrainingSet(*(column[chosen] for column in columns))


def measure(
    samples: Sequence[Sample],
    condition: Condition,
    cache: Path,
    *,
    repeats: int = 1,
    workers: int | None = None,
    embedder: Embedder | None = None,
    learned: bool = True,
    fresh: bool = False,
    advance: Callable[[int], None] = lambda count: None,
) -> TrainingSet:
    """Measure the samples of one condition, one cached file for each part of a label.

    Args:
        samples: pictures of any labels.
        condition: what they are brought into.
        cache: folder for the measured features; what is there already and fits is read instead.
        repeats: how many times the samples' own copies are drawn.
        workers: threads, all processors by default; the result does not depend on it.
        embedder: the embedding, the shipped one by default.
        learned: whether the embedding is asked; without it there are the classical dimensions alone.
        fresh: whether the embedding was trained on none of these photographs.
        advance: called with the number of samples each time a label's are done.

    Returns:
        The condition's training set, sorted by label.
    """
    cache.mkdir(parents=True, exist_ok=True)
    by_label: dict[str, list[tuple[Sample, int]]] = {}
    for sample in samples:
        by_label.setdefault(sample.label, []).extend((sample, k) for k in range(sample.copies * repeats))
    blocks, labels, groups, native = [], [], [], []
    embedder = load_embedder() if embedder is None else embedder
    embed = partial(_learned, embedder, fresh)
    embedded_by = f"{embedder.identity}|{'whole' if fresh else 'halved'}"
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for label in sorted(by_label):
            for name, part in groupby(by_label[label], key=lambda draw: draw[0].part):
                draws = list(part)
                classical = _block(draws, condition, cache, DIMENSIONS, FEATURES_ID, pool, _classical)
                if learned:
                    told = _block(draws, condition, cache, embedder.dimensions, embedded_by, pool, embed)
                    classical = np.concatenate([classical, told], axis=1)
                blocks.append(classical)
                advance(len(draws))
                labels += [label] * len(draws)
                groups += [sample.group for sample, _ in draws]
                native += [name == NATIVE] * len(draws)
    folds = np.array([fold_of(group) for group in groups])
    features = np.concatenate(blocks).astype(np.float32)
    return TrainingSet(features, np.array(labels), np.array(groups), folds, np.array(native))


def _block(
    draws: list[tuple[Sample, int]],
    condition: Condition,
    cache: Path,
    width: int,
    made_by: str,
    pool: ThreadPoolExecutor,
    measure: Callable[[Sample, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Read a label's vectors of one kind, or measure and keep them."""
    lines = [f"{s.path.name}|{s.path.stat().st_size}|{s.history}|{sorted(s.touches)}|{k}" for s, k in draws]
    key = hashlib.sha256("\n".join([made_by, RECIPE, repr(condition), draws[0][0].label, *lines]).encode()).hexdigest()
    path = cache / f"{key[:24]}.npy"
    if path.exists():
        return np.load(path, allow_pickle=False)
    block = np.empty((len(draws), width), np.float16)
    for row, vector in enumerate(pool.map(lambda d: measure(d[0], d[0].draw(condition, d[1])), draws)):
        block[row] = vector
    unfinished = path.with_suffix(".partial.npy")
    np.save(unfinished, block, allow_pickle=False)
    unfinished.replace(path)
    return block


def _classical(sample: Sample, crop: np.ndarray) -> np.ndarray:
    return tile_features(crop).pooled()


def _learned(embedder: Embedder, fresh: bool, sample: Sample, crop: np.ndarray) -> np.ndarray:
    """Embed a crop; of a photograph that the embedding was trained on, every second tile.

    A crop's tiles overlap, so that half of them say as much in half the time (JPEG 74, classical features beside them,
    photographs never seen: 0.517 top-1 for 0.521).
    """
    every = 1 if fresh or fold_of(sample.group) == UNSEEN else 2
    return embedder.pooled(embedded_tiles(crop, _spread(tile_origins(*crop.shape[:2]), every), embedder))


def _spread(origins: list[tuple[int, int]], every: int) -> list[tuple[int, int]]:
    """Choose tiles on the diagonals of a picture, as on a chessboard."""
    if every == 1:
        return origins
    rows, columns = (sorted(set(places)) for places in zip(*origins, strict=True))
    return [(top, left) for top, left in origins if (rows.index(top) + columns.index(left)) % every == 0]
