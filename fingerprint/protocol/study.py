"""The whole protocol, seed by seed: plain numbers, and what the figures show. A seed draws its own split."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from fingerprint.protocol.attribution import accuracies, choose_shrinkage, closeness, told_apart
from fingerprint.protocol.distances import plane, ratios
from fingerprint.protocol.kept import Keep, at_once, identity
from fingerprint.protocol.networks import Network
from fingerprint.protocol.pictures import ALL, Pictures, Views
from fingerprint.protocol.prnu import Residuals, matches
from fingerprint.protocol.scatter import Scatter, Space, measure_scatter
from fingerprint.protocol.splits import split
from fingerprint.protocol.withholding import Column, columns, parsed_with

DIGITS = 4
CHOSEN = ("shrinkage", "recipe", "chance")
"""Entries that are no measurements: no mean is taken of them."""
Step = Callable[[str], None]


@dataclass(frozen=True)
class Group:
    """Networks and what they made.

    Attributes:
        networks: ours, or published ones.
        pictures: of them, all of the same photographs.
        residuals: of the same pictures for the PRNU baseline, None to leave that out.
    """

    networks: tuple[Network, ...]
    pictures: Pictures
    residuals: Residuals | None = None

    @property
    def by_name(self) -> dict[str, Network]:
        """The networks."""
        return {network.name: network for network in self.networks}


@dataclass(frozen=True)
class Maps:
    """What the figures show, of one seed's test pictures in the space of its discriminants.

    Attributes:
        plane: (n, 2) t-SNE of our networks' pictures.
        made_by: (n,) which network made each.
        order: our networks as their matrix has them.
        ratios: (k, k) of them.
        published: networks as their matrices have them.
        published_ratios: in their own space, and in the space of ours; empty without them.
    """

    plane: np.ndarray
    made_by: tuple[Network, ...]
    order: tuple[Network, ...]
    ratios: np.ndarray
    published: tuple[Network, ...] = ()
    published_ratios: tuple[np.ndarray, ...] = ()


def run_protocol(
    ours: Group,
    published: Group | None,
    views: Views,
    seeds: Sequence[int],
    step: Step = lambda _: None,
    keep: Keep = at_once,
) -> tuple[dict, Maps]:
    """Run the protocol on several splits.

    Args:
        ours: the reference networks.
        published: networks that nobody of ours trained, over the same photographs; None to leave them out.
        views: features that parsers may choose from, `all` among them.
        seeds: each draws a split.
        step: told what is being done.
        keep: keeps what takes long, see `protocol.kept`.

    Returns:
        Numbers, each share (0 to 1) with its mean, standard deviation over seeds, and one value a seed; and what the
        figures show, of the first seed.

    Raises:
        ValueError: no seed, or one twice.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds must be at least one and differ, got {' '.join(map(str, seeds)) or 'none'}")
    mine = identity(ours.networks, ours.pictures, views)
    theirs = "" if published is None else identity(published.networks, published.pictures, views)
    reports = [_run_seed(ours, published, views, seed, step, keep, (mine, theirs)) for seed in seeds]
    step(f"seed {seeds[0]}: distances")
    return over_seeds(reports), _maps(ours, published, views[ALL], reports[0], seeds[0])


def _run_seed(
    ours: Group,
    published: Group | None,
    views: Views,
    seed: int,
    step: Step,
    keep: Keep,
    identities: tuple[str, str],
) -> dict:
    place = _split(ours, seed)
    mine, both = f"{identities[0]} seed {seed}", f"{' '.join(identities)} seed {seed}"
    folds = ours.pictures.folds(place)
    scatters = cache(lambda: {name: _scatter(ours.pictures, view, folds) for name, view in views.items()})
    step(f"seed {seed}: attribution")
    report = keep(f"{mine} attribution", lambda: _attributed(ours, scatters()[ALL], views[ALL], folds))
    parsers: dict = {}
    others: dict = {}
    for parameter, value, withheld in columns(ours.networks):
        step(f"seed {seed}: parsers, {parameter} {value} withheld" if withheld else f"seed {seed}: parsers")
        column = cache(partial(_column, scatters, views, ours, folds, withheld))
        cells = keep(f"{mine} {parameter} {value}", partial(_cells, column, parameter))
        parsers.setdefault(parameter, {})[value] = cells
        if not withheld and published is not None:
            others = keep(f"{both} others", partial(_others, column, published, place))
    report["parsers"] = parsers
    if published is not None:
        step(f"seed {seed}: published networks")
        report["published"] = keep(f"{both} published", partial(_among_published, published, views[ALL], place))
        report["published"]["parsers"] = others
    for group, told in ((ours, report), (published, report.get("published", {}))):
        if group is not None and group.residuals is not None:
            step(f"seed {seed}: PRNU")
            told["prnu"] = _prnu(group.networks, group.residuals, place)
    return report


def _split(ours: Group, seed: int) -> dict[str, int]:
    return split([str(name) for name in np.unique(ours.pictures.photographs)], seed)


