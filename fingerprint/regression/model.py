"""Ridge regression of hyper-parameters on a picture's features, with errors on networks that were left out.

Features are brought to their main components, one projection for all processing conditions, and lifted by random
cosines, which let a linear model bend. Each target has a model for each fold of networks, fitted without them. float64
unless said otherwise; what is kept has the numbers of float16, the projection those of eight bits with a step for each
component.

References: Hoerl & Kennard, "Ridge regression", Technometrics 12, 1970; Rahimi & Recht, "Random features for
large-scale kernel machines", NeurIPS 2007 (cosines that stand for a Gaussian kernel).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fingerprint.regression.conformal import LEVEL, Errors, interval, picture_weights

COMPONENTS = 192
COSINES = 256
BENT = 64  # of the components, those that the cosines and the widths see
FOLDS = 10
RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
"""Penalties that cross-validation chooses from, as shares of the features' mean variance."""
_WIDTH_RIDGE = 0.3
_CLOSEST = 0.1  # of the median error: what is added to errors before their logarithm is taken
_NARROWEST = 0.2  # widths stay within this share, and its inverse, of the usual one
_SHARPNESS = 0.3  # of the Gaussian kernel, in units of the squared typical distance
_LARGEST = 60000.0  # that float16 holds
_GRAM = 1600  # pictures that the components are found from
_FARTHEST = 8.0  # standard deviations; a feature beyond counts as that far
_LEVELS = 127


@dataclass(frozen=True)
class Lift:
    """What turns a feature vector into the numbers that models are linear in.

    Attributes:
        mean: (d,) float32.
        deviation: (d,) float32, above zero.
        components: (d, r) int8, in steps.
        steps: (r,) float32, each already divided by what makes the squares' sum of all components one on average.
        directions: (b, c) float32, of the cosines, on the first `b` components.
        phases: (c,) float32.
    """

    mean: np.ndarray
    deviation: np.ndarray
    components: np.ndarray
    steps: np.ndarray
    directions: np.ndarray
    phases: np.ndarray

    @property
    def dimensions(self) -> int:
        """How many numbers it gives."""
        return len(self.steps) + len(self.phases)

    def one(self, features: np.ndarray) -> np.ndarray:
        """Return (p,) for (d,) features, without BLAS, whose sums depend on the number of threads."""
        z = _standard(features, self.mean, self.deviation)
        sums = (z[:, None] * self.components).sum(axis=0, dtype=np.float64)
        return self._bent((sums * self.steps)[None])[0]

    def many(self, features: np.ndarray) -> np.ndarray:
        """Return (n, p) for (n, d) features; fitting does not mind the last digits."""
        sums = _standard(features, self.mean, self.deviation) @ self.components.astype(np.float32)
        return self._bent(sums.astype(np.float64) * self.steps)

    def _bent(self, scores: np.ndarray) -> np.ndarray:
        turned = np.einsum("nb,bc->nc", scores[:, : len(self.directions)], self.directions, optimize=False)
        return np.concatenate([scores, np.cos(turned + self.phases) * np.sqrt(2 / len(self.phases))], axis=1)


