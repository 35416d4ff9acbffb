"""The likelihood ratios and probabilities of answers, collected on files that no part of the fit has seen.

Two levels. Activity: upscaled against not upscaled; pictures of enrolled sources against innocents. Source: one
enrolled source against the other upscalers; each picture is compared with all enrolled sources, once with its own
(same source), else with others (different sources). Ratios are natural logarithms, bounded as answers report them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from datasets import Evidence
from fingerprint.attributor import Attributor
from fingerprint.evaluate import ENLARGING, ORIGINAL, POSTS, asked
from fingerprint.result import Result

BINS = 15
CONDITION_POSTS = ("clean", "jpeg90", "jpeg75", "jpeg50", "webp80", "x0.75", "x1.25")
Items = Sequence[tuple[str, str, Path]]


@dataclass(frozen=True)
class Weighed:
    """All that is known of one picture's answer.

    Attributes:
        result: the typed answer.
        sources: (k,) names that it was compared with.
        log_ratios: (k,) bounded log likelihood ratio of each source against the other upscalers.
        posterior: (k,) posterior probability of each source, given upscaled.
        known: log likelihood ratio of an enrolled against an unknown upscaler.
    """

    result: Result
    sources: tuple[str, ...]
    log_ratios: np.ndarray
    posterior: np.ndarray
    known: float


def weigh(attributor: Attributor, evidence: Evidence) -> Weighed | None:
    """Answer for one picture, with the evidence for every source.

    Args:
        attributor: answers.
        evidence: the file.

    Returns:
        The answer, None for a picture that is too small or too flat to carry a trace.
    """
    answer = attributor.answer(evidence)
    if answer.scored is None or answer.decision is None:
        return None
    decision, known = answer.decision, float(answer.scored.known[0])
    return Weighed(answer.result, answer.scored.sources, decision.log_lr_sources, decision.sources, known)


@dataclass(frozen=True)
class Collected:
    """The answers for n pictures in one condition, compared with k sources.

    Attributes:
        truth: (n,) what made them; `original` for innocents.
        photographs: (n,) what they show.
        verdicts: (n,) of the answers.
        sources: (k,) names.
        scales: (k,) of the sources.
        upscaled: (n,) log likelihood ratio of upscaled, as reported.
        probability: (n,) posterior probability of upscaled, as reported.
        printed: (n,) posterior probability of the first candidate, as reported.
        known: (n,) log likelihood ratio of an enrolled against an unknown upscaler.
        log_ratios: (n, k) of the sources.
        posterior: (n, k) of the sources, given upscaled.
        prior: of upscaled.
        unknown_prior: of an unknown upscaler, given upscaled.
        unmeasured: how many more pictures there were, too small or too flat to carry a trace.
    """

    truth: np.ndarray
    photographs: np.ndarray
    verdicts: np.ndarray
    sources: tuple[str, ...]
    scales: np.ndarray
    upscaled: np.ndarray
    probability: np.ndarray
    printed: np.ndarray
    known: np.ndarray
    log_ratios: np.ndarray
    posterior: np.ndarray
    prior: float
    unknown_prior: float
    unmeasured: int

    @cached_property
    def column(self) -> np.ndarray:
        """(n,) number of the source that made a picture, -1 for innocents and unknown sources."""
        number = {name: k for k, name in enumerate(self.sources)}
        return np.array([number.get(str(name), -1) for name in self.truth])

    @cached_property
    def innocent(self) -> np.ndarray:
        """(n,) whether a picture was never upscaled."""
        return self.truth == ORIGINAL

    @cached_property
    def stranger(self) -> np.ndarray:
        """(n,) whether a picture's source is not enrolled."""
        return ~self.innocent & (self.column < 0)

    @cached_property
    def right(self) -> np.ndarray:
        """(n,) whether a picture's likeliest source made it."""
        return self.posterior.argmax(axis=1) == self.column


