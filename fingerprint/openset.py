"""Known or unknown: whether an upscaled picture fits any enrolled source, learned by leaving each source out in turn.

Scores are those of the source discriminant, float64 `n k`, one column a source. An unknown network either lies far from
all enrolled ones or between two of them; the distance to the nearest and the lead of the nearest over the second tell
both.
"""

from dataclasses import dataclass

import numpy as np

from fingerprint.logistic import Logistic, balanced_weights, fit_logistic

KNOWN, UNKNOWN = "known", "unknown"


@dataclass(frozen=True)
class Places:
    """Where sources lie in score space, whitened by the scatter within sources.

    Attributes:
        whitener: (k, k), applied to scores from the right.
        centres: (k, k) whitened means, one row a source.
    """

    whitener: np.ndarray
    centres: np.ndarray

    def squared_distances(self, scores: np.ndarray) -> np.ndarray:
        """Return the (n, k) squared Mahalanobis distances of scores to every source."""
        z = np.einsum("nk,kj->nj", scores.astype(np.float64), self.whitener, optimize=False)
        return np.square(z[:, None, :] - self.centres[None]).sum(axis=-1)


def fit_places(scores: np.ndarray, index: np.ndarray) -> Places:
    """Place the sources by the means of held-out scores and one shared covariance, every source weighing the same.

    Args:
        scores: (n, k).
        index: (n,) column of the right source, or negative for samples of none.
    """
    scores = scores.astype(np.float64)
    count = scores.shape[1]
    means = np.stack([scores[index == k].mean(axis=0) for k in range(count)])
    covariance = np.zeros((count, count))
    for k in range(count):
        centred = scores[index == k] - means[k]
        covariance += centred.T @ centred / (len(centred) * count)
    covariance[np.diag_indices(count)] += 1e-3 * np.trace(covariance) / count
    whitener = np.linalg.inv(np.linalg.cholesky(covariance)).T
    return Places(whitener, means @ whitener)


def novelty(squared: np.ndarray) -> np.ndarray:
    """Return the (n, 2) measures that tell known from unknown: nearest distance, and log(1 + lead over the second)."""
    ordered = np.sort(squared, axis=1)
    return np.stack([np.sqrt(ordered[:, 0]), np.log1p((ordered[:, 1] - ordered[:, 0]) / 2)], axis=1)


def fit_novelty(scores: np.ndarray, index: np.ndarray, folds: np.ndarray, extra: np.ndarray | None = None) -> Logistic:
    """Learn the log-odds of known against unknown, each source playing the unknown in turn.

    Args:
        scores: (n, k) held-out scores.
        index: (n,) column of the right source, negative for samples of none.
        folds: (n,) folds; places are fitted without the fold they are applied to.
        extra: (n,) bool, samples of upscalers that are never enrolled; unknown in any case.

    Returns:
        A two-class model ("known", "unknown"), known and unknown weighing the same.
    """
    columns = np.arange(scores.shape[1])
    measures, labels, parts = [], [], []

    def add(kept: np.ndarray, chosen: np.ndarray, label: str, part: np.ndarray) -> None:
        place_of = np.full(len(columns), -1)
        place_of[kept] = np.arange(len(kept))
        inner = np.where(index >= 0, place_of[index], -1)
        for fold in np.unique(folds):
            test = chosen & (folds == fold)
            if test.any():
                places = fit_places(scores[folds != fold][:, kept], inner[folds != fold])
                measures.append(novelty(places.squared_distances(scores[test][:, kept])))
                labels.extend([label] * int(test.sum()))
                parts.extend(part[test].tolist())

    add(columns, index >= 0, KNOWN, index)
    if extra is not None:
        add(columns, extra, UNKNOWN, np.full(len(index), -1))
    for left_out in columns:
        add(columns[columns != left_out], index == left_out, UNKNOWN, index)
    names = np.array(labels)
    weights = balanced_weights(names, np.array(parts).astype(str))
    return fit_logistic(np.concatenate(measures), names, weights, ridge=1e-5)
