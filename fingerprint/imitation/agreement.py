"""How a picture agrees with what each source would have made of its small version: sums over windows.

Windows are uint8 `N S S 3`, their corners on the lattice of the imitator's scale. The imitator says what all sources
have in common, and what each does beside the others. What a picture shows beyond the common part is compared with the
latter in three bands of frequencies: products of the two, and of sources among each other, are sums over pixels, so
that evidence adds up over a picture.
"""

import hashlib
import json
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from functools import cache, cached_property, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from fingerprint.imitation.network import Shape, Tiles, Weights, common, deviations, enlarged, features, luma, reduced
from model_zoo.weights import write_atomically
from spectra.programs import alone

FORMAT = 1
EDGE = 8  # pixels of a window that are not compared: its edge is in what is seen there
_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_KEY = "whorl"
_RIDGE = 0.1
LEAST = 1e-12


class ImitatorError(ValueError):
    """An imitator that cannot be used; the message says why in one line."""


@dataclass(frozen=True)
class Sums:
    """Products of pictures, summed over pixels.

    Attributes:
        products: (bands, k) of what a picture shows and what each source does.
        among: (bands, k, k) of what sources do.
        energy: (bands,) of what the picture shows.
        pixels: how many.
    """

    products: np.ndarray
    among: np.ndarray
    energy: np.ndarray
    pixels: int


@dataclass(frozen=True)
class Imitator:
    """A trained imitator.

    Attributes:
        shape: its size and sources.
        weights: flat, float32.
        identity: of the file, the first 16 digits of its SHA-256.
    """

    shape: Shape
    weights: dict[str, np.ndarray]
    identity: str = ""

    @cached_property
    def _program(self):
        weights = {name: jnp.asarray(value) for name, value in self.weights.items()}
        return partial(alone(partial(compared, self.shape)), weights)  # arguments compile faster than constants

    def sums(self, windows: np.ndarray, pool: Executor | None = None) -> Sums:
        """Compare windows of one picture.

        Args:
            windows: (n, s, s, 3) uint8, s a multiple of the scale; every s is a program of its own.
            pool: runs windows side by side; the result does not depend on it.
        """
        parts = list((pool.map if pool else map)(self._compared, windows))
        products, among, energy = (np.sum(column, axis=0) for column in zip(*parts, strict=True))
        pixels = len(windows) * (windows.shape[1] - 2 * EDGE) ** 2
        return Sums(products, among, energy, pixels)

    def _compared(self, window: np.ndarray) -> list[np.ndarray]:
        return [np.asarray(part, np.float64)[0] for part in self._program(window[None])]

    @cached_property
    def _plain(self):
        def errors(windows: jax.Array) -> jax.Array:
            again = enlarged(luma(reduced(windows, self.shape.scale)), self.shape.scale)
            return jnp.square((luma(windows) - again)[:, EDGE:-EDGE, EDGE:-EDGE]).mean((1, 2))

        return alone(errors)

    def plain_errors(self, windows: np.ndarray) -> np.ndarray:
        """Return (n,): mean squared difference of each window from its own reduction, plainly enlarged."""
        return np.asarray(self._plain(windows))


def explained(products: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return the (k,) coefficients with which sources' pictures best explain a picture (ridge regression).

    Args:
        products: (k,) of the picture and each source.
        among: (k, k) of the sources.
    """
    size = np.trace(among) / len(among) + LEAST
    return np.linalg.solve(among + _RIDGE * size * np.eye(len(among)), products)


def compared(shape: Shape, weights: Weights, windows: Tiles) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return `Sums`' products, among and energy of each window, (n, bands, …)."""
    small = reduced(windows, shape.scale)
    maps = features(shape, weights, small)
    told = deviations(shape, weights, maps)
    mean = told.mean(axis=1, keepdims=True)
    base = enlarged(luma(small), shape.scale) + common(shape, weights, maps)
    shown = luma(jnp.asarray(windows)) - base - mean[:, 0]
    told = told - mean
    both = jnp.concatenate([shown[:, None], told], axis=1)
    products, among, energy = [], [], []
    for band in _bands(both):
        flat = band[:, :, EDGE:-EDGE, EDGE:-EDGE]
        flat = flat.reshape(*flat.shape[:2], -1)
        gram = jnp.einsum("nkp,nlp->nkl", flat, flat)
        products.append(gram[:, 0, 1:])
        among.append(gram[:, 1:, 1:])
        energy.append(gram[:, 0, 0])
    return jnp.stack(products, axis=1), jnp.stack(among, axis=1), jnp.stack(energy, axis=1)


def _bands(pictures: jax.Array) -> list[jax.Array]:
    once = _smoothed(pictures, 1)
    twice = _smoothed(once, 2)
    return [pictures - once, once - twice, twice]


def _smoothed(pictures: jax.Array, apart: int) -> jax.Array:
    """Filter both axes by a binomial kernel whose taps lie `apart` pixels from each other; ends are repeated."""
    reach = 2 * apart
    for axis in (-2, -1):
        size = pictures.shape[axis]
        pads = [(0, 0)] * pictures.ndim
        pads[axis] = (reach, reach)
        wide = jnp.pad(pictures, pads, mode="edge")
        taps = [jax.lax.slice_in_dim(wide, k * apart, k * apart + size, axis=axis) for k in range(len(_BINOMIAL))]
        pictures = jnp.sum(jnp.stack([jnp.float32(f) * tap for f, tap in zip(_BINOMIAL, taps, strict=True)]), axis=0)
    return pictures


SHIPPED = Path(__file__).parent


@cache
def shipped_imitators() -> dict[int, Imitator]:
    """Read the imitators that ship, by scale, once.

    Raises:
        ImitatorError: a file is damaged.
    """
    found = [read_imitator(path) for path in sorted(SHIPPED.glob("x[0-9].safetensors"))]
    return {imitator.shape.scale: imitator for imitator in found}


def read_imitator(path: Path) -> Imitator:
    """Read an imitator.

    Raises:
        ImitatorError: the file is missing, damaged, or made for another version.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        data = path.read_bytes()
        (length,) = np.frombuffer(data[:8], "<u8")
        about = json.loads(json.loads(data[8 : 8 + int(length)])["__metadata__"][_KEY])
        weights = {name: value.astype(np.float32) for name, value in load(data).items()}
        shape = Shape(**about["shape"] | {"sources": tuple(about["shape"]["sources"])})
        version = about["format"]
    except OSError as error:
        raise ImitatorError(f"imitator {path} cannot be read: {error.strerror or error}") from None
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        raise ImitatorError(f"imitator {path} is damaged: {type(error).__name__}: {error}") from None
    if version != FORMAT:
        raise ImitatorError(f"imitator {path} has format {version}, this version reads {FORMAT}")
    return Imitator(shape, weights, hashlib.sha256(data).hexdigest()[:16])


def save_imitator(path: Path, shape: Shape, weights: Weights, training: dict) -> None:
    """Write an imitator, its kernels as float16.

    Args:
        path: a `.safetensors` file, replaced if it exists.
        shape: of the imitator.
        weights: as trained.
        training: plain facts on the training, kept with the weights.
    """
    from safetensors.numpy import save

    rounded = {
        name: np.asarray(value, np.float16 if name.endswith("kernel") else np.float32)
        for name, value in weights.items()
    }
    about = {"format": FORMAT, "shape": asdict(shape), "training": training}
    write_atomically(path, save(rounded, metadata={_KEY: json.dumps(about, sort_keys=True)}))
