"""What the stress study does to pictures: kinds of post-processing, each at several strengths, as writers of files.

Pictures are uint8 `H W 3`. What is random (noise, where a crop lies) depends on the photograph's name alone:
all sources that show one photograph go through the same.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from datasets import jpeg_round_trip
from fingerprint.evaluate import Writer, jpeg_writer, resized, webp_writer, write_png
from fingerprint.posts import Picture, blurred, unsharp_masked, with_noise

Change = Callable[[Picture, np.random.Generator], Picture]
RADIUS = 1.0  # pixels, of the sharpening
PAGE = (57, 23, 31)  # pixels of a screenshot above, beside and below the picture
_PAPER, _BAR = 245, 48  # grey levels
_CUT = (3, 5)  # rows and columns
_LEVELS = np.arange(256.0)


@dataclass(frozen=True)
class Strength:
    """One strength of a kind.

    Attributes:
        name: for people and files.
        value: its place on the kind's axis, None where strengths are words.
        write: does it.
        enlarges: whether what was not upscaled before is so afterwards.
    """

    name: str
    value: float | None
    write: Writer
    enlarges: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of post-processing.

    Attributes:
        title: what it is.
        axis: what its strengths are, with their unit.
        strengths: in the order in which they are shown, the mildest first where there is such an order.
    """

    title: str
    axis: str
    strengths: tuple[Strength, ...]


def _generator(stem: Path) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256(stem.name.encode()).digest()[:16]))


def _changed(change: Change, write: Writer = write_png) -> Writer:
    return lambda pixels, stem: write(np.ascontiguousarray(change(pixels, _generator(stem))), stem)


def _plain(change: Callable[[Picture], Picture], write: Writer = write_png) -> Writer:
    return _changed(lambda pixels, _: change(pixels), write)


def _measured(
    values: Sequence[float], writer: Callable[[float], Writer], factors: bool = False
) -> tuple[Strength, ...]:
    """Return strengths that are numbers; factors above 1 enlarge."""
    return tuple(Strength(f"{value:g}", float(value), writer(value), factors and value > 1) for value in values)


def _worded(writers: Mapping[str, Writer]) -> tuple[Strength, ...]:
    """Return strengths that are words."""
    return tuple(Strength(name, None, write) for name, write in writers.items())


def _cut(pixels: Picture) -> Picture:
    return pixels[_CUT[0] :, _CUT[1] :]


def _jpeg(quality: float, subsampling: str = "4:2:0") -> Writer:
    return jpeg_writer(int(quality), subsampling)


def _cut_and_coded(quality: float) -> Writer:
    return _plain(_cut, jpeg_writer(int(quality)))


def _coded(*qualities: int, between: Callable[[Picture], Picture] = lambda pixels: pixels) -> Writer:
    """Return what JPEG-codes several times, the last time into the file."""

    def change(pixels: Picture) -> Picture:
        for quality in qualities[:-1]:
            pixels = between(jpeg_round_trip(pixels, quality))
        return pixels

    return _plain(change, jpeg_writer(qualities[-1]))


def _resizing(kernel: str) -> Kind:
    factors = (0.5, 0.6, 0.75, 0.9, 1.1, 1.25, 1.5, 2.0)
    strengths = _measured(factors, lambda factor: _plain(lambda p: resized(p, factor, kernel)), factors=True)
    return Kind(f"resized, {kernel}", "factor", strengths)


def _gamma(exponent: float) -> Writer:
    return _toned(255 * (_LEVELS / 255) ** exponent)


def _toned(levels: np.ndarray) -> Writer:
    """Return what replaces grey levels; `levels` has the 256 new ones."""
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return _plain(lambda pixels: table[pixels])


def _bent(amount: float) -> np.ndarray:
    """Return an S-shaped tone curve: darker shadows and lighter lights, the same black, middle and white."""
    t = _LEVELS / 255
    return 255 * (t - amount * np.sin(2 * np.pi * t) / (2 * np.pi))


def _blurred(sigma: float) -> Writer:
    return _changed(lambda pixels, rng: blurred(pixels, rng, sigma))


def _sharpened(percent: float) -> Writer:
    return _plain(lambda pixels: unsharp_masked(pixels, RADIUS, int(percent), 0))


def _noise(deviation: float) -> Writer:
    return _changed(lambda pixels, rng: with_noise(pixels, rng.normal(0.0, deviation, pixels.shape)))


def _cropped(side: float) -> Writer:
    def change(pixels: Picture, rng: np.random.Generator) -> Picture:
        height, width = (min(int(side), n) for n in pixels.shape[:2])
        top, left = int(rng.integers(pixels.shape[0] - height + 1)), int(rng.integers(pixels.shape[1] - width + 1))
        return pixels[top : top + height, left : left + width]

    return _changed(change)


def _median(side: float) -> Writer:
    return _plain(lambda pixels: np.asarray(Image.fromarray(pixels).filter(ImageFilter.MedianFilter(int(side)))))


def _grey(pixels: Picture) -> Picture:
    return np.asarray(Image.fromarray(pixels).convert("L").convert("RGB"))


def _palette(colours: float) -> Writer:
    """Return what writes GIF files: a palette of the picture's own colours, with error diffusion."""

    def write(pixels: Picture, stem: Path) -> Path:
        path = stem.with_suffix(".gif")
        Image.fromarray(pixels).quantize(int(colours)).save(path)
        return path

    return write


