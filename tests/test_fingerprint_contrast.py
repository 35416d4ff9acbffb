"""Telling enrolled sources from each other by their own pictures."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import spectra
from fingerprint.contrast import LEAST, SHRINKAGE, USUAL, chosen_columns, fit_contrast
from fingerprint.lda import Discriminant
from fingerprint.reference import load

NAMES = ("a", "b", "c")


def pictures(rng, each: int = 12, apart: float = 1.0, dimensions: int = 60) -> dict[str, np.ndarray]:
    """Pictures of sources that differ in the last dimensions, beside much that says nothing."""
    centres = np.zeros((len(NAMES), dimensions))
    centres[:, -len(NAMES) :] = apart * np.eye(len(NAMES))
    noise = np.concatenate([np.full(dimensions - len(NAMES), 3.0), np.full(len(NAMES), 0.3)])
    return {name: centres[k] + noise * rng.normal(size=(each, dimensions)) for k, name in enumerate(NAMES)}


def told(contrast, features, places) -> float:
    """The share of pictures for which the right source is likeliest."""
    right = [
        contrast.log_probabilities(features[name], places[name]).argmax(axis=1) == k for k, name in enumerate(NAMES)
    ]
    return float(np.mean(right))


def test_it_tells_sources_apart_whose_places_say_nothing():
    rng = np.random.default_rng(0)
    places = {name: rng.normal(size=(30, 8)) for name in NAMES}
    contrast = fit_contrast(pictures(rng, each=30), places)
    nothing = {name: rng.normal(size=(40, 8)) for name in NAMES}
    assert told(contrast, pictures(rng, each=40), nothing) > 0.8
    logs = contrast.log_probabilities(pictures(rng, each=30)["a"], places["a"])
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1, atol=1e-9)


def test_what_says_nothing_gets_little_weight():
    rng = np.random.default_rng(1)
    features = {name: rng.normal(size=(30, 60)) for name in NAMES}
    places = {name: 3 * np.eye(3)[k] + rng.normal(size=(30, 3)) for k, name in enumerate(NAMES)}
    contrast = fit_contrast(features, places)
    asked = {name: 3 * np.eye(3)[k] + rng.normal(size=(100, 3)) for k, name in enumerate(NAMES)}
    assert told(contrast, {name: rng.normal(size=(100, 60)) for name in NAMES}, asked) > 0.9
    nothing = fit_contrast(features, {name: rng.normal(size=(30, 3)) for name in NAMES})
    logs = nothing.log_probabilities(rng.normal(size=(100, 60)), rng.normal(size=(100, 3)))
    assert np.exp(logs).max(axis=1).mean() < 0.55


def test_crops_of_one_photograph_beside_each_other_do_not_flatter():
    rng = np.random.default_rng(5)
    features, places = ({name: np.repeat(rng.normal(size=(5, n)), 4, axis=0) for name in NAMES} for n in (60, 4))
    logs = fit_contrast(features, places).log_probabilities(rng.normal(size=(100, 60)), rng.normal(size=(100, 4)))
    assert np.exp(logs).max(axis=1).mean() < 0.55


def test_the_dual_form_is_the_discriminant_of_shrunk_covariances():
    rng = np.random.default_rng(2)
    features, places = pictures(rng, each=9), {name: 0.01 * rng.normal(size=(9, 4)) for name in NAMES}
    found = fit_contrast(features, places).features
    every, index = np.concatenate(list(features.values())), np.repeat(np.arange(3), 9)
    z = (every - every.mean(axis=0)) / (every.std(axis=0) + 1e-4)
    means = np.stack([z[index == k].mean(axis=0) for k in range(3)])
    away = z - means[index]
    covariance = away.T @ away / (len(z) - 3)
    size = np.trace(covariance) / len(covariance)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * size * np.eye(len(covariance))
    weights = np.linalg.solve(covariance, (means - means.mean(axis=0)).T)
    scores = (z - means.mean(axis=0)) @ weights - ((means - means.mean(axis=0)).T * weights).sum(axis=0) / 2
    mine = found.scores(every)
    ratio = (mine - mine.mean(axis=1, keepdims=True)) / (scores - scores.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-6)
    assert USUAL[0] / 11 < ratio[0, 0] < USUAL[0] * 11


def test_many_pictures_are_thinned_evenly_and_bits_do_not_depend_on_threads():
    rng = np.random.default_rng(3)
    features = pictures(rng, each=500)
    places = {name: rng.normal(size=(500, 4)) for name in NAMES}
    with threadpool_limits(2):
        two = fit_contrast(features, places)
    with threadpool_limits(1):
        one = fit_contrast(features, places)
    assert two.features.weights.tobytes() == one.features.weights.tobytes()
    fewer = {name: rows[np.arange(400) * 500 // 400] for name, rows in features.items()}
    thinned = fit_contrast(fewer, {name: rows[np.arange(400) * 500 // 400] for name, rows in places.items()})
    assert thinned.features.weights.tobytes() == one.features.weights.tobytes()


def test_pictures_that_are_all_the_same_do_no_harm():
    rng = np.random.default_rng(6)
    features, places = ({name: np.tile(rng.normal(size=n), (6, 1)) for name in NAMES} for n in (60, 4))
    contrast = fit_contrast(features, places)
    assert told(contrast, features, places) == 1
    assert np.isfinite(contrast.log_probabilities(rng.normal(size=(3, 60)), rng.normal(size=(3, 4)))).all()


def test_too_few_sources_or_pictures_are_refused():
    rng = np.random.default_rng(4)
    features = pictures(rng, each=LEAST)
    places = {name: rng.normal(size=(LEAST, 4)) for name in NAMES}
    fit_contrast(features, places)
    for wrong in ({"a": features["a"]}, features | {"a": features["a"][1:]}):
        with pytest.raises(ValueError, match="at least two sources with 5 pictures each"):
            fit_contrast(wrong, places)


def test_the_embedding_is_looked_at_beside_what_the_tracer_sees():
    experts = load().experts
    clean, lossy = (chosen_columns(experts["colour", name].tracer) for name in ("clean", "jpeg-74"))
    assert clean.all() and lossy[spectra.DIMENSIONS :].all() and not lossy.all()
    grey = experts["grey", "clean"].tracer
    assert chosen_columns(grey).shape == grey.weights.shape[:1]
    blind = Discriminant(("a",), np.zeros((spectra.DIMENSIONS + 3, 1)), np.zeros(1))
    assert chosen_columns(blind).sum() == 3
