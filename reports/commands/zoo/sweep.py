"""`whorl zoo sweep`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, WRONG, Parser, emit, emit_json, positive_int, printable

if TYPE_CHECKING:
    from model_zoo.sweep_run import Outcome
    from model_zoo.sweeps import Sweep


def main(argv: Sequence[str], prog: str) -> int:
    """Train the networks of a sweep that are missing.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    from model_zoo.sweep_run import run_sweep, survey
    from model_zoo.sweeps import find_sweep, read_sweep

    sweep = read_sweep(find_sweep(options.sweep))
    if options.shard is not None:
        sweep = sweep.shard(*options.shard)
    if options.dry_run:
        outcomes = survey(sweep, options.runs)
        _show(sweep, outcomes, options)
        return ANSWERED
    from reports.sweep_progress import SweepProgress

    with SweepProgress(sweep, options.jobs) as progress:
        outcomes = run_sweep(
            sweep, options.runs, jobs=options.jobs, keep_going=options.keep_going, report=progress.report
        )
    _show(sweep, outcomes, options)
    return WRONG if any(outcome.state in ("failed", "skipped") for outcome in outcomes) else ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Train the networks of a sweep, as far as they are missing. Killed at any moment and started "
        "again, it goes on from the last checkpoints; several at once in one folder share the work.",
    )
    parser.add_argument(
        "sweep",
        metavar="FILE",
        help="a TOML file, or a sweep that ships: reference, paper, students, finetunes, pisr, standins, released, "
        "or smoke to try it out",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="folder of all runs (runs)")
    parser.add_argument("--dry-run", action="store_true", help="show what would be trained, and train nothing")
    parser.add_argument("--json", action="store_true", help="write one JSON array of all runs")
    parser.add_argument(
        "--jobs", type=positive_int, default=1, metavar="N",
        help="worker processes, which share the processor's cores; on an accelerator there is one (1)",
    )  # fmt: skip
    parser.add_argument(
        "--shard", type=_shard, metavar="I/N", help="the I-th of N shares alone, 1/N to N/N, for several machines"
    )
    parser.add_argument(
        "--keep-going", action=argparse.BooleanOptionalAction, default=True, help="go on when a run fails"
    )
    return parser


def _shard(text: str) -> tuple[int, int]:
    place, _, count = text.partition("/")
    if not (place.isdecimal() and count.isdecimal() and 1 <= int(place) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not I/N with 1 <= I <= N")
    return int(place), int(count)


def _show(sweep: "Sweep", outcomes: Sequence["Outcome"], options: Any) -> None:
    """Write all runs, or after a sweep just how many there are of each kind."""
    if options.json:
        emit_json([_described(outcome, options.runs) for outcome in outcomes])
        return
    if options.dry_run:
        for outcome in outcomes:
            run = outcome.run
            parent = f"  from {run.warm_start}" if run.warm_start else ""
            emit(printable(f"{outcome.state:7}  {run.name}  {run.run_id()}  {run.steps:,} steps{parent}"))
    counts = {state: sum(outcome.state == state for outcome in outcomes) for state in _WORDS}
    said = ", ".join(f"{count} {_WORDS[state]}" for state, count in counts.items() if count)
    emit(f"{printable(sweep.name)}: {len(outcomes)} runs{': ' if said else ''}{said}")


_WORDS = {
    "trained": "trained",
    "there": "there already",
    "missing": "missing",
    "failed": "failed",
    "skipped": "skipped",
}


def _described(outcome: "Outcome", runs: Path) -> dict[str, Any]:
    from model_zoo.sweeps import folder_name

    run, manifest = outcome.run, outcome.manifest
    return {
        "name": run.name,
        "run": run.run_id(),
        "state": outcome.state,
        "reason": outcome.reason or None,
        "weights": None if manifest is None else str(runs / folder_name(run) / f"{run.name}.safetensors"),
        "architecture": run.architecture,
        "scale": run.scale,
        "loss": run.loss,
        "data": run.data,
        "seed": run.seed,
        "steps": run.steps,
        "warm_start": run.warm_start,
        "psnr_set5": None if manifest is None else manifest.psnr_set5,
        "seconds": outcome.seconds,
    }
