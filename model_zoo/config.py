"""What a training run is: a frozen dataclass whose canonical JSON names the run.

Only the standard library, so that a command line can be built from it at once.
"""

import dataclasses
import hashlib
import json
import shlex
from typing import ClassVar, Literal

from model_zoo.discriminators import DISCRIMINATORS
from model_zoo.losses.spec import parse_loss

Option = int | float | str | bool


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        name: what the network will be called.
        architecture: registered architecture.
        scale: enlargement of each side.
        width: channels (None: the architecture's default).
        depth: blocks or mapping layers (None: the architecture's default).
        options: further arguments of the architecture, each as `key=value`.
        loss: what is minimised: a recipe's name or a sum of weighted terms, see :mod:`model_zoo.losses.spec`.
        discriminator: architecture of the discriminator of an adversarial loss.
        discriminator_width: its channels (None: its default).
        discriminator_rate: its learning rate; None for the network's own.
        data: the pictures, see :func:`datasets.training_set`.
        degradation: what made the low resolution: `pillow-bicubic`, `matlab-bicubic` or `blind`.
        warm_start: a network whose weights are taken over where name and shape agree, as the EDSR paper starts x4 from
            x2 and adversarial runs start from their L1 parent: a listed name, a .safetensors file, or the folder name
            of another run in the same folder of runs; None for a start from random weights.
        seed: of weights and data order.
        steps: optimiser steps.
        batch: patches a step.
        patch: side of a patch in low-resolution pixels.
        learning_rate: Adam's at its height.
        schedule: how the rate goes on: `cosine` down to `final_rate` of it, `constant`, or `halving` in five equal
            parts.
        warmup: steps over which the rate first rises from zero in a straight line.
        final_rate: fraction of the learning rate left at the end of a cosine.
        clip: bound on the gradient's norm over all parameters; 0 for none.
        ema: decay of the moving average of the weights that is kept as the result; 0 for the last weights themselves.
        precision: float type of the networks' arithmetic; weights, losses and updates are float32 always.
        log_every: steps between two looks at the loss.
        checkpoint_every: steps between two checkpoints.
    """

    command_words: ClassVar[str] = "whorl zoo train"

    name: str
    architecture: str = "edsr"
    scale: int = 2
    width: int | None = None
    depth: int | None = None
    options: tuple[str, ...] = ()
    loss: str = "l1"
    discriminator: str = "vgg"
    discriminator_width: int | None = None
    discriminator_rate: float | None = None
    data: str = "bsds500/train"
    degradation: Literal["pillow-bicubic", "matlab-bicubic", "blind"] = "pillow-bicubic"
    warm_start: str | None = None
    seed: int = 0
    steps: int = 10_000
    batch: int = 16
    patch: int = 24
    learning_rate: float = 1e-3
    schedule: Literal["cosine", "constant", "halving"] = "cosine"
    warmup: int = 0
    final_rate: float = 0.01
    clip: float = 0.0
    ema: float = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    log_every: int = 100
    checkpoint_every: int = 1_000

    def __post_init__(self) -> None:
        """Refuses what cannot run.

        Raises:
            ValueError: if a number is out of its range, a choice is unknown, or the name is not usable as a file name.
        """
        for field in ("scale", "steps", "batch", "patch", "log_every", "checkpoint_every"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} must be at least 1, got {getattr(self, field)}")
        for field, choices in _CHOICES.items():
            if getattr(self, field) not in choices:
                raise ValueError(f"{field} must be one of {', '.join(choices)}, got {getattr(self, field)!r}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must be at least 0 and below 1, got {self.ema}")
        if self.clip < 0:
            raise ValueError(f"clip must not be negative, got {self.clip}")
        if not 0 <= self.warmup < self.steps:
            raise ValueError(f"warmup must be at least 0 and below steps ({self.steps}), got {self.warmup}")
        if not self.name or not all(c.isascii() and (c.isalnum() or c in "-_.") for c in self.name):
            raise ValueError(f"name must be letters, digits, '-', '_' and '.', got {self.name!r}")
        if self.name.startswith("."):
            raise ValueError(f"name must not begin with a dot, got {self.name!r}")
        parse_loss(self.loss)
        if self.discriminator not in DISCRIMINATORS:
            known = ", ".join(sorted(DISCRIMINATORS))
            raise ValueError(f"discriminator must be one of {known}, got {self.discriminator!r}")
        self.network()

    def network(self) -> dict[str, Option]:
        """The arguments the architecture is built with, beside its scale."""
        given: dict[str, Option | None] = {"width": self.width, "depth": self.depth}
        for option in self.options:
            key, equals, value = option.partition("=")
            if not equals or not key.isidentifier() or key in given:
                raise ValueError(f"options must be key=value with each key once, got {option!r}")
            given[key] = _value(value)
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
                words = value if isinstance(value, tuple) else (str(value),)
                options.append(" ".join([f"--{field.name.replace('_', '-')}", *map(shlex.quote, words)]))
        return " ".join([self.command_words, *options])


def canonical_json(value: object) -> str:
    """Writes JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


_CHOICES = {
    "degradation": ("pillow-bicubic", "matlab-bicubic", "blind"),
    "schedule": ("cosine", "constant", "halving"),
    "precision": ("float32", "bfloat16"),
}


def _value(text: str) -> Option:
    """Reads an option's value: a whole number, a number, true or false, or else text."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
