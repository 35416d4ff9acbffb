"""What regression adds to an answer: hyper-parameters as real numbers, each with an interval."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from fingerprint.conditions import LOWEST_QUALITY
from fingerprint.regression.conformal import LEVEL
from fingerprint.regression.draws import LEAST_SIDE
from fingerprint.regression.regressors import ANY, POOLED, STAND_INS, Regressors, used
from fingerprint.regression.targets import TARGETS, Target
from fingerprint.result import Parameter, Verdict

ADDED = ("scale_factor", "depth", "log10_adversarial_weight", "jpeg_quality_before", "jpeg_quality_after")
"""Keys of `parameters` that are there besides the parsed ones."""
SIZE = "log10_parameters"
_GUESSES = 199  # points that stand for a regressed value beside the values of networks that are known
_NOTHING, _FIDELITY, _ADVERSARIAL = "none", "fidelity", "adversarial"  # kinds of loss


@dataclass(frozen=True)
class Seen:
    """One picture, as far as regression needs it.

    Attributes:
        features: (d,) float32, of all dimensions.
        mode: colour or grey.
        condition: name of the one that it is judged by.
        verdict: of the whole answer.
        loss: the parsed kind.
        shares: posterior probability of each source that is described, given upscaled.
        quality: of its file, None where it is not a JPEG file.
        side: the shorter one, in pixels.
    """

    features: np.ndarray
    mode: str
    condition: str
    verdict: Verdict
    loss: str | int | float | None
    shares: Mapping[str, float]
    quality: int | None
    side: int

    @property
    def validated(self) -> bool:
        """Whether intervals were checked on pictures like it."""
        return self.side >= LEAST_SIDE and (self.quality is None or self.quality >= LOWEST_QUALITY)


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, finite and within the target's limits."""

    value: float
    low: float
    high: float

    def parameter(self, target: Target) -> Parameter:
        """Return it as an answer tells it: rounded, the interval outwards."""
        unit = 10**target.digits
        low = max(math.floor(round(self.low * unit, 6)) / unit, target.low)
        high = min(math.ceil(round(self.high * unit, 6)) / unit, target.high)
        value = min(max(round(self.value, target.digits), low), high)
        if not target.digits:
            value, low, high = round(value), round(low), round(high)
        return Parameter(value, (low, high), level=LEVEL)


def nothing() -> dict[str, Parameter]:
    """Return the added keys without values."""
    return {name: Parameter(None) for name in ADDED}


def estimate(regressors: Regressors, lifted: np.ndarray, seen: Seen, target: Target) -> Estimate | None:
    """Return what regression says of one target, None where nothing was fitted."""
    condition = ANY if target.name == POOLED else STAND_INS.get(seen.condition, seen.condition)
    key = (seen.mode, condition, target.name)
    if key not in regressors.cells:
        return None
    low, value, high = (target.outer(part) for part in _ordered(*regressors.cells[key].answer(lifted, LEVEL)))
    return Estimate(value, low, high)


def _ordered(value: float, low: float, high: float) -> tuple[float, float, float]:
    return low, min(max(value, low), high), high


def regressed(regressors: Regressors | None, seen: Seen) -> tuple[dict[str, Parameter], list[str]]:
    """Return the added parameters of one picture, and notes.

    The parameter count is among them where no source is named. Where one is, depth and adversarial weight are those of
    the enrolled networks by their probabilities, and what is not known of them is regressed.

    Nothing is told of pictures that were not upscaled or rather look so, that are smaller or compressed more than those
    that intervals were checked on, and without regressors.

    Args:
        regressors: None where none were fitted.
        seen: the picture.
    """
    added = nothing()
    if regressors is None or seen.verdict == "not_upscaled" or seen.loss == _NOTHING or not seen.validated:
        return added, []
    lifted = regressors.lifts[seen.mode].one(used(seen.features, seen.mode))
    named = seen.verdict == "known_source"
    for target in TARGETS:
        if not _applies(target, seen) or (target.name == SIZE and named):
            continue
        found = estimate(regressors, lifted, seen, target)
        if found is None:
            continue
        if named and target.of_networks:
            found = _mixed(found, regressors.known, seen.shares, target)
        added[target.name] = found.parameter(target)
    return _with_file(added, seen.quality)


def _applies(target: Target, seen: Seen) -> bool:
    if target.name == "log10_adversarial_weight":
        return seen.loss == _ADVERSARIAL
    return not target.of_networks or seen.loss in (_FIDELITY, _ADVERSARIAL)


def _mixed(
    found: Estimate, known: Mapping[str, Mapping[str, float]], shares: Mapping[str, float], target: Target
) -> Estimate:
    """Return median and 90 % range: each enrolled network's value by its share, the regression for the rest."""
    told = {name: target.inner(known[name][target.name]) for name in shares if target.name in known.get(name, {})}
    if not told:
        return found
    low, middle, high = (target.inner(part) for part in (found.low, found.value, found.high))
    quantiles = ndtri((np.arange(_GUESSES) + 0.5) / _GUESSES) / ndtri((1 + LEVEL) / 2)
    guesses = middle + np.where(quantiles < 0, middle - low, high - middle) * quantiles
    rest = max(1 - sum(shares[name] for name in told), 0.0)
    values = np.concatenate([[*told.values()], guesses])
    weights = np.concatenate([[shares[name] for name in told], np.full(_GUESSES, rest / _GUESSES)])
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    places = (np.searchsorted(reached, q - 1e-12) for q in ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2))
    low, middle, high = (target.outer(float(values[order][min(place, len(order) - 1)])) for place in places)
    return Estimate(middle, low, high)


def _with_file(added: dict[str, Parameter], quality: int | None) -> tuple[dict[str, Parameter], list[str]]:
    """Put a JPEG file's own quality in the place of what its pixels say, and say whether they agree."""
    if quality is None:
        return added, []
    pixels = added[POOLED].interval
    added[POOLED] = Parameter(quality, (quality, quality))
    if pixels is None:
        return added, []
    low, high = pixels
    if low <= quality <= high:
        said = f"its pixels agree ({low:g} to {high:g})"
    else:
        said = f"its pixels look like {low:g} to {high:g}"
    return added, [f"jpeg_after: quality {quality} is the file's own; {said}"]
