"""The trained embedding: what it says of a picture's tiles, with the weights that ship or others.

What a picture gives are the statistics of all maps, not the vector that training makes of them: beside the classical
features both are worth the same on photographs that training never saw (JPEG 74, top-1 among all sources: 0.520 and
0.518, 0.472 without), and on those that it saw the statistics flatter less (0.57 and 0.59).

Tiles are uint8 `N H W 3`. The program has a fixed shape and no threads inside, so that the same tile gives the same
bits alone or among others; what follows the tiles' mean is done in NumPy without BLAS for the same reason.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from threading import Lock

import numpy as np

from fingerprint.embedding.network import Shape, Stage

SHIPPED = Path(__file__).parent / "embedding.safetensors"
FORMAT = 1
_KEY = "whorl"
_EPSILON = 1e-5  # as in training
_LEAST_VARIANCE = 1e-4


class EmbeddingError(ValueError):
    """An embedding that cannot be used; the message says why in one line."""


@dataclass(frozen=True)
class Embedder:
    """A trained network with its statistics.

    Attributes:
        shape: of the network.
        weights: flat, float32.
        running: statistics of the normalisations.
        identity: of the file, the first 16 digits of its SHA-256.
        about: what it was trained on.
    """

    shape: Shape
    weights: dict[str, np.ndarray]
    running: dict[str, np.ndarray]
    identity: str = ""
    about: dict | None = None

    @property
    def moments(self) -> int:
        """How many numbers a tile gives."""
        return self.shape.statistics

    @property
    def dimensions(self) -> int:
        """How many numbers a picture gives."""
        return self.shape.statistics

    @cached_property
    def _program(self):
        import jax

        from fingerprint.embedding.network import moments, prepared
        from spectra.programs import alone

        weights, running = jax.device_put((prepared(self.weights), self.running))
        return partial(alone(partial(moments, self.shape)), weights, running)  # arguments compile faster than constants

    def tile_moments(self, tiles: np.ndarray) -> np.ndarray:
        """Return (n, moments) float32 of (n, h, w, 3) uint8 tiles; every n, h and w is a program of its own.

        Sides are multiples of four times the network's folds.
        """
        return np.asarray(self._program(tiles))

    def pooled(self, moments: np.ndarray) -> np.ndarray:
        """Return a picture's numbers from the moments of its tiles.

        Args:
            moments: (tiles, moments) float32.

        Returns:
            (dimensions,) float32: their means and deviations, normalised.
        """
        mean, square = np.split(moments.sum(axis=0, dtype=np.float64) / len(moments), 2)
        deviation = np.sqrt(np.maximum(square - mean**2, 0) + _LEAST_VARIANCE)
        row = np.concatenate([mean, deviation])
        center, variance = self.running["statistics/mean"], self.running["statistics/variance"]
        gain, offset = self.weights["statistics/gain"], self.weights["statistics/offset"]
        return ((row - center) / np.sqrt(variance + _EPSILON) * gain + offset).astype(np.float32)


_loading = Lock()


def load_embedder(path: Path | None = None) -> Embedder:
    """Read an embedding, the shipped one by default, which is read once.

    Raises:
        EmbeddingError: the file is missing, damaged, or made for another version.
    """
    with _loading:
        return _shipped() if path is None else _read(path)


@cache
def _shipped() -> Embedder:
    return _read(SHIPPED)


def _read(path: Path) -> Embedder:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        data = path.read_bytes()
        (length,) = np.frombuffer(data[:8], "<u8")
        about = json.loads(json.loads(data[8 : 8 + int(length)])["__metadata__"][_KEY])
        arrays = {name: value.astype(np.float32) for name, value in load(data).items()}
        stages = tuple(Stage(**stage) for stage in about["shape"].pop("stages"))
        shape = Shape(stages, **about["shape"])
        version = about["format"]
    except OSError as error:
        raise EmbeddingError(f"embedding {path} cannot be read: {error.strerror or error}") from None
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        raise EmbeddingError(f"embedding {path} is damaged: {type(error).__name__}: {error}") from None
    if version != FORMAT:
        raise EmbeddingError(f"embedding {path} has format {version}, this version reads {FORMAT}")
    split = {
        part: {name.removeprefix(f"{part}:"): value for name, value in arrays.items() if name.startswith(f"{part}:")}
        for part in ("weights", "running")
    }
    return Embedder(shape, **split, identity=hashlib.sha256(data).hexdigest()[:16], about=about.get("training"))


def save_embedder(path: Path, shape: Shape, weights: dict, running: dict, training: dict) -> None:
    """Write an embedding, its kernels as float16; what only training needed is left out.

    Args:
        path: a `.safetensors` file, replaced if it exists.
        shape: of the network.
        weights: as in training, heads among them.
        running: likewise.
        training: plain facts on the training, kept with the weights.
    """
    from safetensors.numpy import save_file

    from fingerprint.embedding.training import HEADS

    left_out = (*HEADS, "hidden", "vector")
    parts = {"weights": weights, "running": running}
    arrays = {
        f"{part}:{name}": value
        for part, given in parts.items()
        for name, value in given.items()
        if name.split("/")[0] not in left_out
    }
    about = {"format": FORMAT, "shape": asdict(shape), "training": training}
    partial = path.with_suffix(".partial")
    kinds = {name: np.float16 if name.endswith("kernel") else np.float32 for name in arrays}
    rounded = {name: np.asarray(value, kinds[name]) for name, value in arrays.items()}
    save_file(rounded, partial, metadata={_KEY: json.dumps(about, sort_keys=True)})
    partial.replace(path)
