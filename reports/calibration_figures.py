"""The plots by which likelihood ratios are judged, for one condition: Tippett, empirical cross-entropy, reliability.

Ratios are natural logarithms where they come from and log10 in the figure.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fingerprint.calibration import (
    Collected,
    Reliability,
    activity_ratios,
    activity_reliability,
    source_ratios,
    source_reliability,
)
from fingerprint.likelihood_ratios import (
    cllr,
    cllr_min,
    empirical_cross_entropy,
    pooled_adjacent,
    supported_bounds,
    tippett,
)
from reports.canvas import encoded
from reports.study_figures import BLUE, GREEN, GREY, RED

_PRIORS = np.linspace(-3, 3, 121)  # log10 odds
_POINTS = 2000  # of a curve at most
_SIZE = (14.5, 9.2)


def draw_calibration(collected: Collected, title: str, suffix: str = ".png") -> bytes:
    """Draw one condition: activity above, source below.

    Args:
        collected: the answers.
        title: above the figure.
        suffix: one of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same answers and matplotlib.

    Raises:
        ValueError: another suffix.
    """
    every = np.arange(len(collected.truth))
    levels = (
        ("upscaled against not upscaled", activity_ratios, activity_reliability, ("upscaled", "not upscaled")),
        ("a source against the other upscalers", source_ratios, source_reliability, ("same source", "other source")),
    )

    def fill(figure: Any) -> None:
        grid = figure.add_gridspec(2, 3, left=0.05, right=0.985, top=0.885, bottom=0.1, hspace=0.5, wspace=0.22)
        figure.suptitle(title, y=0.975, fontsize=12, fontweight="bold", parse_math=False)
        for row, (name, ratios, reliable, words) in enumerate(levels):
            left, middle, right = (figure.add_subplot(grid[row, column]) for column in range(3))
            same, different = ratios(collected, every)
            if len(same) and len(different):
                _tippett(left, same, different, words)
                _cross_entropy(middle, same, different)
            else:
                for axes in (left, middle):
                    _empty(axes)
            _reliability(right, lambda draw=reliable: draw(collected, every))
            left.set_title(f"{name}: Tippett plot", fontsize=10)
            middle.set_title(f"{name}: empirical cross-entropy", fontsize=10)
            what = "upscaled, weighed to the prior" if row == 0 else "the likeliest source, given upscaled"
            right.set_title(f"reliability: {what}", fontsize=10)

    return encoded(_SIZE, suffix, fill)


def _empty(axes: Any) -> None:
    axes.text(0.5, 0.5, "one side has no pictures", ha="center", va="center", transform=axes.transAxes, color=GREY)
    axes.set(xticks=[], yticks=[])


def _tippett(axes: Any, same: np.ndarray, different: np.ndarray, words: tuple[str, str]) -> None:
    curves = tippett(same, different)
    kept = np.unique(np.linspace(0, len(curves.log_ratios) - 1, _POINTS).astype(int))
    place = curves.log_ratios[kept] / math.log(10)
    edge = 0.04 * max(place[-1] - place[0], 1.0)
    place = np.concatenate([[place[0] - edge], place, [place[-1] + edge]])
    sides = ((curves.same, same, words[0], BLUE, "-"), (curves.different, different, words[1], RED, "--"))
    for shares, part, word, colour, style in sides:
        ends = np.concatenate([[1.0], shares[kept], [0.0]])
        label = f"{word} ({len(part):,})"
        axes.plot(place, ends, style, color=colour, linewidth=1.8, label=label, clip_on=False, drawstyle="steps-pre")
    for bound in supported_bounds(same, different):
        axes.axvline(bound / math.log(10), color=GREEN, linestyle=":", linewidth=1.4)
    axes.plot([], [], ":", color=GREEN, label="bounds (ELUB)")
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set(xlabel="log10 likelihood ratio", ylabel="share at least so large", ylim=(0, 1), xlim=(place[0], place[-1]))
    axes.grid(alpha=0.25)
    _below(axes)


def _cross_entropy(axes: Any, same: np.ndarray, different: np.ndarray) -> None:
    odds = _PRIORS * math.log(10)
    calibrated = pooled_adjacent(same, different)
    nothing = np.zeros(1)
    costs = (
        (f"reported (Cllr {cllr(same, different):.3f})", (same, different), BLUE, "-"),
        (f"best (Cllr-min {cllr_min(same, different):.3f})", calibrated, GREEN, "--"),
        ("ratio of 1", (nothing, nothing), GREY, ":"),
    )
    for label, (first, second), colour, style in costs:
        values = empirical_cross_entropy(first, second, odds)
        axes.plot(_PRIORS, values, style, color=colour, linewidth=1.8, label=label)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set(xlabel="log10 prior odds", ylabel="empirical cross-entropy (bits)", xlim=(-3, 3), ylim=(0, 1.05))
    axes.grid(alpha=0.25)
    _below(axes)


def _reliability(axes: Any, measured: Callable[[], Reliability]) -> None:
    found = measured()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.9)
    axes.plot(found.stated, found.happened, "-", color=BLUE, linewidth=0.9)
    axes.scatter(
        found.stated, found.happened, s=14 + 260 * found.share, color=BLUE, alpha=0.65, clip_on=False, zorder=3
    )
    said = f"expected calibration error {found.error:.3f}\narea of a point: share of the weight"
    axes.text(0.97, 0.04, said, transform=axes.transAxes, ha="right", fontsize=8, linespacing=1.5)
    axes.set(xlabel="stated probability", ylabel="share that was so", xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.25)


def _below(axes: Any) -> None:
    """Put the legend where it hides nothing."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3, fontsize=8, frameon=False, columnspacing=1.2)
