"""What is known about a finished network, kept as JSON beside its weights.

Only the standard library, so that listing networks is immediate.
"""

import dataclasses
import json
import os
import re
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).parent / "weights"

IMPORTED = "imported"
"""The origin of a network that others published."""

CHROMA = ("bicubic-studio", "bilinear-opencv")
"""How a network of luma leaves chroma to interpolation, see :mod:`model_zoo.network`."""

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_BORDER = re.compile(r"replicate|zero|replicate-[1-9][0-9]{0,2}")


@dataclasses.dataclass(frozen=True)
class Manifest:
    """A finished network.

    Attributes:
        name: what it is called; unique among the networks here.
        architecture: registered architecture.
        scale: enlargement of each side.
        loss: what it was trained to minimise; `unknown` where nobody says.
        training_data: the photographs it was trained on; `unknown` where nobody says.
        seed: of its weights and data order; None where nobody says.
        parameters: how many numbers it consists of.
        psnr_set5: luma PSNR in dB on Set5's MATLAB pairs (8-bit, border of `scale` shaved); None if not measured.
        bytes: size of the weights file.
        origin: where it comes from: `trained by whorl`, or `imported`.
        config: the arguments the architecture is built with, beside the scale.
        steps: optimiser steps it was trained for; 0 where it was not trained here.
        quality: further luma PSNRs: `matlab` and `pillow` name what made the low resolution, `bicubic_...` is what
            Pillow's bicubic enlargement scores on the same pairs.
        dtype: how the weights are stored, `float16` or `float32`.
        colour: how colour is handled.
        command: what trains it anew.
        run: the run's id; of an imported network the first 16 hexadecimal digits of its file's SHA-256.
        versions: what it was trained with, or imported with and as which kind of file.
        licence: under which it may be used; empty where nothing is said.
        degradation: what made the low resolution it was trained on.
        border: what the network sees beyond the picture's edge: `replicate` (the outermost pixels, as far as it sees),
            `zero` (its own layers' padding alone), `replicate-10` (ten outermost pixels, then its own padding).
        chroma: how a network of luma leaves chroma to interpolation, one of :data:`CHROMA`.
        parent: the network whose weights it started from; None if from random ones.
        adversarial_weight: weight of the adversarial loss; None if there is none.
        recipe: the training recipe's name; empty if it has none.
        seconds: how long it was trained; None if not known.
        teacher: the network it learnt from, or what kind of teacher; None if from none.
        method: how it learnt from it; None likewise.
    """

    name: str
    architecture: str
    scale: int
    loss: str
    training_data: str
    seed: int | None
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
    licence: str = ""
    degradation: str = "pillow-bicubic"
    border: str = "replicate"
    chroma: str = "bicubic-studio"
    parent: str | None = None
    adversarial_weight: float | None = None
    recipe: str = ""
    seconds: float | None = None
    teacher: str | None = None
    method: str | None = None

    def __post_init__(self) -> None:
        """Refuses what no network can be.

        Raises:
            ValueError: if the name, the border or the chroma is none.
        """
        check_name(self.name)
        check_border(self.border)
        if self.chroma not in CHROMA:
            raise ValueError(f"chroma must be one of {', '.join(CHROMA)}, got {self.chroma!r}")

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
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is not a network's manifest: {error}") from None


def check_name(name: str) -> None:
    """Refuses a name that is no plain file name.

    Raises:
        ValueError: if the name has other characters than letters, digits, `-`, `_` and `.`, or begins with a dot.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"name must be letters, digits, '-', '_' and '.' and not begin with a dot, got {name!r}")


def check_border(border: str) -> None:
    """Refuses a border that no network has.

    Raises:
        ValueError: if it is none of those that :class:`Manifest` describes.
    """
    if not _BORDER.fullmatch(border):
        raise ValueError(f"border must be replicate, zero or replicate-N with N from 1 to 999, got {border!r}")


def user_folder() -> Path | None:
    """Where a user's own networks lie, whether or not the folder exists yet.

    Returns:
        What the environment variable WHORL_ZOO names, or else `whorl/zoo` in the user's data folder, as the XDG Base
        Directory Specification places it; None if the user has no home.
    """
    named = os.environ.get("WHORL_ZOO")
    if named:
        return Path(named)
    data = Path(os.environ.get("XDG_DATA_HOME") or ".")
    if not data.is_absolute():
        try:
            data = Path.home() / ".local" / "share"
        except RuntimeError:
            return None
    return data / "whorl" / "zoo"


def list_networks(folder: Path | None = None) -> list[Manifest]:
    """Lists the networks that can be used here and now.

    Args:
        folder: where manifests and weights lie; None for those that ship with the package and the user's own.

    Returns:
        Their manifests, by name.

    Raises:
        ValueError: if a manifest is damaged.
    """
    found = _find(SHIPPED) | _find(user_folder()) if folder is None else _find(folder)
    return [found[name][1] for name in sorted(found)]


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
    found = _find(SHIPPED) | _find(user_folder())
    if name not in found:
        raise ValueError(f"name must be one of {', '.join(sorted(found)) or '(none)'}, got {name!r}")
    return found[name][0]


def weights_path(manifest: Path) -> Path:
    """Where the weights of a manifest lie."""
    return manifest.with_suffix(".safetensors")


def _find(folder: Path | None) -> dict[str, tuple[Path, Manifest]]:
    """The manifests of a folder that lie beside their weights, by name."""
    found = {}
    for path in sorted(folder.glob("*.json")) if folder is not None else ():
        if weights_path(path).is_file():
            manifest = read_manifest(path)
            if manifest.name != path.stem:
                raise ValueError(f"{path} must be named after its network, {manifest.name!r}")
            found[manifest.name] = path, manifest
    return found
