"""The pictures that the protocol learns from and is tested on: what each network made of the same 80 photographs.

Sixty are the first of BSDS500's test photographs, twenty the first of its val; no network of ours was trained on any.
A picture is 192x192; of each, crops of 160x160 at random places are measured, two to learn from, the first one to test.

Classical features alone are used, whatever else measures a picture: the learned embedding was trained on pictures of
all our networks, so that none could honestly be withheld from it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import datasets
from fingerprint.fit import ZOO_PHOTOGRAPHS
from fingerprint.protocol.networks import Network
from fingerprint.render import SPLITS as PHOTOGRAPHS
from fingerprint.render import render_source
from fingerprint.samples import Sample
from fingerprint.training_set import TrainingSet
from spectra import DIMENSIONS, luma_mask

COPIES = 2
SPLITS = {"train": ZOO_PHOTOGRAPHS, "test": None}
"""How many of a split's photographs are used, None for all."""
Features = Callable[[Sequence[Sample]], TrainingSet]
"""What measures samples, the classical features first."""
Views = Mapping[str, np.ndarray]
"""Choices of features, (d,) bool each, by name."""
ALL, CHROMA = "all", "chroma"


@dataclass(frozen=True)
class Pictures:
    """Measured crops.

    Attributes:
        features: (n, DIMENSIONS) float32, the classical ones.
        names: (n,) which network made each.
        photographs: (n,) what it shows.
        first: (n,) bool, the first crop of its picture.
    """

    features: np.ndarray
    names: np.ndarray
    photographs: np.ndarray
    first: np.ndarray

    def folds(self, split: Mapping[str, int]) -> np.ndarray:
        """Return the (n,) folds of the crops' photographs, -1 for testing.

        Args:
            split: what `splits.split` drew.
        """
        return np.array([split[str(name)] for name in self.photographs])

    def take(self, chosen: np.ndarray, view: np.ndarray | None = None) -> np.ndarray:
        """Return features of the chosen crops.

        Args:
            chosen: (n,) bool.
            view: (d,) bool, which features; all by default.
        """
        features = self.features[chosen]
        return features if view is None or view.all() else np.ascontiguousarray(features[:, view])


def rendered(
    networks: Sequence[Network], renders: Path, step: Callable[[str], None] = lambda _: None
) -> dict[str, list[Path]]:
    """Make what is missing of our networks' pictures.

    Args:
        networks: ours.
        renders: folder that keeps the pictures.
        step: told each network's name.

    Returns:
        The pictures of each network, 80 in one order.

    Raises:
        DataMissingError: the photographs are not there.
    """
    names = {}
    for kind, count in SPLITS.items():
        corpus, most = PHOTOGRAPHS[kind]
        names[kind] = [path.stem for path in datasets.bsds500(corpus).paths[:most][:count]]
    found: dict[str, list[Path]] = {}
    for network in networks:
        step(network.name)
        for kind, count in SPLITS.items():
            folder = render_source(network.name, kind, renders, count)
            found.setdefault(network.name, []).extend(folder / f"{name}.webp" for name in names[kind])
    return found


def published(networks: Sequence[Network]) -> dict[str, list[Path]]:
    """Return the published networks' pictures of the same photographs.

    Raises:
        DataMissingError: they are not there.
    """
    return {
        network.name: [
            path for kind, count in SPLITS.items() for path in datasets.published(network.name, kind).paths[:count]
        ]
        for network in networks
    }


def samples(pictures: Mapping[str, Sequence[Path]]) -> dict[str, list[Sample]]:
    """Describe pictures as samples, by split.

    Args:
        pictures: `.../<split>/<photograph>.webp` by network.
    """
    borders = datasets.published_borders()
    told: dict[str, list[Sample]] = {kind: [] for kind in SPLITS}
    for name, paths in pictures.items():
        for path in paths:
            kind = path.parent.name
            border = borders.get((kind, path.stem))
            touches = border.touches if border else frozenset()
            told[kind].append(Sample(name, path.stem, path, touches=touches, copies=COPIES))
    return told


def gather(pictures: Mapping[str, Sequence[Path]], features: Features) -> Pictures:
    """Measure pictures.

    Args:
        pictures: `.../<split>/<photograph>.webp` by network.
        features: what measures samples; called once for each split, so that what a fit has measured is found again.
    """
    parts = [features(given) for given in samples(pictures).values() if given]
    classical = np.concatenate([part.features[:, :DIMENSIONS] for part in parts])
    names = np.concatenate([part.labels for part in parts])
    photographs = np.concatenate([part.groups for part in parts])
    seen: set[tuple[str, str]] = set()
    first = np.zeros(len(names), bool)
    for row, key in enumerate(zip(names, photographs, strict=True)):
        first[row] = key not in seen
        seen.add(key)
    return Pictures(classical, names, photographs, first)


def default_views() -> dict[str, np.ndarray]:
    """Return the views that a parser may choose from: all features, and those of the two colour differences."""
    return {ALL: np.ones(DIMENSIONS, bool), CHROMA: ~luma_mask()}
