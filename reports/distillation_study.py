"""What a teacher is worth to a student: the table and the figure of `whorl zoo distill-study`."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.canvas import encoded
from reports.study_figures import BLACK, BLUE, GREEN, RED, SKY
from reports.study_tables import table
from reports.zoo_quality import TITLES

_HEAD = (
    "scale", "student", "taught by", "steps", "seeds", "benchmark", "bicubic", "alone", "longer", "taught", "teacher",
    "gain", "gain over longer",
)  # fmt: skip
_SHOWN = (
    ("alone", BLUE, "alone"),
    ("longer", SKY, "alone, for the steps of both"),
    ("taught", RED, "taught"),
    ("teacher", GREEN, "its teacher, which sees the truth"),
)

Row = Mapping[str, Any]


def gains_table(groups: Sequence[Row], markdown: bool = False) -> str:
    """Lays the comparison out for a person.

    Args:
        groups: what `model_zoo.distillation.gains.gains` returned.
        markdown: write it in Markdown.

    Returns:
        The table and what its numbers are.
    """
    rows = [_line(row, name) for row in groups for name in row["benchmarks"]]
    told = (
        "PSNR of luma in dB, means over seeds. Longer: alone, for as many steps as student and teacher together. "
        "Gain: taught less alone, the mean over seeds and its standard error, paired by seed. A teacher that sees the "
        "truth is measured on luma as it comes, the others on 8-bit colours."
    )
    return f"{table(_HEAD, rows, markdown)}\n\n{told}"


def _line(row: Row, name: str) -> list[str]:
    part = row["benchmarks"][name]
    means = [f"{_mean(part[who]):.2f}" if part[who] else "-" for who in ("alone", "longer", "taught", "teacher")]
    taught = row["method"] if row["teacher"] is None else f"{row['method']}, {row['teacher']}"
    return [
        f"×{row['scale']}", row["architecture"], taught, f"{row['settings']['steps']:,}", str(len(row["seeds"])),
        TITLES[name],
        f"{part['bicubic']:.2f}", *means,
        _gain(part["gain"]), _gain(part["gain_over_longer"]),
    ]  # fmt: skip


def _gain(gain: Mapping[str, float | None] | None) -> str:
    if gain is None:
        return "-"
    spread = "" if gain["se"] is None else f" ± {gain['se']:.3f}"
    return f"{gain['mean']:+.3f}{spread}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def draw_gains(groups: Sequence[Row], suffix: str = ".png") -> bytes:
    """Draws Set5's PSNR along the training, and the gains at its end.

    Args:
        groups: what `model_zoo.distillation.gains.gains` returned.
        suffix: one of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same numbers and matplotlib.

    Raises:
        ValueError: another suffix, or there is nothing to draw.
    """
    if not groups:
        raise ValueError("groups must hold something to draw, got none")

    def fill(figure: Any) -> None:
        grid = figure.add_gridspec(2, len(groups), height_ratios=(1.5, 1))
        told = max(groups, key=lambda row: (bool(row["curves"]["longer"]), len(row["curves"]["teacher"])))
        for place, row in enumerate(groups):
            _draw_curves(figure.add_subplot(grid[0, place]), row, place == 0, row is told)
            _draw_gain(figure.add_subplot(grid[1, place]), row, place == 0)
        figure.tight_layout()

    return encoded((3.9 * len(groups) + 0.4, 6.4), suffix, fill)


def _draw_curves(axes: Any, row: Row, first: bool, told: bool) -> None:
    """Each seed as a thin line, their mean as a thick one."""
    for who, colour, label in _SHOWN:
        curve = row["curves"][who]
        if not curve:
            continue
        steps = [entry["step"] for entry in curve]
        for seed in range(len(row["seeds"])):
            axes.plot(steps, [entry["psnr"][seed] for entry in curve], color=colour, linewidth=0.6, alpha=0.5)
        axes.plot(steps, [_mean(entry["psnr"]) for entry in curve], color=colour, marker="o", markersize=3, label=label)
    axes.axhline(row["benchmarks"]["set5"]["bicubic"], color=BLACK, linewidth=0.8, linestyle="--")
    taught = row["method"] if row["teacher"] is None else f"{row['method']} from {row['teacher']}"
    axes.set_title(f"{row['architecture']} ×{row['scale']}, {taught}", parse_math=False, fontsize=9)
    axes.set(xlabel="steps")
    axes.grid(alpha=0.25)
    if first:
        axes.set_ylabel("Set5, PSNR of luma in dB\n(dashed: bicubic)")
    if told:
        axes.legend(framealpha=1, edgecolor="none", fontsize=7, loc="lower right")


def _draw_gain(axes: Any, row: Row, first: bool) -> None:
    """Each seed's gain as a cross, their mean with its standard error as a point."""
    for place, part in enumerate(row["benchmarks"].values()):
        single = [t - a for t, a in zip(part["taught"], part["alone"], strict=True)]
        axes.plot([place + 0.12] * len(single), single, "x", color=BLACK, markersize=4)
        error = None if part["gain"]["se"] is None else [part["gain"]["se"]]
        axes.errorbar([place], [part["gain"]["mean"]], yerr=error, fmt="o", color=RED, markersize=5)
    axes.axhline(0, color=BLACK, linewidth=0.8)
    axes.set_xticks(range(len(row["benchmarks"])), [TITLES[name] for name in row["benchmarks"]])
    axes.margins(x=0.2, y=0.2)
    axes.grid(alpha=0.25, axis="y")
    if first:
        axes.set_ylabel("taught less alone, dB\n(mean and its standard error)")
