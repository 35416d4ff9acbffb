"""`whorl bench training`: how fast networks train on this machine, beside PyTorch if that is told where it is."""

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reports.commandline import ANSWERED, Parser, emit, emit_json, positive_int
from reports.commands.bench import machine

NETWORKS: dict[str, dict[str, Any]] = {
    "edsr-baseline": {"architecture": "edsr", "width": 64, "depth": 16},
    "rcan-slim": {"architecture": "rcan", "width": 16, "depth": 2, "options": {"blocks": 3, "reduction": 4}},
    "swinir-slim": {
        "architecture": "swinir",
        "width": 24,
        "depth": 2,
        "options": {"blocks": 2, "heads": 4, "window": 8},
    },
    "edsr-slim": {"architecture": "edsr", "width": 16, "depth": 6},
}
"""The networks by name, all for ×2; the slim ones have the sizes of the zoo that ships."""

USUAL = ("edsr-baseline", "rcan-slim", "swinir-slim")
SCALE = 2
SEEDS = 3
SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "torch_training.py"

_PICTURES, _SIDE = 8, 4  # of the bank: how many pictures, and their sides over the patch's
_SPAN = 0.25  # seconds between two looks at the clock: a step on an accelerator is not waited for


def main(argv: Sequence[str], prog: str = "whorl bench training") -> int:
    """Measure and print.

    Args:
        argv: The command's arguments.
        prog: Its name in messages.

    Returns:
        The exit code 0.

    Raises:
        ValueError: A network is unknown, or the other interpreter failed.
        OSError: It could not be started.
    """
    options = _parser(prog).parse_args(argv)
    unknown = [name for name in options.networks if name not in NETWORKS]
    if unknown:
        raise ValueError(f"--networks must be of {', '.join(NETWORKS)}, got {unknown[0]!r}")
    report = measure(
        options.networks,
        batch=options.batch,
        patch=options.patch,
        precision=options.precision,
        seconds=options.seconds,
        beside=options.beside,
        layouts=options.layouts,
    )
    if options.json:
        emit_json(report)
    else:
        emit("\n".join(lines(report)))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Measure how fast networks train: whole steps of `whorl zoo train` with an L1 loss on a bank of "
        "noise. Floating-point operations are two a multiply-add, of convolutions and matrix products alone.",
    )
    parser.add_argument(
        "--networks", nargs="+", default=list(USUAL), metavar="NAME", help=f"of {', '.join(NETWORKS)}; default: 3"
    )
    parser.add_argument("--batch", type=positive_int, default=16, metavar="N", help="patches a step (default: 16)")
    parser.add_argument("--patch", type=positive_int, default=32, metavar="N", help="their LR side (default: 32)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="default: float32")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="for each figure (default: 10)")
    parser.add_argument("--beside", metavar="PYTHON", help="an interpreter with PyTorch, to measure the same there")
    parser.add_argument("--layouts", action="store_true", help="also measure what decides model_zoo.backend's plan")
    parser.add_argument("--json", action="store_true", help="write one JSON object")
    return parser


def measure(
    networks: Sequence[str],
    *,
    batch: int = 16,
    patch: int = 32,
    precision: str = "float32",
    seconds: float = 10.0,
    beside: str | None = None,
    layouts: bool = False,
) -> dict[str, Any]:
    """Measure whole training steps.

    Args:
        networks: Names of `NETWORKS`.
        batch: Patches a step.
        patch: Side of an LR patch in pixels.
        precision: `float32` or `bfloat16`.
        seconds: How long each figure is measured, beside compiling.
        beside: An interpreter that has PyTorch.
        layouts: Whether other plans of the backend are measured too, with `edsr-slim`.

    Returns:
        What `--json` writes.

    Raises:
        ValueError: The other interpreter failed.
        OSError: It could not be started, or its script is not there.
    """
    import jax

    from model_zoo import backend

    if beside is not None and not SCRIPT.is_file():
        raise FileNotFoundError(f"--beside needs {SCRIPT}, which only the source tree has")
    bank = noise_bank(patch, SCALE)
    setting = {"batch": batch, "patch": patch, "precision": precision, "scale": SCALE}
    device = jax.devices()[0]
    report: dict[str, Any] = {
        "machine": machine(),
        "device": {"platform": device.platform, "kind": device.device_kind, "count": 1},
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "setting": setting,
        "networks": [],
    }
    for name in networks:
        plan = backend.plan()
        ours = _train(name, setting, bank, seconds, plan.convolution, plan.steps_per_dispatch)
        row = {"name": name, **NETWORKS[name], "flop_per_step": _flop(name, batch, patch), "ours": ours}
        if beside is not None:
            row["torch"] = _beside(beside, name, setting, seconds)
        report["networks"].append(_with_rates(row, batch))
    if layouts:
        report["layouts"] = _layouts(setting, bank, seconds)
    return report


def noise_bank(patch: int, scale: int) -> Any:
    """Make a bank of noise, which costs as much to train on as photographs."""
    import numpy as np

    from datasets import PatchBank

    side = patch * scale * _SIDE
    noise = np.random.default_rng(0).integers(0, 256, (_PICTURES, side, side, 3), dtype=np.uint8)
    return PatchBank(list(noise), patch, scale)


def _train(
    name: str, setting: dict[str, Any], bank: Any, seconds: float, convolution: Any, steps: int, seeds: int = 1
) -> dict[str, Any]:
    """Time the training loop's own step, as `model_zoo.training` compiles it."""
    import jax
    import jax.numpy as jnp

    from model_zoo import backend
    from model_zoo.config import TrainConfig
    from model_zoo.functional import count_parameters
    from model_zoo.training import make_dispatch, start

    network = dict(NETWORKS[name])
    given = tuple(f"{key}={value}" for key, value in network.pop("options", {}).items())
    jobs = [start(TrainConfig(name="x", **network, options=given, seed=seed, **setting)) for seed in range(seeds)]
    job, state, key = jobs[0], jobs[0].state, jobs[0].key
    parameters = count_parameters(state.params)
    if seeds > 1:
        state = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(each.state for each in jobs))
        key = jnp.stack([each.key for each in jobs])
    dispatch = make_dispatch(job.recipe, steps, seeds=seeds > 1)

    def run(count: int) -> None:
        nonlocal state
        for _ in range(count):
            state, metrics = dispatch(state, bank.arrays, key, job.frozen)
        jax.block_until_ready((state, metrics))

    begin = time.perf_counter()
    with backend.using(convolution):
        run(1)
    first = time.perf_counter() - begin
    return {
        "convolution": convolution,
        "steps_per_dispatch": steps,
        "seeds": seeds,
        "parameters": parameters,
        "first_call_s": first,
        **clock(run, seconds, steps * seeds),
    }


