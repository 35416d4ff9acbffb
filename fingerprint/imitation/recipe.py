"""What the shipped imitators are trained on, and how large they are."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import datasets
from fingerprint.imitation.agreement import save_imitator
from fingerprint.imitation.batches import Pool
from fingerprint.imitation.network import Shape
from fingerprint.imitation.pictures import published_scenes, sources_of, wide_scenes
from fingerprint.imitation.training import ImitationConfig, Progress, train
from fingerprint.samples import UNSEEN

SIZES = {2: (48, 4, 64), 3: (48, 4, 64), 4: (64, 5, 96)}
"""Width, blocks and features by scale: at x2 a picture has four times the small pixels that it has at x4."""
STEPS = {2: 3000, 3: 1500, 4: 4500}


def training_pool(
    scale: int, renders: Path, wide: Path, hold: int | None = UNSEEN, step: Callable[[str], None] = lambda _: None
) -> tuple[Pool, frozenset[str]]:
    """Gather all scenes of a scale, and say which sources are favoured: the published ones.

    Args:
        scale: of the sources.
        renders: where outputs of our networks are kept.
        wide: where wide pictures are kept.
        hold: the fold of photographs to leave out, None for none.
        step: told what is being done.

    Raises:
        DataMissingError: the data is not there.
    """
    names = sources_of(scale)
    scenes = published_scenes(scale, renders, hold, step) + wide_scenes(scale, wide, hold, step)
    favoured = frozenset(names) & frozenset(datasets.published_sources())
    return Pool(scale, scenes, names, favoured), favoured


def imitation_config(scale: int, pool: Pool, steps: int | None = None, seed: int = 0) -> ImitationConfig:
    """Return the run of a scale, as the shipped imitator's unless steps or seed say otherwise."""
    width, blocks, features = SIZES[scale]
    return ImitationConfig(Shape(scale, pool.names, width, blocks, features), steps or STEPS[scale], seed=seed)


def train_imitator(
    config: ImitationConfig,
    pool: Pool,
    favoured: frozenset[str],
    run: Path,
    out: Path,
    report: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Train, or go on from the newest checkpoint, and write the running mean of the weights.

    Args:
        config: of the run.
        pool: the scenes.
        favoured: sources that weigh most.
        run: folder for checkpoints.
        out: `.safetensors` file.
        report: told how the run stands.
    """
    state = train(config, pool, favoured, run, report=report)
    facts = {key: value for key, value in asdict(config).items() if key != "shape"} | {"scenes": len(pool.scenes)}
    save_imitator(out, config.shape, state.mean, facts)
