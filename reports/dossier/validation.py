"""The validation that a report quotes: error rates and ratios of exactly the reference that gave the answers.

`whorl fingerprint calibration --ratios FILE` writes what is read here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fingerprint.imitation.store import agreement_digest
from fingerprint.result import Result

SHIPPED = Path(__file__).parent / "validation.json"
LEVELS = {
    "upscaled": ("upscaled against not upscaled", ("upscaled", "not upscaled")),
    "source": ("a source against the other upscalers", ("by this source", "by another")),
}
_QUALITIES = {"jpeg90": (83, 100), "jpeg75": (63, 82), "jpeg50": (40, 62)}
_ELSEWHERE = (
    "recompressed",
    "compressed",
    "filtered",
)  # codes of notes: another step shows, or it is beyond what was validated


@dataclass(frozen=True)
class Curve:
    """Ratios of validation images in one condition, for a Tippett plot.

    Attributes:
        condition: in words.
        level: a key of `LEVELS`.
        same: log10 ratios where the first proposition is true; evenly chosen quantiles of all.
        different: likewise where the second is.
        counts: how many comparisons there were of each.
        merits: error rates by name.
    """

    condition: str
    level: str
    same: tuple[float, ...]
    different: tuple[float, ...]
    counts: tuple[int, int]
    merits: Mapping[str, float]

    @property
    def level_words(self) -> str:
        """What is compared, in words."""
        return LEVELS[self.level][0]

    @property
    def words(self) -> tuple[str, str]:
        """Both propositions."""
        return LEVELS[self.level][1]


@dataclass(frozen=True)
class Validation:
    """All that was measured of a reference.

    Attributes:
        reference: its identity.
        agreement: digest of what agreement counts beside it, which has a say after lossy steps.
        command: that measured.
        pictures: how many there were.
        photographs: how many they show.
        curves: by condition, then by level.
    """

    reference: str
    agreement: str
    command: str
    pictures: int
    photographs: int
    curves: Mapping[str, Mapping[str, Curve]]

    def matching(self, result: Result) -> tuple[Curve, ...]:
        """Return the curves of the condition that an exhibit is in, none where it was not validated.

        Args:
            result: says of which reference it is, and how its file is coded.
        """
        condition = condition_of(result)
        if result.tool.reference != self.reference or condition is None:
            return ()
        if condition != "clean" and self.agreement != agreement_digest():
            return ()
        return tuple(self.curves.get(condition, {}).values())


def condition_of(result: Result) -> str | None:
    """Name the validation condition that an exhibit is in, None where none can be named.

    That is so where the pixels show another step than the file, where a JPEG file is coarser than what was validated,
    and for WebP, whose files don't say here whether they lost anything.
    """
    if result.image.format == "WEBP" or any(note.partition(": ")[0] in _ELSEWHERE for note in result.image.notes):
        return None
    quality = result.image.jpeg_quality
    if quality is None:
        return "clean"
    return next((name for name, (low, high) in _QUALITIES.items() if low <= quality <= high), None)


@cache
def shipped_validation() -> Validation | None:
    """Read the validation of the shipped reference, None where none ships."""
    return read_validation(SHIPPED) if SHIPPED.exists() else None


def read_validation(path: Path) -> Validation:
    """Read a validation.

    Raises:
        ValueError: it is missing or damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        curves = {
            name: {level: _curve(condition, level, part) for level, part in condition["levels"].items()}
            for name, condition in found["conditions"].items()
        }
        reference, agreement, command = (str(found[key]) for key in ("reference", "agreement", "command"))
        pictures, photographs = int(found["pictures"]), int(found["photographs"])
        return Validation(reference, agreement, command, pictures, photographs, curves)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"validation {path} cannot be read: {type(error).__name__}: {error}") from None


def _curve(condition: Mapping[str, Any], level: str, part: Mapping[str, Any]) -> Curve:
    counts = (int(part["counts"][0]), int(part["counts"][1]))
    return Curve(condition["words"], level, tuple(part["same"]), tuple(part["different"]), counts, part["merits"])
