"""A second opinion on which source it was: asked where the experts think that a picture was upscaled."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fingerprint.expert import Scored
from fingerprint.imitation.agreement import Imitator, shipped_imitators
from fingerprint.imitation.store import has_tracers, read_tracers
from fingerprint.imitation.tracer import Tracer, parted, vector
from fingerprint.imitation.windows import compare

_UPSCALED = -3.0  # log likelihood ratio below which a picture passes for a photograph, and nothing is asked
_POSSIBLE = 0.05  # probability of a scale from which its imitator is asked


@dataclass(frozen=True)
class Opinion:
    """Tracers with their imitators.

    Attributes:
        tracers: by scale.
        imitators: by scale.
    """

    tracers: Mapping[int, Tracer]
    imitators: Mapping[int, Imitator]

    def joined(self, pixels: np.ndarray, scored: Scored, condition: str, pool: Executor | None = None) -> Scored:
        """Join what the experts said of one picture with its agreement at every possible scale.

        Args:
            pixels: (H, W, 3) uint8.
            scored: what the experts said of it, (1, …).
            condition: name of the condition it is in.
            pool: runs windows side by side; the result does not depend on it.

        Returns:
            The same where there is nothing to add: pictures that pass for photographs, or are too small.
        """
        if scored.upscaled[0] < _UPSCALED:
            return scored
        for scale, tracer in self.tracers.items():
            names = tracer.discriminant.classes
            if condition not in tracer.says or not set(names) <= set(scored.sources):
                continue
            columns = [k for k, name in enumerate(scored.sources) if name in names]
            if parted(scored.log_sources[:, columns])[1][0, 0] < np.log(_POSSIBLE):
                continue
            sums = compare(self.imitators[scale], pixels, pool=pool)
            if sums is not None:
                scored = tracer.joined(scored, vector(sums)[None], condition)
        return scored


def read_opinion(folder: Path | None, reference: str) -> Opinion | None:
    """Open the tracers beside a reference's files, the shipped one's by default, with their imitators.

    Args:
        folder: of the reference.
        reference: its identity.

    Returns:
        The opinion, None where there are no tracers.

    Raises:
        ReferenceError: the files are damaged, or belong to another reference or other imitators.
        ImitatorError: an imitator is damaged.
    """
    if not has_tracers(folder):
        return None
    imitators = shipped_imitators()
    return Opinion(read_tracers(folder, reference, imitators), imitators)
