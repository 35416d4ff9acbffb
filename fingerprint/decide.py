"""From an expert's likelihood ratios to posterior probabilities and a verdict.

Logarithms are natural unless named log10.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from fingerprint.expert import Expert, Scored
from fingerprint.reference import Thresholds
from fingerprint.result import Priors, Verdict

_UNSOURCED = "source: "


@dataclass(frozen=True)
class Decision:
    """Posterior probabilities of one picture, and what they amount to.

    Attributes:
        verdict: as in the contract.
        reason: why it is inconclusive, a note's text.
        upscaled: posterior probability.
        log_lr_upscaled: bounded log likelihood ratio.
        unknown: posterior probability of an unknown upscaler, given upscaled.
        sources: (k,) posterior probabilities of the sources, given upscaled.
        log_lr_sources: (k,) bounded log likelihood ratios against the other upscalers.
    """

    verdict: Verdict
    reason: str | None
    upscaled: float
    log_lr_upscaled: float
    unknown: float
    sources: np.ndarray
    log_lr_sources: np.ndarray

    @property
    def unsourced(self) -> bool:
        """Whether it was upscaled, but by what cannot be told."""
        return self.verdict == "inconclusive" and (self.reason or "").startswith(_UNSOURCED)


def _bounded(value, count: int):
    """Bound log likelihood ratios by what `count` validation samples of the other side can support: log(count + 1)."""
    return np.clip(value, -math.log(count + 1), math.log(count + 1))


def decide(expert: Expert, scored: Scored, row: int, thresholds: Thresholds, priors: Priors) -> Decision:
    """Weigh one picture's evidence.

    Args:
        expert: how many samples it rests on bounds the ratios.
        scored: what it said.
        row: which picture.
        thresholds: where verdicts begin.
        priors: of upscaled, and of an unknown upscaler.

    Returns:
        The decision. Sources share what the unknown upscaler leaves equally.
    """
    innocent, upscaled, made = expert.support
    ratio = float(np.clip(_bounded(scored.upscaled[row], min(innocent, upscaled)), *thresholds.upscaled_bounds))
    odds = ratio + _logit(priors.upscaled)
    known = float(_bounded(scored.known[row], made)) - _logit(priors.unknown_given_upscaled)
    sources = expit(known) * np.exp(scored.log_sources[row])
    log_lr = np.clip(_bounded(source_ratios(sources, priors), made), *thresholds.source_bounds)
    verdict, reason = _verdict(odds, sources, float(expit(-known)), thresholds, scored.sources)
    return Decision(verdict, reason, float(expit(odds)), ratio, float(expit(-known)), sources, log_lr)


def source_ratios(sources: np.ndarray, priors: Priors) -> np.ndarray:
    """Return log likelihood ratios of each source against the other upscalers, the unknown one among them.

    Args:
        sources: (..., k) posterior probabilities, given upscaled.
        priors: under which.
    """
    prior = (1 - priors.unknown_given_upscaled) / sources.shape[-1]
    return np.log(np.maximum(sources, 1e-300)) - np.log1p(-np.minimum(sources, 1 - 1e-12)) - _logit(prior)


def _logit(probability: float) -> float:
    p = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(p / (1 - p))


def _verdict(
    odds: float, sources: np.ndarray, unknown: float, thresholds: Thresholds, names: tuple[str, ...]
) -> tuple[Verdict, str | None]:
    if odds <= thresholds.clear:
        return "not_upscaled", None
    if odds < thresholds.accuse:
        return "inconclusive", "undecided: the evidence for and against upscaling is too weak to decide"
    best = int(np.argmax(sources))
    if sources[best] >= thresholds.name:
        return "known_source", None
    if unknown >= thresholds.unknown and odds < thresholds.unexplained:
        return (
            "inconclusive",
            "undecided: it fits no enrolled source, and the evidence for upscaling is too weak to stand alone",
        )
    if unknown >= thresholds.unknown:
        return "unknown_source", None
    order = np.argsort(-sources, kind="stable")[:2]
    pair = " and ".join(names[k] for k in order)
    reason = f"{_UNSOURCED}upscaled, but its source cannot be told among the likeliest ({pair}) or an unknown one"
    return "inconclusive", reason
