"""Post-processing: what may happen to a picture after it left its source, by kind and strength.

Pictures are uint8 `H W 3`. Every draw comes from the generator that is handed in, so that the same generator gives the
same picture.
"""

import dataclasses
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from datasets import jpeg_round_trip, resize

Picture = np.ndarray

KERNELS = ("bilinear", "hamming", "bicubic", "lanczos")
LEAST_QUALITY = 40
_SUBSAMPLINGS = {"4:4:4": (0, 0.2), "4:2:2": (1, 0.15), "4:2:0": (2, 0.65)}  # Pillow's number, how often
_ODD_TABLES = 0.25  # of encoders: those whose tables are no multiples of the standard's
_LUMA = np.array(  # ISO/IEC 10918-1, table K.1
    [
        [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)  # fmt: skip
_CHROMA = np.full((8, 8), 99)  # table K.2
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


@dataclass(frozen=True)
class Mixture:
    """How often pictures go through what; shares sum to one.

    Attributes:
        untouched: nothing.
        jpeg: one JPEG step.
        twice: two of them.
        webp: lossy WebP.
        resized: a resize, down or up, half the time.
        edited: a blur, noise, or sharpening.
        recoded: of the resized and edited, those that are JPEG-coded afterwards.
        curved: of all, those whose tones were changed first.
        lowest: JPEG quality that is drawn.
        highest: likewise.
    """

    untouched: float = 0.22
    jpeg: float = 0.40
    twice: float = 0.08
    webp: float = 0.08
    resized: float = 0.13
    edited: float = 0.09
    recoded: float = 0.4
    curved: float = 0.15
    lowest: int = LEAST_QUALITY
    highest: int = 98


MIXED = Mixture()


def blended(one: Mixture, other: Mixture, share: float) -> Mixture:
    """Return the mixture that has `share` of the other, 0 to 1."""
    first, second = dataclasses.asdict(one), dataclasses.asdict(other)
    values = {name: value + share * (second[name] - value) for name, value in first.items()}
    return Mixture(**values | {name: round(values[name]) for name in ("lowest", "highest")})


@dataclass(frozen=True)
class Processed:
    """A picture after post-processing.

    Attributes:
        picture: (H, W, 3) uint8.
        quality: of the JPEG step that came last, None if the last step was another.
    """

    picture: Picture
    quality: int | None = None


def jpeg(picture: Picture, rng: np.random.Generator, quality: int) -> Picture:
    """JPEG-code with a subsampling that is drawn; one encoder in four has tables of its own."""
    subsampling = str(rng.choice(list(_SUBSAMPLINGS), p=[share for _, share in _SUBSAMPLINGS.values()]))
    if rng.random() >= _ODD_TABLES:
        return jpeg_round_trip(picture, quality, subsampling)
    flatness, tilt = rng.uniform(0, 0.6), rng.uniform(-0.25, 0.25)
    rise = np.add.outer(np.arange(8), np.arange(8)) / 14 - 0.5
    factor = (5000 / quality if quality < 50 else 200 - 2 * quality) / 100
    tables = [
        np.clip(np.rint(factor * ((1 - flatness) * base + flatness * base[:4, :4].mean()) * (1 + tilt * rise)), 1, 255)
        for base in (_LUMA, _CHROMA)
    ]
    rows = [table.astype(int).ravel().tolist() for table in tables]
    return _saved(picture, "JPEG", qtables=rows, subsampling=_SUBSAMPLINGS[subsampling][0])


def webp(picture: Picture, rng: np.random.Generator, quality: int) -> Picture:
    """Code as lossy WebP."""
    return _saved(picture, "WEBP", quality=quality, method=int(rng.integers(0, 5)))


def resized(picture: Picture, rng: np.random.Generator, factor: float) -> Picture:
    """Resize by a factor with a kernel that is drawn, as editors, sites and screenshots do."""
    size = (max(8, round(picture.shape[0] * factor)), max(8, round(picture.shape[1] * factor)))
    return resize(picture, size, str(rng.choice(KERNELS)))


def blurred(picture: Picture, rng: np.random.Generator, sigma: float) -> Picture:
    """Blur with a Gaussian of `sigma` pixels."""
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))


