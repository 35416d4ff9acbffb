"""What is drawn from pictures for training: repeatable, inside its borders, in its condition."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fingerprint_fakes import texture, written

import datasets
from fingerprint import augment, training_set
from fingerprint.conditions import CLEAN, CONDITIONS, LOWEST_QUALITY, Condition, of_quality
from fingerprint.embedding.embedder import load_embedder
from fingerprint.features import dimensions
from fingerprint.router import route
from fingerprint.samples import (
    ENLARGED,
    FOLDS,
    INNOCENTS,
    Sample,
    fold_of,
    innocent_samples,
    native_samples,
    source_samples,
)
from fingerprint.training_set import measure
from spectra import DIMENSIONS

JPEG = CONDITIONS[2]

# conditions


@pytest.mark.parametrize(
    ("quality", "name"),
    [
        (None, "clean"), (100, "jpeg-96"), (94, "jpeg-96"), (93, "jpeg-90"), (86, "jpeg-90"), (85, "jpeg-82"),
        (79, "jpeg-82"), (78, "jpeg-74"), (70, "jpeg-74"), (69, "jpeg-64"), (59, "jpeg-64"), (58, "jpeg-51"),
        (44, "jpeg-51"), (43, "jpeg-51"), (1, "jpeg-51"),
    ],
)  # fmt: skip
def test_each_quality_has_its_condition(quality: int | None, name: str) -> None:
    assert of_quality(quality).name == name


@pytest.mark.parametrize("quality", [0, -1, 101])
def test_a_quality_outside_the_scale_is_refused(quality: int) -> None:
    with pytest.raises(ValueError, match=f"quality must be 1 to 100, got {quality}"):
        of_quality(quality)


def test_conditions_meet_without_gaps_down_to_the_validated_range() -> None:
    jpeg = [(c.lowest or 0, c.highest or 0) for c in CONDITIONS if c.is_jpeg]
    assert jpeg[0][1] == 100
    assert all(higher[0] == lower[1] + 1 for higher, lower in zip(jpeg, jpeg[1:], strict=False))
    assert jpeg[-1][0] >= LOWEST_QUALITY
    assert len({condition.name for condition in CONDITIONS}) == len(CONDITIONS)


def seen(name: str, probability: float = 0.95) -> np.ndarray:
    rest = (1 - probability) / (len(CONDITIONS) - 1)
    return np.log([probability if condition.name == name else rest for condition in CONDITIONS])


@pytest.mark.parametrize(
    ("pixels", "probability", "quality", "chosen", "remarked"),
    [
        ("clean", 0.95, None, "clean", False),
        ("jpeg-74", 0.5, None, "jpeg-74", True),
        ("jpeg-90", 0.95, 90, "jpeg-90", False),
        ("clean", 0.95, 90, "jpeg-90", False),
        ("jpeg-96", 0.99, 75, "jpeg-74", False),
        ("jpeg-82", 0.99, 90, "jpeg-90", False),
        ("jpeg-74", 0.95, 96, "jpeg-74", True),
        ("jpeg-74", 0.85, 96, "jpeg-96", False),
    ],
    ids=["png", "decoded jpeg", "agree", "table wins", "weaker", "next door", "stronger before", "not certain"],
)
def test_a_picture_is_routed(pixels: str, probability: float, quality: int | None, chosen: str, remarked: bool) -> None:
    way = route(seen(pixels, probability), quality)
    assert way.condition.name == chosen
    assert (way.remark is not None) == remarked
    assert remarked or not way.others


def test_where_pixels_are_believed_other_possible_conditions_are_told() -> None:
    shares = np.array([0.009, 0.02, 0.001, 0.01, 0.06, 0.8, 0.1, 0.001, 0.001])
    way = route(np.log(shares), None)
    assert way.condition.name == "jpeg-64"
    assert [condition.name for condition in way.others] == ["jpeg-96", "jpeg-82", "jpeg-74", "jpeg-51"]
    told = {condition.name: share for condition, share in way.shares}
    assert told == pytest.approx({"jpeg-96": 0.02, "jpeg-82": 0.01, "jpeg-74": 0.06, "jpeg-64": 0.8, "jpeg-51": 0.1})
    assert not route(np.log(shares), 75).others and not route(np.log(shares), 75).shares
    clean = route(np.log(np.array([0.9, 0.05, *[0.001] * 6, 0.044])), None)
    assert [condition.name for condition, _ in clean.shares] == ["clean", "jpeg-96", "resized"] and not clean.others


# augmentation


@pytest.mark.parametrize("history", [augment.reduced, augment.degraded, augment.enlarged, augment.as_it_is])
def test_histories_repeat_and_leave_room_for_a_crop(history: augment.History) -> None:
    picture = texture(190, 300)
    for seed in range(12):
        once, again = (history(picture, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(once, again)
        assert once.dtype == np.uint8
        assert once.shape[2] == 3
        assert min(once.shape[:2]) >= augment.CROP + 16


def test_histories_do_what_they_say() -> None:
    picture = texture(400, 400)
    sides = [augment.reduced(picture, np.random.default_rng(seed)).shape[0] for seed in range(30)]
    assert 176 <= min(sides) < 230
    assert 330 < max(sides) <= 380
    changed = [augment.degraded(picture, np.random.default_rng(seed)) for seed in range(30)]
    assert not any(np.array_equal(picture, other) for other in changed)
    sharp = np.abs(np.diff(picture.astype(float), axis=0)).mean()
    enlarged = [augment.enlarged(picture, np.random.default_rng(seed)).astype(float) for seed in range(10)]
    assert all(np.abs(np.diff(other, axis=0)).mean() < sharp for other in enlarged)


def framed(height: int = 192, width: int = 192, border: int = 16) -> np.ndarray:
    """Grey with a red frame."""
    picture = np.full((height, width, 3), 128, np.uint8)
    for part in (picture[:border], picture[-border:], picture[:, :border], picture[:, -border:]):
        part[:] = (255, 0, 0)
    return picture


ALL_SIDES = frozenset({"top", "bottom", "left", "right"})


def test_crops_keep_away_from_the_sides_that_a_network_padded() -> None:
    for seed in range(20):
        crop = augment.cut(framed(), np.random.default_rng(seed), ALL_SIDES)
        assert crop.shape == (160, 160, 3)
        assert (crop == 128).all()
    corners = {
        tuple(np.argwhere(augment.cut(framed(), np.random.default_rng(seed), frozenset({"top"}))[..., 0] == 128)[0])
        for seed in range(40)
    }
    assert max(row for row, _ in corners) == 0
    assert max(column for _, column in corners) > 8


def test_every_place_is_cut_sooner_or_later() -> None:
    rows, columns = np.mgrid[:163, :162]
    picture = np.stack([rows, columns, rows], -1).astype(np.uint8)
    places = {tuple(augment.cut(picture, np.random.default_rng(seed))[0, 0, :2].tolist()) for seed in range(200)}
    assert places == {(row, column) for row in range(4) for column in range(3)}


def test_a_picture_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="room for 160x160 pixels inside its margins, got 192x180"):
        augment.cut(framed(192, 180), np.random.default_rng(0), ALL_SIDES)


def test_processing_brings_a_picture_into_its_condition() -> None:
    picture = texture(192, 192)
    clean = [augment.process(picture, CLEAN, np.random.default_rng(seed)) for seed in range(60)]
    same = sum(np.array_equal(picture, other) for other in clean)
    assert 45 <= same < 60  # brightness changes in a tenth of the cases; 54 +- 2.3 stay
    assert {other.shape for other in clean} == {(192, 192, 3)}
    coded = [augment.process(picture, JPEG, np.random.default_rng(seed)) for seed in range(20)]
    assert not any(np.array_equal(picture, other) for other in coded)
    assert all(185 <= side <= 192 for other in coded for side in other.shape[:2])
    assert len({other.shape for other in coded}) > 1


def test_qualities_stay_within_the_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    qualities: list[int] = []

    def note(picture: np.ndarray, quality: int, subsampling: str) -> np.ndarray:
        qualities.append(quality)
        return picture

    monkeypatch.setattr(augment, "jpeg_round_trip", note)
    for condition in (condition for condition in CONDITIONS if condition.is_jpeg):
        qualities.clear()
        for seed in range(80):
            augment.process(texture(20, 20), condition, np.random.default_rng(seed))
        assert min(qualities) == condition.lowest
        assert max(qualities) == min(condition.highest or 0, 99)


def test_resizing_keeps_innocents_from_being_enlarged() -> None:
    picture = texture(200, 240)
    resized = next(condition for condition in CONDITIONS if condition.kind == "resized")
    sizes: dict[str, list[int]] = {}
    for towards in ("smaller", "larger", "any"):
        for seed in range(40):
            made = augment.process(picture, resized, np.random.default_rng(seed), towards=towards)
            sizes.setdefault(towards, []).append(made.shape[0])
    assert 130 <= min(sizes["smaller"]) < max(sizes["smaller"]) <= 200
    assert 200 <= min(sizes["larger"]) < max(sizes["larger"]) <= 320
    assert min(sizes["any"]) < 200 < max(sizes["any"])


def test_webp_leaves_the_size_and_changes_the_pixels() -> None:
    webp = next(condition for condition in CONDITIONS if condition.kind == "webp")
    picture = texture(120, 140)
    made = augment.process(picture, webp, np.random.default_rng(1))
    assert made.shape == picture.shape and 0 < np.abs(made.astype(int) - picture).mean() < 20
    assert webp.is_lossy and not webp.is_jpeg and "WebP" in webp.words


# samples


def test_draws_repeat_and_copies_differ(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", texture(300, 300))
    for history, label in [("as_it_is", "alpha-x2"), ("degraded", "original:degraded"), ("interpolated", ENLARGED)]:
        sample = Sample(label, "a", path, history, copies=2)
        for condition in (CLEAN, JPEG):
            crop = sample.draw(condition, 0)
            assert (crop.shape, crop.dtype) == ((160, 160, 3), np.uint8)
            np.testing.assert_array_equal(crop, sample.draw(condition, 0))
            assert not np.array_equal(crop, sample.draw(condition, 1))


def test_a_networks_padded_border_stays_out_of_every_condition(tmp_path: Path) -> None:
    sample = Sample("alpha-x2", "a", written(tmp_path / "a.png", framed(border=6)), touches=ALL_SIDES, copies=12)
    for condition in (CLEAN, JPEG):
        for copy in range(12):
            crop = sample.draw(condition, copy).astype(int)
            # The frame's colour differs by more than 100; brightness changes all channels alike, JPEG by a few levels.
            assert np.abs(crop - crop.mean(axis=(0, 1))).max() < 16


def test_a_jpeg_file_serves_its_own_condition_untouched(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jpg", texture(200, 200), quality=90)
    pixels = datasets.read_evidence(path).pixels
    crop = Sample("original:scan", "a", path, copies=2).draw(of_quality(90), 0)
    places = (pixels[top : top + 160, left : left + 160] for top in range(41) for left in range(41))
    assert any(np.array_equal(place, crop) for place in places)


def test_folds_are_the_same_everywhere() -> None:
    # Written down from a first run: another hash would mix photographs that a shipped reference held apart.
    assert [fold_of(group) for group in ("100007", "12003", "3096", "camera-a", "")] == [0, 4, 2, 2, 0]
    assert {fold_of(str(n)) for n in range(40)} == set(range(FOLDS))


def test_a_sources_samples_know_their_photograph_and_borders(tmp_path: Path, monkeypatch: Any) -> None:
    border = SimpleNamespace(touches=frozenset({"left"}))
    monkeypatch.setattr(datasets, "published_borders", lambda: {("train", "b"): border, ("test", "a"): border})
    for name in ("b", "a"):
        written(tmp_path / f"{name}.png", texture(20, 20))
    first, second = source_samples(tmp_path, "alpha-x2", copies=3)
    assert (first.label, first.group, first.touches, first.copies) == ("alpha-x2", "a", frozenset(), 3)
    assert (second.group, second.touches) == ("b", frozenset({"left"}))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no picture"):
        list(source_samples(tmp_path / "empty", "alpha-x2"))


@pytest.mark.data("bsds500", "camera", "lossless")
def test_innocents_hold_no_photograph_of_the_test_split() -> None:
    samples = list(innocent_samples())
    held_out = set(datasets.bsds500("val").paths)
    assert held_out and not held_out & {sample.path for sample in samples}
    assert {sample.label for sample in samples} == {*INNOCENTS, ENLARGED}
    cameras = {sample.group for sample in samples if sample.label == "original:camera"}
    assert cameras == set(datasets.camera().groups)
    assert {fold_of(camera) for camera in cameras} == set(range(FOLDS))


# measured features


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace measuring by something that costs nothing; the list grows by one for each crop."""
    calls: list[int] = []

    def features(crop: np.ndarray) -> SimpleNamespace:
        calls.append(1)
        return SimpleNamespace(pooled=lambda: np.full(DIMENSIONS, crop.mean() / 256, np.float32))

    monkeypatch.setattr(training_set, "tile_features", features)
    learned = load_embedder().dimensions

    def told(_: object, fresh: bool, sample: Sample, crop: np.ndarray) -> np.ndarray:
        return np.full(learned, crop.mean() / 256 + fresh, np.float32)

    monkeypatch.setattr(training_set, "_learned", told)
    return calls


