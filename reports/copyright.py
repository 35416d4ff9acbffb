"""What is kept and what is spared when a lightweight network is released in a full one's place.

The content of `whorl zoo copyright`. Gains are those over bicubic enlargement: of a full network with 34 dB and a light
one with 33, where bicubic has 30, three quarters are retained.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model_zoo.cost import hd_size, multiply_adds
from model_zoo.lpips import load_lpips
from model_zoo.network import Network, load
from reports.commandline import columns
from reports.zoo_networks import Known
from reports.zoo_quality import TITLES, entries, measure

Row = dict[str, Any]
_SIDE = 240  # pixels of the picture that is enlarged to take the time
_REPEATS = 5


@dataclass(frozen=True)
class Released:
    """A full network, and lighter ones that may be released in its place.

    Attributes:
        teacher: the full one.
        students: the others, of its scale.
    """

    teacher: Known
    students: Sequence[Known]

    def __post_init__(self) -> None:
        """Refuses what cannot be compared.

        Raises:
            ValueError: a student of another scale, or the teacher among them.
        """
        scale = self.teacher.manifest.scale
        for student in self.students:
            if student.manifest.scale != scale:
                name, other = student.manifest.name, student.manifest.scale
                raise ValueError(f"STUDENT must enlarge by {scale} as the teacher does, {name!r} enlarges by {other}")
            if student.source == self.teacher.source:
                raise ValueError(f"STUDENT must be another network than the teacher, got {student.manifest.name!r}")


def compare(released: Released, benchmarks: Sequence[str], degradation: str = "matlab-bicubic") -> dict[str, Any]:
    """Measure all of them, and what the students retain.

    Args:
        released: the networks.
        benchmarks: names of `model_zoo.evaluation.BENCHMARKS`.
        degradation: what makes the low resolution.

    Returns:
        `teacher` and `bicubic`, each a row, and `students`, rows from small to large; each with what `_row` gives.

    Raises:
        datasets.DataMissingError: a benchmark's pictures are not there.
    """
    networks = [released.teacher, *released.students]
    scored = measure(entries(networks, published=False), benchmarks, degradation, lpips=load_lpips())
    plain = next(row for row in scored if row["run"] is None and row["architecture"] == "bicubic")
    of = {known.source: _row(known, _found(scored, known)) for known in networks}
    full = of[released.teacher.source]
    students = [of[known.source] for known in released.students]
    for row in students:
        row["of_teacher"] = {key: round(row[key] / full[key], 4) for key in ("parameters", "bytes", "multiply_adds")}
        row["of_teacher"]["seconds"] = round(row["seconds_per_megapixel"] / full["seconds_per_megapixel"], 4)
        row["retained"] = {name: _retained(name, row, full, plain) for name in row["scores"]}
    return {
        "scale": released.teacher.manifest.scale,
        "degradation": degradation,
        "bicubic": {"scores": plain["scores"]},
        "teacher": full,
        "students": sorted(students, key=lambda row: (row["parameters"], row["name"])),
    }


def _found(scored: Sequence[Row], known: Known) -> Row:
    manifest = known.manifest
    return next(row for row in scored if (row["name"], row["run"]) == (manifest.name, manifest.run))


def _row(known: Known, scored: Row) -> Row:
    """Say what a network is, what it costs and what it scores."""
    manifest = known.manifest
    return {
        "name": manifest.name,
        "architecture": manifest.architecture,
        "taught_by": manifest.teacher,
        "method": manifest.method,
        "parameters": manifest.parameters,
        "bytes": manifest.bytes,
        "multiply_adds": multiply_adds(
            manifest.architecture, scale=manifest.scale, size=hd_size(manifest.scale), **manifest.config
        ),
        "seconds_per_megapixel": latency(load(known.source)),
        "scores": scored["scores"],
    }


def latency(network: Network) -> float:
    """Return the seconds that a megapixel of the result takes when all is compiled, the median of five."""
    scale = network.scale
    low = np.random.default_rng(0).integers(0, 256, (_SIDE, _SIDE, 3), dtype=np.uint8)
    network.upscale(low)
    taken = []
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        network.upscale(low)
        taken.append(time.perf_counter() - begun)
    return round(float(np.median(taken)) / ((_SIDE * scale) ** 2 / 1e6), 4)


def _retained(benchmark: str, row: Row, full: Row, plain: Row) -> float | None:
    """Return the share of the teacher's gain in PSNR over bicubic; None where the teacher gains nothing."""
    mine, theirs, none = (part["scores"][benchmark]["psnr"] for part in (row, full, plain))
    if None in (mine, theirs, none) or theirs - none <= 0:
        return None
    return round((mine - none) / (theirs - none), 4)


def table(found: dict[str, Any]) -> str:
    """Lay the comparison out for a person."""
    names = list(found["teacher"]["scores"])
    head = ["NETWORK", "PARAMETERS", "BYTES", "MULTIPLY-ADDS", "S/MEGAPIXEL"]
    head += [f"{TITLES[name].upper()} {what}" for name in names for what in ("PSNR", "SSIM", "KEPT")]
    lines = [head, ["bicubic", "", "", "", "", *_scores(found["bicubic"], names)]]
    for row in (*found["students"], found["teacher"]):
        cost = [f"{row['parameters']:,}", f"{row['bytes']:,}", f"{row['multiply_adds'] / 1e9:,.2f} G"]
        lines.append([row["name"], *cost, f"{row['seconds_per_megapixel']:.3f}", *_scores(row, names)])
    told = [columns(lines, right=range(1, len(head))), ""]
    told.append("Multiply-adds for a 1280×720 result. KEPT: share of the last network's gain in PSNR over bicubic.")
    return "\n".join(told)


def _scores(row: Row, names: Sequence[str]) -> list[str]:
    cells = []
    for name in names:
        score, kept = row["scores"][name], row.get("retained", {}).get(name)
        cells += [f"{score['psnr']:.2f}", f"{score['ssim']:.4f}", "" if kept is None else f"{kept:.0%}"]
    return cells
