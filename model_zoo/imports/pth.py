"""Reads PyTorch's checkpoint files, of today's kind (a zip archive) and of that before version 1.6.

Nothing is unpickled (see :mod:`model_zoo.imports.pickles`), every size a file states is held against the bytes it has,
and what the arrays take together is bounded by a small multiple of the file's size, so that a hostile file costs no
more than an honest one of its length.
"""

import contextlib
import errno
import io
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model_zoo.imports.pickles import STORAGES, Storage, Tensor, read_pickle

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DEEPEST = 4  # dictionaries within dictionaries
_SHARING = 4  # how many times over a file's bytes may appear in its arrays
_GRACE = 2**20  # bytes that arrays may take whatever the size of the file
# RuntimeError is for encryption and, as a subclass, for a compression that Python does not know.
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, EOFError, IndexError, KeyError, OverflowError,
)  # fmt: skip

Nested = dict[str, Any]
Leaf = tuple[tuple[str, ...], Tensor]


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens a zip archive; whatever Python's module raises on a damaged one becomes a ValueError.

    Raises:
        ValueError: if it is damaged.
        OSError: if it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _ZIP_ERRORS as error:
        raise ValueError(f"the zip archive is damaged: {error}") from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the file's beginning
            raise
        raise ValueError("the zip archive is damaged: it points out of the file") from None


def read_zip(path: Path) -> Nested:
    """Reads a checkpoint of PyTorch 1.6 and later.

    Args:
        path: the file.

    Returns:
        Dictionaries of arrays, nested as in the file.

    Raises:
        ValueError: if it is damaged or holds anything but arrays.
        OSError: if it cannot be read.
    """
    with open_zip(path) as archive:
        return _read_archive(archive, path.stat().st_size)


def read_legacy(path: Path) -> Nested:
    """Reads a checkpoint from before PyTorch 1.6: five pickles in a row, then the numbers.

    Args:
        path: the file.

    Returns:
        Dictionaries of arrays, nested as in the file.

    Raises:
        ValueError: if it is damaged or holds anything but arrays.
        OSError: if it cannot be read.
    """
    stream = io.BytesIO(path.read_bytes())
    if read_pickle(stream) != _MAGIC or read_pickle(stream) != _PROTOCOL:
        raise ValueError("the file does not begin as a PyTorch checkpoint")
    system, value, keys = (read_pickle(stream) for _ in range(3))
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("the checkpoint's numbers must be little-endian")
    if type(keys) is not list or any(type(key) is not str for key in keys):
        raise ValueError("the checkpoint's list of storages is damaged")
    leaves = list(_leaves(value, set()))
    storages = _storages(leaves)
    if sorted(keys) != sorted(storages):
        raise ValueError("the checkpoint's list of storages does not fit its arrays")
    found = {}
    for key in keys:
        (count,) = struct.unpack("<q", _take(stream, 8))
        if count != storages[key].count:
            raise ValueError(f"storage {key[:40]!r} must have {storages[key].count} numbers, got {count}")
        found[key] = _take(stream, count * _width(storages[key]))
    return _nest(leaves, found, stream.getbuffer().nbytes)


def _read_archive(archive: zipfile.ZipFile, size: int) -> Nested:
    infos = {info.filename: info for info in archive.infolist()}
    pickles = [name for name in infos if name == "data.pkl" or name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise ValueError(f"a PyTorch checkpoint must hold one data.pkl, got {len(pickles)}")
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in infos.values()):
        raise ValueError("a PyTorch checkpoint must be stored without compression or encryption")
    if sum(info.file_size for info in archive.infolist()) > size:
        raise ValueError("the archive states more bytes than the file has")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}byteorder" in infos and archive.read(f"{root}byteorder") != b"little":
        raise ValueError("the checkpoint's numbers must be little-endian")
    leaves = list(_leaves(read_pickle(io.BytesIO(archive.read(pickles[0]))), set()))
    found = {}
    for key, storage in _storages(leaves).items():
        name = f"{root}data/{key}"
        if name not in infos or infos[name].file_size != storage.count * _width(storage):
            raise ValueError(f"storage {key[:40]!r} must have {storage.count} numbers, and the archive has not")
        found[key] = archive.read(name)
    return _nest(leaves, found, size)


