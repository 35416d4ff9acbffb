"""Reading a hyper-parameter off a picture whose network was never seen.

A parser works in the space of Fisher's discriminants (`protocol.scatter`), where it knows the centres of the networks
it learned from and their values. Networks of one value differ; how far is measured, and directions in which they do are
trusted less: the covariance is I + spread * B, B being the scatter of networks around their value's mean. Which recipe
is used is chosen by cross-validation over networks: those of one value of another hyper-parameter are left out in turn,
among the networks that are learned from, on photographs that the space has not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fingerprint.protocol.networks import PARAMETERS, SEED, Network, values_of
from fingerprint.protocol.pictures import ALL, CHROMA

MOST_LEFT_OUT = 0.6
"""A value that more than this share of the networks has is not left out: too little would be learned from the rest."""
CLOSE = 0.002
"""Recipes whose accuracies differ by less are equals; the one that is further up is taken."""


@dataclass(frozen=True)
class Recipe:
    """How a parser decides.

    Attributes:
        view: which features it looks at.
        within_scale: whether it learns from networks of the parsed scale alone.
        spread: how much the scatter of networks within a value counts.
        sharpness: factor on log-likelihoods of networks, whose posteriors are then summed by value; None to compare
            with the values' means alone.
    """

    view: str = ALL
    within_scale: bool = False
    spread: float = 3.0
    sharpness: float | None = None


RECIPES = tuple(
    Recipe(view, within, spread, sharpness)
    for within in (False, True)
    for view in (ALL, CHROMA)
    for spread, sharpness in ((3.0, None), (100.0, None), (0.3, None), (3.0, 1.0), (0.3, 1.0), (0.0, 1.0), (0.0, 0.3))
)


@dataclass(frozen=True)
class Parser:
    """What tells the values of a hyper-parameter apart.

    Attributes:
        values: in the order of the scores.
        weights: (j, m), one column for each point that is compared with.
        offsets: (m,).
        owner: (m,) value of each point.
        sharpness: factor on the points' scores.
    """

    values: tuple[str, ...]
    weights: np.ndarray
    offsets: np.ndarray
    owner: np.ndarray
    sharpness: float

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Return the (n, v) scores of (n, j) vectors: log-posteriors up to a constant, values equally likely."""
        points = self.sharpness * (vectors @ self.weights + self.offsets)
        if len(self.owner) == len(self.values):
            return points
        top = points.max(axis=1, keepdims=True)
        likely = np.exp(points - top)
        share = np.eye(len(self.values))[self.owner]
        return np.log(likely @ (share / share.sum(axis=0)) + 1e-300) + top

    def answers(self, vectors: np.ndarray) -> np.ndarray:
        """Return the (n,) most likely values."""
        return np.array(self.values)[self.scores(vectors).argmax(axis=1)]


def fit_parser(centres: np.ndarray, values: np.ndarray, spread: float, sharpness: float | None) -> Parser:
    """Fit a parser to networks.

    Args:
        centres: (k, j) of the networks, whose pictures scatter by one in every direction.
        values: (k,) of each network, as text.
        spread: see `Recipe`.
        sharpness: see `Recipe`.

    Raises:
        ValueError: fewer than two values.
    """
    known, owner = np.unique(values, return_inverse=True)
    if len(known) < 2:
        raise ValueError(f"values must be at least two, got {len(known)}")
    share = np.eye(len(known))[owner] / np.bincount(owner)
    means = share.T @ centres
    apart = (centres - means[owner]) * np.sqrt(share.sum(axis=1) / len(known))[:, None]
    covariance = np.eye(centres.shape[1]) + spread * apart.T @ apart
    points = means if sharpness is None else centres
    weights = np.linalg.solve(covariance, points.T)
    offsets = -0.5 * (points.T * weights).sum(axis=0)
    own = np.arange(len(known)) if sharpness is None else owner
    return Parser(tuple(map(str, known)), weights, offsets, own, 1.0 if sharpness is None else sharpness)


@dataclass(frozen=True)
class Sight:
    """Pictures among the networks that a parser may learn from, under several views of the features.

    Attributes:
        networks: (k,) that may be learned from.
        centres: (k, j) of them, for each view.
        vectors: (n, j) of the pictures, for each view.
        made_by: (n,) networks that made the pictures.
    """

    networks: tuple[Network, ...]
    centres: Mapping[str, np.ndarray]
    vectors: Mapping[str, np.ndarray]
    made_by: tuple[Network, ...]

    def truth(self, parameter: str) -> np.ndarray:
        """Return the (n,) values that the pictures' networks have."""
        return np.array([network.value(parameter) for network in self.made_by])