def samples_of(folder: Path) -> list[Sample]:
    paths = [written(folder / f"{name}.png", texture(180, 180, seed)) for seed, name in enumerate("abcd")]
    return [
        Sample("gamma-x4", "a", paths[0], copies=2),
        Sample("alpha-x2", "b", paths[1]),
        Sample("alpha-x2", "c", paths[2], copies=2),
        Sample("original:scan", "d", paths[3]),
    ]


def test_measuring_sorts_by_label_and_counts(tmp_path: Path, measured: list[int]) -> None:
    samples, counted = samples_of(tmp_path), []
    data = measure(samples, CLEAN, tmp_path / "cache", advance=counted.append)
    assert data.labels.tolist() == ["alpha-x2"] * 3 + ["gamma-x4"] * 2 + ["original:scan"]
    assert data.groups.tolist() == ["b", "c", "c", "a", "a", "d"]
    assert data.folds.tolist() == [fold_of(group) for group in data.groups]
    assert (data.features.shape, data.features.dtype) == ((6, dimensions()), np.float32)
    np.testing.assert_array_equal(data.features[:, -1], data.features[:, 0])
    assert sum(counted) == len(measured) == 6
    assert len(measure(samples, CLEAN, tmp_path / "cache", repeats=2).labels) == 12


def test_what_was_measured_is_read_and_threads_change_nothing(tmp_path: Path, measured: list[int]) -> None:
    samples, counted = samples_of(tmp_path), []
    first = measure(samples, CLEAN, tmp_path / "cache", workers=1)
    del measured[:]
    again = measure(samples, CLEAN, tmp_path / "cache", advance=counted.append)
    assert measured == []
    assert sum(counted) == 6
    np.testing.assert_array_equal(first.features, again.features)
    other = measure(samples, CLEAN, tmp_path / "other", workers=3)
    np.testing.assert_array_equal(first.features, other.features)
    assert not list((tmp_path / "other").glob("*partial*"))