def noisy(picture: Picture, rng: np.random.Generator, deviation: float) -> Picture:
    """Add Gaussian noise of a standard deviation in grey levels, the same to all colours or not."""
    return with_noise(picture, rng.normal(0.0, deviation, (*picture.shape[:2], 1 if rng.random() < 0.3 else 3)))


def with_noise(picture: Picture, noise: np.ndarray) -> Picture:
    """Add (H, W, 1 or 3) noise in grey levels and round."""
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def sharpened(picture: Picture, rng: np.random.Generator, percent: float) -> Picture:
    """Sharpen by an unsharp mask of 0.5 to 2 pixels."""
    return unsharp_masked(picture, rng.uniform(0.5, 2.0), int(percent), int(rng.integers(0, 4)))


def unsharp_masked(picture: Picture, radius: float, percent: int, threshold: int) -> Picture:
    """Sharpen as Pillow's `UnsharpMask` does, with its parameters."""
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.UnsharpMask(radius, percent, threshold)))


def curved(picture: Picture, rng: np.random.Generator, gamma: float) -> Picture:
    """Apply a tone curve: a power, a gain and an offset."""
    levels = np.linspace(0, 1, 256) ** gamma * rng.uniform(0.93, 1.07) * 255 + rng.uniform(-8, 8)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)[picture]


def drawn(picture: Picture, rng: np.random.Generator, least: int, mixture: Mixture = MIXED) -> Processed:
    """Send a picture through a chain of steps that is drawn: what files go through between maker and analyst.

    Args:
        picture: (H, W, 3) uint8.
        rng: where all draws come from.
        least: pixels a side that must be left after a reduction.
        mixture: how often it goes through what.

    Returns:
        The picture, of another size where it was resized or cut.
    """
    if rng.random() < mixture.curved:
        picture = curved(picture, rng, rng.uniform(0.85, 1.18))
    ends = np.cumsum([mixture.untouched, mixture.jpeg, mixture.twice, mixture.webp, mixture.resized])
    kind = int(np.searchsorted(ends, rng.random(), side="right"))
    if kind == 0:
        return Processed(picture)
    if kind == 1:
        return _coded(picture, rng, least, mixture)
    if kind == 2:
        before = dataclasses.replace(mixture, lowest=max(70, mixture.lowest))
        return _coded(_coded(picture, rng, least, before).picture, rng, least, mixture)
    if kind == 3:
        return Processed(webp(picture, rng, int(rng.integers(50, 99))))
    if kind == 4:
        low = max(0.55, (least + 8) / min(picture.shape[:2]))
        picture = resized(picture, rng, rng.uniform(low, 1.0) if rng.random() < 0.5 else rng.uniform(1.0, 1.6))
    else:
        picture = _edited(picture, rng)
    return _coded(picture, rng, least, mixture) if rng.random() < mixture.recoded else Processed(picture)


def _edited(picture: Picture, rng: np.random.Generator) -> Picture:
    edit = rng.integers(3)
    if edit == 0:
        return blurred(picture, rng, rng.uniform(0.3, 1.2))
    if edit == 1:
        return noisy(picture, rng, rng.uniform(0.5, 5.0))
    return sharpened(picture, rng, rng.uniform(30, 150))


def _coded(picture: Picture, rng: np.random.Generator, least: int, mixture: Mixture) -> Processed:
    """JPEG-code; one time in five a few rows and columns are cut first, so that the grid begins elsewhere."""
    if rng.random() < 0.2 and min(picture.shape[:2]) >= least + 8:
        top, left = rng.integers(0, 8, 2)
        picture = picture[top:, left:]
    quality = int(rng.integers(mixture.lowest, mixture.highest + 1))
    return Processed(jpeg(picture, rng, quality), quality)


def _saved(picture: Picture, kind: str, **settings) -> Picture:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, kind, **settings)
    with Image.open(file, formats=[kind]) as image:
        return np.array(image.convert("RGB"))
