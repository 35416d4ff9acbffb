"""Windows, residuals, spectra and co-occurrences: arrays in, arrays out.

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectra.cooccurrence import SUBMODELS, Submodel, cooccurrences
    from spectra.features import (
        DIMENSIONS,
        FEATURES_ID,
        TileFeatures,
        dimension_names,
        luma_mask,
        prepare,
        tile_features,
    )
    from spectra.power import activity_split, fold, log_power
    from spectra.profiles import angular_profile, grid_frequencies, radial_profile
    from spectra.residuals import high_pass, median_residual, wiener_residual
    from spectra.tiles import MAX_TILES, TILE, tile_origins, to_uint8
    from spectra.windows import hann

_HOMES = {
    "cooccurrence": ("SUBMODELS", "Submodel", "cooccurrences"),
    "features": (
        "DIMENSIONS",
        "FEATURES_ID",
        "TileFeatures",
        "dimension_names",
        "luma_mask",
        "prepare",
        "tile_features",
    ),
    "power": ("activity_split", "fold", "log_power"),
    "profiles": ("angular_profile", "grid_frequencies", "radial_profile"),
    "residuals": ("high_pass", "median_residual", "wiener_residual"),
    "tiles": ("TILE", "MAX_TILES", "tile_origins", "to_uint8"),
    "windows": ("hann",),
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
    "DIMENSIONS",
    "FEATURES_ID",
    "SUBMODELS",
    "TILE",
    "Submodel",
    "TileFeatures",
    "activity_split",
    "angular_profile",
    "cooccurrences",
    "dimension_names",
    "fold",
    "grid_frequencies",
    "hann",
    "high_pass",
    "log_power",
    "luma_mask",
    "median_residual",
    "prepare",
    "radial_profile",
    "tile_features",
    "MAX_TILES",
    "tile_origins",
    "to_uint8",
    "wiener_residual",
]
