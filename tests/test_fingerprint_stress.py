"""The robustness battery: what is done to pictures, what is counted, and how a study goes on."""

from pathlib import Path

import numpy as np
import pytest
from fingerprint_fakes import texture, written
from reports_fakes import EVIDENCE, result_for

import datasets
from fingerprint import Attributor, Candidate, Parameter, Result, stress
from fingerprint.stress import Battery, chosen_items, unseen_innocents
from fingerprint.stress_kinds import CLEAN, KINDS, TURNS

SCALES = {"original": 1, "alpha-x2": 2, "beta-x3": 3}


def done(kind: str, strength: str, pixels: np.ndarray, folder: Path, name: str = "p") -> datasets.Evidence:
    (chosen,) = [one for one in KINDS[kind].strengths if one.name == strength]
    return datasets.read_evidence(chosen.write(pixels, folder / name))


# what is done


@pytest.mark.parametrize("kind", KINDS)
def test_every_strength_writes_a_file_that_repeats_itself(kind: str, tmp_path: Path) -> None:
    given = texture(170, 176)
    names = [strength.name for strength in KINDS[kind].strengths]
    assert len(set(names)) == len(names)
    for number, strength in enumerate(KINDS[kind].strengths):
        hashes = set()
        for again in range(2):
            folder = tmp_path / f"{number}-{again}"
            folder.mkdir()
            read = datasets.read_evidence(strength.write(given.copy(), folder / "p"))
            hashes.add(read.sha256)
            assert read.pixels.dtype == np.uint8 and min(read.pixels.shape[:2]) >= 60
            assert kind == CLEAN or read.pixels.shape != given.shape or not np.array_equal(read.pixels, given)
        assert len(hashes) == 1


def test_numbers_are_on_the_axis_and_words_are_not() -> None:
    for kind in KINDS.values():
        values = [strength.value for strength in kind.strengths]
        assert None not in values or set(values) == {None}
        for strength in kind.strengths:
            assert strength.value is None or strength.name == f"{strength.value:g}"


def test_files_are_what_their_names_say(tmp_path: Path) -> None:
    given = texture(120, 140)
    assert done("jpeg", "75", given, tmp_path).jpeg_quality == 75
    assert done("jpeg-twice", "50 then 90", given, tmp_path).jpeg_quality == 90
    assert done("webp", "80", given, tmp_path).format == "WEBP"
    assert done("palette", "16", given, tmp_path).format == "GIF"
    assert len(np.unique(done("palette", "16", given, tmp_path).pixels.reshape(-1, 3), axis=0)) <= 16
    assert done("resize-lanczos", "0.75", given, tmp_path).pixels.shape == (90, 105, 3)
    assert done("jpeg-cut", "90", given, tmp_path).pixels.shape == (117, 135, 3)
    assert done("crop", "64", given, tmp_path).pixels.shape == (64, 64, 3)
    assert done("crop", "160", given, tmp_path).pixels.shape == (120, 140, 3)  # there is no more
    grey = done("grey", "BT.601 luma", given, tmp_path).pixels
    assert (grey[..., :1] == grey).all()


def test_tones_change_as_they_should(tmp_path: Path) -> None:
    given = np.zeros((100, 256, 3), np.uint8) + np.arange(256, dtype=np.uint8)[None, :, None]
    assert done("brightness", "20", given, tmp_path).pixels[0, [0, 100, 250], 0].tolist() == [20, 120, 255]
    assert done("contrast", "0.7", given, tmp_path).pixels[0, [0, 128, 255], 0].tolist() == [38, 128, 217]
    assert done("gamma", "1.4", given, tmp_path).pixels[0, [0, 128, 255], 0].tolist() == [0, 97, 255]
    bent = done("curve", "0.75", given, tmp_path).pixels[0, :, 0].astype(int)
    assert bent[0] == 0 and bent[255] == 255 and bent[64] < 64 and bent[192] > 192 and (np.diff(bent) >= 0).all()


