"""Photographs with an upscaled patch, made and judged for the validation report: a heat map, and what is not found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

import datasets
from fingerprint.attributor import is_grey
from fingerprint.result import RegionMap, Result
from reports.validation_failures import enlarged, photograph

if TYPE_CHECKING:
    from fingerprint import Attributor

BASE = 384  # pixels a side
SIDES = (192, 128, 96)
PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket")
PLACE = 48  # pixels from the top and from the left


@dataclass(frozen=True)
class Pasted:
    """What was said of one composite.

    Attributes:
        photograph: of both parts.
        source: that made the patch.
        side: of the patch in pixels.
        pixels: (H, W, 3) uint8.
        result: the answer.
        heat: the map, None where nothing can be told.
    """

    photograph: str
    source: str
    side: int
    pixels: np.ndarray
    result: Result
    heat: RegionMap | None

    @property
    def found(self) -> bool:
        """Whether a part was framed that overlaps the patch and is said to be upscaled."""
        regions = self.result.regions
        if regions is None:
            return False
        boxes = [region.box for region in regions.found if region.kind == "upscaled"]
        end = PLACE + self.side
        return any(x < end and y < end and x + w > PLACE and y + h > PLACE for x, y, w, h in boxes)

    @property
    def words(self) -> str:
        """What was done."""
        return (
            f"{self.photograph}, with a patch of {self.side}×{self.side} pixels at column {PLACE}, row {PLACE} that "
            f"was reduced and enlarged by `{self.source}`"
        )


def pasted(
    sources: Sequence[str],
    attributor: "Attributor",
    room: Path,
    sides: Sequence[int] = SIDES,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Pasted]:
    """Paste what sources make of photographs into these, and ask where.

    Args:
        sources: that enlarge; each photograph takes the next.
        attributor: answers.
        room: folder for the files.
        sides: of the patches.
        advance: called with 1 for each composite.
    """
    out = []
    for number, name in enumerate(PHOTOGRAPHS[: len(sources)]):
        source, base = sources[number], photograph(name, BASE)
        made = enlarged(base, source)
        for side in sides:
            pixels = base.copy()
            rows = slice(PLACE, PLACE + side)
            pixels[rows, rows] = made[rows, rows]
            path = room / f"{name}-{side}.png"
            Image.fromarray(pixels).save(path)
            evidence = datasets.read_evidence(path)
            result = attributor.attribute(evidence)
            heat = attributor.localiser.heat(evidence.pixels, None, is_grey(evidence.pixels))
            named = replace(result, image=replace(result.image, path=path.name))
            out.append(Pasted(name, source, side, pixels, named, heat))
            advance(1)
    return out
