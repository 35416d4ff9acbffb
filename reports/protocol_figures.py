"""The figures of the protocol: a map of all test pictures, distance ratios of networks, what published ones are called.

Shares and ratios are 0 to 1.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from fingerprint.protocol.networks import Network
from reports.canvas import encoded
from reports.study_figures import BLUE, GREEN, ORANGE, PURPLE, RED, SKY

_COLOURS = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
_MARKERS = ("o", "^", "s", "D", "v")
_BAR = "cividis"
_CAPTION = (
    "R(A, B): mean distance of two pictures of one network over that of a picture of A and one of B. "
    "1: not to be told apart; near 0: far apart."
)


def draw_plane(plane: np.ndarray, made_by: Sequence[Network], suffix: str = ".png") -> bytes:
    """Draw the map of our networks' test pictures twice: by loss and scale, and by architecture.

    Args:
        plane: (n, 2).
        made_by: (n,) which network made each picture.
        suffix: one of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same content and matplotlib.

    Raises:
        ValueError: another suffix.
    """

    def fill(figure: Any) -> None:
        left, right = figure.subplots(1, 2)
        figure.subplots_adjust(left=0.01, right=0.99, top=0.93, bottom=0.17, wspace=0.03)
        _scattered(left, plane, [n.loss for n in made_by], [n.value("scale") for n in made_by], "loss and scale")
        _scattered(right, plane, [n.architecture for n in made_by], None, "architecture")
        figure.text(
            0.01, 0.015, f"t-SNE of {len(plane)} test pictures of {len({n.name for n in made_by})} networks, in the "
            "space of the discriminants that name the network. Distances between far points mean nothing."
        )  # fmt: skip

    return encoded((14, 7.6), suffix, fill)


def _scattered(axes: Any, plane: np.ndarray, colours: Sequence[str], markers: Sequence[str] | None, title: str) -> None:
    given = np.array([f"{c}, {m}" for c, m in zip(colours, markers, strict=True)] if markers else colours)
    known, shapes = sorted(set(colours)), sorted(set(markers or ()))
    for label in sorted(set(given)):
        colour, _, shape = label.rpartition(", ") if markers else (label, "", "")
        rows = given == label
        axes.scatter(
            plane[rows, 0], plane[rows, 1], s=11, linewidths=0.5, label=label,
            marker=_MARKERS[shapes.index(shape) % len(_MARKERS)] if markers else "o",
            facecolors="none", edgecolors=_COLOURS[known.index(colour) % len(_COLOURS)],
        )  # fmt: skip
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"by {title}")
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.01), ncols=3, frameon=False, markerscale=1.6)


def draw_ratios(
    networks: Sequence[Network], matrices: Mapping[str, np.ndarray], suffix: str = ".png", side: float = 13.0
) -> bytes:
    """Draw matrices of distance ratios side by side, networks of one loss and scale together.

    Args:
        networks: (k,) in the order of rows and columns.
        matrices: (k, k) by title.
        suffix: one of `reports.canvas.FORMATS`.
        side: inches of one matrix.

    Returns:
        The encoded figure, the same bytes for the same content and matplotlib.

    Raises:
        ValueError: another suffix.
    """
    letters = min(9.0, 0.72 * side * 72 / len(networks) * 0.8)
    names = [network.name.removeprefix("zoo-") for network in networks]
    margin = 0.62 * letters / 72 * max(map(len, names)) + 0.4  # inches that the names take
    size = (margin + len(matrices) * (side + 0.5) + 0.9, side + margin + 0.9)

    def fill(figure: Any) -> None:
        for place, (title, matrix) in enumerate(matrices.items()):
            left = margin + place * (side + 0.5)
            axes = figure.add_axes((left / size[0], (margin + 0.3) / size[1], side / size[0], side / size[1]))
            image = axes.imshow(matrix, cmap=_BAR, vmin=0, vmax=1, interpolation="nearest")
            axes.set_xticks(range(len(names)), names, rotation=90, fontsize=letters)
            axes.set_yticks(range(len(names)), names if place == 0 else [], fontsize=letters)
            axes.tick_params(length=1.5, pad=1.5)
            axes.set_title(title)
            for edge in _edges(networks):
                axes.axhline(edge - 0.5, color="white", linewidth=0.8)
                axes.axvline(edge - 0.5, color="white", linewidth=0.8)
            if place == len(matrices) - 1:
                beside = figure.add_axes(
                    ((left + side + 0.15) / size[0], (margin + 0.3) / size[1], 0.16 / size[0], side / size[1])
                )
                figure.colorbar(image, cax=beside)
        figure.text(0.1 / size[0], 0.1 / size[1], _CAPTION)

    return encoded(size, suffix, fill)


def _edges(networks: Sequence[Network]) -> list[int]:
    """Return where a new kind of loss or a new scale begins."""
    sizes = [len(list(members)) for _, members in groupby(networks, key=lambda n: (n.loss, n.scale))]
    return [int(edge) for edge in np.cumsum(sizes)[:-1]]


def draw_called(networks: Sequence[Network], parsers: Mapping[str, Any], suffix: str = ".png") -> bytes:
    """Draw what parsers that know our networks alone call each published network: its scale and its kind of loss.

    Args:
        networks: the published ones, in the order of the rows.
        parsers: "scale" and "loss", each with what was "called", shares by value as `over_seeds` gives them.
        suffix: one of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same content and matplotlib.

    Raises:
        ValueError: another suffix.
    """

    def fill(figure: Any) -> None:
        panels = figure.subplots(1, 2, sharey=True)
        figure.subplots_adjust(left=0.25, right=0.985, top=0.88, bottom=0.06, wspace=0.06)
        for axes, (target, wanted) in zip(panels, (("scale", "scale"), ("loss", "kind")), strict=True):
            _bars(axes, networks, parsers[target]["called"], wanted)
            axes.set_title(f"called {'scale' if target == 'scale' else 'kind of loss'}", pad=30)
        panels[0].set_yticks(range(len(networks)), [f"{n.name} ({n.kind}, {n.value('scale')})" for n in networks])
        figure.text(0.01, 0.015, "Right answers have a black edge. Means over seeds.")

    return encoded((13, 0.27 * len(networks) + 1.7), suffix, fill)


def _bars(axes: Any, networks: Sequence[Network], called: Mapping[str, Any], wanted: str) -> None:
    values = sorted({value for network in networks for value in called[network.name]})
    start = np.zeros(len(networks))
    for value, colour in zip(values, _COLOURS, strict=False):
        shares = np.array([called[network.name].get(value, {"mean": 0.0})["mean"] for network in networks])
        axes.barh(range(len(networks)), shares, left=start, color=colour, label=value, height=0.8)
        rows = [k for k, network in enumerate(networks) if network.value(wanted) == value and shares[k] > 0]
        axes.barh(rows, shares[rows], left=start[rows], facecolor="none", edgecolor="black", height=0.8, linewidth=1.3)
        start += shares
    axes.set(xlim=(0, 1), ylim=(len(networks) - 0.4, -0.6), xlabel="share of pictures")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
