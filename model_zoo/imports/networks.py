"""Brings published networks in: for use at once, or to stay among the user's networks."""

import hashlib
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

import datasets
from model_zoo.functional import Params, count_parameters
from model_zoo.imports.arrays import read_arrays
from model_zoo.imports.recognise import Recognised, recognise
from model_zoo.manifests import IMPORTED, SHIPPED, Manifest, check_border, check_name, user_folder, weights_path
from model_zoo.network import Network
from model_zoo.weights import encode_weights, write_atomically

_NAMELESS = {"weights", "model", "pytorch_model", "net_g_latest", "model_best", "checkpoint", "params"}
_UNKNOWN = "unknown"
_COLOUR = {
    ("rgb", "bicubic-studio"): "RGB in, RGB out",
    ("luma", "bicubic-studio"): "luma (BT.601) by the network, chroma by bicubic interpolation",
    ("luma", "bilinear-opencv"): "luma (full range) by the network, chroma by bilinear interpolation, as OpenCV does",
}


def load_published(source: str | Path) -> Network:
    """Brings a published network in for use, without writing anything.

    Args:
        source: a file of weights, a folder that holds `weights.npz`, or the name of such a folder in the data folder's
            `published-weights`.

    Returns:
        The network, with border and colours handled as its authors' code does.

    Raises:
        ValueError: if there is no such file, or it holds anything but the arrays of a known network.
    """
    path = Path(source)
    if not path.exists() and path.name == str(source):
        path = datasets.data_root() / "published-weights" / path
    return read_network(path)


def read_network(
    path: Path, *, name: str | None = None, options: Mapping[str, Any] | None = None, **facts: str | None
) -> Network:
    """Reads a network from a file that others published.

    Args:
        path: a file of weights, or a folder that holds `weights.npz`.
        name: what it is to be called; None for the file's or folder's own name.
        options: what shapes don't tell, see :func:`model_zoo.imports.recognise`.
        **facts: fields of the manifest that the caller knows: `licence`, `loss`, `training_data`, `degradation`,
            `border`; None for what the data folder's table of published networks says, or what is usual.

    Returns:
        The network with its manifest.

    Raises:
        ValueError: if the file holds anything but the arrays of a known network, or a fact does not fit.
        OSError: if it cannot be read.
    """
    file = path / "weights.npz" if path.is_dir() else path
    if not file.is_file():
        raise ValueError(f"path must be a file of weights, or a folder that holds weights.npz, got {path}")
    known = {key: value for key, value in facts.items() if value is not None}
    check_border(known.get("border", "zero"))
    found_name = name or _own_name(file)
    check_name(found_name)
    try:
        found = recognise(read_arrays(file), options)
    except ValueError as error:
        said = str(error)
        raise ValueError(said if file.name in said else f"{file.name}: {said}") from None
    manifest = _describe(found_name, file, found, _published_facts(file) | known, options or {})
    return Network(found.function, found.params, manifest)


def import_network(network: Network, folder: Path | None = None, *, replace: bool = False) -> Path:
    """Writes an imported network to where it is found by its name.

    Args:
        network: what :func:`read_network` returned.
        folder: where to; None for the user's own networks.
        replace: whether a network of the same name may be replaced, or hidden if it ships with the package.

    Returns:
        The path of the weights, the manifest beside it.

    Raises:
        ValueError: if the name is taken, or there is nowhere to write to.
        OSError: if it cannot be written.
    """
    manifest, place = network.manifest, folder or user_folder()
    if manifest is None:
        raise ValueError("network must have a manifest to be kept")
    if place is None:
        raise ValueError("folder must be given: the user has no home folder, and WHORL_ZOO names none")
    described = place / f"{manifest.name}.json"
    shipped = (SHIPPED / f"{manifest.name}.json").is_file()
    if not replace and (shipped or described.exists()):
        where = "ships with whorl" if shipped else f"is in {place}"
        raise ValueError(f"name must be free, but {manifest.name!r} {where}: give another name, or ask to replace it")
    place.mkdir(parents=True, exist_ok=True)
    content = encode_weights(
        network.params,
        architecture=manifest.architecture,
        scale=manifest.scale,
        config=manifest.config,
        dtype=_storage(network.params),
    )
    write_atomically(weights_path(described), content)
    write_atomically(described, manifest.to_json().encode())
    return weights_path(described)


def _own_name(file: Path) -> str:
    """The file's name, or its folder's where the file's says nothing."""
    return file.resolve().parent.name if file.stem.lower() in _NAMELESS else file.stem


def _published_facts(file: Path) -> dict[str, str]:
    """What the data folder's table of published networks says about a file, if it is of one of them."""
    try:
        root = datasets.data_root() / "published-weights"
        if file.resolve().parent.parent != root.resolve():
            return {}
        rows = {row.name: row for row in datasets.published_networks()}
    except datasets.DataMissingError:
        return {}
    row = rows.get(file.resolve().parent.name)
    if row is None:
        return {}
    return {
        "loss": row.loss,
        "training_data": row.training_data or _UNKNOWN,
        "licence": f"{row.licence or 'not stated'} ({row.origin})",
    }


def _describe(
    name: str, file: Path, found: Recognised, facts: Mapping[str, str], options: Mapping[str, Any]
) -> Manifest:
    function, dtype = found.function, _storage(found.params)
    content = encode_weights(
        found.params, architecture=function.architecture, scale=function.scale, config=found.config, dtype=dtype
    )
    given = "".join(f" --option {key}={value}" for key, value in options.items())
    return Manifest(
        name=name,
        architecture=function.architecture,
        scale=function.scale,
        loss=facts.get("loss", _UNKNOWN),
        training_data=facts.get("training_data", _UNKNOWN),
        seed=None,
        parameters=count_parameters(found.params),
        psnr_set5=None,
        bytes=len(content),
        origin=IMPORTED,
        config=found.config,
        steps=0,
        quality={},
        dtype=dtype,
        colour=_COLOUR[function.colour, found.chroma],
        command=f"whorl zoo import {file.name} --name {name}{given}",
        run=hashlib.sha256(file.read_bytes()).hexdigest()[:16],
        versions={"whorl": importlib.metadata.version("whorl"), "layout": found.layout},
        licence=facts.get("licence", ""),
        degradation=facts.get("degradation", _UNKNOWN),
        border=facts.get("border", found.border),
        chroma=found.chroma,
    )


def _storage(params: Params) -> Literal["float16", "float32"]:
    """The smaller type, where it holds the very numbers."""
    with np.errstate(over="ignore"):
        for array in map(np.asarray, params.values()):
            if not np.array_equal(array.astype(np.float16).astype(np.float32), array):
                return "float32"
    return "float16"
