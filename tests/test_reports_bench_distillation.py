"""`whorl bench distillation`: both steps, every way."""

import json
import sys

import pytest

from reports.cli import dispatch
from reports.commands import bench_distillation

SMALL = ("--batch", "2", "--patch", "6", "--steps", "2", "--seconds", "0.05")


@pytest.fixture
def other(tmp_path, monkeypatch):
    """A script in the place of the one that needs PyTorch."""
    script = tmp_path / "other.py"
    script.write_text(
        "import json, sys\n"
        "task = json.loads(sys.argv[1])\n"
        "print(json.dumps({'median_s': 2.0, 'min_s': 1.0, 'processor_s': 3.0, **task}))\n"
    )
    monkeypatch.setattr(bench_distillation, "SCRIPT", script)


def test_both_steps_are_timed_as_one_program_as_a_loop_and_elsewhere(other, capsys):
    assert dispatch(["bench", "distillation", *SMALL, "--beside", sys.executable, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["setting"] == {"scale": 2, "batch": 2, "patch": 6, "steps": 2}
    assert list(report["stages"]) == ["teacher", "student"]
    for stage, ways in report["stages"].items():
        assert list(ways) == ["one program", "python loop", "pytorch"]
        one, loop, torch = ways.values()
        assert (one["steps_per_dispatch"], loop["steps_per_dispatch"]) == (2, 1)
        assert one["speed"] == 1 and torch["speed"] == pytest.approx(one["median_s"] / 2, abs=1e-4)
        assert loop["speed"] == pytest.approx(one["median_s"] / loop["median_s"], abs=1e-4)
        assert torch["stage"] == stage and torch["scale"] == 2


def test_the_text_says_how_much_faster(capsys):
    way = {"median_s": 0.01, "min_s": 0.01, "processor_s": 0.02}
    report = {
        "machine": {"processor": "Abacus", "cores": 2, "versions": {"jax": "1"}},
        "device": {"platform": "cpu", "kind": "cpu"},
        "setting": {"scale": 2, "batch": 2, "patch": 6, "steps": 2},
        "stages": {"teacher": {"one program": way | {"speed": 1.0}, "pytorch": way | {"median_s": 0.02, "speed": 0.5}}},
    }
    text = "\n".join(bench_distillation.lines(report))
    assert "Abacus, 2 cores; jax 1" in text and "2.00" in text.splitlines()[-1]


def test_an_interpreter_that_fails_is_named(tmp_path, monkeypatch):
    script = tmp_path / "other.py"
    script.write_text("raise SystemExit('no torch here')\n")
    monkeypatch.setattr(bench_distillation, "SCRIPT", script)
    with pytest.raises(ValueError, match="failed on the teacher: no torch here"):
        bench_distillation._beside(sys.executable, "teacher", {"scale": 2, "batch": 2, "patch": 6}, 0.1)
