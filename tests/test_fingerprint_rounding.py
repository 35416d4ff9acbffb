"""Eight bits are enough for a discriminant if each dimension's error is made good by those that go with it."""

import numpy as np
import pytest
from fingerprint_fakes import experts, training_set

from fingerprint.lda import Discriminant
from fingerprint.rounding import LEVELS, Rounder

DIMENSIONS, CLASSES = 200, 12


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Dimensions of very different size and mean that go together, as shares of co-occurrences do."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(3000, 40)) @ rng.normal(size=(40, DIMENSIONS))
    spread = np.exp(rng.normal(0, 1.5, DIMENSIONS))
    mean = 20 * rng.normal(size=DIMENSIONS)
    return ((hidden + 0.1 * rng.normal(size=hidden.shape) + mean) * spread).astype(np.float32)


@pytest.fixture(scope="module")
def discriminant(features: np.ndarray) -> Discriminant:
    """Weights as fitted ones are: large where features hardly vary, so that terms nearly cancel."""
    rng = np.random.default_rng(1)
    z = (features - features.mean(axis=0)) / features.std(axis=0)
    covariance = z.T @ z / len(z) + 0.1 * np.eye(DIMENSIONS)
    weights = np.linalg.solve(covariance, rng.normal(size=(DIMENSIONS, CLASSES))) / features.std(axis=0)[:, None]
    offsets = -features.mean(axis=0) @ weights
    return Discriminant(tuple("abcdefghijkl"), weights.astype(np.float32), offsets.astype(np.float32))


def nearest(item: Discriminant) -> Discriminant:
    step = np.abs(item.weights).max(axis=1, keepdims=True) / LEVELS
    return Discriminant(item.classes, np.rint(item.weights / step) * step, item.offsets)


def test_weights_are_whole_multiples_of_one_step_a_dimension(features: np.ndarray, discriminant: Discriminant) -> None:
    made = Rounder(features).rounded(discriminant, np.ones(DIMENSIONS, bool))
    assert made.classes == discriminant.classes
    assert made.steps is not None and made.steps.shape == (DIMENSIONS,)
    whole = made.weights / made.steps[:, None]
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-4)
    assert np.abs(whole).max() <= LEVELS + 1e-3
    assert (made.weights.dtype, made.offsets.dtype) == (np.float32, np.float32)


def test_scores_of_other_pictures_move_far_less_than_by_rounding_to_the_nearest(
    features: np.ndarray, discriminant: Discriminant
) -> None:
    fitted, others = features[:2000], features[2000:]
    made = Rounder(fitted).rounded(discriminant, np.ones(DIMENSIONS, bool))
    before = discriminant.scores(others)

    def moved(item: Discriminant) -> float:
        """By how much differences between classes move, over how much they vary."""
        change, varied = item.scores(others) - before, before - before.mean(axis=1, keepdims=True)
        return float(np.std(change - change.mean(axis=1, keepdims=True)) / np.std(varied))

    assert moved(made) < 0.1
    assert moved(made) < 0.2 * moved(nearest(discriminant))


def test_dimensions_without_weight_and_those_outside_the_mask_stay_out(
    features: np.ndarray, discriminant: Discriminant
) -> None:
    mask = np.arange(DIMENSIONS) % 2 == 0
    weights = discriminant.weights[mask].copy()
    weights[:30] = 0
    part = Discriminant(discriminant.classes, weights, discriminant.offsets)
    made = Rounder(features).rounded(part, mask)
    assert made.weights.shape == (DIMENSIONS // 2, CLASSES)
    assert not made.weights[:30].any() and made.weights[30:].any(axis=1).all()
    alone = Rounder(features[:, mask]).rounded(part, np.ones(DIMENSIONS // 2, bool))
    np.testing.assert_allclose(made.weights, alone.weights, rtol=1e-4, atol=1e-6 * np.abs(made.weights).max())


def test_experts_decide_as_before() -> None:
    data = training_set()
    full, folds = experts()
    rounded = Rounder(data.features).experts([full, *folds], np.ones(data.features.shape[1], bool))
    assert len(rounded) == 1 + len(folds)
    unseen = training_set(seed=9)
    for before, after in zip((full, *folds), rounded, strict=True):
        scored = [
            e.score(e.detector.scores(unseen.features), e.tracer.scores(unseen.features)) for e in (before, after)
        ]
        assert (scored[0].log_sources.argmax(axis=1) == scored[1].log_sources.argmax(axis=1)).mean() > 0.98
        assert np.abs(scored[0].upscaled - scored[1].upscaled).mean() < 0.1 * np.abs(scored[0].upscaled).mean()
        assert after.places.whitener.dtype == np.float32
