"""Enlargements by plain kernels: the beat that they leave, the trees that tell it, and what an answer makes of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fingerprint_fakes import reference, saved_reference, texture, written
from PIL import Image
from skimage import data

from datasets import jpeg_copy, read_evidence, resize
from fingerprint import Attributor, Priors, ReferenceError, Result, studies
from fingerprint import attributor as attributing
from fingerprint.attributor import weights_identity
from fingerprint.decide import Decision
from fingerprint.interpolation import KERNELS
from fingerprint.reference import Thresholds
from fingerprint.resampling import detector as detecting
from fingerprint.resampling import draws, fit
from fingerprint.resampling.detector import Detector, read_detector, shipped_detector, windows, write_detector
from fingerprint.resampling.draws import INNOCENT, INTERPOLATED, NETWORK, Drawn, window_of
from fingerprint.resampling.forest import fit_forest
from fingerprint.resampling.opinion import NOTE, Enlargement, asked, joined, spoken_of
from fingerprint.resampling.traces import DIMENSIONS, traces
from fingerprint.result import Parameter
from reports.commands.fingerprint import fit_interpolation as command

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "gravel")
LIMITS = Thresholds(accuse=1.0, clear=-1.0, name=0.6, unknown=0.6)


def photograph(name: str) -> np.ndarray:
    return np.asarray(Image.fromarray(getattr(data, name)()).convert("RGB"))


def ratio(told: Detector, pixels: np.ndarray) -> float:
    found = told.ratio(pixels)
    assert found is not None
    return found


def enlarged(name: str, factor: float, kernel: str = "bicubic") -> np.ndarray:
    side = int(300 / factor)
    pixels = photograph(name)
    top, left = (max(0, (length - side) // 2) for length in pixels.shape[:2])
    return KERNELS[kernel](np.ascontiguousarray(pixels[top : top + side, left : left + side]), factor)[16:272, 16:272]


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_that_nothing_was_fitted_on_are_told_from_their_enlargements(name: str) -> None:
    told = shipped_detector()
    pixels = photograph(name)
    height, width = pixels.shape[:2]
    innocents = (pixels, resize(pixels, (round(height * 0.8), round(width * 0.8)), "lanczos"))
    made = ((1.3, "bicubic"), (1.75, "bilinear"), (2.5, "lanczos"), (3.5, "cubic spline"))
    assert max(ratio(told, innocent) for innocent in innocents) < told.suspect
    found = [ratio(told, enlarged(name, factor, kernel)) for factor, kernel in made]
    assert min(found) > told.suspect and np.median(found) > told.accuse


def test_traces_are_numbers_and_do_not_depend_on_colour_order_or_what_surrounds_a_window() -> None:
    window = enlarged("coffee", 1.5)
    found = traces(window)
    assert found.shape == (DIMENSIONS,) and found.dtype == np.float32 and np.isfinite(found).all()
    np.testing.assert_array_equal(found, traces(np.asfortranarray(window)))
    np.testing.assert_allclose(found, traces(np.ascontiguousarray(window[..., ::-1])), atol=1e-3)  # float32 sums
    flat = traces(np.full((160, 200, 3), 90, np.uint8))
    assert np.isfinite(flat).all()


def test_windows_with_texture_are_chosen_and_small_pictures_have_none() -> None:
    assert windows(texture(127, 400)) == [] and windows(np.zeros((300, 300, 3), np.uint8)) == []
    assert [window.shape for window in windows(texture(200, 300))] == [(200, 256, 3)]
    large = (texture(800, 800) // 4).astype(np.uint8)
    large[544:, 544:] = texture(256, 256)
    chosen = windows(large)
    assert len(chosen) == detecting.WINDOWS and any((window == texture(256, 256)).all() for window in chosen)
    assert shipped_detector().ratio(large[:100]) is None


def test_a_forest_says_what_the_library_says_and_is_kept(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 5)).astype(np.float32)
    forest = fit_forest(features, features[:, 0] + features[:, 1] ** 2 > 0.5, 20, 5)  # fails itself if they differ
    made = Detector(forest, 0.5, 0.1, (-4.0, 5.0), 3.0, 1.0, {"about": "nothing"})
    write_detector(made, tmp_path / "d.safetensors")
    back = read_detector(tmp_path / "d.safetensors")
    np.testing.assert_array_equal(back.forest.score(features), forest.score(features))
    assert (back.bounds, back.card, len(back.identity)) == (made.bounds, made.card, 64)
    assert back.bounded(99.0) == 5.0 and back.bounded(-99.0) == -4.0


@pytest.mark.parametrize("content", [b"", b"not a file", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_damaged_detector_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "d.safetensors").write_bytes(content)
    with pytest.raises(ReferenceError, match=r"d\.safetensors is damaged"):
        read_detector(tmp_path / "d.safetensors")
    with pytest.raises(ReferenceError, match="cannot be read: No such file"):
        read_detector(tmp_path / "none.safetensors")


def test_one_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detecting, "FORMAT", "0")
    write_detector(shipped_detector(), tmp_path / "d.safetensors")
    monkeypatch.undo()
    with pytest.raises(ReferenceError, match="another version; run `whorl fingerprint fit-interpolation`"):
        read_detector(tmp_path / "d.safetensors")


def decision(verdict: str, reason: str | None = None) -> Decision:
    return Decision(verdict, reason, 0.3, -0.8, 0.2, np.array([0.5, 0.3]), np.array([1.0, 0.2]))  # type: ignore[arg-type]


def test_it_is_asked_where_no_network_was_seen() -> None:
    unsourced = decision("inconclusive", "source: upscaled, but its source cannot be told")
    undecided = decision("inconclusive", "undecided: too weak")
    assert asked(decision("not_upscaled"), "clean", None) and asked(undecided, "resized", None)
    assert asked(unsourced, "clean", None) and not asked(unsourced, "resized", None)
    assert not asked(decision("not_upscaled"), "clean", 95)
    assert not any(asked(decision(verdict), "clean", None) for verdict in ("known_source", "unknown_source"))


@pytest.mark.parametrize("sure", [True, False])
def test_it_takes_its_share_from_all_sources_alike(sure: bool) -> None:
    found, before = Enlargement(5.0, 0.99, sure), decision("not_upscaled")
    after = joined(before, found, LIMITS, Priors())
    assert (after.verdict, after.upscaled, after.log_lr_upscaled) == (
        "unknown_source" if sure else "inconclusive", 0.99, 5.0,
    )  # fmt: skip
    assert str(after.reason).startswith(NOTE)
    np.testing.assert_allclose(after.sources, 0.01 * before.sources)
    assert after.unknown + after.sources.sum() == pytest.approx(1.0)
    assert (after.log_lr_sources < 0).all()
    unsourced = decision("inconclusive", "source: upscaled")
    assert joined(unsourced, found, LIMITS, Priors()).verdict == "inconclusive"


def test_a_kernel_has_no_architecture() -> None:
    loss = Parameter("none", None, {"none": 0.7, "fidelity": 0.2, "interpolation": 0.1})
    parsed = {"loss": loss, "architecture": Parameter("edsr", None, {"edsr": 1.0}), "scale": Parameter(2, (2, 2))}
    told = spoken_of(parsed, Enlargement(5.0, 0.9, True))
    assert told["loss"].value == "interpolation"
    expected = {"none": 0.07, "fidelity": 0.02, "interpolation": 0.91}
    assert told["loss"].probabilities == pytest.approx(expected, abs=2e-6)  # cut after six decimals
    assert told["architecture"] == told["scale"] == Parameter(None)


def ask(path: Path, attributor: Attributor) -> Result:
    return attributor.attribute(read_evidence(path))


def test_an_answer_says_so(tmp_path: Path) -> None:
    attributor = Attributor()
    path = written(tmp_path / "a.png", enlarged("chelsea", 1.3))
    result = ask(path, attributor)
    assert (result.verdict, result.parameters["loss"].value) == ("unknown_source", "interpolation")
    assert NOTE in result.image.notes and result.upscaled.log10_lr > 1
    assert sum(candidate.probability for candidate in result.candidates) < 0.1
    assert result.parameters["scale"].value is None and result.parameters["architecture"].value is None
    low, high = result.parameters["scale_factor"].interval or (0.0, 0.0)
    assert low <= 1.3 <= high
    (tmp_path / "a.jpg").write_bytes(jpeg_copy(enlarged("chelsea", 1.3), 95, "4:2:0"))
    assert NOTE not in ask(tmp_path / "a.jpg", attributor).image.notes
    unlikely = ask(path, Attributor(priors=Priors(upscaled=1e-6)))
    assert unlikely.verdict == "not_upscaled" and unlikely.parameters["loss"].value == "none"


def test_pixels_that_were_repeated_are_not_taken_for_a_median_filter(tmp_path: Path) -> None:
    result = ask(written(tmp_path / "a.png", enlarged("astronaut", 1.25, "nearest")), Attributor())
    assert result.parameters["loss"].value == "interpolation"
    assert not any(note.startswith("filtered") for note in result.image.notes)


def test_small_pictures_are_not_accused_by_it(tmp_path: Path) -> None:
    small = written(tmp_path / "a.png", enlarged("chelsea", 1.3)[:140, :140])
    assert not any(note.startswith("interpolated") for note in ask(small, Attributor()).image.notes)


def test_an_open_reference_has_none_unless_it_is_given(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", enlarged("coffee", 1.5))
    answers = [ask(path, Attributor(reference(), detector=each)) for each in (None, shipped_detector())]
    found = [any("plain kernel" in note for note in answer.image.notes) for answer in answers]
    assert not found[0] and (found[1] or answers[1].verdict in ("known_source", "unknown_source"))


def test_the_detector_is_among_what_answers_follow_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = weights_identity()
    write_detector(replace(shipped_detector(), suspect=9.0), tmp_path / "resampling.safetensors")
    monkeypatch.setattr(attributing, "RESAMPLING", tmp_path / "resampling.safetensors")
    assert weights_identity() != before


def test_cross_validation_asks_what_never_saw_the_camera(tmp_path: Path) -> None:
    other = replace(shipped_detector(), suspect=1e9)
    write_detector(other, saved_reference(tmp_path / "fold0") / "resampling.safetensors")
    saved_reference(tmp_path / "fold1")
    asked = [studies._without(tmp_path, fold)._detector for fold in (0, 1)]
    assert [each and each.suspect for each in asked] == [1e9, shipped_detector().suspect]


def drawn(folder: Path, kind: str, copy: int = 0) -> Drawn:
    path = folder / "photo.png"
    if not path.exists():
        Image.fromarray(photograph("astronaut")).save(path)
    return Drawn(kind, "scan", "photo", path, copy)


@pytest.mark.parametrize("kind", [INNOCENT, INTERPOLATED, NETWORK])
def test_the_same_draw_gives_the_same_window(tmp_path: Path, kind: str) -> None:
    made = [window_of(drawn(tmp_path, kind, copy)) for copy in (0, 0, 1, 2, 3, 4, 5, 6)]
    assert all(window is not None and window.dtype == np.uint8 for window in made)
    np.testing.assert_array_equal(made[0], made[1])
    assert len({window.tobytes() for window in made if window is not None}) > 1
    assert all(128 <= length <= 256 for window in made if window is not None for length in window.shape[:2])


def test_a_kernel_of_the_cubic_family_keeps_flat_parts_flat_and_interpolates() -> None:
    weights = draws._weights(10, 2.0, 0.0, 0.5)
    assert weights.shape == (20, 10)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)  # float32
    exact = draws._weights(10, 1.0, 0.0, 0.5)
    np.testing.assert_allclose(exact, np.eye(10), atol=1e-6)


def measured(n: int = 600) -> fit.Measured:
    """Windows whose first number tells enlargements, better than chance."""
    rng = np.random.default_rng(0)
    kinds = np.array([INNOCENT, INTERPOLATED, NETWORK])[rng.integers(0, 3, n)]
    features = rng.normal(size=(n, 4)).astype(np.float32)
    features[:, 0] += 3 * (kinds == INTERPOLATED)
    groups = np.array([f"p{k % 40}" for k in range(n)])
    return fit.Measured(features, kinds, np.array(draws.ORIGINS)[np.arange(n) % 3], groups)


def test_thresholds_are_set_on_windows_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "TREES", 10)
    said: list[str] = []
    fitted = fit.fit_detector(measured(), said.append)
    made = fitted.full
    rates = made.card["held_out"]
    assert said[0] == "without fold 0" and said[-1] == "with all"
    assert made.accuse > made.suspect and made.slope > 0
    one = 1 / 150  # of some two hundred innocents
    assert rates["accuse"]["innocents"] <= fit.ACCUSED + one and rates["suspect"]["innocents"] <= fit.SUSPECTED + one
    assert rates["suspect"]["recognised"] >= rates["accuse"]["recognised"] > 0.1
    assert 0.9 < made.card["auroc"] < 1 and made.bounds[0] < 0 < made.bounds[1]


def test_the_command_writes_a_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fit, "TREES", 10)
    monkeypatch.setattr(draws, "plan", lambda copies: iter([]))
    monkeypatch.setattr(fit, "measure", lambda drawn, jobs, advance: measured())
    path = tmp_path / "d.safetensors"
    assert command.main(["--out", str(path), "--json"], "whorl fingerprint fit-interpolation") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == "d.safetensors" and told["card"] == read_detector(path).card
    folds = tmp_path / "folds"
    assert command.main(["--out", str(path), "--folds", str(folds)], "whorl fingerprint fit-interpolation") == 0
    kept = [read_detector(folds / f"fold{k}" / "resampling.safetensors") for k in range(5)]
    assert len({detector.identity for detector in kept}) == 5 and {detector.accuse for detector in kept} == {
        read_detector(path).accuse
    }
    assert "suspected" in capsys.readouterr().out


def test_measuring_leaves_out_what_is_too_small(tmp_path: Path) -> None:
    Image.fromarray(photograph("astronaut")[:100, :100]).save(tmp_path / "small.png")
    small = Drawn(NETWORK, "some-x2", "small", tmp_path / "small.png", 0)
    counted: list[int] = []
    found = fit.measure([drawn(tmp_path, INNOCENT), small, drawn(tmp_path, INTERPOLATED)], 1, counted.append)
    assert found.features.shape == (2, DIMENSIONS) and sum(counted) == 3
    assert found.kinds.tolist() == [INNOCENT, INTERPOLATED] and set(found.folds.tolist()) <= set(range(5))
