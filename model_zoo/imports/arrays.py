"""Reads arrays from the files that networks' weights are published in: `.pth`, `.safetensors`, `.npz`.

What a file is, its content says, not its suffix. No file can make anything run, or cost more time and memory than its
length warrants.
"""

import json
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize

from model_zoo.imports.pth import open_zip, read_legacy, read_zip, widen_bfloat16

_NESTS = ("params_ema", "params", "state_dict", "model_state_dict", "model", "network", "net")
_PREFIXES = ("module.", "netG.", "generator.", "net_g.")
_EXPANSION = 20  # how many times its compressed size an array may have
_GRACE = 2**26  # bytes that arrays may take whatever the size of the file
_NPY_HEADER = re.compile(
    r"\{'descr': '(?P<type>[<>|](?:b1|[iu][1248]|f[248]))', 'fortran_order': (?:(?P<fortran>True)|False), "
    r"'shape': \((?P<shape>(?:[0-9]{1,12}, ?){0,8}(?:[0-9]{1,12})?)\), \}\s*"
)
_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U8": "u1", "BOOL": "u1",
}  # fmt: skip


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a network's file.

    A checkpoint that holds several sets (`params` and `params_ema`, `state_dict` ...) gives the first of them in the
    order `params_ema`, `params`, `state_dict`, `model_state_dict`, `model`, `network`, `net`. A prefix that all names
    share, as PyTorch's data parallelism puts it there (`module.`), is dropped.

    Args:
        path: a PyTorch checkpoint of either kind, a safetensors file or NumPy's .npz.

    Returns:
        Arrays by name; bfloat16 becomes float32.

    Raises:
        ValueError: if the file is none of these, is damaged, or holds anything but arrays.
        OSError: if it cannot be read.
    """
    if not path.is_file():  # neither a folder nor a pipe, which would never end
        raise ValueError(f"{path} must be a file")
    try:
        return _flat(_read(path))
    except (ValueError, MemoryError, RecursionError) as error:
        raise ValueError(f"{path.name}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        head = file.read(9)
    if head.startswith(b"PK"):
        return _read_npz(path) if _is_npz(path) else read_zip(path)
    if head.startswith(b"\x80"):
        return read_legacy(path)
    if head[8:] == b"{":
        return _read_safetensors(path)
    raise ValueError("must be a PyTorch checkpoint, a safetensors file or an .npz file")


def _flat(nested: dict[str, Any]) -> dict[str, np.ndarray]:
    """Chooses one set of arrays and strips what all its names begin with."""
    while not all(isinstance(value, np.ndarray) for value in nested.values()):
        nest = next((name for name in _NESTS if isinstance(nested.get(name), dict)), None)
        if nest is None:
            raise ValueError(f"arrays must lie at the top or in one of {', '.join(_NESTS)}, got {_some(nested)}")
        nested = nested[nest]
    if not nested:
        raise ValueError("there are no arrays in it")
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in nested):
            nested = {name.removeprefix(prefix): value for name, value in nested.items()}
    return nested


def _some(names: dict[str, Any]) -> str:
    first = [repr(name[:40]) for name in list(names)[:4]]
    return ", ".join(first) + (" ..." if len(names) > 4 else "")


def _is_npz(path: Path) -> bool:
    with open_zip(path) as archive:
        return any(name.endswith(".npy") for name in archive.namelist())


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    """Reads arrays of numbers; what they state is held against the archive before memory is taken."""
    found = {}
    allowance = _EXPANSION * path.stat().st_size + _GRACE
    with open_zip(path) as archive:
        for info in archive.infolist():
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError("an .npz file must be stored or deflated")
            allowance -= info.file_size
            if not info.filename.endswith(".npy") or allowance < 0:
                what = "more bytes than its size warrants" if allowance < 0 else f"{info.filename[:40]!r}"
                raise ValueError(f"an .npz file must hold arrays alone, this one holds {what}")
            found[info.filename.removesuffix(".npy")] = _read_npy(archive, info)
    return found


def _read_npy(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """Reads one array; NumPy's own reader would evaluate the header as Python's literals."""
    name = repr(info.filename[:40])
    with archive.open(info) as member:
        magic = member.read(8)
        wide = magic == b"\x93NUMPY\x02\x00"
        if not wide and magic != b"\x93NUMPY\x01\x00":
            raise ValueError(f"array {name} is not in NumPy's format, version 1 or 2")
        length = int.from_bytes(member.read(4 if wide else 2), "little")
        found = _NPY_HEADER.fullmatch(member.read(min(length, 10_000)).decode("latin-1"))
        if found is None:
            raise ValueError(f"array {name} must hold numbers of one type")
        dtype = np.dtype(found["type"])
        shape = tuple(int(number) for number in found["shape"].replace(",", " ").split())
        size = math.prod(shape) * dtype.itemsize
        if size > info.file_size:
            raise ValueError(f"array {name} states more numbers than the file has")
        content = member.read(size)
        member.read(1)  # reaching the end has the checksum compared
    array = np.frombuffer(content, "u1" if dtype.kind == "b" else dtype)
    array = array.reshape(shape, order="F" if found["fortran"] else "C")
    return _truths(array) if dtype.kind == "b" else array


def _truths(array: np.ndarray) -> np.ndarray:
    """Bytes as truth values, whatever bytes they are."""
    return np.asarray(array != 0)


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        tensors = deserialize(path.read_bytes())
    except (SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(f"not a sound safetensors file: {error}") from None
    found = {}
    for name, tensor in tensors:
        kind = tensor["dtype"]
        if kind not in _TYPES:
            raise ValueError(f"array {name[:40]!r} must hold numbers of a usual type, got {kind}")
        array = np.frombuffer(tensor["data"], _TYPES[kind]).reshape(tensor["shape"])
        found[name] = widen_bfloat16(array) if kind == "BF16" else _truths(array) if kind == "BOOL" else array
    return found
