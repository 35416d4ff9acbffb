"""How often intervals hold the true value for networks that the models were fitted without.

Every network counts once: its share of covered pictures. The band is that of as many networks, each covered with the
stated probability.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from fingerprint.regression.answers import Estimate
from fingerprint.regression.conformal import LEVEL, binomial_band, interval, network_coverage, picture_weights
from fingerprint.regression.fit import fit_cells, fit_lift_of
from fingerprint.regression.measured import Measurements
from fingerprint.regression.model import Regressor, fold_of_kin
from fingerprint.regression.regressors import ANY, used
from fingerprint.regression.targets import TARGETS, Target

FOLDS = 5
STUDIES = {
    "networks": "networks left out, those that differ by their seeds alone together",
    "photographs": "networks left out, and every photograph that their pictures show: models of one half's, tried on "
    "the other's",
    "designs": "whole designs left out: no network of the architecture, or kernel, was seen",
    "published": "published networks, by models fitted to networks trained here and to kernels",
    "zoo": "networks trained here, by models fitted to published ones and to kernels",
}
"""What is left out, and in words."""
_CHANCE = 5  # networks; below that a share means nothing


@dataclass(frozen=True)
class Told:
    """What models said of pictures of networks that they were fitted without.

    Attributes:
        pictures: which of the measured pictures, (n,) indices.
        value: (n,) told.
        low: (n,) likewise.
        high: (n,) likewise.
        truth: (n,) true values.
    """

    pictures: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    truth: np.ndarray

    @property
    def covered(self) -> np.ndarray:
        """(n,) bool, whether the interval holds the true value."""
        return (self.truth >= self.low) & (self.truth <= self.high)


def splits(data: Measurements, study: str, folds: int = FOLDS) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (fitted to, tried on), both (n,) bool, of a study.

    Args:
        data: pictures.
        study: key of `STUDIES`.
        folds: how many times something is left out, where all is left out in turn.

    Raises:
        ValueError: no such study.
    """
    if study not in STUDIES:
        raise ValueError(f"study must be one of {', '.join(STUDIES)}, got {study!r}")
    if study in ("networks", "photographs", "designs"):
        place = fold_of_kin(data.designs if study == "designs" else data.kin, folds, seed=1)
        new = fold_of_kin(data.photographs, 2, seed=2) == 1
        seen = ~new if study == "photographs" else np.ones(len(new), bool)
        for fold in range(folds):
            tried = (place == fold) & (new | (study != "photographs"))
            if tried.any():
                yield (place != fold) & seen, tried
    else:
        mine = data.origins == study
        other = "zoo" if study == "published" else "published"
        yield np.isin(data.origins, (other, "kernel")), mine


def told(
    data: Measurements, study: str, mode: str, folds: int = FOLDS, step: Callable[[str], None] = lambda _: None
) -> dict[str, Told]:
    """Fit without the networks that a study leaves out, and ask of their pictures.

    Args:
        data: pictures of any conditions.
        study: key of `STUDIES`.
        mode: colour or grey.
        folds: how many times something is left out.
        step: told what is being done.

    Returns:
        By target.
    """
    parts: dict[str, list[Told]] = {target.name: [] for target in TARGETS}
    features = used(data.features, mode)
    for number, (fitted, tried) in enumerate(splits(data, study, folds)):
        step(f"{study}, {number + 1}")
        asked = _left_out(data, features, fitted, tried, mode, data.designs if study == "designs" else data.kin)
        for target, found in zip(TARGETS, asked, strict=True):
            parts[target.name] += found
    return {name: _joined(found) for name, found in parts.items() if found}


def _left_out(
    data: Measurements, features: np.ndarray, fitted: np.ndarray, tried: np.ndarray, mode: str, kin: np.ndarray
) -> list[list[Told]]:
    """Fit to some pictures and ask of others, targets side by side; `features` are those of the mode."""
    part = data.take(fitted)
    lifted = fit_lift_of(part, mode).many(features)

    def asked(target: Target) -> list[Told]:
        return _asked(data, lifted, tried, fit_cells(part, lifted[fitted], target, kin[fitted]), target)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(asked, TARGETS))


def _asked(
    data: Measurements, lifted: np.ndarray, tried: np.ndarray, cells: dict[str, Regressor], target: Target
) -> list[Told]:
    truth = data.values[:, TARGETS.index(target)]
    found = []
    for condition, cell in cells.items():
        here = tried & np.isfinite(truth) & ((data.conditions == condition) | (condition == ANY))
        chosen = np.flatnonzero(here)
        if len(chosen):
            value, low, high = _estimates(cell, lifted[chosen], target).T
            found.append(Told(chosen, value, low, high, truth[chosen]))
    return found


def _estimates(cell: Regressor, lifted: np.ndarray, target: Target) -> np.ndarray:
    """Return (n, 3): value, low and high as an answer tells them."""
    centres, widths = cell.folds(lifted)
    out = np.empty((len(lifted), 3))
    for row in range(len(lifted)):
        low, high = interval(cell.errors, centres[:, row], widths[:, row])
        value = min(max(float(centres[:, row].mean()), low), high)
        shown = Estimate(*(target.outer(part) for part in (value, low, high))).parameter(target)
        out[row] = shown.value, *(shown.interval or ())
    return out


def _joined(found: list[Told]) -> Told:
    columns = ("pictures", "value", "low", "high", "truth")
    return Told(*(np.concatenate([getattr(part, name) for part in found]) for name in columns))


def summary(data: Measurements, answers: dict[str, Told]) -> dict:
    """Count, for each target: of all pictures, and by origin, condition, and whether a resize followed.

    Args:
        data: pictures.
        answers: what `told` returned.

    Returns:
        Plain numbers.
    """
    out = {}
    for target in TARGETS:
        if target.name not in answers:
            continue
        each = answers[target.name]
        rows = each.pictures
        entry = {"all": _figures(data.names[rows], each, target)}
        groups = (("origin", data.origins), ("condition", data.conditions), ("resized", data.resized))
        for name, column in groups:
            entry[name] = {}
            for value in np.unique(column[rows]):
                chosen = column[rows] == value
                part = Told(*(getattr(each, key)[chosen] for key in ("pictures", "value", "low", "high", "truth")))
                entry[name][str(value)] = _figures(data.names[part.pictures], part, target)
        out[target.name] = entry
    return out


def _figures(networks: np.ndarray, given: Told, target: Target) -> dict:
    share, count = network_coverage(given.covered, networks)
    low, high = binomial_band(count)
    weights = picture_weights(networks)
    weights /= weights.sum()
    inner = [np.array([target.inner(part) for part in column]) for column in (given.truth, given.value)]
    spread = float((weights * np.square(inner[0] - (weights * inner[0]).sum())).sum())
    missed = float((weights * np.square(inner[1] - inner[0])).sum())
    return {
        "networks": count,
        "pictures": len(networks),
        "coverage": round(share, 4),
        "stated": LEVEL,
        "band": [round(low, 4), round(high, 4)],
        "within": bool(low <= share <= high) if count >= _CHANCE else None,
        "median_width": round(float(np.median(given.high - given.low)), 4),
        "median_error": round(float(np.median(np.abs(given.value - given.truth))), 4),
        "r2": round(1 - missed / spread, 4) if spread > 1e-12 else None,
    }
