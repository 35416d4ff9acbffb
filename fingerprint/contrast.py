"""Which of several enrolled sources, told by a discriminant that is fitted on their own pictures.

The space that the reference's sources span holds what tells these apart. Networks that a user enrols may differ where
no two of them do, so their own pictures say more, once there are enough of them: two discriminants, one on all features
and one on places in that space, each with a covariance that is shrunk, and their scores added with weights that
pictures left out in turn choose. Of eight published ×4 networks of one competition, left out of a fit together and
enrolled from 12 training pictures each, 0.62 of other training photographs' pictures are put first (0.52 by distances
alone); of ten that differ more, 0.90 (0.90).

Pictures are far fewer than dimensions, so that all is written in inner products of pictures (the dual form); a fit for
a hundred sources takes two seconds of a core. BLAS works with one thread, so that the bits do not depend on their
number.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

import spectra
from fingerprint.expert import Expert
from fingerprint.lda import Discriminant

MOST = 1200
"""Pictures that a fit takes, of all sources together; of each at least `LEAST`."""
LEAST = 5
SHRINKAGE = 0.1
"""Of the covariance of features. By 93 ×4 networks that no reference knew (42 students, tuned ones, relatives), each
enrolled from 12 pictures and asked about 10 of other photographs, 0.05 to 0.4 make no difference (0.85 put
first)."""
PSEUDOPICTURES = 150.0
"""What the identity weighs in the covariance of places, in pictures: the reference's own metric is the identity."""
USUAL = (0.02, 0.25)
"""Weights of the two discriminants' scores, features first, where no picture speaks: the middle of what was chosen for
galleries of 21 to 105 sources (0.003 to 0.04 and 0.14 to 0.38)."""
_GRIDS = tuple(middle * np.geomspace(0.1, 10, 13) for middle in USUAL)
_MANY, _FEW = 10, 5
"""Into how many runs of neighbours each source's pictures are cut. Many say how the two discriminants weigh against
each other, for they leave little out; few say how sure to be, for crops of one photograph, which stand beside each
other in a list of files, must not be on both sides."""
_LESS = np.geomspace(0.01, 1, 25)
_LEAST_DEVIATION = 1e-4
_LEAST_RIDGE = 1e-6  # pictures of a source may all be the same, in files that differ


