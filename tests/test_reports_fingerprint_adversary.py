"""`whorl fingerprint adversary`: what it prints and writes, and that mistakes come before any work."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fingerprint_fakes import saved_reference, texture

from fingerprint.adversary import bench, defences, trials
from fingerprint.adversary.subjects import Subject
from fingerprint.reference import load
from reports.adversary_figures import draw_verdicts
from reports.adversary_tables import attack_words, tables
from reports.commands import fingerprint as command

PROG = "whorl fingerprint"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_reference(tmp_path_factory.mktemp("reference"))


@pytest.fixture(autouse=True)
def subjects(monkeypatch: pytest.MonkeyPatch) -> list[Subject]:
    names = (("alpha-x2", "p"), ("gamma-x4", "p"), ("original", "r"))
    made = [Subject(name, photograph, texture(96, 96, k)) for k, (name, photograph) in enumerate(names)]
    monkeypatch.setattr(bench, "subjects_of", lambda plan: made)
    return made


def refused(match: str, *argv: object) -> None:
    with pytest.raises((ValueError, OSError), match=match) as error:
        command.main(["adversary", *map(str, argv)], PROG)
    assert len(str(error.value).splitlines()) == 1


def test_it_prints_tables_writes_everything_and_goes_on(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(defences, "LOOKS", 1)
    files = dict(zip(("--out", "--markdown", "--figure"), ("numbers.json", "tables.md", "bars.svg"), strict=True))
    call = {"--reference": folder, "--work": tmp_path / "work", "--sources": "alpha-x2", "--targets": "beta-x3"}
    call |= {"--attacks": "median", "--photographs": 1, "--keep": tmp_path / "kept"}
    call |= {option: tmp_path / name for option, name in files.items()}
    given = [str(part) for pair in call.items() for part in pair]
    assert command.main(["adversary", *given], PROG) == 0
    out, err = capfd.readouterr()
    assert err.splitlines() == ["untouched", "jpeg 96", "jpeg 90", "median 3x3"]
    for title in ("Removal", "Photographs that were never upscaled", "Defences: wrong verdicts", "Defences: right"):
        assert title in out
    text = (tmp_path / "numbers.json").read_text()
    told = json.loads(text)
    assert told["reference"] == load(folder).identity and str(tmp_path) not in text
    assert (told["sources"], told["targets"], told["steps"]) == (["alpha-x2"], ["beta-x3"], 20)
    assert (told["photographs"], told["innocents"]) == (["p"], ["r"])
    assert [row["images"] for row in told["rows"]] == [2, 1] * 3 + [2]
    markdown = (tmp_path / "tables.md").read_text()
    assert markdown.startswith(f"`{told['command']}`") and "| median 3x3 | 2 |" in markdown
    assert (tmp_path / "bars.svg").read_bytes().startswith(b"<?xml")
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"untouched", "jpeg-96", "jpeg-90", "median-3x3"}
    monkeypatch.setattr(bench, "_Tester", lambda *args: pytest.fail("work began"))
    assert command.main(["adversary", *given, "--resume", "--json"], PROG) == 0
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 1 and json.loads(out)["rows"] == told["rows"] and not err
    refused("--out .* cannot be resumed: its steps is not this call's", *given, "--resume", "--steps", 3)
    (tmp_path / "numbers.json").write_text("{}")
    refused("--out .* holds no results that --resume could go on from", *given, "--resume")


def test_mistakes_come_first(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ("--reference", folder, "--work", tmp_path, "--targets", "beta-x3")
    monkeypatch.setattr(bench, "run", lambda *args: pytest.fail("work began"))
    refused("--attacks must be one of recompress, .*, got 'magic'", *call, "--attacks", "magic")
    refused("--targets must be one of alpha-x2, .*, got 'nobody'", *call, "--targets", "nobody")
    refused("--markdown must end in .md", *call, "--markdown", tmp_path / "tables.txt")
    refused("--figure must end in one of .png .pdf .svg", *call, "--figure", tmp_path / "bars.gif")
    refused("--resume needs --out", *call, "--resume")
    refused("--out must be a file in a folder that exists", *call, "--out", tmp_path / "nowhere" / "numbers.json")
    monkeypatch.setattr(trials, "find_spec", lambda name: None)
    refused("--attacks non-local-means needs the package scikit-image", *call, "--attacks", "non-local-means")
    monkeypatch.setattr(trials, "runnable", lambda: frozenset())
    refused("targets must name a network that can be run here for remake, got beta-x3", *call, "--attacks", "remake")


def _share(value: float) -> dict:
    return {"share": value, "interval": [value, value], "images": 4}


def _row(kind: str, target: str | None = None, psnr: float | None = 41.25) -> dict:
    verdicts = dict.fromkeys(bench.VERDICTS, _share(0.0)) | {"right_name": _share(0.25), "wrong_name": _share(0.75)}
    means = {"before": 2.0, "after": -1.5}
    sides = {name: _share(value) for name, value in (("right", 0.25), ("wrong", 0.75), ("inconclusive", 0.0))}
    return {
        "attack": "forge-blend" if target else "median", "strength": "half", "target": target, "pictures": kind,
        "images": 4, "photographs": 2, "psnr": psnr, "ssim": 0.987, "verdicts": verdicts,
        "named_target": target and _share(0.75), "log10_lr_upscaled": means, "log10_lr_source": means,
        "log10_lr_target": target and means, "defences": dict.fromkeys(bench.DEFENCES, sides),
    }  # fmt: skip


def test_tables_show_every_row_where_it_belongs() -> None:
    rows = [_row("upscaled", psnr=None), _row("upscaled", "a|b"), _row("innocent", "a|b")]
    text = tables(rows, True)
    removal, forgery, innocent, wrong, right = text.split("\n\n## ")
    assert "| median half | 4 | - | 0.987 | 0.25 (0.25–0.25) | 0.75 (0.75–0.75) | 2.0 → -1.5 |" in removal
    assert "| forge-blend half as a\\|b | 4 | 41.2 |" in forgery and "named target" in forgery
    assert "inconclusive" not in removal.splitlines()[2]  # nowhere given
    assert innocent.count("forge-blend") == 1 and wrong.count("| upscaled |") == 2
    assert "0.75 (0.75–0.75)" in wrong and "0.25 (0.25–0.25)" in right
    assert "Forgery" not in tables(rows[:1], False)
    assert attack_words(rows[1]) == "forge-blend half as a|b"


def test_the_figure_is_the_same_twice_and_needs_its_suffix() -> None:
    rows = [_row("upscaled"), _row("innocent", "beta-x3", None)]
    one, same = (draw_verdicts(rows, ".png") for _ in range(2))
    assert one == same and one.startswith(b"\x89PNG")
    assert draw_verdicts(rows[:1], ".png") != one
    with pytest.raises(ValueError, match="suffix must be one of"):
        draw_verdicts(rows, ".gif")


def test_help_needs_nothing_heavy() -> None:
    entry = "import sys; from reports.cli import whorl_main; sys.exit(whorl_main())"
    call = [sys.executable, "-X", "importtime", "-c", entry, "fingerprint", "adversary", "--help"]
    done = subprocess.run(call, capture_output=True, timeout=60, check=True, text=True)
    assert "--photographs" in done.stdout
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "reports.commands.fingerprint.common" in imported  # which the command imports
    assert not {"numpy", "jax", "PIL", "fingerprint"} & imported