def _standard(features: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return float32 features in standard deviations, none of them far enough to decide alone."""
    z = (features - mean) / deviation
    return np.clip(z, -_FARTHEST, _FARTHEST, out=z).astype(np.float32, copy=False)


def fit_lift(features: np.ndarray, conditions: np.ndarray, seed: int = 0) -> Lift:
    """Find the main components of features within processing conditions, and draw cosines.

    Args:
        features: (n, d) float32.
        conditions: (n,) str; differences between their means are no components.
        seed: of the cosines, and of the pictures that components are found from where there are many.
    """
    from scipy.linalg import eigh  # slow to import, and only fitting needs it

    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(features))[:_GRAM]
    mean, deviation = features.mean(axis=0), features.std(axis=0) + np.float32(1e-4)
    z, of = _standard(features[chosen], mean, deviation), conditions[chosen]
    for name in np.unique(of):
        z[of == name] -= z[of == name].mean(axis=0)
    rank = min(COMPONENTS, *z.shape)
    values, vectors = eigh((z @ z.T).astype(np.float64), subset_by_index=[len(z) - rank, len(z) - 1])
    kept = values > 1e-9 * values[-1]
    values, vectors = values[kept][::-1], vectors[:, kept][:, ::-1]
    axes = (z.T @ vectors.astype(np.float32)) / np.sqrt(values)
    size = float(np.sqrt(values.sum() / len(z)))
    largest = np.abs(axes).max(axis=0)
    components = np.rint(axes / largest * _LEVELS).astype(np.int8)
    bent = (vectors * np.sqrt(values))[:, :BENT] / size
    half = len(bent) // 2  # the order is random, so pairs of pictures are
    spread = np.sqrt(2 * _SHARPNESS / np.median(np.square(bent[:half] - bent[half : 2 * half]).sum(axis=1)))
    directions = (rng.normal(size=(bent.shape[1], COSINES)) * spread).astype(np.float16).astype(np.float32)
    phases = rng.uniform(0, 2 * np.pi, COSINES).astype(np.float32)
    steps = (largest / _LEVELS / size).astype(np.float32)
    return Lift(mean.astype(np.float32), deviation.astype(np.float32), components, steps, directions, phases)


@dataclass(frozen=True)
class Regressor:
    """One target's models in one processing condition.

    Attributes:
        weights: (folds, p + 1) float32, offsets last, with the numbers of float16.
        widths: (folds, b + 1) float32, likewise, of the logarithm of the expected error, on the first `b` components.
        usual: logarithm of the usual width; others stay near it.
        errors: on the networks left out.
        ridge: the penalty that cross-validation chose.
    """

    weights: np.ndarray
    widths: np.ndarray
    usual: float
    errors: Errors
    ridge: float

    def answer(self, lifted: np.ndarray, level: float = LEVEL) -> tuple[float, float, float]:
        """Return value, low and high for one picture's (p,) lifted features; low and high may be infinite."""
        centres, widths = self.folds(lifted[None])
        low, high = interval(self.errors, centres[:, 0], widths[:, 0], level)
        return float(centres.mean()), low, high

    def folds(self, lifted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what each fold's model says of (n, p) lifted features, and its widths: two (folds, n)."""
        centres = _apply(self.weights, lifted)
        return centres, _width(_apply(self.widths, lifted[:, : self.widths.shape[1] - 1]), self.usual)


def _apply(weights: np.ndarray, lifted: np.ndarray) -> np.ndarray:
    return np.einsum("fp,np->fn", weights[:, :-1].astype(np.float64), lifted, optimize=False) + weights[:, -1:]


def _width(logarithms: np.ndarray, usual: float) -> np.ndarray:
    reach = -np.log(_NARROWEST)
    return np.exp(np.clip(logarithms, usual - reach, usual + reach))


def fold_of_kin(kin: np.ndarray, folds: int = FOLDS, seed: int = 0) -> np.ndarray:
    """Return (n,) int: the fold in which each picture's network is left out, kin together, folds of even numbers.

    Args:
        kin: (n,) what is left out together.
        folds: how many.
        seed: of the order.
    """
    names, index = np.unique(kin, return_inverse=True)
    place = np.random.default_rng(seed).permutation(len(names)) % folds
    return place[index]


def fit_regressor(
    lifted: np.ndarray,
    target: np.ndarray,
    networks: np.ndarray,
    kin: np.ndarray,
    shares: np.ndarray | None = None,
    ridges: Sequence[float] = RIDGES,
) -> Regressor:
    """Fit a target's models.

    Args:
        lifted: (n, p), what `Lift.many` returns.
        target: (n,) true values.
        networks: (n,) the network of each picture.
        kin: (n,) what is left out together.
        shares: (n,) what each picture weighs in the fit; by default every network the same. What errors count does not
            depend on it.
        ridges: penalties to choose from.

    Returns:
        The models, with errors of each network by the models that were fitted without it.

    Raises:
        ValueError: fewer than two groups of kin.
    """
    groups = len(np.unique(kin))
    if groups < 2:
        raise ValueError(f"kin must be of at least two groups, got {groups}")
    folds = fold_of_kin(kin, min(FOLDS, groups))
    counted = picture_weights(networks)
    weights = counted if shares is None else shares / shares.sum()
    moments = _Moments(lifted, weights, folds)
    tried = {ridge: moments.models(target, ridge) for ridge in ridges}
    losses = {ridge: float((weights * np.square(moments.left_out(m) - target)).sum()) for ridge, m in tried.items()}
    ridge = min(losses, key=lambda each: losses[each])
    missed = np.abs(moments.left_out(tried[ridge]) - target)
    logarithms = np.log(missed + _CLOSEST * np.median(missed) + 1e-9)
    places = _Moments(lifted[:, :BENT], weights, folds)
    wide = places.models(logarithms, _WIDTH_RIDGE)
    usual = float((weights * logarithms).sum() / weights.sum())
    scores = missed / _width(places.left_out(wide), usual)
    scores = np.minimum(scores, _LARGEST).astype(np.float16).astype(np.float32)
    errors = Errors(scores, folds.astype(np.int8), counted.astype(np.float32))
    return Regressor(tried[ridge], wide, usual, errors, ridge)


class _Moments:
    """Second moments of lifted features, whole and without each fold."""

    def __init__(self, lifted: np.ndarray, weights: np.ndarray, folds: np.ndarray) -> None:
        self._lifted, self._weights, self._folds = lifted, weights, folds
        self._rows = np.concatenate([lifted, np.ones((len(lifted), 1))], axis=1)
        self._rows *= np.sqrt(weights)[:, None]
        parts = [self._rows[folds == fold] for fold in range(int(folds.max()) + 1)]
        grams = [part.T @ part for part in parts]
        whole = np.sum(grams, axis=0)
        self._without = [whole - gram for gram in grams]

    def models(self, target: np.ndarray, ridge: float) -> np.ndarray:
        """Return the models of (n,) targets without each fold, (folds, p + 1), offsets last."""
        heights = np.sqrt(self._weights) * target
        products = self._rows * heights[:, None]
        whole = products.sum(axis=0)
        found = []
        for fold, gram in enumerate(self._without):
            product = whole - products[self._folds == fold].sum(axis=0)
            found.append(_solve(gram / gram[-1, -1], product / gram[-1, -1], ridge))
        return np.clip(np.stack(found), -_LARGEST, _LARGEST).astype(np.float16).astype(np.float32)

    def left_out(self, models: np.ndarray) -> np.ndarray:
        """Return (n,) what each picture is given by the model fitted without its fold."""
        chosen = models.astype(np.float64)[self._folds]
        return (self._lifted * chosen[:, :-1]).sum(axis=1) + chosen[:, -1]


def _solve(gram: np.ndarray, product: np.ndarray, ridge: float) -> np.ndarray:
    """Return slopes and offset from the mean products of (features, 1) with each other and with the target."""
    from scipy.linalg import cho_factor, cho_solve

    mean, level = gram[:-1, -1], product[-1]
    covariance = gram[:-1, :-1] - np.outer(mean, mean)
    penalty = ridge * max(float(np.trace(covariance)) / len(covariance), 1e-12)
    factor = cho_factor(covariance + penalty * np.eye(len(covariance)), check_finite=False)
    slopes = cho_solve(factor, product[:-1] - mean * level, check_finite=False)
    return np.append(slopes, level - mean @ slopes)
