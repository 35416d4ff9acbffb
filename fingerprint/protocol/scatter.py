"""Second moments of pictures within networks, from which networks and folds can be taken away without a second pass.

Features are float32 `n d`. What comes out is the space of Fisher's discriminants: coordinates in which the pictures of
a network scatter by about one in every direction, and in which the nearest mean is the answer of a shrinkage LDA
(`fingerprint.lda`). Everything else of the protocol happens there, in one dimension less than there are networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

LEAST = 1e-7
"""Directions whose share of the means' scatter is below this are left out."""


@dataclass(frozen=True)
class Space:
    """Discriminant coordinates.

    Attributes:
        names: (k,) networks that they were learned from.
        centres: (k, j) means of these networks.
        mean: (d,) float32, of the features.
        weights: (d, j) float32, applied to features less their mean.
    """

    names: tuple[str, ...]
    centres: np.ndarray
    mean: np.ndarray
    weights: np.ndarray

    def vectors(self, features: np.ndarray) -> np.ndarray:
        """Return the (n, j) float64 coordinates of (n, d) features."""
        return ((features - self.mean) @ self.weights).astype(np.float64)


@dataclass(frozen=True)
class Scatter:
    """Moments of the pictures of some networks, apart for each fold.

    Attributes:
        names: (k,) networks.
        count: (f, k) pictures.
        total: (f, k, d) float64 sums of standardised features.
        square: (f, k, d) float64 sums of their squares.
        grams: (f, d, d) float32 sums of products, each network weighing the same.
        rows: (n, d) float32 standardised features.
        index: (n,) network of each row.
        folds: (n,) fold of each row.
        mean: (d,) float32 that was taken away to standardise.
        deviation: (d,) float32 that was divided by.
        weight: (k,) of one picture of each network.
        kept: (k,) bool, networks that are not withheld.
    """

    names: tuple[str, ...]
    count: np.ndarray
    total: np.ndarray
    square: np.ndarray
    grams: np.ndarray
    rows: np.ndarray
    index: np.ndarray
    folds: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    weight: np.ndarray
    kept: np.ndarray

    def without(self, withheld: Sequence[str]) -> "Scatter":
        """Return the moments without some networks.

        Args:
            withheld: names; those that are not there anyway do not matter.

        Raises:
            ValueError: fewer than two networks would be left.
        """
        gone = self.kept & np.isin(self.names, list(withheld))
        kept = self.kept & ~gone
        if kept.sum() < 2:
            raise ValueError(f"at least two networks must be left, got {kept.sum()}")
        grams = self.grams.copy()
        for fold, gram in enumerate(grams):
            rows = (self.folds == fold) & gone[self.index]
            if rows.any():
                gram -= _gram(self.rows[rows], self.weight[self.index[rows]])
        return replace(self, grams=grams, kept=kept)

    def space(self, shrinkage: float, fold: int | None = None) -> Space:
        """Learn discriminant coordinates.

        Args:
            shrinkage: weight of the identity in the standardised covariance, above 0 and up to 1.
            fold: the fold to leave out, None to use all.

        Raises:
            ValueError: a shrinkage outside (0, 1].
        """
        if not 0 < shrinkage <= 1:
            raise ValueError(f"shrinkage must be above 0 and at most 1, got {shrinkage}")
        from scipy.linalg import cho_factor, cho_solve  # slow to import

        used = [f for f in range(len(self.grams)) if f != fold]
        weight, count = self.weight[self.kept], self.count[used].sum(axis=0)[self.kept]
        share = weight * count / (weight * count).sum()
        means = self.total[used].sum(axis=0)[self.kept] / count[:, None]
        centre = share @ means
        second = share @ (self.square[used].sum(axis=0)[self.kept] / count[:, None])
        deviation = np.sqrt(np.maximum(second - centre**2, 0)) + 1e-4
        rooted = (means * np.sqrt(share)[:, None]).astype(np.float32)
        within = self.grams[used].sum(axis=0) / np.float32((weight * count).sum()) - rooted.T @ rooted
        inverse = (1 / deviation).astype(np.float32)
        within *= inverse
        within *= inverse[:, None]
        ridge = shrinkage * np.trace(within) / len(within)
        within *= np.float32(1 - shrinkage)
        within[np.diag_indices(len(within))] += np.float32(ridge)
        apart = ((means - centre) / deviation).astype(np.float32)
        factor = cho_factor(within, lower=True, overwrite_a=True, check_finite=False)
        solved = cho_solve(factor, apart.T, check_finite=False).astype(np.float64)
        centres, turned = _turned(apart.astype(np.float64) @ solved)
        raw = (solved / deviation[:, None]) @ turned / self.deviation[:, None].astype(np.float64)
        names = tuple(name for name, kept in zip(self.names, self.kept, strict=True) if kept)
        mean = self.mean + centre * self.deviation
        return Space(names, centres, mean.astype(np.float32), raw.astype(np.float32))


def _turned(products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means in uncorrelated coordinates of unit scatter, and what brings scores there."""
    values, vectors = np.linalg.eigh((products + products.T) / 2)
    used = values > LEAST * values.max()
    root = np.sqrt(values[used])
    return vectors[:, used] * root, vectors[:, used] / root


def _gram(rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
    scaled = rows * np.sqrt(weight)[:, None].astype(np.float32)
    return scaled.T @ scaled


def measure_scatter(features: np.ndarray, names: np.ndarray, folds: np.ndarray) -> Scatter:
    """Sum up the moments of pictures.

    Args:
        features: (n, d) float32.
        names: (n,) network of each.
        folds: (n,) int, 0 to the number of folds - 1.

    Raises:
        ValueError: a network has no picture in one of the folds.
    """
    known, index = np.unique(names, return_inverse=True)
    count = np.zeros((folds.max() + 1, len(known)))
    np.add.at(count, (folds, index), 1)
    if not count.all():
        lacking = ", ".join(sorted(map(str, known[(count == 0).any(axis=0)])))
        raise ValueError(f"every network needs pictures in every fold, {lacking} has not")
    mean, deviation = features.mean(axis=0), features.std(axis=0) + np.float32(1e-4)
    rows = (features - mean) / deviation
    weight = 1 / count.sum(axis=0)
    total = np.zeros((*count.shape, rows.shape[1]))
    square = np.zeros_like(total)
    grams = np.empty((len(count), rows.shape[1], rows.shape[1]), np.float32)
    for fold, gram in enumerate(grams):
        for k in range(len(known)):
            part = rows[(folds == fold) & (index == k)].astype(np.float64)
            total[fold, k], square[fold, k] = part.sum(axis=0), np.square(part).sum(axis=0)
        inside = folds == fold
        gram[:] = _gram(rows[inside], weight[index[inside]])
    kept = np.ones(len(known), bool)
    return Scatter(
        tuple(map(str, known)), count, total, square, grams, rows, index, folds, mean, deviation, weight, kept
    )
