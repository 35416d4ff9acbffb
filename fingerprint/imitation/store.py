"""Tracers of agreement on disk: `agreement.safetensors` and `agreement.json` beside a reference's files; never pickle.

They belong to the reference whose experts they are joined with, and to the imitators that ship; with others they are
refused.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fingerprint.imitation.agreement import Imitator
from fingerprint.imitation.tracer import Say, Tracer
from fingerprint.kinds import Kinds
from fingerprint.lda import Discriminant
from fingerprint.reference import SHIPPED, ReferenceError
from model_zoo.weights import write_atomically

TENSORS, DESCRIPTION = "agreement.safetensors", "agreement.json"
FORMAT = 3


def write_tracers(tracers: Mapping[int, Tracer], reference: str, card: Mapping[str, Any], folder: Path) -> Path:
    """Write tracers beside a reference's files; two files that exist are replaced.

    Args:
        tracers: by scale.
        reference: identity of the reference.
        card: plain facts on the fit.
        folder: of the reference.

    Returns:
        The path of the description.
    """
    from safetensors.numpy import save

    tensors: dict[str, np.ndarray] = {}
    scales = {}
    for scale, tracer in tracers.items():
        tensors[f"{scale}.weights"] = tracer.discriminant.weights
        tensors[f"{scale}.offsets"] = tracer.discriminant.offsets
        scales[str(scale)] = {
            "imitator": tracer.imitator,
            "classes": tracer.discriminant.classes,
            "says": {name: _described(say) for name, say in tracer.says.items()},
        }
    content = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})
    about = {
        "format": FORMAT,
        "reference": reference,
        "tensors": hashlib.sha256(content).hexdigest(),
        "scales": scales,
        "card": dict(card),
    }
    text = json.dumps(about, indent=1, sort_keys=True, allow_nan=False) + "\n"
    for name, data in ((TENSORS, content), (DESCRIPTION, text.encode())):
        write_atomically(folder / name, data)
    return folder / DESCRIPTION


def has_tracers(folder: Path | None) -> bool:
    """Say whether tracers lie beside a reference's files, the shipped one's by default."""
    return ((SHIPPED if folder is None else Path(folder)) / DESCRIPTION).exists()


def agreement_digest(folder: Path | None = None) -> str:
    """Return the SHA-256 of what says what agreement counts, "" where no tracers lie beside the reference's files.

    Args:
        folder: of the reference, the shipped one by default.
    """
    path = (SHIPPED if folder is None else Path(folder)) / DESCRIPTION
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def read_tracers(folder: Path | None, reference: str, imitators: Mapping[int, Imitator]) -> dict[int, Tracer]:
    """Open the tracers beside a reference's files, the shipped one's by default.

    Args:
        folder: of the reference.
        reference: its identity.
        imitators: by scale.

    Returns:
        The tracers by scale.

    Raises:
        ReferenceError: the files are damaged, or belong to another reference or other imitators.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = SHIPPED if folder is None else Path(folder)
    described, tensors = folder / DESCRIPTION, folder / TENSORS
    try:
        about = json.loads(described.read_text(encoding="utf-8"))
        if (about["format"], about["reference"]) != (FORMAT, reference):
            raise ReferenceError(f"{described} belongs to another reference; run `whorl fingerprint fit-agreement`")
        content = tensors.read_bytes()
        if hashlib.sha256(content).hexdigest() != about["tensors"]:
            raise ReferenceError(f"{tensors} is damaged: it is not what {DESCRIPTION} describes")
        arrays = load(content)
        found = {int(scale): _tracer(int(scale), facts, arrays) for scale, facts in about["scales"].items()}
    except ReferenceError:
        raise
    except OSError as error:
        raise ReferenceError(f"agreement in {folder} cannot be read: {error.strerror or error}") from None
    except (AttributeError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise ReferenceError(f"{described} is damaged: {type(error).__name__}: {error}") from None
    for scale, tracer in found.items():
        if scale not in imitators or imitators[scale].identity != tracer.imitator:
            raise ReferenceError(
                f"{described} belongs to other imitators than this version's; run `whorl fingerprint fit-agreement`"
            )
    return found


def _described(say: Say) -> dict[str, Any]:
    kinds = say.kinds
    return {
        "experts": say.experts,
        "agreement": say.agreement,
        "kinds": {
            "of": kinds.of.tolist(),
            "temperatures": kinds.temperatures.tolist(),
            "between": kinds.between,
            "offsets": kinds.offsets.tolist(),
            "temperature": kinds.temperature,
        },
    }


def _tracer(scale: int, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Tracer:
    discriminant = Discriminant(tuple(facts["classes"]), arrays[f"{scale}.weights"], arrays[f"{scale}.offsets"])
    says = {name: _say(about) for name, about in facts["says"].items()}
    return Tracer(scale, facts["imitator"], discriminant, says)


def _say(about: Mapping[str, Any]) -> Say:
    kinds = dict(about["kinds"])
    arrays = {name: np.array(kinds.pop(name)) for name in ("of", "temperatures", "offsets")}
    return Say(about["experts"], about["agreement"], Kinds(**arrays, **kinds))
