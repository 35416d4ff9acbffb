"""The expert for one processing condition: from a feature vector to likelihood ratios and parsed hyper-parameters.

Two discriminants score a picture: one over everything (sources and innocents), one over sources alone. What the scores
mean is learned from held-out scores of training samples, photograph by photograph. Logarithms are natural.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, logsumexp

from fingerprint.kinds import Kinds, fit_kinds, fit_temperature, sharpness
from fingerprint.lda import CrossFit, Discriminant, LeftOut, cross_fit, leave_classes_out
from fingerprint.logistic import Logistic, balanced_weights, fit_logistic
from fingerprint.openset import (
    FARTHEST,
    KNOWN,
    LEADS,
    UNKNOWN,
    USUAL,
    Places,
    closeness,
    fit_match,
    fit_novelty,
    fit_places,
    novelty,
)
from fingerprint.result import Priors
from fingerprint.samples import ENLARGED, ORIGINAL
from fingerprint.sources import Source
from fingerprint.training_set import TrainingSet

SHRINKAGE = 0.15
NATIVE_WEIGHT = 0.3
"""What a picture of a photograph as it is weighs in the tracer beside one of a reduced photograph. On photographs that
no discriminant saw, top-1 of reduced ones is, for weights of 0, 0.3 and 1, 0.966, 0.964 and 0.961 clean, 0.423, 0.419
and 0.408 at JPEG 74 (published sources); of those as they are 0.839, 0.893 and 0.920, and 0.357, 0.478 and 0.518."""
PARSED = ("scale", "loss", "architecture", "training_data")
INTERPOLATION = "interpolation"
"""Loss and architecture of classical kernels."""


@dataclass(frozen=True)
class Scored:
    """What an expert says about n pictures.

    Attributes:
        log_sources: (n, k) log-probabilities of the sources, given that one of them made the picture, all equally
            likely.
        known: (n,) log likelihood ratio of an enrolled against an unknown upscaler.
        upscaled: (n,) log likelihood ratio of upscaled against not upscaled.
        parsed: for each of `PARSED`, (n, c) log-probabilities, given that the picture was upscaled.
        log10_parameters: (n,) parsed logarithm of the parameter count.
        sources: (k,) names of the sources that the picture was compared with.
    """

    log_sources: np.ndarray
    known: np.ndarray
    upscaled: np.ndarray
    parsed: dict[str, np.ndarray]
    log10_parameters: np.ndarray
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Expert:
    """One condition's discriminants and what their scores mean.

    Attributes:
        detector: discriminant over sources or groups of them, innocents and enlargements.
        tracer: discriminant over sources.
        kinds: what makes log-probabilities of the tracer's scores, less sharp ones where a picture lies far away.
        usual: distance of held-out pictures of reduced photographs to the nearest source, in the middle.
        places: sources in the tracer's score space.
        novelty: known against unknown.
        match: known against innocent, by how well a picture fits the nearest source.
        detection: upscaled against not upscaled, from the detector's two sums and from what `match` says for it: under
            JPEG the detector alone takes 0.42 of one Real-ESRGAN network's held-out crops for photographs, 0.19 so.
        detection_temperature: factor on the detector's scores.
        heads: a model for each of `PARSED`, on both scores.
        size: (k1 + k2 + 1,) weights and offset of log10 of the parameter count.
        size_margin: half the width of its 90 % interval.
        support: (innocent, upscaled, source) numbers of held-out samples that bound the likelihood ratios.
    """

    detector: Discriminant
    tracer: Discriminant
    kinds: Kinds
    usual: float
    places: Places
    novelty: Logistic
    match: Logistic
    detection: Logistic
    detection_temperature: float
    heads: dict[str, Logistic]
    size: np.ndarray
    size_margin: float
    support: tuple[int, int, int]

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the enrolled sources, in order."""
        return self.tracer.classes

    def score(self, detector_scores: np.ndarray, tracer_scores: np.ndarray) -> Scored:
        """Interpret the scores of n pictures.

        Args:
            detector_scores: (n, k1).
            tracer_scores: (n, k2).
        """
        detect, trace = detector_scores.astype(np.float64), tracer_scores.astype(np.float64)
        squared = self.places.squared_distances(trace)
        sums = detection_sum(self.detector.classes, self.detection_temperature * detect)
        both, told = np.concatenate([detect, trace], axis=1), closeness(squared)
        return Scored(
            self.kinds.log_probabilities(trace * sharpness(told[:, 0], self.usual)),
            self.novelty.log_ratio(novelty(squared), KNOWN),
            self.detection.log_ratio(_signs(sums, self.match, told), "upscaled"),
            {name: head.log_probabilities(both) for name, head in self.heads.items()},
            (both * self.size[:-1]).sum(axis=1) + self.size[-1],
            self.sources,
        )

    def compare(
        self,
        scored: Scored,
        tracer_scores: np.ndarray,
        enrolled: Mapping[str, np.ndarray],
        alone: bool,
        among: Mapping[str, np.ndarray] | None = None,
    ) -> Scored:
        """Compare n pictures with sources that a user enrolled, too.

        A user's source lies at the mean of its pictures' vectors. What its squared distance says is put beside the
        scores of the reference's sources at the nearest of these. A picture that lies nearest to a user's source is
        upscaled as far as the detector says so, or as far as it fits that source better than photographs fit any, both
        equally likely beforehand: the detector never saw that source. Whether it is known is judged by distances in
        units of that source's own scatter: users enrol pictures of photographs of their own, which lie farther. Which
        of several it is, and how far the second lies behind, their own contrast tells better than distances, where
        there is one; how likely they are together stays with the distances.

        Args:
            scored: what `score` said.
            tracer_scores: (n, k2), as `score` was given.
            enrolled: (m, k2) vectors of each source, as `Places.vectors` gives them.
            alone: whether the user's sources are the only candidates; the reference's then stand for unknown ones.
            among: (n,) log-probabilities of some of the user's sources, given that it is one of these.

        Returns:
            The same with more sources, or with others.
        """
        trace = tracer_scores.astype(np.float64)
        z = self.places.vectors(trace)
        shipped = self.places.squared_distances(trace)
        own = np.stack([_squared_from(vectors, z) for vectors in enrolled.values()], axis=1)
        nearest = shipped.min(axis=1, keepdims=True)
        squared = np.concatenate([shipped, np.maximum(own, 0)], axis=1)
        usual = np.array([_usual_scale(vectors) for vectors in enrolled.values()])
        theirs = np.maximum(own * usual, 0)
        sharp = sharpness(np.sqrt(np.minimum(shipped.min(axis=1), theirs.min(axis=1))), self.usual)
        shares = self.kinds.log_probabilities(trace * sharp)
        beside = shares.max(axis=1, keepdims=True) - self.kinds.temperature * sharp * (own - nearest) / 2
        if among:
            columns = [k for k, name in enumerate(enrolled) if name in among]
            told = np.stack([among[name] for name in enrolled if name in among], axis=1)
            beside[:, columns] = logsumexp(beside[:, columns], axis=1, keepdims=True) + told
            behind = 2 * (told.max(axis=1, keepdims=True) - told)  # as squared distances say it
            theirs[:, columns] = theirs[:, columns].min(axis=1, keepdims=True) + behind
        every = np.concatenate([shares, beside], axis=1)
        log_sources = every - np.asarray(logsumexp(every, axis=1, keepdims=True))
        known = self.novelty.log_ratio(novelty(np.concatenate([shipped, theirs], axis=1)), KNOWN)
        matched = np.logaddexp(scored.upscaled, self.match.log_ratio(closeness(squared), KNOWN)) - np.log(2)
        scored = replace(scored, upscaled=np.where(own.min(axis=1) < nearest[:, 0], matched, scored.upscaled))
        if not alone:
            return replace(scored, log_sources=log_sources, known=known, sources=(*self.sources, *enrolled))
        log_own = log_sources[:, len(self.sources) :]
        share = np.asarray(logsumexp(log_own, axis=1, keepdims=True))
        one = known[:, None] - np.logaddexp(0, known[:, None]) + share  # log-probability of any of the user's
        log_odds = (one - np.log(-np.expm1(np.minimum(one, -1e-12))))[:, 0]
        return replace(scored, log_sources=log_own - share, known=log_odds, sources=tuple(enrolled))


