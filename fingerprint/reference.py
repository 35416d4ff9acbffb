"""The fitted reference on disk: safetensors for numbers, JSON for the rest; never pickle.

A reference is a folder with `reference.safetensors` and `reference.json`. For each condition it holds two experts, one
for colour pictures and one for grey ones. Its identity is the SHA-256 over both files.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fingerprint.conditions import CONDITIONS
from fingerprint.expert import Expert
from fingerprint.features import features_id
from fingerprint.kinds import Kinds
from fingerprint.lda import Discriminant
from fingerprint.logistic import Logistic
from fingerprint.openset import Places
from fingerprint.sources import Source

SHIPPED = Path(__file__).parent / "reference"
FORMAT = 7
_PLACES = {"whitener": np.float32, "origin": np.float64, "centres": np.float32}
_KINDS = ("of", "temperatures", "offsets")
READABLE = (6, 7)
"""6 knows no usual distance; 5 has one factor for all sources, 4 detects by one sign, 3 has no embedding."""
MODES = ("colour", "grey")
UNEXPLAINED = math.log(100)
EXTREME = 1000.0  # no log likelihood ratio lies beyond


class ReferenceError(ValueError):
    """A reference that cannot be used; the message says why in one line."""


@dataclass(frozen=True)
class Thresholds:
    """Where verdicts begin, on natural log-odds after the priors; set on validation data.

    Attributes:
        accuse: upscaled at or above.
        clear: not upscaled at or below.
        name: least posterior probability of a source, given upscaled, for it to be named.
        unknown: least posterior probability of an unknown upscaler, given upscaled, for saying so.
        unexplained: upscaled by an unknown source at or above: a photograph unlike any in the training data lies far
            from every source too, so that claim has to stand on its own, by default at 100 to 1.
        upscaled_bounds: log likelihood ratios of upscaled against not that held-out samples support (ELUB).
        source_bounds: likewise, of a source against the other upscalers.
    """

    accuse: float
    clear: float
    name: float
    unknown: float
    unexplained: float = UNEXPLAINED
    upscaled_bounds: tuple[float, float] = (-EXTREME, EXTREME)
    source_bounds: tuple[float, float] = (-EXTREME, EXTREME)


@dataclass(frozen=True)
class Reference:
    """Everything that attribution needs.

    Attributes:
        sources: what is known of each enrolled source, by name.
        experts: by (mode, condition name).
        thresholds: by (mode, condition name).
        routers: by mode: discriminant over condition names.
        router_temperatures: by mode.
        card: data, counts and measured error rates.
        identity: "sha256:" and the hash of the files, empty for a reference that was not loaded.
    """

    sources: dict[str, Source]
    experts: Mapping[tuple[str, str], Expert]
    thresholds: dict[tuple[str, str], Thresholds]
    routers: dict[str, Discriminant]
    router_temperatures: dict[str, float]
    card: dict
    identity: str = ""


def _pack(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (d, k) weights as float16, and one float32 scale a dimension."""
    scale = np.maximum(np.abs(weights).max(axis=1), 1e-30).astype(np.float32)
    return (weights / scale[:, None]).astype(np.float16), scale


def _put(tensors: dict, prefix: str, item: Discriminant | Logistic) -> list[str]:
    if isinstance(item, Discriminant):
        used = item.weights.any(axis=1)
        if item.steps is None:
            tensors[f"{prefix}.weights"], tensors[f"{prefix}.scale"] = _pack(item.weights[used])
        else:
            steps = item.steps[used]
            tensors[f"{prefix}.weights"] = np.rint(item.weights[used] / steps[:, None]).astype(np.int8)
            tensors[f"{prefix}.scale"] = steps
        if not used.all():
            tensors[f"{prefix}.used"] = used
    else:
        tensors[f"{prefix}.weights"] = item.weights
    tensors[f"{prefix}.offsets"] = item.offsets
    return list(item.classes)


