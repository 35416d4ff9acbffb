__all__: list[str]

from .containers.header import JpegInfo as JpegInfo
from .corpora import (
    Corpus as Corpus,
    Manifest as Manifest,
    b100 as b100,
    bsds500 as bsds500,
    camera as camera,
    lossless as lossless,
    published as published,
    published_sources as published_sources,
    set14 as set14,
    set5 as set5,
    set5_matlab as set5_matlab,
)
from .degrade import (
    crop_to_multiple as crop_to_multiple,
    downscale as downscale,
    jpeg_copy as jpeg_copy,
    jpeg_round_trip as jpeg_round_trip,
    resize as resize,
)
from .errors import DataMissingError as DataMissingError, EvidenceError as EvidenceError, InputError as InputError
from .evidence import (
    Evidence as Evidence,
    MAX_PIXELS as MAX_PIXELS,
    float_pixels as float_pixels,
    read_evidence as read_evidence,
)
from .find import find_images as find_images
from .locations import data_root as data_root
from .patches import BankArrays as BankArrays, PatchBank as PatchBank, sample as sample
from .published_table import (
    Border as Border,
    PublishedNetwork as PublishedNetwork,
    published_borders as published_borders,
    published_networks as published_networks,
)
from .reported import Reference as Reference, reference_scores as reference_scores
from .resample import matlab_bicubic as matlab_bicubic, pillow_bicubic as pillow_bicubic
from .splits import in_validation as in_validation, split_photographs as split_photographs
from .training_sets import training_set as training_set
