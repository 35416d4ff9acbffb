"""A small made-up world for tests of `fingerprint`: four sources and two kinds of innocents in 60 dimensions."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fingerprint.conditions import CONDITIONS
from fingerprint.expert import Expert, fit_expert
from fingerprint.features import mode_mask
from fingerprint.kinds import Kinds
from fingerprint.lda import Discriminant
from fingerprint.reference import MODES, Reference, Thresholds, save
from fingerprint.samples import ENLARGED, FOLDS
from fingerprint.sources import Source
from fingerprint.training_set import TrainingSet

DIMENSIONS = 60
SOURCES = {
    source.name: source
    for source in (
        Source("alpha-x2", "edsr", 2, "fidelity", "div2k", 1_000_000),
        Source("beta-x3", "edsr", 3, "fidelity", "unknown", 300_000),
        Source("gamma-x4", "esrgan", 4, "adversarial", "df2k", 10_000_000),
        Source("kernel-x2", "bicubic", 2, "interpolation", "unknown", 0),
    )
}
INNOCENT = ("original:reduced", "original:scan")
LABELS = (*SOURCES, *INNOCENT, ENLARGED)
THRESHOLDS = Thresholds(accuse=1.0, clear=-1.0, name=0.6, unknown=0.6, unexplained=2.0)


def training_set(seed: int = 0, each: int = 40, spread: float = 1.0, dimensions: int = DIMENSIONS) -> TrainingSet:
    """Gaussian classes: `each` samples of every label, over eight photographs a fold, all labels showing the same."""
    rng = np.random.default_rng(seed)
    means = spread * np.random.default_rng(1).normal(size=(len(LABELS), dimensions))
    index = np.arange(len(LABELS)).repeat(each)
    photograph = np.tile(np.arange(each), len(LABELS))
    features = means[index] + rng.normal(size=(len(index), dimensions))
    return TrainingSet(
        features.astype(np.float32),
        np.array(LABELS)[index],
        np.array([f"p{n}" for n in photograph]),
        photograph % FOLDS,
    )


@cache
def experts() -> tuple[Expert, list[Expert]]:
    """An expert of the made-up world, and one without each fold."""
    fitted = fit_expert(training_set(), SOURCES)
    return fitted.full, fitted.folds


def thrown(expert: Expert, mode: str, seed: int = 0) -> Expert:
    """An expert whose discriminants take real feature vectors: thrown at random, so that its answers mean nothing."""
    rng = np.random.default_rng(seed)
    dimensions = int(mode_mask(mode).sum())

    def real(item: Discriminant) -> Discriminant:
        weights = rng.normal(0, 0.5, (dimensions, len(item.classes))).astype(np.float32)
        return replace(item, weights=weights)

    return replace(expert, detector=real(expert.detector), tracer=real(expert.tracer))


def router(mode: str) -> Discriminant:
    """A router that calls every picture clean."""
    names = tuple(sorted(condition.name for condition in CONDITIONS))
    weights = np.zeros((int(mode_mask(mode).sum()), len(names)), np.float32)
    return Discriminant(names, weights, np.array([9.0 * (name == "clean") for name in names], np.float32))


def rates(seed: int = 0) -> dict:
    """Held-out rates as a card has them."""
    rng = np.random.default_rng(seed)
    numbers = {key: round(float(rng.random()), 4) for key in ("top1", "named_right", "named_wrong", "scale", "missed")}
    by_history = {key: {h: 0.01 for h in INNOCENT} for key in ("falsely_accused", "innocents_undecided")}
    return {"samples": dict.fromkeys(LABELS, 40), **numbers, **by_history}


def reference(thresholds: Thresholds = THRESHOLDS) -> Reference:
    """A reference for real pictures whose answers mean nothing."""
    keys = [(mode, condition.name) for mode in MODES for condition in CONDITIONS]
    full, _ = experts()
    names = [condition.name for condition in CONDITIONS]
    routed = {"right": dict.fromkeys(names, 0.9), "right_or_next": 0.99, "clean_called_jpeg": 0.01}
    card = {
        "validation": {f"{mode}.{name}": rates(k) for k, (mode, name) in enumerate(keys)},
        "router": dict.fromkeys(MODES, routed),
        "folds": FOLDS,
        "photographs": dict.fromkeys(LABELS, 40),
    }
    return Reference(
        SOURCES,
        {key: thrown(full, key[0], seed) for seed, key in enumerate(keys)},
        dict.fromkeys(keys, thresholds),
        {mode: router(mode) for mode in MODES},
        dict.fromkeys(MODES, 1.0),
        card,
        "sha256:" + "0" * 64,
    )


def saved_reference(folder: Path) -> Path:
    """Write `reference()` to a folder."""
    save(reference(), folder)
    return folder


def texture(height: int = 200, width: int = 220, seed: int = 0) -> np.ndarray:
    """A picture with texture everywhere, (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = np.stack([90 * np.sin(rows / (3 + c)) * np.cos(columns / (4 + c)) for c in range(3)], -1)
    return np.clip(128 + waves + rng.normal(0, 8, (height, width, 3)), 0, 255).astype(np.uint8)


def written(path: Path, pixels: np.ndarray | None = None, **options: Any) -> Path:
    """Write a picture, a texture by default."""
    Image.fromarray(texture() if pixels is None else pixels).save(path, **options)
    return path


def one_kind(sources: int) -> Kinds:
    """Scores of so many sources of one kind are log-probabilities as they stand."""
    return Kinds(np.zeros(sources, int), np.ones(1), 1.0, np.zeros(1), 1.0)
