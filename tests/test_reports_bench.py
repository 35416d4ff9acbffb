"""`whorl bench`: pictures it makes, processes it runs, and what it prints."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reports.commands import bench


def test_a_picture_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        bench.make_picture(tmp_path / name, (64, 32), seed=3)
    pixels = np.asarray(Image.open(tmp_path / "a.png"))
    assert pixels.shape == (32, 64, 3)
    assert pixels.std() > 20
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_cold_process_is_timed_and_weighed() -> None:
    run = bench.run_cold(["--help"])
    assert 0.01 < run.seconds < 60
    assert 1e6 < run.peak_bytes < 1e9


def test_a_failure_is_not_taken_for_speed() -> None:
    with pytest.raises(ValueError, match=r"code 2: attribute: missing\.png: "):
        bench.run_cold(["missing.png"])


def test_the_report_says_where_it_was_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "LARGE", (64, 48))
    monkeypatch.setattr(bench, "SMALL", (32, 32))
    monkeypatch.setattr(bench, "run_cold", lambda arguments: bench.Run(2.0, 5_000_000))
    assert bench.main(["--images", "4", "--runs", "2", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["figures"]["many_small"]["images_per_second"] == 2.0
    assert report["machine"]["cores"] >= 1
    assert bench.main(["--images", "4", "--runs", "1"]) == 0
    assert "2.0 images/s" in capsys.readouterr().out
