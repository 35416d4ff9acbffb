"""What a teacher is worth: students beside twins that learnt alone, of the same data, steps and seed.

PSNR is that of luma in dB, see `model_zoo.evaluation`.
"""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from model_zoo.checkpoints import Checkpoints
from model_zoo.claims import finished
from model_zoo.distillation.config import DistilConfig
from model_zoo.distillation.curves import QUALITY, privileged_psnr, read_quality
from model_zoo.distillation.runs import privileged, teacher_job
from model_zoo.evaluation import BENCHMARKS, bicubic, score
from model_zoo.network import load
from model_zoo.runs import run_folder

Row = dict[str, Any]
Measure = Callable[[DistilConfig], dict[str, float]]

_ALONE = {
    "method": "none", "teacher": None, "weight": None, "truth": 1.0, "queries": "data", "teacher_steps": None,
    "imitation": 0.0,
}  # fmt: skip


class Twins(NamedTuple):
    """Finished runs that differ in how they learnt.

    Attributes:
        taught: with a teacher.
        alone: without.
        longer: without, for as many steps as the taught one and its teacher together, of `pisr`; None without one.
    """

    taught: DistilConfig
    alone: DistilConfig
    longer: DistilConfig | None = None


def find_twins(root: Path) -> list[Twins]:
    """Finds the finished students of a folder that have a twin there, and the twins.

    Args:
        root: folder of all runs.

    Returns:
        The pairs, by scale, method, teacher and seed. Twins agree in everything but the method and what belongs to it.

    Raises:
        ValueError: there are none.
    """
    runs = [run for run in map(_config, sorted(root.glob("*/run.json"))) if run is not None]
    done = [run for run in runs if finished(run, root) is not None]
    alone = {_plain(run): run for run in done if run.method == "none"}
    twins = [
        Twins(run, alone[_plain(run)], alone.get(_plain(dataclasses.replace(run, steps=_both(run)))))
        for run in done
        if run.method != "none" and _plain(run) in alone
    ]
    if not twins:
        raise ValueError(f"{root} holds no finished student with a twin that learnt alone: whorl zoo sweep pisr")
    return sorted(twins, key=lambda pair: (*_group(pair.taught), pair.taught.seed))


