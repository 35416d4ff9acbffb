"""Measuring answers on folders, and the studies behind the card."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fingerprint_fakes import LABELS, SOURCES, saved_reference, texture, training_set, written
from PIL import Image
from reports_fakes import EVIDENCE, result_for

import datasets
import model_zoo
from fingerprint import Attributor, Candidate, Parameter, Result, evaluate, expert, studies
from fingerprint import fit as fitting
from fingerprint import render as rendering
from fingerprint.conditions import CLEAN, CONDITIONS
from fingerprint.evaluate import POSTS, Answer, answers, interval, summarise
from fingerprint.fit import Plan, default_samples, fit
from fingerprint.reference import MODES, load
from fingerprint.render import MARGIN, render_native, render_source
from fingerprint.samples import FOLDS, UNSEEN, Sample, fold_of
from fingerprint.sources import UNKNOWN, architecture_name, known_sources
from fingerprint.training_set import TrainingSet

SCALES = {"original": 1, **{name: source.scale for name, source in SOURCES.items()}}


def judged(verdict: str, source: str = "alpha-x2", scale: int | None = 2) -> Result:
    """A result of which only what is counted is there."""
    full = result_for(EVIDENCE, verdict)  # pyright: ignore[reportArgumentType]
    parameters = {**full.parameters, "scale": Parameter(scale)}
    return Result(**{**vars(full), "candidates": (Candidate(source, 0.9, 1.0),), "parameters": parameters})


def test_answers_are_counted() -> None:
    given = [
        Answer("alpha-x2", "p", "clean", judged("known_source", "alpha-x2", 2)),
        Answer("alpha-x2", "q", "clean", judged("known_source", "beta-x3", 3)),
        Answer("beta-x3", "p", "clean", judged("inconclusive", "beta-x3", 3)),
        Answer("beta-x3", "q", "clean", judged("not_upscaled", "beta-x3", 1)),
        Answer("original", "p", "clean", judged("not_upscaled", "alpha-x2", 1)),
        Answer("original", "q", "clean", judged("unknown_source", "alpha-x2", 2)),
        Answer("stranger", "q", "clean", judged("inconclusive", "alpha-x2", None)),
    ]
    told = summarise(given, SCALES)
    assert told["images"] == 7
    assert told["top1"]["share"] == round(3 / 7, 4)
    assert told["named_right"]["share"] == told["named_wrong"]["share"] == 0.2
    assert told["scale"] == {"share": 0.5, "interval": told["scale"]["interval"], "images": 6}
    assert told["false_accusations"]["share"] == 0.5
    assert told["innocents_inconclusive"]["share"] == 0.0
    assert told["inconclusive"] == {"share": 0.4, "interval": told["inconclusive"]["interval"], "images": 5}
    assert told["verdicts"] == {"inconclusive": 2, "known_source": 2, "not_upscaled": 2, "unknown_source": 1}
    assert told["per_source"] == {"alpha-x2": 0.5, "beta-x3": 0.5, "original": 0.5, "stranger": 0.0}
    assert told["confusion"]["beta-x3"] == {"beta-x3": 1, "original": 1}
    assert told["confusion"]["original"] == {"original": 1, "alpha-x2": 1}


def test_without_originals_nothing_is_said_of_accusations() -> None:
    told = summarise([Answer("alpha-x2", "p", "clean", judged("known_source"))], SCALES)
    assert told["false_accusations"] == {"share": None, "interval": None, "images": 0}


def test_intervals_resample_photographs() -> None:
    flags = np.repeat([True, False], 50)
    one_each, ten_each = np.arange(100), np.arange(100) // 10
    narrow, wide = interval(flags, one_each), interval(flags, ten_each)
    assert narrow == interval(flags, one_each)
    # Binomial: 0.5 +- 1.96 * sqrt(0.25 / n) for a hundred photographs and for ten; the bootstrap is drawn 2,000 times.
    assert narrow == pytest.approx((0.402, 0.598), abs=0.02)
    assert wide == pytest.approx((0.19, 0.81), abs=0.06)
    assert interval(np.ones(5, bool), np.arange(5)) == (1.0, 1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_reference(tmp_path_factory.mktemp("reference"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two sources, one with a split inside, of two pictures each."""
    for name in ("alpha-x2/test", "alpha-x2/train", "original"):
        (tmp_path / name).mkdir(parents=True)
        for seed, stem in enumerate("pq"):
            written(tmp_path / name / f"{stem}.png", texture(180, 200, seed))
    (tmp_path / "notes.txt").write_text("no folder")
    return tmp_path


