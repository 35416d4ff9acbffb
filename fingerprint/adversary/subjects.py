"""Whose pictures are attacked: test pictures of sources, and photographs that were never upscaled.

All are in no training split. Pictures are uint8 `H W 3`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np

import datasets
from fingerprint.evaluate import ORIGINAL
from fingerprint.posts import Picture
from fingerprint.render import MULTIPLE, SIDE, render_source
from fingerprint.studies import innocent_corpora
from spectra import to_uint8

SPLIT_SIZES = {"train": 60, "test": 20}
TRAINED_ON = ("camera", "lossless")
SHARED = "bsds-val"
"""The corpus whose photographs the sources' test pictures show, too; they keep their names."""


@dataclass(frozen=True)
class Subject:
    """One picture that is attacked.

    Attributes:
        source: what made it, `original` for a photograph.
        photograph: which one it shows.
        pixels: the picture; sides are multiples of 12.
        spare: whether it is a control alone, and not attacked.
    """

    source: str
    photograph: str
    pixels: Picture
    spare: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Source and photograph."""
        return self.source, self.photograph

    @property
    def innocent(self) -> bool:
        """Whether it was never upscaled."""
        return self.source == ORIGINAL


def runnable() -> frozenset[str]:
    """Name the networks that can be run here."""
    import model_zoo

    return frozenset(manifest.name for manifest in model_zoo.list_networks())


def files_of(source: str, split: str, count: int, renders: Path) -> list[Path]:
    """List a source's pictures; those of a network that can be run here are made where they are missing.

    Args:
        source: one of `datasets.published_sources`, or a network.
        split: train or test.
        count: how many, the first ones by name.
        renders: folder for what networks make.

    Raises:
        ValueError: there is neither such a folder nor such a network.
    """
    count = min(count, SPLIT_SIZES[split])
    if source in datasets.published_sources():
        return list(datasets.published(source, split).paths[:count])
    if source not in runnable():
        raise ValueError(f"source must have pictures among the published ones or be a network that runs here, {source}")
    folder = render_source(source, split, renders, count)
    return sorted(folder.glob("*.webp"))[:count]


def sources_subjects(sources: Sequence[str], count: int, renders: Path) -> list[Subject]:
    """Read the first test pictures of each source.

    Args:
        sources: names, as for `files_of`.
        count: photographs of each.
        renders: folder for what networks make.

    Raises:
        ValueError: as `files_of`.
    """
    return [
        Subject(source, path.stem, np.ascontiguousarray(_read(path)))
        for source in sources
        for path in files_of(source, "test", count, renders)
    ]


def innocent_subjects(count: int) -> list[Subject]:
    """Cut 192x192 pixels out of the middle of colour photographs, as many from each corpus as can be.

    Args:
        count: photographs in all.
    """
    corpora = [
        [(group if name == SHARED else f"{name}-{group}", path) for _, group, path in listed]
        for name, listed in innocent_corpora().items()
        if name not in TRAINED_ON
    ]
    found: list[Subject] = []
    for item in chain.from_iterable(zip_longest(*corpora)):
        if len(found) == count:
            break
        if item is None:
            continue
        pixels = _read(item[1])
        if min(pixels.shape[:2]) < SIDE or bool((pixels[..., :1] == pixels).all()):
            continue
        top, left = ((side - SIDE) // 2 for side in pixels.shape[:2])
        found.append(Subject(ORIGINAL, item[0], np.ascontiguousarray(pixels[top : top + SIDE, left : left + SIDE])))
    return found


def _read(path: Path) -> Picture:
    return datasets.crop_to_multiple(to_uint8(datasets.read_evidence(path).pixels), MULTIPLE)
