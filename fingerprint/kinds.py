"""What a tracer's scores mean: first which kind of source, then which of that kind.

Scores of one discriminant are not equally sharp everywhere: those of sources that were learnt from few pictures, and
that lie close together, promise too much, others too little. So each kind of source (scale, loss, and how much it
weighs in the fit) has a factor of its own, and another decides between kinds. With one factor for all, the likeliest
source of published sources' held-out crops at JPEG 74 was given 0.33 and was right in 0.55 of cases; so it is given
0.51. Nor are they equally sharp for every picture: see `sharpness`. float64, natural logarithms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from fingerprint.logistic import balanced_weights

_SPREAD = 1.0  # standard deviation of kinds' log factors about that of all: a few perfect scores prove little
_RIDGE = 1e-4


@dataclass(frozen=True)
class Kinds:
    """Factors that turn scores into log-probabilities.

    Attributes:
        of: (k,) int, each source's kind.
        temperatures: (g,) factor on scores within each kind.
        between: factor on what the kinds' sources say together.
        offsets: (g,) added to that.
        temperature: one factor for all, where sources of no kind are put beside them.
    """

    of: np.ndarray
    temperatures: np.ndarray
    between: float
    offsets: np.ndarray
    temperature: float

    def log_probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Return (n, k) log-probabilities of the sources for (n, k) scores, equally likely beforehand."""
        within, together = _parted(scores, self.of, self.temperatures)
        among = self.between * together + self.offsets
        return within + (among - _total(among))[:, self.of]

    def without(self, column: int) -> "Kinds":
        """Return the factors for all sources but one."""
        left, of = np.unique(np.delete(self.of, column), return_inverse=True)
        return Kinds(of, self.temperatures[left], self.between, self.offsets[left], self.temperature)


def sharpness(near: np.ndarray, usual: float) -> np.ndarray:
    """Return (n, 1) factors on the scores of n pictures, at most one: the farther from every source, the less they say.

    A picture that lies farther from its source than the training pictures do scatters more than they do, and in units
    of its own scatter its lead is smaller: factors go with the inverse square of the distance. With kinds fitted on
    pictures of reduced photographs, the cross-entropy of held-out training crops' sources falls by that from 0.088 to
    0.083 clean and from 1.842 to 1.808 at JPEG 74, of photographs enlarged as they are from 3.03 to 1.02 and from 4.22
    to 3.22.

    Args:
        near: (n,) distances to the nearest source.
        usual: such a distance of pictures like those fitted on, in the middle.
    """
    return np.square(np.minimum(1.0, usual / np.maximum(near, 1e-9)))[:, None]


def _total(scores: np.ndarray) -> np.ndarray:
    return np.asarray(logsumexp(scores, axis=1, keepdims=True))


def _parted(scores: np.ndarray, of: np.ndarray, temperatures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, k) log-probabilities within each kind, and (n, g): what a kind's sources say together, as a score."""
    sharpened = scores * temperatures[of]
    sums = np.concatenate([_total(sharpened[:, of == kind]) for kind in range(len(temperatures))], axis=1)
    return sharpened - sums[:, of], sums / temperatures


def fit_temperature(scores: np.ndarray, target: np.ndarray, weights: np.ndarray, near: float | None = None) -> float:
    """Return the factor on scores that minimises the weighted cross-entropy of the right columns.

    Args:
        scores: (n, k).
        target: (n,) int, the right columns.
        weights: (n,) of the samples; their sum is one.
        near: a factor that the result is drawn to a little.
    """
    rows = np.arange(len(scores))

    def loss(log_factor: float) -> float:
        scaled = np.exp(log_factor) * scores
        drawn = 0.0 if near is None else ((log_factor - np.log(near)) / _SPREAD) ** 2 / 2 / len(scores)
        return drawn - (weights * (scaled[rows, target] - logsumexp(scaled, axis=1))).sum()

    from scipy.optimize import minimize_scalar  # slow to import, and only fitting needs it

    best: Any = minimize_scalar(loss, bounds=(-5.0, 2.0), method="bounded")
    return float(np.exp(best.x))


def fit_kinds(scores: np.ndarray, target: np.ndarray, kinds: Sequence[str]) -> Kinds:
    """Fit the factors on held-out samples, every source weighing the same.

    Args:
        scores: (n, k) of samples that the discriminant never saw.
        target: (n,) int, the right columns.
        kinds: (k,) names of the sources' kinds.
    """
    from scipy.optimize import minimize

    names, of = np.unique(np.array(kinds), return_inverse=True)
    weights = balanced_weights(target)
    whole = fit_temperature(scores, target, weights)
    temperatures = np.full(len(names), whole)
    for kind in range(len(names)):
        columns, rows = np.flatnonzero(of == kind), of[target] == kind
        if len(columns) > 1 and rows.any():
            inside = np.searchsorted(columns, target[rows])
            temperatures[kind] = fit_temperature(
                scores[rows][:, columns], inside, balanced_weights(target[rows]), near=whole
            )
    _, together = _parted(scores, of, temperatures)
    right = np.eye(len(names))[of[target]]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        factor, offsets = np.exp(flat[0]), flat[1:]
        among = factor * together + offsets
        log_p = among - _total(among)
        error = (np.exp(log_p) - right) * weights[:, None]
        slope = np.concatenate([[factor * (error * together).sum()], error.sum(axis=0) + 2 * _RIDGE * offsets])
        return _RIDGE * (offsets**2).sum() - (weights[:, None] * right * log_p).sum(), slope

    start = np.concatenate([[np.log(whole)], np.zeros(len(names))])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(-5.0, 2.0), *[(-50.0, 50.0)] * len(names)]).x
    return Kinds(of, temperatures, float(np.exp(best[0])), best[1:], whole)
