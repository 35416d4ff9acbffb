"""Co-occurrences of quantised noise residuals (after Fridrich & Kodovsky's spatial rich model, 2012).

Tiles are uint8-valued integers `n h w 3` (R, G, B, sRGB-encoded, 0..255); every step is integer arithmetic, so that the
counts are the same on every backend, batch size and number of threads.

Reference: J. Fridrich, J. Kodovsky, "Rich models for steganalysis of digital images", IEEE TIFS 7(3), 2012, sections II-III.
"""

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

TRUNCATION = 2
ORDER = 4
BINS = (2 * TRUNCATION + 1) ** ORDER

# Name -> (horizontal kernel rows, quantisation step). Directional kernels are used as they stand and transposed.
KERNELS: dict[str, tuple[tuple[int, ...], ...]] = {
    "d1": ((-1, 1),),
    "d2": ((1, -2, 1),),
    "d3": ((-1, 3, -3, 1),),
    "sq3": ((-1, 2, -1), (2, -4, 2), (-1, 2, -1)),
    "sq5": (
        (-1, 2, -2, 2, -1),
        (2, -6, 8, -6, 2),
        (-2, 8, -12, 8, -2),
        (2, -6, 8, -6, 2),
        (-1, 2, -2, 2, -1),
    ),
    "e3": ((-1, 2, -1), (2, -4, 2)),
}


@dataclass(frozen=True)
class Submodel:
    """One co-occurrence histogram: which residual, its quantisation step and the scan relative to the kernel."""

    kernel: str
    step: int
    scan: str  # "along" or "across"


SUBMODELS = (
    Submodel("d1", 1, "along"),
    Submodel("d1", 1, "across"),
    Submodel("d2", 2, "along"),
    Submodel("d2", 2, "across"),
    Submodel("d3", 3, "along"),
    Submodel("d3", 3, "across"),
    Submodel("sq3", 4, "along"),
    Submodel("sq5", 12, "along"),
)


def planes(tiles: Int[Array, "n h w 3"]) -> Int[Array, "n p h w"]:
    """Return luma (integer BT.601 weights) and the differences R - G and B - G."""
    red, green, blue = tiles[..., 0], tiles[..., 1], tiles[..., 2]
    luma = (77 * red + 150 * green + 29 * blue + 128) // 256
    return jnp.stack([luma, red - green, blue - green], axis=1)


def _correlate(plane, kernel: np.ndarray):
    rows, cols = kernel.shape
    height, width = plane.shape[-2] - rows + 1, plane.shape[-1] - cols + 1
    total = jnp.zeros((*plane.shape[:-2], height, width), jnp.int32)
    for i in range(rows):
        for j in range(cols):
            weight = int(kernel[i, j])
            if weight:
                total = total + weight * plane[..., i : i + height, j : j + width]
    return total


def _quantise(residual, step: int):
    magnitude = (jnp.abs(residual) + step // 2) // step
    return jnp.sign(residual) * jnp.minimum(magnitude, TRUNCATION)


def _codes(quantised, axis: int):
    """Code each run of four neighbours along `axis` as one integer below BINS."""
    base = 2 * TRUNCATION + 1
    length = quantised.shape[axis] - ORDER + 1
    code = jnp.zeros((), jnp.int32)
    for k in range(ORDER):
        code = code * base + jax.lax.slice_in_dim(quantised, k, k + length, axis=axis) + TRUNCATION
    return code.reshape(code.shape[0], -1)


@lru_cache
def symmetry_map() -> np.ndarray:
    """Return the index, below 169, of each of the 625 codes under reversal and change of sign."""
    base = 2 * TRUNCATION + 1
    digits = np.stack(np.unravel_index(np.arange(BINS), (base,) * ORDER), 1)
    weights = base ** np.arange(ORDER - 1, -1, -1)
    variants = [digits, digits[:, ::-1], base - 1 - digits, base - 1 - digits[:, ::-1]]
    representative = np.min([v @ weights for v in variants], axis=0)
    return np.unique(representative, return_inverse=True)[1].astype(np.int32)


def cooccurrences(
    tiles: Int[Array, "n h w 3"], submodels: tuple[Submodel, ...] = SUBMODELS
) -> Int[Array, "n p s 169"]:
    """Return the symmetrised co-occurrence counts of every submodel on every plane."""
    stack = planes(tiles.astype(jnp.int32))
    n, p, height, width = stack.shape
    stack = stack.reshape(n * p, height, width)
    quantised: dict = {}
    histograms = []
    for sub in submodels:
        codes = []
        for transposed in (False, True):
            kernel = np.array(KERNELS[sub.kernel])
            symmetric = kernel.shape == kernel.T.shape and bool((kernel == kernel.T).all())
            key = (sub.kernel, sub.step, transposed and not symmetric)
            if key not in quantised:
                quantised[key] = _quantise(_correlate(stack, kernel.T if transposed else kernel), sub.step)
            along_rows = transposed == (sub.scan == "along")
            codes.append(_codes(quantised[key], 1 if along_rows else 2))
        histograms.append(_count(jnp.concatenate(codes, axis=1)))
    table = symmetry_map()
    counts = jnp.stack(histograms, axis=1).reshape(n, p, len(submodels), BINS)
    merged = jnp.zeros((int(table.max()) + 1, *counts.shape[:-1]), jnp.int32)
    return jnp.moveaxis(merged.at[table].add(jnp.moveaxis(counts, -1, 0)), 0, -1)


def _count(codes):
    n = codes.shape[0]
    offset = codes + BINS * jnp.arange(n, dtype=jnp.int32)[:, None]
    return jnp.zeros(n * BINS, jnp.int32).at[offset.reshape(-1)].add(1, mode="promise_in_bounds").reshape(n, BINS)
