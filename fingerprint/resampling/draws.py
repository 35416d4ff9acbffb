"""Windows to learn from: photographs of many histories, plain enlargements of them, and what networks made.

Everything is drawn by name, so that the same name gives the same window.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import datasets
from fingerprint import augment, posts
from fingerprint.resampling.traces import LEAST, SIDE
from fingerprint.samples import ORIGINAL
from spectra import to_uint8

INNOCENT, INTERPOLATED, NETWORK = "innocent", "interpolated", "network"
CLASSES = (INNOCENT, INTERPOLATED, NETWORK)
ORIGINS = ("scan", "camera", "lossless")
_KERNELS = ("nearest", "bilinear", "hamming", "bicubic", "lanczos")
_USUAL = (1.1, 1.2, 1.25, 1.3, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0)
_NAIVE = {"nearest": 0, "bilinear": 1, "bicubic": 3}  # reductions that leave out the smoothing, with a spline's order


@dataclass(frozen=True)
class Drawn:
    """Where a window comes from.

    Attributes:
        kind: of `CLASSES`.
        origin: the folder of pictures.
        group: photograph or camera.
        path: file.
        copy: number of the draw.
    """

    kind: str
    origin: str
    group: str
    path: Path
    copy: int


def plan(copies: int) -> Iterator[Drawn]:
    """List windows of the training photographs: BSDS500 train and test, cameras, lossless pictures, published networks.

    Args:
        copies: of each photograph and class; three times as many of cameras and lossless pictures.
    """
    corpora = (
        ("scan", datasets.bsds500("train"), 1), ("scan", datasets.bsds500("test"), 1),
        ("camera", datasets.camera(), 3), ("lossless", datasets.lossless(), 3),
    )  # fmt: skip
    for origin, corpus, times in corpora:
        for path, group in zip(corpus.paths, corpus.groups, strict=True):
            for kind in (INNOCENT, INTERPOLATED):
                for copy in range(copies * times):
                    yield Drawn(kind, origin, group, path, copy)
    for source in datasets.published_sources():
        if source != ORIGINAL:
            kind = INTERPOLATED if source.split("-x")[0] in _KERNELS else NETWORK
            for path in datasets.published(source, "train"):
                yield Drawn(kind, source, path.stem, path, 0)


def window_of(drawn: Drawn) -> np.ndarray | None:
    """Draw a window.

    Returns:
        (H, W, 3) uint8 of `LEAST` to `SIDE` pixels a side, None where the picture is too small for what was drawn.
    """
    key = f"{drawn.kind}|{drawn.origin}|{drawn.path.name}|{drawn.copy}"
    rng = np.random.default_rng(list(hashlib.sha256(key.encode()).digest()[:16]))
    picture = np.ascontiguousarray(to_uint8(datasets.read_evidence(drawn.path).pixels))
    if drawn.kind == INNOCENT:
        picture = _innocent(picture, rng)
    elif drawn.kind == INTERPOLATED and drawn.origin in ORIGINS:
        picture = _interpolated(picture, rng)
    side = min(int(rng.integers(160, SIDE + 1)) if rng.random() < 0.4 else SIDE, *picture.shape[:2])
    return augment.cut(picture, rng, side=side) if side >= LEAST else None


def _innocent(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give a photograph a history without any enlargement."""
    picture = _part(picture, rng, 800)
    if rng.random() < 0.15:
        return picture
    if rng.random() < 0.3:
        picture = posts.jpeg(picture, rng, int(rng.integers(60, 99)))
    if rng.random() < 0.65:
        picture = _reduced(picture, rng)
    if rng.random() < 0.06:
        picture = _turned(picture, rng)
    if rng.random() < 0.12:
        picture = _smoothed(picture, rng)
    picture = _touched(picture, rng, 0.35, blur=3.0)
    if rng.random() < 0.15:
        quality = int(rng.integers(40, 99))
        picture = posts.jpeg(picture, rng, quality) if rng.random() < 0.8 else posts.webp(picture, rng, quality)
    return picture


