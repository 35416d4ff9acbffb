"""What is regressed, within which limits, and what is true of every network and interpolation kernel.

Scales are factors of a side, sizes and adversarial weights decimal logarithms, qualities those of the IJG scale.
"""

import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import datasets
from fingerprint.sources import architecture_name

Origin = Literal["zoo", "published", "kernel"]
Values = dict[str, float]

KERNELS = ("nearest", "bilinear", "hamming", "bicubic", "lanczos")
"""Pillow's kernels that enlarge; `box` enlarges as `nearest` does."""
KERNEL = "kernel-"
"""How the names of interpolation kernels begin here, where each stands for all its factors."""
UNCODED = 100.0
"""The quality of a picture that no JPEG step touched."""
_SEED = re.compile(r"-s\d+$")


@dataclass(frozen=True)
class Target:
    """One hyper-parameter.

    Attributes:
        name: its key in the answer's `parameters`.
        low: the least value that is plausible.
        high: the largest one.
        digits: how many decimals are told.
        logarithmic: whether its logarithm is regressed.
        of_networks: whether kernels have none.
    """

    name: str
    low: float
    high: float
    digits: int = 0
    logarithmic: bool = False
    of_networks: bool = False

    def inner(self, value: float) -> float:
        """Return what is regressed for a value."""
        return math.log(value) if self.logarithmic else float(value)

    def outer(self, inner: float) -> float:
        """Return the value for what was regressed, within the limits."""
        low, high = self.inner(self.low), self.inner(self.high)
        inside = min(max(inner, low), high)
        return math.exp(inside) if self.logarithmic else inside


TARGETS = (
    Target("scale_factor", 1, 8, 2, logarithmic=True),
    Target("log10_parameters", 3, 8.5, 2, of_networks=True),
    Target("depth", 1, 1000, logarithmic=True, of_networks=True),
    Target("log10_adversarial_weight", -5, 1, 2, of_networks=True),
    Target("jpeg_quality_before", 1, UNCODED),
    Target("jpeg_quality_after", 1, UNCODED),
)
BY_NAME = {target.name: target for target in TARGETS}


@dataclass(frozen=True)
class Truth:
    """What is true of one network or kernel.

    Attributes:
        name: of the source; a kernel's begins with `KERNEL`.
        origin: whose it is.
        scale: factor of the network, 1 for a kernel, which takes any.
        values: of the targets that do not change from picture to picture, those that are known.
        design: lower-case name of its architecture.
    """

    name: str
    origin: Origin
    scale: int
    values: Mapping[str, float]
    design: str

    @property
    def kin(self) -> str:
        """The networks that are held out together: those that differ by their seeds alone."""
        return _SEED.sub("", self.name)


def layers(architecture: str, scale: int, **config: Any) -> int:
    """Count a network's convolutions.

    Counted is every layer with a kernel, on the main path or beside it: convolutions of any size, transposed ones, and
    the matrices that transformers apply to each pixel, which are 1x1 convolutions.

    Args:
        architecture: registered name.
        scale: enlargement of each side.
        **config: the architecture's own arguments.

    Raises:
        ValueError: there is no such network.
    """
    return _layers(architecture, scale, tuple(sorted(config.items())))


@functools.cache
def _layers(architecture: str, scale: int, config: tuple[tuple[str, Any], ...]) -> int:
    from model_zoo.functional import skeleton

    _, shapes = skeleton(architecture, scale=scale, **dict(config))
    return sum(name.rpartition(".")[2] == "kernel" for name in shapes)


# What the published table does not say in numbers: the registered network of which each has the parameters.
_RLFN_CUT = {"width": 46, "middle": 48, "depth": 4}
_STRUCTURES: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"espcn-x{s}-opencv": ("espcn", {"activation": "relu", "bounded": True}) for s in (2, 3, 4)},
    **{f"fsrcnn-x{s}-opencv": ("fsrcnn", {"tail": "subpixel"}) for s in (2, 3, 4)},
    **{f"imdn-x{s}": ("imdn", {}) for s in (2, 3, 4)},
    "rfdn-x4-ntire22t00": ("rfdn", {}),
    "rlfn-x4-ntire22t04": ("rlfn", _RLFN_CUT),
    "realesr-animevideov3-x4": ("srvgg", {"depth": 16}),
    "realesrgan-general-v3-x4": ("srvgg", {"depth": 32}),
    "realesrgan-general-wdn-v3-x4": ("srvgg", {"depth": 32}),
}


def published_truths() -> list[Truth]:
    """Return what is true of every published network; kernels and `original` are left out.

    Depth is known where a registered structure has the network's number of parameters. How strongly adversarial ones
    were trained nobody says.

    Raises:
        DataMissingError: the table is not there.
    """
    found = []
    for row in datasets.published_networks():
        if row.loss not in ("fidelity", "adversarial"):
            continue
        values = {"log10_parameters": math.log10(row.parameters)}
        if row.name in _STRUCTURES:
            architecture, config = _STRUCTURES[row.name]
            values["depth"] = float(layers(architecture, row.scale, **config))
        found.append(Truth(row.name, "published", row.scale, values, architecture_name(row.architecture)))
    return found


def zoo_truths() -> list[Truth]:
    """Return what is true of every network that ships here."""
    import model_zoo

    found = []
    for manifest in model_zoo.list_networks(model_zoo.SHIPPED):
        values = {
            "log10_parameters": math.log10(manifest.parameters),
            "depth": float(layers(manifest.architecture, manifest.scale, **manifest.config)),
        }
        weight = model_zoo.parse_loss(manifest.loss).adversarial_weight
        if weight:
            values["log10_adversarial_weight"] = math.log10(weight)
        found.append(Truth(manifest.name, "zoo", manifest.scale, values, manifest.architecture))
    return found


def kernel_truths() -> list[Truth]:
    """Return the interpolation kernels, of which nothing but the factor can be asked."""
    return [Truth(f"{KERNEL}{name}", "kernel", 1, {}, name) for name in KERNELS]


def all_truths() -> list[Truth]:
    """Return everything that pictures are drawn from, by name.

    Raises:
        DataMissingError: the table of published networks is not there.
    """
    return sorted([*zoo_truths(), *published_truths(), *kernel_truths()], key=lambda truth: truth.name)
