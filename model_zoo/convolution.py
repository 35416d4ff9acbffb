"""Convolution with zero padding, in the form that the backend's plan asks for.

Convention: N H W C; kernels are H W I O.

What is here beside XLA's own convolution makes training on a CPU faster; benchmarks/CONVOLUTIONS.md has the
measurements. A network that is only run (not differentiated) goes through XLA's convolution on every backend, so its
pictures don't depend on any of this.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from model_zoo import backend
from model_zoo.products import product_convolution

Padding = Literal["SAME", "VALID"] | int

_FORWARD = ("NHWC", "HWIO", "NHWC")
_WEIGHTS = ("CHWN", "IHWO", "HWNC")  # contracts pictures and pixels, the windows are the taps of the kernel

_NARROW = 16  # channels up to which, on both sides, XLA takes a path that is 1.5 to 3 times slower
_FEW = 12  # inputs up to which it is cheaper to add outputs than to add inputs
_MORE_INPUTS, _MORE_OUTPUTS = 18, 20  # what a narrow convolution is filled up to

_SLICE = 72_000  # slopes in four pictures up to which four make a slice, and two beyond
_COLOURS = 4  # inputs up to which four make a slice anyway
_MOST = 16  # slices, since each costs time to compile

_WIDE = 32  # channels from which, on both sides, Winograd's filtering beats XLA
_TILE = 4  # side of its output tiles
WINOGRAD = tuple(
    np.array(matrix, np.float32)
    for matrix in (
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ],
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    )
)
"""Transforms of an input tile, a kernel and the products along one axis (Lavin & Gray, CVPR 2016, section 4.3)."""
_TO_TILE, _TO_FILTER, _FROM_PRODUCTS = (np.kron(matrix, matrix) for matrix in WINOGRAD)  # for both axes


def convolve(
    images: Float[Array, "n h w i"], kernel: Float[Array, "kh kw i o"], *, stride: int = 1, padding: Padding = "SAME"
) -> Float[Array, "n h2 w2 o"]:
    """Convolves with zero padding, expressed as the backend likes it best.

    Args:
        images: the batch, of the kernel's float type.
        kernel: weights.
        stride: input pixels between two output pixels.
        padding: `SAME` (odd kernels: half a kernel on each side), `VALID` (none), or pixels on each side.

    Returns:
        The filtered batch, ceil(H / stride) high for `SAME`.
    """
    height, width, _, _ = kernel.shape
    margins = {"SAME": (height // 2, width // 2), "VALID": (0, 0)}.get(str(padding)) or (int(padding),) * 2
    if backend.plan().convolution == "products" and height == width and height % 2:
        return product_convolution(images, kernel, stride, margins[0])
    plain = stride > 1 or padding != "SAME" or height != width or height == 1 or not height % 2
    if plain or backend.plan().convolution == "native":
        pads = [(margin, margin) for margin in margins]
        return jax.lax.conv_general_dilated(images, kernel, (stride, stride), pads, dimension_numbers=_FORWARD)
    return _convolve_trained(images, kernel)


@jax.custom_vjp
def _convolve_trained(images: Float[Array, "n h w i"], kernel: Float[Array, "k k i o"]) -> Float[Array, "n h w o"]:
    """XLA's own convolution, unless it is differentiated."""
    return _same(images, kernel, _FORWARD)


def _same(left: jax.Array, right: jax.Array, layout: tuple[str, str, str], size: int | None = None) -> jax.Array:
    """XLA's convolution, padded so that pictures keep their size under a kernel of `size` (its own, unless given)."""
    margin = (size or right.shape[0]) // 2
    kind = jnp.float32 if size and left.dtype == jnp.bfloat16 else left.dtype
    pads = [(margin, margin)] * 2
    return jax.lax.conv_general_dilated(
        left, right, (1, 1), pads, dimension_numbers=layout, preferred_element_type=kind
    )


