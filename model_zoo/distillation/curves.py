"""How good student and teacher are along the way: Set5's luma PSNR wherever a checkpoint is written.

A file of one JSON object a line, `quality.jsonl` beside `metrics.jsonl`; after a resumed run it reads as if never
interrupted.
"""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

import datasets
from model_zoo import backend
from model_zoo.colour import luma
from model_zoo.config import canonical_json
from model_zoo.distillation.config import DistilConfig
from model_zoo.distillation.teachers import Teacher
from model_zoo.evaluation import DEGRADATIONS, pairs, score
from model_zoo.functional import Params, skeleton
from model_zoo.metrics import psnr
from model_zoo.network import Network
from model_zoo.runs import read_lines
from model_zoo.weights import write_atomically

QUALITY = "quality.jsonl"


class QualityLog:
    """What `model_zoo.distillation.distil` tells of checkpoints, as quality."""

    def __init__(self, config: DistilConfig, folder: Path, teacher: Teacher | None = None) -> None:
        """Remembers where; nothing is written yet, and nothing at all where Set5 is not at hand.

        Args:
            config: the run.
            folder: of the run.
            teacher: of `pisr`, whose stage is measured too; it is shown the truth.
        """
        self._path = folder / QUALITY
        self._scale, self._teacher = config.scale, teacher
        self._function, _ = skeleton(config.architecture, scale=config.scale, **config.network())

    def __call__(self, stage: str, step: int, params: Params) -> None:
        """Measures, and adds a line.

        Args:
            stage: `teacher` or `student`.
            step: steps taken.
            params: of the teacher, or of the student, whose method's adapters were taken away.
        """
        try:
            corpus = datasets.set5()
        except datasets.DataMissingError:
            return
        with backend.using("native"):  # not as inside a program of many steps
            if stage == "teacher" and self._teacher is not None:
                found = privileged_psnr(self._teacher, params, corpus, self._scale)
            else:
                found = score(Network(self._function, params).upscale, self._scale, corpus).psnr
        taken = {"stage": stage, "step": step, "psnr_set5": round(found, 4)}
        kept = [line for line in read_quality(self._path) if (line["stage"], line["step"]) != (stage, step)]
        write_atomically(self._path, "".join(canonical_json(line) + "\n" for line in [*kept, taken]).encode())


def read_quality(path: Path) -> list[dict]:
    """Reads what a run was worth at its checkpoints.

    Args:
        path: its `quality.jsonl`.

    Returns:
        For each checkpoint `stage`, `step` and `psnr_set5` in dB; nothing without the file.
    """
    return read_lines(path) if path.exists() else []


def privileged_psnr(teacher: Teacher, params: Params, corpus: datasets.Corpus, scale: int) -> float:
    """Measures a teacher that sees the truth.

    Args:
        teacher: the teacher, which enlarges luma.
        params: its arrays.
        corpus: the HR pictures; cropped here to multiples of `scale`.
        scale: its enlargement; a border as wide is shaved off.

    Returns:
        Mean luma PSNR in dB. Unlike a network's, which is that of 8-bit colours, it is of luma as it comes.

    Raises:
        datasets.DataMissingError: if the pictures are not there.
    """
    found = [_privileged(teacher, params, high, scale) for _, high in pairs(corpus, scale, DEGRADATIONS[0])]
    return float(np.mean(found))


def _privileged(teacher: Teacher, params: Params, high: UInt8[np.ndarray, "sh sw 3"], scale: int) -> float:
    """One picture's PSNR."""
    inside = np.s_[scale:-scale, scale:-scale]
    return psnr(255 * _looked(teacher, params, high)[inside], luma(high)[inside])


def _looked(teacher: Teacher, params: Params, high: UInt8[np.ndarray, "sh sw 3"]) -> Float[np.ndarray, "sh sw"]:
    """What the teacher makes of the truth."""
    pixels = jnp.asarray(high[None], jnp.float32) / jnp.float32(255)
    return np.asarray(_look(teacher, params, pixels), np.float64)[0, :, :, 0]


@functools.partial(jax.jit, static_argnums=0)
def _look(teacher: Teacher, params: Params, high: jax.Array) -> jax.Array:
    return teacher.look(params, high, high)[0]  # it does not look at the low resolution
