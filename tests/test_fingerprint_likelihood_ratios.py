"""Figures on likelihood ratios, against the library lir and by hand."""

import math

import numpy as np
import pytest

from fingerprint import likelihood_ratios as lr

CASES = [(200, 300, 2.0, 1.0), (50, 1000, 1.0, 1.0), (400, 30, 3.0, 2.5), (20, 20, 0.0, 1.0), (500, 500, 4.0, 0.4)]


def ratios(n, m, distance, factor, seed=0):
    """Gaussian scores whose true log-likelihood ratio is `distance * x`, times a factor that spoils the calibration."""
    rng = np.random.default_rng(seed)
    return (
        factor * distance * rng.normal(distance / 2, 1, n),
        factor * distance * rng.normal(-distance / 2, 1, m),
    )


def for_lir(same, different):
    from lir.data.models import LLRData

    values = np.concatenate([same, different]) / math.log(10)
    labels = np.concatenate([np.ones(len(same)), np.zeros(len(different))]).astype(int)
    return LLRData(features=values.reshape(-1, 1), labels=labels)


@pytest.mark.parametrize("case", CASES)
def test_costs_are_those_of_lir(case):
    from lir import metrics

    same, different = ratios(*case)
    data = for_lir(same, different)
    assert lr.cllr(same, different) == pytest.approx(metrics.cllr(data), rel=1e-9)
    assert lr.cllr_min(same, different) == pytest.approx(metrics.cllr_min(data), rel=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_bounds_are_those_of_lir(case):
    from lir.algorithms import bayeserror as bayes

    same, different = ratios(*case)
    values = np.concatenate([same, different]) / math.log(10)
    labels = np.concatenate([np.ones(len(same)), np.zeros(len(different))])
    expected = bayes.elub(values, labels)
    found = np.array(lr.supported_bounds(same, different)) / math.log(10)
    np.testing.assert_allclose(found, expected, atol=0.0101)  # a step of the thresholds


@pytest.mark.parametrize("case", CASES)
def test_cross_entropy_is_that_of_lir(case):
    from lir.plotting import expected_calibration_error as plotting

    same, different = ratios(*case)
    odds = np.linspace(-3, 3, 13)
    labels = np.concatenate([np.ones(len(same)), np.zeros(len(different))])
    expected = plotting.calculate_ece(np.exp(np.concatenate([same, different])), labels, 10**odds / (1 + 10**odds))
    found = lr.empirical_cross_entropy(same, different, odds * math.log(10))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_saying_nothing_costs_one_bit():
    assert lr.cllr(np.zeros(5), np.zeros(9)) == pytest.approx(1.0)
    assert lr.empirical_cross_entropy(np.zeros(5), np.zeros(9), [0.0]) == pytest.approx([1.0])
    assert lr.cllr(np.full(3, 40.0), np.full(3, -40.0)) == pytest.approx(0.0, abs=1e-9)


def test_the_least_cost_is_reached_by_calibrated_ratios():
    same, different = ratios(20_000, 20_000, 2.0, 1.0)
    assert lr.cllr(same, different) - lr.cllr_min(same, different) < 0.01
    spoilt = [3 * part for part in (same, different)]
    assert lr.cllr(*spoilt) > lr.cllr(same, different) + 0.1
    assert lr.cllr_min(*spoilt) == pytest.approx(lr.cllr_min(same, different))


def test_bounds_grow_with_the_number_of_comparisons():
    few, many = (lr.supported_bounds(*ratios(n, n, 5.0, 1.0)) for n in (20, 2000))
    assert many[0] < few[0] < 0 < few[1] < many[1]
    assert few[1] <= math.log(21) and many[1] <= math.log(2001)


def test_bounds_of_misleading_ratios_are_nothing():
    assert lr.supported_bounds(*ratios(100, 100, 2.0, -1.0)) == (0.0, 0.0)


def test_tippett_counts_what_is_at_least_as_large():
    curves = lr.tippett([1.0, 2.0, 2.0], [0.0, 1.0])
    assert curves.log_ratios.tolist() == [0.0, 1.0, 2.0]
    assert curves.same == pytest.approx([1, 1, 2 / 3]) and curves.different == pytest.approx([1, 0.5, 0])


def test_calibration_error_by_hand():
    assert lr.calibration_error([0.9] * 10, [True] * 9 + [False]) == pytest.approx(0.0)
    assert lr.calibration_error([0.9] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.4)
    assert lr.calibration_error([1.0, 0.0], [True, False]) == 0.0


def test_open_set_scores_by_hand():
    known, unknown = np.array([3.0, 2.0, 1.0, 4.0]), np.array([0.0, 2.0])
    assert lr.auroc(known, unknown) == pytest.approx((1 + 0.75 + 0.5 + 1) / 4)
    assert lr.false_alarms_at(known, unknown, 0.75) == 0.5
    assert lr.false_alarms_at(known, unknown, 0.5) == 0.0
    assert lr.oscr(known, [True, True, False, False], unknown) == pytest.approx((1 + 0.75) / 4)
    assert lr.oscr(known, [False] * 4, unknown) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lr.cllr([], [1.0]), "at least one likelihood ratio, got 0 and 1"),
        (lambda: lr.cllr([np.nan], [1.0]), "must be numbers, got NaN"),
        (lambda: lr.calibration_error([], []), "of one length above 0"),
        (lambda: lr.calibration_error([1.5], [True]), "between 0 and 1"),
    ],
)
def test_what_cannot_be_judged_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
