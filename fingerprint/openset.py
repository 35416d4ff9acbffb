"""Known or unknown: whether an upscaled picture fits any enrolled source, learned by leaving each source out in turn.

Scores are those of the source discriminant, float64 `n k`, one column a source. An unknown network either lies far from
all enrolled ones or between two of them; the distance to the nearest and the lead of the nearest over the second tell
both.
"""

from dataclasses import dataclass
from functools import cached_property

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

    def vectors(self, scores: np.ndarray) -> np.ndarray:
        """Return (n, k) whitened scores: pictures of one source scatter by one in every direction."""
        return np.einsum("nk,kj->nj", scores.astype(np.float64), self.whitener, optimize=False)

    @cached_property
    def steepness(self) -> float:
        """By how much scores of neighbouring sources differ for each half of a squared distance.

        For Gaussian classes whose scatter the discriminant knows it is 1.
        """
        scores = np.linalg.solve(self.whitener.T, self.centres.T).T
        squared = np.square(self.centres[:, None] - self.centres[None]).sum(axis=-1)
        np.fill_diagonal(squared, np.inf)
        near = squared.argmin(axis=1)
        rows = np.arange(len(near))
        return float(np.median(2 * (scores[rows, rows] - scores[rows, near]) / squared[rows, near]))

    def squared_distances(self, scores: np.ndarray) -> np.ndarray:
        """Return the (n, k) squared Mahalanobis distances of scores to every source."""
        z = self.vectors(scores)
        squared = np.empty((len(z), len(self.centres)))
        for column, centre in enumerate(self.centres):  # one at a time: all differences at once fill the memory
            squared[:, column] = np.square(z - centre).sum(axis=-1)
        return squared


@dataclass(frozen=True)
class Moments:
    """Sums over samples of each class: enough to place any choice of classes.

    Attributes:
        count: (k,) samples.
        total: (k, k) sums of scores, one row a class.
        square: (k, k, k) sums of outer products of scores, one matrix a class.
    """

    count: np.ndarray
    total: np.ndarray
    square: np.ndarray

    def places(self, kept: np.ndarray | None = None) -> Places:
        """Place the kept classes, all by default, in the space of their own columns.

        The shared covariance is the mean of the classes' own, every class weighing the same, with a thousandth of its
        mean variance added for safety.

        Args:
            kept: (j,) columns.
        """
        every = np.arange(len(self.count))
        kept = every if kept is None else kept
        means = self.total[np.ix_(kept, kept)] / self.count[kept][:, None]
        second = self._second.copy()
        for gone in np.setdiff1d(every, kept):
            second -= self.square[gone] / self.count[gone]
        covariance = second[np.ix_(kept, kept)] / len(kept) - means.T @ means / len(kept)
        covariance[np.diag_indices(len(kept))] += 1e-3 * np.trace(covariance) / len(kept)
        whitener = np.linalg.inv(np.linalg.cholesky(covariance)).T
        return Places(whitener, means @ whitener)

    @cached_property
    def _second(self) -> np.ndarray:
        """The sum over classes of their mean outer products: with a hundred sources, all that takes long."""
        return (self.square / self.count[:, None, None]).sum(axis=0)

    def __sub__(self, other: "Moments") -> "Moments":
        """Take the samples of `other` away."""
        return Moments(self.count - other.count, self.total - other.total, self.square - other.square)


def moments(scores: np.ndarray, index: np.ndarray) -> Moments:
    """Sum up scores by class.

    Args:
        scores: (n, k).
        index: (n,) column of the right source, or negative for samples of none.
    """
    kinds = range(scores.shape[1])
    groups = [scores[index == k].astype(np.float64) for k in kinds]
    return Moments(
        np.array([len(group) for group in groups], float),
        np.stack([group.sum(axis=0) for group in groups]),
        np.stack([group.T @ group for group in groups]),
    )


def fit_places(scores: np.ndarray, index: np.ndarray) -> Places:
    """Place the sources by the means of held-out scores and one shared covariance, every source weighing the same.

    Args:
        scores: (n, k).
        index: (n,) column of the right source, or negative for samples of none.
    """
    return moments(scores, index).places()


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
    every = moments(scores, index)
    for fold in np.unique(folds):
        inside = folds == fold
        rest = every - moments(scores[inside], index[inside])

        def add(kept: np.ndarray, chosen: np.ndarray, label: str, rest: Moments = rest) -> None:
            if chosen.any():
                measures.append(novelty(rest.places(kept).squared_distances(scores[chosen][:, kept])))
                labels.extend([label] * int(chosen.sum()))
                parts.extend(index[chosen].tolist())

        add(columns, inside & (index >= 0), KNOWN)
        if extra is not None:
            add(columns, inside & extra, UNKNOWN)
        for left_out in columns:
            add(columns[columns != left_out], inside & (index == left_out), UNKNOWN)
    names = np.array(labels)
    weights = balanced_weights(names, np.array(parts).astype(str))
    return fit_logistic(np.concatenate(measures), names, weights, ridge=1e-5)
