"""What held-out samples say about an expert: thresholds for verdicts, and error rates for the card."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from fingerprint.decide import source_ratios
from fingerprint.expert import Expert, Scored, is_innocent, is_source
from fingerprint.likelihood_ratios import supported_bounds
from fingerprint.reference import Thresholds
from fingerprint.result import Priors
from fingerprint.sources import Source
from fingerprint.training_set import TrainingSet

FALSE_ACCUSATIONS = 0.005  # of the innocents of the worst history
MISSES = (0.005, 0.03)  # of upscaled pictures cleared: aimed at, and accepted where innocents are hard to clear
UNDECIDED_INNOCENTS = 0.05
WRONG_NAMES = 0.03
NAMED_STRANGERS = 0.03  # of pictures of sources that were left out, and what that share may be off by
MISTAKEN_UNKNOWN = 0.05
DIFFERENT = 8  # wrong sources a sample is compared with, for the bounds of likelihood ratios


@dataclass(frozen=True)
class HeldOut:
    """Answers for samples by experts that never saw their fold, under the default priors.

    Attributes:
        labels: (n,) class labels.
        upscaled: (n,) log-odds of upscaled.
        top: (n,) likeliest source.
        name: (n,) its posterior probability, given upscaled.
        unknown: (n,) posterior probability of an unknown upscaler, given upscaled.
        parsed: for each hyper-parameter, (n,) the likeliest value, given upscaled.
        same: (n,) log likelihood ratio of the right source against the other upscalers, NaN where none is right.
        different: (n, DIFFERENT) the same of wrong sources that are drawn.
    """

    labels: np.ndarray
    upscaled: np.ndarray
    top: np.ndarray
    name: np.ndarray
    unknown: np.ndarray
    parsed: dict[str, np.ndarray]
    same: np.ndarray
    different: np.ndarray


def answer(expert: Expert, features: np.ndarray, labels: np.ndarray) -> tuple[HeldOut, Scored]:
    """Let one expert answer for samples that it never saw.

    Args:
        expert: of the samples' condition.
        features: (n, d) float32.
        labels: (n,) class labels, passed on.

    Returns:
        The answers under the default priors, and the likelihood ratios behind them.
    """
    scored = expert.score(expert.detector.scores(features), expert.tracer.scores(features))
    prior = Priors()
    unknown = expit(logit(prior.unknown_given_upscaled) - scored.known)
    sources = (1 - unknown)[:, None] * np.exp(scored.log_sources)
    same, different = _compared(source_ratios(sources, prior), expert.sources, labels)
    answers = HeldOut(
        labels,
        upscaled=scored.upscaled + logit(prior.upscaled),
        top=np.array(expert.sources)[scored.log_sources.argmax(axis=1)],
        name=(1 - unknown) * np.exp(scored.log_sources.max(axis=1)),
        unknown=unknown,
        parsed={key: np.array(expert.heads[key].classes)[p.argmax(axis=1)] for key, p in scored.parsed.items()},
        same=same,
        different=different,
    )
    return answers, scored


def _compared(ratios: np.ndarray, names: tuple[str, ...], labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose the right source's ratio and some wrong ones'."""
    column = {name: k for k, name in enumerate(names)}
    right = np.array([column.get(label, -1) for label in labels])
    rows = np.arange(len(labels))
    same = np.where(right >= 0, ratios[rows, right], np.nan)
    shift = 1 + np.random.default_rng(0).integers(0, max(len(names) - 1, 1), (len(labels), DIFFERENT))
    return same, ratios[rows[:, None], (np.maximum(right, 0)[:, None] + shift) % len(names)]


