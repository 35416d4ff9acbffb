"""What networks are trained to make small.

Names are loaded when they are first used: a loss's text is checked with nothing beyond the standard library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model_zoo.losses.gan import discriminator_loss, generator_loss
    from model_zoo.losses.perceptual import Features, load_features
    from model_zoo.losses.pixel import charbonnier, fft, l1, l2
    from model_zoo.losses.spec import LossSpec, Term, parse_loss
    from model_zoo.losses.total import Objective, make_objective

_HOMES = {
    "gan": ("discriminator_loss", "generator_loss"),
    "perceptual": ("Features", "load_features"),
    "pixel": ("charbonnier", "fft", "l1", "l2"),
    "spec": ("LossSpec", "Term", "parse_loss"),
    "total": ("Objective", "make_objective"),
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
    "Features",
    "LossSpec",
    "Objective",
    "Term",
    "charbonnier",
    "discriminator_loss",
    "fft",
    "generator_loss",
    "l1",
    "l2",
    "load_features",
    "make_objective",
    "parse_loss",
]
