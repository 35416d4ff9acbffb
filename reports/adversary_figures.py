"""The figure of the adversary's bench: what becomes of verdicts under each attack, as stacked bars.

Shares are 0 to 1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.adversary_tables import VERDICTS, attack_words
from reports.canvas import encoded
from reports.study_figures import BLUE, GREEN, ORANGE, RED, SKY

_GREY = "#BBBBBB"
_COLOURS = dict(zip(VERDICTS, (GREEN, SKY, RED, ORANGE, _GREY, BLUE), strict=True))
_LINE = 0.21  # inches, of a bar
_FRAME = 1.15  # inches, of a panel's title, axis and legend
_WIDTH = 10.0


def draw_verdicts(rows: Sequence[Mapping[str, Any]], suffix: str) -> bytes:
    """Draw a panel for pictures of sources and one for photographs that were never upscaled.

    Args:
        rows: What `fingerprint.adversary.bench.run` returned.
        suffix: One of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same rows and matplotlib.

    Raises:
        ValueError: Another suffix.
    """
    panels = [
        (title, [row for row in rows if row["pictures"] == kind])
        for kind, title in (("upscaled", "pictures of sources"), ("innocent", "photographs that were never upscaled"))
    ]
    panels = [(title, given) for title, given in panels if given]
    heights = [_FRAME + _LINE * len(given) for _, given in panels]

    def draw(figure: Any) -> None:
        whole, top = sum(heights), 0.0
        for (title, given), height in zip(panels, heights, strict=True):
            bottom = (whole - top - height + 0.45) / whole
            axes = figure.add_axes((0.36, bottom, 0.56, _LINE * len(given) / whole))
            _bars(axes, given, title)
            top += height

    return encoded((_WIDTH, sum(heights)), suffix, draw)


def _bars(axes: Any, rows: Sequence[Mapping[str, Any]], title: str) -> None:
    places = range(len(rows))
    start = [0.0] * len(rows)
    for verdict, words in VERDICTS.items():
        shares = [row["verdicts"][verdict]["share"] or 0.0 for row in rows]
        if any(shares):
            axes.barh(places, shares, left=start, color=_COLOURS[verdict], label=words, height=0.8)
        start = [one + share for one, share in zip(start, shares, strict=True)]
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.4, -0.6), xlabel="share of verdicts")
    axes.set_yticks(places, [attack_words(row) for row in rows], fontsize=7.5, parse_math=False)
    axes.tick_params(axis="y", length=0)
    for place, row in zip(places, rows, strict=True):
        if row["psnr"] is not None:
            axes.text(1.01, place, f"{row['psnr']:.1f} dB", va="center", fontsize=7)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=6, frameon=False, fontsize=7.5, handlelength=1)
    axes.set_title(title, loc="left", pad=22, fontsize=10, x=-0.62)
    axes.spines[["top", "right"]].set_visible(False)
