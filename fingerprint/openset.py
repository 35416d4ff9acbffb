"""Known or unknown: whether an upscaled picture fits any enrolled source, learned by leaving each source out in turn.

Scores are those of the source discriminant, float64 `n k`, one column a source. An unknown network either lies far from
all enrolled ones or between two of them; the distance to the nearest and the lead of the nearest over the second tell
both. Left out means out of the discriminant, too: one that has learned to tell two networks apart also tells that the
second is not the first. With columns left out of its scores alone, clean pictures of six published networks that no
part of the reference knew were named as another in 0.57 of cases; so learned, in 0.15, all but one network's in none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from fingerprint.logistic import Logistic, balanced_weights, fit_logistic

KNOWN, UNKNOWN, INNOCENT = "known", "unknown", "innocent"
LEADS = (2.0, 3.0)
"""Where leads are cut off, by leaving 26 published networks out in turn: their clean held-out crops are told from those
of enrolled networks with a mean AUROC of 0.921 (0.913 with leads as they are, 0.890 with distances whitened by held-out
scatter)."""
FARTHEST = 18.0
"""Where distances are cut off: 160x160 crops of what an enrolled x2 network made of BSDS500's photographs lie at 10 in
the middle, of scikit-image's photographs at 17. The mean AUROC stays as it is (0.921 without; 0.914 with 16)."""
USUAL = 76.0
"""Squared distance of held-out clean crops of published sources to their own places, in the middle."""
_LEAST = 1e-9  # of the largest eigenvalue; below it lies what rounding left


@dataclass(frozen=True)
class Places:
    """Where sources lie in the space that their discriminant spans, in its own metric.

    The scores of a source are those of a Gaussian class at its centre, less something that no source changes: half its
    squared distance with the sign turned round.

    Attributes:
        whitener: (k, j), applied from the right to scores less their origin.
        origin: (k,) scores of the point midway between all sources.
        centres: (k, j), one row a source.
    """

    whitener: np.ndarray
    origin: np.ndarray
    centres: np.ndarray

    def vectors(self, scores: np.ndarray) -> np.ndarray:
        """Return (n, j) places of (n, k) scores."""
        centred = scores.astype(np.float64) - self.origin
        return np.einsum("nk,kj->nj", centred, self.whitener, optimize=False)

    def squared_distances(self, scores: np.ndarray) -> np.ndarray:
        """Return the (n, k) squared Mahalanobis distances of scores to every source."""
        z = self.vectors(scores)
        squared = np.empty((len(z), len(self.centres)))
        for column, centre in enumerate(self.centres):  # one at a time: all differences at once fill the memory
            squared[:, column] = np.square(z - centre).sum(axis=-1)
        return squared


def fit_places(of_means: np.ndarray) -> Places:
    """Place sources by what their discriminant says of their means.

    Scores of means, less their average, are inner products of the means under the discriminant's own covariance; their
    eigenvectors give coordinates. Held-out scores, whose scatter this once was whitened by, come from discriminants
    that each have an origin of their own: with the 26 published networks left out in three groups and enrolled from
    fifteen clean pictures each, they were told among all with 0.70 then, with 0.86 now.

    Args:
        of_means: (k, k), see `Discriminant.of_means`; those of some sources place them as if there were no others.
    """
    origin = of_means.mean(axis=0)
    products = of_means - origin
    products = products - products.mean(axis=1, keepdims=True)
    sizes, axes = np.linalg.eigh((products + products.T) / 2)
    used = sizes > _LEAST * sizes.max()
    whitener = axes[:, used] / np.sqrt(sizes[used])
    return Places(whitener, origin, products @ whitener)


def closeness(squared: np.ndarray) -> np.ndarray:
    """Return the (n, 2) distances to the nearest source, and log(1 + lead over the second), of (n, k) squared ones."""
    ordered = np.sort(squared, axis=1)
    return np.stack([np.sqrt(ordered[:, 0]), np.log1p((ordered[:, 1] - ordered[:, 0]) / 2)], axis=1)


def novelty(squared: np.ndarray) -> np.ndarray:
    """Return the (n, 3) measures that tell known from unknown: nearest distance, and its lead, all cut off.

    A lead beyond the last of `LEADS` says no more: where few sources are enrolled, an unknown one's is as large. Nor
    does a distance beyond `FARTHEST`: enrolled networks' enlargements of photographs unlike those that the
    discriminants were fitted on lie as far as unknown networks' of like ones.
    """
    near, lead = closeness(squared).T
    return np.stack([np.minimum(near, FARTHEST), *(np.minimum(lead, most) for most in LEADS)], axis=1)


def fit_novelty(
    known: Mapping[str, np.ndarray], unknown: Mapping[str, np.ndarray], shares: Callable[[str], float]
) -> Logistic:
    """Learn the log-odds of known against unknown.

    Args:
        known: by source, (n, k) squared distances of its pictures to the enrolled ones, itself among them.
        unknown: by source, those of its pictures to the others, told by a discriminant that never saw it.
        shares: how much a source weighs.

    Returns:
        A two-class model ("known", "unknown"), known and unknown weighing the same.
    """
    measures, labels, weights = [], [], []
    for side, label in ((known, KNOWN), (unknown, UNKNOWN)):
        total = sum(shares(name) for name in side)
        for name, squared in side.items():
            measures.append(novelty(squared))
            labels += [label] * len(squared)
            weights += [shares(name) / total / len(squared)] * len(squared)
    return fit_logistic(np.concatenate(measures), np.array(labels), np.array(weights), ridge=1e-4)


def fit_match(
    scores: np.ndarray,
    index: np.ndarray,
    folds: np.ndarray,
    of_means: Mapping[int, np.ndarray],
    innocent: np.ndarray,
    asked: int | None = None,
) -> Logistic:
    """Learn the log-odds of an enrolled source's picture against a photograph, by how well it fits the nearest source.

    Args:
        scores: (n, k), each sample's by the discriminant that never saw its fold.
        index: (n,) column of the right source, negative for samples of none.
        folds: (n,) folds.
        of_means: by fold, (k, k) scores of the means by the discriminant that never saw it.
        innocent: (n,) bool, photographs.
        asked: the fold that is learned from; all by default.

    Returns:
        A two-class model ("known", "innocent"), both weighing the same.
    """
    measures, labels = [], []
    for fold in np.unique(folds).tolist() if asked is None else (asked,):
        inside = folds == fold
        placed = fit_places(of_means[fold])
        for chosen, label in ((inside & (index >= 0), KNOWN), (inside & innocent, INNOCENT)):
            if chosen.any():
                measures.append(closeness(placed.squared_distances(scores[chosen])))
                labels += [label] * int(chosen.sum())
    names = np.array(labels)
    return fit_logistic(np.concatenate(measures), names, balanced_weights(names), ridge=1e-5)