@dataclass(frozen=True)
class Contrast:
    """Fitted on the pictures of some sources.

    Attributes:
        names: of the sources.
        features: scores by features, their weight multiplied in.
        places: scores by places, their weight multiplied in.
        columns: (d,) bool, the features that are looked at.
    """

    names: tuple[str, ...]
    features: Discriminant
    places: Discriminant
    columns: np.ndarray

    def log_probabilities(self, features: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return (n, k) float64 log-probabilities of the sources, given that it is one of them.

        Args:
            features: (n, d).
            places: (n, j).
        """
        seen = self.features.steady_scores(features[:, self.columns])
        return log_softmax(seen + self.places.steady_scores(places), axis=1)

    def among(self, features: np.ndarray, places: np.ndarray) -> dict[str, np.ndarray]:
        """Return the same by source, (n,) each, as `Expert.compare` takes it."""
        return dict(zip(self.names, self.log_probabilities(features, places).T, strict=True))


def chosen_columns(tracer: Discriminant) -> np.ndarray:
    """Return (d,) bool: the features that tell networks apart which the tracer never saw.

    Those that it looks at itself, and the embedding's, which it leaves out for clean pictures because it was fitted on
    pictures that the embedding had seen. With the embedding 0.85 of the clean pictures of 69 networks are put first
    (students, tuned networks, stand-ins), without 0.81; at JPEG 75, of 77, 0.28 with luma and embedding, 0.26 with
    colour besides.

    Args:
        tracer: of an expert.
    """
    chosen = (tracer.weights != 0).any(axis=1)
    chosen[spectra.DIMENSIONS :] = True
    return chosen


def contrast_of(expert: Expert, features: Mapping[str, np.ndarray]) -> Contrast:
    """Fit on the pictures of at least two sources, as an expert sees them.

    Args:
        expert: of a condition.
        features: (n, d) of each source's pictures, all dimensions of the expert's mode.

    Raises:
        ValueError: as `fit_contrast` does.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        places = {name: expert.places.vectors(expert.tracer.scores(rows)) for name, rows in features.items()}
    return fit_contrast(features, places, chosen_columns(expert.tracer))


def fit_contrast(
    features: Mapping[str, np.ndarray], places: Mapping[str, np.ndarray], columns: np.ndarray | None = None
) -> Contrast:
    """Fit on the pictures of at least two sources.

    Args:
        features: (n, d) of each source's pictures.
        places: (n, j) places of the same.
        columns: (d,) bool, the features to look at; all by default.

    Raises:
        ValueError: fewer than two sources, or one with fewer than `LEAST` pictures.
    """
    from threadpoolctl import threadpool_limits  # whoever asks no gallery need not wait for it

    names = tuple(features)
    if len(names) < 2 or min(map(len, features.values())) < LEAST:
        raise ValueError(f"at least two sources with {LEAST} pictures each are needed")
    chosen = np.ones(features[names[0]].shape[1], bool) if columns is None else columns
    with threadpool_limits(1, user_api="blas"):
        return _fitted(names, {name: rows[:, chosen] for name, rows in features.items()}, places, chosen)


def _fitted(
    names: tuple[str, ...],
    features: Mapping[str, np.ndarray],
    places: Mapping[str, np.ndarray],
    columns: np.ndarray,
) -> Contrast:
    """Fit on the chosen columns."""
    most = max(LEAST, MOST // len(names))
    rows = {name: _evenly(len(vectors), most) for name, vectors in features.items()}
    index = np.repeat(np.arange(len(names)), [len(rows[name]) for name in names])
    folds = {
        count: np.concatenate([np.arange(len(rows[name])) * count // len(rows[name]) for name in names])
        for count in (_MANY, _FEW)
    }
    among = len(index) - len(names)
    fits = []
    for vectors, shrinkage, scaled in (
        (features, SHRINKAGE, True),
        (places, PSEUDOPICTURES / (PSEUDOPICTURES + among), False),
    ):
        every = np.concatenate([vectors[name][rows[name]] for name in names]).astype(np.float64)
        mean = every.mean(axis=0)
        deviation = every.std(axis=0) + _LEAST_DEVIATION if scaled else np.ones_like(mean)
        every = (every - mean) / deviation
        products = every @ every.T
        held_out = {count: np.empty((len(index), len(names))) for count in folds}
        for count, fold in folds.items():
            for k in range(count):
                part = _fit(products, index, fold != k, shrinkage, every.shape[1])
                held_out[count][fold == k] = part.scores(products[fold == k])
        whole = _fit(products, index, np.ones(len(index), bool), shrinkage, every.shape[1])
        fits.append((whole, held_out, every, mean, deviation))
    by_features, by_places = (held_out for _, held_out, *_ in fits)
    weights = _chosen_weights(by_features[_MANY], by_places[_MANY], index)
    less = _least_sure(weights[0] * by_features[_FEW] + weights[1] * by_places[_FEW], index)
    discriminants = []
    for (whole, _, every, mean, deviation), weight in zip(fits, weights, strict=True):
        raw = less * weight * (whole.weights.T @ every).T / deviation[:, None]
        discriminants.append(Discriminant(names, raw, less * weight * whole.offsets - mean @ raw))
    return Contrast(names, discriminants[0], discriminants[1], columns)


def _evenly(count: int, most: int) -> np.ndarray:
    """Return at most so many of the first numbers, evenly spread."""
    return np.arange(count) if count <= most else np.arange(most) * count // most


def _fit(products: np.ndarray, index: np.ndarray, train: np.ndarray, shrinkage: float, dimensions: int) -> Discriminant:
    """Fit a shrinkage discriminant in dual form.

    Args:
        products: (n, n) inner products of pictures.
        index: (n,) source of each.
        train: (n,) bool, the pictures to fit on.
        shrinkage: weight of the identity in the covariance within sources.
        dimensions: of what the products are of.

    Returns:
        Scores of a picture as a linear function of its (n,) inner products with all pictures.
    """
    from scipy.linalg import cho_factor, cho_solve  # slow to import, and only fitting needs it

    rows = np.flatnonzero(train)
    own, k = index[rows], int(index.max()) + 1
    means = (own == np.arange(k)[:, None]).astype(np.float64)
    means /= means.sum(axis=1, keepdims=True)
    inner = products[np.ix_(rows, rows)]

    def centred(matrix: np.ndarray) -> np.ndarray:
        """Take the mean over each source's pictures out of every row."""
        return matrix - (matrix @ means.T)[:, own]

    within = centred(centred(inner).T)
    free = len(rows) - k
    ridge = max(shrinkage * np.trace(within) / free / dimensions, _LEAST_RIDGE)
    within[np.diag_indices(len(rows))] += ridge * free / (1 - shrinkage)
    apart = means - means.mean(axis=0)
    factor = cho_factor(within, lower=True, overwrite_a=True, check_finite=False)
    solved = cho_solve(factor, centred(apart @ inner).T, check_finite=False).T
    weights = (apart - centred(solved)) / ridge
    half = (apart @ inner * weights).sum(axis=1) / 2
    offsets = -half - weights @ (inner @ means.mean(axis=0))
    spread = np.zeros((len(index), k))
    spread[rows] = weights.T
    return Discriminant(tuple(map(str, range(k))), spread, offsets)


def _chosen_weights(features: np.ndarray, places: np.ndarray, index: np.ndarray) -> tuple[float, float]:
    """Return the weights of two (n, k) arrays of held-out scores that make the right sources likeliest.

    A normal prior on the logarithm of each, around `USUAL`, decides where there are few pictures.
    """
    rows = np.arange(len(index))

    def posterior(pair: tuple[float, float]) -> float:
        told = log_softmax(pair[0] * features + pair[1] * places, axis=1)[rows, index].sum()
        return float(told - np.square(np.log(np.divide(pair, USUAL))).sum() / 2)

    return max(((a, b) for a in _GRIDS[0].tolist() for b in _GRIDS[1].tolist()), key=posterior)


def _least_sure(scores: np.ndarray, index: np.ndarray) -> float:
    """Return what (n, k) scores must be multiplied by, at most 1, to make the right sources likeliest."""
    rows = np.arange(len(index))
    return max(_LESS.tolist(), key=lambda less: float(log_softmax(less * scores, axis=1)[rows, index].sum()))
