"""Fit what tells plain enlargements: draw windows, measure them, boost trees, and set thresholds on those left out."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np

from fingerprint.likelihood_ratios import auroc, cllr, supported_bounds
from fingerprint.logistic import balanced_weights, fit_logistic
from fingerprint.resampling.detector import Detector
from fingerprint.resampling.draws import INNOCENT, INTERPOLATED, ORIGINS, Drawn, window_of
from fingerprint.resampling.forest import fit_forest
from fingerprint.resampling.traces import flat, traces
from fingerprint.samples import FOLDS, fold_of

TREES, LEAVES = 1000, 31
ACCUSED, SUSPECTED = 0.001, 0.01
"""Shares of innocents' windows, left out of the fit, from which it is said, and from which it is said with a doubt."""
_CHUNK = 20


@dataclass(frozen=True)
class Measured:
    """Windows that were drawn and measured.

    Attributes:
        features: (n, d) float32.
        kinds: (n,) str.
        origins: (n,) str.
        groups: (n,) str.
    """

    features: np.ndarray
    kinds: np.ndarray
    origins: np.ndarray
    groups: np.ndarray

    @property
    def folds(self) -> np.ndarray:
        """Return (n,) int: the fold of each photograph or camera."""
        return np.array([fold_of(group) for group in self.groups])


def measure(drawn: Sequence[Drawn], workers: int, advance: Callable[[int], None] = lambda _: None) -> Measured:
    """Draw and measure windows; what is too small or too flat is left out.

    Args:
        drawn: which.
        workers: processes.
        advance: called with the number done.
    """
    rows = []
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for row in pool.map(_traced, drawn, chunksize=_CHUNK):
            rows.append(row)
            advance(1)
    there = [(item, row) for item, row in zip(drawn, rows, strict=True) if row is not None]
    columns = (np.array([getattr(item, name) for item, _ in there]) for name in ("kind", "origin", "group"))
    return Measured(np.stack([row for _, row in there]), *columns)


def _traced(drawn: Drawn) -> np.ndarray | None:
    window = window_of(drawn)
    return None if window is None or flat(window) else traces(window)


@dataclass(frozen=True)
class Fitted:
    """What a fit gives.

    Attributes:
        full: fitted on all windows.
        folds: one for each fold of photographs and cameras, fitted without it.
    """

    full: Detector
    folds: tuple[Detector, ...]


def fit_detector(data: Measured, say: Callable[[str], None] = lambda _: None) -> Fitted:
    """Fit the detector, and see what it is worth on photographs and cameras that were left out in turn.

    Args:
        data: windows of all kinds.
        say: told what is being done.

    Returns:
        The detectors; the full one's card has the shares that are recognised and the false alarms, by origin.
    """
    positive = data.kinds == INTERPOLATED
    scores, folds, forests = np.zeros(len(positive)), data.folds, []
    for fold in range(FOLDS):
        say(f"without fold {fold}")
        left = folds == fold
        forests.append(fit_forest(data.features[~left], positive[~left], TREES, LEAVES))
        scores[left] = forests[fold].score(data.features[left])
    say("with all")
    forest = fit_forest(data.features, positive, TREES, LEAVES)
    ours = positive & np.isin(data.origins, ORIGINS)
    innocent = data.kinds == INNOCENT
    both = ours | innocent
    logistic = fit_logistic(scores[both, None], data.kinds[both], balanced_weights(data.kinds[both]), 1e-6)
    rising = [logistic.classes.index(kind) for kind in (INTERPOLATED, INNOCENT)]
    slope, offset = (float(part[rising[0]] - part[rising[1]]) for part in (logistic.weights[0], logistic.offsets))
    ratios = offset + slope * scores
    low, high = supported_bounds(ratios[ours], ratios[innocent])
    accuse, suspect = (float(np.quantile(ratios[innocent], 1 - share)) for share in (ACCUSED, SUSPECTED))
    card = _card(data, ratios, {"accuse": accuse, "suspect": suspect}, ours)
    full = Detector(forest, slope, offset, (low, high), accuse, suspect, card)
    return Fitted(full, tuple(replace(full, forest=one, card={}) for one in forests))


def _card(data: Measured, ratios: np.ndarray, levels: Mapping[str, float], ours: np.ndarray) -> dict:
    innocent = data.kinds == INNOCENT
    network = ~innocent & (data.kinds != INTERPOLATED)

    def share(chosen: np.ndarray, level: float) -> float:
        return round(float((ratios[chosen] >= level).mean()), 4)

    def rates(level: float) -> dict:
        return {
            "recognised": share(ours, level),
            "recognised_by_origin": {name: share(ours & (data.origins == name), level) for name in ORIGINS},
            "innocents": share(innocent, level),
            "innocents_by_origin": {name: share(innocent & (data.origins == name), level) for name in ORIGINS},
            "networks": share(network, level),
        }

    return {
        "windows": {kind: int((data.kinds == kind).sum()) for kind in np.unique(data.kinds).tolist()},
        "photographs": int(len(np.unique(data.groups))),
        "held_out": {name: rates(level) for name, level in levels.items()},
        "auroc": round(auroc(ratios[ours], ratios[innocent]), 4),
        "cllr": round(cllr(ratios[ours], ratios[innocent]), 4),
    }
