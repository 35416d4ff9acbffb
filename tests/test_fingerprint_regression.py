"""Hyper-parameters as real numbers: true values, draws, intervals that hold for networks never seen, files, answers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fingerprint_fakes import THRESHOLDS, reference, texture, written
from regression_fakes import hierarchy, measurements

import datasets
from fingerprint import Attributor, ReferenceError
from fingerprint.augment import CROP
from fingerprint.conditions import CLEAN, LOWEST_QUALITY
from fingerprint.regression import conformal, coverage, draws, measured, model, store
from fingerprint.regression.answers import ADDED, Estimate, Seen, regressed
from fingerprint.regression.fit import fit_regressors, shares
from fingerprint.regression.regressors import Regressors, used
from fingerprint.regression.targets import (
    BY_NAME,
    KERNELS,
    TARGETS,
    UNCODED,
    Truth,
    kernel_truths,
    layers,
    published_truths,
    zoo_truths,
)
from fingerprint.result import Parameter
from spectra import DIMENSIONS, luma_mask

NETWORK = Truth("made-up-x2-s1", "zoo", 2, {"depth": 16.0}, "edsr")
KNOWN = {"alpha-x2": {"depth": 20.0, "log10_parameters": 6.0}, "gamma-x4": {"log10_parameters": 7.0}}


@pytest.fixture(scope="module")
def small() -> Iterator[pytest.MonkeyPatch]:
    """Few components and cosines, so that fits take no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "COMPONENTS", 24)
        patch.setattr(model, "COSINES", 16)
        yield patch


@pytest.fixture(scope="module")
def fitted(small: pytest.MonkeyPatch) -> Regressors:
    return fit_regressors(measurements(), KNOWN, {"copies": 4})


# true values


def test_depth_counts_every_convolution() -> None:
    # head, six blocks of two, one behind them, one that enlarges, tail
    assert layers("edsr", 2, width=16, depth=6) == 1 + 12 + 1 + 1 + 1
    assert layers("espcn", 4, activation="relu", bounded=True) == 3
    assert layers("fsrcnn", 3, tail="subpixel") == 8
    # the head, two groups of two layers of four matrices and a convolution, one behind them, one that enlarges
    assert layers("swinir", 2, width=24, depth=2, blocks=2, heads=4) == 1 + 2 * (2 * 4 + 1) + 1 + 1


def test_every_network_that_ships_has_all_that_is_true_of_it() -> None:
    truths = {truth.name: truth for truth in zoo_truths()}
    assert all({"log10_parameters", "depth"} <= truth.values.keys() for truth in truths.values())
    adversarial = truths["zoo-rcan-x4-gan3e-3-A-s1"]
    assert adversarial.values["log10_adversarial_weight"] == pytest.approx(np.log10(0.003))
    assert "log10_adversarial_weight" not in truths["zoo-edsr-x2-l1-A-s1"].values
    assert truths["zoo-edsr-x2-l1-A-s1"].kin == truths["zoo-edsr-x2-l1-A-s3"].kin != truths["zoo-edsr-x4-l1-A-s1"].kin


@pytest.mark.data("published")
def test_depths_of_published_networks_are_of_structures_with_their_parameters() -> None:
    from fingerprint.regression import targets
    from model_zoo.functional import count_parameters, skeleton

    rows = {row.name: row for row in datasets.published_networks()}
    truths = {truth.name: truth for truth in published_truths()}
    assert set(truths) == {name for name, row in rows.items() if row.loss in ("fidelity", "adversarial")}
    assert {name for name, truth in truths.items() if "depth" in truth.values} == set(targets._STRUCTURES)
    for name, (architecture, config) in targets._STRUCTURES.items():
        _, shapes = skeleton(architecture, scale=rows[name].scale, **config)
        assert count_parameters(shapes) == rows[name].parameters, name


# draws


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photographs")
    return [written(folder / f"{k}.png", texture(321, 481, k)) for k in range(2)]


def doubled(picture: np.ndarray) -> np.ndarray:
    return picture.repeat(2, axis=0).repeat(2, axis=1)


