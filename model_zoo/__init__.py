"""The super-resolution networks, their training, and those that ship.

Names are loaded when they are first used: listing networks needs nothing beyond the standard library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model_zoo.config import TrainConfig
    from model_zoo.evaluation import set5_psnr
    from model_zoo.functional import Functional, build, count_parameters, initialise
    from model_zoo.imports import load_published
    from model_zoo.loop import NonFiniteLossError, Progress
    from model_zoo.losses.spec import LossSpec, parse_loss
    from model_zoo.manifests import SHIPPED, Manifest, list_networks
    from model_zoo.metrics import psnr_luma
    from model_zoo.network import Network, load
    from model_zoo.registry import ARCHITECTURES, Registry
    from model_zoo.runs import run
    from model_zoo.training import train, train_seeds

_HOMES = {
    "config": ("TrainConfig",),
    "evaluation": ("set5_psnr",),
    "functional": ("Functional", "build", "count_parameters", "initialise"),
    "imports": ("load_published",),
    "loop": ("NonFiniteLossError", "Progress"),
    "losses.spec": ("LossSpec", "parse_loss"),
    "manifests": ("Manifest", "SHIPPED", "list_networks"),
    "metrics": ("psnr_luma",),
    "network": ("Network", "load"),
    "registry": ("ARCHITECTURES", "Registry"),
    "runs": ("run",),
    "training": ("train", "train_seeds"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(_HOME_OF)


__all__ = [
    "ARCHITECTURES",
    "SHIPPED",
    "Functional",
    "LossSpec",
    "Manifest",
    "Network",
    "NonFiniteLossError",
    "Progress",
    "Registry",
    "TrainConfig",
    "build",
    "count_parameters",
    "initialise",
    "list_networks",
    "load",
    "load_published",
    "parse_loss",
    "psnr_luma",
    "run",
    "set5_psnr",
    "train",
    "train_seeds",
]