def test_noise_is_as_strong_as_it_says_and_the_same_for_a_photograph(tmp_path: Path) -> None:
    given = np.full((150, 150, 3), 128, np.uint8)
    first = done("noise", "8", given, tmp_path).pixels.astype(float)
    # 67,500 draws: the deviation is right within one per cent; rounding adds 1/12 to 64.
    assert first.std() == pytest.approx(8, rel=0.02)
    assert not np.array_equal(first, done("noise", "8", given, tmp_path, "q").pixels)


def test_turns_turn(tmp_path: Path) -> None:
    given = texture(100, 120)
    for name, turn in TURNS.items():
        assert np.array_equal(done("turn", name, given, tmp_path).pixels, turn(given))


def test_a_screenshot_shows_the_picture_on_a_page(tmp_path: Path) -> None:
    given = texture(100, 120)
    page = done("screenshot", "1", given, tmp_path).pixels
    assert page.shape[0] > 100 and page.shape[1] > 120
    places = [(y, x) for y in range(page.shape[0] - 99) for x in range(page.shape[1] - 119)]
    assert any(np.array_equal(page[y : y + 100, x : x + 120], given) for y, x in places)


def test_only_what_grows_enlarges() -> None:
    grow = {(name, s.name) for name, kind in KINDS.items() for s in kind.strengths if s.enlarges}
    assert ("resize-bicubic", "1.25") in grow and ("screenshot", "2") in grow
    assert ("resize-bicubic", "0.9") not in grow and ("screenshot", "1") not in grow
    assert {kind for kind, _ in grow} == {"resize-bicubic", "resize-bilinear", "resize-lanczos", "screenshot"}


# what is counted


def judged(verdict: str, source: str, scale: int, loss: str = "fidelity") -> Result:
    full = result_for(EVIDENCE, verdict)  # pyright: ignore[reportArgumentType]
    parameters = {**full.parameters, "scale": Parameter(scale), "loss": Parameter(loss)}
    return Result(**{**vars(full), "candidates": (Candidate(source, 0.9, 1.0),), "parameters": parameters})


class Told(Attributor):
    """Answers by what the picture's first pixel says: the number of a result."""

    def __init__(self, *results: Result) -> None:
        self.results = results
        self.asked = 0

    def attribute(self, evidence: datasets.Evidence) -> Result:
        self.asked += 1
        return self.results[round(int(evidence.pixels[0, 0, 0]) / 40)]


@pytest.fixture
def battery(tmp_path: Path) -> Battery:
    """Two pictures of a source, two innocents and a further one, each of one grey that says how it is answered."""

    def flat(name: str, number: int) -> Path:
        return written(tmp_path / f"{name}.png", np.full((60, 60, 3), 40 * number, np.uint8))

    items = [
        ("alpha-x2", "p", flat("ap", 0)),
        ("alpha-x2", "q", flat("aq", 1)),
        ("original", "p", flat("op", 2)),
        ("original", "q", flat("oq", 3)),
    ]
    return Battery(items, {"set5": [("original", "z", flat("z", 3))]}, ("clean", "resize-bilinear"), SCALES)


def told() -> Told:
    return Told(
        judged("known_source", "alpha-x2", 2),
        judged("inconclusive", "beta-x3", 2),
        judged("not_upscaled", "alpha-x2", 1, "none"),
        judged("known_source", "kernel-x2", 2, "interpolation"),
    )


