"""The networks that adversarial training sets against a super-resolution network.

Names are loaded when they are first used: asking which there are imports nothing heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model_zoo.discriminators.functional import Discriminator, build_discriminator

DISCRIMINATORS = {
    "vgg": "model_zoo.discriminators.vgg:VGGDiscriminator",
    "unet-sn": "model_zoo.discriminators.unet:UNetDiscriminator",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.functional"), name)
    globals()[name] = value
    return value


__all__ = ["DISCRIMINATORS", "Discriminator", "build_discriminator"]
