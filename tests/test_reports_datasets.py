"""`whorl datasets inspect`: facts for every file, one line for what cannot be read."""

import json
from pathlib import Path

import pytest
from PIL import Image
from reports_fakes import picture

from reports.commands import datasets as command


def test_facts_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture(tmp_path / "a.png")
    Image.new("RGB", (32, 16), "red").save(tmp_path / "b.jpg", quality=90)
    (tmp_path / "c.png").write_text("no picture")
    assert command.main(["inspect", "--json", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    png, jpeg = (json.loads(line) for line in out.splitlines())
    assert (png["format"], png["jpeg"], png["width"], png["height"]) == ("PNG", None, 40, 30)
    assert jpeg["jpeg"]["quality"] == 90
    assert len(jpeg["jpeg"]["tables"][0]) == 64
    assert err.startswith(f"whorl datasets: {tmp_path / 'c.png'}: ")
    assert len(err.splitlines()) == 1


def test_facts_for_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (32, 16)).save(tmp_path / "b.jpg", quality=80)
    assert command.main(["inspect", str(tmp_path / "b.jpg")]) == 0
    out = capsys.readouterr().out
    assert "quality 80" in out
    assert "32 × 16, 8 bit" in out


def test_a_missing_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main([])
    assert left.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
