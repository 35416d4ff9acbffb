"""Fitting the reference from folders of images: one call does everything, and goes on where an earlier one stopped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import datasets
import spectra
from fingerprint.conditions import CLEAN, CONDITIONS, Condition
from fingerprint.expert import fit_expert, unlike
from fingerprint.features import mode_mask
from fingerprint.kinds import fit_temperature
from fingerprint.lda import CrossFit, cross_fit
from fingerprint.logistic import balanced_weights
from fingerprint.reference import MODES, Reference, save
from fingerprint.render import KERNELS, imported_sources, render_native, render_source
from fingerprint.rounding import Rounder
from fingerprint.samples import (
    FOLDS,
    ORIGINAL,
    UNSEEN,
    Sample,
    innocent_samples,
    native_samples,
    source_samples,
)
from fingerprint.sources import Source, known_sources
from fingerprint.training_set import TrainingSet, measure
from fingerprint.validation import choose_thresholds, held_out, rates

SHRINKAGE = {True: (0.08, 0.15), False: (0.1, 0.1)}
"""Of the detector and the tracer, by whether a lossy step is in between; by cross-validation on training samples.

At JPEG 74 the detector's cost (Cllr) is 0.28 with 0.35, 0.22 with 0.15, 0.19 with 0.08 and 0.16 with 0.02; with 1 % of
the photographs of the worst history accused it finds 0.72, 0.87, 0.88 and 0.87 of published networks' crops.
"""
ZOO = "zoo-"
"""How the names of the reference sweep's networks begin."""
NATIVES, ZOO_NATIVES = 20, 8  # photographs of each kind that a source, and a network of the sweep, enlarges as they are
ZOO_PHOTOGRAPHS = 60  # a network of the reference sweep: there are a hundred of them
ZOO_SHARE = 0.05
"""What such a network weighs in the discriminants' covariances. A hundred that have five designs and one recipe
between them drown the others: held-out training samples, clean, give published sources 0.946 top-1 with 1, 0.971 with
0.1, 0.972 with 0.02, and the zoo 0.980, 0.980 and 0.964."""
GROUP_SHARE = 0.3  # of a detector's class of such networks
_GROUP = "zoo:"
ROUTED = 3000  # samples a condition that the router is fitted on, at most
ROUTING_SHRINKAGE = 0.03
"""Likewise: 0.982 of sources' clean crops are taken for clean, 0.974 with 0.1."""


@dataclass(frozen=True)
class Plan:
    """What a fit reads and writes.

    Attributes:
        samples: all pictures.
        cache: folder for measured features.
        out: folder for the reference.
        folds_out: folder for the references that never saw one fold each, None to keep them to itself.
        workers: threads, all processors by default.
    """

    samples: tuple[Sample, ...]
    cache: Path
    out: Path
    folds_out: Path | None = None
    workers: int | None = None


def default_samples(
    renders: Path, extra: Sequence[Path] = (), without: Sequence[str] = (), step: Callable[[str], None] = lambda _: None
) -> tuple[Sample, ...]:
    """Gather the training pictures: published train splits, our networks' outputs, innocents, and further folders.

    Args:
        renders: where outputs of our networks are kept, made where they are missing.
        extra: further folders, one a source, named after it; they must be among the known sources.
        without: names of sources to leave out.
        step: told what is being done.

    Raises:
        DataMissingError: the data folder lacks something.
    """
    import model_zoo

    samples: list[Sample] = []
    for name in datasets.published_sources():
        folder = datasets.data_root() / "published" / name / "train"
        if name == ORIGINAL:
            samples += source_samples(folder, "original:scan", copies=1)
        elif name not in without:
            samples += source_samples(folder, name)
    ours = [manifest.name for manifest in model_zoo.list_networks(model_zoo.SHIPPED)]
    for name in ours:
        if name not in without:
            count = ZOO_PHOTOGRAPHS if name.startswith(ZOO) else None
            copies = 1 if name.startswith(ZOO) else 2
            samples += source_samples(render_source(name, "train", renders, count, step=step), name, copies)
    for folder in extra:
        samples += source_samples(folder, folder.name)
    for name in sorted({*KERNELS, *imported_sources(), *ours} & known_sources().keys() - set(without)):
        each = ZOO_NATIVES if name.startswith(ZOO) else NATIVES
        samples += native_samples(render_native(name, renders, each, step=step), name)
    return (*samples, *innocent_samples())


