"""What networks make of one picture, and how that scores: the content of `whorl zoo compare`.

Pictures are (H, W, 3) uint8 RGB.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import datasets
from model_zoo.evaluation import Upscale, bicubic
from model_zoo.metrics import psnr_luma, ssim_luma
from model_zoo.network import load
from reports.progress import Bar
from reports.zoo_figures import Panel
from reports.zoo_networks import Known

if TYPE_CHECKING:
    from model_zoo.lpips import Lpips

_BUTTERFLY = 2  # its place among the five pictures of Set5


@dataclass(frozen=True)
class Score:
    """How one enlargement does.

    Attributes:
        name: The network's, or `bicubic`.
        scale: Enlargement of each side.
        known: The network; None for bicubic.
        psnr_set5: Luma PSNR in dB on Set5's MATLAB pairs, as its manifest says.
        psnr: Luma PSNR in dB on the picture.
        ssim: Luma SSIM on the picture.
        lpips: Perceptual distance on the picture; None where its weights are not at hand.
        seconds: For a megapixel of the result, when all is compiled.
        pixels: The enlarged picture.
    """

    name: str
    scale: int
    known: Known | None
    psnr_set5: float | None
    psnr: float
    ssim: float
    lpips: float | None
    seconds: float
    pixels: np.ndarray


def reference_picture(path: Path | None, scales: Sequence[int]) -> tuple[str, np.ndarray]:
    """Read the original that networks are compared on.

    Args:
        path: The file; None for a picture of Set5.
        scales: The enlargements; what does not divide the sides is cut off.

    Returns:
        Its name and pixels.

    Raises:
        ValueError: It is no picture, or none is given and Set5 is not at hand.
    """
    name = "" if path is None else path.name
    if path is None:
        try:
            name, path = "Set5's butterfly", datasets.set5()[_BUTTERFLY]
        except (datasets.DataMissingError, IndexError):
            raise ValueError("--image is needed, as Set5 is not at hand to take a picture from") from None
    try:
        pixels = datasets.read_evidence(path).pixels
    except datasets.EvidenceError as error:
        raise ValueError(f"{path}: {error}") from None
    multiple = math.lcm(*scales)
    if min(pixels.shape[:2]) < 8 * multiple or pixels.dtype != np.uint8:
        raise ValueError(f"{path}: the picture must have 8 bits a sample and sides of {8 * multiple} pixels or more")
    return name, datasets.crop_to_multiple(pixels, multiple)


def score_all(
    networks: Sequence[Known], truth: np.ndarray, *, degradation: str = "pillow-bicubic", lpips: "Lpips | None" = None
) -> list[Score]:
    """Enlarge the original's reduction by each network, and for each scale first by bicubic interpolation.

    Args:
        networks: The networks.
        truth: The original; its sides are multiples of every scale.
        degradation: What reduces it, one of `model_zoo.evaluation.DEGRADATIONS`.
        lpips: The perceptual distance, if it is wanted too.

    Returns:
        The scores by scale, bicubic first, else in the order given.
    """
    scales = sorted({known.manifest.scale for known in networks})
    reduce = datasets.downscale if degradation == "pillow-bicubic" else datasets.matlab_bicubic
    lows = {scale: np.asarray(reduce(truth, scale)) for scale in scales}
    scores = []
    with Bar(len(networks)) as bar:
        for scale in scales:
            chosen = [known for known in networks if known.manifest.scale == scale]
            plain = next(filter(None, (known.manifest.quality.get("bicubic_matlab") for known in chosen)), None)
            result = _measure(bicubic(scale), lows[scale], truth, scale, lpips)
            scores.append(Score("bicubic", scale, None, plain, *result))
            for known in chosen:
                with bar.step():
                    result = _measure(load(known.source).upscale, lows[scale], truth, scale, lpips)
                    scores.append(Score(known.manifest.name, scale, known, known.manifest.psnr_set5, *result))
    return scores


def _measure(
    upscale: Upscale, low: np.ndarray, truth: np.ndarray, scale: int, lpips: "Lpips | None"
) -> tuple[float, float, float | None, float, np.ndarray]:
    """Give PSNR, SSIM, LPIPS, seconds for a megapixel and the enlarged picture."""
    pixels = upscale(low)  # compiles
    begun = time.perf_counter()
    upscale(low)
    seconds = (time.perf_counter() - begun) / (truth.shape[0] * truth.shape[1] / 1e6)
    psnr, ssim = psnr_luma(pixels, truth, shave=scale), ssim_luma(pixels, truth, shave=scale)
    inside = np.s_[scale:-scale, scale:-scale]
    return psnr, ssim, None if lpips is None else lpips(pixels[inside], truth[inside]), seconds, pixels


def panels(scores: Sequence[Score], truth: np.ndarray) -> list[tuple[str, list[Panel]]]:
    """Group the results by scale for `draw_comparison`; the original closes each group."""
    groups = []
    for scale in sorted({score.scale for score in scores}):
        mine = [score for score in scores if score.scale == scale]
        drawn = [Panel(score.name, f"{score.psnr:.2f} dB, {score.ssim:.4f}", score.pixels) for score in mine]
        groups.append((f"×{scale}", [*drawn, Panel("original", "", truth)]))
    return groups
