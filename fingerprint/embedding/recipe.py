"""What the shipped embedding is trained on, and how a trained one is written."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from fingerprint.embedding.batches import Pool
from fingerprint.embedding.embedder import save_embedder
from fingerprint.embedding.relatives import RELATIVE, is_relative, render_relatives
from fingerprint.embedding.training import SCALES, EmbeddingConfig, Progress, train
from fingerprint.fit import ZOO, default_samples
from fingerprint.samples import ENLARGED, UNSEEN, Sample, fold_of, source_samples
from fingerprint.sources import Source, known_sources

_OURS = (ZOO, "whorl-", RELATIVE)
_OUR_WEIGHT = 0.06  # of one of our networks and relatives, of which there are many that are much alike
_USUAL = 48  # photographs of a source outside the held-out fold; more of them are drawn more often


def training_samples(
    renders: Path, hold: int | None = UNSEEN, step: Callable[[str], None] = lambda _: None
) -> list[Sample]:
    """Gather the pictures: all that a reference is fitted on, and those of relatives, but for one fold.

    Args:
        renders: where outputs of our networks are kept, made where they are missing.
        hold: the fold to leave out, None for none.
        step: told what is being done.

    Raises:
        DataMissingError: the data folder lacks something.
    """
    samples = [*default_samples(renders, step=step)]
    for folder in render_relatives(renders, step):
        samples += source_samples(folder / "train", folder.name, copies=1)
    return [sample for sample in samples if fold_of(sample.group) != hold]


def training_pool(samples: Sequence[Sample], advance: Callable[[int], None] = lambda _: None) -> Pool:
    """Read all pictures; sources weigh by the root of their number of photographs, our own little.

    Args:
        samples: of `training_samples`.
        advance: called with 1 for each picture.
    """
    count = Counter(sample.label for sample in samples)

    def weight(label: str) -> float:
        return (count[label] / _USUAL) ** 0.5 * (_OUR_WEIGHT if label.startswith(_OURS) else 1.0)

    return Pool(samples, weight, advance)


def scale_classes(names: Sequence[str], sources: dict[str, Source]) -> np.ndarray:
    """Return (labels,) int: each label's class for the scale: its scale, 1 for plain enlargements, 0 for innocents."""
    relatives = 4
    scales = [
        relatives if is_relative(name) else sources[name].scale if name in sources else int(name == ENLARGED)
        for name in names
    ]
    return np.minimum(scales, SCALES - 1)


def train_embedding(
    config: EmbeddingConfig,
    samples: Sequence[Sample],
    run: Path,
    out: Path,
    *,
    advance: Callable[[int], None] = lambda _: None,
    report: Callable[[Progress], None] = lambda _: None,
) -> None:
    """Train, or go on from the newest checkpoint, and write the running mean of the weights.

    Args:
        config: of the run.
        samples: pictures.
        run: folder for checkpoints.
        out: `.safetensors` file.
        advance: called with 1 for each picture that was read.
        report: told how the run stands.
    """
    pool = training_pool(samples, advance)
    state = train(config, pool, scale_classes(pool.names, known_sources()), run, report=report)
    facts = {"config": asdict(config), "labels": len(pool.names), "pictures": len(samples)}
    save_embedder(out, config.shape, state.mean, state.running, facts)
