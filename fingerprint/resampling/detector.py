"""What says whether a picture was enlarged by a plain kernel: windows, their traces, and a calibrated ratio.

Log likelihood ratios are natural.
"""

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fingerprint.reference import ReferenceError
from fingerprint.resampling.forest import Forest
from fingerprint.resampling.traces import DIMENSIONS, LEAST, SIDE, flat, traces
from model_zoo.weights import write_atomically

SHIPPED = Path(__file__).parent / "resampling.safetensors"
FORMAT = "1"
WINDOWS = 4
"""Windows of a picture that are looked at, at most: those with most texture."""
_PLACES = 3  # along each side, among which they are chosen
_STEP = 4  # pixels between those that texture is told from
_KEY = "resampling"


@dataclass(frozen=True)
class Detector:
    """Boosted trees on traces of windows, and what their mean is worth.

    Attributes:
        forest: gives log-odds.
        slope: of the log likelihood ratio over them.
        offset: likewise, at zero.
        bounds: of the ratio, that held-out windows support.
        accuse: log posterior odds from which it was enlarged by a kernel.
        suspect: from which that is more likely than not worth saying.
        card: plain facts on the fit.
        identity: SHA-256 of the file, empty where there is none.
    """

    forest: Forest
    slope: float
    offset: float
    bounds: tuple[float, float]
    accuse: float
    suspect: float
    card: Mapping[str, Any]
    identity: str = ""

    def ratio(self, pixels: np.ndarray, pool: Executor | None = None) -> float | None:
        """Return the log likelihood ratio of an enlargement by a plain kernel against an innocent, not yet bounded.

        Args:
            pixels: (H, W, 3) uint8.
            pool: measures windows side by side; the result does not depend on it.

        Returns:
            None for a picture that is too small or flat.
        """
        chosen = windows(pixels)
        if not chosen:
            return None
        measured = np.stack(list((pool.map if pool else map)(traces, chosen)))
        return self.offset + self.slope * float(self.forest.score(measured).mean())

    def bounded(self, ratio: float) -> float:
        """Return a ratio within what held-out windows support."""
        return float(np.clip(ratio, *self.bounds))


def windows(pixels: np.ndarray) -> list[np.ndarray]:
    """Choose the windows of a picture that are looked at.

    Args:
        pixels: (H, W, 3) uint8.

    Returns:
        Those with most texture of an even grid, none of a picture that is too small or flat.
    """
    if min(pixels.shape[:2]) < LEAST:
        return []
    heights, widths = (_along(length) for length in pixels.shape[:2])
    every = (pixels[top : top + SIDE, left : left + SIDE] for top in heights for left in widths)
    found = [window for window in every if not flat(window)]
    if len(found) > WINDOWS:
        order = np.argsort([-_texture(window) for window in found], kind="stable")[:WINDOWS]
        found = [found[k] for k in sorted(order)]
    return found


def _along(length: int) -> list[int]:
    """Return where windows begin along a side."""
    count, room = min(length // SIDE, _PLACES), max(length - SIDE, 0)
    return [room // 2] if count < 2 else [round(k) for k in np.linspace(0, room, count)]


def _texture(window: np.ndarray) -> float:
    green = window[..., 1].astype(np.int16)
    rows = green[::_STEP]
    return float(np.log1p(np.abs(np.diff(rows, axis=1))).mean())


def write_detector(detector: Detector, path: Path) -> None:
    """Write a detector; a file that exists is replaced."""
    from safetensors.numpy import save

    about = {
        "format": FORMAT,
        "dimensions": DIMENSIONS,
        "start": detector.forest.start,
        "slope": detector.slope,
        "offset": detector.offset,
        "bounds": list(detector.bounds),
        "accuse": detector.accuse,
        "suspect": detector.suspect,
        "card": dict(detector.card),
    }
    text = json.dumps(about, sort_keys=True, allow_nan=False)
    tensors = {name: np.ascontiguousarray(value) for name, value in detector.forest.tensors().items()}
    write_atomically(path, save(tensors, metadata={_KEY: text}))


@lru_cache
def shipped_detector() -> Detector:
    """Read the detector that ships, once.

    Raises:
        ReferenceError: the file is missing or damaged.
    """
    return read_detector(SHIPPED)


def read_detector(path: Path) -> Detector:
    """Read a detector.

    Raises:
        ReferenceError: the file is missing, damaged, or made for another version.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        data = path.read_bytes()
        (length,) = np.frombuffer(data[:8], "<u8")
        about = json.loads(json.loads(data[8 : 8 + int(length)])["__metadata__"][_KEY])
        if (about["format"], about["dimensions"]) != (FORMAT, DIMENSIONS):
            raise ReferenceError(f"{path} was made for another version; run `whorl fingerprint fit-interpolation`")
        return Detector(
            Forest(**load(data), start=about["start"]),
            *(about[name] for name in ("slope", "offset")),
            bounds=(about["bounds"][0], about["bounds"][1]),
            accuse=about["accuse"],
            suspect=about["suspect"],
            card=about["card"],
            identity=hashlib.sha256(data).hexdigest(),
        )
    except ReferenceError:
        raise
    except OSError as error:
        raise ReferenceError(f"{path} cannot be read: {error.strerror or error}") from None
    except (AttributeError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise ReferenceError(f"{path} is damaged: {type(error).__name__}: {error}") from None
