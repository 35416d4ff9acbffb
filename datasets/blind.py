"""Low resolution as it comes in the wild: blur, resizing, noise and JPEG in random strengths, twice over.

Convention: float32 RGB in [0, 1], H W 3; the strengths of noise are in levels of 0 to 255, blur in pixels.

The order and the ranges are those of Real-ESRGAN (Wang et al. 2021, section 3 and the authors' published settings) with
these differences: blur is Gaussian, isotropic or not (no generalised, plateau-shaped or sinc filters); resizing is by
box, triangle or bicubic kernels that are widened in reductions, so it does not alias; Poisson noise is drawn in its
normal approximation; JPEG is always the last step.

All is a pure function of the picture and a key, to be jitted and mapped over batches: sizes drawn at random live in the
upper left of arrays of one size, whose rest repeats the edges. The same key gives the same strengths everywhere, and
the same pixels on one kind of device; another kind may differ in rounding.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Int, Int32, Key

from datasets.jpeg_model import jpeg

Range = tuple[float, float]
_EXACT = jax.lax.Precision.HIGHEST


@dataclasses.dataclass(frozen=True)
class Stage:
    """One round of damage; every range is drawn from uniformly.

    Attributes:
        blur: how often there is any.
        sigma: of the Gaussian's two axes, in pixels.
        anisotropic: how often the two differ.
        enlarge, reduce: how often the picture is enlarged and how often reduced; else it keeps its size.
        sizes: the least and the greatest size, relative to the stage's usual one; 1 lies within.
        gaussian: how often noise is Gaussian; else it is Poisson's.
        gaussian_sigma: standard deviation of Gaussian noise, in levels.
        poisson_scale: how much stronger Poisson noise is than that of a sensor which counts 256 electrons at white.
        grey: how often noise is the same in all three colours.
        quality: of the JPEG copy.
    """

    blur: float
    sigma: Range
    anisotropic: float
    enlarge: float
    reduce: float
    sizes: Range
    gaussian: float
    gaussian_sigma: Range
    poisson_scale: Range
    grey: float
    quality: Range


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a picture goes through: one stage at its own size, perhaps another around the size of the result.

    Attributes:
        first: relative to the picture's size.
        second: relative to the result's size; None for no second round.
        taps: side of the blur's kernel in pixels, odd.
    """

    first: Stage
    second: Stage | None
    taps: int = 21


REAL_ESRGAN = Recipe(
    first=Stage(1.0, (0.2, 3.0), 0.35, 0.2, 0.7, (0.15, 1.5), 0.5, (1, 30), (0.05, 3.0), 0.4, (30, 95)),
    second=Stage(0.8, (0.2, 1.5), 0.35, 0.3, 0.4, (0.3, 1.2), 0.5, (1, 25), (0.05, 2.5), 0.4, (30, 95)),
)
"""The published ranges."""


class Strengths(NamedTuple):
    """What was drawn for one stage: a pytree of scalars.

    Attributes:
        sigma: standard deviations along the kernel's two axes, 0 for no blur.
        angle: of the first axis, in radians.
        size: relative to the stage's usual size.
        kernel: 0 box, 1 triangle, 2 bicubic.
        gaussian: whether noise is Gaussian.
        noise: its strength, `gaussian_sigma` or `poisson_scale`.
        grey: whether it is the same in all colours.
        quality: of the JPEG copy.
    """

    sigma: Float32[Array, "2"]
    angle: Float32[Array, ""]
    size: Float32[Array, ""]
    kernel: Int32[Array, ""]
    gaussian: Bool[Array, ""]
    noise: Float32[Array, ""]
    grey: Bool[Array, ""]
    quality: Float32[Array, ""]


def draw(stage: Stage, key: Key[Array, ""]) -> Strengths:
    """Draw one stage's strengths.

    Args:
        stage: the ranges.
        key: decides everything.
    """
    drawn = iter(jax.random.uniform(key, (14,)))

    def within(span: Range) -> Float32[Array, ""]:
        return span[0] + (span[1] - span[0]) * next(drawn)

    def chance(often: float) -> Bool[Array, ""]:
        return next(drawn) < often

    first, second = within(stage.sigma), within(stage.sigma)
    sigmas = jnp.stack([first, jnp.where(chance(stage.anisotropic), second, first)])
    way = next(drawn)
    larger, smaller = within((1.0, stage.sizes[1])), within((stage.sizes[0], 1.0))
    size = jnp.where(way < stage.enlarge, larger, jnp.where(way < stage.enlarge + stage.reduce, smaller, 1.0))
    gaussian = chance(stage.gaussian)
    return Strengths(
        sigma=jnp.where(chance(stage.blur), sigmas, 0.0),
        angle=within((0.0, math.pi)),
        size=size,
        kernel=(3 * next(drawn)).astype(jnp.int32),
        gaussian=gaussian,
        noise=jnp.where(gaussian, within(stage.gaussian_sigma), within(stage.poisson_scale)),
        grey=chance(stage.grey),
        quality=within(stage.quality),
    )


