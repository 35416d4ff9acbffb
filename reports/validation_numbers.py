"""Numbers as the validation report writes them: shares with intervals, exact bounds where resampling gives no width.

Only the standard library is imported when this is loaded.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.study_tables import NOTHING, value_cell

EXACT = "†"
"""Marks an interval that is exact (binomial, images as units), since photographs cannot tell."""
NOTE = f"""\
In brackets 95 % intervals, which resample photographs. Where no resampling changes a share of 0 or 1, that interval
has no width and says too much; there, and where a file holds counts alone, the exact binomial interval stands, marked
{EXACT}, with images as units. Images share photographs, so it is still too narrow."""


def exact_interval(count: int, total: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a binomial share (Clopper and Pearson, Biometrika 1934).

    Args:
        count: how many were so.
        total: of how many, at least 1.
    """
    from scipy.stats import binomtest

    found = binomtest(count, total).proportion_ci(method="exact")
    return float(found.low), float(found.high)


def counted(entry: Mapping[str, Any]) -> int:
    """Return how many images a share counts.

    Args:
        entry: what `fingerprint.evaluate.share_of` returned.
    """
    return round(entry["share"] * entry["images"]) if entry["images"] else 0


def bounded(entry: Mapping[str, Any] | None) -> tuple[float, tuple[float, float], bool] | None:
    """Return a share, its interval, and whether that is the exact one.

    Args:
        entry: what `fingerprint.evaluate.share_of` returned, None for nothing.
    """
    if entry is None or entry["share"] is None:
        return None
    low, high = entry["interval"]
    if low == high and entry["share"] in (0, 1):
        return entry["share"], exact_interval(counted(entry), entry["images"]), True
    return entry["share"], (low, high), False


def bounded_cell(entry: Mapping[str, Any] | None, digits: int = 3) -> str:
    """Write a share with its interval.

    Args:
        entry: what `fingerprint.evaluate.share_of` returned, None for nothing.
        digits: after the point.

    Returns:
        Such as "0.981 (0.963–0.995)"; exact intervals are marked.
    """
    told = bounded(entry)
    if told is None:
        return NOTHING
    share, interval, exact = told
    return value_cell(share, interval, digits) + (EXACT if exact else "")


def count_cell(count: int, total: int, digits: int = 3) -> str:
    """Write a count, its total, and the exact interval of the share.

    Args:
        count: how many were so.
        total: of how many.
        digits: after the point.

    Returns:
        Such as "2 of 400 (0.001–0.018)".
    """
    if total == 0:
        return NOTHING
    low, high = exact_interval(count, total)
    return f"{count:,} of {total:,} ({low:.{digits}f}–{high:.{digits}f})"


def pooled(entries: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Add shares up.

    Args:
        entries: what `fingerprint.evaluate.share_of` returned.

    Returns:
        How many were so, and of how many.
    """
    return sum(counted(entry) for entry in entries), sum(entry["images"] for entry in entries)
