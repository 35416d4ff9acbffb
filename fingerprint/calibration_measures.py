"""How good collected likelihood ratios and probabilities are: cost, bounds, calibration, open-set figures.

Intervals (95 %) resample photographs. The calibration error of few files is too large, for chance adds to it; so is
its interval.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fingerprint.calibration import (
    BINS,
    Collected,
    activity_ratios,
    activity_reliability,
    given_enrolled,
    source_ratios,
    source_reliability,
)
from fingerprint.evaluate import share_of
from fingerprint.likelihood_ratios import (
    auroc,
    calibration_error,
    cllr,
    cllr_min,
    false_alarms_at,
    oscr,
    supported_bounds,
)

RESAMPLES = 200
Metrics = dict[str, float]


def _class_error(collected: Collected, rows: np.ndarray) -> float:
    """Return the mean error of a source's probability, over sources with pictures (Kull et al., NeurIPS 2019)."""
    rows = rows[collected.column[rows] >= 0]
    posterior, own = given_enrolled(collected.posterior[rows]), collected.column[rows]
    return float(np.mean([calibration_error(posterior[:, k], own == k, BINS) for k in np.unique(own)]))


def _merits(same: np.ndarray, different: np.ndarray) -> Metrics:
    return {
        "cllr": cllr(same, different),
        "cllr_min": cllr_min(same, different),
        "misleading_same": float((same < 0).mean()),
        "misleading_different": float((different > 0).mean()),
        "auroc": auroc(same, different),
        "fpr_at_95_tpr": false_alarms_at(same, different),
    }


def _activity(collected: Collected, rows: np.ndarray) -> Metrics:
    return {
        **_merits(*activity_ratios(collected, rows)),
        "ece": activity_reliability(collected, rows).error,
        "ece_as_given": activity_reliability(collected, rows, at_prior=False).error,
    }


def _source(collected: Collected, rows: np.ndarray) -> Metrics:
    return {
        **_merits(*source_ratios(collected, rows)),
        "ece_top": source_reliability(collected, rows).error,
        "ece_class": _class_error(collected, rows),
        "ece_printed": calibration_error(collected.printed[rows], collected.right[rows], BINS),
    }


def _same_scale(collected: Collected, rows: np.ndarray) -> Metrics:
    return _merits(*source_ratios(collected, rows, same_scale=True))


def _open_set(collected: Collected, rows: np.ndarray) -> Metrics:
    made, stranger = (rows[flags[rows]] for flags in (collected.column >= 0, collected.stranger))
    known, unknown = collected.known[made], collected.known[stranger]
    return {
        "auroc": auroc(known, unknown),
        "fpr_at_95_tpr": false_alarms_at(known, unknown),
        "oscr": oscr(known, collected.right[made], unknown),
    }


def _with_intervals(
    metrics: Callable[[Collected, np.ndarray], Metrics], collected: Collected, resamples: int
) -> dict[str, Any]:
    """Return each figure with its interval; None where a side has no picture."""
    every = np.arange(len(collected.truth))
    try:
        values = metrics(collected, every)
    except ValueError:
        return {}
    _, group = np.unique(collected.photographs, return_inverse=True)
    members = [every[group == k] for k in range(group.max() + 1)]
    rng = np.random.default_rng(0)
    drawn: list[Metrics] = []
    for _ in range(resamples):
        rows = np.concatenate([members[k] for k in rng.integers(0, len(members), len(members))])
        try:
            drawn.append(metrics(collected, rows))
        except ValueError:  # a side is empty
            continue
    out: dict[str, Any] = {}
    for name, value in values.items():
        low, high = np.quantile([one[name] for one in drawn] or [value], [0.025, 0.975])
        out[name] = {"value": round(value, 4), "interval": (round(float(low), 4), round(float(high), 4))}
    return out


def _bounds(same: np.ndarray, different: np.ndarray) -> dict[str, Any]:
    """Return how many comparisons there are, and what ratios they support."""
    counts = {"same": len(same), "different": len(different)}
    if not all(counts.values()):
        return {**counts, "elub_log10": None}
    low, high = (round(bound / math.log(10), 3) + 0.0 for bound in supported_bounds(same, different))
    return {**counts, "elub_log10": [low, high]}


def measures(collected: Collected, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Measure the answers in one condition.

    Args:
        collected: them.
        resamples: of the photographs, for intervals.

    Returns:
        Plain numbers. For `upscaled` (activity), `source`, and `source_same_scale` (different sources of one scale
        alone): how many comparisons, the bounds they support (ELUB, log10), and each with its interval Cllr, its least
        value, shares of misleading ratios, AUROC, and false positives where 95 % of the true are kept. Calibration
        errors: `ece` of upscaled with pictures weighed to the prior, `ece_as_given` without weights, `ece_top` of the
        likeliest source given upscaled, `ece_class` of each source's probability given an enrolled one, `ece_printed`
        of the first candidate as printed, over all files as they are. `unknown`, where there are pictures of sources
        that are not enrolled: AUROC, false positives and OSCR of known against unknown, and the shares of their
        verdicts. What has no pictures is left out.
    """
    every = np.arange(len(collected.truth))
    pairs: Mapping[str, tuple] = {
        "upscaled": (_activity, activity_ratios(collected, every)),
        "source": (_source, source_ratios(collected, every)),
        "source_same_scale": (_same_scale, source_ratios(collected, every, same_scale=True)),
    }
    out: dict[str, Any] = {"pictures": len(every), "unmeasured": collected.unmeasured}
    for name, (metrics, ratios) in pairs.items():
        out[name] = {**_bounds(*ratios), **_with_intervals(metrics, collected, resamples)}
    out["unknown"] = None
    if collected.stranger.any():
        verdicts, photographs = collected.verdicts[collected.stranger], collected.photographs[collected.stranger]
        shares = {
            verdict: share_of(verdicts == verdict, photographs)
            for verdict in ("known_source", "unknown_source", "not_upscaled", "inconclusive")
        }
        out["unknown"] = {
            "sources": sorted(set(collected.truth[collected.stranger].tolist())),
            **_with_intervals(_open_set, collected, resamples),
            "verdicts": shares,
        }
    return out