def test_folders_become_sources(pictures: Path) -> None:
    found = evaluate.test_items(pictures)
    assert [(source, photo) for source, photo, _ in found] == [
        ("alpha-x2", "p"), ("alpha-x2", "q"), ("original", "p"), ("original", "q"),
    ]  # fmt: skip
    assert found[0][2] == pictures / "alpha-x2" / "test" / "p.png"
    with pytest.raises(ValueError, match="holds no folder of pictures"):
        evaluate.test_items(pictures / "original")


EXPECTED = {
    "as-is": ("PNG", (200, 180), None), "clean": ("PNG", (200, 180), None), "crop": ("PNG", (160, 160), None),
    "jpeg90": ("JPEG", (200, 180), 90), "jpeg75": ("JPEG", (200, 180), 75), "jpeg50": ("JPEG", (200, 180), 50),
    "webp80": ("WEBP", (200, 180), None), "x0.75": ("PNG", (150, 135), None), "x1.25": ("PNG", (250, 225), None),
    "x0.9": ("PNG", (180, 162), None), "x0.8": ("PNG", (160, 144), None), "x0.7": ("PNG", (140, 126), None),
    "x0.6": ("PNG", (120, 108), None), "x0.5": ("PNG", (100, 90), None), "x0.7-jpeg85": ("JPEG", (140, 126), 85),
}  # fmt: skip


def test_every_post_processing_is_done_before_the_answer(pictures: Path, folder: Path) -> None:
    assert set(EXPECTED) == set(POSTS)
    one, items = Attributor(folder), evaluate.test_items(pictures)[1:2]
    for post, (form, size, quality) in EXPECTED.items():
        (given,) = answers(items, post, lambda _: one)
        facts = given.result.image
        assert (facts.format, (facts.width, facts.height), facts.jpeg_quality) == (form, size, quality), post
        assert (given.source, given.photograph, given.post) == ("alpha-x2", "q", post)


def test_answers_repeat_and_come_in_order(pictures: Path, folder: Path) -> None:
    one, items, counted = Attributor(folder), evaluate.test_items(pictures), []
    first = list(answers(items, "crop", lambda _: one, counted.append, workers=1))
    again = list(answers(items, "crop", lambda _: one, workers=3))
    assert [a.photograph for a in first] == ["p", "q", "p", "q"]
    assert [a.result.candidates for a in first] == [a.result.candidates for a in again]
    assert first[0].result.candidates == first[2].result.candidates  # the same picture, cut at the same place
    assert sum(counted) == 4


def test_a_sixteen_bit_picture_is_post_processed_as_eight(tmp_path: Path, folder: Path) -> None:
    Image.fromarray(texture()[..., 0].astype(np.uint16) * 257).save(tmp_path / "a.png")
    one = Attributor(folder)
    (given,) = answers([("original", "a", tmp_path / "a.png")], "jpeg90", lambda _: one)
    assert given.result.image.bit_depth == 8


def test_mistakes_name_what_is_wrong(tmp_path: Path, folder: Path) -> None:
    one = Attributor(folder)
    with pytest.raises(ValueError, match="post must be one of as-is, clean, .*, got 'blur'"):
        list(answers([], "blur", lambda _: one))
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"a\.png: not an image"):
        list(answers([("original", "a", tmp_path / "a.png")], "clean", lambda _: one))


