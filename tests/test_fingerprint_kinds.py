"""Log-probabilities of sources from scores that are not equally sharp everywhere."""

import math

import numpy as np
import pytest

from fingerprint.kinds import Kinds, fit_kinds, fit_temperature, sharpness


def drawn(scores: np.ndarray, seed: int = 0) -> np.ndarray:
    """Draws a column of each row from the soft-max."""
    return (scores + np.random.default_rng(seed).gumbel(size=scores.shape)).argmax(axis=1)


@pytest.mark.parametrize("factor", [0.2, 1.0, 3.0])
def test_temperature_makes_scores_log_likelihoods(factor: float) -> None:
    true = np.random.default_rng(0).normal(0, 1.5, (20_000, 4))
    # 20,000 draws settle the factor to about one part in a hundred.
    assert fit_temperature(true / factor, drawn(true), np.ones(len(true))) == pytest.approx(factor, rel=0.05)


def test_one_kind_is_one_factor() -> None:
    scores = np.random.default_rng(0).normal(0, 1.5, (20_000, 4))
    kinds = fit_kinds(scores / 0.3, drawn(scores), ["x2"] * 4)
    assert kinds.temperatures == pytest.approx([0.3], rel=0.05)
    expected = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(kinds.log_probabilities(scores / 0.3), expected, atol=0.2)


def test_every_kind_has_a_factor_of_its_own_and_its_share() -> None:
    rng = np.random.default_rng(1)
    count, names = 40_000, ["sharp", "sharp", "sharp", "blunt", "blunt"]
    sharp = np.array([name == "sharp" for name in names])
    true = rng.normal(0, 1.2, (count, 5))
    of_blunt = rng.random(count) < 2 / 5  # every source is as likely
    target = np.where(of_blunt, 3 + drawn(true[:, 3:], 2), drawn(true[:, :3], 3))
    scores = np.where(sharp, true / 2.0, true / 0.1)
    kinds = fit_kinds(scores, target, names)
    found = dict(zip(np.unique(names), kinds.temperatures, strict=True))
    assert found == pytest.approx({"sharp": 2.0, "blunt": 0.1}, rel=0.15)
    log_p = kinds.log_probabilities(scores)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1.0)
    one = fit_temperature(scores, target, np.full(count, 1 / count))
    plain = one * scores - np.log(np.exp(one * scores).sum(axis=1, keepdims=True))
    rows = np.arange(count)
    assert -log_p[rows, target].mean() < -plain[rows, target].mean() - 0.1
    stated, right = np.exp(log_p.max(axis=1)), log_p.argmax(axis=1) == target
    named_blunt = log_p.argmax(axis=1) >= 3
    for kind in (named_blunt, ~named_blunt):
        assert stated[kind].mean() == pytest.approx(right[kind].mean(), abs=0.02)


def test_few_perfect_scores_are_no_boundless_certainty() -> None:
    target = np.repeat(np.arange(4), 20)
    scores = 50.0 * np.eye(4)[target] + np.random.default_rng(0).normal(0, 1, (80, 4))
    kinds = fit_kinds(scores, target, ["a", "a", "b", "b"])
    assert np.isfinite(kinds.log_probabilities(scores)).all()
    assert kinds.temperatures.max() <= np.exp(2.0)


def test_a_kind_without_samples_takes_the_factor_of_all() -> None:
    scores = np.random.default_rng(0).normal(0, 1.5, (2_000, 4))
    target = drawn(scores[:, :2])
    kinds = fit_kinds(scores, target, ["a", "a", "b", "b"])
    assert kinds.temperatures[1] == kinds.temperature


def test_sums_do_not_overflow() -> None:
    kinds = Kinds(np.array([0, 0, 1]), np.array([1.0, 0.5]), 1.0, np.zeros(2), 1.0)
    log_p = kinds.log_probabilities(np.array([[1e4, -1e4, 9e3], [0.0, 0.0, 0.0]]))
    assert np.isfinite(log_p).all()
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1.0)


def test_a_source_that_is_left_out_takes_its_kind_with_it() -> None:
    kinds = Kinds(np.array([0, 1, 0, 2]), np.array([1.0, 0.5, 2.0]), 0.7, np.array([0.1, -0.2, 0.3]), 0.9)
    scores = np.random.default_rng(0).normal(0, 2, (5, 4))
    for column in range(4):
        kept = np.delete(np.arange(4), column)
        every = kinds.without(column).log_probabilities(scores[:, kept])
        np.testing.assert_allclose(np.exp(every).sum(axis=1), 1)
        apart = [(0, 2), (1,), (3,)]
        for kind in apart:  # within a kind that stays whole nothing changes but its share
            if column not in kind:
                places = np.searchsorted(kept, kind)
                before = kinds.log_probabilities(scores)[:, list(kind)]
                change = every[:, places] - before
                np.testing.assert_allclose(change - change[:, :1], 0, atol=1e-12)
    assert len(kinds.without(1).temperatures) == 2 and len(kinds.without(0).temperatures) == 3


def test_scores_say_less_the_farther_a_picture_lies() -> None:
    factors = sharpness(np.array([0.0, 5.0, 10.0, 20.0, 30.0]), 10.0)
    np.testing.assert_allclose(factors[:, 0], [1, 1, 1, 1 / 4, 1 / 9])
    assert (sharpness(np.array([1e3]), math.inf) == 1).all()  # of references that know no usual distance


def test_scores_of_what_scatters_more_are_log_likelihoods_again() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 0.35, (6, 40))
    target, scatter = rng.integers(0, 6, 8_000), rng.uniform(1, 2.5, 8_000)
    x = centres[target] + scatter[:, None] * rng.normal(size=(8_000, 40))
    squared = np.square(x[:, None] - centres).sum(axis=2)
    scores, near = -squared / 2, np.sqrt(squared.min(axis=1))
    usual = float(np.median(near[scatter < 1.1]))
    for kept in (scatter < 1.1, scatter > 2):
        sharp = scores[kept] * sharpness(near[kept], usual)
        assert fit_temperature(sharp, target[kept], np.full(kept.sum(), 1 / kept.sum())) == pytest.approx(1, abs=0.2)
    plain = scores[scatter > 2]
    assert fit_temperature(plain, target[scatter > 2], np.full(len(plain), 1 / len(plain))) < 0.3
