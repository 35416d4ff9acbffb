"""What a copied network gives away: pictures of networks of known lineage, traced to those that they descend from.

Four kinds of networks are asked about: tuned from a parent, taught by a teacher's pictures (copied), taught by its
features, and independent ones. Each is traced among one pool of candidates. A likelihood ratio for a candidate is
learned from networks that have nothing to do with it (neither descend from it nor are asked about it), on other
photographs; so what is reported holds for candidates and networks never seen. The unit of resampling is the network.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

import datasets
from fingerprint.imitation.agreement import Sums
from fingerprint.likelihood_ratios import auroc, cllr, cllr_min, supported_bounds
from fingerprint.lineage.evidence import COUNTS, KINDS, SILENT, Descent, Kind
from fingerprint.lineage.traces import SIDE, Upscale, standings, strengths, trace
from fingerprint.logistic import balanced_weights, fit_logistic

CORPUS = "bsds500/val"
PHOTOGRAPHS = (40, 64)
"""Which of its photographs, by name: 24 that no other study measures on; ratios are learned on one half of them."""
AROUND = 12
"""Pixels of a photograph's middle beyond the window that is traced: a network's own edges are left out."""
QUALITIES = (None, 75)
"""JPEG qualities after the enlargement, None for none."""
RESAMPLES = 1000
_SHOWN = 401
_YES, _NO = "descends", "not"


@dataclass(frozen=True)
class Asked:
    """A network whose pictures are traced.

    Attributes:
        name: of the network.
        upscale: what enlarges.
        kind: one of `KINDS`, or `independent`.
        ancestor: the candidate that it descends from, "" for an independent one.
        group: what it is called in reports, such as a method of distillation.
    """

    name: str
    upscale: Upscale
    kind: str
    ancestor: str
    group: str


@dataclass(frozen=True)
class Traces:
    """What was measured in one condition.

    Attributes:
        pool: names of the candidates.
        sums: by name of the network, one for each photograph.
    """

    pool: tuple[str, ...]
    sums: Mapping[str, Sequence[Sums]]


def measure(
    asked: Sequence[Asked],
    pool: Mapping[str, Upscale],
    scale: int,
    photographs: Sequence[np.ndarray],
    qualities: Sequence[int | None] = QUALITIES,
    advance: Callable[[int], None] = lambda count: None,
) -> dict[int | None, Traces]:
    """Trace the networks' pictures of photographs.

    Args:
        asked: the networks.
        pool: the candidates.
        scale: of all.
        photographs: uint8 `H W 3`, `SIDE` + 2 `AROUND` pixels a side.
        qualities: of a JPEG step afterwards, None for none.
        advance: called with the number of pictures done.

    Returns:
        Traces by quality.
    """
    sums: dict[int | None, dict[str, list[Sums]]] = {quality: {one.name: [] for one in asked} for quality in qualities}
    names = list(pool)
    for photograph in photographs:
        small = np.ascontiguousarray(datasets.downscale(photograph, scale))
        for one in asked:
            picture = np.ascontiguousarray(one.upscale(small)[AROUND:-AROUND, AROUND:-AROUND])
            others = {name: upscale for name, upscale in pool.items() if name != one.name}
            for quality in qualities:
                found = trace(_stored(picture, quality), scale, others, (0, 0))
                whole = len(others) == len(pool)
                sums[quality][one.name].append(found if whole else _widened(found, names.index(one.name)))
            advance(1)
    return {quality: Traces(tuple(pool), found) for quality, found in sums.items()}


def study_photographs() -> list[np.ndarray]:
    """Read the middles of the study's photographs.

    Raises:
        DataMissingError: they are not there.
    """
    found, side = [], SIDE + 2 * AROUND
    for path in datasets.bsds500(CORPUS.split("/")[1]).paths[slice(*PHOTOGRAPHS)]:
        pixels = datasets.read_evidence(path).pixels
        top, left = ((length - side) // 2 for length in pixels.shape[:2])
        found.append(np.ascontiguousarray(pixels[top : top + side, left : left + side]))
    return found


def _stored(picture: np.ndarray, quality: int | None) -> np.ndarray:
    if quality is None:
        return picture
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def _widened(sums: Sums, place: int) -> Sums:
    """Put a candidate of which nothing is known (the network itself) back into the sums: zeros."""
    at = place + 1
    return Sums(np.insert(sums.products, at, 0, axis=1), np.insert(np.insert(sums.among, at, 0, axis=1), at, 0, axis=2),
                sums.energy, sums.pixels)  # fmt: skip


def standings_of(traces: Traces, name: str, rows: Sequence[int]) -> np.ndarray:
    """Return (k,) standings of the candidates in some pictures of a network; NaN for itself."""
    chosen = [traces.sums[name][row] for row in rows]
    out = np.full(len(traces.pool), np.nan)
    kept = [k for k, other in enumerate(traces.pool) if other != name]
    columns = [0, *(k + 1 for k in kept)]
    cut = [
        Sums(one.products[:, columns], one.among[:, columns][:, :, columns], one.energy, one.pixels) for one in chosen
    ]
    out[kept] = standings(strengths(cut))
    return out


@dataclass(frozen=True)
class Pairs:
    """Standings of candidates in networks' pictures.

    Attributes:
        network: (n,) int numbers.
        candidate: (n,) int numbers.
        standing: (n,) float.
        descends: (n,) bool.
        half: (n,) int, which half of the photographs.
    """

    network: np.ndarray
    candidate: np.ndarray
    standing: np.ndarray
    descends: np.ndarray
    half: np.ndarray

    def of(self, rows: np.ndarray) -> "Pairs":
        """Return some of them."""
        return Pairs(
            *(getattr(self, field)[rows] for field in ("network", "candidate", "standing", "descends", "half"))
        )


def pairs(traces: Traces, asked: Sequence[Asked], kind: str, count: int) -> Pairs:
    """Pair the networks of a kind, and independent ones, with all candidates, by `count` pictures at a time.

    Args:
        traces: of the networks.
        asked: the networks.
        kind: one of `KINDS`.
        count: pictures at a time.
    """
    columns: list[tuple[int, int, float, bool, int]] = []
    for number, one in enumerate(asked):
        if one.kind not in (kind, "independent"):
            continue
        for half, rows in enumerate(np.array_split(np.arange(len(traces.sums[one.name])), 2)):
            for start in range(0, len(rows) - count + 1, count):
                above = standings_of(traces, one.name, rows[start : start + count].tolist())
                columns += [
                    (number, k, float(value), traces.pool[k] == one.ancestor, half)
                    for k, value in enumerate(above)
                    if not np.isnan(value)
                ]
    network, candidate, standing, descends, half = (np.array(column) for column in zip(*columns, strict=True))
    return Pairs(network, candidate, standing, descends, half)


def fit_kind(known: Pairs) -> tuple[float, float]:
    """Fit slope and offset of the log ratio over the standing; both sides weigh the same, and within them networks."""
    labels = np.where(known.descends, _YES, _NO)
    weights = balanced_weights(labels, known.network.astype(str))
    model = fit_logistic(known.standing[:, None], labels, weights, ridge=1e-4)
    k = model.classes.index(_YES)
    return float(model.weights[0, k] - model.weights[0, 1 - k]), float(model.offsets[k] - model.offsets[1 - k])


def held_out(known: Pairs, ancestors: np.ndarray) -> np.ndarray:
    """Return (n,) log ratios, each by a model that saw neither the candidate, its descendants, nor the photographs.

    Args:
        known: the pairs.
        ancestors: (networks,) int number of each network's ancestor among the candidates, -1 for none.
    """
    out = np.full(len(known.standing), np.nan)
    for candidate in np.unique(known.candidate):
        related = (known.candidate == candidate) | (ancestors[known.network] == candidate)
        for half in (0, 1):
            mine = (known.candidate == candidate) & (known.half == half)
            slope, offset = fit_kind(known.of(np.flatnonzero(~related & (known.half != half))))
            out[mine] = offset + slope * known.standing[mine]
    return out


def merits(known: Pairs, log_ratios: np.ndarray, networks: int, seed: int = 0) -> dict[str, Any]:
    """Measure held-out ratios; intervals resample networks.

    Args:
        known: the pairs.
        log_ratios: (n,) of them.
        networks: how many there are.
        seed: of the resampling.
    """

    def numbers(rows: np.ndarray) -> dict[str, float]:
        descends = known.descends[rows]
        same, different = log_ratios[rows][descends], log_ratios[rows][~descends]
        return {
            "auroc": auroc(same, different),
            "cllr": cllr(same, different),
            "cllr_min": cllr_min(same, different),
            "misled_same": float((same < 0).mean()),
            "misled_different": float((different > 0).mean()),
        }

    rng = np.random.default_rng(seed)
    by_network = [np.flatnonzero(known.network == number) for number in range(networks)]
    children = [rows for rows in by_network if known.descends[rows].any()]
    others = [rows for rows in by_network if len(rows) and not known.descends[rows].any()]
    drawn = []
    for _ in range(RESAMPLES):
        parts = [group[k] for group in (children, others) if group for k in rng.integers(0, len(group), len(group))]
        drawn.append(numbers(np.concatenate(parts)))
    whole = numbers(np.arange(len(log_ratios)))
    same = log_ratios[known.descends]
    bounds = _bounds(known, log_ratios)
    return {
        key: {"value": value, "interval": [float(q) for q in np.quantile([one[key] for one in drawn], [0.025, 0.975])]}
        for key, value in whole.items()
    } | {
        "median_log10_lr_same": float(np.median(same) / np.log(10)),
        "supported_log10_lr": [bound / np.log(10) for bound in bounds],
        "descendants": len(children),
        "independent": len(others),
        "pairs": len(log_ratios),
    }


def _bounds(known: Pairs, log_ratios: np.ndarray) -> tuple[float, float]:
    """Return the bounds that held-out ratios support; no more than so many networks can, however many pictures."""
    low, high = supported_bounds(log_ratios[known.descends], log_ratios[~known.descends])
    networks = [len(np.unique(known.network[known.descends == side])) for side in (True, False)]
    return max(low, -float(np.log(networks[0] + 1))), min(high, float(np.log(networks[1] + 1)))


def traced(known: Pairs, asked: Sequence[Asked], among: Sequence[int] | None = None) -> dict[str, Any]:
    """Count how often the candidate that stands highest is the ancestor, by group of networks.

    Args:
        known: the pairs, `count` pictures a trial.
        asked: the networks.
        among: numbers of the candidates to choose from, all by default.
    """
    from fingerprint.evaluate import share_of

    trials: dict[tuple[int, int, int], list[tuple[float, bool]]] = {}
    seen: dict[tuple[int, int, int], int] = {}
    for network, candidate, standing, descends, half in zip(
        known.network, known.candidate, known.standing, known.descends, known.half, strict=True
    ):
        if among is not None and candidate not in among:
            continue
        turn = seen.get((network, candidate, half), 0)
        seen[network, candidate, half] = turn + 1
        trials.setdefault((network, half, turn), []).append((float(standing), bool(descends)))
    rows = [
        (asked[network].group, asked[network].name, max(found)[1])
        for (network, _, _), found in trials.items()
        if any(descends for _, descends in found)
    ]
    groups = sorted({group for group, _, _ in rows})
    return {
        group: share_of(
            np.array([right for g, _, right in rows if g == group]), np.array([n for g, n, _ in rows if g == group])
        )
        for group in groups
    }


def study(measured: Mapping[int | None, Traces], asked: Sequence[Asked], teachers: Sequence[str]) -> dict[str, Any]:
    """Run the whole analysis.

    Args:
        measured: traces by JPEG quality, None for none.
        asked: the networks.
        teachers: the candidates that taught.

    Returns:
        Plain numbers.
    """
    out: dict[str, Any] = {}
    for quality, traces in measured.items():
        pool = list(traces.pool)
        ancestors = np.array([pool.index(one.ancestor) if one.ancestor else -1 for one in asked])
        part: dict[str, Any] = {}
        for kind in _present(asked):
            part[kind] = {}
            for count in COUNTS:
                known = pairs(traces, asked, kind, count)
                log_ratios = held_out(known, ancestors)
                chosen = [pool.index(name) for name in teachers] if kind != "tuned" else None
                part[kind][str(count)] = merits(known, log_ratios, len(asked)) | {
                    "traced": traced(known, asked),
                    "traced_among_teachers": traced(known, asked, chosen) if chosen else None,
                    "log10_lr_same": thinned(log_ratios[known.descends] / np.log(10)),
                    "log10_lr_different": thinned(log_ratios[~known.descends] / np.log(10)),
                }
        out["clean" if quality is None else f"jpeg{quality}"] = part
    return out


def thinned(values: np.ndarray) -> list[float]:
    """Return values for a figure: quantiles in even steps where there are more than 400 of them."""
    many = np.quantile(values, np.linspace(0, 1, _SHOWN)) if len(values) > _SHOWN else np.sort(values)
    return [round(float(value), 3) for value in many]


def _present(asked: Sequence[Asked]) -> list[str]:
    """Which kinds of descent there are networks of."""
    return [kind for kind in KINDS if any(one.kind == kind for one in asked)]


def learn(traces: Traces, asked: Sequence[Asked], scale: int, command: str) -> Descent:
    """Learn what standings are worth from all networks and photographs; bounds are those of held-out ratios.

    Where held-out ratios cost as much as saying nothing, nothing is said: all ratios are 1.

    Args:
        traces: of unprocessed pictures.
        asked: the networks.
        scale: of all.
        command: that is run.
    """
    pool = list(traces.pool)
    ancestors = np.array([pool.index(one.ancestor) if one.ancestor else -1 for one in asked])
    kinds: dict[str, dict[int, Kind]] = {}
    for kind in _present(asked):
        kinds[kind] = {}
        for count in COUNTS:
            known = pairs(traces, asked, kind, count)
            log_ratios = held_out(known, ancestors)
            told = cllr(log_ratios[known.descends], log_ratios[~known.descends]) < 1
            kinds[kind][count] = Kind(*fit_kind(known), *_bounds(known, log_ratios)) if told else SILENT
    return Descent(scale, kinds, command)
