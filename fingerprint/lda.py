"""Shrinkage linear discriminant analysis on standardised features, with cross-validated scores at little extra cost.

Features are float32 `n d`; classes weigh the same however many samples they have, unless shares say otherwise. The
scores of a class are w . z + c with w = W^-1 m, the discriminant functions of Gaussian classes with means m and one
covariance W.

Reference: R. A. Fisher, 1936; J. Friedman, "Regularized discriminant analysis", JASA 84, 1989 (shrinkage to a multiple
of the identity, equation 18).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Discriminant:
    """Linear scores of classes.

    Attributes:
        classes: names, in the order of the scores.
        weights: (d, k) float32, applied to raw features.
        offsets: (k,) float32.
        steps: (d,) float32, of which the weights are whole multiples up to 127, None if they are not rounded.
        of_means: (k, k) float64 scores of the means of the classes fitted on, None where nothing more is fitted.
    """

    classes: tuple[str, ...]
    weights: np.ndarray
    offsets: np.ndarray
    steps: np.ndarray | None = None
    of_means: np.ndarray | None = None

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the (n, k) float32 scores of (n, d) features."""
        return features @ self.weights + self.offsets

    def steady_scores(self, features: np.ndarray) -> np.ndarray:
        """Return the (n, k) float64 scores of (n, d) features without BLAS, whose sums depend on the threads."""
        rows = [(row[:, None] * self.weights).sum(axis=0, dtype=np.float64) for row in features]
        return np.stack(rows) + self.offsets

    @property
    def means(self) -> np.ndarray:
        """`of_means` of a discriminant that has just been fitted."""
        assert self.of_means is not None  # noqa: S101
        return self.of_means


@dataclass(frozen=True)
class CrossFit:
    """The discriminant of all samples, and scores of each sample by a discriminant that never saw its fold.

    Attributes:
        full: fitted on all samples.
        held_out: (n, k) float32 scores.
        folds: one discriminant for each fold, fitted without it.
    """

    full: Discriminant
    held_out: np.ndarray
    folds: tuple[Discriminant, ...]


