"""From how strongly pictures show a network's manner to likelihood ratios: descended from it, or not.

Ratios are natural logarithms. What standings are worth was learned from networks whose lineage is known, by
:mod:`fingerprint.lineage.study`; more pictures say more, so there is a model for several numbers of them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fingerprint.imitation.agreement import Sums
from fingerprint.lineage.traces import standings, strengths

SHIPPED = Path(__file__).parent / "descent.json"
KINDS = ("tuned", "copied", "taught")
"""How a network may descend from another: begun from its weights, taught by its pictures, or by its features."""
COUNTS = (1, 4, 12)
"""Numbers of pictures that there are models for."""


@dataclass(frozen=True)
class Kind:
    """One way to descend from a network, for one number of pictures.

    Attributes:
        slope: of the log ratio over the standing.
        offset: of the log ratio.
        low: what validation supports, a natural logarithm.
        high: likewise.
    """

    slope: float
    offset: float
    low: float
    high: float

    def log_ratio(self, standing: np.ndarray) -> np.ndarray:
        """Return log likelihood ratios, within what validation supports."""
        return np.clip(self.offset + self.slope * standing, self.low, self.high)


SILENT = Kind(0.0, 0.0, 0.0, 0.0)
"""Where held-out networks show that nothing can be told."""


@dataclass(frozen=True)
class Descent:
    """What standings are worth.

    Attributes:
        scale: of the networks that it was learned from.
        kinds: by kind of descent, then by number of pictures.
        command: that learned it.
    """

    scale: int
    kinds: Mapping[str, Mapping[int, Kind]]
    command: str


@dataclass(frozen=True)
class Weighed:
    """What pictures say of one candidate.

    Attributes:
        candidate: its name.
        strength: how strongly they show its manner.
        standing: above the other networks, in their standard deviations.
        log10_lr: by kind of descent.
    """

    candidate: str
    strength: float
    standing: float
    log10_lr: Mapping[str, float]


def weigh(traces: Sequence[Sums], names: Sequence[str], descent: Descent) -> list[Weighed]:
    """Weigh the evidence that the source of pictures descends from each network of a pool.

    Args:
        traces: of its pictures, at least one.
        names: of the pool's networks.
        descent: what standings are worth.

    Returns:
        One for each network, the strongest first.
    """
    values = strengths(traces)
    above = standings(values)
    count = max(number for number in COUNTS if number <= len(traces))
    ratios = {kind: models[count].log_ratio(above) / np.log(10) for kind, models in descent.kinds.items()}
    found = [
        Weighed(name, float(values[k]), float(above[k]), {kind: float(ratio[k]) for kind, ratio in ratios.items()})
        for k, name in enumerate(names)
    ]
    return sorted(found, key=lambda one: -one.standing)


def read_descent(path: Path = SHIPPED) -> Descent:
    """Read what standings are worth.

    Raises:
        ValueError: the file is missing or damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        kinds = {kind: {int(count): Kind(**model) for count, model in found["kinds"][kind].items()}
                 for kind in KINDS if kind in found["kinds"]}  # fmt: skip
        return Descent(int(found["scale"]), kinds, str(found["command"]))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not readable: {type(error).__name__}: {error}; run the lineage study") from None


def descent_json(descent: Descent) -> dict[str, Any]:
    """Return the descent as plain JSON."""
    kinds = {
        kind: {str(count): vars(model) for count, model in models.items()} for kind, models in descent.kinds.items()
    }
    return {"scale": descent.scale, "command": descent.command, "kinds": kinds}
