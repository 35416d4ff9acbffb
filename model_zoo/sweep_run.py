"""Carrying out a sweep: what is missing is trained by worker processes, what is there is left alone.

Each worker is a process of its own, so that a run that dies (of memory, say) takes no other with it. Two sweeps in one
folder share the work: a run is trained by whoever claims it first, see :mod:`model_zoo.claims`.
"""

import contextlib
import dataclasses
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from model_zoo.claims import finished
from model_zoo.config import TrainConfig
from model_zoo.manifests import Manifest
from model_zoo.sweeps import Sweep, folder_name

State = Literal["there", "trained", "failed", "skipped", "missing", "active"]

_PATIENCE = 1.0  # seconds between two looks at a run that another process is training
_RUNS_A_PROCESS = 8  # then a fresh worker takes over, as compiled programs pile up in an old one


@dataclasses.dataclass
class Outcome:
    """What has become of a run.

    Attributes:
        run: the run.
        state: `there` (finished before, or by another process), `trained`, `failed`, `skipped` (its parent failed, or
            the sweep was stopped), and before that `missing` and `active`.
        reason: why it failed or was skipped.
        step: steps taken, as last heard.
        loss: as last heard.
        begun: when it was given to a worker, by the monotonic clock in seconds; None if never.
        seconds: how long it took here.
        manifest: of the finished network.
    """

    run: TrainConfig
    state: State = "missing"
    reason: str = ""
    step: int = 0
    loss: float | None = None
    begun: float | None = None
    seconds: float | None = None
    manifest: Manifest | None = None


Report = Callable[[Outcome], None]


def survey(sweep: Sweep, root: Path) -> list[Outcome]:
    """Looks up which runs of a sweep are there.

    Args:
        sweep: the sweep.
        root: folder of all runs.

    Returns:
        An outcome for each run, `there` or `missing`.
    """
    found = []
    for run in sweep.runs:
        manifest = finished(run, root)
        found.append(Outcome(run, "missing" if manifest is None else "there", manifest=manifest))
    return found


