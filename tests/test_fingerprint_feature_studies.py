"""What kinds of features are worth, enrolment of networks left out, and recognition of plain enlargements."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fingerprint_fakes import DIMENSIONS, SOURCES, reference, texture, training_set, written

import datasets
from fingerprint import ablation as ablating
from fingerprint import enrolment as enrolling
from fingerprint.attributor import Attributor
from fingerprint.conditions import CLEAN, Condition
from fingerprint.expert import fit_expert
from fingerprint.interpolation import KERNELS, SIDE, _enlarged, interpolated
from fingerprint.result import Parameter
from fingerprint.samples import UNSEEN, Sample
from fingerprint.training_set import TrainingSet

HALF = DIMENSIONS // 2
EVERYTHING = np.ones(DIMENSIONS, bool)


def silent(data: TrainingSet, part: slice) -> TrainingSet:
    """Dimensions in which all classes are alike."""
    features = data.features.copy()
    features[:, part] = np.random.default_rng(9).normal(size=features[:, part].shape)
    return replace(data, features=features)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> TrainingSet:
    """A world whose second half of dimensions says nothing."""
    data = silent(training_set(), slice(HALF, None))
    for module in (ablating, enrolling):
        monkeypatch.setattr(module, "tracing_mask", lambda condition, mode: EVERYTHING)
        monkeypatch.setattr(module, "detected_as", lambda label: label)
        monkeypatch.setattr(module, "share", lambda label: 1.0)
    return data


def test_a_kind_of_features_that_says_nothing_is_worth_nothing(
    made_up: TrainingSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    first = np.arange(DIMENSIONS) < HALF
    monkeypatch.setattr(ablating, "parts", lambda: {"telling": first, "silent": ~first, "all": EVERYTHING})
    monkeypatch.setattr(ablating, "measure", lambda samples, condition, cache: made_up)
    monkeypatch.setattr(ablating, "dimensions", lambda: DIMENSIONS)
    published = ("alpha-x2", "beta-x3", "gamma-x4")
    said: list[str] = []
    found = ablating.ablation([], SOURCES, published, tmp_path, [CLEAN], said.append)["clean"]
    assert list(found) == ["telling", "silent", "all"] and said[0] == "measuring clean"
    assert found["telling"]["dimensions"] == HALF and found["all"]["dimensions"] == DIMENSIONS
    tests = (made_up.folds == UNSEEN) & np.isin(made_up.labels, published)
    assert found["all"]["top1"]["images"] == tests.sum()
    assert found["telling"]["top1"]["share"] > 0.95 and found["silent"]["top1"]["share"] < 0.6
    assert found["telling"]["scale"]["share"] >= found["telling"]["top1"]["share"]
    assert found["telling"]["upscaled"] > 0.97 and found["silent"]["upscaled"] < 0.75
    assert found["telling"]["zoo"] == {"share": None, "interval": None, "images": 0}


def test_kinds_of_features_cover_the_vector():
    parts = ablating.parts()
    np.testing.assert_array_equal(parts["co-occurrences"] | parts["spectra"], parts["classical"])
    np.testing.assert_array_equal(parts["classical"] | parts["embedding"], parts["all"])
    assert not (parts["classical"] & parts["embedding"]).any() and parts["embedding"].any()


@pytest.fixture
def enrolled(made_up: TrainingSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(enrolling, "dimensions", lambda: DIMENSIONS)
    monkeypatch.setattr(enrolling.spectra, "DIMENSIONS", HALF)
    monkeypatch.setattr(datasets, "published_sources", lambda: tuple(SOURCES))
    monkeypatch.setattr(datasets, "published", lambda name, split: [tmp_path / f"{split}.png"])
    probes: list[str] = []

    def measured(samples: Sequence[Sample], condition: Condition, cache: Path, *, fresh: bool = False) -> TrainingSet:
        probes.extend(sample.label for sample in samples)
        data = silent(training_set(seed=5 if fresh else 0), slice(HALF, None))
        return data.take(np.isin(data.labels, list(SOURCES))) if fresh else data

    monkeypatch.setattr(enrolling, "measure", measured)
    return probes


def test_networks_left_out_are_enrolled_and_told_apart(enrolled: list[str], tmp_path: Path):
    given = {"networks": ("beta-x3",), "images": 6, "seeds": (1, 2)}
    found = enrolling.enrolment([], SOURCES, tmp_path, **given)
    assert set(enrolled) == set(SOURCES) and list(found) == ["classical", "all"]
    for told in found.values():
        assert told["sources"] == len(SOURCES)
        assert told["enrolment"]["images"] == 2 * 40 and told["others"]["images"] == 2 * 40 * 3
        assert told["enrolment"]["share"] > 0.7 and told["others"]["share"] > 0.8
        assert told["alone"]["share"] == 1 and told["by_network"] == {"beta-x3": told["enrolment"]["share"]}
        assert told["top5"]["share"] == 1
    assert enrolling.by_network(found)[0][0] == "beta-x3"


def test_too_few_pictures_to_enrol_from_are_refused():
    data = training_set()
    with pytest.raises(ValueError, match="alpha-x2 has 40 pictures to enrol from, 41 are needed"):
        enrolling._pictures(data, "alpha-x2", 41, 0)
    assert enrolling._pictures(data, "alpha-x2", 5, 0).shape == (5, DIMENSIONS)


def test_several_networks_are_told_from_each_other():
    data = training_set()
    expert, names = fit_expert(data, SOURCES).full, {"beta-x3": "one", "gamma-x4": "two"}
    kept = data.take(np.isin(data.labels, list(names)))
    own = replace(kept, labels=np.array([names[label] for label in kept.labels.tolist()]))
    found = enrolling._attributed(expert, own, own, ("one", "two"), 6, (1,))
    assert found["alone"]["share"] > 0.95 and found["sources"] == len(expert.sources) + 2


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("factor", [1.1, 2.0, 4.0])
def test_enlargements_are_squares_of_the_kernel_alone(kernel: str, factor: float):
    large = _enlarged(texture(300, 400), KERNELS[kernel], factor)
    assert large.shape == (SIDE, SIDE, 3) and large.dtype == np.uint8
    rough = np.abs(np.diff(large.astype(float), axis=0)).mean()
    assert rough < np.abs(np.diff(texture(300, 400).astype(float), axis=0)).mean()


def test_what_is_recognised_as_interpolated_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    photographs = [(name, written(tmp_path / f"{name}.png", texture(100, 120, k))) for k, name in enumerate("ab")]
    attributor = Attributor(reference())
    answers = iter(["interpolation", "fidelity", "interpolation", "none"] * 2)
    verdicts = iter(["known_source", "known_source", "inconclusive", "not_upscaled"] * 2)

    def attribute(evidence: datasets.Evidence) -> SimpleNamespace:
        return SimpleNamespace(parameters={"loss": Parameter(next(answers))}, verdict=next(verdicts))

    monkeypatch.setattr(attributor, "attribute", attribute)
    counted: list[int] = []
    found = interpolated(photographs, attributor, ("bicubic", "cubic spline"), (1.5, 2.0), counted.append)
    assert len(counted) == 8
    assert found["interpolated"]["share"] == 0.5 and found["interpolated"]["images"] == 8
    assert found["network"]["share"] == 0.25
    assert found["by_kernel"]["bicubic"]["share"] == 0.5 and found["by_factor"]["1.5"]["share"] == 1
    assert found["verdicts"] == {"inconclusive": 2, "known_source": 4, "not_upscaled": 2}
