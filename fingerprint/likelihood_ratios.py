"""How good likelihood ratios are: cost, calibration, the bounds that a validation set supports, and open-set scores.

Likelihood ratios are natural logarithms, float64; `same` are those of comparisons where the first proposition is true
(this source made the picture, it was upscaled), `different` those where the second is.

References: Brümmer & du Preez, "Application-independent evaluation of speaker detection", Computer Speech and Language
20, 2006 (cost, its minimum by isotonic regression); Ramos et al., "Deconstructing cross-entropy for probabilistic
binary classifiers", Entropy 20, 2018 (empirical cross-entropy); Vergeer et al., "Numerical likelihood ratios outputted
by LR systems are often based on extrapolation: when to stop extrapolating?", Science & Justice 56, 2016 (bounds).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression
from scipy.special import expit

_STEP = 0.01 * math.log(10)  # of the thresholds among which bounds are looked for
_EXTREME = 9 * math.log(10)  # what infinite ratios count as there
Values = ArrayLike


def _checked(same: Values, different: Values) -> tuple[np.ndarray, np.ndarray]:
    parts = tuple(np.asarray(part, np.float64).reshape(-1) for part in (same, different))
    if not all(part.size for part in parts):
        raise ValueError(f"both sides need at least one likelihood ratio, got {parts[0].size} and {parts[1].size}")
    if any(np.isnan(part).any() for part in parts):
        raise ValueError("likelihood ratios must be numbers, got NaN")
    return parts[0], parts[1]


def cllr(same: Values, different: Values) -> float:
    """Return the log-likelihood-ratio cost in bits: 0 is perfect, 1 is what saying nothing (a ratio of 1) costs.

    Args:
        same: (n,).
        different: (m,).

    Raises:
        ValueError: a side is empty, or holds NaN.
    """
    same, different = _checked(same, different)
    costs = np.logaddexp(0, -same).mean(), np.logaddexp(0, different).mean()
    return float(sum(costs) / 2 / math.log(2))


def pooled_adjacent(same: Values, different: Values) -> tuple[np.ndarray, np.ndarray]:
    """Return the ratios that calibrate best among all that keep the order (pool adjacent violators).

    Args:
        same: (n,).
        different: (m,).

    Returns:
        Both sides, in the order given; infinite where one side is alone.

    Raises:
        ValueError: a side is empty, or holds NaN.
    """
    same, different = _checked(same, different)
    scores = np.concatenate([same, different])
    truth = np.concatenate([np.ones(len(same)), np.zeros(len(different))])
    values, place = np.unique(scores, return_inverse=True)
    weights = np.bincount(place).astype(float)
    share = isotonic_regression(np.bincount(place, truth) / weights, weights=weights).x[place]
    with np.errstate(divide="ignore"):
        log_odds = np.log(share) - np.log1p(-share)
    log_ratios = log_odds - math.log(len(same) / len(different))
    return log_ratios[: len(same)], log_ratios[len(same) :]


def cllr_min(same: Values, different: Values) -> float:
    """Return what the cost would be if calibration were perfect: what is lost because the two sides overlap."""
    return cllr(*pooled_adjacent(same, different))


def empirical_cross_entropy(same: Values, different: Values, prior_log_odds: Values) -> np.ndarray:
    """Return the cross-entropy in bits, for each of several prior odds.

    Args:
        same: (n,).
        different: (m,).
        prior_log_odds: (p,), natural logarithms.

    Returns:
        (p,); at odds of 1 it is `cllr`.

    Raises:
        ValueError: a side is empty, or holds NaN.
    """
    same, different = _checked(same, different)
    odds = np.asarray(prior_log_odds, np.float64).reshape(-1)
    prior = expit(odds)
    missed = np.logaddexp(0, -(same[:, None] + odds)).mean(axis=0)
    mistaken = np.logaddexp(0, different[:, None] + odds).mean(axis=0)
    return (prior * missed + (1 - prior) * mistaken) / math.log(2)


def supported_bounds(same: Values, different: Values) -> tuple[float, float]:
    """Return the empirical lower and upper bounds (ELUB): beyond them a ratio is extrapolation.

    One misleading ratio as strong as could be is added to each side; a bound is where deciding by the ratios is no
    longer better than deciding without them.

    Args:
        same: (n,).
        different: (m,).

    Returns:
        The natural logarithms of the bounds, at most 0 and at least 0.

    Raises:
        ValueError: a side is empty, or holds NaN.
    """
    same, different = (np.clip(part, -_EXTREME, _EXTREME) for part in _checked(same, different))
    low = max(min(same.min(), different.min()), -math.log(len(same) + 1))
    high = min(max(same.max(), different.max()), math.log(len(different) + 1))
    first, last = min(0, math.floor(low / _STEP)), max(0, math.floor(high / _STEP) + 1)
    thresholds = np.arange(first, last + 1) * _STEP
    odds = np.exp(thresholds)
    missed = (np.searchsorted(np.sort(same), thresholds, side="right") + 1) / (len(same) + 1)
    mistaken = 1 - np.searchsorted(np.sort(different), thresholds, side="right") / (len(different) + 1)
    with_ratios = missed + odds * mistaken
    without = np.where(thresholds < 0, odds, 1.0)
    useless = with_ratios > without
    below, above = thresholds[useless & (thresholds <= 0)], thresholds[useless & (thresholds >= 0)]
    lower = max(below.max() + _STEP, thresholds[0]) if below.size else thresholds[0]
    upper = min(above.min() - _STEP, thresholds[-1]) if above.size else thresholds[-1]
    return float(min(lower, 0.0)), float(max(upper, 0.0))


@dataclass(frozen=True)
class Tippett:
    """Shares of ratios at or above a value: the curves of a Tippett plot.

    Attributes:
        log_ratios: (k,), rising.
        same: (k,) share of `same` that is at least so large.
        different: (k,) share of `different` that is at least so large.
    """

    log_ratios: np.ndarray
    same: np.ndarray
    different: np.ndarray


def tippett(same: Values, different: Values) -> Tippett:
    """Return the curves of a Tippett plot.

    Raises:
        ValueError: a side is empty, or holds NaN.
    """
    same, different = _checked(same, different)
    values = np.unique(np.concatenate([same, different]))
    shares = (1 - np.searchsorted(np.sort(part), values, side="left") / len(part) for part in (same, different))
    return Tippett(values, *shares)


def calibration_error(probabilities: Values, truth: Values, bins: int = 15) -> float:
    """Return the expected calibration error: how far stated probabilities are from what happened.

    Args:
        probabilities: (n,), of what was said to be so.
        truth: (n,) bool, whether it was.
        bins: of equal width.

    Returns:
        The mean distance, over bins, weighted by how many fall into each (Naeini et al., AAAI 2015).

    Raises:
        ValueError: nothing is given, or a probability lies outside 0..1.
    """
    stated, truth = np.asarray(probabilities, np.float64).reshape(-1), np.asarray(truth, bool).reshape(-1)
    if not stated.size or stated.shape != truth.shape:
        raise ValueError(f"probabilities and truth must be of one length above 0, got {stated.size} and {truth.size}")
    if not ((stated >= 0) & (stated <= 1)).all():
        raise ValueError("probabilities must lie between 0 and 1")
    place = np.minimum((stated * bins).astype(int), bins - 1)
    gaps = np.bincount(place, stated, bins) - np.bincount(place, truth, bins)
    return float(np.abs(gaps).sum() / len(stated))


def auroc(known: Values, unknown: Values) -> float:
    """Return the probability that a known one scores above an unknown one; ties count half."""
    from sklearn.metrics import roc_auc_score  # slow to import, and answers don't need it

    known, unknown = _checked(known, unknown)
    return float(roc_auc_score(np.repeat([1, 0], [len(known), len(unknown)]), np.concatenate([known, unknown])))


def false_alarms_at(known: Values, unknown: Values, kept: float = 0.95) -> float:
    """Return the share of unknown ones at or above the score that keeps `kept` of the known ones."""
    known, unknown = _checked(known, unknown)
    limit = np.sort(known)[len(known) - math.ceil(kept * len(known))]
    return float((unknown >= limit).mean())


def oscr(known: Values, right: Values, unknown: Values) -> float:
    """Return the open-set classification rate (Dhamija et al., NeurIPS 2018).

    It is the area under the curve of known ones that are accepted and named rightly against unknown ones that are
    accepted.

    Args:
        known: (n,) scores of pictures of enrolled sources.
        right: (n,) bool, whether the best source was the right one.
        unknown: (m,) scores of pictures of others.

    Raises:
        ValueError: a side is empty, or holds NaN.
    """
    known, unknown = _checked(known, unknown)
    hits = known[np.asarray(right, bool).reshape(-1)]
    if not hits.size:
        return 0.0
    return auroc(hits, unknown) * len(hits) / len(known)
