"""Likelihood ratios collected from answers, and what is measured of them."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fingerprint_fakes import SOURCES, saved_reference, texture, written

import datasets
from fingerprint import Attributor
from fingerprint import likelihood_ratios as lr
from fingerprint.calibration import (
    CONDITION_POSTS,
    Collected,
    activity_ratios,
    activity_reliability,
    collect,
    reliability,
    source_ratios,
    source_reliability,
    weigh,
)
from fingerprint.calibration_measures import measures
from fingerprint.evaluate import POSTS
from reports.calibration_figures import draw_calibration

NAMES = tuple(sorted(SOURCES))
EVERY = np.arange(200)


def made_up(seed: int = 0, strangers: int = 0) -> Collected:
    """Calibrated answers: 160 pictures of four sources and 40 innocents, of 20 photographs."""
    rng = np.random.default_rng(seed)
    truth = np.array([NAMES[k % 4] for k in range(160)] + ["original"] * 40)
    truth[:strangers] = "nobody"
    column = np.array([NAMES.index(name) if name in NAMES else -1 for name in truth.tolist()])
    scores = 2.0 * rng.normal(size=(200, 4))  # log-likelihoods of Gaussian classes, four apart
    scores[column >= 0, column[column >= 0]] += 4.0
    posterior = np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))
    clipped = np.clip(posterior, 1e-9, 1 - 1e-9)
    upscaled = np.where(truth == "original", -4.5, 4.5) + 3 * rng.normal(size=200)
    probability = 1 / (1 + np.exp(-upscaled))
    return Collected(
        truth=truth,
        photographs=np.array([f"p{k % 20}" for k in range(200)]),
        verdicts=np.where(upscaled > 0, "known_source", "not_upscaled"),
        sources=NAMES,
        scales=np.array([SOURCES[name].scale for name in NAMES]),
        upscaled=upscaled,
        probability=probability,
        printed=probability * posterior.max(axis=1),
        known=np.where(truth == "nobody", -3.0, 3.0) + rng.normal(size=200),
        log_ratios=np.log(clipped) - np.log1p(-clipped) + math.log(3),
        posterior=posterior,
        prior=0.5,
        unknown_prior=0.2,
        unmeasured=3,
    )


# collecting


@pytest.fixture(scope="module")
def attributor(tmp_path_factory: pytest.TempPathFactory) -> Attributor:
    return Attributor(saved_reference(tmp_path_factory.mktemp("reference")))


def test_the_evidence_for_every_source_is_that_of_the_answer(attributor: Attributor, tmp_path: Path) -> None:
    for name, options in (("a.png", {}), ("a.jpg", {"quality": 75}), ("grey.png", {})):
        pixels = texture(170, 180)
        if name == "grey.png":
            pixels = pixels[..., :1].repeat(3, axis=2)
        weighed = weigh(attributor, datasets.read_evidence(written(tmp_path / name, pixels, **options)))
        assert weighed is not None
        assert weighed.sources == NAMES
        for candidate in weighed.result.candidates:
            k = NAMES.index(candidate.source)
            assert candidate.log10_lr == pytest.approx(weighed.log_ratios[k] / math.log(10), abs=5.1e-4)
            told = weighed.result.upscaled.probability * weighed.posterior[k]
            assert candidate.probability == pytest.approx(told, abs=2.1e-6)


def test_ratios_are_collected_after_post_processing(attributor: Attributor, tmp_path: Path) -> None:
    items = [("alpha-x2", "p", written(tmp_path / "p.png", texture(150, 150)))]
    items += [("original", "q", written(tmp_path / "q.png", texture(150, 150, 1)))]
    items += [("elsewhere", "s", written(tmp_path / "s.png", texture(60, 60)))]
    counted: list[int] = []
    found = collect(items, "jpeg75", attributor, counted.append)
    assert (found.truth.tolist(), found.photographs.tolist(), found.unmeasured) == (
        ["alpha-x2", "original"],
        ["p", "q"],
        1,
    )
    assert found.log_ratios.shape == found.posterior.shape == (2, 4)
    assert found.scales.tolist() == [2, 3, 4, 2]
    assert found.column.tolist() == [0, -1] and found.innocent.tolist() == [False, True]
    assert not found.stranger.any() and sum(counted) == 3
    assert (found.posterior.sum(axis=1) <= 1).all() and (found.printed <= found.probability).all()
    with pytest.raises(ValueError, match="a picture that can be measured, got 1 that cannot"):
        collect(items[2:], "clean", attributor)
    with pytest.raises(ValueError, match="post must be one of as-is, .*, got 'fog'"):
        collect(items, "fog", attributor)


def test_the_default_conditions_exist() -> None:
    assert set(CONDITION_POSTS) <= set(POSTS)


# what is compared


def test_each_picture_is_compared_with_its_own_source_and_with_others() -> None:
    found = made_up()
    same, different = source_ratios(found, EVERY)
    assert (len(same), len(different)) == (160, 480)
    assert same[0] == found.log_ratios[0, 0]
    assert sorted(different[:3]) == sorted(found.log_ratios[0, 1:])
    same, near = source_ratios(found, EVERY, same_scale=True)
    assert (len(same), len(near)) == (160, 80)  # two of the four are x2
    assert near[0] == found.log_ratios[0, 3]
    upscaled, not_upscaled = activity_ratios(found, EVERY)
    assert (len(upscaled), len(not_upscaled)) == (160, 40)
    assert [len(part) for part in activity_ratios(made_up(strangers=8), EVERY)] == [152, 40]


# probabilities against what happened


def test_reliability_without_weights_is_the_calibration_error() -> None:
    rng = np.random.default_rng(0)
    stated = rng.random(500)
    truth = rng.random(500) < stated**2
    found = reliability(stated, truth, np.ones(500))
    assert found.error == pytest.approx(lr.calibration_error(stated, truth), abs=1e-12)
    assert found.share.sum() == pytest.approx(1)
    assert (np.diff(found.stated) > 0).all()


def test_weights_count_as_often_as_pictures_do() -> None:
    stated, truth = np.array([0.1, 0.1, 0.9, 1.0]), np.array([False, True, True, True])
    weighed = reliability(stated, truth, np.array([3.0, 1.0, 2.0, 2.0]))
    places = [0, 0, 0, 1, 2, 2, 3, 3]
    assert weighed.error == pytest.approx(lr.calibration_error(stated[places], truth[places]), abs=1e-12)
    by_hand = reliability(np.array([0.9, 0.9, 0.1]), np.array([True, False, False]), np.array([9.0, 1.0, 10.0]))
    assert by_hand.error == pytest.approx(0.05)


def test_probabilities_are_held_against_pictures_in_the_proportion_of_the_prior() -> None:
    found = made_up()
    # The prior is 0.5, and 160 of 200 were upscaled: what says 0.5 of all is right at the prior and else 0.3 off.
    flat = replace(found, probability=np.full(200, 0.5))
    assert activity_reliability(flat, EVERY).error == pytest.approx(0.0, abs=1e-9)
    assert activity_reliability(flat, EVERY, at_prior=False).error == pytest.approx(0.3, abs=1e-9)
    assert activity_reliability(found, EVERY).error < 0.05  # calibrated by construction, 200 pictures in 15 bins


def test_the_unknown_have_their_share_only_where_there_are_some() -> None:
    shared = replace(made_up(), posterior=0.8 * made_up().posterior)
    assert source_reliability(shared, EVERY).error == pytest.approx(
        source_reliability(made_up(), EVERY).error, abs=1e-9
    )
    sure = np.where(np.arange(4) == made_up().column[:, None], 0.8, 0.0)
    with_strangers = replace(made_up(strangers=8), posterior=sure)
    # 0.8 is said of all; it is so of those that weigh 0.8, and not of the strangers, which weigh 0.2.
    assert source_reliability(with_strangers, EVERY).error == pytest.approx(0.0, abs=1e-9)


# what is measured


def test_measures_are_those_of_the_ratios() -> None:
    found = made_up()
    told = measures(found, resamples=8)
    assert (told["pictures"], told["unmeasured"], told["unknown"]) == (200, 3, None)
    for level, (same, different) in (
        ("upscaled", activity_ratios(found, EVERY)),
        ("source", source_ratios(found, EVERY)),
        ("source_same_scale", source_ratios(found, EVERY, same_scale=True)),
    ):
        entry = told[level]
        assert (entry["same"], entry["different"]) == (len(same), len(different))
        for name, value in (
            ("cllr", lr.cllr(same, different)),
            ("cllr_min", lr.cllr_min(same, different)),
            ("auroc", lr.auroc(same, different)),
            ("fpr_at_95_tpr", lr.false_alarms_at(same, different)),
            ("misleading_same", (same < 0).mean()),
        ):
            assert entry[name]["value"] == pytest.approx(float(value), abs=5.1e-5), (level, name)
            low, high = entry[name]["interval"]
            assert low <= high
        low, high = (bound / math.log(10) for bound in lr.supported_bounds(same, different))
        assert entry["elub_log10"] == pytest.approx([low, high], abs=5.1e-4)
    assert (
        told["source"]["cllr"]["interval"][0] < told["source"]["cllr"]["value"] < told["source"]["cllr"]["interval"][1]
    )
    errors = {"ece_top", "ece_class", "ece_printed"}
    assert errors <= told["source"].keys() and {"ece", "ece_as_given"} <= told["upscaled"].keys()
    assert told == measures(found, resamples=8)


def test_intervals_resample_photographs() -> None:
    found = made_up()
    one_each = replace(found, photographs=np.array([f"q{k}" for k in range(200)]))
    # With one photograph there is nothing to resample, and no width; with many pictures' worth there is one.
    alone = replace(found, photographs=np.full(200, "p"))
    widths = [np.diff(measures(part, 10)["source"]["cllr"]["interval"])[0] for part in (alone, one_each)]
    assert widths[0] == 0 < widths[1]


def test_sides_without_pictures_are_left_out() -> None:
    found = made_up()
    guilty = replace(found, truth=np.where(found.truth == "original", NAMES[0], found.truth))
    told = measures(guilty, resamples=5)
    assert told["upscaled"] == {"same": 200, "different": 0, "elub_log10": None}
    assert told["source"]["same"] == 200


def test_strangers_are_told_from_known_sources() -> None:
    found = made_up(strangers=8)
    told = measures(found, resamples=20)["unknown"]
    assert told["sources"] == ["nobody"]
    assert told["auroc"]["value"] > 0.99
    assert told["oscr"]["value"] == pytest.approx(
        lr.oscr(found.known[8:160], found.right[8:160], found.known[:8]), abs=1e-4
    )
    assert told["fpr_at_95_tpr"]["value"] == 0.0
    shares = [entry["share"] for entry in told["verdicts"].values()]
    assert sum(shares) == pytest.approx(1) and told["verdicts"]["known_source"]["images"] == 8


def test_a_figure_repeats_itself_and_needs_no_innocents() -> None:
    found = made_up()
    drawn = draw_calibration(found, "clean")
    assert drawn.startswith(b"\x89PNG") and drawn == draw_calibration(found, "clean")
    guilty = replace(found, truth=np.where(found.truth == "original", NAMES[0], found.truth))
    assert draw_calibration(guilty, "x$_1$") != drawn
    with pytest.raises(ValueError, match="suffix must be one of"):
        draw_calibration(found, "clean", ".gif")
