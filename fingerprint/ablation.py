"""What each kind of feature is worth: the same discriminants on parts of the feature vector.

Everything is measured on the photographs of the fold that the embedding never saw, by discriminants that never saw them
either. Features are float32 `n d`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import spectra
from fingerprint.conditions import Condition
from fingerprint.evaluate import share_of
from fingerprint.expert import detection_sum, is_innocent, is_source
from fingerprint.features import dimensions
from fingerprint.fit import SHRINKAGE, ZOO, detected_as, share, tracing_mask
from fingerprint.lda import cross_fit
from fingerprint.likelihood_ratios import auroc
from fingerprint.samples import NATIVE, UNSEEN, Sample
from fingerprint.sources import Source
from fingerprint.training_set import TrainingSet, measure
from spectra.features import COUNTS


def parts() -> dict[str, np.ndarray]:
    """Return the kinds of features, each (d,) bool, by name."""
    place = np.arange(dimensions())
    learned = place >= spectra.DIMENSIONS
    return {
        "co-occurrences": place < COUNTS,
        "spectra": (place >= COUNTS) & ~learned,
        "classical": ~learned,
        "embedding": learned,
        "all": np.ones(len(place), bool),
    }


def ablation(
    samples: Sequence[Sample],
    sources: dict[str, Source],
    published: Sequence[str],
    cache: Path,
    conditions: Sequence[Condition],
    step: Callable[[str], None] = lambda _: None,
) -> dict[str, dict[str, dict]]:
    """Fit the discriminants of colour pictures on each kind of features alone, and on all.

    Args:
        samples: all training samples.
        sources: what is known of each source.
        published: names of the sources that are not of our zoo.
        cache: measured features.
        conditions: processing of all pictures.
        step: told what is being done.

    Returns:
        By condition and kind of features: `dimensions` that the tracer uses; `top1` and `scale` of the published
        sources' pictures and `zoo` (top-1 of the reference sweep's), shares with intervals over photographs; and
        `upscaled`, the AUROC of upscaled against photographs.
    """
    out: dict[str, dict[str, dict]] = {}
    for condition in conditions:
        step(f"measuring {condition.name}")
        data = measure([sample for sample in samples if sample.part != NATIVE], condition, cache)
        learned = np.arange(dimensions()) >= spectra.DIMENSIONS  # which the clean tracer does without
        used = tracing_mask(condition, "colour") | learned
        out[condition.name] = {}
        for name, part in parts().items():
            step(f"{condition.name}: {name}")
            traced = part & used
            out[condition.name][name] = {
                "dimensions": int(traced.sum()),
                **_traced(data, traced, SHRINKAGE[condition.is_lossy][1], sources, published),
                "upscaled": _detected(data, part, SHRINKAGE[condition.is_lossy][0]),
            }
    return out


def _traced(
    data: TrainingSet, part: np.ndarray, shrinkage: float, sources: dict[str, Source], published: Sequence[str]
) -> dict[str, dict]:
    """Tell sources apart."""
    chosen = data.take(np.array([is_source(label) for label in data.labels]))
    fitted = cross_fit(np.ascontiguousarray(chosen.features[:, part]), chosen.labels, chosen.folds, shrinkage, share)
    tests = chosen.folds == UNSEEN
    likeliest = np.array(fitted.full.classes)[fitted.held_out[tests].argmax(axis=1)]
    truth, photographs = chosen.labels[tests], chosen.groups[tests]
    theirs, ours = np.isin(truth, list(published)), np.char.startswith(truth, ZOO)
    right = likeliest == truth
    scale = np.array([_scale(sources, a) == _scale(sources, b) for a, b in zip(truth, likeliest, strict=True)])
    shares = {"top1": (right, theirs), "scale": (scale, theirs), "zoo": (right, ours)}
    return {key: share_of(flags[rows], photographs[rows]) for key, (flags, rows) in shares.items()}


def _detected(data: TrainingSet, part: np.ndarray, shrinkage: float) -> float:
    groups = np.array([detected_as(label) for label in data.labels])
    fitted = cross_fit(np.ascontiguousarray(data.features[:, part]), groups, data.folds, shrinkage, share)
    tests = data.folds == UNSEEN
    sums = detection_sum(fitted.full.classes, fitted.held_out[tests].astype(np.float64))[:, 0]
    innocent = np.array([is_innocent(label) for label in data.labels[tests]])
    return round(auroc(sums[~innocent], sums[innocent]), 4)


def _scale(sources: dict[str, Source], label: str) -> int | None:
    return sources[label].scale if label in sources else None
