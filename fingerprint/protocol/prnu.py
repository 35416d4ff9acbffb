"""The baseline of camera identification: what BM3D takes away, averaged over a network's pictures, and correlated.

Pictures are uint8 `H W 3`; residuals are in grey levels, float16 on disk. The middle of each picture is used, since the
pattern that is averaged must lie at the same place in all of them. BM3D is the one for white noise in its authors'
low-complexity setting; the library's default, made for coloured noise, takes many times as long.

References: K. Dabov, A. Foi, V. Katkovnik and K. Egiazarian, "Image denoising by sparse 3-D transform-domain
collaborative filtering", IEEE TIP 16, 2007; J. Lukas, J. Fridrich and M. Goljan, "Digital camera identification from
sensor pattern noise", IEEE TIFS 1, 2006. The library bm3d is for non-commercial use, so it is an extra.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import datasets
from spectra import to_uint8

SIGMA = 5.0  # grey levels, as in the paper
SIDE = 128
RECIPE = "bm3d, white noise, low complexity, sigma 5, middle 128"
MISSING = (
    "the PRNU baseline needs the library bm3d (for non-commercial use only): "
    "pip install -c constraints.txt '.[prnu]' in the repository, or leave it out with --no-prnu"
)
Denoiser = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Residuals:
    """Residuals of networks' pictures, read when they are needed.

    Attributes:
        of: for each network what gives its (n, SIDE, SIDE, 3) float16 residuals.
        photographs: what the n pictures of every network show.
    """

    of: Mapping[str, Callable[[], np.ndarray]]
    photographs: tuple[str, ...]


def bm3d_denoiser() -> Denoiser:
    """Return what denoises (H, W, 3) float64 pictures in grey levels.

    Raises:
        ValueError: the library is not installed, or what it needs of the system is not.
    """
    if find_spec("bm3d") is None:
        raise ValueError(MISSING)
    try:
        import bm3d  # type: ignore[import-not-found]
    except (ImportError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"the library bm3d cannot be loaded ({reason}); --no-prnu leaves the baseline out") from error
    profile = bm3d.BM3DProfileLC()
    profile.nf = 0  # white noise
    profile.num_threads = 1
    return lambda picture: np.asarray(bm3d.bm3d(picture, SIGMA, profile))


def gather_residuals(
    pictures: Mapping[str, Sequence[Path]],
    cache: Path,
    denoise: Denoiser,
    advance: Callable[[int], None] = lambda _: None,
) -> Residuals:
    """Compute what is missing of networks' residuals.

    Args:
        pictures: of each network, of the same photographs in one order.
        cache: folder that keeps the residuals.
        denoise: the denoiser.
        advance: called with the number of pictures each time some are done.

    Raises:
        ValueError: the networks' photographs differ, or a picture is too small.
    """
    shown = {tuple(path.stem for path in paths) for paths in pictures.values()}
    if len(shown) != 1:
        raise ValueError(f"pictures must show the same photographs in one order, got {len(shown)} different lists")
    kept = {name: residuals(paths, name, cache, denoise, advance) for name, paths in pictures.items()}
    return Residuals({name: partial(np.load, path, allow_pickle=False) for name, path in kept.items()}, shown.pop())


def residuals(
    paths: Sequence[Path],
    name: str,
    cache: Path,
    denoise: Denoiser,
    advance: Callable[[int], None] = lambda _: None,
    workers: int | None = None,
) -> Path:
    """Keep on disk what a denoiser takes away from the middle of pictures; what is there already stays.

    Args:
        paths: pictures of at least `SIDE` pixels a side.
        name: of the network, for the file's name.
        cache: folder that keeps the residuals.
        denoise: the denoiser.
        advance: called with the number of pictures each time some are done.
        workers: threads, all processors by default.

    Returns:
        The file: (n, SIDE, SIDE, 3) float16, in grey levels.

    Raises:
        ValueError: a picture is too small.
    """
    lines = [f"{path.name}|{path.stat().st_size}" for path in paths]
    key = hashlib.sha256("\n".join([RECIPE, name, *lines]).encode()).hexdigest()
    kept = cache / f"prnu-{key[:24]}.npy"
    if kept.exists():
        advance(len(paths))
        return kept

    def one(path: Path) -> np.ndarray:
        picture = middle(to_uint8(datasets.read_evidence(path).pixels), SIDE).astype(np.float64)
        return (picture - denoise(picture)).astype(np.float16)

    block = np.empty((len(paths), SIDE, SIDE, 3), np.float16)
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for row, residual in enumerate(pool.map(one, paths)):
            block[row] = residual
            advance(1)
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = kept.with_suffix(".partial.npy")
    np.save(unfinished, block, allow_pickle=False)
    unfinished.replace(kept)
    return kept


def middle(picture: np.ndarray, side: int) -> np.ndarray:
    """Cut the middle of a picture.

    Raises:
        ValueError: the picture is smaller.
    """
    height, width = picture.shape[:2]
    if min(height, width) < side:
        raise ValueError(f"a picture must be at least {side}x{side} pixels, got {width}x{height}")
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def matches(residuals: Residuals, training: np.ndarray) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray]:
    """Compare each test residual with the mean residual of every network.

    Args:
        residuals: of k networks.
        training: (n,) bool, the photographs that are averaged; the others are tested.

    Returns:
        The networks (k), which of them made each test picture (m), normalised correlations (m, k), and squared
        distances (m, k) as the authors' code compares.
    """
    names = tuple(sorted(residuals.of))
    prints = np.stack([residuals.of[name]()[training].mean(axis=0, dtype=np.float32).reshape(-1) for name in names])
    centred = prints - prints.mean(axis=1, keepdims=True)
    unit = centred / (np.linalg.norm(centred, axis=1, keepdims=True) + 1e-12)
    truth, correlations, distances = [], [], []
    for name in names:
        tests = residuals.of[name]()[~training].astype(np.float32)
        tests = tests.reshape(len(tests), -1)
        apart = tests - tests.mean(axis=1, keepdims=True)
        correlations.append(apart @ unit.T / (np.linalg.norm(apart, axis=1, keepdims=True) + 1e-12))
        distances.append(np.square(tests).sum(axis=1)[:, None] - 2 * tests @ prints.T + np.square(prints).sum(axis=1))
        truth += [name] * len(tests)
    return names, np.array(truth), np.concatenate(correlations), np.concatenate(distances)