def cross_fit(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    shrinkage: float,
    shares: Callable[[str], float] = lambda name: 1.0,
    weights: np.ndarray | None = None,
) -> CrossFit:
    """Fit one discriminant on everything and one without each fold, from one pass over the second moments.

    Args:
        features: (n, d) float32.
        labels: (n,) class names; every class needs samples in at least two folds.
        folds: (n,) int, 0 to the number of folds - 1.
        shrinkage: weight of the identity in the covariance, above 0 and up to 1.
        shares: how much a class weighs in the covariance, above 0; by default all the same.
        weights: (n,) of the samples within their class, above 0; by default all the same.

    Returns:
        The fits. Scores are shifted by their mean over classes, which changes no difference between classes.

    Raises:
        ValueError: a shrinkage outside (0, 1], or a class within one fold alone.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    classes, index, count, weight = _classes(labels, folds, shrinkage, shares, weights)
    mean, deviation, z = _standardised(features)
    sums = np.zeros((*count.shape, z.shape[1]))
    grams = []
    for fold in range(len(count)):
        rows = np.flatnonzero(folds == fold)
        for k in range(len(classes)):
            mine = rows[index[rows] == k]
            sums[fold, k] = (weights[mine][:, None] * z[mine]).sum(axis=0)
        scaled = z[rows] * np.sqrt(weight[index[rows]] * weights[rows])[:, None].astype(np.float32)
        grams.append(scaled.T @ scaled)
    total = np.sum(grams, axis=0)

    def solve(without: int | None) -> Discriminant:
        n = count.sum(axis=0) - (0 if without is None else count[without])
        means = (sums.sum(axis=0) - (0 if without is None else sums[without])) / n[:, None]
        gram = total if without is None else total - grams[without]
        scaled = (means * np.sqrt(weight * n)[:, None]).astype(np.float32)
        covariance = (gram - scaled.T @ scaled) / np.float32((weight * n).sum())
        return _discriminant(covariance, means, tuple(map(str, classes)), mean, deviation, shrinkage)

    parts = tuple(solve(fold) for fold in range(len(count)))
    held_out = np.empty((len(z), len(classes)), np.float32)
    for fold, part in enumerate(parts):
        held_out[folds == fold] = part.scores(features[folds == fold])
    return CrossFit(solve(None), held_out, parts)


@dataclass(frozen=True)
class LeftOut:
    """What a discriminant that never saw a fold, nor one class at all, says of that class's samples in the fold.

    Attributes:
        name: of the class.
        scores: (n, k - 1) float64, one column for each of the other classes.
        of_means: (k - 1, k - 1) scores of the other classes' means.
    """

    name: str
    scores: np.ndarray
    of_means: np.ndarray


def leave_classes_out(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    fold: int,
    shrinkage: float,
    shares: Callable[[str], float] = lambda name: 1.0,
    weights: np.ndarray | None = None,
) -> Iterator[LeftOut]:
    """Leave each class with samples in a fold out in turn, and score them by the discriminant of the others.

    One factorisation serves all: a class takes as many directions out of the covariance as it has samples (Woodbury's
    identity). The multiple of the identity stays that of all classes.

    Args:
        features: (n, d) float32.
        labels: (n,) class names, as for `cross_fit`.
        folds: (n,) int.
        fold: the fold that is scored, and not fitted on.
        shrinkage: weight of the identity in the covariance, above 0 and up to 1.
        shares: how much a class weighs in the covariance.
        weights: (n,) of the samples within their class; by default all the same.

    Raises:
        ValueError: as `cross_fit` does.
    """
    from scipy.linalg import cholesky, solve_triangular

    weights = np.ones(len(labels)) if weights is None else weights
    classes, index, count, weight = _classes(labels, folds, shrinkage, shares, weights)
    z = _standardised(features)[2]
    train, number = folds != fold, count.sum(axis=0) - count[fold]
    rows = [np.flatnonzero(train & (index == k)) for k in range(len(classes))]
    means = np.stack([(weights[mine][:, None] * z[mine]).sum(axis=0) for mine in rows]) / number[:, None]
    centred = z[train] - means[index[train]].astype(np.float32)
    centred *= np.sqrt(weight[index[train]] * weights[train])[:, None].astype(np.float32)
    covariance = (centred.T @ centred).astype(np.float32)
    ridge = np.float32(shrinkage * np.trace(covariance) / len(covariance))
    covariance *= np.float32(1 - shrinkage)
    covariance[np.diag_indices(len(covariance))] += ridge
    factor = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
    del covariance, centred

    def white(rows: np.ndarray) -> np.ndarray:
        told = solve_triangular(factor, rows.T.astype(np.float32), lower=True, check_finite=False)
        return told.T.astype(np.float64)

    white_means = white(means)
    for k in np.flatnonzero(count[fold] > 0).tolist():
        kept = np.flatnonzero(np.arange(len(classes)) != k)
        mine = white(z[rows[k]])
        own = np.sqrt((1 - shrinkage) * weight[k] * weights[rows[k]])[:, None] * (mine - white_means[k])
        left = np.linalg.inv(np.eye(len(own)) - own @ own.T)
        total = float((weight * number)[kept].sum())
        origin = white_means[kept].mean(axis=0)
        others, asked = white_means[kept] - origin, white(z[~train & (index == k)]) - origin
        along = others @ own.T

        def products(rows: np.ndarray) -> np.ndarray:
            return total * (rows @ others.T + (rows @ own.T) @ left @ along.T)  # noqa: B023 - called at once

        of_means = products(others)
        half = of_means.diagonal() / 2
        yield LeftOut(str(classes[k]), products(asked) - half, of_means - half)


def _classes(
    labels: np.ndarray, folds: np.ndarray, shrinkage: float, shares: Callable[[str], float], weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the (k,) names, each sample's (n,) class, the sum of weights (folds, k), and what such a unit weighs (k,).

    Of the (n,) weights of samples within their class.
    """
    if not 0 < shrinkage <= 1:
        raise ValueError(f"shrinkage must be above 0 and at most 1, got {shrinkage}")
    classes, index = np.unique(labels, return_inverse=True)
    count = np.zeros((folds.max() + 1, len(classes)))
    np.add.at(count, (folds, index), weights)
    lonely = [str(classes[k]) for k in range(len(classes)) if (count[:, k] > 0).sum() < 2]
    if lonely:
        raise ValueError(f"every class needs samples in at least two folds, {', '.join(lonely)} has not")
    share = np.array([shares(str(name)) for name in classes])
    return classes, index, count, share / share.sum() / count.sum(axis=0)


def _standardised(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, deviation = features.mean(axis=0), features.std(axis=0) + np.float32(1e-4)
    return mean, deviation, (features - mean) / deviation


def _discriminant(covariance, means, classes, mean, deviation, shrinkage) -> Discriminant:
    from scipy.linalg import cho_factor, cho_solve  # slow to import, and only fitting needs it

    scale = np.float32(shrinkage * np.trace(covariance) / len(covariance))
    covariance *= np.float32(1 - shrinkage)
    covariance[np.diag_indices(len(covariance))] += scale
    factor = cho_factor(covariance, lower=True, overwrite_a=True, check_finite=False)
    weights = cho_solve(factor, means.T.astype(np.float32), check_finite=False).astype(np.float64)
    offsets = -0.5 * (means.T * weights).sum(axis=0)
    weights -= weights.mean(axis=1, keepdims=True)
    offsets -= offsets.mean()
    raw = weights / deviation[:, None].astype(np.float64)
    shifted = (offsets - mean.astype(np.float64) @ raw).astype(np.float32)
    return Discriminant(classes, raw.astype(np.float32), shifted, of_means=means @ weights + offsets)
