"""Scores on Set5 by the field's protocol: luma, 8 bits, a border of `scale` pixels shaved.

Convention: pictures are uint8 RGB, H W 3.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

import datasets
from model_zoo.metrics import psnr_luma

Upscale = Callable[[UInt8[np.ndarray, "h w 3"]], UInt8[np.ndarray, "sh sw 3"]]


def set5_psnr(upscale: Upscale, scale: int) -> dict[str, float]:
    """Scores an upscaler on Set5.

    Args:
        upscale: what to score.
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
    return {
        kind: float(np.mean([psnr_luma(upscale(low), high, shave=scale) for low, high in pairs]))
        for kind, pairs in kinds.items()
    }


def bicubic(scale: int) -> Upscale:
    """Makes the upscaler that every network is held against: Pillow's bicubic."""

    def upscale(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "sh sw 3"]:
        size = (pixels.shape[1] * scale, pixels.shape[0] * scale)
        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))

    return upscale


def _pillow_pairs(scale: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for path in datasets.set5():
        high = datasets.crop_to_multiple(_read(path), scale)
        yield datasets.downscale(high, scale), high


def _read(path: Path) -> np.ndarray:
    return datasets.read_evidence(path).pixels
