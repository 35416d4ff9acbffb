"""Measuring localisation on composites: what is found of patches, how well the map tells pixels apart, false regions.

Every answer comes from the same `Attributor` that analysts use, on files written to disk.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

import datasets
from fingerprint.attributor import Attributor, is_grey
from fingerprint.composites import SIDES, Composite, Photograph, composites
from fingerprint.evaluate import POSTS
from fingerprint.likelihood_ratios import auroc
from fingerprint.regions import spread
from fingerprint.result import RegionMap, Result
from spectra import to_uint8

STEP = 4  # pixels; the map is compared with the truth on every so many-th row and column
PATCHED = {"upscaled-patch": "upscaled", "untouched-patch": "not_upscaled"}
"""What the patch of a mixed composite is, by the composite's kind."""


@dataclass(frozen=True)
class Located:
    """What was said of one composite after one kind of post-processing.

    Attributes:
        composite: what it is.
        post: what was done to it.
        result: the typed result.
        overlap: intersection over union of the patch and the pixels that were found to be of its kind; 0 where nothing
            was found, None for pictures of one piece.
        auroc: of the close map on pixels, the upscaled against the others, None for pictures of one piece.
    """

    composite: Composite
    post: str
    result: Result
    overlap: float | None
    auroc: float | None


def located(
    photographs: Sequence[Photograph],
    post: str,
    attributor: Callable[[str], Attributor],
    work: Path,
    sides: Sequence[int] = SIDES,
    advance: Callable[[int], None] = lambda _: None,
    workers: int = 2,
    everywhere: bool = False,
) -> Iterator[Located]:
    """Localise in the composites of photographs.

    Args:
        photographs: the bases; patches come from all of them.
        post: key of `evaluate.POSTS`, one that does not change a picture's size.
        attributor: gives the attributor for a photograph or camera, so that cross-validation can choose.
        work: folder that keeps what networks made.
        sides: of the patches, in pixels.
        advance: called with 1 for each photograph.
        workers: threads; the answers do not depend on it.
        everywhere: whether parts are sought closely everywhere, too, as `attribute --regions` does.

    Yields:
        An answer for each composite, photograph by photograph.

    Raises:
        ValueError: no such post-processing, or one that changes the size.
    """
    write = POSTS.get(post)
    if write is None:
        raise ValueError(f"post must be one of {', '.join(p for p, w in POSTS.items() if w)}, got {post!r}")

    def one(composite: Composite) -> Located:
        with tempfile.TemporaryDirectory() as room:
            evidence = datasets.read_evidence(write(to_uint8(composite.pixels), Path(room) / composite.name))
        if evidence.pixels.shape[:2] != composite.mask.shape:
            raise ValueError(f"post must keep a picture's size, which {post!r} does not")
        judge, grey = attributor(composite.photograph), is_grey(evidence.pixels)
        features = judge.localiser.judge.measure(to_uint8(evidence.pixels))
        result = judge.judge(evidence, features, grey, everywhere).result
        if composite.kind not in PATCHED:
            return Located(composite, post, result, None, None)
        heat = result.regions
        if not everywhere:
            heat = judge.localiser.heat(evidence.pixels, evidence.jpeg_quality, grey, features)
        return Located(composite, post, result, overlap(composite, result.regions), pixel_auroc(composite, heat))

    with ThreadPoolExecutor(workers) as pool:
        for photograph in photographs:
            yield from pool.map(one, composites(photograph, photographs, work, sides))
            advance(1)


def overlap(composite: Composite, found: RegionMap | None) -> float:
    """Return the intersection over union of a patch and what was found to be of its kind.

    Where the patch is so large that the rest was taken for the part, all that is not that part counts as found.
    """
    if found is None or not found.found:
        return 0.0
    kind = PATCHED[composite.kind]
    truth = composite.mask if kind == "upscaled" else ~composite.mask
    cells = np.array(found.parts) > 0
    if found.found[0].kind != kind:
        cells = ~cells
    pixels = spread(cells, found.cell, truth.shape[0], truth.shape[1])
    return float((pixels & truth).sum() / (pixels | truth).sum())


def pixel_auroc(composite: Composite, heat: RegionMap | None) -> float:
    """Return the share of pairs of an upscaled and another pixel that the map puts in order; ties count a half.

    Where the map says nothing, the likelihood ratio is 1.
    """
    if heat is None:
        return 0.5
    cells = np.array([[0.0 if value is None else value for value in row] for row in heat.log10_lr])
    pixels = spread(cells, heat.cell, composite.mask.shape[0], composite.mask.shape[1])[::STEP, ::STEP]
    mask = composite.mask[::STEP, ::STEP]
    return auroc(pixels[mask], pixels[~mask])


def counted(answers: Sequence[Located]) -> list[dict]:
    """Count answers by post-processing, kind and side of the patch.

    Returns:
        Plain numbers, one dictionary for each combination. Patches: share found, intersection over union (all, and
        those found), AUROC, the verdicts, and whether the source of an upscaled patch was named rightly. Pictures of
        one piece: false regions, with the exact 95 % interval of their share.
    """

    def key(one: Located) -> tuple[str, str, int]:
        return one.post, one.composite.kind, one.composite.side

    return [_counted(*name, list(group)) for name, group in groupby(sorted(answers, key=key), key)]


def _counted(post: str, kind: str, side: int, answers: list[Located]) -> dict:
    verdicts = [one.result.verdict for one in answers]
    about = {
        "post": post,
        "kind": kind,
        "side": side,
        "pictures": len(answers),
        "verdicts": {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
    }
    with_regions = [one for one in answers if one.result.regions and one.result.regions.found]
    if kind not in PATCHED:
        from scipy.stats import binomtest

        share = binomtest(len(with_regions), len(answers)).proportion_ci(method="exact")
        false = {"false_regions": len(with_regions), "interval": [round(share.low, 4), round(share.high, 4)]}
        return {**about, **false, "mistaken": sorted(one.composite.photograph for one in with_regions)}
    overlaps = np.array([one.overlap or 0.0 for one in answers])
    named = [(one.composite.source, s) for one in with_regions if (s := _named(one.result.regions))]
    return {
        **about,
        "found": round(len(with_regions) / len(answers), 4),
        "iou": round(float(overlaps.mean()), 4),
        "iou_of_found": round(float(overlaps[overlaps > 0].mean()), 4) if (overlaps > 0).any() else None,
        "iou_above_half": round(float((overlaps > 0.5).mean()), 4),
        "auroc": round(float(np.mean([one.auroc for one in answers if one.auroc is not None])), 4),
        "sources_named": len(named),
        "named_rightly": sum(truth == said for truth, said in named),
    }


def _named(found: RegionMap | None) -> str | None:
    """Return the source that is named first among the parts."""
    return next((part.source.source for part in found.found if part.source), None) if found else None
