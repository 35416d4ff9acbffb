"""Discriminants and logistic regressions against independent computations."""

import numpy as np
import pytest
from fingerprint_fakes import training_set
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from fingerprint.lda import Discriminant, cross_fit, leave_classes_out
from fingerprint.logistic import balanced_weights, fit_logistic

# float32 sums over some hundred samples, then a linear system with a condition number of up to about a hundred
RTOL, ATOL = 1e-3, 2e-3


def centred(scores: np.ndarray) -> np.ndarray:
    return scores - scores.mean(axis=1, keepdims=True)


def standardised(features: np.ndarray) -> np.ndarray:
    features = features.astype(np.float64)
    return (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-4)


@pytest.mark.parametrize("shrinkage", [0.05, 0.35, 1.0])
def test_it_is_scikit_learns_discriminant_where_classes_are_balanced(shrinkage: float) -> None:
    data = training_set(spread=0.3)
    fitted = cross_fit(data.features, data.labels, data.folds, shrinkage).full
    z = standardised(data.features)
    oracle = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(z, data.labels)
    assert fitted.classes == tuple(oracle.classes_)
    expected = centred(oracle.decision_function(z))
    np.testing.assert_allclose(centred(fitted.scores(data.features)), expected, rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("share", [1.0, 0.05])
def test_classes_weigh_what_their_shares_say_however_many_samples_they_have(share: float) -> None:
    data = training_set(spread=0.3)
    rng = np.random.default_rng(3)
    data = data.take(np.sort(rng.permutation(len(data.labels))[:150]))
    z, shrinkage = standardised(data.features), 0.2
    classes = np.unique(data.labels)
    means = np.stack([z[data.labels == name].mean(axis=0) for name in classes])
    shares = np.where(np.char.startswith(classes, "original"), share, 1.0)
    assert (shares == share).sum() > 0
    covariances = [np.cov(z[data.labels == name].T, bias=True) for name in classes]
    within = np.average(covariances, axis=0, weights=shares)
    shrunk = (1 - shrinkage) * within + shrinkage * np.trace(within) / len(within) * np.eye(len(within))
    weights = np.linalg.solve(shrunk, means.T)
    expected = centred(z @ weights - 0.5 * (means.T * weights).sum(axis=0))
    told = {str(name): float(part) for name, part in zip(classes, shares, strict=True)}
    fitted = cross_fit(data.features, data.labels, data.folds, shrinkage, told.__getitem__).full
    np.testing.assert_allclose(centred(fitted.scores(data.features)), expected, rtol=RTOL, atol=ATOL)


def test_a_part_equals_a_fit_without_its_fold() -> None:
    data = training_set(spread=0.3)
    crossed = cross_fit(data.features, data.labels, data.folds, 0.3)
    rest = data.take(data.folds != 2)
    # One standardisation serves all folds, so the oracle uses that of all samples; only then is the fold left out.
    z = standardised(data.features)
    oracle = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3).fit(z[data.folds != 2], rest.labels)
    expected = centred(oracle.decision_function(z[data.folds == 2]))
    np.testing.assert_allclose(centred(crossed.held_out[data.folds == 2]), expected, rtol=RTOL, atol=ATOL)
    np.testing.assert_array_equal(
        crossed.held_out[data.folds == 2], crossed.folds[2].scores(data.features[data.folds == 2])
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_a_class_left_out_is_scored_as_if_it_had_never_been(weighted: bool) -> None:
    data = training_set(spread=0.3)
    given = np.random.default_rng(3).uniform(0.1, 2, len(data.labels)) if weighted else np.ones(len(data.labels))
    z, classes = standardised(data.features), np.unique(data.labels)
    train = data.folds != 2
    parts = {name: z[train & (data.labels == name)] for name in classes}
    within = {name: given[train & (data.labels == name)] for name in classes}
    # A unit of weight counts as in all folds together.
    sums = {name: within[name].sum() / given[data.labels == name].sum() for name in classes}
    covariances = {name: np.cov(part.T, bias=True, aweights=within[name]) for name, part in parts.items()}
    total = np.sum([sums[name] * covariances[name] for name in classes], axis=0)
    weights = given if weighted else None
    found = list(leave_classes_out(data.features, data.labels, data.folds, 2, 0.3, weights=weights))
    assert [part.name for part in found] == classes.tolist()
    for part in found:
        others = [name for name in classes if name != part.name]
        share = sum(sums[name] for name in others)
        ridge = 0.3 * np.trace(total) / len(total) / share  # that of all classes
        covariance = 0.7 * np.sum([sums[name] * covariances[name] for name in others], axis=0) / share
        covariance += ridge * np.eye(z.shape[1])
        means = np.stack([np.average(parts[name], axis=0, weights=within[name]) for name in others])
        slopes = np.linalg.solve(covariance, means.T)
        asked = z[(data.folds == 2) & (data.labels == part.name)]
        for rows, told in ((asked, part.scores), (means, part.of_means)):
            expected = rows @ slopes - 0.5 * (means.T * slopes).sum(axis=0)
            np.testing.assert_allclose(centred(told), centred(expected), rtol=RTOL, atol=ATOL)


def test_samples_weigh_within_their_class() -> None:
    data = training_set(spread=0.3)
    weights = np.random.default_rng(3).uniform(0.1, 2, len(data.labels))
    z, classes = standardised(data.features), np.unique(data.labels)
    means = [np.average(z[data.labels == k], axis=0, weights=weights[data.labels == k]) for k in classes]
    parts = [np.cov(z[data.labels == k].T, aweights=weights[data.labels == k], bias=True) for k in classes]
    covariance = np.mean(parts, axis=0)
    covariance = 0.7 * covariance + 0.3 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    slopes = np.linalg.solve(covariance, np.stack(means).T)
    expected = z @ slopes - 0.5 * (np.stack(means).T * slopes).sum(axis=0)
    fitted = cross_fit(data.features, data.labels, data.folds, 0.3, weights=weights)
    np.testing.assert_allclose(centred(fitted.full.scores(data.features)), centred(expected), rtol=RTOL, atol=ATOL)


def test_held_out_scores_know_nothing_of_their_folds_labels() -> None:
    data = training_set(spread=0.3)
    labels = data.labels.copy()
    rows = np.flatnonzero(data.folds == 1)
    labels[rows] = np.random.default_rng(0).permutation(labels[rows])
    before = cross_fit(data.features, data.labels, data.folds, 0.3)
    after = cross_fit(data.features, labels, data.folds, 0.3)
    # The fold's second moments are added and taken off again, which leaves float32 rounding.
    np.testing.assert_allclose(after.held_out[rows], before.held_out[rows], rtol=RTOL, atol=ATOL)
    others = data.folds != 1
    assert np.abs(after.held_out[others] - before.held_out[others]).max() > 0.1


def test_noise_is_not_told_apart_by_held_out_scores() -> None:
    data = training_set(spread=0.0)
    crossed = cross_fit(data.features, data.labels, data.folds, 0.1)
    classes = np.array(crossed.full.classes)
    fitted = (classes[crossed.full.scores(data.features).argmax(axis=1)] == data.labels).mean()
    held = (classes[crossed.held_out.argmax(axis=1)] == data.labels).mean()
    assert fitted > 0.5
    assert held < 0.25  # chance is 1/7; 280 samples scatter by 0.02


@pytest.mark.parametrize("shrinkage", [0.0, -0.1, 1.1])
def test_a_shrinkage_outside_its_range_is_refused(shrinkage: float) -> None:
    data = training_set(each=10)
    with pytest.raises(ValueError, match="shrinkage must be above 0 and at most 1"):
        cross_fit(data.features, data.labels, data.folds, shrinkage)


def test_a_class_within_one_fold_is_refused_by_name() -> None:
    data = training_set(each=10)
    kept = data.take((data.labels != "beta-x3") | (data.folds == 0))
    with pytest.raises(ValueError, match="at least two folds, beta-x3 has not"):
        cross_fit(kept.features, kept.labels, kept.folds, 0.1)


def test_scores_are_linear_in_raw_features() -> None:
    item = Discriminant(("a", "b"), np.array([[1, 0], [0, 2]], np.float32), np.array([3, 4], np.float32))
    np.testing.assert_array_equal(item.scores(np.array([[5, 6]], np.float32)), [[8, 16]])


def test_logistic_regression_is_scikit_learns() -> None:
    data = training_set(spread=0.3, dimensions=4)
    three = data.take(np.isin(data.labels, ("alpha-x2", "beta-x3", "gamma-x4")))
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(three.labels))
    weights /= weights.sum()
    x = three.features.astype(np.float64)
    ridge = 0.01
    fitted = fit_logistic(three.features, three.labels, weights * 7, ridge)
    centre = weights @ x
    z = (x - centre) / np.sqrt(weights @ (x - centre) ** 2)
    oracle = LogisticRegression(C=1 / (2 * ridge), tol=1e-8, max_iter=1000).fit(z, three.labels, weights)
    log_p = fitted.log_probabilities(three.features)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1.0, rtol=1e-12)
    # Both stop when the loss hardly falls any more.
    np.testing.assert_allclose(log_p, oracle.predict_log_proba(z), atol=2e-3)


def test_logistic_regression_takes_a_constant_input() -> None:
    x = np.stack([np.arange(10.0), np.ones(10)], axis=1)
    fitted = fit_logistic(x, np.array(["a"] * 5 + ["b"] * 5), np.ones(10))
    assert (fitted.log_probabilities(x).argmax(axis=1) == np.repeat([0, 1], 5)).all()


def test_one_class_is_no_regression() -> None:
    with pytest.raises(ValueError, match="at least two classes, got 1"):
        fit_logistic(np.ones((3, 2)), np.array(["a", "a", "a"]), np.ones(3))


def test_weights_balance_from_coarse_to_fine() -> None:
    coarse = np.array(["x", "x", "x", "x", "y"])
    fine = np.array(["a", "a", "a", "b", "a"])
    np.testing.assert_allclose(balanced_weights(coarse), [1 / 8] * 4 + [1 / 2])
    np.testing.assert_allclose(balanced_weights(coarse, fine), [1 / 12] * 3 + [1 / 4, 1 / 2])
    np.testing.assert_allclose(balanced_weights(fine), [1 / 8] * 3 + [1 / 2, 1 / 8])
