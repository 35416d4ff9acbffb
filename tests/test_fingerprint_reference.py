"""A reference on disk: what was saved is what is loaded, and what cannot be used says so in one line."""

import json
import math
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fingerprint_fakes import SOURCES, THRESHOLDS, experts, reference, training_set

from fingerprint import Reference, ReferenceError
from fingerprint.card import render_card, validation_rows
from fingerprint.conditions import CONDITIONS
from fingerprint.expert import Expert
from fingerprint.features import mode_mask
from fingerprint.lda import Discriminant
from fingerprint.reference import MODES, load, save
from fingerprint.rounding import Rounder

KEY = ("colour", "clean")


def small() -> Reference:
    """A reference in 60 dimensions; two experts are enough to tell them apart."""
    full, folds = experts()
    routed = Discriminant(("clean", "jpeg-90"), np.full((60, 2), 0.25, np.float32), np.array([1, 2], np.float32))
    other = ("grey", "jpeg-51")
    return Reference(
        SOURCES,
        {KEY: full, other: folds[0]},
        {KEY: THRESHOLDS, other: replace(THRESHOLDS, name=0.77)},
        dict.fromkeys(MODES, routed),
        {"colour": 0.5, "grey": 2.0},
        {"folds": 5, "note": "äöü"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(small(), tmp_path / "deep" / "reference")
    return tmp_path / "deep" / "reference"


def test_what_is_saved_is_loaded(folder: Path) -> None:
    saved, loaded = small(), load(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["reference.json", "reference.safetensors"]
    assert loaded.sources == SOURCES
    assert loaded.thresholds == saved.thresholds
    assert loaded.router_temperatures == saved.router_temperatures
    assert loaded.card == saved.card
    assert set(loaded.experts) == set(saved.experts)
    assert len(loaded.experts) == 2
    assert loaded.experts[KEY] is loaded.experts[KEY]
    assert ("colour", "jpeg-51") not in loaded.experts
    for mode in MODES:
        assert loaded.routers[mode].classes == ("clean", "jpeg-90")
        np.testing.assert_array_equal(loaded.routers[mode].weights, saved.routers[mode].weights)  # a power of two
    for key in saved.experts:
        before, after = saved.experts[key], loaded.experts[key]
        assert (after.detection_temperature, after.usual) == (before.detection_temperature, before.usual)
        for name, value in vars(before.kinds).items():
            np.testing.assert_array_equal(getattr(after.kinds, name), value)
        assert (after.size_margin, after.support, after.sources) == (before.size_margin, before.support, before.sources)
        np.testing.assert_array_equal(after.size, before.size)
        np.testing.assert_allclose(after.places.whitener, before.places.whitener, rtol=1e-6)  # kept as float32
        np.testing.assert_allclose(after.places.centres, before.places.centres, rtol=1e-6)
        for name, head in {**before.heads, "novelty": before.novelty, "detection": before.detection}.items():
            other = after.heads.get(name) or getattr(after, name)
            assert other.classes == head.classes
            np.testing.assert_array_equal(other.weights, head.weights)
            np.testing.assert_array_equal(other.offsets, head.offsets)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_references_of_earlier_formats_are_refused(tmp_path: Path, number: int) -> None:
    full, folds = experts()
    other = ("grey", "jpeg-51")
    save(replace(small(), experts={KEY: full, other: folds[0]}), tmp_path)
    assert not json.loads((tmp_path / "reference.json").read_text())["same"].keys() & {"colour.clean.tracer.weights"}
    _edit(tmp_path, lambda about: about.update(format=number))
    with pytest.raises(ReferenceError, match="fit it again with this version"):
        load(tmp_path)


def test_in_a_reference_of_the_format_before_every_score_is_as_sharp(tmp_path: Path) -> None:
    save(small(), tmp_path)

    def aged(about: dict) -> None:
        about["format"] = 6
        for expert in about["experts"].values():
            del expert["usual"]

    _edit(tmp_path, aged)
    assert load(tmp_path).experts[KEY].usual == math.inf


def test_rounded_weights_are_kept_exactly_in_a_byte_each(tmp_path: Path) -> None:
    whole = small()
    data = training_set()
    [rounded] = Rounder(data.features).experts([whole.experts[KEY]], np.ones(data.features.shape[1], bool))
    save(whole, tmp_path / "halves")
    save(replace(whole, experts={**whole.experts, KEY: rounded}), tmp_path / "bytes")
    loaded = load(tmp_path / "bytes").experts[KEY]
    for name in ("detector", "tracer"):
        before, after = getattr(rounded, name), getattr(loaded, name)
        np.testing.assert_allclose(after.weights, before.weights, rtol=1e-6)
        np.testing.assert_array_equal(after.steps, before.steps)
        np.testing.assert_array_equal(after.offsets, before.offsets)
    np.testing.assert_array_equal(loaded.places.centres, rounded.places.centres)
    assert loaded.places.centres.dtype == np.float64
    sizes = [(tmp_path / name / "reference.safetensors").stat().st_size for name in ("halves", "bytes")]
    weights = rounded.detector.weights.size + rounded.tracer.weights.size
    assert sizes[0] - sizes[1] == pytest.approx(weights, abs=16)


def test_arrays_that_are_equal_are_kept_once(tmp_path: Path) -> None:
    whole = small()
    full, folds = experts()
    shared = replace(folds[0], tracer=full.tracer)
    save(whole, tmp_path / "apart")
    save(replace(whole, experts={KEY: full, ("grey", "jpeg-51"): shared}), tmp_path / "shared")
    loaded = load(tmp_path / "shared").experts
    for name in ("weights", "offsets"):
        first, second = (getattr(loaded[key].tracer, name) for key in (KEY, ("grey", "jpeg-51")))
        np.testing.assert_array_equal(first, second)
    sizes = [(tmp_path / name / "reference.safetensors").stat().st_size for name in ("apart", "shared")]
    assert sizes[0] - sizes[1] > 2 * full.tracer.weights.size


def test_dimensions_that_a_discriminant_does_not_use_take_no_room(tmp_path: Path) -> None:
    whole = small()
    expert = whole.experts[KEY]
    weights = expert.tracer.weights.copy()
    weights[10:50] = 0
    tracer = Discriminant(expert.tracer.classes, weights, expert.tracer.offsets)
    save(whole, tmp_path / "whole")
    save(replace(whole, experts={**whole.experts, KEY: replace(expert, tracer=tracer)}), tmp_path / "less")
    before, after = load(tmp_path / "whole").experts[KEY].tracer, load(tmp_path / "less").experts[KEY].tracer
    assert not after.weights[10:50].any()
    for rows in (slice(10), slice(50, None)):
        np.testing.assert_array_equal(after.weights[rows], before.weights[rows])
    sizes = [(tmp_path / name / "reference.safetensors").stat().st_size for name in ("whole", "less")]
    assert sizes[0] - sizes[1] > 40 * 2 * len(tracer.classes)


def test_packing_to_half_precision_moves_scores_by_less_than_their_noise(folder: Path) -> None:
    saved, loaded = small().experts[KEY], load(folder).experts[KEY]
    features = training_set(seed=4).features
    for name in ("detector", "tracer"):
        before, after = getattr(saved, name), getattr(loaded, name)
        np.testing.assert_array_equal(after.offsets, before.offsets)
        # float16 keeps eleven bits: a weight moves by at most 2^-11 of itself, or of 2^-14 of its row's largest one.
        largest = np.abs(before.weights).max(axis=1, keepdims=True)
        bound = 2.0**-11 * np.maximum(np.abs(before.weights), 2.0**-14 * largest)
        assert (np.abs(after.weights - before.weights) <= bound * (1 + 1e-5)).all()
        # Sixty such errors add up; the scores themselves scatter by more than one within a class.
        assert np.abs(after.scores(features) - before.scores(features)).max() < 0.05


def test_identity_is_that_of_the_content(folder: Path, tmp_path: Path) -> None:
    first = load(folder).identity
    assert first.startswith("sha256:")
    assert len(first) == 7 + 64
    save(small(), tmp_path / "again")
    assert load(tmp_path / "again").identity == first
    save(replace(small(), card={"folds": 6}), tmp_path / "again")
    assert load(tmp_path / "again").identity != first


def test_saving_over_a_reference_replaces_it_and_leaves_nothing_behind(folder: Path) -> None:
    save(replace(small(), card={"folds": 7}), folder)
    assert load(folder).card == {"folds": 7}
    assert len(list(folder.iterdir())) == 2


def test_a_number_that_is_not_finite_spoils_nothing(folder: Path) -> None:
    before = load(folder).identity
    other = replace(small(), experts={KEY: experts()[1][1]}, card={"top1": math.nan})
    with pytest.raises(ValueError, match="JSON compliant"):
        save(other, folder)
    assert load(folder).identity == before


def _edit(folder: Path, change: Callable[[dict], Any]) -> None:
    about = json.loads((folder / "reference.json").read_text())
    change(about)
    (folder / "reference.json").write_text(json.dumps(about))


def _pickle(folder: Path) -> None:
    (folder / "reference.safetensors").write_bytes(b"\x80\x04\x95" + bytes(100))


def _cut(folder: Path) -> None:
    path = folder / "reference.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


def _no_tensors(folder: Path) -> None:
    (folder / "reference.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "reference.json").unlink(), "cannot be read: No such file"),
        (lambda folder: (folder / "reference.safetensors").unlink(), "cannot be read: No such file"),
        (lambda folder: (folder / "reference.json").write_text("{"), "is damaged"),
        (lambda folder: (folder / "reference.json").write_text("[]"), "is damaged"),
        (lambda folder: (folder / "reference.json").write_bytes(b"\xff\xfe"), "is damaged"),
        (lambda folder: _edit(folder, lambda about: about.pop("sources")), "is damaged"),
        (lambda folder: _edit(folder, lambda about: about.update(experts=[])), "is damaged"),
        (lambda folder: _edit(folder, lambda about: about["sources"][0].update(colour="red")), "is damaged"),
        (lambda folder: _edit(folder, lambda about: about.update(features="other/1")), "made for other features"),
        (lambda folder: _edit(folder, lambda about: about.update(format=99)), "made for other features"),
        (lambda folder: _edit(folder, lambda about: about["conditions"].pop()), "made for other features"),
        (_pickle, "is damaged"),
        (_cut, "is damaged"),
        (_no_tensors, "is damaged"),
    ],
)
def test_a_reference_that_cannot_be_used_says_so_in_one_line(
    folder: Path, damage: Callable[[Path], Any], said: str
) -> None:
    damage(folder)
    with pytest.raises(ReferenceError) as refused:
        load(folder)
    message = str(refused.value)
    assert said in message
    assert str(folder) in message
    assert len(message.splitlines()) == 1


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReferenceError, match=r"nowhere cannot be read: No such file or directory$"):
        load(tmp_path / "nowhere")


def test_an_expert_is_read_when_it_is_asked_for(folder: Path) -> None:
    loaded = load(folder)
    (folder / "reference.safetensors").unlink()
    assert len(loaded.sources) == 4
    with pytest.raises(KeyError):
        loaded.experts["colour", "jpeg-96"]


def test_grey_pictures_use_the_dimensions_of_luma() -> None:
    assert mode_mask("colour").all()
    assert 0 < mode_mask("grey").sum() < len(mode_mask("grey"))


# the card


def test_the_card_gives_every_condition_and_class_its_row() -> None:
    card = reference().card
    rows = list(validation_rows(card))
    assert [(name, mode) for name, mode, _ in rows] == [(c.name, mode) for c in CONDITIONS for mode in MODES]
    text = render_card(reference(), ["--out", "reference", "--without", "a b"])
    assert "whorl fingerprint fit --out reference --without 'a b'\n" in text
    lines = text.splitlines()
    for name, mode, rates in rows:
        assert any(line.startswith(f"| {name} | {mode} | {rates['top1']:.3f} | ") for line in lines)
        assert sum(line.startswith(f"| {name} | {mode} |") for line in lines) == 4
    for label in card["photographs"]:
        assert any(line.startswith(f"| {label} | ") and line.endswith(" | 40 | 40 |") for line in lines)
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert "sha256:" + "0" * 64 in text


def test_the_card_states_the_bounds_that_decisions_keep() -> None:
    expert: Expert = reference().experts[KEY]
    innocent, upscaled, made = expert.support
    bound, named = (f"{math.log10(n + 1):.2f}" for n in (min(innocent, upscaled), made))
    row = f"| clean | colour | {innocent} | {upscaled} | {made} | {bound} | {named} |"
    assert row in render_card(reference()).splitlines()


def test_every_table_of_the_card_is_whole() -> None:
    widths: list[set[int]] = [set()]
    for line in render_card(reference()).splitlines():
        if line.startswith("|"):
            widths[-1].add(line.count("|"))
        elif widths[-1]:
            widths.append(set())
    assert all(len(table) <= 1 for table in widths)
    assert len(widths) > 6