def save(reference: Reference, folder: Path) -> None:
    """Write a reference; a folder that exists has its two files replaced.

    Args:
        reference: what to write.
        folder: where to.
    """
    from safetensors.numpy import save as packed

    from model_zoo.weights import write_atomically

    tensors: dict[str, np.ndarray] = {}
    experts = {}
    for (mode, condition), expert in reference.experts.items():
        prefix = f"{mode}.{condition}"
        experts[prefix] = {
            "detector": _put(tensors, f"{prefix}.detector", expert.detector),
            "tracer": _put(tensors, f"{prefix}.tracer", expert.tracer),
            "novelty": _put(tensors, f"{prefix}.novelty", expert.novelty),
            "match": _put(tensors, f"{prefix}.match", expert.match),
            "detection": _put(tensors, f"{prefix}.detection", expert.detection),
            "heads": {name: _put(tensors, f"{prefix}.head.{name}", head) for name, head in expert.heads.items()},
            "kinds": {name: getattr(expert.kinds, name) for name in ("between", "temperature")},
            "usual": expert.usual,
            "detection_temperature": expert.detection_temperature,
            "size_margin": expert.size_margin,
            "support": expert.support,
            "thresholds": asdict(reference.thresholds[mode, condition]),
        }
        for name in _KINDS:
            tensors[f"{prefix}.kinds.{name}"] = getattr(expert.kinds, name)
        for name, kind in _PLACES.items():
            tensors[f"{prefix}.{name}"] = getattr(expert.places, name).astype(kind)
        tensors[f"{prefix}.size"] = expert.size
    routers = {mode: _put(tensors, f"{mode}.router", router) for mode, router in reference.routers.items()}
    same = _same(tensors)
    about = {
        "format": FORMAT,
        "same": same,
        "features": features_id(),
        "conditions": [asdict(condition) for condition in CONDITIONS],
        "sources": [asdict(source) for source in reference.sources.values()],
        "experts": experts,
        "routers": routers,
        "router_temperatures": reference.router_temperatures,
        "card": reference.card,
    }
    text = json.dumps(about, indent=1, sort_keys=True, allow_nan=False)
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items() if name not in same}
    write_atomically(folder / "reference.safetensors", packed(kept))
    write_atomically(folder / "reference.json", (text + "\n").encode())


def _same(tensors: dict[str, np.ndarray]) -> dict[str, str]:
    """Name, for each array that equals an earlier one, the earlier one (modes share tracers on luma)."""
    first: dict[tuple, str] = {}
    same = {}
    for name, tensor in tensors.items():
        digest = hashlib.sha256(np.ascontiguousarray(tensor).tobytes()).digest()
        earlier = first.setdefault((tensor.shape, tensor.dtype.str, digest), name)
        if earlier != name:
            same[name] = earlier
    return same


class _Tensors:
    """The arrays of a reference's file by their names, several of which may stand for one."""

    def __init__(self, file, same: dict[str, str]) -> None:
        self._file, self._same, self._names = file, same, set(file.keys()) | same.keys()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> np.ndarray:
        return self._file.get_tensor(self._same.get(name, name))


class _Experts(Mapping):
    """The experts of a loaded reference, each read from the file when it is first asked for."""

    def __init__(self, path: Path, about: dict, same: dict[str, str]) -> None:
        self._path, self._about, self._same = path, about, same
        self._load = lru_cache(maxsize=None)(self._read)

    def __getitem__(self, key: tuple[str, str]) -> Expert:
        if f"{key[0]}.{key[1]}" not in self._about:
            raise KeyError(key)
        return self._load(f"{key[0]}.{key[1]}")

    def __iter__(self):
        return iter(tuple(key.split(".", 1)) for key in self._about)

    def __len__(self) -> int:
        return len(self._about)

    def _read(self, prefix: str) -> Expert:
        from safetensors import safe_open

        about = self._about[prefix]
        with safe_open(self._path, framework="numpy") as file:
            arrays = _Tensors(file, self._same)
            places = (arrays[f"{prefix}.{name}"].astype(np.float64) for name in _PLACES)
            return Expert(
                detector=_discriminant(arrays, f"{prefix}.detector", about["detector"]),
                tracer=_discriminant(arrays, f"{prefix}.tracer", about["tracer"]),
                kinds=_kinds(arrays, prefix, about["kinds"]),
                usual=about.get("usual", math.inf),
                places=Places(*places),
                novelty=_logistic(arrays, f"{prefix}.novelty", about["novelty"]),
                match=_logistic(arrays, f"{prefix}.match", about["match"]),
                detection=_logistic(arrays, f"{prefix}.detection", about["detection"]),
                detection_temperature=about["detection_temperature"],
                heads={name: _logistic(arrays, f"{prefix}.head.{name}", c) for name, c in about["heads"].items()},
                size=arrays[f"{prefix}.size"],
                size_margin=about["size_margin"],
                support=tuple(about["support"]),
            )


