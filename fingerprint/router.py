"""Which processing condition a picture is in, told from its pixels: a JPEG step leaves traces after it is decoded.

Features are float32 `n d`; scores are those of a shrinkage discriminant over conditions.
"""

from dataclasses import dataclass

import numpy as np

from fingerprint.conditions import CLEAN, CONDITIONS, JPEG, Condition, of_quality

CERTAIN = 0.9
POSSIBLE = 0.01


@dataclass(frozen=True)
class Route:
    """The condition that a picture is judged by.

    Attributes:
        condition: the one.
        remark: why the pixels were believed over the file's format, None where they were not.
        others: where they were, the other conditions that are possible by the pixels.
        shares: where the file's format does not tell, the probabilities of all conditions that are possible.
    """

    condition: Condition
    remark: str | None = None
    others: tuple[Condition, ...] = ()
    shares: tuple[tuple[Condition, float], ...] = ()


def route(log_probabilities: np.ndarray, quality: int | None) -> Route:
    """Choose the condition to judge a picture by.

    A JPEG file's own tables are believed, unless the pixels say with near certainty that a stronger JPEG step came
    before. Any other file is judged by its pixels.

    Args:
        log_probabilities: (c,) of `CONDITIONS`, from the pixels.
        quality: the file's JPEG quality, None where it is not a JPEG file.
    """
    seen = CONDITIONS[int(np.argmax(log_probabilities))]
    stated = of_quality(quality)
    likely = zip(CONDITIONS, np.exp(log_probabilities).tolist(), strict=True)
    shares = tuple((condition, share) for condition, share in likely if share >= POSSIBLE or condition == seen)
    others = tuple(condition for condition, _ in shares if condition != seen)
    if quality is None and seen == CLEAN:
        return Route(seen, shares=shares)
    if quality is None and not seen.is_jpeg:
        return Route(seen, f"the pixels show {seen.words}", others, shares)
    step = f"JPEG step of about quality {seen.lowest} to {seen.highest}"
    if quality is None:
        return Route(seen, f"the pixels show an earlier {step}", others, shares)
    lower = seen.is_jpeg and JPEG.index(seen) > JPEG.index(stated) + 1
    if lower and np.exp(log_probabilities.max()) > CERTAIN:
        return Route(seen, f"the pixels show an earlier, stronger {step}", others)
    return Route(stated)
