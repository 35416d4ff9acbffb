"""From features to evidence: sources, experts, likelihood ratios, decisions, and the typed result.

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fingerprint.attributor import Attributor, attribute
    from fingerprint.reference import Reference, ReferenceError
    from fingerprint.result import Candidate, ImageFacts, Parameter, Priors, Result, Tool, Upscaled

_HOMES = {
    "attributor": ("Attributor", "attribute"),
    "reference": ("Reference", "ReferenceError"),
    "result": ("Candidate", "ImageFacts", "Parameter", "Priors", "Result", "Tool", "Upscaled"),
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
    "Attributor",
    "Candidate",
    "ImageFacts",
    "Parameter",
    "Priors",
    "Reference",
    "ReferenceError",
    "Result",
    "Tool",
    "Upscaled",
    "attribute",
]
