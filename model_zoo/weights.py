"""Finished weights as safetensors, which hold arrays and text and can execute nothing."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from model_zoo.config import canonical_json
from model_zoo.functional import Functional, Params, as_float32, skeleton

FORMAT = "whorl-network-1"


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file that appears whole or not at all.

    Args:
        path: where; what was there is replaced.
        content: the bytes.

    Raises:
        OSError: if it cannot be written; nothing is left behind.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def encode_weights(
    params: Params, *, architecture: str, scale: int, config: dict[str, Any], dtype: Literal["float16", "float32"]
) -> bytes:
    """Packs weights with all that is needed to build their network.

    Args:
        params: arrays by dotted path.
        architecture: registered name.
        scale: enlargement of each side.
        config: the architecture's own arguments.
        dtype: float type to store.

    Returns:
        The file's bytes; equal weights give equal bytes.
    """
    arrays = {name: np.asarray(value).astype(dtype) for name, value in sorted(params.items())}
    described = {"format": FORMAT, "architecture": architecture, "scale": scale, "config": config}
    return save(arrays, metadata={"whorl": canonical_json(described)})  # one key: several are written in any order


def read_weights(path: Path) -> tuple[Functional, Params]:
    """Builds a network from its file.

    Args:
        path: what :func:`encode_weights` made.

    Returns:
        The function and its parameters, float32.

    Raises:
        ValueError: if the file is not such a file, or its arrays don't fit its architecture.
        OSError: if it cannot be read.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise ValueError(f"{path.name} is not a safetensors file: {error}") from None
    described = json.loads(metadata.get("whorl", "{}"))
    if described.get("format") != FORMAT:
        raise ValueError(f"{path.name} must be of format {FORMAT}, got {described.get('format')!r}")
    function, shapes = skeleton(described["architecture"], scale=described["scale"], **described["config"])
    wanted = {name: shape.shape for name, shape in shapes.items()}
    found = {name: array.shape for name, array in arrays.items()}
    if wanted != found:
        odd = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        raise ValueError(f"{path.name} does not fit architecture {described['architecture']!r} at {', '.join(odd[:3])}")
    return function, as_float32(arrays)
