"""The figures of one exhibit, each with its caption and a text for those who cannot see it.

Pictures are `H W 3` as stored; ratios are log10.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets import Evidence
from fingerprint.likelihood_ratios import tippett
from fingerprint.result import Result
from reports.canvas import encoded
from reports.dossier.validation import Curve
from reports.figures import TITLES, draw_panel, survey
from reports.region_figures import draw_regions
from reports.study_figures import BLUE, GREY, ORANGE, RED
from spectra.tiles import TILE


@dataclass(frozen=True)
class Plate:
    """One figure.

    Attributes:
        name: short, for file names and anchors.
        caption: what it shows, for readers.
        alt: what is seen on it, in words.
        png: the encoded figure.
    """

    name: str
    caption: str
    alt: str
    png: bytes


def plates(evidence: Evidence, result: Result, curves: Sequence[Curve]) -> tuple[Plate, ...]:
    """Draw all figures of an exhibit.

    Args:
        evidence: the file.
        result: what was said of it.
        curves: of the validation condition that matches it, none where there is none.
    """
    return tuple(_plates(evidence, result, curves))


def _plates(evidence: Evidence, result: Result, curves: Sequence[Curve]) -> Iterator[Plate]:
    size = f"{evidence.width} by {evidence.height} pixels"
    if min(evidence.width, evidence.height) >= TILE:
        measured = survey(evidence.pixels)
        part = "the whole picture" if measured.residual.shape == measured.size else "the framed part"
        yield Plate("picture", "The exhibit as it was read, neither rotated nor colour-managed.",
                    f"The exhibit, {size}.", draw_panel(measured, "picture"))  # fmt: skip
        yield Plate(
            "residual",
            f"What is left of {part} when its content is taken away ({TITLES[measured.residual_kind]}), in grey "
            "levels. Traces of an enlargement are regular here; content shows as edges.",
            "A grey picture of fine detail around edges.",
            draw_panel(measured, "residual"),
        )
        yield Plate(
            "spectrum",
            f"Strength of the residual by spatial frequency, averaged over {measured.windows} windows. Enlarging by "
            "2, 3 or 4 leaves traces around the marked points; the 8 × 8 blocks of JPEG leave peaks at multiples "
            "of 1/8.",
            "A square map of frequencies with marks where enlargements by two, three and four leave peaks.",
            draw_panel(measured, "spectrum"),
        )
    if result.regions is not None:
        yield Plate(
            "regions",
            "Evidence for upscaling place by place (right; orange for, blue against), and the parts that differ "
            "from the rest, framed.",
            _regions_alt(result),
            draw_regions(evidence.pixels, result, result.regions),
        )
    if result.candidates:
        names = ", ".join(f"{one.source} {one.log10_lr:+.2f}" for one in result.candidates)
        yield Plate(
            "ratios",
            "Likelihood ratios (log10) of the leading sources, each against the other methods that could have "
            "enlarged the exhibit, and of upscaling against none. Right of zero the findings support the source, "
            "left of it they speak against it; each unit is a factor of ten. Ratios of sources compare methods "
            "with each other: they say nothing of whether the exhibit was enlarged at all.",
            f"Bars: upscaled at all {result.upscaled.log10_lr:+.2f}, {names}.",
            _ratios(result),
        )
    for curve in curves:
        value = result.upscaled.log10_lr if curve.level == "upscaled" else _first(result)
        if value is not None:
            yield Plate(f"tippett-{curve.level}", _tippett_caption(curve), _tippett_alt(curve, value),
                        _tippett(curve, value))  # fmt: skip


def _first(result: Result) -> float | None:
    return result.candidates[0].log10_lr if result.candidates and result.upscaled.log10_lr > 0 else None


def _regions_alt(result: Result) -> str:
    found = result.regions.found if result.regions else ()
    if not found:
        return "The exhibit beside its map; no part differs from the rest."
    boxes = "; ".join(
        f"{one.kind.replace('_', ' ')}: {one.box[2]} by {one.box[3]} pixels at column {one.box[0]}, row {one.box[1]}"
        for one in found
    )
    return f"The exhibit beside its map; parts that differ: {boxes}."


def _ratios(result: Result) -> bytes:
    rows = [("upscaled at all", result.upscaled.log10_lr, GREY)]
    named = result.verdict == "known_source"
    rows += [
        (one.source, one.log10_lr, ORANGE if named and place == 0 else BLUE)
        for place, one in enumerate(result.candidates)
    ]

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        places = np.arange(len(rows))
        axes.barh(places, [value for _, value, _ in rows], color=[colour for *_, colour in rows], height=0.6)
        axes.set_yticks(places, [name for name, *_ in rows], parse_math=False)
        axes.invert_yaxis()
        axes.axvline(0, color="black", linewidth=0.8)
        limit = max(1.0, *(abs(value) for _, value, _ in rows)) * 1.25
        axes.set(xlim=(-limit, limit), xlabel="log10 likelihood ratio")
        for place, (_, value, _) in enumerate(rows):
            side = "left" if value >= 0 else "right"
            axes.annotate(f"{value:+.2f}", (value, place), xytext=(4 if value >= 0 else -4, 0), va="center", ha=side,
                          textcoords="offset points")  # fmt: skip
        axes.grid(alpha=0.25, axis="x")

    return encoded((7.2, 0.42 * len(rows) + 0.9), ".png", draw, font=10, tight=True)


def _tippett(curve: Curve, value: float) -> bytes:
    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        curves = tippett(np.asarray(curve.same), np.asarray(curve.different))
        for shares, colour, label in ((curves.same, BLUE, curve.words[0]), (curves.different, RED, curve.words[1])):
            axes.step(curves.log_ratios, shares, where="pre", color=colour, label=label)
        axes.axvline(value, color="black", linestyle="--", label=f"this exhibit: {value:+.2f}")
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.set(xlabel="log10 likelihood ratio", ylabel="share at least so large", ylim=(0, 1.02))
        axes.legend(frameon=False)
        axes.grid(alpha=0.25)

    return encoded((7.2, 3.6), ".png", draw, font=10, tight=True)


def _tippett_caption(curve: Curve) -> str:
    return (
        f"How large ratios were on validation images in the condition “{curve.condition}” ({curve.level_words}): the "
        f"share that was at least as large, where the first proposition was true (blue, {curve.counts[0]:,} "
        f"comparisons) and where the second was (orange, {curve.counts[1]:,}). The dashed line is this exhibit's ratio."
    )


def _tippett_alt(curve: Curve, value: float) -> str:
    above = float(np.mean(np.asarray(curve.same) >= value))
    other = float(np.mean(np.asarray(curve.different) >= value))
    return (
        f"Two falling curves. A ratio of at least {value:+.2f} was seen in {above:.1%} of comparisons where the first "
        f"proposition was true and in {other:.1%} where the second was."
    )