def held_out(data: TrainingSet, experts: list[Expert]) -> HeldOut:
    """Let the expert of each fold answer for it.

    Args:
        data: the samples.
        experts: for each fold the one that never saw it.

    Returns:
        The answers in the order of the samples.
    """
    rows = [np.flatnonzero(data.folds == fold) for fold in range(len(experts))]
    parts = [answer(expert, data.features[r], data.labels[r])[0] for expert, r in zip(experts, rows, strict=True)]
    back = np.argsort(np.concatenate(rows))

    def merged(values: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(values)[back]

    plain = ("upscaled", "top", "name", "unknown", "same", "different")
    columns = {name: merged([getattr(p, name) for p in parts]) for name in plain}
    parsed = {key: merged([p.parsed[key] for p in parts]) for key in parts[0].parsed}
    return HeldOut(data.labels, **columns, parsed=parsed)


def choose_thresholds(
    answers: HeldOut,
    strangers: Mapping[str, np.ndarray] | None = None,
    shares: Callable[[str], float] = lambda name: 1.0,
    unlike: float = 0.5,
) -> Thresholds:
    """Set the thresholds so that the error rates named at the top of this module hold on held-out samples.

    Args:
        answers: by experts that never saw their fold.
        strangers: by source that was left out, with what probability each picture would be named.
        shares: how much such a source weighs.
        unlike: probability of an unknown upscaler that only says how unlike the training photographs a picture is;
            more is needed for a claim.
    """
    innocent = np.array([is_innocent(label) for label in answers.labels])
    made = np.array([is_source(label) for label in answers.labels])
    histories = np.unique(answers.labels[innocent])
    accuse = max(np.quantile(answers.upscaled[answers.labels == h], 1 - FALSE_ACCUSATIONS) for h in histories)
    accuse = max(float(accuse), 1.0)
    strict, lenient = np.quantile(answers.upscaled[made], MISSES)
    needed = max(np.quantile(answers.upscaled[answers.labels == h], 1 - UNDECIDED_INNOCENTS) for h in histories)
    clear = min(0.0, max(float(strict), min(float(lenient), float(needed))))  # never against the odds
    right = answers.top[made] == answers.labels[made]
    name = 0.95
    for limit in np.arange(0.3, 0.951, 0.01):
        named = answers.name[made] >= limit
        if named.any() and (named & ~right).sum() <= WRONG_NAMES * named.sum():
            name = float(limit)
            break
    if strangers:
        name = max(name, _least_seldom(strangers, shares))
    unknown = max(float(np.nextafter(unlike, 1)), float(np.quantile(answers.unknown[made], 1 - MISTAKEN_UNKNOWN)))
    prior = logit(Priors().upscaled)
    activity = supported_bounds(answers.upscaled[~innocent] - prior, answers.upscaled[innocent] - prior)
    source = supported_bounds(answers.same[made], answers.different[made])
    return Thresholds(accuse, clear, name, unknown, upscaled_bounds=activity, source_bounds=source)


def _least_seldom(strangers: Mapping[str, np.ndarray], shares: Callable[[str], float]) -> float:
    """Return the least threshold from which on sources that were left out are seldom named.

    Their mean share and one standard error, with sources as the unit, stay within `NAMED_STRANGERS`. A few twins make
    up most of that share, so that of sources with no part in the choice it is larger: where the mean alone stayed
    within 0.03, of 26 published ones 0.052 clean and 0.040 at JPEG 74; so chosen, 0.030 and 0.021.
    """
    each = np.array([shares(key) for key in strangers])
    weights = (each / each.sum())[:, None]
    limits = np.unique(np.nextafter(np.concatenate(list(strangers.values())), 1))
    above = [1 - np.searchsorted(np.sort(part), limits) / len(part) for part in strangers.values()]
    named = np.stack(above)
    mean = (weights * named).sum(axis=0)
    error = np.sqrt((weights**2 * (named - mean) ** 2).sum(axis=0))
    often = np.flatnonzero(mean + error > NAMED_STRANGERS)
    return float(limits[often[-1] + 1]) if len(often) else float(limits[0])


def rates(answers: HeldOut, thresholds: Thresholds, sources: dict[str, Source]) -> dict:
    """Return error rates on held-out samples, every source or history weighing the same, as plain numbers."""
    made = np.array([is_source(label) for label in answers.labels])
    names = np.unique(answers.labels[made])
    histories = [str(h) for h in np.unique(answers.labels) if is_innocent(str(h))]
    accused = answers.upscaled >= thresholds.accuse
    undecided = ~accused & (answers.upscaled > thresholds.clear)

    def mean(flags: np.ndarray, group: np.ndarray) -> float:
        return round(float(np.mean([flags[answers.labels == g].mean() for g in group])), 4)

    scale = np.array([str(sources[x].scale) if x in sources else "" for x in answers.labels])
    named = accused & (answers.name >= thresholds.name)
    return {
        "samples": {str(label): int((answers.labels == label).sum()) for label in np.unique(answers.labels)},
        "top1": mean(answers.top == answers.labels, names),
        "named_right": mean(named & (answers.top == answers.labels), names),
        "named_wrong": mean(named & (answers.top != answers.labels), names),
        "scale": mean(answers.parsed["scale"] == scale, names),
        "missed": mean(answers.upscaled <= thresholds.clear, names),
        "falsely_accused": {h: mean(accused, np.array([h])) for h in histories},
        "innocents_undecided": {h: mean(undecided, np.array([h])) for h in histories},
    }
