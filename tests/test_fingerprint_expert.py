"""What scores mean: calibration, thresholds, and the decision by Bayes' rule."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fingerprint_fakes import ENLARGED, INNOCENT, LABELS, SOURCES, THRESHOLDS, experts, training_set
from scipy.special import expit, logit

from fingerprint.decide import Decision, decide
from fingerprint.expert import (
    PARSED,
    Scored,
    averaged,
    detection_sum,
    fit_expert,
    is_innocent,
    is_source,
    unlike,
)
from fingerprint.kinds import fit_temperature, sharpness
from fingerprint.logistic import Logistic
from fingerprint.openset import closeness, novelty
from fingerprint.reference import Thresholds
from fingerprint.result import Priors
from fingerprint.training_set import TrainingSet
from fingerprint.validation import NAMED_STRANGERS, HeldOut, choose_thresholds, held_out, rates

TRUE_SCALE = {name: str(source.scale) for name, source in SOURCES.items()}


def scored_by_full(data: TrainingSet) -> Scored:
    full, _ = experts()
    return full.score(full.detector.scores(data.features), full.tracer.scores(data.features))


def test_an_expert_tells_fresh_samples() -> None:
    fresh = training_set(seed=7)
    full, _ = experts()
    scored = scored_by_full(fresh)
    made = np.array([is_source(label) for label in fresh.labels])
    innocent = np.array([is_innocent(label) for label in fresh.labels])
    top = np.array(full.sources)[scored.log_sources.argmax(axis=1)]
    assert (top[made] == fresh.labels[made]).mean() > 0.97
    assert ((scored.upscaled > 0) == ~innocent).mean() > 0.97
    scale = np.array(full.heads["scale"].classes)[scored.parsed["scale"].argmax(axis=1)]
    assert (scale[made] == [TRUE_SCALE[label] for label in fresh.labels[made]]).mean() > 0.97
    np.testing.assert_allclose(np.exp(scored.log_sources).sum(axis=1), 1.0, rtol=1e-9)
    for name in PARSED:
        np.testing.assert_allclose(np.exp(scored.parsed[name]).sum(axis=1), 1.0, rtol=1e-9)
    size = np.log10([max(SOURCES[label].parameters, 1) for label in fresh.labels[made]])
    network = fresh.labels[made] != "kernel-x2"
    assert np.abs(scored.log10_parameters[made] - size)[network].mean() < 0.3


def test_a_picture_farther_than_usual_says_less_of_which_source_it_was() -> None:
    full, _ = experts()
    fresh = training_set(seed=7)
    made = fresh.take(np.array([is_source(label) for label in fresh.labels]))
    leads = []
    for usual in (math.inf, full.usual, full.usual / 2):
        expert = replace(full, usual=usual)
        scored = expert.score(expert.detector.scores(made.features), expert.tracer.scores(made.features))
        first, second = -np.sort(-scored.log_sources, axis=1)[:, :2].T
        leads.append(first - second)
    assert (leads[1] <= leads[0]).all() and 0.2 < (leads[1] < leads[0]).mean() < 0.8  # half lie farther than usual
    assert (leads[2] <= leads[1]).all() and (leads[2] < leads[1]).mean() > 0.8


def test_likelihood_ratios_of_weak_evidence_are_calibrated() -> None:
    # Two close Gaussians: log LRs have a known distribution. If calibrated, log-odds of 0.5..1.5 are right in about
    # expit(1) of the cases.
    full = fit_expert(training_set(each=120, spread=0.1), SOURCES).full
    fresh = training_set(seed=5, each=120, spread=0.1)
    odds = full.score(full.detector.scores(fresh.features), full.tracer.scores(fresh.features)).upscaled
    innocent = np.array([is_innocent(label) for label in fresh.labels])
    weight = np.where(innocent, 0.5 / innocent.mean(), 0.5 / (~innocent).mean())
    # Some 150 to 300 samples in each bin scatter by up to 0.05; the classes were drawn anew besides.
    for low in (-1.5, -0.5, 0.5):
        chosen = (odds >= low) & (odds < low + 1)
        assert chosen.sum() > 60
        share = (weight * ~innocent)[chosen].sum() / weight[chosen].sum()
        assert share == pytest.approx(expit(low + 0.5), abs=0.15)


def test_discriminants_of_fold_experts_never_saw_their_folds_labels() -> None:
    data = training_set()
    rows = np.flatnonzero((data.folds == 3) & np.isin(data.labels, tuple(SOURCES)))
    labels = data.labels.copy()
    labels[rows] = np.random.default_rng(0).permutation(labels[rows])
    full, parts, _ = fit_expert(replace(data, labels=labels), SOURCES)
    first, before = experts()
    # The fold's second moments are added and taken off again, which leaves float32 rounding.
    for name in ("detector", "tracer"):
        after_3, before_3 = (getattr(expert[3], name).scores(data.features) for expert in (parts, before))
        np.testing.assert_allclose(after_3, before_3, rtol=1e-3, atol=5e-3)
        changed = getattr(full, name).scores(data.features) - getattr(first, name).scores(data.features)
        assert np.abs(changed).max() > 1.0


def test_what_scores_mean_is_learned_from_the_fold_that_features_were_not_trained_on() -> None:
    data, easier = (training_set(each=100, spread=spread) for spread in (0.3, 1.0))
    flattered = replace(data, features=np.where(data.folds[:, None] == 2, data.features, easier.features))
    every = fit_expert(flattered, SOURCES).full
    honest, parts, _ = fit_expert(flattered, SOURCES, asked=2)
    rows = (data.folds == 2) & np.array([is_source(label) for label in data.labels])
    scores = parts[2].tracer.scores(flattered.features[rows])
    near = closeness(parts[2].places.squared_distances(scores))[:, 0]
    assert honest.usual == pytest.approx(np.median(near))
    target = np.searchsorted(honest.tracer.classes, data.labels[rows])
    best = fit_temperature(scores * sharpness(near, honest.usual), target, np.ones(len(target)))
    assert abs(np.log(honest.kinds.temperature / best)) < 0.01 < abs(np.log(every.kinds.temperature / best))
    np.testing.assert_array_equal(honest.tracer.weights, every.tracer.weights)


def test_photographs_as_they_are_teach_who_made_a_picture_and_not_whether_it_was_upscaled() -> None:
    data = training_set()
    more = training_set(seed=5)
    made = np.isin(more.labels, list(SOURCES))
    shift = np.random.default_rng(6).normal(size=data.features.shape[1]).astype(np.float32)
    joined = TrainingSet(
        np.concatenate([data.features, more.features[made] + 2 * shift]),
        *(np.concatenate([getattr(data, name), getattr(more, name)[made]]) for name in ("labels", "groups", "folds")),
        native=np.concatenate([data.native, np.ones(made.sum(), bool)]),
    )
    without, taught = fit_expert(data, SOURCES), fit_expert(joined, SOURCES)
    np.testing.assert_array_equal(taught.full.detector.weights, without.full.detector.weights)
    assert taught.full.detection_temperature == without.full.detection_temperature
    assert taught.full.support[:2] == without.full.support[:2]
    asked = joined.take(joined.native & (joined.folds == 3))
    near = []
    for fitted in (without, taught):
        expert = fitted.folds[3]
        scored = expert.score(expert.detector.scores(asked.features), expert.tracer.scores(asked.features))
        near.append(np.median(scored.known))
    assert near[1] > near[0] + 1  # known, though unlike the others


def test_a_label_that_is_not_described_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="alpha-x2 missing"):
        fit_expert(training_set(), {name: source for name, source in SOURCES.items() if name != "alpha-x2"})


def test_labels_are_sources_innocents_or_enlargements() -> None:
    assert [label for label in LABELS if is_source(label)] == list(SOURCES)
    assert [label for label in LABELS if is_innocent(label)] == list(INNOCENT)
    assert not is_source(ENLARGED) and not is_innocent(ENLARGED)


def test_evidence_of_upscaling_grows_with_how_well_a_source_fits_and_never_shrinks() -> None:
    full, _ = experts()
    weights = np.zeros((2, 2))
    weights[:, full.detection.classes.index("upscaled")] = 1.0
    match = Logistic(("innocent", "known"), np.array([[0.0, -1.0], [0.0, 0.0]]), np.array([0.0, 3.0]))
    made = replace(full, detection=replace(full.detection, weights=weights, offsets=np.zeros(2)), match=match)
    fresh = training_set(seed=7)
    detected, traced = (part.scores(fresh.features) for part in (full.detector, full.tracer))
    sums = detection_sum(full.detector.classes, full.detection_temperature * detected.astype(np.float64))[:, 0]
    far = np.sqrt(full.places.squared_distances(traced).min(axis=1))
    assert (far < 3).any() and (far > 3).any()
    np.testing.assert_allclose(made.score(detected, traced).upscaled, sums + np.maximum(3 - far, 0), atol=1e-9)


def test_detection_sums_likelihoods_on_both_sides() -> None:
    given = np.log([[0.1, 0.2, 0.4, 0.4]])
    np.testing.assert_allclose(detection_sum(("a", "original:x", "original:y", "~b"), given), [[math.log(0.5 / 0.6)]])


def test_held_out_answers_come_from_the_folds_own_expert() -> None:
    data = training_set()
    full, folds = experts()
    answers = held_out(data, folds)
    row = int(np.flatnonzero(data.folds == 4)[0])
    one = folds[4].score(folds[4].detector.scores(data.features[[row]]), folds[4].tracer.scores(data.features[[row]]))
    # One row alone takes another path through the matrix product than many: float32 rounding.
    assert answers.upscaled[row] == pytest.approx(float(one.upscaled[0]), abs=1e-3)
    measured = rates(answers, choose_thresholds(answers), SOURCES)
    assert measured["top1"] > 0.95
    assert measured["scale"] > 0.95
    assert max(measured["falsely_accused"].values()) <= 0.05
    assert measured["samples"] == dict.fromkeys(LABELS, 40)
    assert set(measured["falsely_accused"]) == set(measured["innocents_undecided"]) == set(INNOCENT)


def answers_of(n: int = 1000) -> HeldOut:
    """A thousand crops of two sources and of two histories, the second harder to clear."""
    rng = np.random.default_rng(0)
    labels = np.array(["alpha-x2", "beta-x3", *INNOCENT]).repeat(n)
    centre = np.array([8.0, 6.0, -4.0, -8.0]).repeat(n)
    top = np.where(rng.random(4 * n) < 0.9, labels, "gamma-x4")
    name = np.where(top == labels, rng.uniform(0.5, 1.0, 4 * n), rng.uniform(0.0, 0.8, 4 * n))
    ratios = rng.normal(3, 1, 4 * n), rng.normal(-3, 1, (4 * n, 8))
    return HeldOut(
        labels, centre + rng.normal(0, 2, 4 * n), top, name, 0.9 * (1 - name), {"scale": np.full(4 * n, "2")}, *ratios
    )


def test_thresholds_keep_what_they_promise() -> None:
    answers = answers_of()
    limits = choose_thresholds(answers)
    measured = rates(answers, limits, SOURCES)
    assert limits.clear <= limits.accuse
    assert limits.accuse >= 1.0
    assert (
        max(measured["falsely_accused"].values()) <= 0.0055
    )  # half a per cent, and one sample for the quantile's ends
    assert measured["missed"] <= 0.02
    named = (answers.name >= limits.name) & np.isin(answers.labels, tuple(SOURCES))
    assert ((answers.top != answers.labels) & named).sum() <= 0.03 * named.sum()
    lower = (answers.name >= limits.name - 0.01) & np.isin(answers.labels, tuple(SOURCES))
    assert ((answers.top != answers.labels) & lower).sum() > 0.03 * lower.sum()  # the least that keeps the promise
    assert measured["scale"] == 0.5
    assert measured["named_right"] + measured["named_wrong"] <= 1


def test_sources_that_were_left_out_are_seldom_named() -> None:
    answers, rng = answers_of(), np.random.default_rng(1)
    strangers = {f"a{k}": rng.uniform(0.2, 0.9, 200) for k in range(3)} | {"zoo-b": rng.uniform(0.9, 1.0, 50)}

    def share(key: str) -> float:
        return 0.01 if key == "zoo-b" else 1.0

    limits = choose_thresholds(answers, strangers, share)
    assert limits.name > choose_thresholds(answers).name

    def told(limit: float) -> float:
        weights = np.array([share(key) for key in strangers]) / 3.01
        named = np.array([(part >= limit).mean() for part in strangers.values()])
        return float(weights @ named + np.sqrt((weights**2 * (named - weights @ named) ** 2).sum()))

    assert 0.02 < told(limits.name) <= NAMED_STRANGERS < told(limits.name - 0.01)
    assert (strangers["zoo-b"] >= limits.name).mean() > 0.9  # it weighs next to nothing
    alone = choose_thresholds(answers, {"zoo-b": strangers["zoo-b"]}, share)
    named_then, one_lower = ((strangers["zoo-b"] >= limit).mean() for limit in (alone.name, alone.name - 0.01))
    assert named_then <= NAMED_STRANGERS < one_lower


def test_one_twin_among_sources_that_are_left_out_makes_naming_stricter() -> None:
    answers, rng = answers_of(), np.random.default_rng(2)
    alike = {f"a{k}": rng.uniform(0.2, 0.9, 100) for k in range(40)}
    with_twin = {**alike, "twin": rng.uniform(0.5, 0.999, 100)}
    limit = choose_thresholds(answers, with_twin).name
    mean = np.mean([(part >= limit).mean() for part in with_twin.values()])
    assert mean < 0.85 * NAMED_STRANGERS  # the rest is room for the next twin
    assert limit > choose_thresholds(answers, alike).name


def test_a_stranger_is_judged_by_what_never_saw_it() -> None:
    fitted = fit_expert(training_set(), SOURCES, asked=1)
    data = training_set()
    assert set(fitted.strangers) == set(SOURCES)
    for name, told in fitted.strangers.items():
        assert told.shape == (int(((data.labels == name) & (data.folds == 1)).sum()),)
        assert (told >= 0).all() and (told <= 1).all()
    answers = held_out(data, fitted.folds)
    known = [answers.name[answers.labels == name].mean() for name in SOURCES]
    assert np.mean(known) > np.mean([told.mean() for told in fitted.strangers.values()]) + 0.2


def test_separable_innocents_leave_the_threshold_at_its_floor() -> None:
    answers = answers_of()
    easy = replace(answers, upscaled=np.where(np.char.startswith(answers.labels, "original"), -50.0, 50.0))
    assert choose_thresholds(easy).accuse == 1.0


def test_ratios_beyond_what_held_out_samples_support_are_bounded() -> None:
    limits = choose_thresholds(answers_of())
    for low, high in (limits.upscaled_bounds, limits.source_bounds):
        assert -math.log(2001) <= low < 0 < high <= math.log(16001)
    sure = evidence(upscaled=50.0, known=50.0, sources=(1.0, 0.0, 0.0, 0.0))
    narrow = replace(THRESHOLDS, upscaled_bounds=(-2.0, 3.0), source_bounds=(-1.0, 1.5))
    told = decided(sure, narrow)
    assert told.log_lr_upscaled == 3.0 and told.log_lr_sources.max() == 1.5 and told.log_lr_sources.min() == -1.0


# the decision


def evidence(upscaled: float = 0.0, known: float = 0.0, sources: Any = (0.7, 0.1, 0.1, 0.1)) -> Scored:
    log_sources = np.log(np.maximum(np.array([sources], float), 1e-300))
    return Scored(log_sources, np.array([known]), np.array([upscaled]), {}, np.zeros(1), experts()[0].sources)


def decided(scored: Scored, thresholds: Thresholds = THRESHOLDS, priors: Priors | None = None) -> Decision:
    full, _ = experts()
    return decide(full, scored, 0, thresholds, priors or Priors())


@pytest.mark.parametrize("prior", [0.01, 0.5, 0.9])
@pytest.mark.parametrize("unknown", [0.05, 0.2, 0.7])
def test_priors_move_posteriors_as_bayes_says(prior: float, unknown: float) -> None:
    ratio, known, given = math.log(6.0), math.log(3.0), np.array([0.7, 0.1, 0.1, 0.1])
    decision = decided(evidence(ratio, known, given), priors=Priors(prior, unknown))
    assert decision.upscaled == pytest.approx(6 * prior / (6 * prior + 1 - prior), rel=1e-9)
    share = 3 * (1 - unknown) / (3 * (1 - unknown) + unknown)
    assert decision.unknown == pytest.approx(1 - share, rel=1e-9)
    np.testing.assert_allclose(decision.sources, share * given, rtol=1e-9)
    assert decision.log_lr_upscaled == pytest.approx(ratio)
    each = (1 - unknown) / 4
    np.testing.assert_allclose(decision.log_lr_sources, logit(share * given) - logit(each), rtol=1e-6)


def test_probabilities_sum_to_one_and_ratios_stay_within_their_bounds() -> None:
    full, _ = experts()
    innocent, upscaled, made = full.support
    rng = np.random.default_rng(0)
    for _ in range(200):
        given = rng.dirichlet(np.full(4, 0.05)) + 1e-200
        scored = evidence(rng.normal(0, 30), rng.normal(0, 30), given / given.sum())
        decision = decided(scored, priors=Priors(rng.uniform(0.001, 0.999), rng.uniform(0.001, 0.999)))
        assert decision.sources.sum() + decision.unknown == pytest.approx(1.0, rel=1e-9)
        assert 0 <= decision.upscaled <= 1
        assert abs(decision.log_lr_upscaled) <= math.log(min(innocent, upscaled) + 1)
        assert np.abs(decision.log_lr_sources).max() <= math.log(made + 1)


@pytest.mark.parametrize("sign", [-1, 1])
def test_overwhelming_evidence_is_cut_at_what_validation_supports(sign: int) -> None:
    full, _ = experts()
    innocent, upscaled, made = full.support
    decision = decided(evidence(sign * 1e9, sign * 1e9, (1.0, 0.0, 0.0, 0.0) if sign > 0 else (0.25,) * 4))
    assert decision.log_lr_upscaled == pytest.approx(sign * math.log(min(innocent, upscaled) + 1))
    assert decision.unknown == pytest.approx(expit(logit(0.2) - sign * math.log(made + 1)))
    assert np.isfinite(decision.log_lr_sources).all()


@pytest.mark.parametrize(
    ("scored", "verdict", "reason"),
    [
        (evidence(-5.0), "not_upscaled", None),
        (evidence(-1.0), "not_upscaled", None),
        (evidence(0.0), "inconclusive", "undecided: "),
        (evidence(5.0, 9.0, (0.9, 0.05, 0.03, 0.02)), "known_source", None),
        (evidence(5.0, -9.0), "unknown_source", None),
        (evidence(1.8, -9.0), "inconclusive", "too weak to stand alone"),
        (evidence(5.0, 9.0, (0.4, 0.05, 0.45, 0.1)), "inconclusive", "(gamma-x4 and alpha-x2)"),
    ],
)
def test_each_verdict(scored: Scored, verdict: str, reason: str | None) -> None:
    decision = decided(scored)
    assert decision.verdict == verdict
    assert (reason is None) == (decision.reason is None)
    assert reason is None or reason in str(decision.reason)


def test_a_prior_can_change_a_verdict() -> None:
    scored = evidence(2.0, 9.0, (0.9, 0.05, 0.03, 0.02))
    assert decided(scored).verdict == "known_source"
    assert decided(scored, priors=Priors(upscaled=0.01)).verdict == "not_upscaled"
    assert decided(scored, priors=Priors(upscaled=0.2)).verdict == "inconclusive"


def test_what_several_conditions_experts_say_is_averaged_by_probability() -> None:
    one = scored_by_full(training_set(seed=3))
    other = replace(one, log_sources=one.log_sources[::-1], upscaled=-one.upscaled)
    both = averaged(one, [(one, 0.6), (other, 0.2)])  # they need not sum to one
    expected = 0.75 * np.exp(one.log_sources) + 0.25 * np.exp(other.log_sources)
    np.testing.assert_allclose(np.exp(both.log_sources), expected, rtol=1e-9)
    for name in PARSED:
        np.testing.assert_allclose(both.parsed[name], one.parsed[name], atol=1e-9)
    np.testing.assert_array_equal(both.upscaled, one.upscaled)
    assert averaged(one, [(one, 0.9)]) is one


def test_distance_alone_is_no_claim_of_an_unknown_upscaler() -> None:
    full, folds = experts()
    limit = unlike(full)
    assert 0 < limit < 1
    limits = choose_thresholds(held_out(training_set(), folds), unlike=limit)
    far = novelty(np.array([[1e6, 2e6, 3e6, 4e6]]))  # of four sources, the first far ahead
    posterior = 1 / (1 + np.exp(full.novelty.log_ratio(far, "known")[0] + math.log(4)))
    assert posterior == pytest.approx(limit) and posterior < limits.unknown
