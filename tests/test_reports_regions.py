"""Parts of pictures on the command line: one line each in the terminal, `--figure`, and the commands that measure."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fingerprint_fakes import saved_reference, texture, written
from reports_fakes import EVIDENCE, fake, picture, result_for

from fingerprint import composites as making
from fingerprint import fit_regions, localisation
from fingerprint.localiser import read_calibrations, write_calibrations
from fingerprint.reference import load
from fingerprint.regions import TileCalibration
from fingerprint.result import Candidate, Region, RegionMap
from reports.commands import attribute
from reports.commands import fingerprint as command
from reports.terminal import console_for, render

PLAIN = TileCalibration(1.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 1.5, 1.5)
MADE = Region("upscaled", (64, 32, 160, 128), 20480, 2.1, Candidate("rlfn-x4", 0.93, 3.0))
LEFT = Region("upscaled", (320, 32, 96, 96), 9216, 1.0)


def shown(*found: Region) -> list[str]:
    regions = RegionMap(32, ((1.0,),), ((1,),), found)
    stream = io.StringIO()
    console_for(stream).print(render(replace(result_for(EVIDENCE, "inconclusive"), regions=regions)))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_each_part_is_one_line() -> None:
    lines = shown(MADE, LEFT)
    assert lines[1] == "  INCONCLUSIVE: only a part of this image was upscaled"
    start = next(k for k, line in enumerate(lines) if line.startswith("  part "))
    assert lines[start + 1 : start + 4] == [
        "  upscaled   160 × 128 at column 64, row 32      +2.10   rlfn-x4 (0.930)",
        "  upscaled   96 × 96 at column 320, row 32       +1.00   not known",
        "",
    ]


def test_a_map_without_parts_is_not_printed() -> None:
    lines = shown()
    assert not any(line.startswith("  part ") for line in lines)
    assert "only a part" not in lines[1]


def test_an_untouched_part_has_no_source() -> None:
    lines = shown(replace(MADE, kind="not_upscaled", log10_lr=-1.5, source=None))
    assert "  not upscaled   160 × 128 at column 64, row 32      -1.50" in lines


# attribute --figure


def refused(match: str, *argv: object) -> None:
    with pytest.raises(ValueError, match=match) as error:
        attribute.main([str(part) for part in argv], "attribute", fake())
    assert len(str(error.value).splitlines()) == 1


def test_a_figure_is_of_one_picture_and_never_the_picture_itself(tmp_path: Path) -> None:
    one, other = picture(tmp_path / "a.png"), picture(tmp_path / "b.png")
    refused("--figure draws one image, got 2", "--figure", tmp_path / "c.png", one, other)
    refused("--figure draws one image, got 2", "--figure", tmp_path / "c.png", tmp_path)
    refused("--figure must end in one of .png .pdf .svg", "--figure", tmp_path / "c.gif", one)
    refused("there is no folder", "--figure", tmp_path / "no" / "c.png", one)
    refused("is the picture itself", "--figure", one, one)


def test_the_figure_is_written_beside_the_answer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = saved_reference(tmp_path / "reference")
    never = replace(PLAIN, least_upscaled=99.0, least_untouched=99.0)
    write_calibrations(folder, load(folder).identity, dict.fromkeys(load(folder).experts, never), {})
    path = written(tmp_path / "a.png", texture(300, 400))
    plain = attribute.main(["--json", "--reference", str(folder), str(path)])
    expected = json.loads(capfd.readouterr().out)
    assert expected["regions"] is None
    assert attribute.main(["--json", "--regions", "--reference", str(folder), str(path)]) == plain
    mapped = capfd.readouterr().out
    regions = json.loads(mapped)["regions"]
    assert (regions["rows"], regions["columns"], regions["found"]) == (10, 13, [])
    assert {**json.loads(mapped), "regions": None} == expected
    out = tmp_path / "map.svg"
    assert attribute.main(["--json", "--reference", str(folder), "--figure", str(out), str(path)]) == plain
    told = capfd.readouterr()
    assert (told.out, told.err) == (mapped, "")  # a figure shows the map of --regions
    assert "evidence for upscaling" in out.read_text() or out.stat().st_size > 10_000  # letters may be drawn as paths


def test_a_picture_that_is_too_small_for_a_map_has_a_figure_that_says_so(tmp_path: Path) -> None:
    folder, out = saved_reference(tmp_path / "reference"), tmp_path / "map.png"
    path = written(tmp_path / "a.png", texture(60, 400))
    assert attribute.main(["--reference", str(folder), "--figure", str(out), str(path)]) == 1
    assert out.read_bytes().startswith(b"\x89PNG")


# whorl fingerprint composites, fit-regions


def run(*argv: object) -> int:
    return command.main([str(part) for part in argv], "whorl fingerprint")


@pytest.mark.data("bsds500", "published", "set14")
def test_composites_are_counted_in_tables_and_a_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "networks", lambda: ("whorl-fsrcnn-x2",))
    folder, out = saved_reference(tmp_path / "reference"), tmp_path / "n.json"
    write_calibrations(folder, load(folder).identity, dict.fromkeys(load(folder).experts, PLAIN), {})
    argv = ("composites", "--reference", folder, "--work", tmp_path, "--every", 60, "--side", 128, "--post", "jpeg90")
    assert run(*argv, "--out", out) == 0
    patches, wholes = capfd.readouterr().out.split("\n\n")
    assert [line.split()[:4] for line in patches.splitlines()[1:]] == [
        ["jpeg90", "untouched", "128", "2"], ["jpeg90", "upscaled", "128", "2"],
    ]  # fmt: skip
    assert [line.split()[:3] for line in wholes.splitlines()[1:]] == [
        ["jpeg90", kind, "2"] for kind in ("photograph", "spliced", "upscaled")
    ]
    report = json.loads(out.read_text())
    assert (report["photographs"], report["sides"]) == (2, [128])
    assert report["reference"] == load(folder).identity
    assert all(0 <= row["auroc"] <= 1 and row["iou"] <= row["found"] for row in report["composites"] if "iou" in row)


def test_composites_need_a_calibration_of_this_reference(tmp_path: Path) -> None:
    folder = saved_reference(tmp_path / "reference")
    with pytest.raises(ValueError, match="has no regions.json that belongs to it: run `fit-regions` first"):
        run("composites", "--reference", folder, "--work", tmp_path)
    write_calibrations(folder, "sha256:another", dict.fromkeys(load(folder).experts, PLAIN), {})
    with pytest.raises(ValueError, match="run `fit-regions` first"):
        run("composites", "--reference", folder, "--work", tmp_path)


def test_fit_regions_writes_beside_the_reference(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved_reference(tmp_path / "reference")
    card = {
        "colour.clean": {
            "tiles": {"upscaled": 60, "photograph": 40},
            "auroc": 0.9,
            "cllr": 0.3,
            "pictures": {"photograph": {"pictures": 5, "looked_at_closely": 2, "false_regions": 1}},
        }
    }
    asked: list[Any] = []

    def fitted(pictures: Any, folds: Path, step: Any, advance: Any) -> Any:
        asked.append(folds)
        return {("colour", "clean"): PLAIN}, card

    monkeypatch.setattr(fit_regions, "fit_regions", fitted)
    monkeypatch.setattr(fit_regions, "wholes", lambda work, every: [])
    assert run("fit-regions", "--folds", tmp_path, "--reference", folder, "--work", tmp_path / "work") == 0
    out = capfd.readouterr().out
    assert out.splitlines()[0] == str(folder / "regions.json")
    assert out.splitlines()[-1].split() == ["clean,", "colour", "100", "0.900", "0.300", "5", "2", "1"]
    assert asked == [tmp_path]
    assert read_calibrations(folder, load(folder).identity) == {("colour", "clean"): PLAIN}


def test_posts_that_change_the_size_cannot_be_measured(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="post must be one of"):
        list(localisation.located([], "as-is", lambda name: None, tmp_path))  # type: ignore[arg-type, return-value]
