"""`whorl zoo distill`, as a user calls it."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from model_zoo import Progress
from reports.commands.zoo import main


def tree(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.slow
def test_smoke_needs_no_data_and_writes_to_a_temporary_folder_only(tmp_path):
    code = "import sys\nfrom reports.cli import whorl_main\nsys.exit(whorl_main())"
    here, room = tmp_path / "here", tmp_path / "room"
    here.mkdir()
    room.mkdir()
    settings = {k: v for k, v in os.environ.items() if k != "WHORL_DATA"}
    settings |= {"TMPDIR": str(room), "HOME": str(here), "PYTHONPATH": str(Path(__file__).parent.parent)}
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code, "zoo", "distill", "--smoke"],
        cwd=here, env=settings, capture_output=True, text=True, timeout=550, check=False,
    )  # fmt: skip
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    # Processor time on two cores: other tests may be running there.
    assert used.ru_utime + used.ru_stime - begun.ru_utime - begun.ru_stime < 2 * 90
    told = re.findall(r"^(teacher|student): loss (\S+) at first, (\S+) at last \(40 steps\)$", done.stdout, re.M)
    assert [name for name, _, _ in told] == ["teacher", "student"] and len(done.stdout.splitlines()) == 2
    assert all(float(last) < float(first) for _, first, last in told)
    assert not list(here.iterdir()) and not list(room.iterdir())


def test_smoke_fails_where_a_loss_does_not_fall(monkeypatch, capsys):
    def train_student(config, root, report):
        for stage, losses in (("teacher", (0.3, 0.1)), ("student", (0.2, 0.2))):
            for step, loss in zip((5, 40), losses, strict=True):
                report(stage, Progress(step, 40, loss))

    monkeypatch.setattr("model_zoo.distillation.runs.train_student", train_student)
    assert main(["distill", "--smoke"], "whorl zoo") == 1
    said, complained = capsys.readouterr()
    assert said.splitlines()[1] == "student: loss 0.20000 at first, 0.20000 at last (40 steps)"
    assert complained == "whorl zoo distill: the student's loss did not fall\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--smoke", "--scale", "2"], "--smoke takes no other options"),
        (["--method", "output"], "teacher must be given for method output"),
        (["--method", "magic"], "magic"),
    ],
)
def test_a_mistake_is_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(["distill", *arguments], "whorl zoo")
    except ValueError as error:  # told by the entry point, in one line
        assert message in str(error)
        return
    said, complained = capsys.readouterr()
    assert code == 2 and not said and message in complained and len(complained.splitlines()) == 1
    assert not list(tmp_path.iterdir())
