"""Relatives of published networks: the same network with weights disturbed a little, each a source of its own.

What tells networks apart that were trained alike is small. A relative differs from its parent by a few grey levels at
most, as sisters of one family do, so an embedding that tells relatives apart has learned to look for such differences.

They are for the embedding alone. As further classes of the discriminants they did harm: with the 26 published networks
left out in three groups, the AUROC of known against unknown fell from 0.83 to 0.70 (clean pictures of the fold that the
embedding never saw), and enrolment from fifteen pictures gained nothing (0.70, and 0.66 or 0.71 by their share).
"""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import datasets
from fingerprint.render import MULTIPLE, SIDE, keep
from model_zoo.network import Network

RELATIVE = "relative-"
"""How the labels of relatives begin."""
PARENTS = ("imdn-x4", "rfdn-x4-ntire22t00", "rlfn-x4-ntire22t04")
EACH = 15  # relatives of a parent
PHOTOGRAPHS = 60
_WEAKEST, _STRONGEST = 0.01, 0.05  # disturbance, in parts of a weight
_AROUND = 12  # pixels of the small picture beside the part that is enlarged


def is_relative(label: str) -> bool:
    """Whether a label stands for a relative."""
    return label.startswith(RELATIVE)


def disturbed(network: Network, seed: int) -> Network:
    """Return the network with every weight disturbed by some hundredths of itself and of its array's deviation.

    Args:
        network: the parent.
        seed: of the disturbance.
    """
    rng = np.random.default_rng([seed, 5])
    strength = rng.uniform(_WEAKEST, _STRONGEST)

    def one(weights: np.ndarray) -> jax.Array:
        changed = weights * (1 + strength * rng.normal(size=weights.shape))
        if weights.ndim > 1:
            changed = changed + strength * weights.std() * rng.normal(size=weights.shape)
        return jnp.asarray(changed, jnp.float32)

    params = {name: one(np.asarray(value)) for name, value in network.params.items()}
    return Network(network.function, params, network.manifest, border=network.border)


def render_relatives(root: Path, step: Callable[[str], None] = lambda _: None) -> list[Path]:
    """Make the pictures of all relatives, those of the published train split's photographs; what is there is kept.

    Args:
        root: folder to hold `relative-<parent>-<number>/train`.
        step: told what is being done.

    Returns:
        The relatives' folders.

    Raises:
        DataMissingError: photographs or weights are not there.
    """
    from model_zoo.imports import load_published

    folders = []
    for parent in PARENTS:
        network = None
        for number in range(EACH):
            folder = root / f"{RELATIVE}{parent}-{number:02d}"
            folders.append(folder)
            photographs = datasets.bsds500("test").paths[:PHOTOGRAPHS]
            missing = [path for path in photographs if not (folder / "train" / f"{path.stem}.webp").exists()]
            if not missing:
                continue
            step(f"outputs of {folder.name}")
            (folder / "train").mkdir(parents=True, exist_ok=True)
            network = network or load_published(parent)
            relative = disturbed(network, number)
            for path in missing:
                keep(_enlarged(relative, path), folder / "train" / f"{path.stem}.webp")
    return folders


def _enlarged(network: Network, path: Path) -> np.ndarray:
    """Enlarge what is needed for the published crop of a photograph, and cut that crop out."""
    high = datasets.crop_to_multiple(datasets.read_evidence(path).pixels, MULTIPLE)
    low, scale = datasets.downscale(high, network.scale), network.scale
    border = datasets.published_borders()["train", path.stem]
    size = SIDE // scale + 2 * _AROUND
    corner = [
        min(max(start // scale - _AROUND, 0), max(length - size, 0))
        for start, length in zip((border.top, border.left), low.shape[:2], strict=True)
    ]
    part = np.ascontiguousarray(low[corner[0] : corner[0] + size, corner[1] : corner[1] + size])
    made = network.upscale(part)
    top, left = border.top - scale * corner[0], border.left - scale * corner[1]
    return made[top : top + SIDE, left : left + SIDE]
