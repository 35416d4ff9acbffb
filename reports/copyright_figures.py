"""The trade-off of a lightweight network in a full one's place: what is retained against what it costs."""

from typing import Any

from reports.canvas import encoded
from reports.study_figures import BLUE, GREEN, PURPLE, RED
from reports.zoo_quality import TITLES

_MARKS = ("o", "s", "D", "^")
_COSTS = (("parameters", "parameters"), ("multiply_adds", "multiply-adds for 1280×720"))


def draw_trade_off(found: dict[str, Any], suffix: str = ".png") -> bytes:
    """Draw retained gain against parameters and against multiply-adds.

    Args:
        found: what `reports.copyright.compare` returned.
        suffix: one of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same numbers and matplotlib.

    Raises:
        ValueError: another suffix, or there are no students.
    """
    students, teacher = found["students"], found["teacher"]
    if not students:
        raise ValueError("students must hold something to draw, got none")
    names = list(teacher["scores"])

    def fill(figure: Any) -> None:
        for place, (key, label) in enumerate(_COSTS):
            axes = figure.add_subplot(1, 2, place + 1)
            for name, colour, mark in zip(names, (BLUE, GREEN, PURPLE), _MARKS, strict=False):
                kept = [(row[key], row["retained"][name]) for row in students if row["retained"][name] is not None]
                kept.append((teacher[key], 1.0))
                axes.plot(*zip(*sorted(kept), strict=True), color=colour, marker=mark, markersize=4, label=TITLES[name])
            axes.axhline(1.0, color=RED, linewidth=0.8, linestyle="--")
            axes.annotate(teacher["name"], (teacher[key], 1.0), xytext=(-4, 5), textcoords="offset points", ha="right",
                          fontsize=7, parse_math=False)  # fmt: skip
            for row in students:
                low = min(value for value in row["retained"].values() if value is not None)
                told = f"{row['architecture']}, {row['parameters']:,}"
                axes.annotate(told, (row[key], low), xytext=(3, -8), textcoords="offset points", fontsize=6,
                              rotation=-30, ha="left", va="top", parse_math=False)  # fmt: skip
            axes.set(xscale="log", xlabel=label)
            axes.margins(x=0.12, y=0.25)
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
            axes.grid(alpha=0.25)
            if place == 0:
                axes.set_ylabel("retained share of the gain over bicubic (PSNR)")
                axes.legend(frameon=False, loc="lower right")
        figure.suptitle(f"In the place of {teacher['name']}, ×{found['scale']}", fontsize=10)
        figure.tight_layout(rect=(0, 0, 1, 0.97))

    return encoded((10.0, 4.6), suffix, fill)