def _forward(images: Any, kernel: Any) -> tuple[jax.Array, tuple[jax.Array, jax.Array, bool | None, bool | None]]:
    """The result, and what the derivative needs: both operands, and which of them is differentiated (None: is not).

    Where Winograd's filtering is used, the pictures are kept as its transformed tiles.
    """
    wanted = (True if images.perturbed else None, True if kernel.perturbed else None)
    if winograd_suits(images.value, kernel.value):
        tiles = winograd_tiles(images.value)
        filters = winograd_filters(kernel.value)
        return _filtered(tiles, filters, images.value.shape), (tiles, kernel.value, *wanted)
    return filled_convolution(images.value, kernel.value), (images.value, kernel.value, *wanted)


def _backward(kept: Any, slopes: Any) -> tuple[jax.Array | None, jax.Array | None]:
    """The gradients that are wanted."""
    images, kernel, towards_images, towards_kernel = kept
    if not isinstance(slopes, jax.Array):  # known to be zero
        return None, None
    back = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    if winograd_suits(slopes, back):
        return (
            None if towards_images is None else winograd_convolution(slopes, back),
            None if towards_kernel is None else winograd_gradient(images, slopes),
        )
    return (
        None if towards_images is None else filled_convolution(slopes, back),
        None if towards_kernel is None else weight_gradient(images, slopes, kernel.shape[0]).astype(kernel.dtype),
    )


_convolve_trained.defvjp(_forward, _backward, symbolic_zeros=True)


def filled_convolution(images: Float[Array, "n h w i"], kernel: Float[Array, "k k i o"]) -> Float[Array, "n h w o"]:
    """A `SAME` convolution that is given channels of zeros if it is so narrow that XLA would be slow.

    Args:
        images: the batch.
        kernel: weights, odd and square.

    Returns:
        The filtered batch, up to rounding what XLA's convolution gives.
    """
    _, _, inputs, outputs = kernel.shape
    if max(inputs, outputs) > _NARROW:
        return _same(images, kernel, _FORWARD)
    none = (0, 0)
    if inputs > _FEW:
        fill = (0, _MORE_INPUTS - inputs)
        images, kernel = jnp.pad(images, (none, none, none, fill)), jnp.pad(kernel, (none, none, fill, none))
        return _same(images, kernel, _FORWARD)
    kernel = jnp.pad(kernel, (none, none, none, (0, _MORE_OUTPUTS - outputs)))
    return _same(images, kernel, _FORWARD)[..., :outputs]