def _config(path: Path) -> DistilConfig | None:
    """A run's config; None for one that is no distillation."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))["config"]
        return DistilConfig(**told | {"options": tuple(told["options"])}) if "method" in told else None
    except (KeyError, TypeError, ValueError):
        return None


def _plain(run: DistilConfig) -> DistilConfig:
    """The config without what belongs to the method."""
    return dataclasses.replace(run, name="twin", **_ALONE)


def _both(run: DistilConfig) -> int:
    """How many steps student and teacher take together, where the run trains both."""
    return run.steps + (run.teacher_steps or run.steps if run.method == "pisr" else 0)


def _group(run: DistilConfig) -> tuple[int, str, str, str, int]:
    return run.scale, run.architecture, run.method, run.teacher or "", run.steps


def gains(twins: Sequence[Twins], root: Path, *, advance: Callable[[], None] = lambda: None) -> list[Row]:
    """Measures students, their twins and, of `pisr`, their teachers.

    Args:
        twins: what `find_twins` found.
        root: folder of all runs.
        advance: called after each network.

    Returns:
        For each scale, architecture, method and teacher: `settings`; `seeds`; for each benchmark the PSNR of bicubic
        enlargement, and for each seed of the student `taught`, its twin `alone`, the twin that learnt `longer` (as many
        steps as student and teacher together) and the `teacher` where it sees the truth, the last two as far as they
        are there; `gain` and `gain_over_longer`, the mean difference and its standard error, that of paired seeds
        (None for one seed); and `curves`, Set5's PSNR at checkpoints.

    Raises:
        datasets.DataMissingError: the benchmarks are not there.
    """
    known: dict[DistilConfig, dict[str, float]] = {}

    def measured(run: DistilConfig) -> dict[str, float]:
        if run not in known:
            known[run] = _network(run, root)
            advance()
        return known[run]

    groups: dict[tuple, list[Twins]] = {}
    for pair in twins:
        groups.setdefault(_group(pair.taught), []).append(pair)
    plain = {scale: _plainly(scale) for scale in sorted({pair.taught.scale for pair in twins})}
    return [_row(pairs, plain[pairs[0].taught.scale], root, measured, advance) for pairs in groups.values()]


def counted(twins: Iterable[Twins]) -> int:
    """How many networks `gains` measures.

    Args:
        twins: the pairs.
    """
    found = list(twins)
    return len({run for pair in found for run in pair if run is not None}) + sum(
        pair.taught.method == "pisr" for pair in found
    )


def _row(
    pairs: Sequence[Twins], plain: dict[str, float], root: Path, measured: Measure, advance: Callable[[], None]
) -> Row:
    first = pairs[0].taught
    taught, alone = ([measured(getattr(pair, who)) for pair in pairs] for who in ("taught", "alone"))
    patient = [pair.longer for pair in pairs if pair.longer is not None]
    longer = [measured(run) for run in patient] if len(patient) == len(pairs) else []
    teachers = []
    if first.method == "pisr":
        for pair in pairs:
            teachers.append(_teacher(pair.taught, root))
            advance()
    return {
        "scale": first.scale,
        "architecture": first.architecture,
        "method": first.method,
        "teacher": first.teacher,
        "seeds": [pair.taught.seed for pair in pairs],
        "settings": {
            key: getattr(first, key)
            for key in ("data", "steps", "teacher_steps", "batch", "patch", "learning_rate", "schedule", "degradation")
        },
        "benchmarks": {
            name: {
                "bicubic": plain[name],
                "alone": [scores[name] for scores in alone],
                "taught": [scores[name] for scores in taught],
                "longer": [scores[name] for scores in longer],
                "teacher": [scores[name] for scores in teachers],
                "gain": _gain(taught, alone, name),
                "gain_over_longer": _gain(taught, longer, name) if longer else None,
            }
            for name in BENCHMARKS
        },
        "curves": {
            "alone": _curve([pair.alone for pair in pairs], root, "student"),
            "taught": _curve([pair.taught for pair in pairs], root, "student"),
            "longer": _curve(patient, root, "student") if longer else [],
            "teacher": _curve([pair.taught for pair in pairs], root, "teacher"),
        },
    }


def _gain(
    taught: Sequence[Mapping[str, float]], others: Sequence[Mapping[str, float]], name: str
) -> dict[str, float | None]:
    return paired([mine[name] - theirs[name] for mine, theirs in zip(taught, others, strict=True)])


def paired(differences: Sequence[float]) -> dict[str, float | None]:
    """Sums differences of pairs up.

    Args:
        differences: one for each pair.

    Returns:
        Their `mean`, and its standard error `se`, from their spread; None for a single pair.
    """
    spread = float(np.std(differences, ddof=1) / np.sqrt(len(differences))) if len(differences) > 1 else None
    return {"mean": round(float(np.mean(differences)), 4), "se": None if spread is None else round(spread, 4)}


def _plainly(scale: int) -> dict[str, float]:
    return {name: round(score(bicubic(scale), scale, corpus()).psnr, 4) for name, corpus in BENCHMARKS.items()}


def _network(run: DistilConfig, root: Path) -> dict[str, float]:
    network = load(str(run_folder(run, root) / f"{run.name}.safetensors"))
    return {name: round(score(network.upscale, run.scale, corpus()).psnr, 4) for name, corpus in BENCHMARKS.items()}


def _teacher(run: DistilConfig, root: Path) -> dict[str, float]:
    """What the teacher of `pisr` makes of pictures that it sees."""
    with Checkpoints(run_folder(run, root) / "teacher" / "checkpoints") as checkpoints:
        step = checkpoints.latest()
        if step is None:
            raise ValueError(f"{run_folder(run, root)} has no checkpoint of its teacher")
        params = checkpoints.load(step, teacher_job(run).state).result
    teacher, _ = privileged(run)
    found = {name: privileged_psnr(teacher, params, corpus(), run.scale) for name, corpus in BENCHMARKS.items()}
    return {name: round(psnr, 4) for name, psnr in found.items()}


def _curve(runs: Sequence[DistilConfig], root: Path, stage: str) -> list[dict[str, Any]]:
    """What all seeds were worth at the checkpoints that all of them tell of."""
    told = [
        {line["step"]: line["psnr_set5"] for line in read_quality(run_folder(run, root) / QUALITY)
         if line["stage"] == stage}
        for run in runs
    ]  # fmt: skip
    shared = sorted(set.intersection(*(set(one) for one in told)))
    return [{"step": step, "psnr": [one[step] for one in told]} for step in shared]
