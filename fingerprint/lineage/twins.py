"""Whether a student can be told from an independently trained twin: by statistics of its pictures alone.

A discriminant is fitted on all students of one shape, and asked about pictures of photographs that it never saw; of
each pair of networks, how often does a picture score higher for its own? Twins that differ in nothing but the seed
say what is told apart without any teacher.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

import numpy as np

import datasets
from fingerprint.features import picture_features
from fingerprint.lda import cross_fit
from fingerprint.lineage.study import Asked

FOLDS = 4
SHRINKAGE = 0.3
_RELATIONS = ("taught, and its twin", "two pupils of one teacher", "pupils of two teachers", "twins of two seeds")


def told_apart(
    students: Sequence[Asked],
    scale: int,
    photographs: Sequence[np.ndarray],
    pool: Executor | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> dict[str, dict]:
    """Tell students of one shape from each other.

    Args:
        students: of one architecture; an `independent` one is a twin that learnt alone.
        scale: of all.
        photographs: uint8 `H W 3`.
        pool: runs batches of tiles side by side.
        advance: called with the number of pictures done.

    Returns:
        By relation of the two: the share of pictures that score higher for their own network, with an interval that
        resamples pairs of networks.
    """
    from fingerprint.evaluate import share_of

    vectors, labels, folds = [], [], []
    for number, photograph in enumerate(photographs):
        small = np.ascontiguousarray(datasets.downscale(photograph, scale))
        for one in students:
            vectors.append(picture_features(one.upscale(small), pool=pool).pooled())
            labels.append(one.name)
            folds.append(number % FOLDS)
            advance(1)
    names = np.array(labels)
    fit = cross_fit(np.stack(vectors), names, np.array(folds), SHRINKAGE)
    columns = {name: k for k, name in enumerate(fit.full.classes)}
    rows: dict[str, list[tuple[bool, str]]] = {relation: [] for relation in _RELATIONS}
    for one in students:
        mine = fit.held_out[names == one.name]
        for other in students:
            if other.name == one.name:
                continue
            won = mine[:, columns[one.name]] > mine[:, columns[other.name]]
            pair = "|".join(sorted((one.name, other.name)))
            rows[relation(one, other)] += [(bool(right), pair) for right in won]
    return {
        key: share_of(np.array([right for right, _ in found]), np.array([pair for _, pair in found]))
        for key, found in rows.items()
        if found
    }


def relation(one: Asked, other: Asked) -> str:
    """Name how two students are related."""
    if not one.ancestor and not other.ancestor:
        return _RELATIONS[3]
    if not one.ancestor or not other.ancestor:
        return _RELATIONS[0]
    return _RELATIONS[1] if one.ancestor == other.ancestor else _RELATIONS[2]


def by_shape(students: Mapping[str, str], asked: Sequence[Asked]) -> dict[str, list[Asked]]:
    """Sort students by architecture.

    Args:
        students: architecture by name.
        asked: the networks.
    """
    shapes = sorted(set(students.values()))
    return {shape: [one for one in asked if students.get(one.name) == shape] for shape in shapes}
