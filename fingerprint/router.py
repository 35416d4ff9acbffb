"""Which processing condition a picture is in, told from its pixels: a JPEG step leaves traces after it is decoded.

Features are float32 `n d`; scores are those of a shrinkage discriminant over conditions.
"""

import numpy as np

from fingerprint.conditions import CLEAN, CONDITIONS, Condition, of_quality

CERTAIN = 0.9


def route(log_probabilities: np.ndarray, quality: int | None) -> tuple[Condition, str | None]:
    """Choose the condition to judge a picture by.

    A JPEG file's own tables are believed, unless the pixels say with near certainty that a stronger JPEG step came
    before. Any other file is judged by its pixels.

    Args:
        log_probabilities: (c,) of `CONDITIONS`, from the pixels.
        quality: the file's JPEG quality, None where it is not a JPEG file.

    Returns:
        The condition, and a remark where the pixels were believed over the file's format.
    """
    seen = CONDITIONS[int(np.argmax(log_probabilities))]
    stated = of_quality(quality)
    if quality is None:
        if seen == CLEAN:
            return seen, None
        return seen, f"the pixels show an earlier JPEG step of about quality {seen.lowest} to {seen.highest}"
    lower = CONDITIONS.index(seen) > CONDITIONS.index(stated) + 1
    if lower and np.exp(log_probabilities.max()) > CERTAIN:
        return seen, f"the pixels show an earlier, stronger JPEG step of about quality {seen.lowest} to {seen.highest}"
    return stated, None