def _screenshot(factor: float) -> Writer:
    """Return what shows a picture on a page, scaled as displays do, and photographs the screen."""

    def change(pixels: Picture) -> Picture:
        shown = pixels if factor == 1 else resized(pixels, factor, "bilinear")
        height, width = shown.shape[:2]
        above, beside, below = PAGE
        page = np.full((above + height + below, width + 2 * beside, 3), _PAPER, np.uint8)
        page[: above // 2] = _BAR
        page[above : above + height, beside : beside + width] = shown
        return page

    return _plain(change)


def _uploaded(bound: float, quality: int, before: int | None = None, sharpen: int = 0) -> Writer:
    """Return what sites do: the longest side bounded (here by a share of it), perhaps sharpened, JPEG 4:2:0."""

    def change(pixels: Picture) -> Picture:
        pixels = pixels if before is None else jpeg_round_trip(pixels, before)
        pixels = pixels if bound == 1 else resized(pixels, bound, "lanczos")
        return unsharp_masked(pixels, 0.6, sharpen, 0) if sharpen else pixels

    return _plain(change, jpeg_writer(quality))


def _twice() -> dict[str, Writer]:
    """Return JPEG steps one after the other; "cut" moves the second one's grid."""
    pairs = ((95, 85), (90, 75), (75, 90), (85, 95), (70, 50), (50, 90))
    writers = {f"{first} then {second}": _coded(first, second) for first, second in pairs}
    return writers | {"90, cut, 75": _coded(90, 75, between=_cut), "75, cut, 90": _coded(75, 90, between=_cut)}


TURNS: dict[str, Callable[[Picture], Picture]] = {
    "90°": lambda pixels: np.rot90(pixels, 1),
    "180°": lambda pixels: np.rot90(pixels, 2),
    "270°": lambda pixels: np.rot90(pixels, 3),
    "left-right": lambda pixels: pixels[:, ::-1],
    "top-bottom": lambda pixels: pixels[::-1],
}
UPLOADS = {
    "JPEG 85": _uploaded(1, 85),
    "JPEG 75": _uploaded(1, 75),
    "×0.9, JPEG 85": _uploaded(0.9, 85),
    "×0.75, JPEG 80": _uploaded(0.75, 80),
    "×0.75, sharpened, JPEG 80": _uploaded(0.75, 80, sharpen=60),
    "JPEG 95, ×0.75, JPEG 75": _uploaded(0.75, 75, before=95),
    "×0.5, JPEG 70": _uploaded(0.5, 70),
}
CLEAN = "clean"
KINDS: dict[str, Kind] = {
    CLEAN: Kind("as made, PNG", "", _worded({"PNG": write_png})),
    "jpeg": Kind("JPEG, 4:2:0", "quality", _measured((100, 95, 90, 85, 75, 65, 50, 40, 30), _jpeg)),
    "jpeg-444": Kind("JPEG, 4:4:4", "quality", _measured((95, 90, 75, 50), partial(_jpeg, subsampling="4:4:4"))),
    "jpeg-twice": Kind("JPEG twice", "qualities", _worded(_twice())),
    "jpeg-cut": Kind("cut off the grid, then JPEG", "quality", _measured((95, 90, 75, 50), _cut_and_coded)),
    "webp": Kind("WebP", "quality", _measured((95, 90, 80, 65, 50), lambda quality: webp_writer(int(quality)))),
    **{f"resize-{kernel}": _resizing(kernel) for kernel in ("bicubic", "bilinear", "lanczos")},
    "blur": Kind("Gaussian blur", "sigma (pixels)", _measured((0.3, 0.5, 0.7, 1.0, 1.5), _blurred)),
    "noise": Kind("Gaussian noise", "deviation (grey levels)", _measured((0.5, 1, 2, 4, 8), _noise)),
    "sharpen": Kind(f"unsharp mask, radius {RADIUS:g}", "percent", _measured((30, 60, 100, 150, 200), _sharpened)),
    "median": Kind("median filter", "side (pixels)", _measured((3, 5), _median)),
    "gamma": Kind("gamma", "exponent", _measured((0.7, 0.85, 0.95, 1.05, 1.18, 1.4), _gamma)),
    "curve": Kind("S-shaped tone curve", "amount", _measured((0.25, 0.5, 0.75), lambda a: _toned(_bent(a)))),
    "brightness": Kind("brightness", "grey levels", _measured((-40, -20, 20, 40), lambda b: _toned(_LEVELS + b))),
    "contrast": Kind(
        "contrast", "factor", _measured((0.7, 0.85, 1.15, 1.3), lambda c: _toned(128 + c * (_LEVELS - 128)))
    ),
    "crop": Kind("cut at any place", "side (pixels)", _measured((160, 144, 128, 112, 96, 80, 64), _cropped)),
    "turn": Kind("turned or mirrored", "", _worded({name: _plain(turn) for name, turn in TURNS.items()})),
    "grey": Kind("colours taken out", "", _worded({"BT.601 luma": _plain(_grey)})),
    "palette": Kind("GIF palette", "colours", _measured((256, 64, 16), _palette)),
    "screenshot": Kind(
        "screenshot, PNG", "display scale", _measured((0.8, 1, 1.25, 1.5, 2), _screenshot, factors=True)
    ),
    "social": Kind("uploaded to a site", "", _worded(UPLOADS)),
}
