"""What a teacher is asked about: photographs, or pictures that are drawn because no photographs are to be had.

Pictures are uint8 RGB, H W 3.
"""

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

import datasets
from model_zoo.distillation.config import DistilConfig

LEAVES, SIDE = 48, 384
"""How many pictures of discs are drawn, and how large."""

_FINER = 2  # drawn so many times larger and reduced, so that edges are smooth
_RADII = (4.0, 120.0)  # pixels
_DISCS = 2_500


def corpus_of(config: DistilConfig, folder: Path) -> datasets.Corpus:
    """Find the pictures of a distillation, or draw them.

    Args:
        config: the run.
        folder: of the run; drawn pictures are kept in its `queries`.

    Returns:
        The corpus.

    Raises:
        ValueError: `data` names nothing.
        DataMissingError: the data is not there.
    """
    if config.queries == "data":
        return datasets.training_set(config.data)
    queries = folder / "queries"
    queries.mkdir(parents=True, exist_ok=True)
    for number in range(LEAVES):
        path = queries / f"leaves-{number:02}.png"
        if not path.exists():
            partial = path.with_suffix(".partial")
            Image.fromarray(dead_leaves(np.random.default_rng([config.seed, number]), SIDE)).save(partial, "PNG")
            partial.replace(path)
    found = datasets.training_set(f"dir:{queries}")
    return dataclasses.replace(found, about=f"{LEAVES} pictures of random discs", licence="drawn for this run")


def dead_leaves(rng: np.random.Generator, side: int) -> np.ndarray:
    """Draw discs that cover one another, their radii by an inverse cube: a picture with the statistics of natural ones.

    Args:
        rng: where everything is drawn from.
        side: of the picture, in pixels.

    Returns:
        (side, side, 3) uint8.

    Reference:
        Lee, Mumford, Huang, "Occlusion Models for Natural Images: A Statistical Study of a Scale-Invariant Dead Leaves
        Model", IJCV 2001.
    """
    large = side * _FINER
    low, high = (radius * _FINER for radius in _RADII)
    radii = (low**-2 - rng.random(_DISCS) * (low**-2 - high**-2)) ** -0.5
    centres, colours = rng.uniform(0, large, (_DISCS, 2)), rng.uniform(0, 255, (_DISCS, 3))
    tilts = rng.normal(0, 0.35, (_DISCS, 2))  # grey levels a pixel: discs are shaded
    picture = np.empty((large, large, 3))
    picture[:] = rng.uniform(0, 255, 3)
    for radius, (row, column), colour, tilt in zip(radii, centres, colours, tilts, strict=True):
        top, left = (max(0, int(middle - radius)) for middle in (row, column))
        bottom, right = (min(large, int(middle + radius) + 2) for middle in (row, column))
        down, across = np.mgrid[top:bottom, left:right] - np.array([row, column])[:, None, None]
        inside = down**2 + across**2 <= radius**2
        shade = (tilt[0] * down + tilt[1] * across)[inside]
        picture[top:bottom, left:right][inside] = colour + shade[:, None]
    reduced = picture.reshape(side, _FINER, side, _FINER, 3).mean(axis=(1, 3))
    return np.clip(np.rint(reduced + rng.normal(0, 1.0, reduced.shape)), 0, 255).astype(np.uint8)