def _discriminant(arrays: _Tensors, prefix: str, classes: list[str]) -> Discriminant:
    weights, scale = arrays[f"{prefix}.weights"], arrays[f"{prefix}.scale"]
    rounded = weights.dtype == np.int8
    weights = weights.astype(np.float32) * scale[:, None]
    if f"{prefix}.used" in arrays:
        used = arrays[f"{prefix}.used"]
        weights, scale = _spread(weights, used), _spread(scale, used)
    return Discriminant(tuple(classes), weights, arrays[f"{prefix}.offsets"], scale if rounded else None)


def _kinds(arrays: _Tensors, prefix: str, about: dict) -> Kinds:
    of, temperatures, offsets = (arrays[f"{prefix}.kinds.{name}"] for name in _KINDS)
    return Kinds(of, temperatures, about["between"], offsets, about["temperature"])


def _spread(rows: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Put rows to the places that are used, zeros to the others."""
    every = np.zeros((len(used), *rows.shape[1:]), rows.dtype)
    every[used] = rows
    return every


def _logistic(arrays: _Tensors, prefix: str, classes: list[str]) -> Logistic:
    return Logistic(tuple(classes), arrays[f"{prefix}.weights"], arrays[f"{prefix}.offsets"])


def _thresholds(about: dict) -> Thresholds:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in about.items()}
    return Thresholds(**values)


def load(folder: Path | None = None) -> Reference:
    """Open a reference, the shipped one by default.

    Args:
        folder: where `save` wrote one.

    Returns:
        The reference; experts are read when they are first used.

    Raises:
        ReferenceError: files are missing, damaged, or made for other features.
    """
    from safetensors import SafetensorError, safe_open

    folder = SHIPPED if folder is None else Path(folder)
    tensors, described = folder / "reference.safetensors", folder / "reference.json"
    try:
        digest = hashlib.sha256(described.read_bytes() + tensors.read_bytes()).hexdigest()
        about = json.loads(described.read_text())
        conditions = [asdict(condition) for condition in CONDITIONS]
        fits = (about["features"], about["conditions"]) == (features_id(), conditions)
        if about["format"] not in READABLE or not fits:
            raise ReferenceError(f"reference {folder} was made for other features; fit it again with this version")
        with safe_open(tensors, framework="numpy") as file:
            same = about.get("same", {})
            arrays = _Tensors(file, same)
            routers = {m: _discriminant(arrays, f"{m}.router", c) for m, c in about["routers"].items()}
        thresholds = {tuple(key.split(".", 1)): _thresholds(e["thresholds"]) for key, e in about["experts"].items()}
        sources = {entry["name"]: Source(**entry) for entry in about["sources"]}
    except ReferenceError:
        raise
    except OSError as error:
        raise ReferenceError(f"reference {folder} cannot be read: {error.strerror or error}") from None
    except (AttributeError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise ReferenceError(f"reference {folder} is damaged: {type(error).__name__}: {error}") from None
    experts = _Experts(tensors, about["experts"], same)
    return Reference(
        sources, experts, thresholds, routers, about["router_temperatures"], about["card"], f"sha256:{digest}"
    )
