"""Feature vectors of all samples in all conditions, measured once and kept on disk.

Features are float16 on disk and float32 in memory.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fingerprint.conditions import Condition
from fingerprint.samples import Sample, fold_of
from spectra import DIMENSIONS, FEATURES_ID, tile_features

RECIPE = "1"


@dataclass(frozen=True)
class TrainingSet:
    """Samples of one condition.

    Attributes:
        features: (n, DIMENSIONS) float32.
        labels: (n,) str.
        groups: (n,) str.
        folds: (n,) int.
    """

    features: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    folds: np.ndarray

    def take(self, chosen: np.ndarray) -> "TrainingSet":
        """Return the chosen samples, (n,) bool or indices."""
        return TrainingSet(self.features[chosen], self.labels[chosen], self.groups[chosen], self.folds[chosen])


def measure(
    samples: Sequence[Sample],
    condition: Condition,
    cache: Path,
    *,
    repeats: int = 1,
    workers: int | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> TrainingSet:
    """Measure the samples of one condition, one cached file for each label.

    Args:
        samples: pictures of any labels.
        condition: what they are brought into.
        cache: folder for the measured features; what is there already and fits is read instead.
        repeats: how many times the samples' own copies are drawn.
        workers: threads, all processors by default; the result does not depend on it.
        advance: called with the number of samples each time some are done.

    Returns:
        The condition's training set, sorted by label.
    """
    cache.mkdir(parents=True, exist_ok=True)
    by_label: dict[str, list[tuple[Sample, int]]] = {}
    for sample in samples:
        by_label.setdefault(sample.label, []).extend((sample, k) for k in range(sample.copies * repeats))
    blocks, labels, groups = [], [], []
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for label in sorted(by_label):
            draws = by_label[label]
            blocks.append(_block(draws, condition, cache, pool, advance))
            labels += [label] * len(draws)
            groups += [sample.group for sample, _ in draws]
    folds = np.array([fold_of(group) for group in groups])
    return TrainingSet(np.concatenate(blocks).astype(np.float32), np.array(labels), np.array(groups), folds)


def _block(draws: list, condition: Condition, cache: Path, pool: ThreadPoolExecutor, advance: Callable) -> np.ndarray:
    lines = [f"{s.path.name}|{s.path.stat().st_size}|{s.history}|{sorted(s.touches)}|{k}" for s, k in draws]
    key = hashlib.sha256(
        "\n".join([FEATURES_ID, RECIPE, repr(condition), draws[0][0].label, *lines]).encode()
    ).hexdigest()
    path = cache / f"{key[:24]}.npy"
    if path.exists():
        block = np.load(path, allow_pickle=False)
    else:
        block = np.empty((len(draws), DIMENSIONS), np.float16)
        for row, features in enumerate(pool.map(lambda d: tile_features(d[0].draw(condition, d[1])).pooled(), draws)):
            block[row] = features
            advance(1)
        partial = path.with_suffix(".partial.npy")
        np.save(partial, block, allow_pickle=False)
        partial.replace(path)
        return block
    advance(len(draws))
    return block
