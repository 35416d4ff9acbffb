"""How else a 3x3 convolution and its derivatives could be written, and what each way costs on one core.

    taskset -c 0 python benchmarks/convolutions.py --shape 16 24 24 24 3

prints milliseconds of the processor's time (which neighbours on the machine disturb less than the clock) and GFLOP/s
for `forward`, for the derivative by the pictures (the same ways, kernel turned and channels exchanged) and for that by
the kernel. Every way is first checked against XLA's own convolution. Shape: pictures, side, inputs, outputs, kernel.
"""

import argparse
import sys
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from model_zoo.convolution import (
    WINOGRAD,
    filled_convolution,
    weight_gradient,
    winograd_convolution,
    winograd_gradient,
    winograd_tiles,
)


def native(x: jax.Array, k: jax.Array) -> jax.Array:
    """XLA's convolution, channels last."""
    return _xla(x, k, ("NHWC", "HWIO", "NHWC"), k.shape[0])


def channels_first(x: jax.Array, k: jax.Array) -> jax.Array:
    """The same with the channels before rows and columns; the transposition of the operands is not in the time."""
    return _xla(x, k, ("NCHW", "HWIO", "NCHW"), k.shape[0])


def batch_last(x: jax.Array, k: jax.Array) -> jax.Array:
    """The same in H W C N."""
    return _xla(x, k, ("HWCN", "HWIO", "HWCN"), k.shape[0])


