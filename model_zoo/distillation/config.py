"""What a distillation is: a training run, and how a teacher takes part in it.

Only the standard library, so that a command line can be built from it at once.
"""

import dataclasses
from typing import ClassVar, Literal

from model_zoo.config import TrainConfig
from model_zoo.losses.spec import parse_loss

METHODS = ("none", "output", "feature", "vid", "pisr")
"""Ways to learn: alone, and those of :mod:`model_zoo.distillation.methods`."""


@dataclasses.dataclass(frozen=True)
class DistilConfig(TrainConfig):
    """One student; what is not named here is as in `TrainConfig`.

    Attributes:
        name: what the student will be called; made up of architecture, scale, method and seed if nothing is given.
        architecture: of the student.
        loss: on the student's picture and the truth; without an adversarial part.
        method: `pisr` (the teacher sees the truth, an FSRCNN student begins as its decoder), `output` (the student
            imitates the teacher's pictures), `feature` (its features, through a linear map), `vid` (the same by
            variational information), `none` (no teacher: the twin to compare with).
        teacher: a listed network, or a .safetensors file; none for `pisr` and `none`.
        weight: of what the method adds to the loss; None for the method's own.
        truth: weight of the loss on the truth; 0 for a student that never sees it.
        queries: what the teacher is asked about: `data`, or `leaves`: pictures of random discs, no data at all.
        teacher_steps: of the first step of `pisr`, which trains the teacher; None for as many as the student's.
        imitation: weight that keeps the code of a `pisr` teacher near the true low resolution.
    """

    command_words: ClassVar[str] = "whorl zoo distill"

    name: str = ""
    architecture: str = "fsrcnn"
    method: Literal["none", "output", "feature", "vid", "pisr"] = "pisr"
    teacher: str | None = None
    weight: float | None = None
    truth: float = 1.0
    queries: Literal["data", "leaves"] = "data"
    teacher_steps: int | None = None
    imitation: float = 1e-4

    def __post_init__(self) -> None:
        """Refuses what cannot run.

        Raises:
            ValueError: if a number is out of its range, a choice is unknown, or method and teacher do not fit.
        """
        if not self.name:
            object.__setattr__(self, "name", f"{self.architecture}-x{self.scale}-{self.method}-s{self.seed}")
        super().__post_init__()
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}")
        if self.queries not in ("data", "leaves"):
            raise ValueError(f"queries must be data or leaves, got {self.queries!r}")
        alone = self.method in ("none", "pisr")
        if alone and self.teacher is not None:
            raise ValueError(f"teacher must not be given for method {self.method}, got {self.teacher!r}")
        if not alone and self.teacher is None:
            raise ValueError(f"teacher must be given for method {self.method}")
        if self.method == "pisr" and (self.architecture != "fsrcnn" or self.warm_start is not None):
            raise ValueError("method pisr needs an fsrcnn student without warm_start: it begins as the decoder")
        if parse_loss(self.loss).gan is not None:
            raise ValueError(f"loss must have no adversarial part, got {self.loss!r}")
        if self.truth < 0 or (self.weight is not None and self.weight < 0) or self.imitation < 0:
            raise ValueError("truth, weight and imitation must not be negative")
        if self.truth == 0 and self.method == "none":
            raise ValueError("truth must be above 0 for method none, which learns from nothing else")
        if self.teacher_steps is not None and self.teacher_steps < 1:
            raise ValueError(f"teacher_steps must be at least 1, got {self.teacher_steps}")
        if self.precision != "float32":
            raise ValueError(f"precision must be float32 for a distillation, got {self.precision!r}")
