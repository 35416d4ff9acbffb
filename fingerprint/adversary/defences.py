"""Cheap defences: measure a picture where an adversary could not foresee it, and ask kinds of features one by one.

Every defence starts from the reference as it is; nothing is trained. Logarithms are natural.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import logsumexp, softmax

import datasets
from fingerprint.adversary.gradient import GROUPS
from fingerprint.attributor import ACCUSATIONS, Attributor, Measured
from fingerprint.conditions import Condition
from fingerprint.decide import Decision, decide
from fingerprint.expert import Expert, Scored, is_innocent
from fingerprint.reference import Reference
from fingerprint.result import Result
from spectra import TILE, to_uint8

ACCUSED, CLEARED = "accused", "cleared"
LOOKS = 5
FARTHEST = 40  # pixels that a look's corner is moved by, at most
SECOND_QUALITY = 90
PRICE = 0.05  # of untouched pictures may be doubted by the disagreement of features
_LEAST = 20  # untouched pictures that a limit is set on


@dataclass(frozen=True)
class Weighed:
    """What the reference says of a picture, before and beside the verdict.

    Attributes:
        condition: the processing condition it was judged under.
        scored: what that condition's expert said.
        decision: what follows.
        features: (d,) float32, what it rests on.
    """

    condition: Condition
    scored: Scored
    decision: Decision
    features: np.ndarray

    def log_lr(self, source: str) -> float:
        """Return the log likelihood ratio of a source against the other upscalers."""
        return float(self.decision.log_lr_sources[self.scored.sources.index(source)])


def weigh(attributor: Attributor, evidence: datasets.Evidence) -> Weighed | None:
    """Weigh a colour picture's evidence as attribution does, None where it shows no texture or is grey.

    Args:
        attributor: the tool.
        evidence: the file.
    """
    measured = attributor.measure(evidence.pixels)
    if measured is None or "colour" not in measured.modes:
        return None
    condition = attributor.condition_of(measured, evidence.jpeg_quality)
    expert = attributor.reference.experts["colour", condition.name]
    scored = _scored(expert, measured)
    return Weighed(condition, scored, _decided(attributor, condition, scored), measured.features)


def _scored(expert: Expert, measured: Measured) -> Scored:
    row = measured.features[None]
    return expert.score(expert.detector.scores(row), expert.tracer.scores(row))


def _decided(attributor: Attributor, condition: Condition, scored: Scored) -> Decision:
    key = "colour", condition.name
    reference = attributor.reference
    return decide(reference.experts[key], scored, 0, reference.thresholds[key], attributor.priors)


# Randomised tiles


def shifted(attributor: Attributor, pixels: np.ndarray, condition: Condition, key: Sequence[int]) -> Decision | None:
    """Decide by the median of the likelihood ratios over cuts whose corners nobody can foresee.

    Args:
        attributor: the tool.
        pixels: (H, W, 3) uint8.
        condition: that the whole picture is judged under.
        key: the secret, which the corners are drawn from.

    Returns:
        The decision, None where no cut shows texture.
    """
    rng = np.random.default_rng(list(key))
    expert = attributor.reference.experts["colour", condition.name]
    room = [max(0, min(FARTHEST, side - TILE)) for side in pixels.shape[:2]]
    looks = []
    for _ in range(LOOKS):
        (top, bottom), (left, right) = (np.sort(rng.integers(0, side + 1, 2)) for side in room)
        cut = pixels[top : pixels.shape[0] - room[0] + bottom, left : pixels.shape[1] - room[1] + right]
        measured = attributor.measure(np.ascontiguousarray(cut))
        if measured is not None:
            looks.append(_scored(expert, measured))
    if not looks:
        return None
    return _decided(attributor, condition, _median(looks))


def _median(looks: Sequence[Scored]) -> Scored:
    sources = np.median([look.log_sources for look in looks], axis=0)
    return replace(
        looks[0],
        log_sources=sources - np.asarray(logsumexp(sources, axis=1, keepdims=True)),
        known=np.median([look.known for look in looks], axis=0),
        upscaled=np.median([look.upscaled for look in looks], axis=0),
    )


# A second look


def contradicted(attributor: Attributor, result: Result, evidence: datasets.Evidence, room: Path) -> bool:
    """Whether a JPEG copy of the picture, judged by another expert, speaks against the verdict.

    A change of two grey levels that was made for one expert hardly outlives a JPEG step; a network's trace may. The
    copy speaks against a verdict where its own evidence for upscaling has the other sign, and against a name where its
    likelihood ratio of that source against the other upscalers is below one.

    Args:
        attributor: the tool.
        result: what it said of the picture.
        evidence: the file.
        room: a folder for the copy.
    """
    side = side_of(result.verdict)
    if side is None:
        return False
    path = room / "copy.jpg"
    path.write_bytes(datasets.jpeg_copy(to_uint8(evidence.pixels), SECOND_QUALITY))
    again = weigh(attributor, datasets.read_evidence(path))
    if again is None:
        return False
    if (side == ACCUSED) != (again.decision.log_lr_upscaled > 0):
        return True
    return result.verdict == "known_source" and again.log_lr(result.candidates[0].source) < 0


def side_of(verdict: str) -> str | None:
    """Return which side a verdict takes, None for neither."""
    if verdict in ACCUSATIONS:
        return ACCUSED
    return CLEARED if verdict == "not_upscaled" else None


# Disagreement between kinds of features


@dataclass(frozen=True)
class Case:
    """One picture, for the doubt that kinds of features cast on each other.

    Attributes:
        photograph: which one it shows.
        verdict: the tool's.
        weighed: its evidence.
        untouched: whether limits may be set on it.
    """

    photograph: str
    verdict: str
    weighed: Weighed
    untouched: bool


def doubts(cases: Sequence[Case], reference: Reference) -> np.ndarray:
    """Doubt verdicts to which kinds of features contribute in unusual parts.

    A kind's part is compared with its parts in untouched pictures of other photographs that got a verdict of the same
    side, those of the same condition if they are enough: about `PRICE` of these lie so far out. Where untouched ones
    are too few, nothing is doubted.

    Args:
        cases: untouched pictures and others.
        reference: that judged them.

    Returns:
        (n,) bool.
    """
    middles, parts = _middles(cases), []
    for case in cases:
        name = case.weighed.condition.name
        expert = reference.experts["colour", name]
        shares = evidence_shares(expert, case.weighed.features, middles.get(name, middles[""]))
        values = np.array(list(shares.values()))
        parts.append(values / max(float(np.abs(values).sum()), 1e-9))
    table = np.array(parts)
    sides = np.array([side_of(case.verdict) or "" for case in cases])
    conditions = np.array([case.weighed.condition.name for case in cases])
    photographs = np.array([case.photograph for case in cases])
    untouched = np.array([case.untouched for case in cases])
    flags = np.zeros(len(cases), bool)
    tail = PRICE / table.shape[1] / 2
    for number in np.flatnonzero(sides != ""):
        others = untouched & (sides == sides[number]) & (photographs != photographs[number])
        alike = others & (conditions == conditions[number])
        pool = table[alike if alike.sum() >= _LEAST else others]
        if len(pool) >= _LEAST:
            low, high = np.quantile(pool, [tail, 1 - tail], axis=0)
            flags[number] = bool(((table[number] < low) | (table[number] > high)).any())
    return flags


def _middles(cases: Sequence[Case]) -> dict[str, np.ndarray]:
    """Return the mean features of untouched pictures, by condition, and under "" those of all."""
    untouched = [case for case in cases if case.untouched]
    groups: dict[str, list[np.ndarray]] = {}
    for case in untouched:
        groups.setdefault(case.weighed.condition.name, []).append(case.weighed.features)
    middles = {name: np.mean(rows, axis=0) for name, rows in groups.items() if len(rows) >= _LEAST}
    middles[""] = np.mean([case.weighed.features for case in untouched], axis=0)
    return middles


def evidence_shares(expert: Expert, features: np.ndarray, middle: np.ndarray) -> dict[str, float]:
    """Say what each kind of feature adds to the evidence for upscaling.

    The discriminant is linear: the evidence, a difference of two soft maxima over its classes, is shared out among
    features by the classes' probabilities.

    Args:
        expert: of the picture's condition.
        features: (d,) of the picture.
        middle: (d,) features that speak for neither side.
    """
    detector = expert.detector
    row = features.astype(np.float64)
    scores = expert.detection_temperature * (row @ detector.weights + detector.offsets)
    innocent = np.array([is_innocent(name) for name in detector.classes])
    made, not_made = (np.where(side, softmax(np.where(side, scores, -np.inf)), 0.0) for side in (~innocent, innocent))
    slopes = expert.detection.weights[0]
    upscaled = expert.detection.classes.index("upscaled")
    factor = expert.detection_temperature * (slopes[upscaled] - slopes[1 - upscaled])
    each = factor * (row - middle) * (detector.weights @ (made - not_made))
    return {name: float(each[place].sum()) for name, place in GROUPS.items() if each[place].size}