def averaged(chosen: Scored, possible: Sequence[tuple[Scored, float]]) -> Scored:
    """Average which source and which hyper-parameters over what experts of several conditions say of the same pictures.

    Args:
        chosen: what the expert of the likeliest condition says; the rest stays as it is.
        possible: what each says, about the same sources and values, and its condition's probability, above 0; fewer
            than two change nothing.
    """
    if len(possible) < 2:
        return chosen
    shares = np.log([share for _, share in possible])
    shares = (shares - np.logaddexp.reduce(shares))[:, None, None]

    def mean(parts: list[np.ndarray]) -> np.ndarray:
        return np.logaddexp.reduce(np.stack(parts) + shares, axis=0)

    parsed = {name: mean([scored.parsed[name] for scored, _ in possible]) for name in chosen.parsed}
    return replace(chosen, log_sources=mean([scored.log_sources for scored, _ in possible]), parsed=parsed)


def _usual_scale(vectors: np.ndarray) -> float:
    """Return what brings squared distances to a user's source to those that are usual for shipped ones, at most 1."""
    scatter = np.square(vectors - vectors.mean(axis=0)).sum() / max(len(vectors) - 1, 1)
    return float(min(1.0, USUAL / max(scatter, 1e-9)))


def _squared_from(vectors: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return (n,) squared distances of (n, j) places to the mean of some, less what that mean's error adds to them."""
    mean, count = vectors.mean(axis=0), len(vectors)
    error = np.square(vectors - mean).sum() / max(count - 1, 1) / count
    return np.square(z - mean).sum(axis=1) - error


def is_innocent(label: str) -> bool:
    """Whether a class label stands for pictures that were not upscaled."""
    return label.startswith(ORIGINAL)


def is_source(label: str) -> bool:
    """Whether a class label stands for a source that is enrolled."""
    return not is_innocent(label) and label != ENLARGED


def detection_sum(classes: tuple[str, ...], log_likelihoods: np.ndarray) -> np.ndarray:
    """Return (n, 1): log of the upscaled classes' likelihoods' sum less that of the innocent classes'."""
    innocent = np.array([is_innocent(name) for name in classes])
    made, not_made = (np.asarray(logsumexp(log_likelihoods[:, side], axis=1)) for side in (~innocent, innocent))
    return (made - not_made)[:, None]


def _signs(sums: np.ndarray, match: Logistic, told: np.ndarray) -> np.ndarray:
    """Return (n, 2): the detector's sums, and how far a picture fits a source better than photographs fit any.

    That it fits none says nothing: an unknown network's pictures do not either.
    """
    return np.concatenate([sums, np.maximum(match.log_ratio(told, KNOWN), 0)[:, None]], axis=1)


class Fit(NamedTuple):
    """What `fit_expert` returns.

    Attributes:
        full: fitted on all samples.
        folds: for each fold the expert that never saw it.
        strangers: by source, (n,) the posterior probability, given upscaled and under the default priors, of the
            likeliest of the other sources, where neither the discriminant nor anything before it knew the right one.
    """

    full: Expert
    folds: list[Expert]
    strangers: dict[str, np.ndarray]


def fit_expert(
    data: TrainingSet,
    sources: dict[str, Source],
    shrinkage: tuple[float, float] = (SHRINKAGE, SHRINKAGE),
    traced_by: np.ndarray | None = None,
    shares: Callable[[str], float] = lambda name: 1.0,
    grouped: Callable[[str], str] = lambda name: name,
    asked: int | None = None,
) -> Fit:
    """Fit a condition's expert on all samples, and one without each fold.

    What was made of photographs as they are teaches the tracer and what is known; the detector and the heads do better
    without. Taught by it, too, they take half of one denoising network's reduced photographs for untouched ones (top-1
    of its pictures at JPEG 90 0.60, then 0.00), and the scale of 0.958 of the published pictures at JPEG 75 is right,
    not of 0.979.

    Args:
        data: samples of one condition.
        sources: what is known of each source among the labels.
        shrinkage: of the detector and of the tracer.
        traced_by: (d,) bool, the dimensions that the tracer uses, all by default.
        shares: how much a label weighs in the discriminants' covariances, all the same by default; sources of one
            scale, loss and weight are of one kind (`kinds`).
        grouped: the class that a label belongs to in the detector, itself by default.
        asked: the fold that what scores mean is learned from, all by default: features that were trained on the other
            folds' photographs are too sure of those. An expert without that fold learns from all it has.

    Returns:
        The expert, for each fold an expert none of whose parts was fitted to the fold's labels, and what the first
        would say of the sources if each were unknown.

    Raises:
        ValueError: a source is not described, or a class lies within one fold.
    """
    missing = sorted({label for label in data.labels if is_source(label)} - sources.keys())
    if missing:
        raise ValueError(f"sources must describe every label, {', '.join(missing)} missing")
    chosen = np.array([is_source(label) for label in data.labels])
    made = data.take(chosen)
    if traced_by is not None and not traced_by.all():
        made = replace(made, features=np.ascontiguousarray(made.features[:, traced_by]))
    weights = np.where(made.native, NATIVE_WEIGHT, 1.0)
    trace = _widened(cross_fit(made.features, made.labels, made.folds, shrinkage[1], shares, weights), traced_by)
    first = int(data.folds.min()) if asked is None else asked
    left_out = {
        fold: list(leave_classes_out(made.features, made.labels, made.folds, fold, shrinkage[1], shares, weights))
        for fold in (first, int(data.folds[data.folds != first].min()))
    }
    groups = np.array([grouped(label) for label in data.labels])
    plain = ~data.native
    shown = data.take(plain) if data.native.any() else data
    detect = cross_fit(shown.features, groups[plain], shown.folds, shrinkage[0], shares)
    detect_scores = np.empty((len(data.labels), len(detect.full.classes)), np.float32)
    detect_scores[plain] = detect.held_out
    for fold, part in enumerate(detect.folds):
        others = data.native & (data.folds == fold)
        detect_scores[others] = part.scores(data.features[others])
    trace_scores = np.empty((len(data.labels), len(trace.full.classes)), np.float32)
    for fold, part in enumerate(trace.folds):
        trace_scores[data.folds == fold] = part.scores(data.features[data.folds == fold])
    every = np.ones(len(data.labels), bool)
    of_means = {fold: part.means for fold, part in enumerate(trace.folds)}
    build = _Builder(data, groups, detect_scores, trace_scores, of_means, left_out, sources, shares, asked)
    jobs = [(detect.full, trace.full, every)]
    jobs += [(d, t, data.folds != f) for f, (d, t) in enumerate(zip(detect.folds, trace.folds, strict=True))]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        full, *parts = pool.map(lambda job: build.expert(*job), jobs)
    return Fit(full, parts, {left.name: _as_stranger(full, left) for left in left_out[first]})


def unlike(expert: Expert) -> float:
    """Return the posterior probability of an unknown upscaler, given upscaled, that distance alone can bring about.

    Pictures of photographs unlike those fitted on lie far from every source, and still lead clearly: see `openset`.
    """
    log_odds = expert.novelty.log_ratio(np.array([[FARTHEST, *LEADS]]), UNKNOWN)[0]
    return float(expit(log_odds + logit(Priors().unknown_given_upscaled)))


def _as_stranger(expert: Expert, left: LeftOut) -> np.ndarray:
    """Return the (n,) posterior probability of the likeliest source for pictures of a source that was left out."""
    squared = fit_places(left.of_means).squared_distances(left.scores)
    known = expert.novelty.log_ratio(novelty(squared), KNOWN)
    kinds = expert.kinds.without(expert.sources.index(left.name))
    sharp = sharpness(closeness(squared)[:, 0], expert.usual)
    share = np.exp(kinds.log_probabilities(left.scores * sharp).max(axis=1))
    return expit(known - logit(Priors().unknown_given_upscaled)) * share


def _widened(crossed: CrossFit, used: np.ndarray | None) -> CrossFit:
    """Put discriminants that were fitted on some of the dimensions among all; the others' weights are zero."""
    if used is None or used.all():
        return crossed

    def widened(part: Discriminant) -> Discriminant:
        weights = np.zeros((len(used), part.weights.shape[1]), np.float32)
        weights[used] = part.weights
        return replace(part, weights=weights)

    return CrossFit(widened(crossed.full), crossed.held_out, tuple(map(widened, crossed.folds)))


@dataclass(frozen=True)
class _Builder:
    data: TrainingSet
    groups: np.ndarray
    detect_scores: np.ndarray
    trace_scores: np.ndarray
    of_means: dict[int, np.ndarray]
    left_out: dict[int, list[LeftOut]]
    sources: dict[str, Source]
    shares: Callable[[str], float]
    asked: int | None = None

    def kind(self, name: str) -> str:
        source = self.sources[name]
        return f"{source.scale} {source.loss} {self.shares(name)}"

    def expert(self, detector: Discriminant, tracer: Discriminant, used: np.ndarray) -> Expert:
        labels, folds = self.data.labels[used], self.data.folds[used]
        detect, trace = self.detect_scores[used].astype(np.float64), self.trace_scores[used].astype(np.float64)
        column = {name: k for k, name in enumerate(tracer.classes)}
        index = np.array([column.get(label, -1) for label in labels])
        made = index >= 0
        upscaled = np.array(["not" if is_innocent(label) else "upscaled" for label in labels])
        target = np.searchsorted(detector.classes, self.groups[used])
        asked = self.asked if (folds == self.asked).any() else None
        calm = np.full(len(folds), True) if asked is None else folds == asked
        plain = ~self.data.native[used]
        shown = calm & plain
        weights = balanced_weights(upscaled[shown], labels[shown])
        detection_temperature = fit_temperature(detect[shown], target[shown], weights)
        sums = detection_sum(detector.classes, detection_temperature * detect)
        match = fit_match(trace, np.where(plain, index, -1), folds, self.of_means, upscaled == "not", asked)
        told = self._told(trace, folds)
        signs = _signs(sums, match, told)
        judged = made & calm & plain
        usual = float(np.median(told[judged, 0]))
        sharp = trace[judged] * sharpness(told[judged, 0], usual)
        both = np.concatenate([detect, trace], axis=1)
        size, margin = _fit_size(both[made & plain], labels[made & plain], self.sources)
        return Expert(
            detector=detector,
            tracer=tracer,
            kinds=fit_kinds(sharp, index[judged], [self.kind(name) for name in tracer.classes]),
            usual=usual,
            places=fit_places(tracer.means),
            novelty=self._novelty(trace, labels, folds, tracer.classes),
            match=match,
            detection=fit_logistic(signs[shown], upscaled[shown], weights, ridge=1e-5),
            detection_temperature=detection_temperature,
            heads={name: self._head(name, both[plain], labels[plain]) for name in PARSED},
            size=size,
            size_margin=margin,
            support=(int((upscaled == "not").sum()), int((plain & (upscaled == "upscaled")).sum()), int(made.sum())),
        )

    def _novelty(self, trace: np.ndarray, labels: np.ndarray, folds: np.ndarray, names: tuple[str, ...]) -> Logistic:
        """Learn known against unknown on one fold; plain enlargements at odd factors are never enrolled."""
        fold = next(fold for fold in self.left_out if (folds == fold).any())  # the one asked first
        squared = fit_places(self.of_means[fold]).squared_distances(trace)
        inside = folds == fold
        known = {name: squared[inside & (labels == name)] for name in names if (inside & (labels == name)).any()}
        left = self.left_out[fold]
        unknown = {part.name: fit_places(part.of_means).squared_distances(part.scores) for part in left}
        if (inside & (labels == ENLARGED)).any():
            unknown[ENLARGED] = squared[inside & (labels == ENLARGED)]
        return fit_novelty(known, unknown, self.shares)

    def _told(self, trace: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """Return the (n, 2) closeness of each sample, by the discriminant that never saw its fold."""
        told = np.empty((len(trace), 2))
        for fold in np.unique(folds).tolist():
            told[folds == fold] = closeness(fit_places(self.of_means[fold]).squared_distances(trace[folds == fold]))
        return told

    def _head(self, name: str, both: np.ndarray, labels: np.ndarray) -> Logistic:
        """Fit what tells a value; plain enlargements are known to be interpolation, at no scale that is enrolled."""
        told = {label: str(getattr(self.sources[label], name)) for label in self.sources}
        told |= {ENLARGED: INTERPOLATION} if name in ("loss", "architecture") else {}
        chosen = np.isin(labels, list(told))
        values = np.array([told[label] for label in labels[chosen]])
        return fit_logistic(both[chosen], values, balanced_weights(values, labels[chosen]), ridge=1e-4)


def _fit_size(both: np.ndarray, labels: np.ndarray, sources: dict[str, Source]) -> tuple[np.ndarray, float]:
    """Regress log10 of the parameter count; the margin is the 90 % quantile of errors on networks left out in turn."""
    counts = np.array([sources[label].parameters for label in labels])
    kept = counts > 0
    x, y, names = both[kept], np.log10(counts[kept]), labels[kept]
    origin = x.mean(axis=0)  # sums of squares lose digits far from zero
    with_y = np.concatenate([np.ones((len(x), 1)), x - origin, y[:, None]], axis=1)
    weights = balanced_weights(names)[:, None]
    groups = {str(name): with_y[names == name] for name in np.unique(names)}
    moments = {name: (weights[names == name] * group).T @ group for name, group in groups.items()}
    total = np.sum(list(moments.values()), axis=0)

    def solve(moment: np.ndarray) -> np.ndarray:
        moment = moment / moment[0, 0]
        covariance = moment[1:, 1:] - np.outer(moment[1:, 0], moment[1:, 0])
        spread = np.sqrt(np.maximum(covariance.diagonal()[:-1], 0)) + 1e-9
        z = covariance[:-1, :-1] / spread / spread[:, None]
        slope = np.linalg.solve(z + 0.05 * np.eye(len(z)), covariance[:-1, -1] / spread) / spread
        return np.append(slope, moment[-1, 0] - (origin + moment[1:-1, 0]) @ slope)

    errors = []
    for name, group in groups.items():
        model = solve(total - moments[name])
        errors.append(np.quantile(np.abs((group[:, 1:-1] + origin) @ model[:-1] + model[-1] - group[:, -1]), 0.9))
    return solve(total), float(np.quantile(errors, 0.9))
