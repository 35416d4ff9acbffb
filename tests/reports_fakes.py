"""Answers that cost nothing, for tests of how answers are shown."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from fingerprint.result import Candidate, ImageFacts, Parameter, Priors, Result, Tool, Upscaled, Verdict

EVIDENCE = SimpleNamespace(
    path="x.png", sha256="0" * 64, width=640, height=480, format="PNG", bit_depth=8, jpeg_quality=None, notes=()
)


def result_for(evidence: Any, verdict: Verdict = "known_source") -> Result:
    image = ImageFacts(
        path=evidence.path,
        sha256=evidence.sha256,
        width=evidence.width,
        height=evidence.height,
        format=evidence.format,
        bit_depth=evidence.bit_depth,
        jpeg_quality=evidence.jpeg_quality,
        notes=evidence.notes,
    )
    parameters = {
        "scale": Parameter(4, (4, 4), {"1": 0.0, "2": 0.01, "3": 0.0, "4": 0.99}),
        "architecture": Parameter("rlfn", probabilities={"rlfn": 0.8, "imdn": 0.2}),
        "loss": Parameter("fidelity", probabilities={"fidelity": 0.9}),
        "training_data": Parameter(None),
        "log10_parameters": Parameter(5.5, (5.1, 5.9)),
    }
    return Result(
        image=image,
        verdict=verdict,
        candidates=(Candidate("rlfn-x4", 0.9301, 3.1), Candidate("imdn-x4", 0.0002, -0.4)),
        upscaled=Upscaled(0.9995, 4.0),
        parameters=parameters,
        tool=Tool("0.1.0", "sha256:" + "0" * 64, Priors()),
    )


def fake(answer: Callable[[Any], Any] = result_for) -> Callable[[Any], Callable[[Any], Any]]:
    def make(options: Any) -> Callable[[Any], Any]:
        return answer

    return make


def picture(path: Path, size: tuple[int, int] = (40, 30), seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path
