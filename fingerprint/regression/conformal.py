"""Intervals that hold for networks never seen: conformal prediction with the network as the exchangeable unit.

Pictures of one network resemble each other, so they count as one observation between them. Every network has the same
weight, shared evenly by its pictures, and one network's weight lies at infinity for the one that is not yet seen. A
network's errors come from a model that was fitted without it, and an interval is put together from those models'
answers (cross-validation+). float64.

References: Dunn, Wasserman & Ramdas, "Distribution-free prediction sets for two-layer hierarchical models", JASA 118,
2023; Lee, Barber & Willett, "Distribution-free inference with hierarchical data", arXiv 2306.06342, 2023 (the weights,
the point at infinity, and their union with cross-validation+); Barber, Candès, Ramdas & Tibshirani, "Predictive
inference with the jackknife+", Annals of Statistics 49, 2021; Lei et al., "Distribution-free predictive inference for
regression", JASA 113, 2018 (errors relative to a width of the place).
"""

import math
from dataclasses import dataclass

import numpy as np

LEVEL = 0.9
"""How often an interval is meant to hold the true value."""


@dataclass(frozen=True)
class Errors:
    """Errors on networks that were left out, by the fold in which they were.

    Attributes:
        scores: (n,) absolute errors relative to the width of the place.
        folds: (n,) int, which model was fitted without the network.
        weights: (n,), what is missing to a sum of one lies at infinity.
    """

    scores: np.ndarray
    folds: np.ndarray
    weights: np.ndarray


def picture_weights(networks: np.ndarray) -> np.ndarray:
    """Return (n,) weights of pictures: 1 / (number of networks + 1) for each network, shared by its pictures.

    Args:
        networks: (n,) the network of each picture.
    """
    _, index, counts = np.unique(networks, return_inverse=True, return_counts=True)
    return 1.0 / (len(counts) + 1) / counts[index]


def upper_quantile(values: np.ndarray, weights: np.ndarray, level: float) -> float:
    """Return the least value at or below which lies `level` of the weight; infinity where the weights fall short.

    Args:
        values: (n,).
        weights: (n,) non-negative, with a sum of at most one.
        level: above 0 and below 1.
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    place = int(np.searchsorted(reached, level - 1e-12))
    return float(values[order[place]]) if place < len(order) else math.inf


def interval(errors: Errors, centres: np.ndarray, widths: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of one picture.

    Args:
        errors: on the networks that the models were fitted to.
        centres: (folds,) what the models fitted without each fold say.
        widths: (folds,) the widths that they give the place.
        level: how often it is to hold the true value.

    Returns:
        Low and high, infinite where too few networks are there to say.

    Raises:
        ValueError: the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}")
    centre, reach = centres[errors.folds], errors.scores * widths[errors.folds]
    high = upper_quantile(centre + reach, errors.weights, level)
    low = -upper_quantile(reach - centre, errors.weights, level)
    return min(low, high), max(low, high)


def network_coverage(covered: np.ndarray, networks: np.ndarray) -> tuple[float, int]:
    """Return the mean over networks of the share of their pictures that are covered, and the number of networks.

    Args:
        covered: (n,) bool.
        networks: (n,) the network of each picture.
    """
    _, index, counts = np.unique(networks, return_inverse=True, return_counts=True)
    return float((np.bincount(index, weights=covered) / counts).mean()), len(counts)


def binomial_band(networks: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the 95 % band of the share of networks that are covered, if each is with probability `level`.

    The share of one picture a network has this distribution; the mean share of their pictures varies less.

    Args:
        networks: how many, at least one.
        level: what the intervals state.
    """
    from scipy.stats import binom  # slow to import, and answers don't need it

    low, high = binom.interval(0.95, networks, level)
    return float(low) / networks, float(high) / networks
