"""Enrolment from a handful of pictures, measured on networks that a fit was not given.

Some networks are left out of the discriminants, then enrolled from a few of their training pictures; test pictures of
all networks are attributed. The embedding was trained on these networks, so what it adds here is not what it would add
for others; the same without it bounds that from below.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

import spectra
from fingerprint.conditions import CLEAN, Condition
from fingerprint.contrast import contrast_of
from fingerprint.evaluate import share_of
from fingerprint.expert import Expert, fit_expert
from fingerprint.features import dimensions
from fingerprint.fit import SHRINKAGE, detected_as, share, tracing_mask
from fingerprint.samples import UNSEEN, Sample, published_tests
from fingerprint.sources import Source
from fingerprint.training_set import TrainingSet, measure

TEN = (
    "bsrn-x4-ntire22t18", "fsrcnn-x3-opencv", "imdn-x2", "imdn-x4", "lapsrn-x4-opencv", "mobilesr-x4-ntire22t20",
    "pan-x4", "realesrgan-general-v3-x4", "rlfn-x4-ntire22t04", "waifu2x-cunet-x2",
)  # fmt: skip
"""Networks of three scales, among them near relatives of those that stay."""
IMAGES = 15
FEATURES = ("classical", "all")


def enrolment(
    samples: Sequence[Sample],
    sources: dict[str, Source],
    cache: Path,
    networks: Sequence[str] = TEN,
    images: int = IMAGES,
    condition: Condition = CLEAN,
    seeds: Sequence[int] = (1, 2, 3),
    step: Callable[[str], None] = lambda _: None,
) -> dict[str, dict]:
    """Enrol networks that were left out, from some of their pictures, and attribute test pictures.

    Args:
        samples: all training samples.
        sources: what is known of each source.
        cache: measured features.
        networks: published ones that are left out and enrolled.
        images: how many pictures each is enrolled from.
        condition: of all pictures.
        seeds: each draws other pictures to enrol from.
        step: told what is being done.

    Returns:
        For `classical` features alone and for `all`: shares with intervals over photographs, `enrolment` (top-1 of the
        enrolled networks' test pictures among all sources), `top5`, `alone` (top-1 where these networks are the only
        candidates), `others` (top-1 of the remaining published sources' test pictures), and `by_network`.

    Raises:
        ValueError: a network has fewer pictures.
    """
    data = measure(samples, condition, cache)
    probe = measure(published_tests(data.labels.tolist()), condition, cache, fresh=True)
    away = np.isin(data.labels, list(networks))
    classical = np.arange(dimensions()) < spectra.DIMENSIONS
    out = {}
    for kind in FEATURES:
        step(f"{condition.name}, {kind}: fitting without {len(networks)} networks")
        part = classical if kind == "classical" else np.ones(dimensions(), bool)
        used = tracing_mask(condition, "colour")[part]
        expert = fit_expert(
            data.take(~away).columns(part), sources, SHRINKAGE[condition.is_lossy], used, share, detected_as, UNSEEN
        ).full
        own, asked = data.take(away & ~data.native).columns(part), probe.columns(part)
        out[kind] = _attributed(expert, own, asked, networks, images, seeds)
    return out


def _attributed(
    expert: Expert, own: TrainingSet, probe: TrainingSet, networks: Sequence[str], images: int, seeds: Sequence[int]
) -> dict:
    """Enrol and attribute once for each seed."""
    detected, traced = expert.detector.scores(probe.features), expert.tracer.scores(probe.features)
    scored = expert.score(detected, traced)
    theirs = np.isin(probe.labels, list(networks))
    known = np.isin(probe.labels, list(expert.sources))
    right, close, lone = [], [], []

    def places(features: np.ndarray) -> np.ndarray:
        return expert.places.vectors(expert.tracer.scores(features).astype(np.float64))

    for seed in seeds:
        pictures = {name: _pictures(own, name, images, seed) for name in networks}
        enrolled = {name: places(rows) for name, rows in pictures.items()}
        among = None
        if len(pictures) > 1:
            among = contrast_of(expert, pictures).among(probe.features, places(probe.features))
        together = expert.compare(scored, traced, enrolled, False, among)
        order = np.array(together.sources)[np.argsort(-together.log_sources, axis=1, kind="stable")]
        right.append(order[:, 0] == probe.labels)
        close.append((order[:, :5] == probe.labels[:, None]).any(axis=1))
        alone = expert.compare(scored, traced, enrolled, True, among)
        lone.append(np.array(alone.sources)[alone.log_sources.argmax(axis=1)] == probe.labels)
    groups = np.tile(probe.groups, len(seeds))

    def told(flags: Sequence[np.ndarray], rows: np.ndarray) -> dict:
        every = np.tile(rows, len(seeds))
        return share_of(np.concatenate(flags)[every], groups[every])

    return {
        "enrolment": told(right, theirs),
        "top5": told(close, theirs),
        "alone": told(lone, theirs),
        "others": told(right, known),
        "by_network": {name: told(right, probe.labels == name)["share"] for name in networks},
        "sources": len(expert.sources) + len(networks),
    }


def _pictures(own: TrainingSet, name: str, images: int, seed: int) -> np.ndarray:
    """Return the features of some of a network's pictures, each of another photograph."""
    rows = np.flatnonzero(own.labels == name)
    photographs, first = np.unique(own.groups[rows], return_index=True)
    if len(photographs) < images:
        raise ValueError(f"network {name} has {len(photographs)} pictures to enrol from, {images} are needed")
    return own.features[np.random.default_rng(seed).permutation(rows[first])[:images]]


def by_network(found: Mapping[str, dict]) -> list[tuple[str, ...]]:
    """Return rows of a table: each network's share by kind of features."""
    names = found[FEATURES[0]]["by_network"]
    return [(name, *(f"{found[kind]['by_network'][name]:.3f}" for kind in FEATURES)) for name in names]