def clock(run: Callable[[int], None], seconds: float, steps: int) -> dict[str, float]:
    """Time calls in spans of about a quarter of a second.

    Args:
        run: Makes so many calls and waits for the last.
        seconds: How long in all, at least.
        steps: Steps a call.

    Returns:
        Seconds a step by the wall clock, as median and minimum over spans, and of the processors' time, as median.
    """
    begin = time.perf_counter()
    run(1)
    count = max(1, int(_SPAN / (time.perf_counter() - begin)))
    spans, busy = [], []
    while not spans or time.perf_counter() - begin < seconds:
        start, used = time.perf_counter(), time.process_time()
        run(count)
        spans.append((time.perf_counter() - start) / (count * steps))
        busy.append((time.process_time() - used) / (count * steps))
    return {"median_s": statistics.median(spans), "min_s": min(spans), "processor_s": statistics.median(busy)}


def _flop(name: str, batch: int, patch: int) -> int:
    from model_zoo.cost import training_multiply_adds

    network = dict(NETWORKS[name])
    options = network.pop("options", {})
    return 2 * training_multiply_adds(**network, **options, scale=SCALE, size=(patch, patch), batch=batch)


def _beside(python: str, name: str, setting: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Have PyTorch do the same in a process of its own."""
    return run_beside(python, SCRIPT, name, {**NETWORKS[name], **setting, "seconds": seconds})


def run_beside(python: str, script: Path, name: str, task: dict[str, Any]) -> dict[str, Any]:
    """Run one of our scripts by another interpreter.

    Args:
        python: The interpreter.
        script: What it runs, with the task as JSON.
        name: Of the task, for messages.
        task: What the script is told.

    Returns:
        What it answers.

    Raises:
        ValueError: It failed.
        OSError: It could not be started.
    """
    # Our own script, and the interpreter that the user named.
    done = subprocess.run(  # noqa: S603
        [python, str(script), json.dumps(task)], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ValueError(f"--beside {python} failed on {name}: {last}")
    return json.loads(done.stdout)


def _with_rates(row: dict[str, Any], batch: int) -> dict[str, Any]:
    for side in ("ours", "torch"):
        if side in row:
            rate = 1 / row[side]["median_s"]
            row[side] |= {"steps_per_s": rate, "patches_per_s": rate * batch, "flop_per_s": rate * row["flop_per_step"]}
    if "torch" in row:
        row["speed_over_torch"] = row["torch"]["median_s"] / row["ours"]["median_s"]
        row["speed_over_torch_by_processor"] = row["torch"]["processor_s"] / row["ours"]["processor_s"]
    return row


def _layouts(setting: dict[str, Any], bank: Any, seconds: float) -> list[dict[str, Any]]:
    """Each way to lay out a step of the slim EDSR: the convolution, steps a dispatch, and seeds in one program."""
    from typing import get_args

    from model_zoo import backend

    ways = [(convolution, steps, 1) for convolution in get_args(backend.Convolution) for steps in (1, 10)]
    ways.append((backend.plan().convolution, 1, SEEDS))
    return [_train("edsr-slim", setting, bank, seconds, *way) for way in ways]


def lines(report: dict[str, Any]) -> list[str]:
    """Write the report as text.

    Args:
        report: What :func:`measure` returned.

    Returns:
        The lines.
    """
    where, setting, device = report["machine"], report["setting"], report["device"]
    on = device["kind"] if device["platform"] != "cpu" else where["processor"]
    versions = ", ".join(f"{name} {where['versions'][name]}" for name in ("jax", "jaxlib"))
    text = [
        f"{on}, {where['cores']} cores; {versions}; load {report['load']:.1f}" if report["load"] is not None else on,
        f"×{SCALE}, {setting['batch']} patches of {setting['patch']} × {setting['patch']}, {setting['precision']}",
        "",
        f"{'network':<16}{'in':<7}{'ms a step':>10}{'fastest':>9}{'processor':>11}"
        f"{'steps/s':>9}{'patches/s':>11}{'GFLOP/s':>9}{'ratio':>7}",
    ]
    for row in report["networks"]:
        text.append(_line(row["name"], "jax", row["ours"], row.get("speed_over_torch")))
        if "torch" in row:
            text.append(_line("", "torch", row["torch"], None))
    if "layouts" in report:
        text += ["", f"{'edsr-slim laid out as':<42}{'ms a step and seed':>20}{'fastest':>9}{'processor':>11}"]
        for way in report["layouts"]:
            kind = f"{way['convolution']}, {way['steps_per_dispatch']} a dispatch, {way['seeds']} in a program"
            times = f"{1e3 * way['min_s']:>9.2f}{1e3 * way['processor_s']:>11.2f}"
            text.append(f"{kind:<42}{1e3 * way['median_s']:>20.2f}{times}")
    return text


def _line(name: str, side: str, figure: dict[str, Any], ratio: float | None) -> str:
    times = f"{1e3 * figure['median_s']:>10.2f}{1e3 * figure['min_s']:>9.2f}{1e3 * figure['processor_s']:>11.2f}"
    rates = f"{figure['steps_per_s']:>9.2f}{figure['patches_per_s']:>11.1f}{figure['flop_per_s'] / 1e9:>9.1f}"
    return f"{name:<16}{side:<7}{times}{rates}" + ("" if ratio is None else f"{ratio:>7.2f}")
