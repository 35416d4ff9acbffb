"""The progress of a sweep on standard error: bars on a terminal, else a line for each run that ends."""

import sys
import time
from collections.abc import Hashable
from typing import Any

from model_zoo.config import TrainConfig
from model_zoo.sweep_run import Outcome
from model_zoo.sweeps import Sweep
from reports.commandline import printable


class SweepProgress:
    """Shows how far a sweep is.

    Args:
        sweep: The sweep.
        jobs: How many runs are trained at once.
    """

    def __init__(self, sweep: Sweep, jobs: int) -> None:
        self._left = {run.run_id(): run for run in sweep.runs}
        self._forecast, self._jobs, self._count = Forecast(), jobs, len(sweep.runs)
        self._tasks: dict[str, Any] = {}
        self._bars: Any = _bars() if sys.stderr.isatty() else None

    def __enter__(self) -> "SweepProgress":
        """Show the overall bar."""
        if self._bars is not None:
            self._bars.start()
            self._overall = self._bars.add_task("all runs", total=self._count, note="")
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bars as they are."""
        if self._bars is not None:
            self._bars.stop()

    def report(self, outcome: Outcome) -> None:
        """Show what has become of a run."""
        key = outcome.run.run_id()
        self._forecast.hear(outcome)
        if outcome.state not in ("active", "missing"):
            self._left.pop(key, None)
        if self._bars is not None:
            self._draw(outcome, key)
        elif outcome.state in ("trained", "failed", "skipped"):
            sys.stderr.write(f"{line(outcome)}\n")
            sys.stderr.flush()

    def _draw(self, outcome: Outcome, key: str) -> None:
        if outcome.state == "active":
            if key not in self._tasks:
                self._tasks[key] = self._bars.add_task(outcome.run.name, total=outcome.run.steps, note="starting")
            note = "starting" if outcome.loss is None else f"loss {outcome.loss:.5f}"
            self._bars.update(self._tasks[key], completed=outcome.step, note=note)
        else:
            if key in self._tasks:
                self._bars.remove_task(self._tasks.pop(key))
            if outcome.state in ("trained", "failed", "skipped"):
                self._bars.console.print(line(outcome), markup=False, highlight=False)
        seconds = self._forecast.left(list(self._left.values()), self._jobs)
        note = "" if seconds is None else f"about {clock(seconds)} left"
        self._bars.update(self._overall, completed=self._count - len(self._left), note=note)


class Forecast:
    """Estimates how long runs take from how long steps of like runs have taken.

    Runs are alike if they train one kind of network with one loss, batch and patch. A kind that has not been seen yet
    is taken to be as fast as the mean of its architecture's kinds, or else of all. What a run takes beside its steps
    (compiling, scoring) is the mean of what it was for those that have ended.
    """

    def __init__(self) -> None:
        self._first: dict[str, tuple[int, float]] = {}  # run: step and time when it was first heard of
        self._last: dict[str, int] = {}
        self._pace: dict[Hashable, float] = {}  # kind: seconds a step
        self._beside: list[float] = []  # seconds beside the steps of runs that have ended

    def hear(self, outcome: Outcome, now: float | None = None) -> None:
        """Take note of a run's step or end."""
        now = time.monotonic() if now is None else now
        key, run = outcome.run.run_id(), outcome.run
        if outcome.state == "trained" and outcome.seconds and self._whole(run):
            self._beside.append(max(0.0, outcome.seconds - run.steps * self._pace[_kind(run)]))
        if outcome.state != "active" or not outcome.step:
            return
        step, begun = self._first.setdefault(key, (outcome.step, now))  # the first steps hold the compilation
        self._last[key] = outcome.step
        if outcome.step > step:
            self._pace[_kind(run)] = (now - begun) / (outcome.step - step)

    def left(self, runs: list[TrainConfig], jobs: int) -> float | None:
        """Return the seconds that runs still take with so many at once, None while nothing is known."""
        if not self._pace:
            return None
        total = sum((run.steps - self._last.get(run.run_id(), 0)) * self._seconds(run) for run in runs)
        total += sum(self._beside) / max(1, len(self._beside)) * sum(run.run_id() not in self._last for run in runs)
        return total / max(1, min(jobs, len(runs)))

    def _whole(self, run: TrainConfig) -> bool:
        """Whether all of a run was seen, so that it did not go on from a checkpoint."""
        first = self._first.get(run.run_id())
        return first is not None and first[0] <= run.log_every and _kind(run) in self._pace

    def _seconds(self, run: TrainConfig) -> float:
        if _kind(run) in self._pace:
            return self._pace[_kind(run)]
        like = [pace for kind, pace in self._pace.items() if isinstance(kind, tuple) and kind[0] == run.architecture]
        known = like or list(self._pace.values())
        return sum(known) / len(known)


def _kind(run: TrainConfig) -> Hashable:
    return (run.architecture, run.scale, tuple(sorted(run.network().items())), run.loss, run.batch, run.patch)


def line(outcome: Outcome) -> str:
    """Describe a run that has ended, on one line."""
    words = [outcome.run.name, outcome.state]
    if outcome.seconds is not None:
        words.append(f"in {clock(outcome.seconds)}")
    manifest = outcome.manifest
    if manifest is not None and manifest.psnr_set5 is not None:
        words.append(f"Set5 {manifest.psnr_set5:.2f} dB")
    return printable(" ".join(words) + (f": {outcome.reason}" if outcome.reason else ""))


def clock(seconds: float) -> str:
    """Write a duration: `7 s`, `12 min 5 s`, `3 h 20 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    return Progress(*columns, console=Console(stderr=True), redirect_stdout=False, redirect_stderr=False)