def collect(
    items: Items,
    post: str,
    attributor: Attributor,
    advance: Callable[[int], None] = lambda _: None,
    workers: int = 2,
) -> Collected:
    """Answer for pictures after one kind of post-processing.

    Args:
        items: (source, photograph, file); innocents under `original`.
        post: key of `evaluate.POSTS`; where it enlarges, innocents stay as they are, since enlarged they are none.
        attributor: answers.
        advance: called with 1 for each picture.
        workers: threads; the answers do not depend on it.

    Raises:
        ValueError: no such post-processing, a file cannot be read, or no picture can be measured.
    """
    if post not in POSTS:
        raise ValueError(f"post must be one of {', '.join(POSTS)}, got {post!r}")

    def ask(source: str, photograph: str, evidence: Evidence) -> tuple[str, str, Weighed | None]:
        return source, photograph, weigh(attributor, evidence)

    parts: dict[str, list[tuple[str, str, Path]]] = {}
    for item in items:
        spared = post in ENLARGING and item[0] == ORIGINAL
        parts.setdefault("clean" if spared else post, []).append(item)
    told = [one for name, part in parts.items() for one in asked(part, POSTS[name], ask, advance, workers)]
    there = [(source, photograph, weighed) for source, photograph, weighed in told if weighed is not None]
    if not there:
        raise ValueError(f"items must hold a picture that can be measured, got {len(told)} that cannot")
    weighed, results = [w for *_, w in there], [w.result for *_, w in there]
    names, described = weighed[0].sources, attributor.reference.sources
    return Collected(
        truth=np.array([source for source, *_ in there]),
        photographs=np.array([photograph for _, photograph, _ in there]),
        verdicts=np.array([result.verdict for result in results]),
        sources=names,
        scales=np.array([described[name].scale if name in described else 0 for name in names]),
        upscaled=np.array([result.upscaled.log10_lr for result in results]) * math.log(10),
        probability=np.array([result.upscaled.probability for result in results]),
        printed=np.array([result.candidates[0].probability for result in results]),
        known=np.array([w.known for w in weighed]),
        log_ratios=np.stack([w.log_ratios for w in weighed]),
        posterior=np.stack([w.posterior for w in weighed]),
        prior=attributor.priors.upscaled,
        unknown_prior=attributor.priors.unknown_given_upscaled,
        unmeasured=len(told) - len(there),
    )


# which ratios are compared


def activity_ratios(collected: Collected, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ratios of upscaled for pictures of enrolled sources, and for innocents.

    Args:
        collected: answers.
        rows: (m,) numbers of pictures.
    """
    made, innocent = collected.column[rows] >= 0, collected.innocent[rows]
    return collected.upscaled[rows[made]], collected.upscaled[rows[innocent]]


def source_ratios(collected: Collected, rows: np.ndarray, same_scale: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return the ratios of sources for same-source and for different-source comparisons.

    Args:
        collected: answers.
        rows: (m,) numbers of pictures; those of enrolled sources count.
        same_scale: whether a picture is compared with sources of its own source's scale alone.
    """
    rows = rows[collected.column[rows] >= 0]
    own = collected.column[rows]
    others = np.arange(len(collected.sources)) != own[:, None]
    if same_scale:
        others &= collected.scales == collected.scales[own][:, None]
    return collected.log_ratios[rows, own], collected.log_ratios[rows][others]


# probabilities against what happened


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram: stated probabilities against what happened, in bins that hold something.

    Attributes:
        stated: (b,) mean probability.
        happened: (b,) share that was so.
        share: (b,) of all weight.
    """

    stated: np.ndarray
    happened: np.ndarray
    share: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error; with equal weights that of `likelihood_ratios.calibration_error`."""
        return float((self.share * np.abs(self.stated - self.happened)).sum())


def reliability(probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray, bins: int = BINS) -> Reliability:
    """Sort probabilities into bins of equal width.

    Args:
        probabilities: (n,), 0 to 1.
        truth: (n,) bool.
        weights: (n,), not negative.
        bins: how many.
    """
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    total, stated, happened = (
        np.bincount(place, weights * values, bins) for values in (np.ones(len(place)), probabilities, truth)
    )
    kept = total > 0
    return Reliability(stated[kept] / total[kept], happened[kept] / total[kept], total[kept] / total.sum())


def _balanced(first: np.ndarray, share: float) -> np.ndarray:
    """Return weights by which those of the first kind have a share of all."""
    return np.where(first, share / max(first.sum(), 1), (1 - share) / max((~first).sum(), 1))


def activity_reliability(collected: Collected, rows: np.ndarray, at_prior: bool = True) -> Reliability:
    """Hold the reported probabilities of upscaled against the truth.

    Args:
        collected: answers.
        rows: (m,) numbers of pictures; unknown sources' don't count.
        at_prior: whether pictures are weighed so that as many are upscaled as the prior says.
    """
    rows = rows[~collected.stranger[rows]]
    made = ~collected.innocent[rows]
    weights = _balanced(made, collected.prior) if at_prior else np.ones(len(rows))
    return reliability(collected.probability[rows], made, weights)


def source_reliability(collected: Collected, rows: np.ndarray) -> Reliability:
    """Hold the likeliest source's probability, given upscaled, against the truth.

    Pictures of unknown sources weigh what their prior says; where there are none, nor has their prior a share in the
    probabilities.

    Args:
        collected: answers.
        rows: (m,) numbers of pictures; innocents don't count.
    """
    rows = rows[~collected.innocent[rows]]
    stranger, posterior = collected.stranger[rows], collected.posterior[rows]
    weights = np.ones(len(rows))
    if stranger.any():
        weights = _balanced(stranger, collected.unknown_prior)
    else:
        posterior = given_enrolled(posterior)
    return reliability(posterior.max(axis=1), collected.right[rows], weights)


def given_enrolled(posterior: np.ndarray) -> np.ndarray:
    """Return the (m, k) posteriors of sources without the unknown upscaler's share."""
    return posterior / np.maximum(posterior.sum(axis=1, keepdims=True), 1e-300)