def _column(
    scatters: Callable[[], dict[str, Scatter]], views: Views, ours: Group, folds: np.ndarray, withheld: Sequence[str]
) -> Column:
    return Column(scatters(), views, ours.pictures, ours.by_name, folds, withheld)


def _cells(column: Callable[[], Column], parameter: str) -> dict:
    cells = {target: column().cell(target) for target in parsed_with(parameter)}
    return {target: cell for target, cell in cells.items() if cell is not None}


def _others(column: Callable[[], Column], published: Group, place: Mapping[str, int]) -> dict:
    tests = _tests(published.pictures, published.pictures.folds(place))
    return column().others(published.pictures, tests, published.by_name)


def _among_published(published: Group, view: np.ndarray, place: Mapping[str, int]) -> dict:
    folds = published.pictures.folds(place)
    return _attributed(published, _scatter(published.pictures, view, folds), view, folds)


def _tests(pictures: Pictures, folds: np.ndarray) -> np.ndarray:
    return (folds < 0) & pictures.first


def _scatter(pictures: Pictures, view: np.ndarray, folds: np.ndarray) -> Scatter:
    training = folds >= 0
    return measure_scatter(pictures.take(training, view), pictures.names[training], folds[training])


def _attributed(group: Group, scatter: Scatter, view: np.ndarray, folds: np.ndarray) -> dict:
    """Attribute the test pictures of a group to its networks."""
    pictures, tests = group.pictures, _tests(group.pictures, folds)
    shrinkage = choose_shrinkage(scatter, pictures.take(folds >= 0, view))
    space, truth = scatter.space(shrinkage), pictures.names[tests]
    near = closeness(space.vectors(pictures.take(tests, view)), space.centres)
    right = np.array(space.names)[near.argmax(axis=1)] == truth
    report = {"attribution": accuracies(group.networks, truth, right), "shrinkage": shrinkage, "pictures": len(truth)}
    apart = told_apart(group.networks, space.names, truth, near)
    return report | ({"seeds_told_apart": apart} if apart else {})


def _prnu(networks: Sequence[Network], residuals: Residuals, place: Mapping[str, int]) -> dict:
    """Run the baseline on the same split."""
    training = np.array([place[name] >= 0 for name in residuals.photographs])
    names, truth, correlations, distances = matches(residuals, training)
    told = {}
    for rule, near in (("correlation", correlations), ("distance", -distances)):
        right = np.array(names)[near.argmax(axis=1)] == truth
        told[rule] = {"attribution": accuracies(networks, truth, right)}
        apart = told_apart(networks, names, truth, near)
        told[rule] |= {"seeds_told_apart": apart} if apart else {}
    return told


def _maps(ours: Group, published: Group | None, view: np.ndarray, report: Mapping, seed: int) -> Maps:
    place = _split(ours, seed)

    def space_of(group: Group, shrinkage: float) -> Space:
        return _scatter(group.pictures, view, group.pictures.folds(place)).space(shrinkage)

    def shown(group: Group, space: Space) -> tuple[np.ndarray, np.ndarray]:
        tests = _tests(group.pictures, group.pictures.folds(place))
        return space.vectors(group.pictures.take(tests, view)), group.pictures.names[tests]

    space = space_of(ours, report["shrinkage"])
    vectors, truth = shown(ours, space)
    order = tuple(sorted(ours.networks, key=_together))
    theirs: tuple[Network, ...] = ()
    matrices: tuple[np.ndarray, ...] = ()
    if published is not None:
        theirs = tuple(sorted(published.networks, key=_together))
        names, own = [network.name for network in theirs], space_of(published, report["published"]["shrinkage"])
        matrices = tuple(ratios(*shown(published, one), names) for one in (own, space))
    return Maps(
        plane(vectors, seed),
        tuple(ours.by_name[str(name)] for name in truth),
        order,
        ratios(vectors, truth, [network.name for network in order]),
        theirs,
        matrices,
    )


def _together(network: Network) -> tuple:
    """Order networks so that those of one loss and scale stand together."""
    return network.kind != "fidelity", network.loss, network.scale, network.architecture, network.name


def over_seeds(reports: Sequence[Mapping]) -> dict:
    """Put the numbers of several seeds together.

    Args:
        reports: one a seed, nested dictionaries with the same keys; a key that one of them lacks is left out.

    Returns:
        The same with {"mean", "deviation", "seeds"} in the place of each float, the standard deviation being the
        sample's (0 of one seed); what is equal in all, and what was chosen (`CHOSEN`), as it is, or a list of what is
        not equal.
    """
    out: dict = {}
    for key in reports[0]:
        if not all(key in report for report in reports):
            continue
        given = [report[key] for report in reports]
        if key not in CHOSEN and all(isinstance(one, Mapping) for one in given):
            out[key] = over_seeds(given)
        elif key not in CHOSEN and all(isinstance(one, float) for one in given):
            deviation = float(np.std(given, ddof=1)) if len(given) > 1 else 0.0
            out[key] = {
                "mean": round(float(np.mean(given)), DIGITS),
                "deviation": round(deviation, DIGITS),
                "seeds": [round(one, DIGITS) for one in given],
            }
        else:
            out[key] = given[0] if all(one == given[0] for one in given) else given
    return out
