"""Known or unknown: what lies far from every source, or between two, is less likely known."""

from typing import NamedTuple

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fingerprint.lda import CrossFit, cross_fit, leave_classes_out
from fingerprint.openset import INNOCENT, KNOWN, UNKNOWN, closeness, fit_match, fit_novelty, fit_places, novelty

COUNT, EACH, WIDTH = 5, 60, 8


class World(NamedTuple):
    """Five sources at corners of a simplex, among eight features."""

    fitted: CrossFit
    index: np.ndarray
    folds: np.ndarray
    unknown: dict[str, np.ndarray]

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
    labels = np.array(list("abcde"))[index]
    left = leave_classes_out(features, labels, folds, 0, 0.01)
    unknown = {part.name: fit_places(part.of_means).squared_distances(part.scores) for part in left}
    return World(cross_fit(features, labels, folds, 0.01), index, folds, unknown)


def known_of(world: World) -> dict[str, np.ndarray]:
    squared = fit_places(world.of_means[0]).squared_distances(world.fitted.held_out.astype(np.float64))
    return {name: squared[(world.folds == 0) & (world.index == k)] for k, name in enumerate("abcde")}


def known_log_odds(world: World, features: np.ndarray) -> np.ndarray:
    model = fit_novelty(known_of(world), world.unknown, lambda name: 1.0)
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
    alone, all_of_them = fit_places(means[np.ix_(kept, kept)]), fit_places(means)
    apart = np.square(alone.centres[:, None] - alone.centres[None]).sum(axis=-1)
    together = np.square(all_of_them.centres[:, None] - all_of_them.centres[None]).sum(axis=-1)
    np.testing.assert_allclose(apart, together[np.ix_(kept, kept)], rtol=1e-3)
    leads = alone.squared_distances(scores[:, kept])
    whole = all_of_them.squared_distances(scores)[:, kept]
    np.testing.assert_allclose(leads - leads[:, :1], whole - whole[:, :1], atol=2e-2)


def test_measures_are_distance_and_lead_and_lead_has_an_end() -> None:
    squared = np.array([[9.0, 4.0, 100.0], [400.0, 1900.0, 1800.0]])
    np.testing.assert_allclose(closeness(squared), [[2.0, np.log1p(2.5)], [20.0, np.log1p(700)]])
    np.testing.assert_allclose(novelty(squared), [[2.0, np.log1p(2.5), np.log1p(2.5)], [18.0, 2.0, 3.0]])


def test_a_source_counts_as_much_as_its_share(world: World) -> None:
    known = known_of(world)
    whole = fit_novelty(known, world.unknown, lambda name: 1.0 if name != "e" else 1e-9)
    rest = ({name: part for name, part in side.items() if name != "e"} for side in (known, world.unknown))
    without = fit_novelty(next(rest), next(rest), lambda _: 1.0)
    np.testing.assert_allclose(whole.weights, without.weights, rtol=1e-3, atol=1e-3)


def with_odd(world: World) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return scores, index and folds with a cluster of no source, and which samples are of it."""
    odd = world.scores(fresh(FAR, 5, 100))
    scores = np.concatenate([world.fitted.held_out.astype(np.float64), odd])
    index = np.concatenate([world.index, np.full(100, -1)])
    return scores, index, np.concatenate([world.folds, np.arange(100) % 5]), index < 0


def test_enlargements_teach_what_is_unknown(world: World) -> None:
    scores, _, _, extra = with_odd(world)
    means = world.fitted.full.of_means
    assert means is not None
    squared = fit_places(means).squared_distances(scores[extra])
    model = fit_novelty(known_of(world), {**world.unknown, "~": squared}, lambda name: 1.0)
    assert model.classes == (KNOWN, UNKNOWN)
    assert (model.log_probabilities(novelty(squared)).argmax(axis=1) == 1).mean() > 0.95


def test_photographs_do_not_match(world: World) -> None:
    scores, index, folds, photographs = with_odd(world)
    model = fit_match(scores, index, folds, world.of_means, photographs, asked=0)
    assert model.classes == (INNOCENT, KNOWN)
    log_p = model.log_probabilities(closeness(world.squared(fresh(corner(2), 8))))
    assert (log_p.argmax(axis=1) == 1).mean() > 0.9