def read(
    sight: Sight, parameter: str, recipe: Recipe, used: np.ndarray, rows: np.ndarray, scales: np.ndarray | None = None
) -> np.ndarray:
    """Parse pictures.

    Args:
        sight: pictures and networks.
        parameter: what is read.
        recipe: how.
        used: (k,) bool, the networks that are learned from; at least two values among them.
        rows: (n,) bool, the pictures to parse.
        scales: (n,) parsed scales, for a recipe that works within one.

    Returns:
        (rows.sum(),) values.

    Raises:
        ValueError: a recipe that needs parsed scales did not get them, or fewer than two values are learned from.
    """
    values = np.array([network.value(parameter) for network in sight.networks])
    centres, vectors = sight.centres[recipe.view], sight.vectors[recipe.view][rows]
    if not recipe.within_scale:
        return fit_parser(centres[used], values[used], recipe.spread, recipe.sharpness).answers(vectors)
    if scales is None:
        raise ValueError("scales must be given for a recipe that works within a scale")
    out = np.empty(len(vectors), dtype=values.dtype)
    own = np.array([network.value("scale") for network in sight.networks])
    told = scales[rows]
    for scale in np.unique(told):
        mine = used & (own == scale)
        if len(np.unique(values[mine])) < 2:
            mine = used
        parser = fit_parser(centres[mine], values[mine], recipe.spread, recipe.sharpness)
        out[told == scale] = parser.answers(vectors[told == scale])
    return out


def left_out_in_turn(networks: Sequence[Network], parameter: str) -> dict[str, list[np.ndarray]]:
    """List what cross-validation leaves out: the networks of each value of each other hyper-parameter.

    Args:
        networks: that are learned from.
        parameter: what is parsed.

    Returns:
        For each other hyper-parameter (and the seed) bool masks over networks; values that too many have, and those
        without which the rest could not answer, are not among them.
    """
    values = np.array([network.value(parameter) for network in networks])
    out: dict[str, list[np.ndarray]] = {}
    for other in (*PARAMETERS, SEED):
        if other == parameter:
            continue
        theirs = np.array([network.value(other) for network in networks])
        for value in values_of(networks, other):
            left = theirs == value
            rest = set(values[~left])
            if left.mean() <= MOST_LEFT_OUT and len(rest) > 1 and rest & set(values[left]):
                out.setdefault(other, []).append(left)
    return out


def choose_recipe(sights: Sequence[Sight], parameter: str, scale_recipe: Recipe | None = None) -> tuple[Recipe, float]:
    """Choose how to parse, by networks that are left out.

    Args:
        sights: one for each fold of the training photographs, its space learned on the others.
        parameter: what is parsed.
        scale_recipe: how the scale is parsed, for recipes that work within it; None leaves those out.

    Returns:
        The recipe, and its accuracy: averaged over pictures, then over values, then over hyper-parameters left out.
        Without anything to leave out the first recipe, and nan.
    """
    recipes = [r for r in RECIPES if r.view in sights[0].centres and (scale_recipe is not None or not r.within_scale)]
    left_out = left_out_in_turn(sights[0].networks, parameter)
    if not left_out:
        return recipes[0], float("nan")
    means = np.zeros(len(recipes))
    for masks in left_out.values():
        for left in masks:
            means += _accuracies(sights, parameter, recipes, scale_recipe, left) / len(masks) / len(left_out)
    best = int(np.flatnonzero(means >= means.max() - CLOSE)[0])
    return recipes[best], float(means[best])


def _accuracies(
    sights: Sequence[Sight], parameter: str, recipes: Sequence[Recipe], scale_recipe: Recipe | None, left: np.ndarray
) -> np.ndarray:
    """Return each recipe's accuracy on networks that are left out."""
    right, total = np.zeros(len(recipes)), 0
    for sight in sights:
        gone = {n.name for n, out in zip(sight.networks, left, strict=True) if out}
        known = {n.value(parameter) for n, out in zip(sight.networks, left, strict=True) if not out}
        rows = np.array([n.name in gone and n.value(parameter) in known for n in sight.made_by])
        truth, scales = sight.truth(parameter)[rows], None
        if scale_recipe is not None:
            scales = parsed_scales(sight, scale_recipe, ~left, rows)
        for place, recipe in enumerate(recipes):
            right[place] += (read(sight, parameter, recipe, ~left, rows, scales) == truth).sum()
        total += len(truth)
    return right / total


def parsed_scales(sight: Sight, recipe: Recipe, used: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Parse the scales of pictures, for recipes that work within one.

    Args:
        sight: pictures and networks.
        recipe: how scales are parsed.
        used: (k,) bool, the networks that are learned from.
        rows: (n,) bool, the pictures to parse.

    Returns:
        (n,) scales; those of other pictures mean nothing, and all are one where one is all that is learned from.
    """
    own = {network.value("scale") for network, use in zip(sight.networks, used, strict=True) if use}
    scales = np.full(len(rows), min(own), dtype="<U8")
    if len(own) > 1:
        scales[rows] = read(sight, "scale", recipe, used, rows)
    return scales