def _leaves(value: Any, seen: set[int], path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Goes through all that is in the dictionaries, which must be arrays, once."""
    if isinstance(value, Tensor) and path:
        yield path, value
    elif isinstance(value, dict) and len(path) < _DEEPEST and id(value) not in seen:
        seen.add(id(value))  # dictionaries that hold others many times over could be gone through without end
        for key, child in value.items():
            yield from _leaves(child, seen, (*path, key))
    else:
        place = f"{'.'.join(path)[:80]!r}" if path else "it"
        kind = "a dictionary once more or too deep" if isinstance(value, dict) else f"of type {type(value).__name__}"
        raise ValueError(f"a checkpoint must hold nothing but arrays in dictionaries, {place} is {kind}")


def _storages(leaves: list[Leaf]) -> dict[str, Storage]:
    """The storages that the arrays lie in, by key."""
    found: dict[str, Storage] = {}
    for _, tensor in leaves:
        if found.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            raise ValueError(f"storage {tensor.storage.key[:40]!r} is described in two ways")
    return found


def _nest(leaves: list[Leaf], storages: Mapping[str, bytes], size: int) -> Nested:
    """Cuts the arrays out of their storages and puts them back into dictionaries."""
    total = sum(math.prod(tensor.shape) * _width(tensor.storage) for _, tensor in leaves)
    if total > _SHARING * size + _GRACE:
        raise ValueError(f"the arrays state {total:,} bytes, far more than the file's {size:,}")
    nested: Nested = {}
    for path, tensor in leaves:
        inner = nested
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        try:
            inner[path[-1]] = _array(tensor, storages[tensor.storage.key])
        except ValueError as error:
            raise ValueError(f"array {'.'.join(path)[:80]!r} {error}") from None
    return nested


def _array(tensor: Tensor, content: bytes) -> np.ndarray:
    """Copies out of a storage what a tensor's record says; strides may neither leave the storage nor multiply it."""
    count, width, shape = tensor.storage.count, _width(tensor.storage), tensor.shape
    if math.prod(shape) > count:
        raise ValueError(f"of shape {'x'.join(map(str, shape))} is more than its storage of {count} numbers")
    kind = STORAGES[tensor.storage.kind]
    stored = np.frombuffer(content, {"bfloat16": "<u2", "?": "u1"}.get(kind, kind))
    if math.prod(shape) == 0:
        view = stored[:0].reshape(shape)
    else:
        steps = [stride if length > 1 else 0 for length, stride in zip(shape, tensor.strides, strict=True)]
        last = tensor.offset + sum((length - 1) * step for length, step in zip(shape, steps, strict=True))
        if last >= count:
            raise ValueError(f"reaches beyond its storage of {count} numbers")
        start, strides = stored[tensor.offset :], [step * width for step in steps]
        view = np.ascontiguousarray(np.lib.stride_tricks.as_strided(start, shape, strides, writeable=False))
    view = view.reshape(shape)  # what has no axes comes back with one
    if kind == "bfloat16":
        return widen_bfloat16(view)
    return np.asarray(view != 0) if kind == "?" else view


def widen_bfloat16(bits: np.ndarray) -> np.ndarray:
    """Turns bfloat16 numbers, given as 16-bit whole numbers, into float32: they are its upper half."""
    return np.asarray(bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def _width(storage: Storage) -> int:
    kind = STORAGES[storage.kind]
    return 2 if kind == "bfloat16" else np.dtype(kind).itemsize


def _take(stream: io.BytesIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ValueError("the file is cut short")
    return data
