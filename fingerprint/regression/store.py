"""Regressors on disk: `regressors.safetensors` and `regressors.json` beside a reference's files; never pickle.

They belong to the features that they were fitted on, and are refused with others. Arrays are read when they are first
used.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from fingerprint.reference import SHIPPED, ReferenceError
from fingerprint.regression.conformal import Errors
from fingerprint.regression.model import Lift, Regressor
from fingerprint.regression.regressors import Key, Regressors
from fingerprint.regression.targets import TARGETS
from spectra import FEATURES_ID

TENSORS, DESCRIPTION = "regressors.safetensors", "regressors.json"
FORMAT = 1
_HALF = ("directions", "weights", "widths")  # kept as float16, whose numbers they have
_LIFT = ("mean", "deviation", "components", "steps", "directions", "phases")

K = TypeVar("K")
V = TypeVar("V")


def write_regressors(regressors: Regressors, folder: Path) -> Path:
    """Write regressors beside a reference's files; two files that exist are replaced.

    Args:
        regressors: what to write.
        folder: of the reference; made if there is none.

    Returns:
        The path of the description.
    """
    from safetensors.numpy import save

    tensors: dict[str, np.ndarray] = {}
    for mode, lift in regressors.lifts.items():
        tensors |= {f"{mode}.lift.{name}": _kept(name, getattr(lift, name)) for name in _LIFT}
    cells = {}
    for key, cell in regressors.cells.items():
        prefix = ".".join(key)
        cells[prefix] = {"usual": cell.usual, "ridge": cell.ridge}
        tensors |= {f"{prefix}.{name}": _kept(name, getattr(cell, name)) for name in ("weights", "widths")}
        tensors |= {f"{prefix}.errors.{name}": array for name, array in _packed(cell.errors).items()}
    content = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})
    about = {
        "format": FORMAT,
        "features": FEATURES_ID,
        "tensors": hashlib.sha256(content).hexdigest(),
        "targets": [asdict(target) for target in TARGETS],
        "modes": list(regressors.lifts),
        "cells": cells,
        "known": {name: dict(values) for name, values in regressors.known.items()},
        "card": dict(regressors.card),
    }
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(about, indent=1, sort_keys=True, allow_nan=False) + "\n"
    for name, data in ((TENSORS, content), (DESCRIPTION, text.encode())):
        partial = folder / f"{name}.partial"
        partial.write_bytes(data)
        partial.replace(folder / name)
    return folder / DESCRIPTION


def read_regressors(folder: Path | None = None) -> Regressors | None:
    """Open the regressors beside a reference's files, the shipped one's by default.

    Args:
        folder: of the reference.

    Returns:
        The regressors; None where there are none.

    Raises:
        ReferenceError: the files are damaged, or made for other features.
    """
    folder = SHIPPED if folder is None else Path(folder)
    described, tensors = folder / DESCRIPTION, folder / TENSORS
    if not described.exists():
        return None
    try:
        about = json.loads(described.read_text(encoding="utf-8"))
        fits = (about["format"], about["features"]) == (FORMAT, FEATURES_ID)
        if not fits or about["targets"] != [asdict(target) for target in TARGETS]:
            raise ReferenceError(f"{described} was made for other features or targets; fit it again with this version")
        if hashlib.sha256(tensors.read_bytes()).hexdigest() != about["tensors"]:
            raise ReferenceError(f"{tensors} is damaged: it is not what {DESCRIPTION} describes")
        file = _File(tensors, about["cells"])
        keys: list[Key] = [tuple(name.split(".")) for name in about["cells"]]  # pyright: ignore[reportAssignmentType]
        lifts, cells = _Lazy(about["modes"], file.lift), _Lazy(keys, file.cell)
        return Regressors(lifts, cells, about["known"], about["card"])
    except ReferenceError:
        raise
    except OSError as error:
        raise ReferenceError(f"regressors in {folder} cannot be read: {error.strerror or error}") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ReferenceError(f"{described} is damaged: {type(error).__name__}: {error}") from None


def _kept(name: str, array: np.ndarray) -> np.ndarray:
    return array.astype(np.float16) if name in _HALF else array


def _packed(errors: Errors) -> dict[str, np.ndarray]:
    """Return errors as they are kept: pictures of one network weigh the same, so few weights are different."""
    steps, codes = np.unique(errors.weights, return_inverse=True)
    codes = codes.astype(np.min_scalar_type(len(steps)))
    return {"scores": errors.scores.astype(np.float16), "folds": errors.folds, "codes": codes, "steps": steps}


class _Lazy(Mapping, Generic[K, V]):
    """A mapping whose values are read when they are first asked for."""

    def __init__(self, keys: Any, read: Callable[[K], V]) -> None:
        self._keys = tuple(keys)
        self._read = lru_cache(maxsize=None)(read)

    def __getitem__(self, key: K) -> V:
        if key not in self._keys:
            raise KeyError(key)
        return self._read(key)

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class _File:
    """The arrays of one file."""

    def __init__(self, path: Path, cells: Mapping[str, Mapping[str, float]]) -> None:
        self._path, self._cells = path, cells

    def _arrays(self, prefix: str, names: tuple[str, ...]) -> list[np.ndarray]:
        from safetensors import safe_open

        with safe_open(self._path, framework="numpy") as file:
            arrays = [file.get_tensor(f"{prefix}.{name}") for name in names]
        return [array.astype(np.float32) if array.dtype == np.float16 else array for array in arrays]

    def lift(self, mode: str) -> Lift:
        return Lift(*self._arrays(f"{mode}.lift", _LIFT))

    def cell(self, key: Key) -> Regressor:
        prefix = ".".join(key)
        weights, widths = self._arrays(prefix, ("weights", "widths"))
        scores, folds, codes, steps = self._arrays(f"{prefix}.errors", ("scores", "folds", "codes", "steps"))
        about = self._cells[prefix]
        return Regressor(weights, widths, about["usual"], Errors(scores, folds, steps[codes]), about["ridge"])