def run_sweep(
    sweep: Sweep, root: Path, *, jobs: int = 1, keep_going: bool = True, report: Report | None = None
) -> list[Outcome]:
    """Trains what is missing.

    Args:
        sweep: the sweep.
        root: folder of all runs.
        jobs: how many worker processes; several share the processor's cores among them. On an accelerator there is
            one in any case.
        keep_going: whether the others go on when a run fails. Those that start from the failed one are skipped.
        report: called with a run's outcome whenever it changes.

    Returns:
        What has become of each run, in the sweep's order.

    Raises:
        ValueError: if jobs is less than one.
        OSError: if the folder cannot be written or no worker can be started.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    return _Foreman(sweep, root, jobs, keep_going, report or (lambda outcome: None)).work()


class _Worker:
    """A worker process, and the thread that listens to it."""

    def __init__(self, root: Path, cores: Sequence[int], single: bool, heard: "queue.Queue[tuple]") -> None:
        self.job: Outcome | None = None
        self.ready, self.served = False, 0
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        here = str(Path(__file__).resolve().parent.parent)
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH")))),
            "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
        }
        if single:
            flags = (os.environ.get("XLA_FLAGS", ""), "--xla_cpu_multi_thread_eigen=false")
            environment["XLA_FLAGS"] = " ".join(filter(None, flags))
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", "model_zoo.sweep_worker", str(root), ",".join(map(str, cores))],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
        )  # fmt: skip
        self.cores = cores
        self.listener = threading.Thread(target=self._listen, args=(heard,), daemon=True)
        self.listener.start()

    def _listen(self, heard: "queue.Queue[tuple]") -> None:
        assert self.process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in self.process.stdout:
            heard.put((self, json.loads(line)))
        heard.put((self, None))

    def take(self, outcome: Outcome) -> None:
        """Gives it a run."""
        self.job, self.served = outcome, self.served + 1
        pipe = self.process.stdin
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):  # it has died, which the listener says
                pipe.write(json.dumps(dataclasses.asdict(outcome.run)) + "\n")
                pipe.flush()

    def stop(self) -> None:
        """Ends it, in the middle of a step if need be."""
        self.process.kill()
        self.process.wait()
        self.listener.join()  # its pipe has ended
        for pipe in (self.process.stdin, self.process.stdout, self.errors):
            with contextlib.suppress(BrokenPipeError):  # of what it was sent and never read
                if pipe is not None:
                    pipe.close()

    def last_words(self) -> str:
        """How it ended, if it ended by itself."""
        code = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"the worker ended with {how}" + (f": {said}" if said else "")


class _Foreman:
    """Hands runs to workers as their parents get ready."""

    def __init__(self, sweep: Sweep, root: Path, jobs: int, keep_going: bool, report: Report) -> None:
        self.root, self.jobs, self.keep_going, self.report = root, jobs, keep_going, report
        self.outcomes = survey(sweep, root)
        self.by_folder = {folder_name(outcome.run): outcome for outcome in self.outcomes}
        self.heard: queue.Queue[tuple[_Worker, dict[str, Any] | None]] = queue.Queue()
        self.workers: list[_Worker] = []
        self.elsewhere: dict[int, float] = {}  # place of a run that another process has: when to look again

    def work(self) -> list[Outcome]:
        """Goes on until no run is missing or active."""
        for outcome in self.outcomes:
            if outcome.state == "there":
                self.report(outcome)
        try:
            while self.assign():
                self.listen()
        finally:
            for worker in self.workers:
                worker.stop()
        return self.outcomes

    def assign(self) -> bool:
        """Gives idle workers what can be begun; False if nothing is left to do."""
        self.skip_orphans()
        left = [outcome for outcome in self.outcomes if outcome.state in ("missing", "active")]
        wanted = min(self.jobs, len(left))
        while len(self.workers) < wanted:
            self.workers.append(self.engage())
        for worker in self.workers:
            if worker.ready and worker.job is None:
                outcome = self.next()
                if outcome is not None:
                    outcome.state, outcome.begun = "active", time.monotonic()
                    self.report(outcome)
                    worker.take(outcome)
        return any(outcome.state in ("missing", "active") for outcome in self.outcomes)

    def engage(self) -> _Worker:
        """Starts a worker on cores of its own."""
        if self.jobs == 1:
            return _Worker(self.root, (), False, self.heard)
        affinity = getattr(os, "sched_getaffinity", None)
        cores = sorted(affinity(0)) if affinity else list(range(os.cpu_count() or 1))
        share = max(1, len(cores) // self.jobs)
        shares = [cores[i : i + share] for i in range(0, len(cores) - share + 1, share)]
        taken = [shares.index(list(worker.cores)) for worker in self.workers]
        place = min(range(len(shares)), key=taken.count)
        return _Worker(self.root, shares[place], share == 1, self.heard)

    def next(self) -> Outcome | None:
        """The first run that is missing, whose parent is there and that no other process has."""
        now = time.monotonic()
        for place, outcome in enumerate(self.outcomes):
            if outcome.state != "missing" or self.elsewhere.get(place, now) > now:
                continue
            parent = self.by_folder.get(outcome.run.warm_start or "")
            if parent is not None and parent.state not in ("there", "trained"):
                continue
            if place in self.elsewhere and self.settled(outcome):
                continue
            return outcome
        return None

    def settled(self, outcome: Outcome) -> bool:
        """Whether another process has finished a run in the meantime."""
        outcome.manifest = finished(outcome.run, self.root)
        if outcome.manifest is not None:
            self.become(outcome, "there")
        return outcome.manifest is not None

    def skip_orphans(self) -> None:
        """Gives up runs whose parent cannot come any more; parents stand first, so one pass is enough."""
        for outcome in self.outcomes:
            parent = self.by_folder.get(outcome.run.warm_start or "")
            if outcome.state == "missing" and parent is not None and parent.state in ("failed", "skipped"):
                self.become(outcome, "skipped", f"it starts from {parent.run.name}, which {parent.state}")

    def listen(self) -> None:
        """Waits for one answer, or until it is time to look at another process's run again."""
        waiting = any(outcome.state == "missing" for outcome in self.outcomes)
        try:
            worker, answer = self.heard.get(timeout=_PATIENCE if waiting and self.elsewhere else None)
        except queue.Empty:
            return
        if worker not in self.workers:
            return
        if answer is None:
            self.bury(worker)
        elif answer["kind"] == "ready":
            self.welcome(worker, answer["backend"])
        elif worker.job is not None:
            self.hear(worker, worker.job, answer)

    def hear(self, worker: _Worker, outcome: Outcome, answer: dict[str, Any]) -> None:
        """Notes what a worker says about its run."""
        if answer["kind"] == "step":
            outcome.step, outcome.loss = answer["step"], answer["loss"]
            self.report(outcome)
            return
        worker.job = None
        if answer["kind"] == "busy":
            self.elsewhere[self.outcomes.index(outcome)] = time.monotonic() + _PATIENCE
            outcome.begun = None
            self.become(outcome, "missing")
        elif answer["kind"] == "failed":
            self.become(outcome, "failed", answer["reason"])
        else:
            outcome.manifest = finished(outcome.run, self.root)
            self.become(outcome, "there" if answer["kind"] == "there" else "trained")
        if worker.served >= _RUNS_A_PROCESS:
            self.dismiss(worker)

    def become(self, outcome: Outcome, state: State, reason: str = "") -> None:
        """Changes a run's state and says so; a failure may end it all."""
        outcome.state, outcome.reason = state, reason
        if state in ("trained", "failed") and outcome.begun is not None:
            outcome.seconds = time.monotonic() - outcome.begun
        self.report(outcome)
        if state == "failed" and not self.keep_going:
            for other in self.outcomes:
                if other.state in ("missing", "active"):
                    self.become(other, "skipped", "the sweep was stopped at the first failure")

    def welcome(self, worker: _Worker, backend: str) -> None:
        """A worker has started; an accelerator is for one alone."""
        worker.ready = True
        if backend != "cpu":
            self.jobs = 1
            for other in [other for other in self.workers if other is not worker and other.job is None]:
                self.dismiss(other)

    def bury(self, worker: _Worker) -> None:
        """A worker has died: so has its run."""
        words, outcome = worker.last_words(), worker.job
        self.dismiss(worker)
        if outcome is not None:
            self.become(outcome, "failed", words)
        elif not worker.ready:
            raise OSError(f"no worker can be started: {words}")

    def dismiss(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        worker.stop()