def blind(
    image: Float32[Array, "h w 3"],
    key: Key[Array, ""],
    *,
    scale: int,
    recipe: Recipe = REAL_ESRGAN,
    size: Int[Array, "2"] | None = None,
) -> Float32[Array, "low_h low_w 3"]:
    """Make one low-resolution version of a picture.

    Args:
        image: RGB in [0, 1], sides multiples of `scale`.
        key: decides everything that is drawn.
        scale: how many times smaller the result is; static.
        recipe: the ranges; static.
        size: (height, width) of the picture where it fills only the upper left of `image`, multiples of `scale`, traced
            or not; the rest is ignored, here and in the result.

    Returns:
        RGB in [0, 1], whole levels of 1/255.

    Raises:
        ValueError: a side is no multiple of `scale`.
    """
    height, width, _ = image.shape
    if scale < 1 or height % scale or width % scale:
        raise ValueError(f"scale must divide the sides of a {height}x{width} picture, got {scale}")
    low = (height // scale, width // scale)
    filled = jnp.array([height, width], jnp.int32) if size is None else jnp.asarray(size, jnp.int32)
    wanted = filled // scale
    first_key, second_key, last_key = jax.random.split(key, 3)
    strengths = draw(recipe.first, first_key)
    canvas = tuple(math.ceil(side * recipe.first.sizes[1]) for side in (height, width))
    image = _filled(image, filled)
    image, filled = _stage(image, filled, filled, canvas, strengths, recipe.taps, jax.random.fold_in(first_key, 99))
    if recipe.second is not None:
        image = jpeg(image, strengths.quality)
        strengths = draw(recipe.second, second_key)
        canvas = tuple(math.ceil(side * recipe.second.sizes[1]) for side in low)
        noise_key = jax.random.fold_in(second_key, 99)
        image, filled = _stage(image, filled, wanted, canvas, strengths, recipe.taps, noise_key)
    kernel = jax.random.randint(last_key, (), 0, 3, dtype=jnp.int32)
    return jpeg(_resized(image, filled, wanted, low, kernel), strengths.quality)


def blind_versions(
    pictures: Sequence[np.ndarray], scale: int, *, seed: int = 0, versions: int = 1, recipe: Recipe = REAL_ESRGAN
) -> Iterator[list[np.ndarray]]:
    """Make several low-resolution versions of each picture, compiling once for all sizes.

    Args:
        pictures: (H, W, 3) uint8, sides multiples of `scale`.
        scale: how many times smaller the results are.
        seed: with a picture's place in the sequence and a version's number it decides all that is drawn.
        versions: of each picture.
        recipe: the ranges.

    Yields:
        For each picture its versions, (H/scale, W/scale, 3) uint8.
    """
    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    run = _compiled(scale, recipe)
    for index, picture in enumerate(pictures):
        deep, broad, _ = picture.shape
        canvas = np.zeros((height, width, 3), np.float32)
        canvas[:deep, :broad] = picture.astype(np.float32) / np.float32(255)
        key = jax.random.fold_in(jax.random.key(seed), index)
        lows = (run(canvas, np.array([deep, broad], np.int32), jax.random.fold_in(key, v)) for v in range(versions))
        yield [np.rint(np.asarray(low) * 255).astype(np.uint8)[: deep // scale, : broad // scale] for low in lows]


@cache
def _compiled(scale: int, recipe: Recipe) -> Callable[..., Array]:
    return jax.jit(lambda image, size, key: blind(image, key, scale=scale, recipe=recipe, size=size))


def _stage(
    image: Float32[Array, "h w 3"],
    filled: Int32[Array, "2"],
    usual: Int32[Array, "2"],
    canvas: tuple[int, ...],
    strengths: Strengths,
    taps: int,
    key: Key[Array, ""],
) -> tuple[Float32[Array, "h2 w2 3"], Int32[Array, "2"]]:
    """Blur, resize and add noise; give the picture on its canvas, and how much of it is filled."""
    image = _blurred(image, gaussian_kernel(strengths.sigma, strengths.angle, taps))
    wanted = jnp.clip(
        jnp.round(usual.astype(jnp.float32) * strengths.size).astype(jnp.int32), 1, jnp.array(canvas, jnp.int32)
    )
    image = jnp.clip(_resized(image, filled, wanted, canvas, strengths.kernel), 0, 1)
    noisy = jnp.clip(image + _noise(image, strengths, key), 0, 1)
    return _filled(noisy, wanted), wanted


def gaussian_kernel(
    sigma: Float32[Array, "2"], angle: Float[Array, ""] | float, taps: int
) -> Float32[Array, "taps taps"]:
    """Sample a rotated Gaussian and scale its sum to 1.

    Args:
        sigma: standard deviations along its axes in pixels; below 0.05 counts as 0.05, which blurs nothing.
        angle: of the first axis against the horizontal, in radians.
        taps: side of the kernel, odd.
    """
    places = jnp.asarray(np.arange(taps) - taps // 2, jnp.float32)
    down, across = places[:, None], places[None, :]
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    along, athwart = cosine * across + sine * down, cosine * down - sine * across
    spread = jnp.maximum(sigma, 0.05)
    kernel = jnp.exp(-0.5 * ((along / spread[0]) ** 2 + (athwart / spread[1]) ** 2))
    return kernel / kernel.sum()


def _blurred(image: Float32[Array, "h w 3"], kernel: Float32[Array, "taps taps"]) -> Float32[Array, "h w 3"]:
    """Convolve each colour, edges mirrored; by FFT, which on a CPU is far faster than 21x21 taps one by one."""
    height, width, _ = image.shape
    reach = kernel.shape[0] // 2
    mode = "reflect" if min(height, width) > reach else "symmetric"
    padded = jnp.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode=mode)
    sides = padded.shape[:2]
    spectrum = jnp.fft.rfft2(padded, axes=(0, 1)) * jnp.fft.rfft2(kernel, s=sides)[:, :, None]
    return jnp.fft.irfft2(spectrum, s=sides, axes=(0, 1))[2 * reach :, 2 * reach :]


def _resized(
    image: Float32[Array, "h w 3"],
    filled: Int32[Array, "2"],
    wanted: Int32[Array, "2"],
    canvas: tuple[int, ...],
    kernel: Int32[Array, ""],
) -> Float32[Array, "h2 w2 3"]:
    """Resize the filled part of a picture; the rest of the canvas repeats the result's edges."""
    down, across = (_weights(image.shape[axis], canvas[axis], filled[axis], wanted[axis], kernel) for axis in (0, 1))
    return jnp.einsum("ih,jw,hwc->ijc", down, across, image, precision=_EXACT)


def _weights(
    length: int, count: int, filled: Int32[Array, ""], wanted: Int32[Array, ""], kernel: Int32[Array, ""]
) -> Float32[Array, "count length"]:
    """Write one side's resizing as a matrix; a reduction widens the kernel."""
    ratio = filled.astype(jnp.float32) / wanted.astype(jnp.float32)
    outputs = jnp.minimum(jnp.arange(count, dtype=jnp.int32), wanted - 1).astype(jnp.float32)
    centres = (outputs + 0.5) * ratio - 0.5
    inputs = jnp.arange(length, dtype=jnp.int32)
    signed = (inputs.astype(jnp.float32)[None, :] - centres[:, None]) / jnp.maximum(ratio, 1.0)
    d = jnp.abs(signed)
    box = ((signed >= -0.5) & (signed < 0.5)).astype(jnp.float32)
    triangle = jnp.maximum(1 - d, 0)
    far = jnp.where(d < 2, ((-0.5 * d + 2.5) * d - 4) * d + 2, 0)
    cubic = jnp.where(d <= 1, (1.5 * d - 2.5) * d * d + 1, far)
    values = jnp.where(kernel == 0, box, jnp.where(kernel == 1, triangle, cubic))
    values = jnp.where((inputs < filled)[None, :], values, 0)
    return values / values.sum(axis=1, keepdims=True)


def _filled(image: Float32[Array, "h w 3"], size: Int32[Array, "2"]) -> Float32[Array, "h w 3"]:
    """Repeat the edges of a picture's filled part."""
    rows, columns = (jnp.minimum(jnp.arange(image.shape[axis], dtype=jnp.int32), size[axis] - 1) for axis in (0, 1))
    return image[rows][:, columns]


def _noise(image: Float32[Array, "h w 3"], strengths: Strengths, key: Key[Array, ""]) -> Float32[Array, "h w 3"]:
    """Draw noise for a picture in [0, 1]: Gaussian, or that of light counted in 256 steps.

    Counts are drawn from the normal distribution of Poisson's mean and variance and rounded, which is many times faster
    and differs visibly only where less than some five are counted.
    """
    normal = jax.random.normal(key, image.shape)
    normal = jnp.where(strengths.grey, normal[:, :, :1], normal)
    weights = jnp.array([0.299, 0.587, 0.114], jnp.float32)
    light = jax.lax.stop_gradient(image) * 256
    luma = jnp.einsum("hwc,c->hw", light, weights, precision=_EXACT)[:, :, None]
    light = jnp.where(strengths.grey, luma, light)
    counts = jnp.maximum(jnp.round(light + jnp.sqrt(light) * normal), 0)
    return jnp.where(strengths.gaussian, normal / 255, (counts - light) / 256) * strengths.noise
