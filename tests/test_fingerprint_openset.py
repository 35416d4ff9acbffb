"""Known or unknown: what lies far from every source, or between two, is less likely known."""

from typing import NamedTuple

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fingerprint.lda import CrossFit, cross_fit
from fingerprint.openset import INNOCENT, KNOWN, UNKNOWN, fit_match, fit_novelty, fit_places, novelty

COUNT, EACH, WIDTH = 5, 60, 8


class World(NamedTuple):
    """Five sources at corners of a simplex, among eight features."""

    fitted: CrossFit
    index: np.ndarray
    folds: np.ndarray

    @property
    def of_means(self) -> dict[int, np.ndarray]:
        return {fold: means for fold, part in enumerate(self.fitted.folds) if (means := part.of_means) is not None}

    def scores(self, features: np.ndarray) -> np.ndarray:
        return self.fitted.full.scores(features).astype(np.float64)

    def squared(self, features: np.ndarray) -> np.ndarray:
        means = self.fitted.full.of_means
        assert means is not None
        return fit_places(means).squared_distances(self.scores(features))


def corner(k: int) -> np.ndarray:
    return 6.0 * np.eye(WIDTH)[k]


def fresh(centre: np.ndarray, seed: int, count: int = 200) -> np.ndarray:
    return (centre + np.random.default_rng(seed).normal(size=(count, WIDTH))).astype(np.float32)


@pytest.fixture(scope="module")
def world() -> World:
    index = np.arange(COUNT).repeat(EACH)
    features = np.concatenate([fresh(corner(k), 50 + k, EACH) for k in range(COUNT)])
    folds = np.arange(len(index)) % 5
    return World(cross_fit(features, np.array(list("abcde"))[index], folds, 0.01), index, folds)


def known_log_odds(world: World, features: np.ndarray) -> np.ndarray:
    model = fit_novelty(world.fitted.held_out.astype(np.float64), world.index, world.folds, world.of_means)
    log_p = model.log_probabilities(novelty(world.squared(features)))
    return log_p[:, model.classes.index(KNOWN)] - log_p[:, model.classes.index(UNKNOWN)]


FAR = np.r_[np.full(COUNT - 1, 6.0), np.zeros(WIDTH - COUNT + 1)]
"""As far from one source as can be, and from the others alike."""


@pytest.mark.parametrize("centre", [(corner(0) + corner(1)) / 2, FAR], ids=["between two sources", "far from all"])
def test_a_new_cluster_ranks_below_known_ones(world: World, centre: np.ndarray) -> None:
    enrolled = np.concatenate([fresh(corner(k), k) for k in range(COUNT)])
    odds = known_log_odds(world, np.concatenate([enrolled, fresh(centre, 9)]))
    known = np.arange(len(odds)) < len(enrolled)
    assert roc_auc_score(known, odds) > 0.9
    assert np.median(odds[known]) > 0 > np.median(odds[~known])


def test_distances_are_those_of_the_discriminant(world: World) -> None:
    features = np.concatenate([fresh(corner(k), k) for k in range(COUNT)])
    squared, scores = world.squared(features), world.scores(features)
    # Scores are minus half the squared distances, but for something that all classes share.
    rest = scores + squared / 2
    np.testing.assert_allclose(rest - rest[:, :1], 0, atol=1e-2)
    # Distances to one's own place follow chi-squared in the span of the sources' differences, whose mean is four.
    truth = np.arange(COUNT).repeat(200)
    assert squared[np.arange(len(truth)), truth].mean() == pytest.approx(COUNT - 1, abs=0.4)


def test_sources_left_out_of_the_places_leave_the_others_distances(world: World) -> None:
    means = world.fitted.full.of_means
    assert means is not None
    kept = np.array([0, 2, 4])
    scores = world.scores(fresh(corner(2), 3))
    alone, all_of_them = fit_places(means, kept), fit_places(means)
    apart = np.square(alone.centres[:, None] - alone.centres[None]).sum(axis=-1)
    together = np.square(all_of_them.centres[:, None] - all_of_them.centres[None]).sum(axis=-1)
    np.testing.assert_allclose(apart, together[np.ix_(kept, kept)], rtol=1e-3)
    leads = alone.squared_distances(scores[:, kept])
    whole = all_of_them.squared_distances(scores)[:, kept]
    np.testing.assert_allclose(leads - leads[:, :1], whole - whole[:, :1], atol=2e-2)


def test_measures_are_distance_and_lead() -> None:
    np.testing.assert_allclose(novelty(np.array([[9.0, 4.0, 100.0]])), [[2.0, np.log1p(2.5)]])


def with_odd(world: World) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return scores, index and folds with a cluster of no source, and which samples are of it."""
    odd = world.scores(fresh(FAR, 5, 100))
    scores = np.concatenate([world.fitted.held_out.astype(np.float64), odd])
    index = np.concatenate([world.index, np.full(100, -1)])
    return scores, index, np.concatenate([world.folds, np.arange(100) % 5]), index < 0


def test_enlargements_teach_what_is_unknown(world: World) -> None:
    scores, index, folds, extra = with_odd(world)
    model = fit_novelty(scores, index, folds, world.of_means, extra)
    assert model.classes == (KNOWN, UNKNOWN)
    means = world.fitted.full.of_means
    assert means is not None
    measured = novelty(fit_places(means).squared_distances(scores[extra]))
    assert (model.log_probabilities(measured).argmax(axis=1) == 1).mean() > 0.95


def test_photographs_do_not_match(world: World) -> None:
    scores, index, folds, photographs = with_odd(world)
    model = fit_match(scores, index, folds, world.of_means, photographs, asked=0)
    assert model.classes == (INNOCENT, KNOWN)
    log_p = model.log_probabilities(novelty(world.squared(fresh(corner(2), 8))))
    assert (log_p.argmax(axis=1) == 1).mean() > 0.9