def test_recipes_repeat_and_stay_within_their_ranges() -> None:
    recipes = [draws.recipe(NETWORK, k, 0) for k in range(200)]
    assert recipes == [draws.recipe(NETWORK, k, 0) for k in range(200)]
    assert recipes != [draws.recipe(NETWORK, k, 1) for k in range(200)]
    resized = [recipe for recipe in recipes if recipe.resize != 1]
    assert 60 < len(resized) < 140
    assert all(1.09 < recipe.scale_factor < 6.01 for recipe in recipes)
    assert all(recipe.scale_factor == 2 for recipe in recipes if recipe.resize == 1)
    coded = [recipe.before for recipe in recipes if recipe.before != UNCODED]
    assert 60 < len(coded) < 140 and min(coded) >= 30 and max(coded) < 100


def test_a_kernel_takes_any_factor_and_one_that_cannot_be_run_is_not_recoded() -> None:
    kernels = kernel_truths()
    assert {truth.design for truth in kernels} == set(KERNELS)
    factors = [draws.recipe(kernels[0], k, 0).scale_factor for k in range(100)]
    assert 1.1 <= min(factors) < 1.4 and 3 < max(factors) <= 4
    fixed = [draws.recipe(NETWORK, k, 0, runnable=False) for k in range(60)]
    assert {recipe.before for recipe in fixed} == {UNCODED}
    assert min(recipe.resize for recipe in fixed) >= draws.LEAST_SIDE / 192


@pytest.mark.parametrize("enlarge", [doubled, None])
def test_pictures_repeat_and_leave_room_for_a_crop(photographs: list[Path], enlarge: draws.Enlarge | None) -> None:
    truth = NETWORK if enlarge else kernel_truths()[0]
    for copy in range(6):
        recipe = draws.recipe(truth, copy, 0)
        picture = draws.made(recipe, photographs, 0, enlarge)
        assert np.array_equal(picture, draws.made(recipe, photographs, 0, enlarge))
        assert min(picture.shape[:2]) >= CROP + 7
        for condition in (CLEAN, draws.DRAWN[-1]):
            crop = draws.drawn(picture, recipe, condition, 0)
            assert crop.shape == (CROP, CROP, 3)
            assert np.array_equal(crop, draws.drawn(picture, recipe, condition, 0))


def test_the_network_sees_what_was_coded_before(photographs: list[Path]) -> None:
    seen: list[np.ndarray] = []

    def watched(picture: np.ndarray) -> np.ndarray:
        seen.append(picture)
        return doubled(picture)

    plain = replace(draws.recipe(NETWORK, 0, 0), before=UNCODED, resize=1.0, scale_factor=2.0)
    for recipe in (plain, replace(plain, before=30.0)):
        draws.made(recipe, photographs, 0, watched)
    assert seen[0].shape == seen[1].shape == (112, 112, 3)
    assert 0.5 < np.abs(seen[0].astype(float) - seen[1]).mean() < 40


def test_true_values_are_those_of_the_draw() -> None:
    recipe = draws.recipe(NETWORK, 3, 0)
    assert draws.values(recipe, CLEAN, 0)["jpeg_quality_after"] == UNCODED
    for condition in draws.DRAWN[1:]:
        many = [draws.values(draws.recipe(NETWORK, k, 0), condition, 0)["jpeg_quality_after"] for k in range(60)]
        lowest = LOWEST_QUALITY if condition == draws.DRAWN[-1] else condition.lowest
        assert lowest is not None and condition.highest is not None
        assert lowest <= min(many) <= lowest + 3 and condition.highest - 3 <= max(many) <= condition.highest


