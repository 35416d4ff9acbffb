import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_zoo.claims import claim, finished
from model_zoo.config import TrainConfig
from model_zoo.manifests import find_manifest, read_manifest
from model_zoo.sweep_run import Outcome, run_sweep, survey
from model_zoo.sweeps import Sweep, folder_name, read_sweep
from reports.commands.zoo import main
from reports.sweep_progress import Forecast, SweepProgress, clock, line

TINY = """
[defaults]
architecture = "fsrcnn"
data = "dir:{folder}/photos"
width = 4
depth = 1
steps = 60
batch = 2
patch = 6
log_every = 1
checkpoint_every = 10
"""


@pytest.fixture
def sweep_file(tmp_path, monkeypatch):
    """Writes a sweep of tiny networks beside a picture to train on; there is no benchmark to score them on."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "data").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photos" / "1.png")
    monkeypatch.setenv("WHORL_DATA", str(tmp_path / "data"))

    def write(text):
        path = tmp_path / "tiny.toml"
        path.write_text(TINY + text)
        return path

    return write


def start(*arguments):
    """Starts the command as a process group of its own."""
    code = "import sys\nfrom reports.cli import whorl_main\nsys.exit(whorl_main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, "zoo", "sweep", *map(str, arguments)],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, seconds=200):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.01)


def finish(process, code=0):
    said, complained = process.communicate(timeout=550)
    assert process.returncode == code, complained
    return said, complained.splitlines()


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def weights(runs):
    return {path.name: path.read_bytes() for path in runs.glob("*/*.safetensors")}


@pytest.mark.slow
def test_smoke_takes_less_than_a_minute(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WHORL_DATA", str(tmp_path))  # no benchmark: its pictures would be most of the work
    begun = children_seconds()
    said, lines = finish(start("smoke.toml", "--runs", tmp_path / "runs", "--jobs", 2, "--json"))
    assert children_seconds() - begun < 2 * 60  # of processor time: other tests may be running on the two cores
    runs = json.loads(said)
    assert [run["state"] for run in runs] == ["trained"] * len(runs) and len(lines) == len(runs)
    assert {run["architecture"] for run in runs} == {"edsr", "rdn", "rcan", "swinir", "nlsn"}
    child = next(run for run in runs if "gan" in run["loss"])
    assert child["warm_start"] == Path(runs[0]["weights"]).parent.name
    for run in runs:
        assert read_manifest(find_manifest(run["weights"])).run == run["run"]
    assert main(["sweep", "smoke", "--runs", str(tmp_path / "runs")], "whorl zoo") == 0
    assert capsys.readouterr() == (f"smoke: {len(runs)} runs: {len(runs)} there already\n", "")


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_two_share_the_work(sweep_file, tmp_path):
    path, runs = sweep_file("[[grid]]\nseed = [1, 2, 3]\n"), tmp_path / "runs"
    killed = start(path, "--runs", runs)
    wait_for(lambda: list(runs.glob("*/checkpoints/10")))
    worker = json.loads(next((runs / ".locks").glob("*-s1-*.lock")).read_text())["pid"]
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    wait_for(lambda: not Path(f"/proc/{worker}").exists(), seconds=30)  # its worker ends with it
    assert not weights(runs)
    pair = [start(path, "--runs", runs), start(path, "--runs", runs)]
    straight = start(path, "--runs", tmp_path / "straight")
    said = [finish(process) for process in pair]
    trained = [entry.split()[0] for _, lines in said for entry in lines if " trained in " in entry]
    assert sorted(trained) == [f"tiny-fsrcnn-x2-l1-photos-s{seed}" for seed in (1, 2, 3)]  # each by one of the two
    assert all(text.startswith("tiny: 3 runs: ") for text, _ in said)
    finish(straight)
    assert weights(runs) == weights(tmp_path / "straight") and len(weights(runs)) == 3


@pytest.mark.slow
def test_a_failed_run_takes_its_children_with_it_and_no_other(sweep_file, tmp_path, capsys):
    path = sweep_file(
        """
        [loss.wild]
        loss = "l2"
        learning_rate = 1e30
        [loss.fft]
        warm_start = "wild"
        [[grid]]
        steps = 5
        loss = ["wild", "fft", "l1"]
        """
    )
    arguments = ["sweep", str(path), "--runs", str(tmp_path / "runs")]
    assert main([*arguments, "--json"], "whorl zoo") == 2
    said = capsys.readouterr()
    runs = {run["name"].split("-")[3]: run for run in json.loads(said.out)}
    assert {name: run["state"] for name, run in runs.items()} == {"wild": "failed", "fft": "skipped", "l1": "trained"}
    assert "is not finite" in runs["wild"]["reason"]
    assert runs["fft"]["reason"] == "it starts from tiny-fsrcnn-x2-wild-photos-s0, which failed"
    assert said.err.count("\n") == 3
    assert main([*arguments, "--no-keep-going"], "whorl zoo") == 2
    assert capsys.readouterr().out == "tiny: 3 runs: 1 there already, 1 failed, 1 skipped\n"


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_its_run_alone(sweep_file, tmp_path):
    path, runs = sweep_file("[[grid]]\nseed = [1, 2]\n[[when]]\nmatch.seed = 1\nset.steps = 100_000\n"), tmp_path / "r"
    seen = []

    def report(outcome):
        seen.append((outcome.run.seed, outcome.state))
        if outcome.run.seed == 1 and outcome.state == "active" and outcome.step:
            lock = next((runs / ".locks").glob("*-s1-*.lock"))
            os.kill(json.loads(lock.read_text())["pid"], signal.SIGKILL)

    first, second = run_sweep(read_sweep(path), runs, report=report)
    assert (first.state, second.state) == ("failed", "trained")
    assert first.reason.startswith("the worker ended with signal 9")
    assert seen[-1] == (2, "trained") and second.manifest is not None and second.seconds


def test_what_is_being_trained_elsewhere_is_waited_for(sweep_file, tmp_path):
    run = read_sweep(sweep_file("[[grid]]\nseed = 1\n")).runs[0]
    with claim(run, tmp_path / "runs") as first:
        assert first
        with claim(run, tmp_path / "runs") as second:
            assert not second
    with claim(run, tmp_path / "runs") as again:
        assert again
    assert finished(run, tmp_path / "runs") is None


def test_what_lies_there_counts_only_if_it_is_whole_and_the_same_run(sweep_file, tmp_path):
    run = read_sweep(sweep_file("[[grid]]\nseed = 1\n")).runs[0]
    folder = tmp_path / folder_name(run)
    folder.mkdir()
    shipped = json.loads(find_manifest("whorl-fsrcnn-x2").read_text())
    manifest = folder / f"{run.name}.json"
    manifest.write_text(json.dumps(shipped | {"name": run.name, "run": run.run_id()}))
    assert finished(run, tmp_path) is None  # no weights
    manifest.with_suffix(".safetensors").write_bytes(b"")
    assert finished(run, tmp_path) is not None
    assert [outcome.state for outcome in survey(Sweep("x", (run,)), tmp_path)] == ["there"]
    manifest.write_text(json.dumps(shipped | {"name": run.name, "run": "0" * 16}))
    assert finished(run, tmp_path) is None
    manifest.write_text("{")
    assert finished(run, tmp_path) is None


def test_dry_run_shows_what_would_be_trained(sweep_file, tmp_path, capsys):
    path = sweep_file('[loss.l2]\nwarm_start = "l1"\n[[grid]]\nloss = ["l2", "l1"]\n')
    runs = read_sweep(path).runs
    assert main(["sweep", str(path), "--dry-run", "--runs", str(tmp_path / "runs")], "whorl zoo") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"missing  tiny-fsrcnn-x2-l1-photos-s0  {runs[0].run_id()}  60 steps"
    assert lines[1].endswith(f"60 steps  from {folder_name(runs[0])}")
    assert lines[2] == "tiny: 2 runs: 2 missing"
    assert not (tmp_path / "runs").exists()
    assert main(["sweep", str(path), "--dry-run", "--json", "--shard", "2/2"], "whorl zoo") == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(("name", "least"), [("reference", 96), ("paper.toml", 180)])
def test_shipped_sweeps_can_be_looked_at(capsys, tmp_path, name, least):
    assert main(["sweep", name, "--dry-run", "--json", "--runs", str(tmp_path)], "whorl zoo") == 0
    runs = json.loads(capsys.readouterr().out)
    assert len(runs) >= least and all(run["state"] == "missing" for run in runs)
    names = [f"{run['name']}-{run['run']}" for run in runs]
    assert len(set(names)) == len(runs) == len({run["name"] for run in runs})
    for place, run in enumerate(runs):
        assert run["warm_start"] is None or run["warm_start"] in names[:place]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shard", "3/2"], "'3/2' is not I/N"),
        (["--shard", "x"], "'x' is not I/N"),
        (["--jobs", "0"], "'0' is not a whole number above 0"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        main(["sweep", "smoke", *arguments], "whorl zoo")
    said = capsys.readouterr()
    assert end.value.code == 2 and said.out == "" and said.err.count("\n") == 1 and message in said.err


def test_a_sweep_that_does_not_exist_is_refused():
    with pytest.raises(
        ValueError,
        match="sweep must be a TOML file or one of finetunes, paper, pisr, reference, released, smoke, standins, "
        "students, got 'x.toml'",
    ):
        main(["sweep", "x.toml"], "whorl zoo")


def config(**changes):
    return TrainConfig(**({"name": "a", "architecture": "fsrcnn", "steps": 100} | changes))


class TestForecast:
    def test_knows_nothing_before_two_looks_at_one_run(self):
        forecast, run = Forecast(), config()
        assert forecast.left([run], 1) is None
        forecast.hear(Outcome(run, "active", step=10), now=5.0)
        assert forecast.left([run], 1) is None

    def test_leaves_compilation_out_and_shares_among_jobs(self):
        forecast, run = Forecast(), config()
        forecast.hear(Outcome(run, "active", step=10), now=100.0)
        forecast.hear(Outcome(run, "active", step=30), now=104.0)  # 0.2 s a step
        assert forecast.left([run], 1) == pytest.approx(70 * 0.2)
        others = [config(seed=seed) for seed in (1, 2)]
        assert forecast.left([run, *others], 2) == pytest.approx((70 + 200) * 0.2 / 2)

    def test_adds_what_runs_take_beside_their_steps(self):
        forecast, run = Forecast(), config(log_every=10)
        for step, now in ((10, 6.0), (100, 15.0)):  # 0.1 s a step
            forecast.hear(Outcome(run, "active", step=step), now=now)
        forecast.hear(Outcome(run, "trained", step=100, seconds=25.0), now=25.0)
        assert forecast.left([config(seed=1)], 1) == pytest.approx(10 + 15)
        resumed = config(seed=2, log_every=10)
        for step, now in ((60, 6.0), (100, 10.0)):
            forecast.hear(Outcome(resumed, "active", step=step), now=now)
        forecast.hear(Outcome(resumed, "trained", step=100, seconds=11.0), now=11.0)
        assert forecast.left([config(seed=1)], 1) == pytest.approx(10 + 15)

    def test_takes_unknown_kinds_for_the_mean_of_their_architecture_or_of_all(self):
        forecast = Forecast()
        for run, pace in ((config(), 0.1), (config(width=8), 0.3), (config(architecture="edsr"), 1.1)):
            forecast.hear(Outcome(run, "active", step=1), now=0.0)
            forecast.hear(Outcome(run, "active", step=100), now=99 * pace)
        assert forecast.left([config(width=9)], 1) == pytest.approx(100 * 0.2)
        assert forecast.left([config(architecture="rcan")], 1) == pytest.approx(100 * 0.5)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (725, "12 min 5 s"), (12000, "3 h 20 min")]
)
def test_durations_are_short(seconds, text):
    assert clock(seconds) == text


def test_progress_is_a_line_for_each_run_that_ends(capsys):
    runs = tuple(config(seed=seed) for seed in range(3))
    manifest = read_manifest(find_manifest("whorl-fsrcnn-x2"))
    with SweepProgress(Sweep("x", runs), 1) as progress:
        progress.report(Outcome(runs[0], "there", manifest=manifest))
        progress.report(Outcome(runs[1], "active", step=3, loss=0.1))
        progress.report(Outcome(runs[1], "trained", seconds=65.0, manifest=manifest))
        progress.report(Outcome(runs[2], "failed", "no\nluck", seconds=1.0))
    assert capsys.readouterr() == ("", "a trained in 1 min 5 s Set5 36.52 dB\na failed in 1 s: no\\nluck\n")
    assert line(Outcome(runs[0], "skipped", "why")) == "a skipped: why"


def test_bars_show_runs_and_the_time_left(monkeypatch):
    runs = tuple(config(name=f"run-{seed}", seed=seed) for seed in range(2))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with SweepProgress(Sweep("x", runs), 1) as progress:
        bars = progress._bars
        progress.report(Outcome(runs[0], "active"))
        assert [task.description for task in bars.tasks] == ["all runs", "run-0"]
        progress.report(Outcome(runs[0], "active", step=10, loss=0.5))
        assert bars.tasks[0].fields["note"] == ""
        progress.report(Outcome(runs[0], "active", step=20, loss=0.25))
        assert bars.tasks[1].completed == 20 and bars.tasks[1].fields["note"] == "loss 0.25000"
        assert bars.tasks[0].fields["note"].endswith(" left")
        progress.report(Outcome(runs[0], "trained", seconds=3.0))
        assert [task.description for task in bars.tasks] == ["all runs"] and bars.tasks[0].completed == 1
