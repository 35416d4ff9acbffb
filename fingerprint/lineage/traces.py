"""What a picture shares with what networks make of its own reduction, beyond what these networks all share.

A network that was tuned from a parent repeats some of the parent's own choices, and so may one that was taught by a
teacher. The picture is reduced to about the low resolution that it was made from, every network of a pool enlarges
that, and what the pool has in common is taken away. What is left of the picture is explained by what is left of each
network, all at once (ridge regression): the coefficient is how strongly the picture shows that network's own manner.

Pictures are uint8 `H W 3`; sums are over pixels, in grey levels of luma.
"""

import functools
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

import datasets
from fingerprint.imitation.agreement import Sums, explained
from fingerprint.imitation.network import luma

Upscale = Callable[[np.ndarray], np.ndarray]
"""From a uint8 `H W 3` picture to its enlargement."""

LEAST = 5
"""Networks of a pool: of fewer, what they share is not what all networks do."""
SIDE = 288
"""Of the window of a picture that is compared, in pixels: a multiple of all scales."""
EDGE = 8  # small pixels at the window's edges that are not compared: networks see what lies beyond
SMALLEST = 120  # pixels a side
_SHORT = 4  # phases that plain enlargement leaves to the networks
_JUDGES = 3  # networks that choose among them
_LITTLE = 1e-6


def trace(picture: np.ndarray, scale: int, pool: Mapping[str, Upscale], phase: tuple[int, int] | None = None) -> Sums:
    """Compare a picture with what every network of a pool makes of its reduction.

    Args:
        picture: (H, W, 3) uint8, enlarged by `scale`.
        scale: of the pool's networks.
        pool: at least `LEAST` networks by name.
        phase: rows and columns of the picture before the first whole small pixel; sought by default.

    Returns:
        Sums of one band: products with, and among, first how the pool's mean differs from plain enlargement (how sharp
        networks are), then each network.

    Raises:
        ValueError: too few networks, or a picture that is too small.
    """
    if len(pool) < LEAST:
        raise ValueError(
            f"pool must hold at least {LEAST} networks, for what all share counts for none, got {len(pool)}"
        )
    room = min(picture.shape[:2]) - (scale - 1)
    if room < SMALLEST:
        raise ValueError(f"picture must have sides of at least {SMALLEST + scale - 1} pixels, got {picture.shape[:2]}")
    spare = scale - 1 if phase is None else max(phase)
    rows, columns = (min(SIDE, (length - spare) // scale * scale) for length in picture.shape[:2])
    size = (rows, columns)
    at = find_phase(picture, size, scale, list(pool.values())[:_JUDGES]) if phase is None else phase
    window = _window(picture, size, scale, at)
    small = np.ascontiguousarray(datasets.downscale(window, scale))
    plain = datasets.resize(small, size, "bicubic")
    made = np.stack([upscale(small) for upscale in pool.values()])
    gram = np.asarray(_gram(EDGE * scale)(window, plain, made), np.float64)
    return Sums(
        gram[None, 0, 1:],
        gram[None, 1:, 1:],
        gram[None, 0, 0],
        (rows - 2 * EDGE * scale) * (columns - 2 * EDGE * scale),
    )


def find_phase(picture: np.ndarray, size: tuple[int, int], scale: int, judges: Sequence[Upscale]) -> tuple[int, int]:
    """Find where a picture's lattice of small pixels begins, as a cut picture's may begin anywhere.

    Args:
        picture: (H, W, 3) uint8.
        size: height and width of the window to look at.
        scale: of the lattice.
        judges: networks, whose mean decides among the places at which plain enlargement comes closest.

    Returns:
        Rows and columns before the lattice.
    """

    def error(phase: tuple[int, int], enlarge: Callable[[np.ndarray], np.ndarray]) -> float:
        window = _window(picture, size, scale, phase)
        again = enlarge(np.ascontiguousarray(datasets.downscale(window, scale)))
        inside = np.s_[EDGE * scale : -EDGE * scale, EDGE * scale : -EDGE * scale]
        return float(np.square(window[inside].astype(np.float32) - again[inside]).mean())

    phases = [(down, across) for down in range(scale) for across in range(scale)]
    plain = [error(phase, lambda small: datasets.resize(small, size, "bicubic")) for phase in phases]
    short = [phases[k] for k in np.argsort(plain, kind="stable")[:_SHORT]]
    return min(short, key=lambda phase: error(phase, lambda small: _mean(small, judges)))


def _mean(small: np.ndarray, judges: Sequence[Upscale]) -> np.ndarray:
    return np.mean([judge(small).astype(np.float32) for judge in judges], axis=0)


def _window(picture: np.ndarray, size: tuple[int, int], scale: int, phase: tuple[int, int]) -> np.ndarray:
    """Cut the middle of a picture, on the lattice."""
    spare = [(length - first - side) // scale for length, first, side in zip(picture.shape, phase, size, strict=False)]
    top, left = (first + scale * (room // 2) for first, room in zip(phase, spare, strict=True))
    return np.ascontiguousarray(picture[top : top + size[0], left : left + size[1]])


@functools.cache
def _gram(margin: int):
    def gram(window: jax.Array, plain: jax.Array, made: jax.Array) -> jax.Array:
        networks = luma(made)
        common = networks.mean(axis=0)
        parts = [(luma(window) - common)[None], (common - luma(plain))[None], networks - common[None]]
        flat = jnp.concatenate(parts)[:, margin:-margin, margin:-margin].reshape(len(made) + 2, -1)
        return flat @ flat.T

    return jax.jit(gram)


def strengths(traces: Sequence[Sums]) -> np.ndarray:
    """Return how strongly pictures of one source show each network's manner, (k,) coefficients.

    Args:
        traces: of the pictures, with one pool; at least one.
    """
    products, among = (np.sum([getattr(one, part)[0] for one in traces], axis=0) for part in ("products", "among"))
    sharp = among[1:, 0] / (among[0, 0] + _LITTLE)  # how sharp networks are is taken away first
    return explained(products[1:] - sharp * products[0], among[1:, 1:] - np.outer(sharp, among[0, 1:]))


def standings(values: np.ndarray) -> np.ndarray:
    """Return (k,): by how many standard deviations of the others' each value stands above their mean.

    Args:
        values: (k,) strengths, at least `LEAST`.
    """
    total, squares, rest = values.sum(), np.square(values).sum(), len(values) - 1
    means = (total - values) / rest
    spread = np.sqrt(np.maximum((squares - values**2) / rest - means**2, 0))
    return (values - means) / (spread + _LITTLE)
