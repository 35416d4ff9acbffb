"""Lightweight students: what a teacher is, what it tells, and how a student learns from it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model_zoo.distillation.config import METHODS, DistilConfig
    from model_zoo.distillation.runs import distil

_HOMES = {"config": ("METHODS", "DistilConfig"), "runs": ("distil",)}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


__all__ = ["METHODS", "DistilConfig", "distil"]
