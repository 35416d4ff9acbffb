"""What the reference is fitted on: pictures of every source, and innocents of every history that is at hand.

A sample is one picture in one condition; all samples that show one photograph, or come from one camera, carry the same
group, and a fold never splits a group.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import datasets
from fingerprint import augment
from fingerprint.conditions import Condition, of_quality

ORIGINAL = "original"
INNOCENTS = ("original:scan", "original:camera", "original:lossless", "original:reduced", "original:degraded")
ENLARGED = "~enlarged"
NATIVE = "native"
"""The part of a source's samples that were made of photographs as they are, not reduced before."""
FOLDS = 5
UNSEEN = 0
"""The fold whose photographs the embedding never sees: what its scores mean is learned there."""
HISTORIES = {
    "as_it_is": augment.as_it_is,
    "reduced": augment.reduced,
    "degraded": augment.degraded,
    "interpolated": augment.enlarged,
}


@dataclass(frozen=True)
class Sample:
    """One picture to be brought into conditions.

    Attributes:
        label: source name, one of `INNOCENTS`, or `ENLARGED`.
        group: photograph or camera.
        path: file it is read from.
        history: key of what happened to it before.
        touches: sides where a network padded its input.
        copies: how many differing samples are drawn of it for each condition.
        part: what of its label it is measured and kept together with.
    """

    label: str
    group: str
    path: Path
    history: str = "as_it_is"
    touches: frozenset[str] = frozenset()
    copies: int = 1
    part: str = ""

    def draw(self, condition: Condition, copy: int) -> np.ndarray:
        """Return one training crop, the same for the same arguments.

        Args:
            condition: what the picture is brought into.
            copy: 0 to `copies` - 1.

        Returns:
            (CROP, CROP, 3) uint8, smaller where it was reduced.
        """
        key = f"{self.label}|{self.path.name}|{self.history}|{condition.name}|{copy}"
        rng = np.random.default_rng(list(hashlib.sha256(key.encode()).digest()[:16]))
        evidence = datasets.read_evidence(self.path)
        picture = HISTORIES[self.history](evidence.pixels, rng)
        varied = self.label in INNOCENTS or self.label == ENLARGED
        if varied:
            own = self.history == "as_it_is" and condition.is_jpeg and of_quality(evidence.jpeg_quality) == condition
            size = min(256, *picture.shape[:2])
            top, left = (int(rng.integers(0, n - size + 1)) for n in picture.shape[:2])
            picture = picture[top : top + size, left : left + size]
            if own and copy == 0:
                return augment.cut(picture, rng)
        if condition.kind == "resized":
            towards = "smaller" if self.label in INNOCENTS else "larger" if self.label == ENLARGED else "any"
            processed = augment.process(augment.trimmed(picture, self.touches), condition, rng, varied, towards)
            return augment.cut(processed, rng, side=min(augment.CROP, *processed.shape[:2]))
        processed = augment.process(picture, condition, rng, varied)
        return augment.cut(processed, rng, self.touches, 8 if condition.is_jpeg else 16)


def fold_of(group: str) -> int:
    """Return the cross-validation fold, 0 to FOLDS - 1, of a photograph or camera."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:4], "big") % FOLDS


def source_samples(folder: Path, label: str, copies: int = 2) -> Iterator[Sample]:
    """Yield the samples of one source: every picture of a folder, its group the file's stem.

    Raises:
        ValueError: the folder holds no picture.
    """
    borders = datasets.published_borders()
    paths = [item for item in datasets.find_images([str(folder)]) if isinstance(item, str)]
    if not paths:
        raise ValueError(f"source folder {folder} holds no picture")
    for path in map(Path, paths):
        border = borders.get(("train", path.stem))
        yield Sample(label, path.stem, path, touches=border.touches if border else frozenset(), copies=copies)


def native_samples(made: Iterable[tuple[Path, str]], label: str) -> Iterator[Sample]:
    """Yield what a source made of photographs as they are.

    Args:
        made: pictures, and the group of each one's photograph.
        label: of the source.
    """
    for path, group in made:
        yield Sample(label, group, path, part=NATIVE)


def published_tests(names: Collection[str]) -> list[Sample]:
    """List the test pictures of those published sources that are among some names, `original` left out."""
    return [
        Sample(name, path.stem, path)
        for name in sorted(set(names) & set(datasets.published_sources()) - {ORIGINAL})
        for path in datasets.published(name, "test")
    ]


def innocent_samples() -> Iterator[Sample]:
    """Yield photographs that were never upscaled, and plain enlargements of them under `ENLARGED`.

    BSDS500 train and test, camera pictures and lossless photographs, each as they are, reduced, and degraded. BSDS500
    val is left out: the test photographs are from there.
    """
    for corpus in (datasets.bsds500("train"), datasets.bsds500("test")):
        yield from _histories(corpus, "original:scan", 1, degrade_every=2)
        for path, group in zip(corpus.paths, corpus.groups, strict=True):
            yield Sample(ENLARGED, group, path, "interpolated", copies=1)
    yield from _histories(datasets.camera(), "original:camera", 3)
    yield from _histories(datasets.lossless(), "original:lossless", 2)


def _histories(corpus: datasets.Corpus, label: str, copies: int, degrade_every: int = 1) -> Iterator[Sample]:
    for index, (path, group) in enumerate(zip(corpus.paths, corpus.groups, strict=True)):
        yield Sample(label, group, path, copies=copies)
        yield Sample("original:reduced", group, path, "reduced", copies=min(copies, 2))
        if index % degrade_every == 0:
            yield Sample("original:degraded", group, path, "degraded")
