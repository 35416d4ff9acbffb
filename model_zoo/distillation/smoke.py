"""Both steps of a distillation by privileged information, small enough for any machine and any day."""

from pathlib import Path

from model_zoo.distillation.config import DistilConfig

_PICTURES = Path(__file__).parents[1] / "sweep_files" / "smoke"

SMOKE = DistilConfig(
    name="smoke",
    data=f"dir:{_PICTURES}",
    scale=2,
    steps=40,
    batch=4,
    patch=12,
    log_every=5,
    checkpoint_every=40,
)
"""On pictures that ship; the first and the last loss are means over five steps."""
