"""Processing conditions: what happened to a picture after it left its source, as far as the fingerprint cares.

Each condition has an expert of its own: a lossy step or a resize changes every statistic the fingerprint rests on.
"""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["untouched", "jpeg", "webp", "resized"]


@dataclass(frozen=True)
class Condition:
    """What a picture went through last: a range of JPEG qualities (IJG scale, both ends included), WebP, or a resize.

    Attributes:
        name: "clean", "webp", "resized", or "jpeg-" and the range's middle.
        lowest: the lowest JPEG quality, None where JPEG didn't come last.
        highest: likewise, the highest.
        kind: of the step.
    """

    name: str
    lowest: int | None = None
    highest: int | None = None
    kind: Kind = field(default="untouched", repr=False)

    @property
    def is_jpeg(self) -> bool:
        """Whether the picture was JPEG-coded last."""
        return self.lowest is not None

    @property
    def is_lossy(self) -> bool:
        """Whether the picture was coded by a lossy format last."""
        return self.is_jpeg or self.kind == "webp"

    @property
    def words(self) -> str:
        """What happened, for people."""
        if self.is_jpeg:
            return f"a JPEG step of quality {self.lowest} to {self.highest}"
        return {"webp": "a lossy WebP step", "resized": "a resize"}.get(self.kind, "no lossy step")


CLEAN = Condition("clean")
CONDITIONS = (
    CLEAN,
    Condition("jpeg-96", 94, 100, "jpeg"),
    Condition("jpeg-90", 86, 93, "jpeg"),
    Condition("jpeg-82", 79, 85, "jpeg"),
    Condition("jpeg-74", 70, 78, "jpeg"),
    Condition("jpeg-64", 59, 69, "jpeg"),
    Condition("jpeg-51", 44, 58, "jpeg"),
    Condition("webp", kind="webp"),
    Condition("resized", kind="resized"),
)
JPEG = tuple(condition for condition in CONDITIONS if condition.is_jpeg)
"""From mild to strong."""
LOWEST_QUALITY = 40


def of_quality(quality: int | None) -> Condition:
    """Return the condition of a file whose last JPEG quality is given, None meaning that it is not a JPEG file.

    Args:
        quality: 1 to 100 on the IJG scale, or None.

    Returns:
        The condition that holds it; the lowest one also serves qualities below its range.

    Raises:
        ValueError: a quality outside 1..100.
    """
    if quality is None:
        return CLEAN
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must be 1 to 100, got {quality}")
    for condition in JPEG:
        if condition.lowest is not None and quality >= condition.lowest:
            return condition
    return JPEG[-1]
