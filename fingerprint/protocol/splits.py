"""Which photographs are learned from and which are tested on: each seed draws its own split."""

from collections.abc import Sequence

import numpy as np

TEST_SHARE = 0.25
INNER_FOLDS = 2
"""Parts of the training photographs: what is chosen by cross-validation is learned on one and judged on the other."""


def split(photographs: Sequence[str], seed: int) -> dict[str, int]:
    """Draw a split.

    Args:
        photographs: names; the same name twice is one photograph.
        seed: of the draw.

    Returns:
        For each photograph -1 if it is for testing, else its inner fold, 0 to `INNER_FOLDS` - 1.

    Raises:
        ValueError: too few photographs, or a negative seed.
    """
    names = sorted(set(photographs))
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    tests = round(TEST_SHARE * len(names))
    if tests < 1 or len(names) - tests < INNER_FOLDS:
        raise ValueError(f"photographs must be at least {INNER_FOLDS + 1}, got {len(names)}")
    order = np.random.default_rng([seed, len(names)]).permutation(len(names))
    places = [-1] * tests + [k % INNER_FOLDS for k in range(len(names) - tests)]
    return {names[which]: place for which, place in zip(order, places, strict=True)}
