"""`whorl bench distillation`: how fast both steps of a distillation run as one program, and otherwise."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.commandline import ANSWERED, Parser, emit, emit_json, positive_int
from reports.commands.bench import machine
from reports.commands.bench_training import clock, noise_bank, run_beside

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "torch_distillation.py"
STAGES = ("teacher", "student")


def main(argv: Sequence[str], prog: str = "whorl bench distillation") -> int:
    """Measure and print.

    Args:
        argv: The command's arguments.
        prog: Its name in messages.

    Returns:
        The exit code 0.

    Raises:
        ValueError: The other interpreter failed.
        OSError: It could not be started.
    """
    options = _parser(prog).parse_args(argv)
    if options.beside is not None and not SCRIPT.is_file():
        raise FileNotFoundError(f"--beside needs {SCRIPT}, which only the source tree has")
    setting = {"scale": options.scale, "batch": options.batch, "patch": options.patch}
    report = measure(setting, options.steps, options.seconds, options.beside)
    if options.json:
        emit_json(report)
    else:
        emit("\n".join(lines(report)))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Measure both steps of `whorl zoo distill --method pisr`: as the one program that it runs, as a "
        "loop of Python around a jitted step, and, with the interpreter of a PyTorch, as the same recipe there.",
    )
    parser.add_argument("--scale", type=int, choices=(2, 3, 4), default=2, help="default: 2")
    parser.add_argument("--batch", type=positive_int, default=16, metavar="N", help="patches a step (default: 16)")
    parser.add_argument("--patch", type=positive_int, default=24, metavar="N", help="their LR side (default: 24)")
    parser.add_argument("--steps", type=positive_int, default=20, metavar="N", help="in one program (default: 20)")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="for each figure (default: 10)")
    parser.add_argument("--beside", metavar="PYTHON", help="an interpreter with PyTorch, to measure the same there")
    parser.add_argument("--json", action="store_true", help="write one JSON object")
    return parser


def measure(setting: dict[str, int], steps: int, seconds: float, beside: str | None = None) -> dict[str, Any]:
    """Measure both steps every way.

    Args:
        setting: `scale`, `batch` and `patch`.
        steps: Training steps in one program.
        seconds: How long each figure is measured, beside compiling.
        beside: An interpreter that has PyTorch.

    Returns:
        What `--json` writes.

    Raises:
        ValueError: The other interpreter failed.
        OSError: It could not be started.
    """
    import jax

    bank = noise_bank(setting["patch"], setting["scale"])
    device = jax.devices()[0]
    report: dict[str, Any] = {
        "machine": machine(),
        "device": {"platform": device.platform, "kind": device.device_kind},
        "setting": {**setting, "steps": steps},
        "stages": {},
    }
    for stage in STAGES:
        ways = {
            "one program": _train(stage, setting, bank, steps, seconds),
            "python loop": _train(stage, setting, bank, 1, seconds),
        }
        if beside is not None:
            ways["pytorch"] = _beside(beside, stage, setting, seconds)
        for way in ways.values():
            way["speed"] = round(ways["one program"]["median_s"] / way["median_s"], 4)
        report["stages"][stage] = ways
    return report


def _train(stage: str, setting: dict[str, int], bank: Any, steps: int, seconds: float) -> dict[str, float]:
    """Time a step: several in one program, or one in a loop, laid out as the backend likes it best."""
    import contextlib

    import jax

    from model_zoo import backend
    from model_zoo.distillation import DistilConfig
    from model_zoo.distillation.runs import privileged, student_job, teacher_job
    from model_zoo.training import make_dispatch

    config = DistilConfig(steps=1_000_000, scale=setting["scale"], batch=setting["batch"], patch=setting["patch"])
    with backend.scanning(steps) if steps > 1 else contextlib.nullcontext():
        job = teacher_job(config) if stage == "teacher" else student_job(config, privileged(config))
        dispatch, state = make_dispatch(job.recipe, steps), job.state

        def run(count: int) -> None:
            nonlocal state
            for _ in range(count):
                state, metrics = dispatch(state, bank.arrays, job.key, job.frozen)
            jax.block_until_ready((state, metrics))

        begin = time.perf_counter()
        run(1)
        first = time.perf_counter() - begin
        return {"steps_per_dispatch": steps, "first_call_s": first, **clock(run, seconds, steps)}


def _beside(python: str, stage: str, setting: dict[str, int], seconds: float) -> dict[str, Any]:
    """Have PyTorch do the same in a process of its own."""
    return run_beside(python, SCRIPT, f"the {stage}", {"stage": stage, **setting, "seconds": seconds})


def lines(report: dict[str, Any]) -> list[str]:
    """Write the report as text.

    Args:
        report: What :func:`measure` returned.

    Returns:
        The lines.
    """
    where, setting, device = report["machine"], report["setting"], report["device"]
    on = device["kind"] if device["platform"] != "cpu" else f"{where['processor']}, {where['cores']} cores"
    text = [
        f"{on}; jax {where['versions']['jax']}",
        f"×{setting['scale']}, {setting['batch']} patches of {setting['patch']} × {setting['patch']}, "
        f"{setting['steps']} steps in one program",
        "",
        f"{'step':<10}{'as':<13}{'ms':>9}{'fastest':>9}{'processor':>11}{'one program is faster by':>26}",
    ]
    for stage, ways in report["stages"].items():
        for number, (name, way) in enumerate(ways.items()):
            times = f"{1e3 * way['median_s']:>9.2f}{1e3 * way['min_s']:>9.2f}{1e3 * way['processor_s']:>11.2f}"
            faster = "" if number == 0 else f"{1 / way['speed']:>26.2f}"
            text.append(f"{stage if number == 0 else '':<10}{name:<13}{times}{faster}")
    return text
