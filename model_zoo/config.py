"""What a training run is: a frozen dataclass whose canonical JSON names the run.

Only the standard library, so that a command line can be built from it at once.
"""

import dataclasses
import hashlib
import json
from typing import Literal


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        name: what the network will be called.
        architecture: registered architecture.
        scale: enlargement of each side.
        width: channels (None: the architecture's default).
        depth: blocks or mapping layers (None: the architecture's default).
        loss: what is minimised; L1 on the network's own channels.
        data: corpus and split the pairs are made from, by Pillow's anti-aliased bicubic in 8 bits.
        warm_start: a network (its name or .safetensors file) whose weights are taken over where name and shape agree,
            as the EDSR paper starts x4 from x2; None for a start from random weights.
        seed: of weights and data order.
        steps: optimiser steps.
        batch: patches a step.
        patch: side of a patch in low-resolution pixels.
        learning_rate: Adam's at the start; it follows a cosine down to `final_rate` times this.
        final_rate: fraction of the learning rate left at the end.
        log_every: steps between two looks at the loss.
        checkpoint_every: steps between two checkpoints.
    """

    name: str
    architecture: str = "edsr"
    scale: int = 2
    width: int | None = None
    depth: int | None = None
    loss: Literal["l1"] = "l1"
    data: str = "bsds500/train"
    warm_start: str | None = None
    seed: int = 0
    steps: int = 10_000
    batch: int = 16
    patch: int = 24
    learning_rate: float = 1e-3
    final_rate: float = 0.01
    log_every: int = 100
    checkpoint_every: int = 1_000

    def __post_init__(self) -> None:
        """Refuses what cannot run.

        Raises:
            ValueError: if a count is not positive or the name is not usable as a file name.
        """
        for field in ("scale", "steps", "batch", "patch", "log_every", "checkpoint_every"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} must be at least 1, got {getattr(self, field)}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        if self.loss != "l1":
            raise ValueError(f"loss must be l1, got {self.loss!r}")
        if not self.name or not all(c.isascii() and (c.isalnum() or c in "-_.") for c in self.name):
            raise ValueError(f"name must be letters, digits, '-', '_' and '.', got {self.name!r}")
        if self.name.startswith("."):
            raise ValueError(f"name must not begin with a dot, got {self.name!r}")

    def network(self) -> dict[str, int]:
        """The arguments the architecture is built with, beside its scale."""
        given = {"width": self.width, "depth": self.depth}
        return {key: value for key, value in given.items() if value is not None}

    def canonical_json(self) -> str:
        """The run as JSON, keys sorted, no spaces: equal runs give equal text."""
        return canonical_json(dataclasses.asdict(self))

    def run_id(self) -> str:
        """The first 16 hex digits of the canonical JSON's SHA-256."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:16]

    def command(self) -> str:
        """The command line that starts this run."""
        options = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value != field.default or field.name in ("architecture", "scale", "seed", "steps"):
                options.append(f"--{field.name.replace('_', '-')} {value}")
        return " ".join(["whorl zoo train", *options])


def canonical_json(value: object) -> str:
    """Writes JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