def _xla(x: jax.Array, k: jax.Array, layout: tuple[str, str, str], size: int) -> jax.Array:
    return lax.conv_general_dilated(x, k, (1, 1), [(size // 2,) * 2] * 2, dimension_numbers=layout)


def shifted(x: jax.Array, size: int) -> list[jax.Array]:
    """The picture as each tap of the kernel sees it."""
    margin, (_, height, width, _) = size // 2, x.shape
    padded = jnp.pad(x, ((0, 0), (margin,) * 2, (margin,) * 2, (0, 0)))
    return [padded[:, a : a + height, b : b + width] for a in range(size) for b in range(size)]


def patches(x: jax.Array, k: jax.Array) -> jax.Array:
    """Shifted slices side by side, one matrix product."""
    flat = jnp.concatenate(shifted(x, k.shape[0]), -1).reshape(-1, k.shape[0] ** 2 * k.shape[2])
    return (flat @ k.reshape(-1, k.shape[3])).reshape(*x.shape[:3], -1)


def nine_products(x: jax.Array, k: jax.Array) -> jax.Array:
    """A matrix product for each tap, summed."""
    taps = k.reshape(-1, *k.shape[2:])
    terms = [part.reshape(-1, part.shape[-1]) @ tap for part, tap in zip(shifted(x, k.shape[0]), taps, strict=True)]
    return sum(terms[1:], terms[0]).reshape(*x.shape[:3], -1)


def nine_outputs(x: jax.Array, k: jax.Array) -> jax.Array:
    """One matrix product to the outputs of all taps, which are then shifted and summed."""
    size, _, inputs, outputs = k.shape
    (count, height, width, _), margin = x.shape, size // 2
    all_taps = x.reshape(-1, inputs) @ k.transpose(2, 0, 1, 3).reshape(inputs, -1)
    all_taps = all_taps.reshape(count, height, width, size**2, outputs)
    padded = jnp.pad(all_taps, ((0, 0), (margin,) * 2, (margin,) * 2, (0, 0), (0, 0)))
    parts = [padded[:, a : a + height, b : b + width, size * a + b] for a in range(size) for b in range(size)]
    return sum(parts[1:], parts[0])


def flat_channels_first(x: jax.Array, k: jax.Array) -> jax.Array:
    """C, then all pixels of all pictures in a row, with shared margins: a shift is an offset, a tap one product."""
    (inputs, count, height, width), size = x.shape, k.shape[0]
    margin = size // 2
    rows, columns = height + margin, width + margin
    flat = jnp.pad(x, ((0, 0), (0, 0), (0, margin), (0, margin))).reshape(inputs, -1)
    length, before = flat.shape[1], margin * columns + margin
    flat = jnp.pad(flat, ((0, 0), (before, before)))
    starts = [a * columns + b for a in range(size) for b in range(size)]
    taps = k.reshape(-1, *k.shape[2:])
    terms = [tap.T @ flat[:, start : start + length] for start, tap in zip(starts, taps, strict=True)]
    return sum(terms[1:], terms[0]).reshape(-1, count, rows, columns)[:, :, :height, :width]


def flat_channels_last(x: jax.Array, k: jax.Array) -> jax.Array:
    """The same with the channels last, and the nine offsets side by side for one product."""
    (count, height, width, inputs), size = x.shape, k.shape[0]
    margin = size // 2
    rows, columns = height + margin, width + margin
    flat = jnp.pad(x, ((0, 0), (0, margin), (0, margin), (0, 0))).reshape(-1, inputs)
    length, before = flat.shape[0], margin * columns + margin
    flat = jnp.pad(flat, ((before, before), (0, 0)))
    starts = [a * columns + b for a in range(size) for b in range(size)]
    wide = jnp.concatenate([flat[start : start + length] for start in starts], 1)
    return (wide @ k.reshape(-1, k.shape[3])).reshape(count, rows, columns, -1)[:, :height, :width]


_WINOGRAD = {  # Lavin & Gray, CVPR 2016: transforms of input tile, kernel and output tile, for tiles of 2 and of 4
    2: (
        [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
        [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]],
        [[1, 1, 1, 0], [0, 1, -1, -1]],
    ),
    4: WINOGRAD,
}


def winograd(tile: int) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Winograd's minimal filtering with output tiles of 2x2 or 4x4, its products batched; sides in whole tiles."""
    before, kernel_side, after = (np.array(matrix, np.float32) for matrix in _WINOGRAD[tile])

    def run(x: jax.Array, k: jax.Array) -> jax.Array:
        (count, height, width, inputs), outputs, side = x.shape, k.shape[3], tile + 2
        down, right = height // tile, width // tile
        padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        ends = tile * (down - 1) + 1, tile * (right - 1) + 1
        parts = [[padded[:, a : a + ends[0] : tile, b : b + ends[1] : tile] for b in range(side)] for a in range(side)]
        rows = [[_weighted(before[i], [parts[a][b] for a in range(side)]) for b in range(side)] for i in range(side)]
        tiles = jnp.stack([_weighted(before[j], row) for row in rows for j in range(side)])
        filters = jnp.einsum("ia,jb,abco->ijco", kernel_side, kernel_side, k).reshape(side**2, inputs, outputs)
        products = jnp.einsum("tpc,tco->tpo", tiles.reshape(side**2, -1, inputs), filters)
        products = products.reshape(side, side, count, down, right, outputs)
        columns = [[_weighted(row, [products[a, b] for a in range(side)]) for b in range(side)] for row in after]
        pixels = jnp.stack([_weighted(row, column) for column in columns for row in after])
        pixels = pixels.reshape(tile, tile, count, down, right, outputs).transpose(2, 3, 0, 4, 1, 5)
        return pixels.reshape(count, height, width, outputs)

    return run


def _weighted(weights: np.ndarray, parts: list[jax.Array]) -> jax.Array:
    terms = [float(weight) * part for weight, part in zip(weights, parts, strict=True) if weight]
    return sum(terms[1:], terms[0])


def kernel_native(x: jax.Array, g: jax.Array, size: int) -> jax.Array:
    """XLA's own derivative by the kernel: pictures are contracted as channels, slopes are the kernel."""
    return _xla(x, g, ("CHWN", "IHWO", "HWNC"), size)  # pyright: ignore[reportReturnType]


def kernel_swapped(x: jax.Array, g: jax.Array, size: int) -> jax.Array:
    """The same with the windows taken of the slopes."""
    return kernel_native(g, x, size)[::-1, ::-1].transpose(0, 1, 3, 2)


def kernel_sliced(pictures: int) -> Callable[[jax.Array, jax.Array, int], jax.Array]:
    """The same for a few pictures at a time, summed."""

    def run(x: jax.Array, g: jax.Array, size: int) -> jax.Array:
        starts = range(0, len(x), pictures)
        terms = [kernel_native(x[s : s + pictures], g[s : s + pictures], size) for s in starts]
        return sum(terms[1:], terms[0])

    return run


def kernel_nine_products(x: jax.Array, g: jax.Array, size: int) -> jax.Array:
    """A matrix product for each tap."""
    slopes = g.reshape(-1, g.shape[3])
    taps = [part.reshape(-1, x.shape[3]).T @ slopes for part in shifted(x, size)]
    return jnp.stack(taps).reshape(size, size, x.shape[3], g.shape[3])


def kernel_patches(x: jax.Array, g: jax.Array, size: int) -> jax.Array:
    """Shifted slices side by side, one matrix product."""
    flat = jnp.concatenate(shifted(x, size), -1).reshape(-1, size**2 * x.shape[3])
    return (flat.T @ g.reshape(-1, g.shape[3])).reshape(size, size, x.shape[3], g.shape[3])


def kernel_rows(x: jax.Array, g: jax.Array, size: int) -> jax.Array:
    """One-dimensional convolutions, one for each row of taps, with pictures and rows contracted as channels."""
    (count, height, width, inputs), margin = x.shape, size // 2
    padded = jnp.pad(x, ((0, 0), (margin, margin), (0, 0), (0, 0)))
    slopes = g.transpose(2, 0, 1, 3).reshape(width, count * height, -1)
    taps = []
    for a in range(size):
        rows = padded[:, a : a + height].transpose(3, 2, 0, 1).reshape(inputs, width, count * height)
        layout = ("NWC", "WIO", "NWC")
        taps.append(lax.conv_general_dilated(rows, slopes, (1,), [(margin, margin)], dimension_numbers=layout))
    return jnp.stack(taps).transpose(0, 2, 1, 3)


def kernel_winograd(x: jax.Array, g: jax.Array, _: int) -> jax.Array:
    """Winograd's filtering transposed, all its steps matrix products."""
    return winograd_gradient(winograd_tiles(x), g)


def main() -> None:
    """Measures one shape."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs=5, default=[16, 24, 24, 24, 3], metavar="N")
    parser.add_argument("--seconds", type=float, default=0.3, help="for each figure (default: 0.3)")
    options = parser.parse_args()
    count, side, inputs, outputs, size = options.shape
    draw = np.random.default_rng(0)
    shapes = ((count, side, side, inputs), (size, size, inputs, outputs), (count, side, side, outputs))
    x, k, g = (jnp.asarray(draw.standard_normal(shape), jnp.float32) for shape in shapes)
    turned = k[::-1, ::-1].transpose(0, 1, 3, 2)
    work = 2e-9 * size**2 * inputs * outputs * count * side**2
    sys.stdout.write(f"{count} x {side}x{side}, {inputs} to {outputs}, {size}x{size}: {work:.3f} GFLOP\n")
    jobs = [("forward", name, way, (x, k)) for name, way in _forward_ways(size, side).items()]
    jobs += [("by pictures", name, way, (g, turned)) for name, way in _forward_ways(size, side).items()]
    for name, way in _kernel_ways(size, side).items():
        jobs.append(("by kernel", name, lambda x, g, way=way: way(x, g, size), (x, g)))
    expected: dict[str, jax.Array] = {}
    for kind, name, way, (left, right) in jobs:
        order, back = _ORDERS.get(name, ((0, 1, 2, 3), (0, 1, 2, 3)))
        left = left.transpose(order)
        run = jax.jit(way)
        result = run(left, right).transpose(back)
        error = float(jnp.abs(result - expected.setdefault(kind, result)).max() / jnp.abs(expected[kind]).max())
        if error > 1e-4:
            raise ValueError(f"{kind}, {name}: off by {error:.1e}")
        seconds = _fastest(run, left, right, options.seconds)
        sys.stdout.write(f"{kind:<12}{name:<22}{1e3 * seconds:>9.2f} ms{work / seconds:>8.1f} GFLOP/s\n")


_ORDERS = {
    "channels first": ((0, 3, 1, 2), (0, 2, 3, 1)),
    "batch last": ((1, 2, 3, 0), (3, 0, 1, 2)),
    "flat, channels first": ((3, 0, 1, 2), (1, 2, 3, 0)),
}


def _forward_ways(size: int, side: int) -> dict[str, Callable[..., jax.Array]]:
    ways = {
        "native": native,
        "tuned": filled_convolution,
        "channels first": channels_first,
        "batch last": batch_last,
        "patches": patches,
        "nine products": nine_products,
        "nine outputs": nine_outputs,
        "flat, channels first": flat_channels_first,
        "flat, channels last": flat_channels_last,
    }
    tiles = {f"winograd {tile}, sums": winograd(tile) for tile in (2, 4) if size == 3 and side % tile == 0}
    if size == 3 and side % 4 == 0:
        tiles["winograd 4, products"] = winograd_convolution
    return ways | tiles


def _kernel_ways(size: int, side: int) -> dict[str, Callable[..., jax.Array]]:
    ways = {"native": kernel_native, "tuned": weight_gradient, "swapped": kernel_swapped}
    ways |= {f"slices of {n}": kernel_sliced(n) for n in (1, 2, 4, 8)}
    if size == 3 and side % 4 == 0:
        ways["winograd 4, products"] = kernel_winograd
    return ways | {"nine products": kernel_nine_products, "patches": kernel_patches, "rows": kernel_rows}


def _fastest(run: Callable[..., jax.Array], left: jax.Array, right: jax.Array, seconds: float) -> float:
    begin, best = time.perf_counter(), float("inf")
    while time.perf_counter() - begin < seconds:
        start = time.process_time()
        jax.block_until_ready(run(left, right))
        best = min(best, time.process_time() - start)
    return best


if __name__ == "__main__":
    main()
