"""Measuring attribution on folders of test images, as they are and post-processed.

Every answer comes from the same `Attributor` that analysts use, on files written to disk. Confidence intervals resample
photographs, not images, since every source shows the same ones.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

import datasets
from fingerprint.attributor import ACCUSATIONS, Attributor
from fingerprint.expert import INTERPOLATION
from fingerprint.result import Result
from spectra import to_uint8

ORIGINAL = "original"
CROP = 160
BOOTSTRAP = 2000
Writer = Callable[[np.ndarray, Path], Path]
"""Takes a picture, (H, W, 3) uint8, and a file's path without its suffix; writes the file and returns its path."""
Told = TypeVar("Told")


@dataclass(frozen=True)
class Answer:
    """One image's answer.

    Attributes:
        source: what made it, `original` for an innocent.
        photograph: which photograph (or camera) it shows.
        post: what was done to it.
        result: the typed result.
    """

    source: str
    photograph: str
    post: str
    result: Result

    @property
    def attributed(self) -> str:
        """The source that counts as the answer: the first candidate, or `original` under `not_upscaled`."""
        if self.result.verdict == "not_upscaled":
            return ORIGINAL
        return self.result.candidates[0].source

    def accused(self, enlarged: bool = False) -> bool:
        """Whether upscaling is said of it; of a picture that was enlarged plainly, only by a network.

        Args:
            enlarged: whether what was done to it enlarges.
        """
        if self.result.verdict not in ACCUSATIONS:
            return False
        return not enlarged or self.result.parameters["loss"].value != INTERPOLATION


def write_png(pixels: np.ndarray, stem: Path) -> Path:
    """Write a picture without loss."""
    path = stem.with_suffix(".png")
    Image.fromarray(pixels).save(path, compress_level=1)
    return path


def _crop(pixels: np.ndarray, stem: Path) -> Path:
    rng = np.random.default_rng([ord(c) for c in stem.name])
    side = min(CROP, *pixels.shape[:2])
    top, left = (int(rng.integers(0, n - side + 1)) for n in pixels.shape[:2])
    return write_png(pixels[top : top + side, left : left + side], stem)


def jpeg_writer(quality: int, subsampling: str = "4:2:0") -> Writer:
    """Return what writes JPEG files with libjpeg's tables."""

    def write(pixels: np.ndarray, stem: Path) -> Path:
        path = stem.with_suffix(".jpg")
        path.write_bytes(datasets.jpeg_copy(pixels, quality, subsampling))
        return path

    return write


def webp_writer(quality: int) -> Writer:
    """Return what writes lossy WebP files."""

    def write(pixels: np.ndarray, stem: Path) -> Path:
        path = stem.with_suffix(".webp")
        Image.fromarray(pixels).save(path, quality=quality)
        return path

    return write


def resized(pixels: np.ndarray, factor: float, kernel: str = "bicubic") -> np.ndarray:
    """Resize both sides of a picture by a factor, to whole pixels."""
    height, width = (max(1, round(n * factor)) for n in pixels.shape[:2])
    return datasets.resize(pixels, (height, width), kernel)


def _resized(factor: float, write: Writer = write_png) -> Writer:
    return lambda pixels, stem: write(resized(pixels, factor), stem)


POSTS: dict[str, Writer | None] = {
    "as-is": None,
    "clean": write_png,
    "crop": _crop,
    "jpeg90": jpeg_writer(90),
    "jpeg75": jpeg_writer(75),
    "jpeg50": jpeg_writer(50),
    "webp80": webp_writer(80),
    **{f"x{f}": _resized(f) for f in (0.9, 0.8, 0.75, 0.7, 0.6, 0.5, 1.25)},
    "x0.7-jpeg85": _resized(0.7, jpeg_writer(85)),
}
ENLARGING = ("x1.25",)
"""After these a photograph was enlarged, and is no innocent any more."""


def answers(
    items: Sequence[tuple[str, str, Path]],
    post: str,
    attributor: Callable[[str], Attributor],
    advance: Callable[[int], None] = lambda _: None,
    workers: int = 2,
) -> Iterator[Answer]:
    """Attribute images after one kind of post-processing.

    Args:
        items: (source, photograph, file).
        post: key of `POSTS`.
        attributor: gives the attributor for a photograph or camera, so that cross-validation can choose.
        advance: called with 1 for each image.
        workers: threads; the answers do not depend on it.

    Yields:
        An answer for each image, in order.

    Raises:
        ValueError: no such post-processing, or a file cannot be read.
    """
    if post not in POSTS:
        raise ValueError(f"post must be one of {', '.join(POSTS)}, got {post!r}")

    def one(source: str, photograph: str, evidence: datasets.Evidence) -> Answer:
        return Answer(source, photograph, post, attributor(photograph).attribute(evidence))

    yield from asked(items, POSTS[post], one, advance, workers)


