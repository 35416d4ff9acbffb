__all__: list[str]

from .cooccurrence import SUBMODELS as SUBMODELS, Submodel as Submodel, cooccurrences as cooccurrences
from .features import (
    DIMENSIONS as DIMENSIONS,
    FEATURES_ID as FEATURES_ID,
    TileFeatures as TileFeatures,
    dimension_names as dimension_names,
    luma_mask as luma_mask,
    prepare as prepare,
    tile_features as tile_features,
)
from .power import activity_split as activity_split, fold as fold, log_power as log_power
from .profiles import (
    angular_profile as angular_profile,
    grid_frequencies as grid_frequencies,
    radial_profile as radial_profile,
)
from .residuals import high_pass as high_pass, median_residual as median_residual, wiener_residual as wiener_residual
from .tiles import MAX_TILES as MAX_TILES, TILE as TILE, tile_origins as tile_origins, to_uint8 as to_uint8
from .windows import hann as hann
