"""Scores on Set5, Set14 and B100 by the field's protocol: luma, 8 bits, a border of `scale` pixels shaved.

Convention: pictures are uint8 RGB, H W 3.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8
from PIL import Image

import datasets
from model_zoo.metrics import psnr_luma, ssim_luma

if TYPE_CHECKING:
    from model_zoo.lpips import Lpips

Upscale = Callable[[UInt8[np.ndarray, "h w 3"]], UInt8[np.ndarray, "sh sw 3"]]
Pair = tuple[np.ndarray, np.ndarray]

BENCHMARKS = {"set5": datasets.set5, "set14": datasets.set14, "b100": datasets.b100}
"""The pictures that quality is measured on, by name."""

DEGRADATIONS = ("matlab-bicubic", "pillow-bicubic")
"""What may make the low resolution; the first is the field's."""

_KEPT = 3  # corpora whose pairs stay in memory, some 60 MB together for the three benchmarks


@dataclasses.dataclass(frozen=True)
class Score:
    """Means over a corpus.

    Attributes:
        psnr: of luma, in dB.
        ssim: of luma.
        lpips: perceptual distance of the colours, smaller is better; None where its weights are not at hand.
        pictures: how many there were.
    """

    psnr: float
    ssim: float
    lpips: float | None
    pictures: int


def score(
    upscale: Upscale,
    scale: int,
    corpus: datasets.Corpus,
    *,
    degradation: str = DEGRADATIONS[0],
    lpips: "Lpips | None" = None,
) -> Score:
    """Scores an upscaler on a corpus.

    Args:
        upscale: what to score.
        scale: its enlargement.
        corpus: the HR pictures, 8 bits a sample; cropped here to multiples of `scale`.
        degradation: what makes the low resolution, one of `DEGRADATIONS`.
        lpips: the perceptual distance, if it is wanted too.

    Returns:
        The means over the pictures, a border of `scale` pixels shaved off each.

    Raises:
        ValueError: if the degradation is unknown, or a picture has not 8 bits a sample.
    """
    results = []
    for low, high in pairs(corpus, scale, degradation):
        large = upscale(low)
        inside = np.s_[scale:-scale, scale:-scale]
        distance = np.nan if lpips is None else lpips(large[inside], high[inside])
        results.append((psnr_luma(large, high, shave=scale), ssim_luma(large, high, shave=scale), distance))
    psnr, ssim, distance = (float(value) for value in np.mean(results, axis=0))
    return Score(psnr, ssim, None if lpips is None else distance, len(results))


@lru_cache(maxsize=_KEPT)
def pairs(corpus: datasets.Corpus, scale: int, degradation: str = DEGRADATIONS[0]) -> Sequence[Pair]:
    """Makes the pairs that a corpus is scored on; those of the last three calls are kept.

    Args:
        corpus: the HR pictures, 8 bits a sample.
        scale: of the enlargement.
        degradation: what makes the low resolution, one of `DEGRADATIONS`.

    Returns:
        Low and high resolution of each picture.

    Raises:
        ValueError: if the degradation is unknown, or a picture has not 8 bits a sample.
    """
    if degradation not in DEGRADATIONS:
        raise ValueError(f"degradation must be one of {', '.join(DEGRADATIONS)}, got {degradation!r}")
    reduce = datasets.matlab_bicubic if degradation == DEGRADATIONS[0] else datasets.downscale
    found = []
    for path in corpus:
        high = datasets.crop_to_multiple(_read(path), scale)
        if high.dtype != np.uint8:
            raise ValueError(f"corpus {corpus.name} must have 8 bits a sample, {path.name} has more")
        found.append((reduce(high, scale), high))
    return found


def set5_psnr(upscale: Upscale, scale: int) -> dict[str, float]:
    """Scores an upscaler on Set5, two pictures at a time: most of the time goes into compiling for their five sizes.

    Args:
        upscale: what to score; called from several threads.
        scale: its enlargement: 2, 3 or 4.

    Returns:
        Mean luma PSNR in dB, by what made the low resolution: `matlab` (the benchmark's own pairs) and `pillow`.
        Where the benchmark has no pairs for this scale, `matlab` is missing.

    Raises:
        datasets.DataMissingError: if the data is not there.
    """
    kinds = {"pillow": _pillow_pairs(scale)}
    if scale in (2, 3, 4):
        kinds["matlab"] = ((_read(low), _read(high)) for high, low in datasets.set5_matlab(scale))
    with ThreadPoolExecutor(2) as pool:
        return {
            kind: float(np.mean(list(pool.map(lambda pair: psnr_luma(upscale(pair[0]), pair[1], shave=scale), pairs))))
            for kind, pairs in kinds.items()
        }


def bicubic(scale: int) -> Upscale:
    """Makes the upscaler that every network is held against: Pillow's bicubic."""

    def upscale(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "sh sw 3"]:
        size = (pixels.shape[1] * scale, pixels.shape[0] * scale)
        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))

    return upscale


def _pillow_pairs(scale: int) -> Iterator[Pair]:
    for path in datasets.set5():
        high = datasets.crop_to_multiple(_read(path), scale)
        yield datasets.downscale(high, scale), high


def _read(path: Path) -> np.ndarray:
    return datasets.read_evidence(path).pixels
