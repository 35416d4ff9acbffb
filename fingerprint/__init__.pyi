__all__: list[str]

from .attributor import Attributor as Attributor, attribute as attribute
from .reference import Reference as Reference, ReferenceError as ReferenceError
from .result import (
    Candidate as Candidate,
    ImageFacts as ImageFacts,
    Parameter as Parameter,
    Priors as Priors,
    Result as Result,
    Tool as Tool,
    Upscaled as Upscaled,
)
