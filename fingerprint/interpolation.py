"""Whether photographs that were enlarged by a plain kernel are recognised as interpolated, at any factor.

Pictures are uint8 `H W 3`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import datasets
from fingerprint.attributor import ACCUSATIONS, Attributor
from fingerprint.evaluate import share_of, write_png
from fingerprint.expert import INTERPOLATION
from spectra import to_uint8

FACTORS = (1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0)
SIDE = 256
"""Pixels of the square that is cut from the middle of an enlargement."""
Enlarge = Callable[[np.ndarray, float], np.ndarray]


def _pillow(kernel: str) -> Enlarge:
    def enlarge(pixels: np.ndarray, factor: float) -> np.ndarray:
        return datasets.resize(pixels, (round(pixels.shape[0] * factor), round(pixels.shape[1] * factor)), kernel)

    return enlarge


def _spline(order: int) -> Enlarge:
    """Return spline interpolation whose grid keeps the corners' pixels in their places, unlike Pillow's."""

    def enlarge(pixels: np.ndarray, factor: float) -> np.ndarray:
        from scipy.ndimage import zoom

        enlarged = np.asarray(zoom(pixels.astype(np.float32), (factor, factor, 1), order=order, mode="mirror"))
        return np.clip(np.rint(enlarged), 0, 255).astype(np.uint8)

    return enlarge


KERNELS: Mapping[str, Enlarge] = {
    **{name: _pillow(name) for name in ("nearest", "bilinear", "hamming", "bicubic", "lanczos")},
    "linear spline": _spline(1),
    "cubic spline": _spline(3),
}
"""Pillow's kernels, and two that no part of the fit has seen."""


def interpolated(
    photographs: Sequence[tuple[str, Path]],
    attributor: Attributor,
    kernels: Sequence[str] = tuple(KERNELS),
    factors: Sequence[float] = FACTORS,
    advance: Callable[[int], None] = lambda _: None,
) -> dict:
    """Enlarge photographs and ask what they are.

    Args:
        photographs: name and file of each, in no training split.
        attributor: answers.
        kernels: of `KERNELS`.
        factors: above 1.
        advance: called with 1 for each picture.

    Returns:
        Shares with intervals over photographs of what is recognised, that is of answers whose `loss` is
        `interpolation`: `interpolated` in all, `by_kernel`, `by_factor`; `said`, those of them whose verdict is that
        they were upscaled; `network`, those that a network is blamed for; and `verdicts`.
    """
    rows = []
    with TemporaryDirectory() as room:
        for name, path in photographs:
            pixels = np.ascontiguousarray(to_uint8(datasets.read_evidence(path).pixels))
            for kernel in kernels:
                for factor in factors:
                    file = write_png(_enlarged(pixels, KERNELS[kernel], factor), Path(room) / "picture")
                    result = attributor.attribute(datasets.read_evidence(file))
                    loss = result.parameters["loss"].value
                    rows.append((name, kernel, f"{factor:g}", result.verdict, loss))
                    advance(1)
    given = np.array([name for name, *_ in rows])
    recognised = np.array([loss == INTERPOLATION for *_, loss in rows])
    verdicts = [verdict for *_, verdict, _ in rows]
    upscaled = np.array([verdict in ACCUSATIONS for verdict in verdicts])

    def by(column: int) -> dict[str, dict]:
        values = np.array([row[column] for row in rows])
        return {value: share_of(recognised[values == value], given[values == value]) for value in dict.fromkeys(values)}

    return {
        "interpolated": share_of(recognised, given),
        "said": share_of(recognised & upscaled, given),
        "network": share_of(upscaled & ~recognised, given),
        "verdicts": {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
        "by_kernel": by(1),
        "by_factor": by(2),
    }


def _enlarged(pixels: np.ndarray, enlarge: Enlarge, factor: float) -> np.ndarray:
    """Enlarge what is needed of a picture's middle and cut its border away."""
    side = min(*pixels.shape[:2], int(np.ceil((SIDE + 32) / factor)))
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    large = enlarge(pixels[top : top + side, left : left + side], factor)
    out = min(SIDE, large.shape[0])
    edge = (large.shape[0] - out) // 2
    return np.ascontiguousarray(large[edge : edge + out, edge : edge + out])
