"""`whorl bench training`: whole steps it times, what it says of them, and the other interpreter it asks."""

import json
import sys
from pathlib import Path

import pytest

from model_zoo.cost import training_multiply_adds
from reports.cli import dispatch
from reports.commands import bench_training

SMALL = ("--networks", "edsr-slim", "--batch", "2", "--patch", "8", "--seconds", "0.1")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling is most of the time here, and grows with the depth."""
    monkeypatch.setitem(bench_training.NETWORKS, "edsr-slim", {"architecture": "edsr", "width": 8, "depth": 1})


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in the place of the one that needs PyTorch: twice as long a step as asked seconds."""
    script = tmp_path / "other.py"
    script.write_text(
        "import json, sys\n"
        "task = json.loads(sys.argv[1])\n"
        "seconds = 2 * task['seconds'] * task['batch']\n"
        "print(json.dumps({'median_s': seconds, 'min_s': seconds, 'processor_s': 3 * seconds, **task}))\n"
    )
    monkeypatch.setattr(bench_training, "SCRIPT", script)
    return script


def test_real_steps_are_timed_and_put_beside_those_of_another_interpreter(
    other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(["bench", "training", *SMALL, "--beside", sys.executable, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    (row,) = report["networks"]
    ours, torch = row["ours"], row["torch"]
    assert report["setting"] == {"batch": 2, "patch": 8, "precision": "float32", "scale": 2}
    assert 0 < ours["min_s"] <= ours["median_s"] < 5
    assert ours["patches_per_s"] == pytest.approx(2 * ours["steps_per_s"])
    work = 2 * training_multiply_adds("edsr", width=8, depth=1, scale=2, size=(8, 8), batch=2)
    assert row["flop_per_step"] == work
    assert ours["flop_per_s"] == pytest.approx(work / ours["median_s"])
    assert (torch["architecture"], torch["width"], torch["depth"], torch["precision"]) == ("edsr", 8, 1, "float32")
    assert torch["median_s"] == pytest.approx(0.4)
    assert row["speed_over_torch"] == pytest.approx(0.4 / ours["median_s"])
    assert row["speed_over_torch_by_processor"] == pytest.approx(1.2 / ours["processor_s"])


def test_the_layouts_that_decided_the_plan_can_be_measured_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["bench", "training", *SMALL, "--layouts"]) == 0
    text = capsys.readouterr().out
    assert "edsr-slim       jax" in text
    for way in ("native, 1 a dispatch, 1 in", "native, 10 a", "tuned, 1 a", "tuned, 10 a", "tuned, 1 a dispatch, 3 in"):
        assert way in text


def test_every_listed_network_can_be_counted_and_built() -> None:
    for name in bench_training.NETWORKS:
        assert bench_training._flop(name, 1, 8) > 1_000_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--networks", "vdsr"), "--networks must be of edsr-baseline, rcan-slim, swinir-slim, edsr-slim, got 'vdsr'"),
        ((*SMALL, "--beside", "/nowhere/python"), "/nowhere/python"),
        ((*SMALL, "--beside", sys.executable), "failed on edsr-slim: .*No module named 'nothing_of_that_name'"),
    ],
)
def test_what_goes_wrong_is_said(arguments: tuple[str, ...], message: str, other: Path) -> None:
    other.write_text("import nothing_of_that_name\n")
    with pytest.raises((ValueError, OSError), match=message):
        dispatch(["bench", "training", *arguments])


def test_without_the_source_tree_there_is_nothing_to_put_beside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench_training, "SCRIPT", tmp_path / "missing.py")
    with pytest.raises(FileNotFoundError, match="which only the source tree has"):
        dispatch(["bench", "training", "--beside", sys.executable])