def fit(
    plan: Plan, step: Callable[[str], None] = lambda _: None, advance: Callable[[int], None] = lambda _: None
) -> Reference:
    """Fit the experts of all conditions and write the reference.

    Args:
        plan: what to read and where to write.
        step: told what is being done.
        advance: told how many samples more have been measured.

    Returns:
        The reference as written.

    Raises:
        ValueError: a source is unknown, or has too few pictures.
    """
    sources = known_sources()
    labels = sorted({sample.label for sample in plan.samples} & sources.keys())
    kept = {name: sources[name] for name in labels}
    parts = [_Parts() for _ in range(FOLDS + 1)]
    routing: list[TrainingSet] = []
    validation: dict = {}
    for condition in CONDITIONS:
        step(f"measuring {condition.name}")
        data = measure(plan.samples, condition, plan.cache, workers=plan.workers, advance=advance)
        routing.append(_routable(data, condition))
        rounder = Rounder(data.features[~data.native])
        for mode in MODES:
            step(f"fitting {condition.name}, {mode}")
            part = data.columns(mode_mask(mode))
            full, folds, strangers = fit_expert(
                part, kept, SHRINKAGE[condition.is_lossy], tracing_mask(condition, mode), share, detected_as, UNSEEN
            )
            answers = held_out(part, folds)
            thresholds = choose_thresholds(answers, strangers, share, unlike(full))
            validation[f"{mode}.{condition.name}"] = rates(answers, thresholds, kept)
            rounded = rounder.experts((full, *folds), mode_mask(mode))
            for slot, expert in zip(parts, rounded, strict=True):
                slot.experts[mode, condition.name] = expert
                slot.thresholds[mode, condition.name] = thresholds
    step("fitting the router")
    card = {"validation": validation, "router": {}, "folds": FOLDS, "photographs": _counts(plan.samples)}
    for mode in MODES:
        crossed, temperature, card["router"][mode] = _router(routing, mode)
        for slot, router in zip(parts, (crossed.full, *crossed.folds), strict=True):
            slot.routers[mode], slot.temperatures[mode] = router, temperature
    references = [Reference(kept, p.experts, p.thresholds, p.routers, p.temperatures, card) for p in parts]
    step("writing")
    save(references[0], plan.out)
    if plan.folds_out is not None:
        for fold, reference in enumerate(references[1:]):
            save(reference, plan.folds_out / f"fold{fold}")
    return references[0]


def tracing_mask(condition: Condition, mode: str) -> np.ndarray:
    """Return which of a mode's dimensions tell sources apart best, by cross-validation on training samples.

    JPEG halves chroma and leaves little of a network in it: beyond a lossy step luma alone traces better, beside the
    embedding.
    """
    used = mode_mask(mode)
    learned = np.arange(len(used)) >= spectra.DIMENSIONS
    chosen = mode_mask("grey") | learned if condition.is_lossy else ~learned
    return chosen[used]


def share(label: str) -> float:
    """Return how much a label weighs in the discriminants' covariances."""
    return ZOO_SHARE if label.startswith(ZOO) else GROUP_SHARE if label.startswith(_GROUP) else 1.0


def detected_as(label: str) -> str:
    """Return the detector's class of a label: networks of the reference sweep go together by scale and loss."""
    if not label.startswith(ZOO):
        return label
    source = _sources()[label]
    return f"{_GROUP}x{source.scale}:{source.loss}"


@cache
def _sources() -> dict[str, Source]:
    return known_sources()


class _Parts:
    """One reference in the making."""

    def __init__(self) -> None:
        self.experts: dict = {}
        self.thresholds: dict = {}
        self.routers: dict = {}
        self.temperatures: dict = {}


def _routable(data: TrainingSet, condition: Condition) -> TrainingSet:
    """Choose samples whose JPEG history is only the condition's: neither scans nor camera pictures as they are.

    Of sources' pictures, those made of photographs as they are stay out, too.

    All sources and histories have the same number, networks that the detector takes together one between them: drawn
    at random, most pictures show the reference sweep, and half of Real-ESRGAN's are taken for resized ones.
    """
    rng = np.random.default_rng(CONDITIONS.index(condition))
    data = data.take(~data.native)
    labels = np.array([detected_as(label) for label in data.labels])
    names = [name for name in np.unique(labels) if name not in ("original:scan", "original:camera")]
    each = ROUTED // len(names)
    chosen = np.sort(np.concatenate([rng.permutation(np.flatnonzero(labels == name))[:each] for name in names]))
    part = data.take(chosen)
    return TrainingSet(part.features, np.full(len(chosen), condition.name), part.groups, part.folds)


def _router(parts: list[TrainingSet], mode: str) -> tuple[CrossFit, float, dict]:
    features = np.concatenate([part.features[:, mode_mask(mode)] for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    crossed = cross_fit(features, labels, np.concatenate([part.folds for part in parts]), ROUTING_SHRINKAGE)
    classes = np.array(crossed.full.classes)
    target = np.searchsorted(classes, labels)
    temperature = fit_temperature(crossed.held_out.astype(np.float64), target, balanced_weights(labels))
    guessed = classes[crossed.held_out.argmax(axis=1)]
    order = [condition.name for condition in CONDITIONS]
    places = np.array([order.index(name) for name in guessed]) - np.array([order.index(name) for name in labels])
    return (
        crossed,
        temperature,
        {
            "right": {name: round(float((guessed[labels == name] == name).mean()), 4) for name in order},
            "right_or_next": round(float((np.abs(places) <= 1).mean()), 4),
            "clean_called_jpeg": round(float((guessed[labels == CLEAN.name] != CLEAN.name).mean()), 4),
        },
    )


def _counts(samples: Sequence[Sample]) -> dict[str, int]:
    labels = sorted({sample.label for sample in samples})
    return {label: len({s.group for s in samples if s.label == label}) for label in labels}