@pytest.mark.data("bsds500", "published")
def test_what_was_measured_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = next(truth for truth in zoo_truths() if truth.name == "whorl-fsrcnn-x2")
    published = next(truth for truth in published_truths() if truth.name == "bsrn-x4-ntire22t18")
    plan = measured.Plan((kernel_truths()[1], network, published), tmp_path, (CLEAN, draws.DRAWN[2]), copies=1)
    counted: list[int] = []
    first = measured.measure(plan, advance=counted.append)
    assert sum(counted) == plan.pictures == len(first.names) == 2 * (3 + 1 + 1)
    assert first.values[first.names == "bsrn-x4-ntire22t18"][0, 1] == pytest.approx(np.log10(156288))
    assert np.isnan(first.values[first.origins == "kernel"][:, 1]).all()
    assert set(first.photographs) <= {path.stem for path in datasets.bsds500("test").paths}

    def unexpected(picture: np.ndarray) -> np.ndarray:
        raise AssertionError("measured twice")

    monkeypatch.setattr(measured, "features_of", unexpected)
    again = measured.measure(replace(plan, workers=1))
    assert np.array_equal(first.features, again.features) and np.array_equal(first.names, again.names)
    with pytest.raises(AssertionError, match="measured twice"):
        measured.measure(replace(plan, seed=1))


# intervals


def test_a_weighted_quantile_is_the_least_value_that_reaches_the_level() -> None:
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([0.2, 0.5, 0.2])
    assert [conformal.upper_quantile(values, weights, q) for q in (0.5, 0.51, 0.7, 0.9, 0.91)] == [1, 2, 2, 3, np.inf]


def test_pictures_share_their_networks_weight_and_one_networks_lies_at_infinity() -> None:
    weights = conformal.picture_weights(np.array(["a", "b", "b", "c"]))
    assert weights == pytest.approx([1 / 4, 1 / 8, 1 / 8, 1 / 4])


def test_too_few_networks_say_nothing() -> None:
    names = np.arange(8).astype(str)
    errors = conformal.Errors(np.ones(8), np.zeros(8, int), conformal.picture_weights(names))
    assert conformal.interval(errors, np.zeros(1), np.ones(1)) == (-np.inf, np.inf)
    more = np.arange(9).astype(str)
    errors = conformal.Errors(np.ones(9), np.zeros(9, int), conformal.picture_weights(more))
    assert conformal.interval(errors, np.zeros(1), np.ones(1)) == (-1, 1)
    with pytest.raises(ValueError, match="level must lie strictly between 0 and 1, got 1"):
        conformal.interval(errors, np.zeros(1), np.ones(1), 1)


def test_the_band_is_the_binomials() -> None:
    low, high = conformal.binomial_band(100)
    assert (low, high) == (0.84, 0.95)
    assert conformal.network_coverage(np.array([1, 1, 0, 1], bool), np.array(["a", "a", "b", "b"])) == (0.75, 2)


def covered_share(rng: np.random.Generator, by_network: bool) -> float:
    """What share of a new network's pictures an interval holds whose errors came from one draw of networks."""
    features, target, names = hierarchy(rng, 41)
    target = target - features @ np.linspace(1, 2, features.shape[1])  # the model is known, errors are the networks'
    new = names == "40"
    weights = conformal.picture_weights(names[~new])
    if not by_network:  # as if every picture were a network
        weights = np.full(len(weights), 1 / (len(weights) + 1))
        weights[names[~new].astype(int) % 8 != 0] *= 1e-3  # a few networks of which there are many pictures
        weights /= weights.sum()
    errors = conformal.Errors(np.abs(target[~new]), np.zeros(len(weights), int), weights)
    low, high = conformal.interval(errors, np.zeros(1), np.ones(1))
    return float(((target[new] >= low) & (target[new] <= high)).mean())


def test_intervals_hold_for_new_networks() -> None:
    rng = np.random.default_rng(0)
    shares_held = np.array([covered_share(rng, by_network=True) for _ in range(600)])
    low, high = conformal.binomial_band(600)
    assert low <= shares_held.mean() <= high + 1 / 42  # the weight at infinity adds at most one network's


def test_counting_pictures_instead_of_networks_would_not_do() -> None:
    rng = np.random.default_rng(0)
    held = np.mean([covered_share(rng, by_network=False) for _ in range(600)])
    assert held < conformal.binomial_band(600)[0]


