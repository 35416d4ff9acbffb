"""What is known about a finished network, kept as JSON beside its weights.

Only the standard library, so that listing networks is immediate.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).parent / "weights"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """A finished network.

    Attributes:
        name: what it is called; unique among the networks here.
        architecture: registered architecture.
        scale: enlargement of each side.
        loss: what it was trained to minimise.
        training_data: the photographs it was trained on.
        seed: of its weights and data order.
        parameters: how many numbers it consists of.
        psnr_set5: luma PSNR in dB on Set5's MATLAB pairs (8-bit, border of `scale` shaved); None if not measured.
        bytes: size of the weights file.
        origin: where it comes from.
        config: the arguments the architecture is built with, beside the scale.
        steps: optimiser steps it was trained for.
        quality: further luma PSNRs: `matlab` and `pillow` name what made the low resolution, `bicubic_...` is what
            Pillow's bicubic enlargement scores on the same pairs.
        dtype: how the weights are stored, `float16` or `float32`.
        colour: how colour is handled.
        command: what trains it anew.
        run: the run's id.
        versions: what it was trained with.
    """

    name: str
    architecture: str
    scale: int
    loss: str
    training_data: str
    seed: int
    parameters: int
    psnr_set5: float | None
    bytes: int
    origin: str
    config: dict[str, Any]
    steps: int
    quality: dict[str, float]
    dtype: str
    colour: str
    command: str
    run: str
    versions: dict[str, str]

    def to_json(self) -> str:
        """Writes the manifest as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2, allow_nan=False) + "\n"


LISTED = (
    "name", "architecture", "scale", "loss", "training_data", "seed", "parameters", "psnr_set5", "bytes", "origin",
)  # fmt: skip
"""The fields of `whorl zoo list --json`."""


def read_manifest(path: Path) -> Manifest:
    """Reads a manifest.

    Args:
        path: the JSON file.

    Returns:
        What it says.

    Raises:
        ValueError: if it is not a manifest.
        OSError: if it cannot be read.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return Manifest(**fields)
    except (TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path.name} is not a network's manifest: {error}") from None


def list_networks(folder: Path = SHIPPED) -> list[Manifest]:
    """Lists the networks that can be used here and now.

    Args:
        folder: where manifests and weights lie; by default those that ship with the package.

    Returns:
        Their manifests, by name.
    """
    found = [read_manifest(path) for path in sorted(folder.glob("*.json")) if weights_path(path).is_file()]
    return sorted(found, key=lambda manifest: manifest.name)


def find_manifest(name: str) -> Path:
    """Finds a network's manifest.

    Args:
        name: a listed name, or the path of a `.safetensors` file that `whorl zoo train` finished.

    Returns:
        The manifest's path.

    Raises:
        ValueError: if there is no such network.
    """
    if name.endswith(".safetensors"):
        path = Path(name).with_suffix(".json")
        if path.is_file() and Path(name).is_file():
            return path
        raise ValueError(f"name must be a network or a trained .safetensors file beside its .json, got {name!r}")
    names = [manifest.name for manifest in list_networks()]
    if name not in names:
        raise ValueError(f"name must be one of {', '.join(names) or '(none)'}, got {name!r}")
    return SHIPPED / f"{name}.json"


def weights_path(manifest: Path) -> Path:
    """Where the weights of a manifest lie."""
    return manifest.with_suffix(".safetensors")
