"""Hyper-parameters with intervals on the command line: fitting, coverage, and how `attribute` tells them."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from fingerprint_fakes import THRESHOLDS, reference, texture, written
from regression_fakes import measurements
from reports_fakes import EVIDENCE, result_for

from fingerprint.conditions import CLEAN
from fingerprint.reference import save
from fingerprint.regression import measured, model, targets
from fingerprint.regression.answers import ADDED
from fingerprint.regression.measured import Measurements, Plan
from fingerprint.result import Parameter
from reports.commands import attribute
from reports.commands import fingerprint as command
from reports.terminal import console_for, render

PROG = "whorl fingerprint"
SCHEMA = json.loads(files("reports").joinpath("schema/attribute-1.schema.json").read_text("utf-8"))
TRUTHS = [targets.Truth("alpha-x2", "zoo", 2, {"depth": 20.0}, "edsr"), *targets.kernel_truths()]
UPSCALED = replace(THRESHOLDS, accuse=-1e9, clear=-2e9, unexplained=-1e9, name=2.0, unknown=0.0)


@pytest.fixture(scope="module", autouse=True)
def plans() -> Iterator[list[Plan]]:
    """Plans that were measured: of a made-up world, in which fits take no time."""
    made: list[Plan] = []

    def measure(plan: Plan, *_: object) -> Measurements:
        made.append(plan)
        return measurements(conditions=tuple(condition.name for condition in plan.conditions))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "COMPONENTS", 24)
        patch.setattr(model, "COSINES", 16)
        patch.setattr(measured, "measure", measure)
        patch.setattr(targets, "all_truths", lambda: TRUTHS)
        yield made


def run(capfd: pytest.CaptureFixture[str], *argv: object) -> str:
    assert command.main([str(part) for part in argv], PROG) == 0
    return capfd.readouterr().out


def refused(match: str, *argv: object) -> None:
    with pytest.raises((ValueError, OSError), match=match) as error:
        command.main([str(part) for part in argv], PROG)
    assert len(str(error.value).splitlines()) == 1


# whorl fingerprint fit-parameters


def test_what_is_fitted_is_listed_and_written(
    tmp_path: Path, plans: list[Plan], capfd: pytest.CaptureFixture[str]
) -> None:
    given = ("--out", tmp_path / "new", "--cache", tmp_path / "cache", "--condition", "clean", "--copies", 3)
    lines = run(capfd, "fit-parameters", *given).splitlines()
    assert plans[-1].copies == 3 and plans[-1].conditions == (CLEAN,)
    assert lines[0] == str(tmp_path / "new" / "regressors.json")
    assert lines[2].split() == ["TARGET", "NETWORKS", "MODELS", "PICTURES"]
    assert [line.split() for line in lines[3:5]] == [
        ["scale_factor", "24", "2", "192"],
        ["log10_parameters", "20", "2", "160"],  # four of the 24 are kernels
    ]
    about = json.loads((tmp_path / "new" / "regressors.json").read_text())
    assert about["known"] == {"alpha-x2": {"depth": 20.0}}
    assert about["card"]["conditions"] == ["clean"] and str(tmp_path) not in json.dumps(about)


def test_mistakes_come_before_any_work(tmp_path: Path, plans: list[Plan]) -> None:
    before = len(plans)
    cache = ("--cache", tmp_path / "cache")
    refused(r"--condition .*'jpeg-1'", "fit-parameters", "--out", tmp_path, *cache, "--condition", "jpeg-1")
    refused(r"--study .*'none'", "coverage", *cache, "--study", "none")
    (tmp_path / "file").write_text("")
    refused("--out", "fit-parameters", "--out", tmp_path / "file", *cache)
    assert len(plans) == before


# whorl fingerprint coverage


def test_coverage_is_told_as_tables_and_numbers(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    given = ("coverage", "--cache", tmp_path / "cache", "--condition", "clean", "--folds", 2)
    text = run(capfd, *given, "--study", "networks", "--out", tmp_path / "numbers.json", "--markdown")
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert (numbers["conditions"], numbers["folds"], set(numbers["studies"])) == (["clean"], 2, {"networks"})
    scale = numbers["studies"]["networks"]["scale_factor"]["all"]
    assert (scale["networks"], scale["pictures"], scale["stated"]) == (24, 96, 0.9)
    assert text.startswith("**networks: networks left out")
    row = next(line for line in text.splitlines() if line.startswith("| scale_factor | all |"))
    assert f"| {scale['coverage']:.3f} | {scale['band'][0]:.3f} to {scale['band'][1]:.3f} |" in row
    told = json.loads(run(capfd, *given, "--study", "published", "--json"))
    assert told["studies"]["published"]["scale_factor"]["all"]["networks"] == 4


# attribute


def answered(folder: Path, image: Path, capfd: pytest.CaptureFixture[str]) -> dict:
    capfd.readouterr()
    code = attribute.main([str(image), "--json", "--quiet", "--reference", str(folder)])
    told = json.loads(capfd.readouterr().out)
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    assert code == (told["verdict"] == "inconclusive")
    return told["parameters"]


def test_attribute_tells_value_interval_and_level_where_regressors_lie_beside_the_reference(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    image = written(tmp_path / "x.png", texture())
    folder = tmp_path / "reference"
    save(reference(UPSCALED), folder)
    without = answered(folder, image, capfd)
    assert all(without[name] == {"value": None} for name in ADDED)
    run(capfd, "fit-parameters", "--out", folder, "--cache", tmp_path / "cache", "--condition", "clean")
    told = answered(folder, image, capfd)
    assert without.keys() == told.keys()
    for name in ("scale_factor", "jpeg_quality_before", "jpeg_quality_after"):
        low, high = told[name]["interval"]
        assert low <= told[name]["value"] <= high and told[name]["level"] == 0.9
    assert all(without[name] == told[name] for name in ("scale", "architecture", "loss", "training_data"))


def test_a_table_shows_them_only_where_they_are_known() -> None:
    parameters = {
        "scale_factor": Parameter(2.7, (2.45, 3.0), level=0.9),
        "depth": Parameter(16, (16, 16), level=0.9),
        "log10_adversarial_weight": Parameter(-2.5, (-3.0, -2.0), level=0.9),
        "jpeg_quality_before": Parameter(100, (62, 100), level=0.9),
        "jpeg_quality_after": Parameter(88, (88, 88)),
    }
    plain = result_for(EVIDENCE)
    stream = io.StringIO()
    console_for(stream).print(render(replace(plain, parameters=plain.parameters | parameters)))
    lines = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    start = lines.index("scale, real 2.7 (2.45 to 3 at 90 %)")
    assert lines[start + 1 : start + 5] == [
        "convolutions 16",
        "adversarial weight about 0.003 (0.001 to 0.01 at 90 %)",
        "JPEG before none (62 to none at 90 %)",
        "JPEG after quality 88",
    ]
    stream = io.StringIO()
    console_for(stream).print(render(plain))
    assert "convolutions" not in stream.getvalue()


def test_the_schema_wants_an_interval_with_a_number() -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    told = json.loads(json.dumps(result_for(EVIDENCE).to_json()))
    told["parameters"]["scale_factor"] = {"value": 2.7, "interval": [2.5, 3], "level": 0.9}
    validator.validate(told)
    for wrong in ({"value": 2.7}, {"value": "2"}, {"value": 2.7, "interval": [2.5, 3], "level": 90}):
        told["parameters"]["scale_factor"] = wrong
        assert not validator.is_valid(told), wrong