def weight_gradient(
    images: Float[Array, "n h w i"], slopes: Float[Array, "n h w o"], size: int
) -> Float[Array, "k k i o"]:
    """The derivative of a `SAME` convolution by its kernel, summed over slices of the batch.

    Args:
        images: what was convolved.
        slopes: derivative by the result, of the same float type.
        size: side of the kernel, odd.

    Returns:
        The derivative, float32 where the arguments are bfloat16. Few pictures at a time stay in the cache, which makes
        it up to twice as fast as one XLA call; where outputs are few it is the slopes whose windows are taken.
    """
    count, height, width, inputs = images.shape
    outputs = slopes.shape[-1]
    if outputs <= _NARROW and outputs < inputs:
        return weight_gradient(slopes, images, size)[::-1, ::-1].transpose(0, 1, 3, 2)
    pictures = 4 if inputs <= _COLOURS or 4 * height * width * outputs <= _SLICE else 2
    step = count if outputs <= _NARROW else max(pictures, -(-count // _MOST))
    total = _same(images[:step], slopes[:step], _WEIGHTS, size)
    for start in range(step, count, step):
        piece = slice(start, start + step)
        total = total + _same(images[piece], slopes[piece], _WEIGHTS, size)
    return total


def winograd_suits(images: Float[Array, "n h w i"], kernel: Float[Array, "k k i o"]) -> bool:
    """Whether Winograd's filtering is used: wide 3x3 convolutions of whole tiles in float32.

    It needs a quarter of the multiplications, but its rounding errors are some ten times a plain convolution's.

    Args:
        images: the batch.
        kernel: weights.
    """
    whole = images.shape[1] % _TILE == 0 and images.shape[2] % _TILE == 0
    return kernel.shape[0] == 3 and min(kernel.shape[2:]) >= _WIDE and whole and images.dtype == jnp.float32


def winograd_convolution(images: Float[Array, "n h w i"], kernel: Float[Array, "3 3 i o"]) -> Float[Array, "n h w o"]:
    """A `SAME` convolution by minimal filtering in tiles of 4x4; all its steps are matrix products.

    Args:
        images: the batch, sides in whole tiles.
        kernel: weights.

    Returns:
        The filtered batch, up to rounding what XLA's convolution gives.

    Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
    """
    return _filtered(winograd_tiles(images), winograd_filters(kernel), images.shape)


def winograd_filters(kernel: Any) -> Any:
    """A kernel, (3, 3, i, o), transformed for minimal filtering, (36, i, o): once, where a network is only run."""
    return (_TO_FILTER @ kernel.reshape(9, -1)).reshape(-1, *kernel.shape[2:])


def winograd_run(images: Float[Array, "n h w i"], filters: Float[Array, "36 i o"]) -> Float[Array, "n h w o"]:
    """`winograd_convolution` for a program that runs a few times.

    Its tiles compile in a quarter of the time that `winograd_tiles` takes, and cost up to a fifth more when run.

    Args:
        images: the batch, sides in whole tiles of 4.
        filters: of `winograd_filters`.
    """
    count, height, width, channels = images.shape
    padded = jnp.pad(images, ((0, 0), (1, _TILE - 1), (1, _TILE - 1), (0, 0)))
    squares = padded.reshape(count, height // _TILE + 1, _TILE, width // _TILE + 1, _TILE, channels)
    rows = jnp.concatenate([squares[:, :-1], squares[:, 1:, :2]], axis=2)
    taps = jnp.concatenate([rows[:, :, :, :-1], rows[:, :, :, 1:, :2]], axis=4)
    taps = taps.transpose(2, 4, 0, 1, 3, 5).reshape((_TILE + 2) ** 2, -1)
    tiles = jnp.matmul(_TO_TILE, taps).reshape(len(taps), -1, channels)
    return _filtered(tiles, filters, images.shape)


def winograd_tiles(images: Float[Array, "n h w i"]) -> Float[Array, "t p i"]:
    """The overlapping 6x6 tiles of pictures, transformed.

    Args:
        images: the batch, sides in whole tiles of 4.

    Returns:
        36 values of each of p tiles.
    """
    height, width, channels = images.shape[1:]
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    side = _TILE + 2
    taps = [
        padded[:, row : row + height - _TILE + 1 : _TILE, column : column + width - _TILE + 1 : _TILE]
        for row in range(side)
        for column in range(side)
    ]
    return jnp.matmul(_TO_TILE, jnp.stack(taps).reshape(side**2, -1)).reshape(side**2, -1, channels)


def _filtered(tiles: jax.Array, filters: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """The convolution of what the tiles were made of, pictures of `shape`."""
    (count, height, width, _), outputs = shape, filters.shape[2]
    products = jnp.einsum("tpi,tio->tpo", tiles, filters)
    pixels = jnp.matmul(_FROM_PRODUCTS, products.reshape(len(products), -1))
    pixels = pixels.reshape(_TILE, _TILE, count, height // _TILE, width // _TILE, outputs)
    return pixels.transpose(2, 3, 0, 4, 1, 5).reshape(count, height, width, outputs)


def winograd_gradient(tiles: Float[Array, "t p i"], slopes: Float[Array, "n h w o"]) -> Float[Array, "3 3 i o"]:
    """The derivative of a `SAME` convolution by its kernel: the transposed steps of Winograd's filtering.

    Args:
        tiles: of what was convolved.
        slopes: derivative by the result.
    """
    count, height, width, outputs = slopes.shape
    parts = slopes.reshape(count, height // _TILE, _TILE, width // _TILE, _TILE, outputs)
    parts = jnp.matmul(_FROM_PRODUCTS.T, parts.transpose(2, 4, 0, 1, 3, 5).reshape(_TILE**2, -1))
    filters = jnp.einsum("tpi,tpo->tio", tiles, parts.reshape(len(parts), -1, outputs))
    return jnp.matmul(_TO_FILTER.T, filters.reshape(len(filters), -1)).reshape(3, 3, tiles.shape[2], outputs)