def test_a_part_that_is_added_leaves_what_was_measured(tmp_path: Path, measured: list[int]) -> None:
    samples = samples_of(tmp_path)
    first = measure(samples, CLEAN, tmp_path / "cache")
    del measured[:]
    path = written(tmp_path / "native.png", texture(192, 192, 9))
    more = measure([*samples, *native_samples([(path, "e")], "alpha-x2")], CLEAN, tmp_path / "cache")
    assert len(measured) == 1
    assert more.groups.tolist() == ["b", "c", "c", "e", "a", "a", "d"]
    assert more.native.tolist() == [False] * 3 + [True] + [False] * 3 and not first.native.any()
    np.testing.assert_array_equal(more.features[[0, 1, 2, 4, 5, 6]], first.features)


def test_the_embedding_is_asked_or_not_and_of_fresh_pictures_otherwise(tmp_path: Path, measured: list[int]):
    samples = samples_of(tmp_path)
    both = measure(samples, CLEAN, tmp_path / "cache")
    alone = measure(samples, CLEAN, tmp_path / "cache", learned=False)
    np.testing.assert_array_equal(alone.features, both.features[:, :DIMENSIONS])
    fresh = measure(samples, CLEAN, tmp_path / "cache", fresh=True)
    np.testing.assert_allclose(fresh.features[:, DIMENSIONS:], both.features[:, DIMENSIONS:] + 1, atol=2e-3)
    assert len(measured) == 6


def test_every_second_tile_is_chosen_as_on_a_chessboard():
    square = [(0, 0), (0, 64), (64, 0), (64, 64)]
    assert training_set._spread(square, 1) == square
    assert training_set._spread(square, 2) == [(0, 0), (64, 64)]
    assert training_set._spread([(0, 0)], 2) == [(0, 0)]


def test_another_condition_history_or_picture_is_measured_anew(tmp_path: Path, measured: list[int]) -> None:
    path = written(tmp_path / "a.png", texture(220, 220))
    sample = Sample("alpha-x2", "a", path)
    cache = tmp_path / "cache"
    measure([sample], CLEAN, cache)
    measure([sample], Condition("jpeg-90", 87, 93), cache)
    measure([Sample("alpha-x2", "a", path, "reduced")], CLEAN, cache)
    measure([Sample("alpha-x2", "a", path, touches=ALL_SIDES)], CLEAN, cache)
    written(path, texture(220, 221))
    measure([sample], CLEAN, cache)
    assert 2 * len(measured) == len(list(cache.iterdir())) == 10  # the classical and the learned part of each
