"""What regression answers with: everything that is fitted, and which features it uses."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fingerprint.conditions import CLEAN
from fingerprint.regression.model import Lift, Regressor
from spectra import DIMENSIONS, luma_mask

ANY = "any"
"""In a condition's place: a target that is asked of pictures in all conditions together."""
POOLED = "jpeg_quality_after"
"""Such a target: conditions are ranges of it."""
STAND_INS = {"resized": CLEAN.name}
"""Conditions that another one's models serve: half of its pictures were resized."""
Key = tuple[str, str, str]
"""Mode, condition (or `ANY`), target."""


@dataclass(frozen=True)
class Regressors:
    """Everything that regression answers with.

    Attributes:
        lifts: by mode.
        cells: one target's models in a condition.
        known: true values of networks, by name and target.
        card: how they were fitted.
    """

    lifts: Mapping[str, Lift]
    cells: Mapping[Key, Regressor]
    known: Mapping[str, Mapping[str, float]]
    card: Mapping[str, object]


def used(features: np.ndarray, mode: str) -> np.ndarray:
    """Return the features that a mode uses, of (n, d) pictures or of one, (d,): classical ones, which stand first.

    What learned from pictures of all networks is left out: no interval could be checked on networks it has not seen.

    Args:
        features: of all dimensions.
        mode: colour or grey.
    """
    classical = features[..., :DIMENSIONS]
    return np.ascontiguousarray(classical[..., luma_mask()]) if mode == "grey" else classical
