"""Reading evidence faithfully, the known corpora, degradations, patch banks and splits.

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets.containers.header import JpegInfo
    from datasets.corpora import (
        Corpus,
        Manifest,
        b100,
        bsds500,
        camera,
        lossless,
        published,
        published_sources,
        set5,
        set5_matlab,
        set14,
    )
    from datasets.degrade import crop_to_multiple, downscale, jpeg_copy, jpeg_round_trip, resize
    from datasets.errors import DataMissingError, EvidenceError, InputError
    from datasets.evidence import MAX_PIXELS, Evidence, float_pixels, read_evidence
    from datasets.find import find_images
    from datasets.locations import data_root
    from datasets.patches import BankArrays, PatchBank, sample
    from datasets.published_table import Border, PublishedNetwork, published_borders, published_networks
    from datasets.reported import Reference, reference_scores
    from datasets.resample import matlab_bicubic, pillow_bicubic
    from datasets.splits import in_validation, split_photographs
    from datasets.training_sets import training_set

_HOMES = {
    "containers.header": ("JpegInfo",),
    "corpora": (
        "Corpus", "Manifest", "b100", "bsds500", "camera", "lossless", "published", "published_sources", "set14",
        "set5", "set5_matlab",
    ),
    "degrade": ("crop_to_multiple", "downscale", "jpeg_copy", "jpeg_round_trip", "resize"),
    "errors": ("DataMissingError", "EvidenceError", "InputError"),
    "evidence": ("MAX_PIXELS", "Evidence", "float_pixels", "read_evidence"),
    "find": ("find_images",),
    "locations": ("data_root",),
    "patches": ("BankArrays", "PatchBank", "sample"),
    "published_table": ("Border", "PublishedNetwork", "published_borders", "published_networks"),
    "reported": ("Reference", "reference_scores"),
    "resample": ("matlab_bicubic", "pillow_bicubic"),
    "splits": ("in_validation", "split_photographs"),
    "training_sets": ("training_set",),
}  # fmt: skip
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
    "MAX_PIXELS",
    "BankArrays",
    "Border",
    "Corpus",
    "DataMissingError",
    "Evidence",
    "EvidenceError",
    "InputError",
    "JpegInfo",
    "Manifest",
    "PatchBank",
    "PublishedNetwork",
    "Reference",
    "b100",
    "bsds500",
    "camera",
    "crop_to_multiple",
    "data_root",
    "downscale",
    "find_images",
    "float_pixels",
    "in_validation",
    "jpeg_copy",
    "jpeg_round_trip",
    "lossless",
    "matlab_bicubic",
    "pillow_bicubic",
    "published",
    "published_borders",
    "published_networks",
    "published_sources",
    "read_evidence",
    "reference_scores",
    "resize",
    "sample",
    "set5",
    "set5_matlab",
    "set14",
    "split_photographs",
    "training_set",
]
