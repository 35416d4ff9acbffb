"""Co-occurrences of quantised noise residuals (after Fridrich & Kodovsky's spatial rich model, 2012).

Tiles are uint8-valued integers `n h w 3` (R, G, B, sRGB-encoded, 0..255); every step is integer arithmetic, so that the
counts are the same on every backend, batch size and number of threads.

Reference: J. Fridrich, J. Kodovsky, "Rich models for steganalysis of digital images", IEEE TIFS 7(3), 2012,
sections II-III.
"""

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Int8, Integer

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


@lru_cache
def symmetry_map() -> np.ndarray:
    """Return the index, below 169, of each of the 625 codes under reversal and change of sign."""
    base = 2 * TRUNCATION + 1
    digits = np.stack(np.unravel_index(np.arange(BINS), (base,) * ORDER), 1)
    weights = base ** np.arange(ORDER - 1, -1, -1)
    variants = [digits, digits[:, ::-1], base - 1 - digits, base - 1 - digits[:, ::-1]]
    representative = np.min([v @ weights for v in variants], axis=0)
    return np.unique(representative, return_inverse=True)[1].astype(np.int32)


@lru_cache
def _members() -> tuple[np.ndarray, np.ndarray]:
    """Return, for each of the 169 symmetry classes, up to four codes and which of the four places are taken."""
    table = symmetry_map()
    members = np.zeros((int(table.max()) + 1, 4), np.int32)
    taken = np.zeros_like(members)
    for k in range(len(members)):
        codes = np.flatnonzero(table == k)
        members[k, : len(codes)], taken[k, : len(codes)] = codes, 1
    return members, taken


def _map_name(sub: Submodel, transposed: bool) -> str:
    kernel = np.array(KERNELS[sub.kernel])
    symmetric = kernel.shape == kernel.T.shape and bool((kernel == kernel.T).all())
    return f"{sub.kernel}/{sub.step}{'t' if transposed and not symmetric else ''}"


def residual_maps(
    tiles: Integer[Array, "n h w 3"], submodels: tuple[Submodel, ...] = SUBMODELS
) -> dict[str, Int8[Array, "m _ _"]]:
    """Return the quantised residuals that the submodels need, one map for each kernel, step and direction.

    Kept apart from `count_codes` because XLA would else compute each residual anew for each of its shifts.

    Args:
        tiles: integers from 0 to 255.
        submodels: what is to be counted.

    Returns:
        Values 0 to 2 * TRUNCATION, tiles times planes on the first axis, smaller by the kernel's reach.
    """
    stack = planes(tiles.astype(jnp.int32))
    stack = stack.reshape(-1, *stack.shape[2:])
    maps = {}
    for sub in submodels:
        for transposed in (False, True):
            name = _map_name(sub, transposed)
            if name not in maps:
                kernel = np.array(KERNELS[sub.kernel])
                residual = _correlate(stack, kernel.T if transposed else kernel)
                maps[name] = (_quantise(residual, sub.step) + TRUNCATION).astype(jnp.int8)
    return maps


def _codes(quantised: Int8[Array, "m h w"], axis: int) -> Int[Array, "m k"]:
    """Code each run of four neighbours along `axis` as one integer below BINS."""
    values = quantised.astype(jnp.int32)
    length = values.shape[axis] - ORDER + 1
    code = jnp.zeros((), jnp.int32)
    for k in range(ORDER):
        code = code * (2 * TRUNCATION + 1) + jax.lax.slice_in_dim(values, k, k + length, axis=axis)
    return code.reshape(code.shape[0], -1)


def count_codes(
    maps: dict[str, Int8[Array, "m _ _"]], submodels: tuple[Submodel, ...] = SUBMODELS, method: str | None = None
) -> Int[Array, "n p s 169"]:
    """Count the codes of every submodel, both directions together, and merge codes that are equal by symmetry.

    Args:
        maps: as `residual_maps` returns them for the same submodels.
        submodels: what to count.
        method: "scatter" adds ones into bins; "matmul" multiplies one-hot codes, which runs at matrix speed where
            scattering crawls. The counts are the same. By default the backend decides: scatter on the CPU.

    Returns:
        Counts.

    Raises:
        ValueError: no such method.
    """
    method = method or ("scatter" if jax.default_backend() == "cpu" else "matmul")
    if method not in ("scatter", "matmul"):
        raise ValueError(f"method must be scatter or matmul, got {method!r}")
    codes = []
    for sub in submodels:
        pair = [
            _codes(maps[_map_name(sub, transposed)], 1 if transposed == (sub.scan == "along") else 2)
            for transposed in (False, True)
        ]
        codes.append(jnp.concatenate(pair, axis=1))
    rows, kinds = codes[0].shape[0], len(submodels)
    if method == "scatter":
        first = (np.arange(rows, dtype=np.int32)[:, None] * kinds + np.arange(kinds, dtype=np.int32)) * BINS
        flat = jnp.concatenate([(c + first[:, k : k + 1]).reshape(-1) for k, c in enumerate(codes)])
        bins = jnp.zeros(rows * kinds * BINS, jnp.int32).at[flat].add(1, mode="promise_in_bounds")
    else:
        bins = jnp.stack([_one_hot_counts(c) for c in codes], axis=1)
    members, taken = _members()
    return (bins.reshape(rows // 3, 3, kinds, BINS)[..., members] * taken[None, None, None]).sum(axis=-1)


def _one_hot_counts(codes: Int[Array, "m k"]) -> Int[Array, "m b"]:
    """Count codes as a product of one-hot pairs; exact in float32 below 2**24 codes a row."""
    half = (2 * TRUNCATION + 1) ** (ORDER // 2)
    values = jnp.arange(half, dtype=jnp.int32)[None, None]
    first = (codes[:, :, None] // half == values).astype(jnp.float32)
    second = (codes[:, :, None] % half == values).astype(jnp.float32)
    product = jnp.einsum("mki,mkj->mij", first, second, precision="highest")
    return product.reshape(codes.shape[0], BINS).astype(jnp.int32)


def cooccurrences(tiles: Int[Array, "n h w 3"], submodels: tuple[Submodel, ...] = SUBMODELS) -> Int[Array, "n p s 169"]:
    """Return the symmetrised co-occurrence counts of every submodel on every plane of integer tiles from 0 to 255."""
    return count_codes(residual_maps(tiles, submodels), submodels)
