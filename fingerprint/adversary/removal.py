"""Hiding that a picture was upscaled, or by what: what anybody can do with common tools and a second network.

Convention: pictures are uint8 `H W 3`; filters work on float64 grey levels. What is random comes from the generator
that is handed in.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from PIL import Image
from scipy import ndimage

import datasets
from fingerprint.posts import Picture, blurred, unsharp_masked, with_noise
from spectra import wiener_residual

SHIFT = (3, 5)  # rows and columns between the JPEG grids of one step and the next, off grid
UPSCALERS = ("whorl-edsr-x2", "whorl-fsrcnn-x2", "whorl-edsr-x4")


@dataclass(frozen=True)
class Attacked:
    """A picture after an attack.

    Attributes:
        pixels: as whoever opens the file sees it.
        jpeg: the file's bytes where a JPEG step came last, None for a file without loss.
    """

    pixels: Picture
    jpeg: bytes | None = None


Change = Callable[[Picture, np.random.Generator], Attacked]


def recompressed(pixels: Picture, qualities: tuple[int, ...], *, off_grid: bool = False) -> Attacked:
    """Send a picture through JPEG steps one after another; the last one is the file.

    Args:
        pixels: the picture.
        qualities: of the steps.
        off_grid: whether each step's 8x8 grid lies elsewhere than the last one's, as after a cut. The picture keeps its
            place: repeated pixels are put before it and taken away again.
    """
    for number, quality in enumerate(qualities[:-1], start=1):
        rows, columns = (number * step % 8 if off_grid else 0 for step in SHIFT)
        wide = np.pad(pixels, ((rows, 0), (columns, 0), (0, 0)), mode="edge")
        pixels = datasets.jpeg_round_trip(wide, quality)[rows:, columns:]
    return coded(pixels, qualities[-1])


def coded(pixels: Picture, quality: int) -> Attacked:
    """Save as JPEG."""
    data = datasets.jpeg_copy(pixels, quality)
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return Attacked(np.array(image), data)


def denoised(pixels: Picture, noise: float) -> Picture:
    """Take away what an adaptive Wiener filter calls noise of a standard deviation in grey levels."""
    planes = jnp.asarray(np.moveaxis(pixels, -1, 0), jnp.float32)
    return rounded(np.moveaxis(np.asarray(planes - wiener_residual(planes, noise)), 0, -1))


def averaged_alike(pixels: Picture, strength: float) -> Picture:
    """Denoise by non-local means (Buades et al., CVPR 2005), whose weights fall off with `strength` grey levels.

    Raises:
        ValueError: scikit-image is not installed.
    """
    try:
        from skimage.restoration import denoise_nl_means
    except ImportError:
        raise ValueError("attack non-local-means needs the package scikit-image, which is not installed") from None
    found = denoise_nl_means(
        pixels.astype(np.float64), patch_size=5, patch_distance=6, h=strength, fast_mode=True, channel_axis=-1
    )
    return rounded(found)


def resized_back(pixels: Picture, factor: float) -> Picture:
    """Reduce by a factor below 1 and enlarge to the old size again."""
    height, width = pixels.shape[:2]
    small = datasets.resize(pixels, (round(height * factor), round(width * factor)), "bicubic")
    return datasets.resize(small, (height, width), "lanczos")


def remade(pixels: Picture, network: str) -> Picture:
    """Reduce by a network's scale and let it enlarge what is left.

    Args:
        pixels: sides are multiples of the scale.
        network: what `model_zoo.load` takes.
    """
    import model_zoo

    made = model_zoo.load(network)
    return made.upscale(np.ascontiguousarray(datasets.downscale(pixels, made.scale)))


def foreign_residual(pixels: Picture, network: str) -> np.ndarray:
    """Return (H, W, 3) float64: what a network adds to bicubic interpolation on the same content.

    Args:
        pixels: sides are multiples of the network's scale.
        network: what `model_zoo.load` takes.
    """
    import model_zoo

    made = model_zoo.load(network)
    small = np.ascontiguousarray(datasets.downscale(pixels, made.scale))
    plain = datasets.resize(small, pixels.shape[:2], "bicubic")
    return made.upscale(small).astype(np.float64) - plain


def rounded(picture: np.ndarray) -> Picture:
    """Round grey levels to whole ones from 0 to 255."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _plain(change: Callable[[Picture], Picture]) -> Change:
    return lambda pixels, rng: Attacked(np.ascontiguousarray(change(pixels)))


def _blurred_and_sharpened(sigma: float, percent: int) -> Change:
    def change(pixels: Picture, rng: np.random.Generator) -> Attacked:
        return Attacked(unsharp_masked(blurred(pixels, rng, sigma), 1.0, percent, 0))

    return change


def _noisy_and_denoised(deviation: float) -> Change:
    def change(pixels: Picture, rng: np.random.Generator) -> Attacked:
        return Attacked(denoised(with_noise(pixels, rng.normal(0, deviation, pixels.shape)), deviation))

    return change


def _recompressed(*qualities: int, off_grid: bool = False) -> Change:
    return lambda pixels, rng: recompressed(pixels, qualities, off_grid=off_grid)


def _with_residual(network: str, share: float) -> Change:
    return _plain(lambda pixels: rounded(pixels + share * foreign_residual(pixels, network)))


REMOVALS: Mapping[str, Mapping[str, Change]] = {
    "recompress": {
        "95, 90": _recompressed(95, 90),
        "85, 75, 90": _recompressed(85, 75, 90),
        "85, 75, 90 off grid": _recompressed(85, 75, 90, off_grid=True),
        "70, 50, 90 off grid": _recompressed(70, 50, 90, off_grid=True),
    },
    "blur-sharpen": {"sigma 0.5": _blurred_and_sharpened(0.5, 80), "sigma 1": _blurred_and_sharpened(1.0, 200)},
    "median": {"3x3": _plain(lambda pixels: ndimage.median_filter(pixels, size=(3, 3, 1)))},
    "wiener": {"2 levels": _plain(lambda p: denoised(p, 2.0)), "5 levels": _plain(lambda p: denoised(p, 5.0))},
    "non-local-means": {
        "3 levels": _plain(lambda pixels: averaged_alike(pixels, 3.0)),
        "8 levels": _plain(lambda pixels: averaged_alike(pixels, 8.0)),
    },
    "noise-denoise": {"2 levels": _noisy_and_denoised(2.0), "5 levels": _noisy_and_denoised(5.0)},
    "resize": {"x0.9": _plain(lambda p: resized_back(p, 0.9)), "x0.75": _plain(lambda p: resized_back(p, 0.75))},
    "second-upscaler": {name: _plain(lambda p, name=name: remade(p, name)) for name in UPSCALERS},
    "residual": {
        f"{name} at {share:g}": _with_residual(name, share) for name in UPSCALERS[::2] for share in (0.5, 1.0)
    },
}
"""Attacks by name and strength that need no knowledge of the tool."""
