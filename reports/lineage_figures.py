"""What lineage shows: cumulative ratios of ancestors and of others, and how often the ancestor stands highest."""

from collections.abc import Mapping
from typing import Any

from fingerprint.likelihood_ratios import tippett
from reports.canvas import encoded
from reports.study_figures import BLUE, GREEN, PURPLE, RED

_TITLES = {
    "tuned": "tuned from its weights",
    "copied": "copied from its pictures",
    "taught": "taught by its features",
}
_COLOURS = (PURPLE, GREEN, BLUE)


def draw_lineage(found: Mapping[str, Any], suffix: str = ".png") -> bytes:
    """Draw Tippett plots of all kinds of descent without processing, and what is traced.

    Args:
        found: the results file of the study.
        suffix: one of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same numbers and matplotlib.

    Raises:
        ValueError: another suffix.
    """
    kinds = found["conditions"]["clean"]

    def fill(figure: Any) -> None:
        grid = figure.add_gridspec(1, len(kinds), left=0.045, right=0.66, top=0.9, bottom=0.13, wspace=0.16)
        last = figure.add_gridspec(1, 1, left=0.82, right=0.99, top=0.9, bottom=0.13)
        for place, (kind, counts) in enumerate(kinds.items()):
            axes = figure.add_subplot(grid[0, place])
            for colour, (count, part) in zip(_COLOURS, counts.items(), strict=True):
                curves = tippett(part["log10_lr_same"], part["log10_lr_different"])
                pictures = "1 picture" if count == "1" else f"{count} pictures"
                axes.plot(curves.log_ratios, curves.same, color=colour, label=f"{pictures}: its ancestor")
                axes.plot(curves.log_ratios, curves.different, color=colour, linestyle="--", label="another network")
            axes.axvline(0, color=RED, linewidth=0.8)
            axes.set(title=_TITLES[kind], xlabel="log10 LR, held out", ylim=(0, 1))
            if place == 0:
                axes.set_ylabel("share at or above")
                axes.legend(frameon=False, fontsize=7, loc="upper right")
            axes.grid(alpha=0.25)
        _traced(figure.add_subplot(last[0, 0]), kinds, len(found["pool"]))

    return encoded((4.2 * len(kinds) + 5.0, 4.4), suffix, fill)


def _traced(axes: Any, kinds: Mapping[str, Any], pool: int) -> None:
    rows = []
    for counts in kinds.values():
        part = counts[max(counts, key=int)]
        rows += list(part["traced"].items())
    for place, (_, share) in enumerate(rows):
        low, high = share["interval"]
        value = share["share"]
        bar = [[max(value - low, 0)], [max(high - value, 0)]]
        axes.errorbar([value], [place], xerr=bar, fmt="o", color=BLUE, markersize=4)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=7)
    axes.axvline(1 / pool, color=RED, linewidth=0.8, linestyle="--", label=f"chance, 1 of {pool}")
    axes.set(xlim=(-0.03, 1.03), title="the ancestor stands highest", xlabel="share")
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(alpha=0.25, axis="x")
    axes.legend(frameon=False, fontsize=7, loc="lower right")
