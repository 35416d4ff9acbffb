"""Known or unknown: what lies far from every source, or between two, is less likely known."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fingerprint.openset import KNOWN, UNKNOWN, fit_novelty, fit_places, novelty

COUNT, EACH = 5, 60


@pytest.fixture(scope="module")
def world() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of five sources at the corners of a simplex, the right column of each, and folds."""
    rng = np.random.default_rng(0)
    index = np.arange(COUNT).repeat(EACH)
    return 6 * np.eye(COUNT)[index] + rng.normal(size=(len(index), COUNT)), index, np.arange(len(index)) % 5


def known_log_odds(world: tuple[np.ndarray, np.ndarray, np.ndarray], scores: np.ndarray) -> np.ndarray:
    trained, index, folds = world
    model = fit_novelty(trained, index, folds)
    log_p = model.log_probabilities(novelty(fit_places(trained, index).squared_distances(scores)))
    return log_p[:, model.classes.index(KNOWN)] - log_p[:, model.classes.index(UNKNOWN)]


def fresh(centre: np.ndarray, seed: int) -> np.ndarray:
    return centre + np.random.default_rng(seed).normal(size=(200, COUNT))


@pytest.mark.parametrize(
    "centre",
    [3.0 * np.eye(COUNT)[0] + 3.0 * np.eye(COUNT)[1], np.full(COUNT, -8.0), 14.0 * np.eye(COUNT)[2]],
    ids=["between two sources", "far from all", "beyond one"],
)
def test_a_new_cluster_ranks_below_known_ones(world, centre: np.ndarray) -> None:
    enrolled = np.concatenate([fresh(6 * np.eye(COUNT)[k], k) for k in range(COUNT)])
    odds = known_log_odds(world, np.concatenate([enrolled, fresh(centre, 9)]))
    known = np.arange(len(odds)) < len(enrolled)
    assert roc_auc_score(known, odds) > 0.9
    assert np.median(odds[known]) > 0 > np.median(odds[~known])


def test_places_are_means_whitened_by_the_scatter_within(world) -> None:
    scores, index, _ = world
    stretched = scores * np.array([1.0, 2.0, 5.0, 0.5, 1.0])
    squared = fit_places(stretched, index).squared_distances(stretched)
    assert (squared.argmin(axis=1) == index).mean() > 0.99
    # Squared distances to one's own place follow chi-squared with five degrees of freedom, whose mean is five; 300
    # samples scatter by 0.2, and the ridge of a thousandth of the mean variance is small beside it.
    assert squared[np.arange(len(index)), index].mean() == pytest.approx(COUNT, abs=0.5)


def test_samples_of_no_source_do_not_move_the_places(world) -> None:
    scores, index, _ = world
    more = np.concatenate([scores, np.full((10, COUNT), 99.0)])
    places = fit_places(more, np.concatenate([index, np.full(10, -1)]))
    np.testing.assert_array_equal(places.centres, fit_places(scores, index).centres)


def test_measures_are_distance_and_lead() -> None:
    np.testing.assert_allclose(novelty(np.array([[9.0, 4.0, 100.0]])), [[2.0, np.log1p(2.5)]])


def test_enlargements_teach_what_is_unknown(world) -> None:
    scores, index, folds = world
    rng = np.random.default_rng(5)
    odd = 9 + rng.normal(size=(100, COUNT))
    joined = np.concatenate([scores, odd]), np.concatenate([index, np.full(100, -1)])
    extra = np.arange(len(joined[1])) >= len(index)
    model = fit_novelty(*joined, np.concatenate([folds, np.arange(100) % 5]), extra)
    assert model.classes == (KNOWN, UNKNOWN)
    measured = novelty(fit_places(*joined).squared_distances(odd))
    assert (model.log_probabilities(measured).argmax(axis=1) == 1).mean() > 0.95