def test_models_without_the_network_hold_it(small: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    held = []
    for _ in range(12):
        features, target, names = hierarchy(rng, 90)
        new = names.astype(int) >= 60
        cell = model.fit_regressor(features[~new], target[~new], names[~new], names[~new])
        told = [cell.answer(row) for row in features[new]]
        covered = np.array([low <= truth <= high for truth, (_, low, high) in zip(target[new], told, strict=True)])
        held.append(conformal.network_coverage(covered, names[new])[0])
    low, high = conformal.binomial_band(12 * 30)
    assert low <= np.mean(held) <= high + 0.03  # models without a fold see less than their mean does


def test_widths_follow_the_place(small: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    features, target, names = hierarchy(rng, 200)
    cell = model.fit_regressor(features, target, names, names)
    narrow, wide = (cell.answer(np.array([side, 0, 0, 0, 0, 0.0])) for side in (-1.5, 1.5))
    assert wide[2] - wide[1] > 1.4 * (narrow[2] - narrow[1])


# models


def test_a_lift_gives_one_picture_what_it_gives_many(small: pytest.MonkeyPatch) -> None:
    data = measurements()
    lift = model.fit_lift(data.features, data.conditions)
    many = lift.many(data.features[:5])
    assert many.shape == (5, lift.dimensions)
    # float32 products against float64 sums, of some thousand terms
    assert np.allclose([lift.one(row) for row in data.features[:5]], many, atol=1e-4)
    assert lift.components.dtype == np.int8 and np.abs(lift.components).max(axis=0).tolist() == [127] * len(lift.steps)


def test_one_wild_feature_decides_nothing(small: pytest.MonkeyPatch) -> None:
    data = measurements()
    lift = model.fit_lift(data.features, data.conditions)
    wild = data.features[0].copy()
    wild[7] = 1e6
    assert np.abs(lift.one(wild) - lift.one(data.features[0])).max() < 0.5


def test_regression_uses_the_classical_features_alone() -> None:
    row = np.arange(DIMENSIONS + 640, dtype=np.float32)
    assert np.array_equal(used(row, "colour"), np.arange(DIMENSIONS))
    assert np.array_equal(used(row[None], "grey")[0], np.flatnonzero(luma_mask()))


def test_kin_are_left_out_together_and_folds_are_even() -> None:
    kin = np.array([f"k{n % 23}" for n in range(230)])
    folds = model.fold_of_kin(kin, 5)
    assert all(len(set(folds[kin == name])) == 1 for name in np.unique(kin))
    assert sorted(np.bincount([folds[kin == name][0] for name in np.unique(kin)])) == [4, 4, 5, 5, 5]


def test_one_group_of_kin_is_refused() -> None:
    features, target, names = hierarchy(np.random.default_rng(0), 5)
    with pytest.raises(ValueError, match="kin must be of at least two groups, got 1"):
        model.fit_regressor(features, target, names, np.full(len(names), "all"))


def test_a_design_of_many_networks_weighs_as_the_root_of_their_number() -> None:
    names = np.array(["a", "b", "c", "d", "e", "e"])
    weights = shares(names, np.array(["x", "x", "x", "x", "y", "y"]))
    assert weights.sum() == pytest.approx(1)
    assert weights[:4].sum() == pytest.approx(2 * weights[4:].sum())


# coverage


def test_studies_never_try_what_they_were_fitted_to() -> None:
    data = measurements()
    for study in coverage.STUDIES:
        for fitted, tried in coverage.splits(data, study):
            assert fitted.any() and tried.any()
            assert not set(data.names[fitted]) & set(data.names[tried])
            if study == "designs":
                assert not set(data.designs[fitted]) & set(data.designs[tried])
            if study == "photographs":
                assert not set(data.photographs[fitted]) & set(data.photographs[tried])
    published = next(coverage.splits(data, "published"))
    assert set(data.origins[published[0]]) == {"zoo", "kernel"} and set(data.origins[published[1]]) == {"published"}
    with pytest.raises(
        ValueError, match="study must be one of networks, photographs, designs, published, zoo, got 'none'"
    ):
        next(coverage.splits(data, "none"))


def test_coverage_is_counted_by_network(small: pytest.MonkeyPatch) -> None:
    data = measurements(40, 3)
    found = coverage.summary(data, coverage.told(data, "networks", "colour", 3))
    assert set(found) == {target.name for target in TARGETS}
    entry = found["scale_factor"]
    assert (entry["all"]["networks"], entry["all"]["pictures"]) == (40, 240)
    assert sum(part["pictures"] for part in entry["condition"].values()) == 240
    assert set(entry["origin"]) == {"zoo", "published", "kernel"}
    assert entry["all"]["coverage"] > 0.75 and entry["all"]["r2"] > 0.5
    assert entry["all"]["within"] == (entry["all"]["band"][0] <= entry["all"]["coverage"] <= entry["all"]["band"][1])


# files


def test_regressors_survive_a_round_trip(fitted: Regressors, tmp_path: Path) -> None:
    path = store.write_regressors(fitted, tmp_path)
    assert path == tmp_path / "regressors.json"
    again = store.read_regressors(tmp_path)
    assert again is not None
    assert set(again.cells) == set(fitted.cells) and set(again.lifts) == {"colour", "grey"}
    assert again.known == KNOWN and again.card == fitted.card
    seen = seen_as(measurements().features[0])
    assert regressed(again, seen) == regressed(fitted, seen)
    content = (tmp_path / store.TENSORS).read_bytes()
    store.write_regressors(again, tmp_path)
    assert (tmp_path / store.TENSORS).read_bytes() == content


def test_other_features_are_refused(fitted: Regressors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write_regressors(fitted, tmp_path)
    monkeypatch.setattr(store, "FEATURES_ID", "others/2")
    with pytest.raises(ReferenceError, match=r"regressors\.json was made for other features or targets; fit it again"):
        store.read_regressors(tmp_path)


def test_damage_is_told_in_one_line(fitted: Regressors, tmp_path: Path) -> None:
    assert store.read_regressors(tmp_path) is None
    store.write_regressors(fitted, tmp_path)
    tensors = tmp_path / store.TENSORS
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(content)
    with pytest.raises(ReferenceError, match=r"regressors\.safetensors is damaged: it is not what regressors\.json"):
        store.read_regressors(tmp_path)
    tensors.unlink()
    with pytest.raises(ReferenceError, match="cannot be read: No such file"):
        store.read_regressors(tmp_path)
    (tmp_path / store.DESCRIPTION).write_text("{}")
    with pytest.raises(ReferenceError, match="is damaged: KeyError") as error:
        store.read_regressors(tmp_path)
    assert len(str(error.value).splitlines()) == 1


# answers


def seen_as(features: np.ndarray, **changes: object) -> Seen:
    plain = Seen(features, "colour", "clean", "unknown_source", "adversarial", {}, None, 192)
    return replace(plain, **changes)


@pytest.fixture
def features() -> np.ndarray:
    return measurements().features[10]


def test_every_number_lies_in_a_finite_interval_within_its_limits(fitted: Regressors, features: np.ndarray) -> None:
    for given in (features, features * np.float32(1e4), -features * np.float32(1e4)):
        added, notes = regressed(fitted, seen_as(given))
        assert set(added) == {*ADDED, "log10_parameters"} and notes == []
        for name, parameter in added.items():
            target = BY_NAME[name]
            assert parameter.interval is not None and isinstance(parameter.value, int | float)
            assert parameter.level == conformal.LEVEL
            low, high = parameter.interval
            assert target.low <= low <= parameter.value <= high <= target.high
            assert isinstance(parameter.value, int) == (target.digits == 0)


def test_what_does_not_apply_is_not_told(fitted: Regressors, features: np.ndarray) -> None:
    def told(**changes: object) -> set[str]:
        added, _ = regressed(fitted, seen_as(features, **changes))
        assert set(ADDED) <= set(added)
        return {name for name, parameter in added.items() if parameter.value is not None}

    everywhere = {"scale_factor", "jpeg_quality_before", "jpeg_quality_after"}
    assert told() == {*ADDED, "log10_parameters"}
    assert told(loss="fidelity") == {*everywhere, "depth", "log10_parameters"}
    assert told(loss="interpolation") == everywhere
    assert told(verdict="not_upscaled") == told(side=143) == told(quality=LOWEST_QUALITY - 1) == set()
    assert told(loss="none") == told(loss="none", verdict="inconclusive") == set()
    assert told(condition="jpeg-51") == {"jpeg_quality_after"}  # none were fitted there
    assert told(condition="resized") == told()  # the clean ones' models know resizes
    assert regressed(None, seen_as(features))[0] == {name: Parameter(None) for name in ADDED}


def test_a_named_networks_depth_is_its_own(fitted: Regressors, features: np.ndarray) -> None:
    named = seen_as(features, verdict="known_source", loss="fidelity", shares={"alpha-x2": 0.97, "beta-x3": 0.01})
    added, _ = regressed(fitted, named)
    assert added["depth"] == Parameter(20, (20, 20), level=0.9)
    assert "log10_parameters" not in added
    doubtful, _ = regressed(fitted, replace(named, shares={"alpha-x2": 0.6, "beta-x3": 0.3}))
    plain, _ = regressed(fitted, replace(named, verdict="unknown_source"))
    other, _ = regressed(fitted, replace(named, shares={"gamma-x4": 0.99}))  # whose depth nobody knows
    assert doubtful["depth"].value == 20 and doubtful["depth"].interval != (20, 20)
    assert other["depth"] == plain["depth"]


def test_a_jpeg_files_own_quality_is_told(fitted: Regressors, features: np.ndarray) -> None:
    pixels = regressed(fitted, seen_as(features))[0]["jpeg_quality_after"].interval
    assert pixels is not None
    low, high = pixels
    inside, outside = round((low + high) / 2), 40 if low > 40 else 100
    added, notes = regressed(fitted, seen_as(features, quality=inside))
    assert added["jpeg_quality_after"] == Parameter(inside, (inside, inside))
    assert notes == [f"jpeg_after: quality {inside} is the file's own; its pixels agree ({low} to {high})"]
    if not low <= outside <= high:
        _, notes = regressed(fitted, seen_as(features, quality=outside))
        assert notes == [f"jpeg_after: quality {outside} is the file's own; its pixels look like {low} to {high}"]


def test_rounding_never_narrows_an_interval() -> None:
    shown = Estimate(2.0049, 1.9951, 2.0149).parameter(BY_NAME["scale_factor"])
    assert shown == Parameter(2.0, (1.99, 2.02), level=0.9)
    assert Estimate(16.6, 16.2, 16.9).parameter(BY_NAME["depth"]) == Parameter(17, (16, 17), level=0.9)
    assert Estimate(3.0, 2.0, 4.0).parameter(BY_NAME["scale_factor"]) == Parameter(3.0, (2.0, 4.0), level=0.9)


def test_an_attributor_tells_them_and_repeats(fitted: Regressors, tmp_path: Path) -> None:
    known = reference(replace(THRESHOLDS, accuse=-1e9, clear=-2e9, unexplained=-1e9, name=2.0, unknown=0.0))
    evidence = datasets.read_evidence(written(tmp_path / "a.jpg", quality=88))
    results = [Attributor(known, regressors=fitted).attribute(evidence) for _ in range(2)]
    assert results[0] == results[1]
    result = results[0]
    assert result.verdict == "unknown_source"
    assert result.parameters["jpeg_quality_after"] == Parameter(88, (88, 88))
    assert result.parameters["scale_factor"].interval is not None
    assert any(note.startswith("jpeg_after: quality 88 is the file's own; its pixels ") for note in result.image.notes)
    without = Attributor(known).attribute(evidence)
    assert all(without.parameters[name] == Parameter(None) for name in ADDED)
    assert all(without.parameters[name] == result.parameters[name] for name in ("scale", "loss", "architecture"))
