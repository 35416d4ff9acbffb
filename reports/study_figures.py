"""What the figures of the studies share: their colours, curves with bands.

Shares are 0 to 1; an entry of a share is what `fingerprint.evaluate.share_of` returned.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.canvas import FORMATS

# Okabe and Ito's colours, which colour-blind readers can tell apart.
BLACK, ORANGE, SKY, GREEN, BLUE, RED, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY = "#777777"
SUFFIXES = tuple(FORMATS)


def banded(
    axes: Any,
    places: Sequence[float],
    entries: Sequence[Mapping[str, Any] | None],
    *,
    colour: str,
    label: str,
    style: str = "-",
    joined: bool = True,
) -> None:
    """Draw shares with their intervals: a curve with a band, or points with bars where places have no order.

    Args:
        axes: where.
        places: of the entries.
        entries: shares; those that are None, or have none, are left out.
        colour: of the curve.
        label: for the legend.
        style: of the line.
        joined: whether places have an order.
    """
    there = [(x, entry) for x, entry in zip(places, entries, strict=True) if entry and entry["share"] is not None]
    if not there:
        return
    x = [place for place, _ in there]
    middle = [entry["share"] for _, entry in there]
    low, high = ([entry["interval"][end] for _, entry in there] for end in (0, 1))
    if joined:
        axes.plot(x, middle, style, color=colour, marker="o", markersize=3, linewidth=1.6, label=label, clip_on=False)
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        return
    bars = [[m - a for m, a in zip(middle, low, strict=True)], [b - m for m, b in zip(middle, high, strict=True)]]
    axes.errorbar(x, middle, yerr=bars, fmt="o", color=colour, markersize=4, linewidth=1.2, label=label, clip_on=False)
