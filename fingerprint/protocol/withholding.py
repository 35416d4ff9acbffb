"""One column of the table of parsers: networks of one value withheld, everything learned from the others.

What is withheld takes no part in standardising, in covariances, or in the choice of a recipe.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import numpy as np

from fingerprint.protocol.networks import PARAMETERS, REAL_ESRGAN, SEED, Network, values_of
from fingerprint.protocol.parsing import Recipe, Sight, choose_recipe, parsed_scales, read
from fingerprint.protocol.pictures import ALL, Pictures, Views
from fingerprint.protocol.scatter import Scatter, Space
from fingerprint.protocol.splits import INNER_FOLDS

SHRINKAGE = 0.1
LEAST_LEFT = 0.4
"""Share of the networks that must be left for a value to be withheld: seed 1 and set A are in most of them."""
NOTHING = "nothing"


def columns(networks: Sequence[Network]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield what is withheld in turn: hyper-parameter, value, and the names of the networks that have it.

    Nothing at all comes first.

    Args:
        networks: ours.
    """
    yield NOTHING, NOTHING, ()
    for parameter in (SEED, "training_set", "architecture", "loss", "scale"):
        for value in values_of(networks, parameter):
            names = tuple(network.name for network in networks if network.value(parameter) == value)
            if len(networks) - len(names) >= LEAST_LEFT * len(networks):
                yield parameter, value, names


def parsed_with(column: str) -> tuple[str, ...]:
    """Return the hyper-parameters that are parsed while values of one are withheld.

    Networks differ by seed on one training set alone, so that one is not parsed without a seed, as in the paper.
    """
    return tuple(p for p in PARAMETERS if p != column and not (column == SEED and p == "training_set"))


class Column:
    """Parsers that never saw some networks."""

    def __init__(
        self,
        scatters: Mapping[str, Scatter],
        views: Views,
        pictures: Pictures,
        networks: Mapping[str, Network],
        folds: np.ndarray,
        withheld: Sequence[str],
    ) -> None:
        """Learn from what is left.

        Args:
            scatters: moments of all training pictures, for each view.
            views: which features these are.
            pictures: of our networks.
            networks: ours, by name.
            folds: (n,) of the pictures, -1 for testing.
            withheld: names.
        """
        self._views = views
        self._spaces: dict[str, Space] = {}
        inner: dict[str, list[Space]] = {}
        for name, scatter in scatters.items():
            rest = scatter.without(withheld)
            self._spaces[name] = rest.space(SHRINKAGE)
            inner[name] = [rest.space(SHRINKAGE, fold) for fold in range(INNER_FOLDS)]
        self._networks = tuple(networks[name] for name in self._spaces[ALL].names)
        away = np.isin(pictures.names, list(withheld))
        self._folds = [
            self._sight(
                {name: spaces[fold] for name, spaces in inner.items()},
                pictures,
                (folds == fold) & pictures.first & ~away,
                networks,
            )
            for fold in range(INNER_FOLDS)
        ]
        tests = (folds < 0) & pictures.first & (away if len(withheld) else ~away)
        self._tests = self._sight(self._spaces, pictures, tests, networks)
        self._recipes: dict[str, tuple[Recipe, float]] = {}

    def _sight(
        self, spaces: Mapping[str, Space], pictures: Pictures, rows: np.ndarray, networks: Mapping[str, Network]
    ) -> Sight:
        return Sight(
            self._networks,
            {name: space.centres for name, space in spaces.items()},
            {name: space.vectors(pictures.take(rows, self._views[name])) for name, space in spaces.items()},
            tuple(networks[str(name)] for name in pictures.names[rows]),
        )

    def recipe(self, parameter: str) -> tuple[Recipe, float]:
        """Return how a hyper-parameter is parsed, and its accuracy in cross-validation (`choose_recipe`)."""
        if parameter not in self._recipes:
            several = parameter != "scale" and len(values_of(self._networks, "scale")) > 1
            scale = self.recipe("scale")[0] if several else None
            self._recipes[parameter] = choose_recipe(self._folds, parameter, scale)
        return self._recipes[parameter]

    def _read(self, sight: Sight, parameter: str, rows: np.ndarray) -> np.ndarray:
        used, recipe = np.ones(len(self._networks), bool), self.recipe(parameter)[0]
        scales = parsed_scales(sight, self.recipe("scale")[0], used, rows) if recipe.within_scale else None
        return read(sight, parameter, recipe, used, rows, scales)

    def cell(self, parameter: str) -> dict | None:
        """Parse the test pictures of the withheld networks, of all networks where nothing is withheld.

        Args:
            parameter: what is parsed.

        Returns:
            Accuracy, chance and what was done, or None where there is nothing to tell apart or to test on: networks
            whose value no other one has cannot be parsed, and are left out.
        """
        known = values_of(self._networks, parameter)
        truth = self._tests.truth(parameter)
        rows = np.isin(truth, known)
        if len(known) < 2 or not rows.any():
            return None
        truth, right = truth[rows], self._read(self._tests, parameter, rows) == truth[rows]
        recipe, expected = self.recipe(parameter)
        tested = {network.name for network, use in zip(self._tests.made_by, rows, strict=True) if use}
        return {
            "accuracy": float(right.mean()),
            "by_value": {str(value): float(right[truth == value].mean()) for value in np.unique(truth)},
            "chance": 1 / len(known),
            "learned_from": len(self._networks),
            "tested_on": len(tested),
            "left_out": len({network.name for network in self._tests.made_by} - tested),
            "pictures": len(truth),
            "recipe": asdict(recipe),
            "cross_validated": expected if np.isfinite(expected) else None,
        }

    def others(self, pictures: Pictures, rows: np.ndarray, networks: Mapping[str, Network]) -> dict:
        """Parse scale and kind of loss of networks that are none of ours.

        Args:
            pictures: of theirs.
            rows: (n,) bool, which are parsed.
            networks: theirs, by name.

        Returns:
            For each of both the accuracy in all, by kind, of Real-ESRGAN's family, and what each network was called.
        """
        sight = self._sight(self._spaces, pictures, rows, networks)
        every = np.ones(len(sight.made_by), bool)
        kinds = {network.loss: network.kind for network in self._networks}
        told = np.array([kinds[str(loss)] for loss in self._read(sight, "loss", every)])
        return {
            "scale": _called(sight, "scale", values_of(self._networks, "scale"), self._read(sight, "scale", every)),
            "loss": _called(sight, "kind", values_of(self._networks, "kind"), told),
        }


def _called(sight: Sight, parameter: str, values: Sequence[str], answers: np.ndarray) -> dict:
    truth = sight.truth(parameter)
    right = truth == answers
    names = np.array([network.name for network in sight.made_by])
    kinds = sight.truth("kind")
    family = np.char.startswith(names, REAL_ESRGAN)
    groups = {"all": np.ones(len(names), bool), "real_esrgan": family}
    groups |= {str(kind): kinds == kind for kind in np.unique(kinds)}
    return {
        "accuracy": {key: float(right[rows].mean()) for key, rows in groups.items() if rows.any()},
        "called": {
            str(name): {v: float((answers[names == name] == v).mean()) for v in values} for name in np.unique(names)
        },
    }
