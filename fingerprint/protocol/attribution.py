"""Which network made a picture: accuracy in all and by hyper-parameter, and networks that differ by seed alone.

Answers are the nearest mean in the space of Fisher's discriminants, as a shrinkage LDA gives them.
"""

from collections.abc import Sequence

import numpy as np

from fingerprint.protocol.networks import PARAMETERS, Network
from fingerprint.protocol.scatter import Scatter

SHRINKAGES = (0.01, 0.02, 0.05, 0.1)


def closeness(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return (n, k): how near each centre is to each vector, the nearest having most.

    Args:
        vectors: (n, j).
        centres: (k, j).
    """
    return vectors @ centres.T - np.square(centres).sum(axis=1) / 2


def choose_shrinkage(scatter: Scatter, features: np.ndarray, shrinkages: Sequence[float] = SHRINKAGES) -> float:
    """Choose the shrinkage that names most training pictures rightly, those of each fold learned without it.

    Args:
        scatter: moments of the training pictures.
        features: (n, d) float32, the same pictures.
        shrinkages: to choose from, the first of equals.
    """

    def right(shrinkage: float) -> int:
        found = 0
        for fold in range(len(scatter.grams)):
            space, inside = scatter.space(shrinkage, fold), scatter.folds == fold
            near = closeness(space.vectors(features[inside]), space.centres)
            found += int((near.argmax(axis=1) == scatter.index[inside]).sum())
        return found

    return max(shrinkages, key=right)


def accuracies(networks: Sequence[Network], truth: np.ndarray, right: np.ndarray) -> dict:
    """Average over pictures: all, and those of each value of each hyper-parameter.

    Args:
        networks: with the hyper-parameters of every name in `truth`.
        truth: (n,) which network made each picture.
        right: (n,) bool.

    Returns:
        "all": a share; for "kind", "kind_and_scale" and each of `PARAMETERS` a share for each value.
    """
    known = {network.name: network for network in networks}
    made_by = [known[str(name)] for name in truth]
    out: dict = {"all": float(right.mean())}
    keys = {"kind": [network.kind for network in made_by]}
    keys["kind_and_scale"] = [f"{network.kind} {network.value('scale')}" for network in made_by]
    for parameter in PARAMETERS:
        keys[parameter] = [network.value(parameter) for network in made_by]
    for name, values in keys.items():
        out[name] = {v: float(right[np.array(values) == v].mean()) for v in sorted(set(values))}
    return out


def seed_sets(networks: Sequence[Network]) -> dict[str, tuple[Network, ...]]:
    """Gather networks that differ by seed alone: their names end in it and are equal before.

    Args:
        networks: of which some may have no sibling.

    Returns:
        Sets of at least two, by what their names begin with; the other networks are left out.
    """
    sets: dict[str, list[Network]] = {}
    for network in networks:
        if network.seed is not None:
            sets.setdefault(network.name.removesuffix(f"-s{network.seed}"), []).append(network)
    return {name: tuple(members) for name, members in sets.items() if len(members) > 1}


def told_apart(
    networks: Sequence[Network], names: Sequence[str], truth: np.ndarray, closeness: np.ndarray
) -> dict[str, float]:
    """Tell networks that differ by seed alone apart, each picture within its own set.

    Args:
        networks: of any kind.
        names: (k,) networks, in the order of the columns of `closeness`.
        truth: (n,) which network made each picture.
        closeness: (n, k), more is nearer.

    Returns:
        Shares of pictures that are named rightly: "all", and for each loss and scale.
    """
    column = {name: k for k, name in enumerate(names)}
    flags: dict[str, list[bool]] = {}
    for members in seed_sets(networks).values():
        columns = [column[member.name] for member in members]
        for place, member in enumerate(members):
            right = closeness[truth == member.name][:, columns].argmax(axis=1) == place
            flags.setdefault("all", []).extend(right)
            flags.setdefault(f"{member.loss} {member.value('scale')}", []).extend(right)
    return {key: float(np.mean(values)) for key, values in flags.items() if values}