def test_a_folder_is_evaluated_post_by_post(pictures: Path, folder: Path) -> None:
    said: list[str] = []
    told = studies.evaluate_folder(pictures, ["clean", "jpeg75"], SCALES, folder, said.append)
    assert said == list(told) == ["clean", "jpeg75"]
    assert told["clean"]["images"] == 4
    assert set(told["clean"]["per_source"]) == {"alpha-x2", "original"}


# the studies


def test_innocents_are_judged_by_references_that_never_saw_them(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {name: written(tmp_path / f"{name}.png", texture(300, 300, len(name))) for name in ("a", "bb", "ccc")}
    small = written(tmp_path / "small.png", texture(150, 150))
    monkeypatch.setattr(
        studies,
        "innocent_corpora",
        lambda: {
            "set5": [("original", "a", paths["a"]), ("original", "small", small)],
            "camera": [("original", name, paths[name]) for name in ("bb", "ccc")],
        },
    )
    asked: list[Any] = []

    def recorded(place: Path | None = None, **_: object) -> Attributor:
        asked.append(place)
        return Attributor(folder)

    monkeypatch.setattr(studies, "Attributor", recorded)
    told = studies.innocents(tmp_path / "folds", ["as-is", "jpeg90"], folder)
    assert asked == [folder, *(tmp_path / "folds" / f"fold{k}" for k in range(FOLDS))]
    assert set(told) == {"set5", "camera"}
    for entry in told["set5"].values():
        assert (entry["images"], entry["large_images"]) == (2, 1)
        assert entry["false_accusations"] == len(entry["accused"])
    assert set(studies.innocents(None, ["as-is"], folder)) == {"set5"}


def test_each_camera_goes_to_its_own_fold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, used = written(tmp_path / "a.png"), []
    monkeypatch.setattr(studies, "innocent_corpora", lambda: {"camera": [("original", str(n), path) for n in range(9)]})
    monkeypatch.setattr(studies, "Attributor", lambda place=None: place)
    monkeypatch.setattr(studies, "_without", lambda folds, fold: folds / f"fold{fold}")

    def noted(items: Any, post: str, attributor: Any, advance: Any) -> list[Answer]:
        used.extend(attributor(photo) for _, photo, _ in items)
        return [Answer(source, photo, post, judged("not_upscaled")) for source, photo, _ in items]

    monkeypatch.setattr(studies, "answers", noted)
    told = studies.innocents(tmp_path, ["clean"])
    assert used == [tmp_path / f"fold{fold_of(str(n))}" for n in range(9)]
    assert told["camera"]["clean"]["false_accusations"] == 0


def test_a_network_that_was_left_out_is_told_from_known_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(samples: Any, condition: Any, cache: Path, fresh: bool = False) -> TrainingSet:
        return training_set(seed=9, each=20) if fresh else training_set()

    monkeypatch.setattr(studies, "measure", measured)
    monkeypatch.setattr(studies, "tracing_mask", lambda condition, mode: None)
    monkeypatch.setattr(datasets, "published_sources", lambda: (*SOURCES, "original"))
    monkeypatch.setattr(datasets, "published", lambda name, split: [tmp_path / f"{name}.png"])
    said: list[str] = []
    told = studies.leave_out([], SOURCES, tmp_path, ["gamma-x4", "beta-x3"], CLEAN, said.append)
    assert said == ["without gamma-x4", "without beta-x3"]
    assert set(told) == {"gamma-x4", "beta-x3", "mean_auroc"}
    entry = told["gamma-x4"]
    assert (entry["images"], entry["known_images"]) == (20, 60)
    assert entry["auroc"] > 0.9
    assert entry["oscr"] <= entry["auroc"] and 0 <= entry["fpr_at_95_tpr"] <= 1
    assert 0 < entry["calibration_error"] < 0.5
    assert entry["named"] + entry["called_unknown"] + entry["called_not_upscaled"] <= 1.0001
    assert "gamma-x4" not in entry["named_as"]
    assert told["mean_auroc"] == pytest.approx((entry["auroc"] + told["beta-x3"]["auroc"]) / 2, abs=1e-4)


# fitting


@pytest.fixture
def small_world(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two conditions in 60 dimensions, of which grey pictures have 40; the list grows by each condition measured."""
    measured: list[str] = []

    def features(samples: Any, condition: Any, cache: Path, workers: Any, advance: Any) -> TrainingSet:
        measured.append(condition.name)
        advance(7)
        return training_set(seed=CONDITIONS.index(condition))

    monkeypatch.setattr(fitting, "CONDITIONS", CONDITIONS[:2])
    monkeypatch.setattr(fitting, "measure", features)
    monkeypatch.setattr(fitting, "mode_mask", lambda mode: np.arange(60) < (40 if mode == "grey" else 60))
    monkeypatch.setattr(fitting, "known_sources", lambda: {**SOURCES, "elsewhere": SOURCES["alpha-x2"]})
    return measured


def test_a_fit_writes_a_reference_and_its_folds(tmp_path: Path, small_world: list[str]) -> None:
    samples = tuple(Sample(label, str(n), tmp_path, copies=2) for label in LABELS for n in range(3))
    plan = Plan(samples, tmp_path / "features", tmp_path / "out", tmp_path / "folds")
    said, counted = [], []
    fit(plan, said.append, counted.append)
    loaded = load(plan.out)
    names = [condition.name for condition in CONDITIONS[:2]]
    assert small_world == names
    assert set(loaded.experts) == {(mode, name) for mode in MODES for name in names}
    assert set(loaded.sources) == set(SOURCES)
    assert loaded.experts["grey", "clean"].tracer.weights.shape == (40, len(SOURCES))
    card = loaded.card
    assert card["photographs"] == dict.fromkeys(sorted(LABELS), 3)
    assert set(card["validation"]) == {f"{mode}.{name}" for mode in MODES for name in names}
    assert card["validation"]["colour.clean"]["top1"] > 0.95
    assert card["folds"] == FOLDS
    assert sorted(path.name for path in (tmp_path / "folds").iterdir()) == [f"fold{k}" for k in range(FOLDS)]
    identities = {load(tmp_path / "folds" / f"fold{k}").identity for k in range(FOLDS)} | {loaded.identity}
    assert len(identities) == FOLDS + 1
    assert (said[0], said[-1], sum(counted)) == ("measuring clean", "writing", 14)


def test_networks_of_the_reference_sweep_weigh_less(
    tmp_path: Path, small_world: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, float] = {}

    def fit_expert(data: TrainingSet, sources: Any, shrinkage: Any, traced_by: Any, shares: Any, *rest: Any) -> Any:
        asked.update({str(label): shares(str(label)) for label in np.unique(data.labels)} | {"zoo-a": shares("zoo-a")})
        assert rest[0]("alpha-x2") == "alpha-x2" and rest[1] == UNSEEN
        return expert.fit_expert(data, sources, shrinkage, traced_by, shares)

    monkeypatch.setattr(fitting, "fit_expert", fit_expert)
    fit(Plan(tuple(Sample(label, "a", tmp_path) for label in LABELS), tmp_path, tmp_path / "out"))
    assert asked == dict.fromkeys(LABELS, 1.0) | {"zoo-a": fitting.ZOO_SHARE}


def test_fitting_again_gives_the_same_bits(tmp_path: Path, small_world: list[str]) -> None:
    samples = tuple(Sample(label, "a", tmp_path) for label in LABELS)
    for name in ("one", "two"):
        fit(Plan(samples, tmp_path, tmp_path / name))
    assert load(tmp_path / "one").identity == load(tmp_path / "two").identity


def test_samples_come_from_every_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(folder: Path, label: str, copies: int = 2) -> list[Sample]:
        return [Sample(label, "a", folder, copies=copies)]

    monkeypatch.setattr(fitting, "source_samples", listed)
    monkeypatch.setattr(fitting, "innocent_samples", lambda: [Sample("original:camera", "c", tmp_path)])
    monkeypatch.setattr(
        fitting, "render_source", lambda name, split, root, count, step: root / name / f"{split}{count or ''}"
    )
    monkeypatch.setattr(datasets, "published_sources", lambda: ("alpha-x2", "beta-x3", "original"))
    monkeypatch.setattr(datasets, "data_root", lambda: Path("data"))
    networks = [SimpleNamespace(name=name) for name in ("whorl-a", "whorl-b", "zoo-c")]
    monkeypatch.setattr(model_zoo, "list_networks", lambda folder=None: networks)
    monkeypatch.setattr(fitting, "imported_sources", lambda: ("alpha-x2", "beta-x3", "not-enrolled"))
    enrolled = ("alpha-x2", "beta-x3", "bicubic-x2-pil", "whorl-a", "whorl-b", "zoo-c")
    monkeypatch.setattr(fitting, "known_sources", lambda: dict.fromkeys(enrolled))
    monkeypatch.setattr(fitting, "render_native", lambda name, root, each, step: [(root / name / str(each), "b")])
    samples = default_samples(tmp_path, [Path("mine/beta-x3")], ["beta-x3", "whorl-b"])
    assert [(sample.label, sample.path) for sample in samples] == [
        ("alpha-x2", Path("data/published/alpha-x2/train")),
        ("original:scan", Path("data/published/original/train")),
        ("whorl-a", tmp_path / "whorl-a" / "train"),
        ("zoo-c", tmp_path / "zoo-c" / "train60"),
        ("beta-x3", Path("mine/beta-x3")),
        ("alpha-x2", tmp_path / "alpha-x2" / str(fitting.NATIVES)),
        ("bicubic-x2-pil", tmp_path / "bicubic-x2-pil" / str(fitting.NATIVES)),
        ("whorl-a", tmp_path / "whorl-a" / str(fitting.NATIVES)),
        ("zoo-c", tmp_path / "zoo-c" / str(fitting.ZOO_NATIVES)),
        ("original:camera", tmp_path),
    ]
    assert {sample.part for sample in samples if sample.group == "b"} == {"native"}


# our networks' pictures, and what is known of sources


def test_outputs_lie_where_the_published_crops_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photographs = [written(tmp_path / f"{name}.png", texture(290, 340, seed)) for seed, name in enumerate("ab")]
    calls: list[tuple[int, ...]] = []

    def upscale(pixels: np.ndarray) -> np.ndarray:
        calls.append(pixels.shape)
        return pixels.repeat(2, axis=0).repeat(2, axis=1)

    monkeypatch.setattr(datasets, "bsds500", lambda split: SimpleNamespace(paths=photographs))
    monkeypatch.setattr(datasets, "published_borders", lambda: {("train", "a"): SimpleNamespace(top=24, left=48)})
    monkeypatch.setattr(model_zoo, "load", lambda name: SimpleNamespace(scale=2, upscale=upscale))
    said: list[str] = []
    folder = render_source("whorl-a", "train", tmp_path / "renders", step=said.append)
    assert folder == tmp_path / "renders" / "whorl-a" / "train"
    assert sorted(path.name for path in folder.iterdir()) == ["a.webp", "b.webp"]
    whole = (
        datasets.downscale(datasets.crop_to_multiple(texture(290, 340, 0), 12), 2).repeat(2, axis=0).repeat(2, axis=1)
    )
    np.testing.assert_array_equal(datasets.read_evidence(folder / "a.webp").pixels, whole[24:216, 48:240])
    assert datasets.read_evidence(folder / "b.webp").pixels.shape == (192, 192, 3)
    render_source("whorl-a", "train", tmp_path / "renders", step=said.append)
    assert len(calls) == 2 and said == ["outputs of whorl-a"]
    (folder / "b.webp").unlink()
    render_source("whorl-a", "train", tmp_path / "renders")
    assert len(calls) == 3


def test_a_split_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="split must be one of train, test, got 'val'"):
        render_source("whorl-a", "val", tmp_path)
    with pytest.raises(ValueError, match="split must be one of train, test, got 'val'"):
        render_native("whorl-a", tmp_path, 1, "val")


def test_photographs_as_they_are_are_enlarged_without_a_reduction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {}
    for seed, kind in enumerate(("scan", "lossless", "camera")):
        paths = [written(tmp_path / f"{kind}{k}.png", texture(300, 400, 10 * seed + k)) for k in range(3)]
        kinds[kind] = SimpleNamespace(paths=paths, groups=[f"{kind}-{k}" for k in range(3)])
    asked = []
    monkeypatch.setattr(datasets, "bsds500", lambda split: asked.append(split) or kinds["scan"])
    monkeypatch.setattr(datasets, "lossless", lambda: kinds["lossless"])
    monkeypatch.setattr(datasets, "camera", lambda: kinds["camera"])
    monkeypatch.setattr(rendering, "imported_sources", lambda: ())
    double = SimpleNamespace(scale=2, upscale=lambda pixels: pixels.repeat(2, axis=0).repeat(2, axis=1))
    monkeypatch.setattr(model_zoo, "load", lambda name: double)
    said: list[str] = []
    made = render_native("whorl-a", tmp_path / "renders", 2, step=said.append)
    assert [group for _, group in made] == ["scan-0", "scan-1", "lossless-0", "lossless-1", "camera-0", "camera-1"]
    assert {path.parent for path, _ in made} == {tmp_path / "renders" / "whorl-a" / "native"}
    side = (rendering.SIDE + 2 * MARGIN) // 2
    top, left = (300 - side) // 2 + MARGIN // 2, (400 - side) // 2 + MARGIN // 2
    part = texture(300, 400, 0)[top : top + rendering.SIDE // 2, left : left + rendering.SIDE // 2]
    np.testing.assert_array_equal(datasets.read_evidence(made[0][0]).pixels, part.repeat(2, axis=0).repeat(2, axis=1))
    kept = made[0][0].stat().st_mtime_ns
    assert render_native("whorl-a", tmp_path / "renders", 2, step=said.append) == made
    assert made[0][0].stat().st_mtime_ns == kept and said == ["photographs as they are by whorl-a"]
    tested = render_native("bicubic-x4-pil", tmp_path / "renders", 1, "test")
    assert (tested, asked) == (
        [(tmp_path / "renders/bicubic-x4-pil/test/scan0.webp", "scan-0")],
        ["test", "test", "val"],
    )
    small, wide = texture(300, 400, 0)[120:180, 170:230], datasets.read_evidence(tested[0][0]).pixels
    np.testing.assert_array_equal(wide, datasets.resize(small, (240, 240), "bicubic")[MARGIN:-MARGIN, MARGIN:-MARGIN])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("FSRCNN (sub-pixel variant)", "fsrcnn"), ("RFDNFINALB5", "bsrn"), ("waifu2x cunet", "waifu2x-cunet"),
        ("bicubic", "bicubic"), ("Some Net", "some-net"),
    ],
)  # fmt: skip
def test_architectures_have_lower_case_names(text: str, name: str) -> None:
    assert architecture_name(text) == name


@pytest.mark.data("published")
def test_every_source_is_described_in_the_contracts_words() -> None:
    sources = known_sources()
    assert "original" not in sources
    assert set(sources) == ({*datasets.published_sources()} - {"original"}) | {
        n.name for n in model_zoo.list_networks(model_zoo.SHIPPED)
    }
    for source in sources.values():
        assert source.scale in (2, 3, 4)
        assert source.loss in ("interpolation", "fidelity", "adversarial")
        assert source.architecture == source.architecture.lower() and " " not in source.architecture
        assert source.training_data
        assert (source.parameters == 0) == (source.loss == "interpolation")
    assert UNKNOWN in {source.training_data for source in sources.values()}
