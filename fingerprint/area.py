"""Accuracy against the area of a picture, from small crops up to whole photographs.

Imported networks, interpolation kernels and networks of the zoo enlarge held-out photographs (BSDS500 val) whole; parts
of several sizes are cut out of what they made. Evidence adds up over tiles, so it should grow with the area.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import datasets
from datasets import Evidence
from fingerprint.attributor import Attributor
from fingerprint.evaluate import ORIGINAL, POSTS, Answer, Writer, asked, summarise, write_png
from fingerprint.render import KERNELS, enlarger, imported_sources, keep

SIDES = (96, 128, 192, 256, 320)
"""Sides of square crops, in pixels; the whole photograph comes after them."""
ZOO = (
    "whorl-fsrcnn-x2", "zoo-edsr-x2-l1-A-s1", "zoo-edsr-x4-gan1e-2-A-s1", "zoo-nlsn-x2-paper-a-A-s1",
    "zoo-rcan-x2-gan3e-3-A-s1", "zoo-rcan-x4-l1-A-s1", "zoo-rdn-x3-l1-A-s1", "zoo-rdn-x4-paper-b-A-s1",
    "zoo-swinir-x2-l1-A-s1", "zoo-swinir-x4-paper-a-A-s1",
)  # fmt: skip
"""Networks of the zoo that differ by architecture, scale and loss."""
GROUPS = {"imported": "imported networks", "kernels": "kernels", "zoo": "zoo", ORIGINAL: "originals"}
PHOTOGRAPHS = 20
_FRAME = 4  # all sources' pictures are cut to multiples of this, so that they show the same
Maker = Callable[[np.ndarray], np.ndarray]


def group_of(source: str) -> str:
    """Return which of `GROUPS` a source belongs to."""
    if source == ORIGINAL:
        return ORIGINAL
    if source in KERNELS:
        return "kernels"
    return "imported" if source in imported_sources() else "zoo"


def maker(source: str) -> Maker:
    """Return what a source makes of a photograph: reduced by Pillow's bicubic and enlarged again.

    Args:
        source: `original`, one of `KERNELS`, a published network whose weights are there, or one of the zoo.

    Returns:
        Takes and returns (H, W, 3) uint8; cut to whole multiples.

    Raises:
        ValueError: no such source.
    """
    if source == ORIGINAL:
        return lambda pixels: datasets.crop_to_multiple(pixels, _FRAME)
    scale, enlarge = enlarger(source)

    def make(pixels: np.ndarray) -> np.ndarray:
        high = datasets.crop_to_multiple(pixels, scale)
        return datasets.crop_to_multiple(enlarge(np.ascontiguousarray(datasets.downscale(high, scale))), _FRAME)

    return make


def render_whole(source: str, photographs: Sequence[Path], root: Path) -> list[Path]:
    """Make what a source makes of whole photographs; what is there is kept.

    Args:
        source: as for `maker`.
        photographs: files.
        root: gets a folder for the source.

    Returns:
        The files made, lossless WebP, in the order of the photographs.

    Raises:
        ValueError: no such source.
    """
    folder = root / source
    folder.mkdir(parents=True, exist_ok=True)
    made = [folder / f"{photograph.stem}.webp" for photograph in photographs]
    missing = [(photograph, path) for photograph, path in zip(photographs, made, strict=True) if not path.exists()]
    if missing:
        make = maker(source)
        for photograph, path in missing:
            keep(make(datasets.read_evidence(photograph).pixels), path)
    return made


def _cut(side: int | None, write: Writer) -> Writer:
    """Return what cuts a square at a place that depends on the photograph's name, or nothing, and writes it."""

    def cut(pixels: np.ndarray, stem: Path) -> Path:
        if side is not None:
            rng = np.random.default_rng(list(hashlib.sha256(f"{stem.name}|{side}".encode()).digest()[:16]))
            top, left = (int(rng.integers(0, max(n - side, 0) + 1)) for n in pixels.shape[:2])
            pixels = np.ascontiguousarray(pixels[top : top + side, left : left + side])
        return write(pixels, stem)

    return cut


def area_curves(
    items: Sequence[tuple[str, str, Path]],
    posts: Sequence[str],
    scales: dict[str, int],
    attributor: Attributor,
    sides: Sequence[int] = SIDES,
    step: Callable[[str], None] = lambda _: None,
    advance: Callable[[int], None] = lambda _: None,
) -> dict:
    """Attribute parts of several sizes, and the whole, of each picture.

    Args:
        items: (source, photograph, file of the whole picture).
        posts: keys of `evaluate.POSTS`, done to what was cut out.
        scales: true scale of each source; `original` is 1.
        attributor: gives the answers.
        sides: of the square parts, in pixels.
        step: told what is being done.
        advance: called with 1 for each answer.

    Returns:
        For each post a list: side (None for the whole), mean area in pixels, and for each group and for `all` what
        `evaluate.summarise` counts, without the confusion.

    Raises:
        ValueError: no such post-processing, or a file cannot be read.
    """
    out: dict[str, list] = {}
    for post in posts:
        if post not in POSTS:
            raise ValueError(f"posts must be among {', '.join(POSTS)}, got {post!r}")

        def ask(source: str, photograph: str, evidence: Evidence, post: str = post) -> Answer:
            return Answer(source, photograph, post, attributor.attribute(evidence))

        for side in (*sides, None):
            step(f"{post}, {'whole' if side is None else f'{side}x{side}'}")
            given = list(asked(items, _cut(side, POSTS[post] or write_png), ask, advance))
            area = float(np.mean([a.result.image.width * a.result.image.height for a in given]))
            out.setdefault(post, []).append({"side": side, "area": round(area), "groups": _summaries(given, scales)})
    return out


def _summaries(given: Sequence[Answer], scales: dict[str, int]) -> dict:
    belongs = {source: group_of(source) for source in {answer.source for answer in given}}
    groups = {name: [a for a in given if belongs[a.source] == name] for name in GROUPS} | {"all": list(given)}
    told = {name: summarise(answers, scales) for name, answers in groups.items() if answers}
    for summary in told.values():
        del summary["confusion"]
    return told
