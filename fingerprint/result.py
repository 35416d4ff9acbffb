"""The typed answer about one image: what every renderer shows and `attribute --json` prints (contract version 1)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["known_source", "unknown_source", "not_upscaled", "inconclusive"]

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ImageFacts:
    """What the file is, as stored; `notes` are `code: text`."""

    path: str
    sha256: str
    width: int
    height: int
    format: str
    bit_depth: int
    jpeg_quality: int | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """One enrolled source with its posterior probability and log10 likelihood ratio against the other upscalers."""

    source: str
    probability: float
    log10_lr: float


@dataclass(frozen=True)
class Upscaled:
    """Evidence that the image was upscaled at all: posterior probability and log10 likelihood ratio."""

    probability: float
    log10_lr: float


@dataclass(frozen=True)
class Parameter:
    """One parsed hyper-parameter; `value` is None where it is not known.

    A `level` says how often such intervals are meant to hold the true value.
    """

    value: str | int | float | None
    interval: tuple[float, float] | None = None
    probabilities: dict[str, float] | None = None
    level: float | None = None


@dataclass(frozen=True)
class Priors:
    """Prior probabilities of being upscaled, and of an upscaler that is not enrolled given that it is."""

    upscaled: float = 0.5
    unknown_given_upscaled: float = 0.2


@dataclass(frozen=True)
class Tool:
    """What gave the answer.

    Attributes:
        version: of whorl.
        reference: identity of the fitted reference.
        priors: as given.
        name: of the tool.
        weights: SHA-256 over all other files that answers follow from: the embedding, imitators, what else lies beside
            the reference, and the gallery; "" where they were given open.
    """

    version: str
    reference: str
    priors: Priors
    name: str = "whorl"
    weights: str = ""


@dataclass(frozen=True)
class Region:
    """A part of a picture that speaks against the rest.

    Attributes:
        kind: "upscaled" in a picture that was not, or "not_upscaled" in one that was.
        box: left, top, width and height in pixels, of the cells that it consists of.
        area: pixels of these cells.
        log10_lr: mean of the map over them, upscaled against not.
        source: the enrolled source of an upscaled part, where it is clear.
    """

    kind: Literal["upscaled", "not_upscaled"]
    box: tuple[int, int, int, int]
    area: int
    log10_lr: float
    source: Candidate | None = None


@dataclass(frozen=True)
class RegionMap:
    """Evidence for upscaling place by place, and the parts that differ from the rest.

    Attributes:
        cell: side of a cell in pixels; the last row and column may be cut by the picture's edge.
        log10_lr: rows of log10 likelihood ratios of upscaled against not, None where nothing can be told.
        parts: of the same shape, which of `found` a cell belongs to, counted from 1, 0 for the rest.
        found: the parts, strongest evidence first; none in a picture of one piece.
    """

    cell: int
    log10_lr: tuple[tuple[float | None, ...], ...]
    parts: tuple[tuple[int, ...], ...]
    found: tuple[Region, ...]

    def to_json(self) -> dict:
        """Return the contract's object."""
        return {
            "cell": self.cell,
            "rows": len(self.log10_lr),
            "columns": len(self.log10_lr[0]),
            "log10_lr": [list(row) for row in self.log10_lr],
            "parts": [list(row) for row in self.parts],
            "found": [
                {**asdict(region), "box": dict(zip(("left", "top", "width", "height"), region.box, strict=True))}
                for region in self.found
            ],
        }


@dataclass(frozen=True)
class Result:
    """The whole answer about one image.

    `parameters` always has the keys scale, architecture, loss, training_data and log10_parameters; a key's value is a
    `Parameter` (whose fields may be None). `regions` is None for a picture of one piece, unless its map was asked for.
    """

    image: ImageFacts
    verdict: Verdict
    candidates: tuple[Candidate, ...]
    upscaled: Upscaled
    parameters: dict[str, Parameter]
    tool: Tool
    regions: RegionMap | None = None
    schema_version: int = field(default=SCHEMA_VERSION)

    def to_json(self) -> dict:
        """Return the contract's JSON object (plain dicts, lists, strings and numbers)."""
        return {
            "schema_version": self.schema_version,
            "image": {**asdict(self.image), "notes": list(self.image.notes)},
            "verdict": self.verdict,
            "candidates": [asdict(candidate) for candidate in self.candidates],
            "upscaled": asdict(self.upscaled),
            "parameters": {name: _parameter_json(parameter) for name, parameter in self.parameters.items()},
            "regions": self.regions.to_json() if self.regions else None,
            "tool": {
                "name": self.tool.name,
                "version": self.tool.version,
                "reference": self.tool.reference,
                "weights": self.tool.weights,
                "priors": asdict(self.tool.priors),
            },
        }


def result_from_json(found: Mapping[str, Any]) -> Result:
    """Return the result that `Result.to_json` wrote.

    Args:
        found: the contract's object, version 1.

    Raises:
        ValueError: it is no such object.
    """
    try:
        if found["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema_version must be {SCHEMA_VERSION}, got {found['schema_version']!r}")
        tool = dict(found["tool"])
        return Result(
            image=ImageFacts(**{**found["image"], "notes": tuple(found["image"]["notes"])}),
            verdict=found["verdict"],
            candidates=tuple(Candidate(**one) for one in found["candidates"]),
            upscaled=Upscaled(**found["upscaled"]),
            parameters={name: _parameter(one) for name, one in found["parameters"].items()},
            tool=Tool(**{**tool, "priors": Priors(**tool["priors"])}),
            regions=None if found["regions"] is None else _regions(found["regions"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"this is no result of attribute --json: {type(error).__name__} {error}") from None


def _parameter(found: Mapping[str, Any]) -> Parameter:
    interval = found.get("interval")
    return Parameter(
        found["value"], None if interval is None else tuple(interval), found.get("probabilities"), found.get("level")
    )


def _regions(found: Mapping[str, Any]) -> RegionMap:
    return RegionMap(
        cell=found["cell"],
        log10_lr=tuple(tuple(row) for row in found["log10_lr"]),
        parts=tuple(tuple(row) for row in found["parts"]),
        found=tuple(
            Region(
                **{
                    **one,
                    "box": tuple(one["box"][side] for side in ("left", "top", "width", "height")),
                    "source": None if one["source"] is None else Candidate(**one["source"]),
                }
            )
            for one in found["found"]
        ),
    )


def _parameter_json(parameter: Parameter) -> dict:
    out: dict = {"value": parameter.value}
    if parameter.interval is not None:
        out["interval"] = list(parameter.interval)
    if parameter.level is not None:
        out["level"] = parameter.level
    if parameter.probabilities is not None:
        out["probabilities"] = dict(parameter.probabilities)
    return out