def test_shares_are_counted_at_each_strength(battery: Battery) -> None:
    one, said, counted = told(), [], []
    found = stress.stress(battery, one, said.append, counted.append)
    assert list(found) == ["clean", "resize-bilinear"]
    assert (found["resize-bilinear"]["title"], found["resize-bilinear"]["axis"]) == ("resized, bilinear", "factor")
    (clean,) = found["clean"]["strengths"]
    assert clean["strength"] == "PNG" and clean["value"] is None
    assert (clean["top1"]["share"], clean["scale"]["share"], clean["inconclusive"]["share"]) == (0.5, 0.75, 0.5)
    assert clean["false_accusations"] == {"share": 0.5, "interval": (0.0, 1.0), "images": 2}
    assert clean["innocents"]["false_accusations"]["share"] == 1.0
    assert clean["innocents"]["accused"] == ["set5/z"]
    assert "confusion" not in clean
    assert [entry["value"] for entry in found["resize-bilinear"]["strengths"]] == [
        0.5,
        0.6,
        0.75,
        0.9,
        1.1,
        1.25,
        1.5,
        2,
    ]
    assert battery.answers == one.asked == sum(counted) == 45
    assert said[:2] == ["clean PNG", "resize-bilinear 0.5"]


def test_an_enlarged_innocent_may_be_called_interpolated(battery: Battery) -> None:
    entries = {e["strength"]: e for e in stress.stress(battery, told())["resize-bilinear"]["strengths"]}
    assert entries["0.9"]["false_accusations"]["share"] == 0.5
    assert entries["1.25"]["false_accusations"]["share"] == 0.0
    assert entries["1.25"]["innocents"]["false_accusations"]["share"] == 0.0
    network = Told(*told().results[:3], judged("unknown_source", "alpha-x2", 2))
    entries = {e["strength"]: e for e in stress.stress(battery, network)["resize-bilinear"]["strengths"]}
    assert entries["1.25"]["false_accusations"]["share"] == 0.5


def test_a_study_that_was_broken_off_goes_on(battery: Battery) -> None:
    whole = stress.stress(battery, told())
    saved: list[dict] = []

    def stop(so_far: dict) -> None:
        saved.append(so_far)
        if len(saved) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stress.stress(battery, told(), keep=stop)
    one, counted = told(), []
    assert stress.stress(battery, one, advance=counted.append, kept=saved[-1]) == whole
    assert one.asked == battery.pictures * 6 and sum(counted) == battery.answers
    again = Battery(battery.items, battery.innocents, ("clean",), SCALES)
    assert stress.stress(again, told(), kept=whole) == whole  # what is there stays


def test_unknown_kinds_are_refused(battery: Battery) -> None:
    with pytest.raises(ValueError, match="kinds must be among clean, jpeg, .*, got 'fog'"):
        stress.stress(Battery(battery.items, {}, ("fog",), SCALES), told())


# what is chosen


def test_some_sources_and_photographs_can_be_chosen() -> None:
    items = [(source, photo, Path()) for source in ("a", "b", "original") for photo in ("q", "p", "r")]
    assert chosen_items(items) == items
    some = chosen_items(items, ["b"], 2)
    assert [(s, p) for s, p, _ in some] == [("b", "q"), ("b", "p"), ("original", "q"), ("original", "p")]
    with pytest.raises(ValueError, match="sources must be among a, b, original, got 'c'"):
        chosen_items(items, ["c"])


def test_innocents_that_references_were_fitted_on_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    corpora = {
        name: [("original", str(k), Path()) for k in range(4)] for name in ("set5", "camera", "lossless", "set14")
    }
    monkeypatch.setattr(stress, "innocent_corpora", lambda: corpora)
    assert {name: len(items) for name, items in unseen_innocents(3).items()} == {"set5": 3, "set14": 3}
    assert len(unseen_innocents()["set5"]) == 4


def test_a_figure_repeats_itself(battery: Battery) -> None:
    from reports.stress_figures import draw_stress

    found = stress.stress(battery, told())
    drawn = draw_stress(found)
    assert drawn == draw_stress(found)
    assert draw_stress({"clean": found["clean"]}, ".svg").startswith(b"<?xml")
    with pytest.raises(ValueError, match="must hold something to draw"):
        draw_stress({})
