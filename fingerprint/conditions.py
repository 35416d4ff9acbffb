"""Processing conditions: what happened to a picture after it left its source, as far as the fingerprint cares.

Each condition has an expert of its own, since a JPEG step changes every statistic the fingerprint rests on.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Condition:
    """A range of JPEG qualities (IJG scale, both ends included), or none at all.

    Attributes:
        name: "clean", or "jpeg-" and the range's middle.
        lowest: the lowest quality, None for "clean".
        highest: the highest quality, None for "clean".
    """

    name: str
    lowest: int | None = None
    highest: int | None = None

    @property
    def is_jpeg(self) -> bool:
        """Whether the picture was JPEG-coded last."""
        return self.lowest is not None

    @property
    def words(self) -> str:
        """What happened, for people."""
        return f"a JPEG step of quality {self.lowest} to {self.highest}" if self.is_jpeg else "no JPEG step"


CLEAN = Condition("clean")
CONDITIONS = (
    CLEAN,
    Condition("jpeg-96", 94, 100),
    Condition("jpeg-90", 86, 93),
    Condition("jpeg-82", 79, 85),
    Condition("jpeg-74", 70, 78),
    Condition("jpeg-64", 59, 69),
    Condition("jpeg-51", 44, 58),
)
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
    for condition in CONDITIONS[1:]:
        if condition.lowest is not None and quality >= condition.lowest:
            return condition
    return CONDITIONS[-1]
