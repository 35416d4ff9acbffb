"""Fitting the tracers of agreement on training crops, and their say on those that no imitator has seen."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from fingerprint.conditions import CONDITIONS, Condition
from fingerprint.features import mode_mask
from fingerprint.fit import ZOO, default_samples, share
from fingerprint.imitation.agreement import Imitator, shipped_imitators
from fingerprint.imitation.tracer import Say, Tracer, parted, vector
from fingerprint.imitation.windows import compare
from fingerprint.kinds import fit_kinds
from fingerprint.lda import Discriminant, cross_fit
from fingerprint.logistic import balanced_weights
from fingerprint.reference import Reference
from fingerprint.samples import NATIVE, UNSEEN, Sample, fold_of
from fingerprint.sources import known_sources
from fingerprint.training_set import measure

ASKED = tuple(condition for condition in CONDITIONS if condition.is_lossy)
"""Where statistics drown: without a lossy step experts err on one picture in fifty, and a resize moves every pixel."""
_MILDEST = "jpeg-96"
"""There agreement has no say: of 144 pictures of 512x512, saved at 95 and 98, 92 were right with it and 91 without,
and it takes longer than all else."""
SHRINKAGE = 0.4
"""On fold 0 at x2, JPEG 75, crops of 156 pixels on the lattice: 0.77 with 0.1, 0.82 with 0.3, 0.83 with 0.5."""
_MODE = "colour"
_RECIPE = "1"
OURS = (ZOO, "whorl-")


@dataclass(frozen=True)
class Measured:
    """Training crops of one scale in one condition.

    Attributes:
        told: (n, d) float32 vectors of agreement.
        rows: (n,) int, the crops' rows among all samples of the scale.
        labels: (n,) str.
        folds: (n,) int.
    """

    told: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    folds: np.ndarray


def fit_agreement(
    without: Reference, work: Path, most: int, ours: int, step: Callable[[str], None] = lambda _: None
) -> tuple[dict[int, Tracer], dict[str, Any]]:
    """Fit the tracers of all scales whose imitators ship.

    Args:
        without: the reference that never saw the fold that imitators don't see.
        work: folder of pictures and features.
        most: photographs of each published source, at most.
        ours: photographs of each of our networks.
        step: told what is being done.

    Returns:
        The tracers by scale, and facts on the fit.

    Raises:
        DataMissingError: the data is not there.
    """
    sources = known_sources()
    samples = [s for s in default_samples(work / "renders", step=step) if s.label in sources and s.part != NATIVE]
    tracers, card = {}, {}
    for scale, imitator in shipped_imitators().items():
        mine = [sample for sample in samples if sources[sample.label].scale == scale]
        measured = {}
        for condition in ASKED:
            step(f"agreement at x{scale}, {condition.name}")
            measured[condition.name] = agreement_vectors(
                mine,
                condition,
                imitator,
                work / "agreement",
                lambda label: ours if label.startswith(OURS) else most,
            )
        tracers[scale] = fit_tracer(imitator, measured, mine, without, work / "features", step)
        card[f"x{scale}"] = {name: len(crops.labels) for name, crops in measured.items()}
    return tracers, card


def agreement_vectors(
    samples: Sequence[Sample],
    condition: Condition,
    imitator: Imitator,
    cache: Path,
    each: Callable[[str], int],
    advance: Callable[[int], None] = lambda count: None,
) -> Measured:
    """Measure the agreement of training crops, one cached file for each label.

    Args:
        samples: of sources of the imitator's scale.
        condition: what they are brought into.
        imitator: what they are compared with.
        cache: folder for vectors.
        each: how many photographs of a label, at most; every sample's first copy is taken.
        advance: called with the number of crops each time a label's are done.
    """
    cache.mkdir(parents=True, exist_ok=True)
    by_label: dict[str, list[tuple[int, Sample]]] = {}
    row = 0
    for label in sorted({sample.label for sample in samples}):  # as `measure` sorts them
        for sample in samples:
            if sample.label == label:
                by_label.setdefault(label, []).append((row, sample))
                row += sample.copies
    blocks, rows, labels, folds = [], [], [], []
    with ThreadPoolExecutor() as pool:
        for label, drawn in by_label.items():
            chosen = drawn[: each(label)]
            lines = [f"{sample.path.name}|{sample.path.stat().st_size}" for _, sample in chosen]
            text = "\n".join([imitator.identity, _RECIPE, repr(condition), label, *lines])
            path = cache / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npy"
            if path.exists():
                block = np.load(path, allow_pickle=False)
            else:
                crops = pool.map(lambda pair: pair[1].draw(condition, 0), chosen)
                block = np.stack(list(pool.map(lambda crop: _told(imitator, crop), crops)))
                unfinished = path.with_suffix(".partial.npy")
                np.save(unfinished, block, allow_pickle=False)
                unfinished.replace(path)
            blocks.append(block)
            rows += [row for row, _ in chosen]
            labels += [label] * len(chosen)
            folds += [fold_of(sample.group) for _, sample in chosen]
            advance(len(chosen))
    return Measured(np.concatenate(blocks), np.array(rows), np.array(labels), np.array(folds))


def _told(imitator: Imitator, crop: np.ndarray) -> np.ndarray:
    sums = compare(imitator, crop)
    if sums is None:
        raise ValueError(f"a training crop of {crop.shape[0]}x{crop.shape[1]} pixels is too small to compare")
    return vector(sums)


def fit_tracer(
    imitator: Imitator,
    measured: Mapping[str, Measured],
    samples: Sequence[Sample],
    without: Reference,
    features: Path,
    step: Callable[[str], None] = lambda _: None,
) -> Tracer:
    """Fit a scale's tracer.

    Args:
        imitator: of the scale.
        measured: by condition name.
        samples: all of the scale's sources, as they were measured.
        without: the reference that never saw the fold that imitators don't see.
        features: folder of measured features.
        step: told what is being done.

    Returns:
        The tracer; what scores mean was learned on the fold that neither imitator nor `without` saw.
    """
    step(f"agreement at x{imitator.shape.scale}")
    names = list(measured)
    told, labels, folds = (
        np.concatenate([getattr(measured[name], part) for name in names]) for part in ("told", "labels", "folds")
    )
    crossed = cross_fit(told, labels, folds, SHRINKAGE, share)
    fitted = Fitted(crossed.folds[UNSEEN], without)
    says = {}
    for name in (name for name in names if name != _MILDEST):
        step(f"its say at {name}")
        crops = measured[name]
        data = measure(samples, _named(name), features)
        mine = crops.folds == UNSEEN
        classical = data.features[crops.rows[mine]][:, mode_mask(_MODE)]
        says[name] = fitted.say(name, classical, crops.told[mine], crops.labels[mine])
    return Tracer(imitator.shape.scale, imitator.identity, crossed.full, says)


def _named(name: str) -> Condition:
    return next(condition for condition in CONDITIONS if condition.name == name)


@dataclass(frozen=True)
class Fitted:
    """A discriminant on agreement, and experts, none of which saw the pictures that their say is learned from.

    Attributes:
        discriminant: over one scale's sources.
        without: the experts.
    """

    discriminant: Discriminant
    without: Reference

    def say(self, condition: str, classical: np.ndarray, told: np.ndarray, labels: np.ndarray) -> Say:
        """Learn what agreement counts in a condition.

        Args:
            condition: its name.
            classical: (n, d) features of pictures.
            told: (n, d2) vectors of agreement of the same ones.
            labels: (n,) their sources.
        """
        expert = self.without.experts[_MODE, condition]
        scored = expert.score(expert.detector.scores(classical), expert.tracer.scores(classical))
        scores = self.discriminant.scores(told).astype(np.float64)
        names = self.discriminant.classes
        columns = np.array([expert.sources.index(name) for name in names])
        target = np.array([names.index(label) for label in labels])
        within = parted(scored.log_sources[:, columns])[0]
        shares = np.array([share(label) for label in labels])
        weights = balanced_weights(labels) * shares
        experts, agreement = _factors(within, scores, target, weights / weights.sum())
        kinds = fit_kinds(experts * within + agreement * scores, target, [self._kind(name) for name in names])
        return Say(experts, agreement, kinds)

    def _kind(self, name: str) -> str:
        return f"{self.without.sources[name].loss} {share(name)}"


def _factors(within: np.ndarray, scores: np.ndarray, target: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return the factors on two kinds of scores that minimise the weighted cross-entropy of the right columns."""
    rows = np.arange(len(target))

    def loss(logs: np.ndarray) -> float:
        first, second = np.exp(logs)
        return float(-(weights * parted(first * within + second * scores)[0][rows, target]).sum())

    starts = [np.array([0.0, at]) for at in (-3.0, -1.0)]
    best = min((minimize(loss, start, method="Nelder-Mead") for start in starts), key=lambda found: found.fun)
    return float(np.exp(best.x[0])), float(np.exp(best.x[1]))
