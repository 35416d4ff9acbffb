"""`whorl fingerprint stress`, `calibration` and `area`: what they print and write, and that mistakes come first."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fingerprint_fakes import saved_reference, texture, written

import datasets
from fingerprint import area, render
from fingerprint import sources as known
from fingerprint import stress as battery
from fingerprint.calibration_measures import RESAMPLES
from fingerprint.reference import load
from fingerprint.stress_kinds import KINDS
from model_zoo import imports
from reports.commands import fingerprint as command
from reports.commands.fingerprint import calibration as calibrating
from reports.stress_figures import draw_stress
from reports.study_tables import share_cell, table, titled, value_cell

PROG = "whorl fingerprint"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_reference(tmp_path_factory.mktemp("reference"))


@pytest.fixture(autouse=True)
def without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> dict:
        raise datasets.DataMissingError("no data")

    monkeypatch.setattr(known, "known_sources", missing)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name in ("alpha-x2", "beta-x3", "original", "stranger-x2"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for seed, photograph in enumerate("pqr"):
            written(tmp_path / "set" / name / f"{photograph}.png", texture(110, 120, seed))
    return tmp_path / "set"


def run(capfd: pytest.CaptureFixture[str], *argv: object) -> tuple[str, str]:
    assert command.main([str(part) for part in argv], PROG) == 0
    return capfd.readouterr()


def refused(match: str, *argv: object) -> None:
    with pytest.raises((ValueError, OSError), match=match) as error:
        command.main([str(part) for part in argv], PROG)
    assert len(str(error.value).splitlines()) == 1


# stress


def test_stress_prints_a_table_a_kind_and_writes_everything(
    folder: Path, pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    further = {"set5": [("original", "z", pictures / "original" / "p.png")]}
    monkeypatch.setattr(battery, "innocent_corpora", lambda: further)
    out_file, figure = tmp_path / "n.json", tmp_path / "n.svg"
    some = ("--reference", folder, "--kinds", "clean", "median", "--photographs", 2, "--sources", "alpha-x2")
    options = (pictures, *some, "--innocents", "--out", out_file)
    out, err = run(capfd, "stress", *options, "--figure", figure)
    assert err.splitlines() == ["clean PNG", "median 3", "median 5"]
    blocks = out.split("\n\n")
    assert [block.splitlines()[0] for block in blocks[:2]] == ["as made, PNG", "median filter"]
    assert [line.split()[0] for line in blocks[1].splitlines()[1:]] == ["STRENGTH", "3", "5"]
    assert "OTHER INNOCENTS ACCUSED" in blocks[0] and blocks[-1].startswith("Shares with their 95 % intervals")
    told = json.loads(out_file.read_text())
    assert told["reference"] == load(folder).identity
    assert (told["sources"], told["photographs"], told["innocents"]) == (
        ["alpha-x2", "original"],
        ["p", "q"],
        {"set5": 1},
    )
    assert (
        told["command"].startswith("whorl fingerprint stress set --reference ") and str(tmp_path) not in told["command"]
    )
    assert told["kinds"]["median"]["strengths"][0]["images"] == 4
    assert figure.read_bytes() == draw_stress(told["kinds"], ".svg")
    # Going on measures only what is missing, and keeps what is there.
    more = (pictures, *some[:2], "--kinds", "grey", *some[5:], "--innocents", "--out", out_file, "--resume")
    out, err = run(capfd, "stress", *more, "--markdown")
    assert err.splitlines() == ["grey BT.601 luma"]
    assert list(json.loads(out_file.read_text())["kinds"]) == ["clean", "median", "grey"]
    assert out.startswith("## as made, PNG\n\n| strength | top-1 |") and "\n| 3 | " in out
    other = (pictures, "--reference", folder, "--kinds", "clean", "--out", out_file, "--resume")
    refused("cannot be resumed: its sources is not this call's", "stress", *other)


def test_stress_refuses_mistakes_before_any_work(folder: Path, pictures: Path, tmp_path: Path) -> None:
    some = (pictures, "--reference", folder)
    refused("--kinds must be one of clean, jpeg, .*, got 'fog'", "stress", *some, "--kinds", "fog")
    refused("sources must be among alpha-x2, .*, got 'nobody'", "stress", *some, "--sources", "nobody")
    refused(r"--figure must end in one of .png .pdf .svg, got 'a.gif'", "stress", *some, "--figure", tmp_path / "a.gif")
    refused("--resume needs --out", "stress", *some, "--resume")
    refused("holds no folder of pictures", "stress", pictures / "original", "--reference", folder)
    (tmp_path / "n.json").write_text("[]")
    refused("holds no results", "stress", *some, "--kinds", "clean", "--out", tmp_path / "n.json", "--resume")


def entry(share: float | None) -> dict[str, Any]:
    return {"share": share, "interval": None if share is None else (share - 0.1, share + 0.1), "images": 10}


def test_every_kind_can_be_drawn() -> None:
    shares = ("top1", "scale", "named_wrong", "inconclusive", "false_accusations")
    kinds = {
        name: {
            "title": kind.title,
            "axis": kind.axis,
            "strengths": [
                {"strength": s.name, "value": s.value, "innocents": None, **dict.fromkeys(shares, entry(0.5))}
                for s in kind.strengths
            ],
        }
        for name, kind in KINDS.items()
    }
    assert draw_stress(kinds).startswith(b"\x89PNG")
    one = {"noise": kinds["noise"]}
    before = draw_stress(one)
    one["noise"]["strengths"][0]["top1"] = entry(None)
    assert draw_stress(one) != before


# calibration


def test_calibration_prints_writes_and_draws(
    folder: Path, pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    figures, out_file = tmp_path / "figures", tmp_path / "n.json"
    some = ("--reference", folder, "--post", "as-is", "--resamples", 5, "--photographs", 2)
    out, err = run(capfd, "calibration", pictures, *some, "--out", out_file, "--figures", figures)
    assert err.splitlines() == ["as-is"]
    blocks = out.split("\n\n")
    assert blocks[0].startswith("Upscaled against not upscaled\nCONDITION") and "BOUNDS" in blocks[0]
    assert blocks[0].splitlines()[2].split()[:3] == ["as-is", "4", "2"]
    assert blocks[1].splitlines()[2].split()[:3] == ["as-is", "4", "12"]
    assert any(block.startswith("Sources that are not enrolled") for block in blocks)
    told = json.loads(out_file.read_text())
    assert (told["folders"], told["pictures"], told["photographs"], told["resamples"]) == (["set"], 8, 2, 5)
    assert told["conditions"]["as-is"]["unknown"]["sources"] == ["stranger-x2"]
    assert [path.name for path in figures.iterdir()] == ["as-is.png"]
    apart = tmp_path / "apart"
    apart.mkdir()
    (pictures / "stranger-x2").rename(apart / "stranger-x2")
    out, _ = run(capfd, "calibration", pictures, "--unknown", apart, *some, "--json")
    again = json.loads(out)
    assert (again["unknown_folders"], again["conditions"]) == (["apart"], told["conditions"])
    out, _ = run(capfd, "calibration", pictures, *some, "--markdown", "--sources", "alpha-x2")
    assert "## Expected calibration error\n\n| condition |" in out and "not enrolled" not in out


def test_photographs_are_resampled_as_often_as_by_the_function() -> None:
    assert calibrating._parser("x").parse_args(["folder"]).resamples == RESAMPLES


def test_calibration_refuses_mistakes_before_any_work(folder: Path, pictures: Path) -> None:
    some = (pictures, "--reference", folder)
    refused(
        "--unknown must hold sources that are not enrolled, got 'alpha-x2'", "calibration", *some, "--unknown", pictures
    )
    refused("--post must be one of as-is, .*, got 'fog'", "calibration", *some, "--post", "fog")
    refused("--figures .*p.png", "calibration", *some, "--figures", pictures / "original" / "p.png")


# area


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [written(tmp_path / f"{name}.png", texture(120, 132, seed)) for seed, name in enumerate("ab")]
    monkeypatch.setattr(datasets, "bsds500", lambda split: SimpleNamespace(paths=paths))
    for module in (area, render):
        monkeypatch.setattr(module, "imported_sources", lambda: ("alpha-x2", "nowhere-x2"))

    def enlarged(pixels: np.ndarray) -> np.ndarray:
        return pixels.repeat(2, axis=0).repeat(2, axis=1)

    monkeypatch.setattr(imports, "load_published", lambda source: SimpleNamespace(scale=2, upscale=enlarged))


@pytest.mark.usefixtures("world")
def test_area_prints_writes_and_draws(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out_file, figure, made = tmp_path / "n.json", tmp_path / "n.png", tmp_path / "made"
    some = (made, "--reference", folder, "--post", "clean", "--sides", 96, "--photographs", 1)
    out, err = run(capfd, "area", *some, "--out", out_file, "--figure", figure)
    # Of the sources that can be made, the reference knows one.
    assert err.splitlines() == ["pictures of alpha-x2", "pictures of original", "clean, 96x96", "clean, whole"]
    titles = [block.splitlines()[0] for block in out.split("\n\n")]
    assert titles[:3] == ["clean: imported networks", "clean: originals", "clean: all"]
    told = json.loads(out_file.read_text())
    assert (told["sources"], told["photographs"]) == (["alpha-x2", "original"], ["a"])
    assert [entry["side"] for entry in told["posts"]["clean"]] == [96, None]
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in made.iterdir()) == ["alpha-x2", "original"]
    out, _ = run(capfd, "area", *some, "--sources", "bicubic-x2-pil", "--markdown")
    assert out.startswith("## clean: kernels\n\n| side | area |") and "\n| whole | 15,840 |" in out
    refused(
        "--sources must be one of alpha-x2, nowhere-x2, bicubic-x2-pil, .*, got 'x'", "area", *some, "--sources", "x"
    )


# tables


def test_cells_and_tables() -> None:
    assert share_cell(entry(0.5)) == "0.500 (0.400–0.600)"
    assert (share_cell(entry(None)), share_cell(None), value_cell(2.0)) == ("-", "-", "2.000")
    assert table(["a", "b"], [["x|y", "1"]], markdown=True) == "| a | b |\n| --- | ---: |\n| x\\|y | 1 |"
    assert table(["a", "b"], [["x", "1"]], markdown=False) == "A  B\nx  1"
    assert titled("t", "body", markdown=True) == "## t\n\nbody"