def _interpolated(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Enlarge a photograph that may have been reduced or coded before."""
    factor = float(rng.choice(_USUAL)) if rng.random() < 0.4 else float(np.exp(rng.uniform(np.log(1.05), np.log(4.2))))
    if rng.random() < 0.35:
        picture = _reduced(_part(picture, rng, 700), rng)
    if rng.random() < 0.2:
        picture = posts.jpeg(picture, rng, int(rng.integers(75, 99)))
    picture = _part(picture, rng, int(np.ceil((SIDE + 48) / factor)))
    kernel = str(rng.choice(_KERNELS)) if rng.random() < 0.7 else None
    picture = _pillow(picture, factor, kernel) if kernel else _cubic(picture, factor, rng)
    edge = int(np.ceil(2 * factor))
    picture = picture[edge:-edge, edge:-edge]
    return _touched(picture, rng, 0.15)


def _touched(picture: np.ndarray, rng: np.random.Generator, often: float, blur: float = 1.2) -> np.ndarray:
    """Sharpen, blur, add noise or change the tones now and then."""
    if rng.random() >= often:
        return picture
    kind = int(rng.integers(4))
    if kind == 0:
        return posts.sharpened(picture, rng, rng.uniform(30, 150))
    if kind == 1:
        return posts.blurred(picture, rng, rng.uniform(0.3, blur))
    if kind == 2:
        return posts.noisy(picture, rng, rng.uniform(0.3, 3.0))
    return posts.curved(picture, rng, rng.uniform(0.85, 1.18))


def _smoothed(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Take high frequencies away by a Butterworth filter, as lenses, scanners and film do: soft, yet not enlarged."""
    from scipy.fft import irfft2, rfft2

    height, width = picture.shape[:2]
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    if rng.random() < 0.4:
        radius = np.maximum(*np.broadcast_arrays(np.abs(np.fft.fftfreq(height))[:, None], np.fft.rfftfreq(width)))
    cut, order = rng.uniform(0.12, 0.5), np.exp(rng.uniform(0.0, np.log(20.0)))
    passed = 1 / (1 + (radius / cut) ** (2 * order))
    bands = np.asarray(rfft2(picture.astype(np.float32), axes=(0, 1))) * passed[..., None]
    filtered = np.asarray(irfft2(bands, (height, width), axes=(0, 1)))
    return np.clip(np.rint(filtered), 0, 255).astype(np.uint8)


def _turned(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Straighten a photograph as people do, by up to eight degrees, and cut off the corners."""
    angle = float(np.sign(rng.random() - 0.5) * np.exp(rng.uniform(np.log(0.1), np.log(8.0))))
    how = Image.Resampling.BICUBIC if rng.random() < 0.6 else Image.Resampling.BILINEAR
    turned = np.asarray(Image.fromarray(picture).rotate(angle, how))
    height, width = picture.shape[:2]
    lost = np.sin(np.deg2rad(abs(angle))) / 2
    top, left = int(np.ceil(width * lost)) + 2, int(np.ceil(height * lost)) + 2
    return turned[top : height - top, left : width - left]


def _part(picture: np.ndarray, rng: np.random.Generator, side: int) -> np.ndarray:
    height, width = (min(side, n) for n in picture.shape[:2])
    top, left = (int(rng.integers(0, n - m + 1)) for n, m in zip(picture.shape[:2], (height, width), strict=True))
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def _reduced(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Reduce to 0.35 to 0.97, one time in four without smoothing before."""
    least = (LEAST + 24) / min(picture.shape[:2])
    usual = rng.random() < 0.3
    drawn = float(rng.choice((0.5, 0.6, 0.7, 0.75, 0.8, 0.9))) if usual else rng.uniform(0.35, 0.97)
    factor = max(drawn, min(least, 1.0))
    size = (round(picture.shape[0] * factor), round(picture.shape[1] * factor))
    if rng.random() < 0.25:
        return _sampled(picture, size, _NAIVE[str(rng.choice(tuple(_NAIVE)))])
    return datasets.resize(picture, size, str(rng.choice(augment.REDUCTION_KERNELS)))


def _pillow(picture: np.ndarray, factor: float, kernel: str) -> np.ndarray:
    return datasets.resize(picture, (round(picture.shape[0] * factor), round(picture.shape[1] * factor)), kernel)


def _sampled(picture: np.ndarray, size: tuple[int, int], order: int) -> np.ndarray:
    """Resize without smoothing, as programs do that interpolate at the new pixels' places alone."""
    data = Image.fromarray(picture)
    height, width = picture.shape[:2]
    across = (width / size[1], 0.0, 0.0, 0.0, height / size[0], 0.0)
    how = {0: Image.Resampling.NEAREST, 1: Image.Resampling.BILINEAR, 3: Image.Resampling.BICUBIC}[order]
    return np.asarray(data.transform((size[1], size[0]), Image.Transform.AFFINE, across, how))


def _cubic(picture: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Enlarge by a cubic kernel of the family of Mitchell and Netravali (SIGGRAPH 1988) with parameters that are drawn.

    B-spline and Catmull-Rom are its ends; with B = 0 it is Keys' kernel with a = -C.
    """
    b, c = (0.0, rng.uniform(0.3, 0.9)) if rng.random() < 0.5 else (rng.uniform(0, 1), rng.uniform(0, 0.7))
    values = picture.astype(np.float32)
    for axis in (0, 1):
        values = np.moveaxis(np.tensordot(_weights(values.shape[axis], factor, b, c), values, (1, axis)), 0, axis)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _weights(length: int, factor: float, b: float, c: float) -> np.ndarray:
    out = round(length * factor)
    places = (np.arange(out) + 0.5) * length / out - 0.5
    x = np.abs(places[:, None] - np.arange(length)[None])
    near = ((12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + 6 - 2 * b) / 6
    far = ((-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + 8 * b + 24 * c) / 6
    weights = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
