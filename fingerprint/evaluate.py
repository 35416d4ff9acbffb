"""Measuring attribution on folders of test images, as they are and post-processed.

Every answer comes from the same `Attributor` that analysts use, on files written to disk. Confidence intervals resample
photographs, not images, since every source shows the same ones.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import datasets
from fingerprint.attributor import Attributor
from fingerprint.result import Result
from spectra import to_uint8

ORIGINAL = "original"
CROP = 160
BOOTSTRAP = 2000
Writer = Callable[[np.ndarray, Path], Path]


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


def _png(pixels: np.ndarray, stem: Path) -> Path:
    path = stem.with_suffix(".png")
    Image.fromarray(pixels).save(path, compress_level=1)
    return path


def _crop(pixels: np.ndarray, stem: Path) -> Path:
    rng = np.random.default_rng([ord(c) for c in stem.name])
    side = min(CROP, *pixels.shape[:2])
    top, left = (int(rng.integers(0, n - side + 1)) for n in pixels.shape[:2])
    return _png(pixels[top : top + side, left : left + side], stem)


def _jpeg(quality: int) -> Writer:
    def write(pixels: np.ndarray, stem: Path) -> Path:
        path = stem.with_suffix(".jpg")
        path.write_bytes(datasets.jpeg_copy(pixels, quality))
        return path

    return write


def _reduced(factor: float, quality: int | None = None) -> Writer:
    def write(pixels: np.ndarray, stem: Path) -> Path:
        height, width = (max(1, round(n * factor)) for n in pixels.shape[:2])
        small = datasets.resize(pixels, (height, width), "bicubic")
        return _png(small, stem) if quality is None else _jpeg(quality)(small, stem)

    return write


POSTS: dict[str, Writer | None] = {
    "as-is": None,
    "clean": _png,
    "crop": _crop,
    "jpeg90": _jpeg(90),
    "jpeg75": _jpeg(75),
    "jpeg50": _jpeg(50),
    **{f"x{f}": _reduced(f) for f in (0.9, 0.8, 0.7, 0.6, 0.5)},
    "x0.7-jpeg85": _reduced(0.7, 85),
}


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
    write = POSTS[post]

    def one(indexed: tuple[int, tuple[str, str, Path]]) -> Answer:
        number, (source, photograph, path) = indexed
        evidence = _read(path)
        if write is not None:
            folder = Path(room) / str(number)
            folder.mkdir()
            evidence = datasets.read_evidence(write(to_uint8(evidence.pixels), folder / path.stem))
        return Answer(source, photograph, post, attributor(photograph).attribute(evidence))

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


def _share(flags: np.ndarray, groups: np.ndarray) -> dict:
    if not len(flags):
        return {"share": None, "interval": None, "images": 0}
    return {"share": round(float(flags.mean()), 4), "interval": interval(flags, groups), "images": len(flags)}


def summarise(given: Sequence[Answer], scales: dict[str, int]) -> dict:
    """Count one post-processing's answers.

    Args:
        given: answers, of any sources.
        scales: true scale of each source; `original` is 1.

    Returns:
        Plain numbers: top-1 accuracy, share named right and wrong, accuracy of scale (each with its interval over
        photographs), verdicts, accuracy per source, confusion, false accusations of originals.
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
    accused = np.isin(verdict, ("known_source", "unknown_source"))
    confusion: dict[str, dict[str, int]] = {}
    for one, other in zip(truth, told, strict=True):
        row = confusion.setdefault(str(one), {})
        row[str(other)] = row.get(str(other), 0) + 1
    return {
        "images": len(given),
        "top1": _share(told == truth, photo),
        "named_right": _share((named & (told == truth))[~innocent], photo[~innocent]),
        "named_wrong": _share((named & (told != truth))[~innocent], photo[~innocent]),
        "scale": _share(right_scale[scaled], photo[scaled]),
        "false_accusations": _share(accused[innocent], photo[innocent]),
        "innocents_inconclusive": _share((verdict == "inconclusive")[innocent], photo[innocent]),
        "verdicts": {v: int((verdict == v).sum()) for v in sorted(set(verdict))},
        "per_source": {s: round(float((told == truth)[truth == s].mean()), 4) for s in sorted(set(truth))},
        "confusion": confusion,
    }
