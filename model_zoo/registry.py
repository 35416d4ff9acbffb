"""Which network architectures there are; a new one is a file and a line here.

An entry says where the class is, not the class itself, so that asking what there is imports nothing heavy.
"""

import importlib
from collections.abc import Iterator
from typing import Any


class Registry:
    """Names of architectures and where their classes live."""

    def __init__(self) -> None:
        """Starts empty."""
        self._places: dict[str, str] = {}

    def add(self, name: str, place: str) -> None:
        """Adds an architecture.

        Args:
            name: lower-case name.
            place: `module:Class`.

        Raises:
            ValueError: if the name is taken; the registry is then unchanged.
        """
        if name in self._places:
            raise ValueError(f"architecture {name!r} is registered already, as {self._places[name]}")
        self._places[name] = place

    def __iter__(self) -> Iterator[str]:
        """Goes through the names, sorted."""
        return iter(sorted(self._places))

    def find(self, name: str) -> Any:
        """Imports and returns an architecture's class.

        Args:
            name: a registered name.

        Returns:
            The class: keyword arguments `scale`, `rngs`, `width`, `depth` and its own; attributes `colour`
            (`rgb` or `luma`), `scale` and `radius`.

        Raises:
            ValueError: if nothing is registered under that name.
        """
        if name not in self._places:
            raise ValueError(f"architecture must be one of {', '.join(self)}, got {name!r}")
        module, _, attribute = self._places[name].partition(":")
        return getattr(importlib.import_module(module), attribute)


ARCHITECTURES = Registry()
ARCHITECTURES.add("edsr", "model_zoo.edsr:EDSR")
ARCHITECTURES.add("fsrcnn", "model_zoo.fsrcnn:FSRCNN")
ARCHITECTURES.add("rcan", "model_zoo.rcan:RCAN")
ARCHITECTURES.add("rdn", "model_zoo.rdn:RDN")
ARCHITECTURES.add("imdn", "model_zoo.imdn:IMDN")
ARCHITECTURES.add("rfdn", "model_zoo.rfdn:RFDN")
ARCHITECTURES.add("rlfn", "model_zoo.rlfn:RLFN")
ARCHITECTURES.add("espcn", "model_zoo.espcn:ESPCN")
ARCHITECTURES.add("srvgg", "model_zoo.srvgg:SRVGGNetCompact")
ARCHITECTURES.add("srresnet", "model_zoo.srresnet:SRResNet")
ARCHITECTURES.add("rrdbnet", "model_zoo.rrdbnet:RRDBNet")
ARCHITECTURES.add("swinir", "model_zoo.swinir:SwinIR")
ARCHITECTURES.add("nlsn", "model_zoo.nlsn:NLSN")
