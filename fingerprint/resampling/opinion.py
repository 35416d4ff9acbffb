"""What a plain enlargement that was found changes in an answer: asked where no network was seen."""

import math
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit

from fingerprint.decide import Decision, source_ratios
from fingerprint.expert import INTERPOLATION
from fingerprint.reference import Thresholds
from fingerprint.resampling.detector import Detector
from fingerprint.result import Parameter, Priors
from fingerprint.streaks import filtered

NOTE = "interpolated: how much neighbouring pixels differ repeats as after an enlargement by a plain kernel"


@dataclass(frozen=True)
class Enlargement:
    """An enlargement by a plain kernel that was found.

    Attributes:
        log_lr: bounded log likelihood ratio, natural.
        probability: posterior.
        sure: whether it is said without a doubt.
    """

    log_lr: float
    probability: float
    sure: bool


def asked(decision: Decision, condition: str, quality: int | None) -> bool:
    """Whether a picture is one of those that plain enlargements are looked for in.

    Where the experts see an upscaler and a resize they are believed: a network's picture that was resized afterwards
    shows both. JPEG files are left out: their noise covers what is looked for.

    Args:
        decision: what they say.
        condition: name of the one that the picture is in.
        quality: of its file, None where it is not a JPEG file.
    """
    if quality is not None or decision.verdict in ("known_source", "unknown_source"):
        return False
    return condition == "clean" or not decision.unsourced


def enlarged(
    detector: Detector, pixels: np.ndarray, priors: Priors, pool: Executor | None = None
) -> Enlargement | None:
    """Look for a plain enlargement.

    Args:
        detector: what tells them.
        pixels: (H, W, 3) uint8.
        priors: the one of upscaled counts.
        pool: runs windows side by side.

    Returns:
        What was found, None where nothing is worth saying.
    """
    if filtered(pixels):
        return None
    ratio = detector.ratio(pixels, pool)
    prior = float(logit(priors.upscaled))
    if ratio is None or ratio + prior < detector.suspect:
        return None
    bounded = detector.bounded(ratio)
    return Enlargement(bounded, float(expit(bounded + prior)), ratio + prior >= detector.accuse)


def joined(decision: Decision, found: Enlargement, thresholds: Thresholds, priors: Priors) -> Decision:
    """Return the decision with a plain enlargement in it: it takes its share from all enrolled sources alike."""
    if decision.unsourced:
        reason = f"{decision.reason}; its traces are those of a plain kernel"
    else:
        reason = NOTE if found.sure else f"{NOTE}, too weakly to stand alone"
    rest = 1 - found.probability
    sources = decision.sources * rest
    ratios = np.clip(source_ratios(sources, priors), *thresholds.source_bounds)
    return replace(
        decision,
        verdict="unknown_source" if found.sure and not decision.unsourced else "inconclusive",
        reason=reason,
        upscaled=max(decision.upscaled, found.probability),
        log_lr_upscaled=max(decision.log_lr_upscaled, found.log_lr),
        unknown=found.probability + rest * decision.unknown,
        sources=sources,
        log_lr_sources=np.minimum(ratios, decision.log_lr_sources),
    )


def spoken_of(parameters: Mapping[str, Parameter], found: Enlargement) -> dict[str, Parameter]:
    """Return parameters as they are after a plain enlargement.

    Args:
        parameters: as the experts parse them, before the enlargement was joined.
        found: it.

    Returns:
        The same keys. A kernel has neither architecture, training data nor size, and its factor need not be whole.
    """
    told = parameters["loss"].probabilities or {}
    mixed = {name: (1 - found.probability) * share for name, share in told.items()}
    mixed[INTERPOLATION] = mixed.get(INTERPOLATION, 0.0) + found.probability
    loss = {name: math.floor(share * 1e6) / 1e6 for name, share in sorted(mixed.items())}
    return {name: Parameter(None) for name in parameters} | {"loss": Parameter(INTERPOLATION, None, loss)}