def asked(
    items: Sequence[tuple[str, str, Path]],
    write: Writer | None,
    ask: Callable[[str, str, datasets.Evidence], Told],
    advance: Callable[[int], None] = lambda _: None,
    workers: int = 2,
) -> Iterator[Told]:
    """Ask about files that pictures are written to after one kind of post-processing.

    Args:
        items: (source, photograph, file).
        write: the post-processing, None to ask about the files as they are.
        ask: told source, photograph and the file as it is read.
        advance: called with 1 for each image.
        workers: threads.

    Yields:
        What `ask` returned for each image, in order.

    Raises:
        ValueError: a file cannot be read.
    """

    def one(indexed: tuple[int, tuple[str, str, Path]]) -> Told:
        number, (source, photograph, path) = indexed
        evidence = _read(path)
        if write is not None:
            folder = Path(room) / str(number)
            folder.mkdir()
            evidence = _read(write(to_uint8(evidence.pixels), folder / path.stem))
        return ask(source, photograph, evidence)

    with tempfile.TemporaryDirectory() as room, ThreadPoolExecutor(workers) as pool:
        for answer in pool.map(one, enumerate(items)):
            advance(1)
            yield answer


def _read(path: Path) -> datasets.Evidence:
    try:
        return datasets.read_evidence(path)
    except datasets.EvidenceError as error:
        raise ValueError(f"{path}: {error}") from None


def test_items(root: Path, split: str = "test") -> list[tuple[str, str, Path]]:
    """List (source, photograph, file) of a folder that holds one folder a source, with or without a split inside.

    Args:
        root: `<root>/<source>/<split>/*` or `<root>/<source>/*`.
        split: name of the inner folder, used where it exists.

    Raises:
        ValueError: nothing is there.
    """
    items = []
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        inner = folder / split if (folder / split).is_dir() else folder
        for found in datasets.find_images([str(inner)]):
            if isinstance(found, str):
                items.append((folder.name, Path(found).stem, Path(found)))
    if not items:
        raise ValueError(f"{root} holds no folder of pictures")
    return items


def interval(flags: np.ndarray, groups: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a share, resampling groups.

    Args:
        flags: (n,) bool.
        groups: (n,) photograph of each.
        seed: of the resampling.
    """
    _, index = np.unique(groups, return_inverse=True)
    right, total = np.bincount(index, weights=flags), np.bincount(index)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(total), (BOOTSTRAP, len(total)))
    shares = right[drawn].sum(axis=1) / total[drawn].sum(axis=1)
    low, high = np.quantile(shares, [0.025, 0.975])
    return round(float(low), 4), round(float(high), 4)


def share_of(flags: np.ndarray, groups: np.ndarray) -> dict:
    """Return a share, its interval and how many there are, as plain numbers; None where there are none.

    Args:
        flags: (n,) bool.
        groups: (n,) photograph of each.
    """
    if not len(flags):
        return {"share": None, "interval": None, "images": 0}
    return {"share": round(float(flags.mean()), 4), "interval": interval(flags, groups), "images": len(flags)}


def summarise(given: Sequence[Answer], scales: dict[str, int], enlarged: bool = False) -> dict:
    """Count one post-processing's answers.

    Args:
        given: answers, of any sources.
        scales: true scale of each source; `original` is 1.
        enlarged: whether what was done to the pictures enlarges, so that originals are accused by a network alone.

    Returns:
        Plain numbers: top-1 accuracy, share named right and wrong, accuracy of scale (each with its interval over
        photographs), verdicts, accuracy per source, confusion, false accusations of originals, and for both sides the
        share that stays inconclusive.
    """
    truth = np.array([a.source for a in given])
    photo = np.array([a.photograph for a in given])
    told = np.array([a.attributed for a in given])
    verdict = np.array([a.result.verdict for a in given])
    named = verdict == "known_source"
    scale = np.array([a.result.parameters["scale"].value or 0 for a in given])
    scaled = np.array([source in scales for source in truth])
    right_scale = np.array([scales.get(a.source, -1) for a in given]) == scale
    innocent = truth == ORIGINAL
    accused = np.array([a.accused(enlarged) for a in given], bool)
    confusion: dict[str, dict[str, int]] = {}
    for one, other in zip(truth, told, strict=True):
        row = confusion.setdefault(str(one), {})
        row[str(other)] = row.get(str(other), 0) + 1
    return {
        "images": len(given),
        "top1": share_of(told == truth, photo),
        "named_right": share_of((named & (told == truth))[~innocent], photo[~innocent]),
        "named_wrong": share_of((named & (told != truth))[~innocent], photo[~innocent]),
        "scale": share_of(right_scale[scaled], photo[scaled]),
        "false_accusations": share_of(accused[innocent], photo[innocent]),
        "inconclusive": share_of((verdict == "inconclusive")[~innocent], photo[~innocent]),
        "innocents_inconclusive": share_of((verdict == "inconclusive")[innocent], photo[innocent]),
        "verdicts": {v: int((verdict == v).sum()) for v in sorted(set(verdict))},
        "per_source": {s: round(float((told == truth)[truth == s].mean()), 4) for s in sorted(set(truth))},
        "confusion": confusion,
    }
