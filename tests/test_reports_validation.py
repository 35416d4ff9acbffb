"""`whorl fingerprint validate`: what the report takes from results files, and what it says of those it cannot use."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fingerprint_fakes import saved_reference, texture

import datasets
from fingerprint import Attributor
from fingerprint.attributor import tool_version
from fingerprint.reference import load
from fingerprint.result import (
    Candidate,
    ImageFacts,
    Parameter,
    Priors,
    Region,
    RegionMap,
    Result,
    Tool,
    Upscaled,
)
from reports import validation_failures as failing
from reports import validation_pasted as pasting
from reports.commands import fingerprint as command
from reports.commands.fingerprint import validate
from reports.validation import Enrolled, Failures, validation_report
from reports.validation_failures import Judged, Trial, chosen, failure_of, menu, tallied
from reports.validation_numbers import bounded_cell, count_cell, exact_interval
from reports.validation_requirements import requirements
from reports.validation_results import COMMANDS, Current, Studies, find_studies, kind_of

PROG = "whorl fingerprint"
CURRENT = Current("1.0", "sha256:" + "a" * 64, "features-1")
OTHER = "sha256:" + "b" * 64


# made-up results


def share(value: float | None = 0.9, images: int = 40, width: float = 0.05) -> dict[str, Any]:
    if value is None:
        return {"share": None, "interval": None, "images": 0}
    ends = (value, value) if value in (0, 1) else (round(value - width, 4), round(value + width, 4))
    return {"share": value, "interval": ends, "images": images}


def summary(value: float = 0.9) -> dict[str, Any]:
    keys = ("top1", "named_right", "named_wrong", "scale", "inconclusive")
    return {
        "images": 40,
        **{key: share(value) for key in keys},
        "named_wrong": share(0.0),
        "named_right": share(0.7),
        "inconclusive": share(0.1),
        "false_accusations": share(0.0, 20),
        "innocents_inconclusive": share(0.0, 20),
        "verdicts": {"known_source": 20, "not_upscaled": 20},
        "per_source": {"realesrgan-x4": 0.95, "pan-x4": 0.85},
        "confusion": {"realesrgan-x4": {"realesrgan-x4": 19, "pan-x4": 1}, "pan-x4": {"pan-x4": 17, "imdn-x4": 3}},
    }


def figure(value: float) -> dict[str, Any]:
    return {"value": value, "interval": [value - 0.01, value + 0.01]}


def level(cost: float) -> dict[str, Any]:
    keys = ("cllr", "cllr_min", "auroc", "fpr_at_95_tpr", "ece", "ece_as_given", "ece_top", "ece_class", "ece_printed")
    told = {key: figure(cost) for key in keys}
    nothing = {"value": 0.0, "interval": [0.0, 0.0]}
    bounds = {"same": 40, "different": 400, "elub_log10": [-1.2, 2.3]}
    return {**bounds, **told, "misleading_same": nothing, "misleading_different": figure(0.02)}


def strength(name: str, enlarges: bool = False) -> dict[str, Any]:
    accused = {"false_accusations": share(0.1, 10), "inconclusive": share(0.0, 10), "accused": ["set5/woman"]}
    return {"strength": name, "value": float(name), "enlarges": enlarges, **summary(), "innocents": accused}


def seeds(mean: float) -> dict[str, Any]:
    return {"mean": mean, "deviation": 0.004, "seeds": [mean]}


def protocol() -> dict[str, Any]:
    def cell(accuracy: float) -> dict[str, Any]:
        return {"accuracy": seeds(accuracy), "chance": 0.5, "tested_on": 5}

    attribution = {
        "all": seeds(0.97), "kind": {"adversarial": seeds(0.995)}, "scale": {"×2": seeds(0.97)},
        "loss": {"L1": seeds(0.93)}, "architecture": {}, "training_set": {},
    }  # fmt: skip
    parsers = {
        "nothing": {"nothing": {"scale": cell(0.1)}},
        "seed": {"3": {"scale": cell(0.999), "loss": cell(0.99), "architecture": cell(0.8)}},
        "training_set": {"B": {"scale": cell(0.995), "loss": cell(0.985), "architecture": cell(0.79)}},
        "loss": {"L1": {"scale": cell(0.91), "architecture": cell(0.41)}},
    }
    about = {"networks": 9, "published": 0, "photographs": 8, "training": 6, "test": 2, "features": 60, "seeds": [1]}
    zoo = {"attribution": attribution, "seeds_told_apart": {"all": seeds(0.99)}, "parsers": parsers}
    return {"version": "1.0", "about": about, "command": "whorl fingerprint protocol --seeds 1", "zoo": zoo}


def adversary_row(attack: str, pictures: str) -> dict[str, Any]:
    verdicts = ("right_name", "remaker_name", "wrong_name", "unknown_source", "inconclusive", "not_upscaled")
    told = {"right": share(0.5, 6), "wrong": share(0.25, 6), "inconclusive": share(0.25, 6)}
    change = {"before": 2.0, "after": -1.0}
    return {
        "attack": attack, "strength": "3x3", "target": None, "pictures": pictures, "images": 6, "photographs": 2,
        "psnr": None, "ssim": 0.9, "verdicts": {name: share(0.5, 6) for name in verdicts}, "named_target": None,
        "log10_lr_upscaled": change, "log10_lr_source": change, "log10_lr_target": None,
        "defences": {name: told for name in ("none", "tiles", "copy", "features", "all")},
    }  # fmt: skip


def innocent(images: int, accused: tuple[str, ...] = ()) -> dict[str, Any]:
    counts = {"images": images, "false_accusations": len(accused), "inconclusive": 1}
    return {**counts, "large_images": images, "large_inconclusive": 1, "accused": list(accused)}


def coverage() -> dict[str, Any]:
    def told(within: bool) -> dict[str, Any]:
        numbers = {"networks": 20, "pictures": 90, "coverage": 0.91, "stated": 0.9, "band": [0.7, 1.0]}
        rest = {"within": within, "median_width": 1.0, "median_error": 0.2, "r2": 0.8}
        return {"all": {**numbers, **rest}, "origin": {}, "condition": {}, "resized": {}}

    studies = {"networks": {"scale": told(True), "depth": told(False)}}
    return {"version": "1.0", "features": "features-1", "mode": "colour", "folds": 5, "studies": studies}


def results() -> dict[str, dict[str, Any]]:
    """A file of every study."""
    of = {"version": "1.0", "reference": CURRENT.reference}
    posts = {"clean": summary(0.99), "jpeg75": summary(0.7)}
    entry = {"side": None, "area": 9999, "groups": {"all": summary(), "zoo": summary()}}
    unknown = {"sources": ["x"], "auroc": figure(0.96), "fpr_at_95_tpr": figure(0.2), "oscr": figure(0.9)}
    verdicts = ("known_source", "unknown_source", "not_upscaled", "inconclusive")
    unknown |= {"verdicts": {name: share(0.25, 8) for name in verdicts}}
    levels = {name: level(0.1) for name in ("upscaled", "source", "source_same_scale")}
    conditions = {post: {"pictures": 60, "unmeasured": 0, **levels, "unknown": unknown} for post in posts}
    left_out = {
        "auroc": 0.97, "fpr_at_95_tpr": 0.1, "oscr": 0.9, "calibration_error": 0.01, "named": 0.1,
        "named_as": {"pan-x4": 2}, "called_unknown": 0.5, "called_not_upscaled": 0.0, "right_scale": 0.95, "images": 20,
        "known_images": 100,
    }  # fmt: skip
    kinds = {"jpeg": {"title": "JPEG", "axis": "quality", "strengths": [strength("90"), strength("50")]},
             "resize-bicubic": {"title": "resized", "axis": "factor", "strengths": [strength("2", True)]}}  # fmt: skip
    patch = {
        "post": "clean", "kind": "upscaled-patch", "side": 96, "pictures": 10, "found": 0.6, "iou": 0.4,
        "iou_of_found": 0.7, "iou_above_half": 0.4, "auroc": 0.93, "sources_named": 3, "named_rightly": 2,
    }  # fmt: skip
    whole = {"post": "clean", "kind": "photograph", "side": 0, "pictures": 50, "false_regions": 1, "interval": [0, 0.1]}
    attacks = [adversary_row("median", "upscaled"), adversary_row("median", "innocent")]
    bench = {"one_large": {"median_s": 4.5, "peak_bytes": 5e8}, "many_small": {"images_per_second": 8.0}}
    return {
        "evaluate": {**of, "folder": "published", "posts": posts},
        "innocents": {**of, "corpora": {"set5": {"clean": innocent(5, ("woman",)), "jpeg90": innocent(5, ("woman",))},
                                        "camera": {"clean": innocent(90)}}},
        "leave-out": {"condition": "clean", "mean_auroc": 0.97, "networks": {"imdn-x2": left_out}},
        "enrolment": {**of, "images": 15, "enrolment": share(0.92)},
        "gallery": {**of, "folder": "asked", "gallery": {"name": "mine", "sources": 77, "pictures": [11, 12]},
                    "posts": posts},
        "calibration": {**of, "command": "whorl fingerprint calibration published --figures plots", "folders": ["p"],
                        "pictures": 60, "photographs": 20, "conditions": conditions},
        "area": {**of, "sources": ["a"], "photographs": ["p"], "posts": {"clean": [entry]}},
        "stress": {**of, "command": "whorl fingerprint stress published", "sources": ["a"], "photographs": ["p"],
                   "innocents": {"set5": 5}, "kinds": kinds},
        "interpolation": {**of, "interpolated": share(0.97)},
        "composites": {**of, "photographs": 10, "sides": [96], "composites": [patch, whole]},
        "adversary": {**of, "sources": ["a"], "targets": ["b"], "steps": 20, "photographs": ["p", "q"],
                      "innocents": ["r"], "rows": attacks},
        "coverage": coverage(),
        "protocol": protocol(),
        "speed": {"machine": {}, "figures": bench},
    }  # fmt: skip


def stored(folder: Path, files: Mapping[str, object]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def written(studies: Studies, failures: Failures | None = None, figures: tuple[str, ...] = ()) -> str:
    enrolled = Enrolled({"kernels": 1}, (2, 4), {"a-x2": 60, "original:scan": 40}, 5, {"MIT": 1}, "CARD.md")
    given = failures or Failures(missing="None were made.")
    return validation_report(studies, requirements(studies), enrolled, figures, given, "whorl fingerprint validate")


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


# results files


def test_every_study_is_known_by_its_fields(tmp_path: Path) -> None:
    files = results()
    assert {name: kind_of(report) for name, report in files.items()} == {name: name for name in COMMANDS}
    assert [kind_of(report) for report in ({}, [], {"posts": {}}, {"posts": {"a": [], "b": {}}}, 3)] == [None] * 5
    studies = find_studies(stored(tmp_path / "r", {**files, "quality": {"networks": []}}), CURRENT)
    assert [found.kind for found in studies.files] == list(COMMANDS)
    assert all(found.fault is None for found in studies.files)


def test_a_full_report_shows_every_study_and_no_fault(tmp_path: Path) -> None:
    studies = find_studies(stored(tmp_path / "r", results()), CURRENT)
    text = written(studies, figures=("stress.png", "heat-map.png", "calibration-clean.png"))
    assert "No results" not in text and "Not shown" not in text and "without results" not in text
    assert "(figures/stress.png)" in text and "(figures/area.png)" not in text
    assert CURRENT.reference in text and "`whorl fingerprint stress published`" in text
    assert "`whorl fingerprint evaluate published --post clean jpeg75` (put together" in text
    assert "| set5 | 2 of 10 (0.025–0.556) | 1 of 5 (0.005–0.716) |" in section(text, "Innocent photographs")
    assert "Accused: `set5/woman` (JPEG 90), `set5/woman` (as made, PNG)." in text
    assert "0.000 (0.000–0.088)†" in section(text, "Calibration of likelihood ratios")
    assert "names no reference" in section(text, "Unknown networks and enrolment")
    told = section(text, "Unknown networks and enrolment")
    assert "Gallery `mine`: 77 sources, each enrolled from 11 or 12 pictures." in told and "0.990" in told
    assert "`whorl fingerprint evaluate asked --gallery mine --post clean jpeg75` (put together" in told
    contents = [line for line in text.splitlines() if line.startswith("* [")]
    assert len(contents) == text.count("\n## ") == 17
    assert "/root" not in text and "nan" not in text.split()


def test_requirements_are_computed_from_the_files(tmp_path: Path) -> None:
    studies = find_studies(stored(tmp_path / "r", results()), CURRENT)
    lines = {line.what: line for line in requirements(studies)}
    found = {what: (line.required, line.measured and line.measured.value, line.met) for what, line in lines.items()}
    beyond = "yes, but the interval reaches beyond"
    assert found["Published sources, top-1, as made"] == ("≥ 0.985", 0.99, beyond)
    assert found["Published sources, top-1, JPEG 75"] == ("≥ 0.75", 0.7, "no, but the interval reaches it")
    assert found["Published sources, top-1, WebP 80"] == ("≥ 0.68", None, "not measured")
    assert found["Real-ESRGAN's family, right when it is known"][1] == 0.95
    assert found["Innocents accused"] == ("≤ 0.005", 0.02, "no, but the interval reaches it")
    assert found["Innocents accused in the robustness battery"][1] == 0.1  # the enlarging strength does not count
    assert found["Scale parser, any value withheld but L1"] == ("≥ 0.99", 0.995, "yes")
    assert found["Loss parser, any value withheld"][1] == 0.985
    assert found["Architecture parser, a training set withheld"] == ("≥ 0.8", 0.79, "no")
    assert found["Unknown networks, AUROC, JPEG 75"][1:] == (0.96, "yes")  # of the calibration study
    assert found["Cllr, a source against the others, clean"][1:] == (0.1, "yes")
    assert found["Expected calibration error, probability of upscaled"][1:] == (0.1, "no")
    of_two = next(line for what, line in found.items() if what.startswith("90 % intervals"))
    assert of_two[1:] == (0.5, "no")
    assert lines["Innocents, image × history combinations"].measured is not None
    assert lines["Innocents, image × history combinations"].measured.text == "100"


def test_missing_studies_are_said_to_be_missing(tmp_path: Path) -> None:
    studies = find_studies(stored(tmp_path / "r", {}), CURRENT)
    text = written(studies)
    for kind, made in COMMANDS.items():
        assert kind == "speed" or not made or f"no file of this study (`{made}`). Nothing is claimed." in text
    assert {line.met for line in requirements(studies)} == {"not measured"}
    assert "Studies without results here: evaluate, innocents," in text
    with pytest.raises(ValueError, match="--results must be a folder that exists"):
        find_studies(tmp_path / "nothing", CURRENT)


def test_results_of_another_reference_are_not_shown(tmp_path: Path) -> None:
    files = results()
    files["evaluate"]["reference"] = OTHER
    files["coverage"]["features"] = "features-0"
    files["stress"]["version"] = "0.9"
    files["area"]["posts"]["clean"] = [{"side": 96}]
    folder = stored(tmp_path / "r", files)
    (folder / "broken.json").write_text("{")
    studies = find_studies(folder, CURRENT)
    text = written(studies)
    told = section(text, "Results by condition")
    assert "**Not shown:** `evaluate.json`: it was made with another reference, `sha256:bbbbbbbbbbbb…`" in told
    assert "0.990" not in told
    assert "**Not shown:** `area.json`: its fields are not those that are read here (KeyError)." in told
    assert "made with other features, features-0" in section(text, "Hyper-parameters")
    assert "made by version 0.9 of the tool, this report by 1.0" in section(text, "Robustness")
    assert "| `broken.json` | - | - | - | not shown: it cannot be read (JSONDecodeError) |" in text
    lines = {line.what: line.met for line in requirements(studies)}
    assert lines["Published sources, top-1, as made"] == "not measured"
    assert lines["Scale parser, L1 withheld"] == "yes"


# numbers


def test_an_interval_without_width_is_replaced_by_the_exact_one() -> None:
    assert bounded_cell(share(0.9)) == "0.900 (0.850–0.950)"
    assert bounded_cell(share(1.0, 20)) == "1.000 (0.832–1.000)†"
    assert bounded_cell(share(None)) == bounded_cell(None) == "-"
    assert exact_interval(0, 20) == pytest.approx((0.0, 1 - 0.025 ** (1 / 20)))
    assert count_cell(0, 0) == "-" and count_cell(1, 1000).startswith("1 of 1,000 (")


# failures


def answer(verdict: Any, source: str = "pan-x4", loss: str | None = "fidelity", probability: float = 0.9) -> Result:
    facts = ImageFacts("p.png", "0" * 64, 64, 64, "PNG", 8, None, ("small: too small",))
    parameters = {"loss": Parameter(loss)}
    tool = Tool("1.0", CURRENT.reference, Priors())
    return Result(facts, verdict, (Candidate(source, probability, 1.0),), Upscaled(0.9, 1.5), parameters, tool)


@pytest.mark.parametrize(
    ("source", "post", "said", "failure"),
    [
        ("original", ("clean", "PNG"), answer("not_upscaled"), None),
        ("original", ("clean", "PNG"), answer("unknown_source"), "accused"),
        ("original", ("clean", "PNG"), answer("inconclusive"), "innocent-open"),
        ("original", ("resize-bicubic", "1.25"), answer("unknown_source"), "network"),
        ("original", ("resize-bicubic", "1.25"), answer("known_source", loss="interpolation"), None),
        ("original", ("resize-bicubic", "1.25"), answer("not_upscaled"), "missed"),
        ("pan-x4", ("jpeg", "75"), answer("known_source"), None),
        ("imdn-x4", ("jpeg", "75"), answer("known_source"), "named"),
        ("pan-x4", ("jpeg", "75"), answer("unknown_source"), "unknown"),
        ("pan-x4", ("jpeg", "75"), answer("not_upscaled"), "missed"),
        ("pan-x4", ("jpeg", "75"), answer("inconclusive"), "open"),
    ],
)
def test_answers_are_told_right_from_wrong(source: str, post: tuple[str, str], said: Result, failure: str) -> None:
    assert failure_of(Trial("coffee", source, *post), said) == failure


def test_the_worst_failures_are_shown_first_and_processed_differently() -> None:
    def judged(kind: str, strength: str, probability: float, failure: str | None) -> Judged:
        said = answer("known_source", probability=probability)
        return Judged(Trial("coffee", "imdn-x4", kind, strength), said, b"", ".png", failure)

    given = [
        judged("jpeg", "90", 0.7, "named"), judged("jpeg", "75", 0.9, "named"), judged("blur", "1", 0.8, "named"),
        judged("noise", "2", 0.6, "named"), judged("clean", "PNG", 0.9, None), judged("clean", "PNG", 0.5, "accused"),
    ]  # fmt: skip
    shown = [(one.failure, one.trial.kind, one.trial.strength) for one in chosen(given, each=2)]
    assert shown == [("accused", "clean", "PNG"), ("named", "jpeg", "75"), ("named", "blur", "1")]
    assert tallied(given) == {**dict.fromkeys(failing.FAILURES, 0), "right": 1, "named": 4, "accused": 1}
    assert "`known_source`: `pan-x4`, probability 0.700; log10 LR of upscaled +1.50; small:" in given[0].said


def test_the_menu_has_every_source_and_post_processing() -> None:
    trials = menu(("bicubic-x2-pil", "whorl-edsr-x2"))
    assert {(trial.source, trial.kind) for trial in trials} >= {
        (source, kind) for source in ("bicubic-x2-pil", "whorl-edsr-x2", "original") for kind, _ in failing.POSTS
    }
    assert all(trial.post.name == trial.strength for trial in trials)
    assert {trial.truth for trial in trials if trial.source == "original"} == {
        "never enlarged", "enlarged by a kernel, by no network",
    }  # fmt: skip
    assert failing.there() and set(failing.ENLARGED) | set(pasting.PHOTOGRAPHS) <= set(failing.PHOTOGRAPHS)
    pixels = failing.photograph("coffee", 48)
    assert pixels.shape == (48, 48, 3) and failing.enlarged(pixels, "original") is pixels
    made = failing.enlarged(pixels, "bicubic-x2-pil")
    assert made.shape == pixels.shape and (made != pixels).any()


def test_a_patch_is_found_where_it_lies() -> None:
    cells = ((0.5, None), (1.0, 2.0))

    def said(box: tuple[int, int, int, int], kind: Any = "upscaled") -> bool:
        found = RegionMap(48, cells, ((0, 1), (0, 0)), (Region(kind, box, 10, 2.0),))
        given = replace(answer("known_source"), regions=found)
        return pasting.Pasted("coffee", "pan-x4", 96, texture(96, 96), given, found).found

    assert said((140, 140, 48, 48)) and not said((144, 0, 48, 48)) and not said((60, 60, 48, 48), "not_upscaled")
    assert not pasting.Pasted("coffee", "pan-x4", 96, texture(96, 96), answer("known_source"), None).found


# the command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_reference(tmp_path_factory.mktemp("reference"))


@pytest.fixture(autouse=True)
def without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> list:
        raise datasets.DataMissingError("no data")

    monkeypatch.setattr(datasets, "published_networks", missing)


def test_the_command_writes_pages_figures_and_numbers(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    identity, files = load(folder).identity, results()
    for report in files.values():
        if "reference" in report:
            report["reference"] = identity
        report["version"] = tool_version()
    del files["coverage"]["features"]
    del files["stress"], files["area"]
    numbers = stored(tmp_path / "numbers", files)
    (numbers / "plots").mkdir()
    (numbers / "plots" / "clean.png").write_bytes(b"a figure")
    (numbers / "plots" / "webp80.png").write_bytes(b"of a condition that the file does not hold")
    docs = tmp_path / "docs"
    (docs / "figures").mkdir(parents=True)
    (docs / "figures" / "stress.png").write_bytes(b"left by an earlier report")
    call = ["validate", "--reference", folder, "--results", numbers, "--docs", docs, "--no-pictures"]
    call += ["--out", tmp_path / "n.json"]
    assert command.main([*map(str, call)], PROG) == 0
    out, _ = capfd.readouterr()
    assert out.splitlines()[0].split() == ["WHAT", "REQUIRED", "MEASURED", "MET"]
    told = json.loads((tmp_path / "n.json").read_text())
    assert told["reference"] == identity and told["command"].startswith("whorl fingerprint validate --reference ")
    assert {path.name for path in (docs / "figures").iterdir()} == {
        "adversary.png", "calibration.png", "calibration-clean.png",
    }  # fmt: skip
    assert (docs / "figures" / "calibration-clean.png").read_bytes() == b"a figure"
    text = (docs / "README.md").read_text()
    assert validate.LEFT_OUT in text and "Cross-validation has 5 folds." in text and str(tmp_path) not in text
    assert "Enrolled: 4 sources (1 interpolation kernels, 3 published networks), ×2, ×3, ×4." in text


def test_pictures_of_failures_are_those_that_were_judged(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heat = RegionMap(48, ((0.5, None), (1.0, 2.0)), ((0, 0), (0, 0)), ())
    missed = pasting.Pasted("coffee", "bicubic-x2-pil", 96, texture(96, 96), answer("not_upscaled"), heat)
    trials = [Trial("coffee", "bicubic-x2-pil", "jpeg", "30"), Trial("brick", "original", "clean", "PNG")]
    monkeypatch.setattr(failing, "usable", lambda enrolled: ["bicubic-x2-pil"])
    monkeypatch.setattr(failing, "menu", lambda sources: trials)
    monkeypatch.setattr(pasting, "pasted", lambda sources, attributor, room: [missed])
    docs, numbers = tmp_path / "docs", stored(tmp_path / "numbers", {})
    call = ["validate", "--reference", folder, "--results", numbers, "--docs", docs, "--json"]
    assert command.main([*map(str, call)], PROG) == 0
    told = json.loads(capfd.readouterr().out)
    assert sum(told["menu"].values()) == 2
    names = {path.name for path in (docs / "failures").iterdir()}
    assert names == {*told["failures"], told["failures"][-1].replace(".png", "-map.png")}
    assert (docs / "figures" / "heat-map.png").exists()
    text = (docs / "README.md").read_text()
    # A JPEG file of quality 30 lies outside the validated range, whatever made it.
    name = next(name for name in names if name.endswith("-open.jpg"))
    said = Attributor(folder).attribute(datasets.read_evidence(docs / "failures" / name))
    assert said.verdict == "inconclusive" and all(note in text for note in said.image.notes)
    assert "Rachel Michetti, CC0" in text and f"(failures/{name})" in text
    assert "Of 1 photographs with a pasted patch, the patch was framed in 0." in text


def test_mistakes_come_before_any_work(tmp_path: Path) -> None:
    for match, call in (
        ("--results must be a folder that exists", ("--results", tmp_path / "nothing")),
        ("--out must be a file in a folder that exists", ("--out", tmp_path / "no" / "n.json")),
    ):
        with pytest.raises(ValueError, match=match) as error:
            command.main(["validate", "--docs", str(tmp_path / "docs"), *map(str, call)], PROG)
        assert len(str(error.value).splitlines()) == 1
    assert not (tmp_path / "docs").exists()
