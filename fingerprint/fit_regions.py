"""Learning what detectors say on single tiles, and from where on a part of a picture is no chance.

Everything comes from training photographs, each judged by a reference that never saw its fold: photographs of every
history, what networks make of photographs, and photographs pasted into photographs. None of them holds an upscaled part
beside an untouched one, so whatever is found in them is a false region.
"""

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

import datasets
from fingerprint import regions
from fingerprint.attributor import Attributor, is_grey
from fingerprint.augment import ENLARGEMENT_KERNELS, process
from fingerprint.composites import Photograph, bases, generator, networks, spliced, upscaled
from fingerprint.conditions import CLEAN, CONDITIONS, Condition
from fingerprint.likelihood_ratios import auroc, cllr
from fingerprint.localiser import Calibrations, Localiser
from fingerprint.logistic import balanced_weights, fit_logistic
from fingerprint.reference import MODES
from fingerprint.regions import (
    FLATTEST,
    LEAST_SIDE,
    TileCalibration,
    least_evidence,
    majority,
    suspicion,
    tile_inputs,
    tile_scores,
    vector_of,
)
from fingerprint.samples import ENLARGED, FOLDS, HISTORIES, ORIGINAL, fold_of, innocent_samples
from spectra import to_uint8

UPSCALED, PHOTOGRAPH, SPLICED = "upscaled", "photograph", "spliced"
SUSPECTED = 0.05  # of pictures of one piece, in which more tiles are measured for nothing
CLEARLY = 2.5  # where a tile speaks so clearly against the rest, more are measured in any case
FALSE_REGIONS = 0.005  # of new pictures of the worst kind, as far as there are enough pictures to say so
LEAST_EVIDENCE = 1.5
RIDGE = 1e-5  # a larger one leaves the sides of the clean condition, which lie far apart, with needlessly weak ratios
_EACH = 6  # pictures of each published source
_FEWEST = 20  # pictures a side that a condition needs


@dataclass(frozen=True)
class Whole:
    """A picture that is upscaled everywhere or nowhere.

    Attributes:
        kind: `UPSCALED`, `PHOTOGRAPH` or `SPLICED`.
        label: its source or history.
        group: photograph or camera.
        make: returns its pixels, (H, W, 3) uint8.
    """

    kind: str
    label: str
    group: str
    make: Callable[[], np.ndarray]

    @property
    def _towards(self) -> Literal["smaller", "larger", "any"]:
        """Which way it may be resized and still be what it is."""
        if self.kind != UPSCALED:
            return "smaller"
        return "larger" if self.label == ENLARGED else "any"

    def write(self, condition: Condition, folder: Path) -> Path:
        """Write it to a file in a condition, the same for the same folder and condition."""
        rng = generator("whole", self.label, self.group, condition.name)
        pixels = self.make()
        if condition.lowest is None or condition.highest is None:
            path = folder / "whole.png"
            if condition != CLEAN:
                pixels = process(pixels, condition, rng, towards=self._towards)
            Image.fromarray(pixels).save(path, compress_level=1)
            return path
        path = folder / "whole.jpg"
        quality = int(rng.integers(condition.lowest, min(condition.highest, 99) + 1))
        path.write_bytes(datasets.jpeg_copy(pixels, quality, "4:4:4" if rng.random() < 0.25 else "4:2:0"))
        return path


def wholes(work: Path, every: int = 1) -> list[Whole]:
    """List the pictures: training photographs of all histories, upscaled ones, and splices of photographs.

    Args:
        work: keeps what networks make of photographs.
        every: only each so many-th picture of each kind is taken.

    Raises:
        DataMissingError: the data is not there.
    """
    seen: dict[tuple[str, Path], Whole] = {}
    for sample in innocent_samples():
        made = sample.label == ENLARGED
        whole = Whole(UPSCALED if made else PHOTOGRAPH, sample.label, sample.group, partial(_past, sample))
        seen[sample.label, sample.path] = whole
    by_path: dict[Path, list[Whole]] = {}
    for (_, path), whole in seen.items():
        by_path.setdefault(path, []).append(whole)
    # Each photograph in one of its histories, in turn.
    plain = [kept[k % len(kept)] for k, kept in enumerate(by_path.values())]
    photographs = bases("train")
    names = networks()
    for photograph in photographs:
        network = str(generator("whole", photograph.group).choice(names))
        make = partial(upscaled, photograph.path, network, work)
        plain.append(Whole(UPSCALED, network, photograph.group, make))
    scans = datasets.bsds500("train")
    for path, group in zip(scans.paths[::2], scans.groups[::2], strict=True):
        plain.append(Whole(UPSCALED, ENLARGED, group, partial(_interpolated, path)))
    for source in datasets.published_sources():
        if source != ORIGINAL:
            rng = generator("whole", source)
            paths = datasets.published(source, "train").paths
            for k in rng.choice(len(paths), min(_EACH, len(paths)), replace=False):
                plain.append(Whole(UPSCALED, source, paths[k].stem, partial(_read, paths[k])))
    folds: list[list[Photograph]] = [[] for _ in range(FOLDS)]
    for photograph in [*photographs, *bases("train", camera=True)[len(photographs) :]]:
        folds[fold_of(photograph.group)].append(photograph)
    for photograph in photographs:
        make = partial(spliced, photograph, folds[fold_of(photograph.group)])
        plain.append(Whole(SPLICED, SPLICED, photograph.group, make))
    return plain[::every]


def _interpolated(path: Path) -> np.ndarray:
    """Reduce a photograph and enlarge it again, both with a kernel that is drawn."""
    rng = generator("interpolated", path.name)
    pixels = datasets.read_evidence(path).pixels
    small = datasets.downscale(pixels, float(rng.uniform(1.5, 4.0)))
    size = (pixels.shape[0], pixels.shape[1])
    return np.ascontiguousarray(datasets.resize(small, size, str(rng.choice(ENLARGEMENT_KERNELS))))


def _past(sample) -> np.ndarray:
    rng = generator("past", sample.label, sample.group, sample.path.name)
    return np.ascontiguousarray(HISTORIES[sample.history](datasets.read_evidence(sample.path).pixels, rng))


def _read(path: Path) -> np.ndarray:
    return datasets.read_evidence(path).pixels


@dataclass(frozen=True)
class Seen:
    """What one mode's detector said on a picture's tiles.

    Attributes:
        whole: the picture.
        wanted: the condition it was brought into.
        key: mode and name of the condition by which it was judged.
        scores: (tiles,) of textured tiles.
        activity: (tiles,) likewise.
        divisible: whether it is large enough to be divided.
    """

    whole: Whole
    wanted: Condition
    key: tuple[str, str]
    scores: np.ndarray
    activity: np.ndarray
    divisible: bool


def fit_regions(
    pictures: Sequence[Whole],
    folds: Path,
    step: Callable[[str], None] = lambda _: None,
    advance: Callable[[int], None] = lambda _: None,
    workers: int = 2,
) -> tuple[Calibrations, dict]:
    """Fit the calibration of single tiles, and the limits beyond which parts are regions.

    Args:
        pictures: of one piece.
        folds: folder of `fold0` ..., the references that never saw that fold.
        step: told what is being done.
        advance: called with 1 for each picture in each condition.
        workers: threads; the result does not depend on it.

    Returns:
        Calibrations by mode and condition name, and plain numbers on what they rest on.

    Raises:
        ReferenceError: a fold's reference cannot be used.
    """
    judges = [Attributor(folds / f"fold{k}") for k in range(FOLDS)]
    with ThreadPoolExecutor(workers) as pool:
        return _fitted(pictures, judges, pool, step, advance)


def _fitted(
    pictures: Sequence[Whole],
    judges: Sequence[Attributor],
    pool: ThreadPoolExecutor,
    step: Callable[[str], None],
    advance: Callable[[int], None],
) -> tuple[Calibrations, dict]:
    def look(one: Whole, condition: Condition) -> list[Seen]:
        return _looked_at(one, condition, judges[fold_of(one.group)])

    def evidence_in(one: Seen, calibration: TileCalibration) -> tuple[float, float]:
        return _evidence(one, calibration, judges[fold_of(one.whole.group)])

    seen: list[Seen] = []
    for condition in CONDITIONS:
        step(f"measuring {condition.name}")
        for told in pool.map(partial(look, condition=condition), pictures):
            seen += told
            advance(1)
    calibrations, card = {}, {}
    for key in sorted({one.key for one in seen}):
        mine = [one for one in seen if one.key == key and len(one.scores)]
        if min(sum((one.whole.kind == UPSCALED) == side for one in mine) for side in (True, False)) < _FEWEST:
            continue
        calibrations[key], card[".".join(key)] = _calibrated(mine)
    step("looking for parts in pictures of one piece")
    for key, calibration in list(calibrations.items()):
        mine = [one for one in seen if one.key == key and one.divisible]
        evidence = list(pool.map(partial(evidence_in, calibration=calibration), mine))
        calibrations[key], card[".".join(key)]["pictures"] = _limited(calibration, mine, np.array(evidence))
    return calibrations, card


def _looked_at(picture: Whole, condition: Condition, judge: Attributor) -> list[Seen]:
    """Score a picture's tiles in both modes."""
    with tempfile.TemporaryDirectory() as room:
        evidence = datasets.read_evidence(picture.write(condition, Path(room)))
    features = judge.localiser.judge.measure(to_uint8(evidence.pixels))
    textured = features.activity >= FLATTEST
    if not textured.any():
        return []
    divisible = min(evidence.height, evidence.width) >= LEAST_SIDE
    told = []
    for mode in ("grey",) if is_grey(evidence.pixels) else MODES:
        vector = vector_of(features, textured, mode)
        chosen = judge.localiser.judge.route(mode, vector, evidence.jpeg_quality).condition
        scores = tile_scores(judge.reference.experts[mode, chosen.name], features, mode)
        key = (mode, chosen.name)
        told.append(Seen(picture, condition, key, scores[textured], features.activity[textured], divisible))
    return told


def _calibrated(seen: list[Seen]) -> tuple[TileCalibration, dict]:
    """Fit one condition's formula by weighted logistic regression; sides, sources and pictures weigh the same."""
    kept = [one for one in seen if one.whole.kind != SPLICED]
    count = [len(one.scores) for one in kept]
    inputs = np.concatenate([tile_inputs(one.scores, one.activity) for one in kept])
    side = np.array([UPSCALED if one.whole.kind == UPSCALED else PHOTOGRAPH for one in kept]).repeat(count)
    label = np.array([one.whole.label for one in kept]).repeat(count)
    number = np.array([str(k) for k in range(len(kept))]).repeat(count)
    model = fit_logistic(inputs, side, balanced_weights(side, label, number), RIDGE)
    up = model.classes.index(UPSCALED)
    score, busy, both = (float(value) for value in model.weights[:, up] - model.weights[:, 1 - up])
    sides = [sum((one.whole.kind == UPSCALED) == wanted for one in kept) for wanted in (True, False)]
    calibration = TileCalibration(
        score, busy, both, float(model.offsets[up] - model.offsets[1 - up]), float(np.log(min(sides) + 1)),
        suspect_upscaled=0.0, suspect_untouched=0.0, least_upscaled=0.0, least_untouched=0.0,
    )  # fmt: skip
    ratios = np.concatenate([calibration.log_ratios(one.scores, one.activity) for one in kept])
    same, different = ratios[side == UPSCALED], ratios[side != UPSCALED]
    card = {
        "tiles": {UPSCALED: len(same), PHOTOGRAPH: len(different)},
        "auroc": round(auroc(same, different), 4),
        "cllr": round(cllr(same, different), 4),
    }
    suspects = []
    for side_of_most in (-1, 1):
        told = [calibration.log_ratios(one.scores, one.activity) for one in seen if one.divisible]
        odd = [float(suspicion(ratios).max()) for ratios in told if majority(ratios) == side_of_most]
        level = float(np.quantile(odd, 1 - SUSPECTED)) if odd else CLEARLY
        suspects.append(min(max(level, 0.5 - calibration.bound), CLEARLY))
    return replace(calibration, suspect_upscaled=suspects[0], suspect_untouched=suspects[1]), card


def _evidence(one: Seen, calibration: TileCalibration, judge: Attributor) -> tuple[float, float]:
    """Return the strongest evidence of an upscaled and of an untouched part in a picture of one piece.

    It is 0 if there is none, -1 if none is sought.
    """
    if not calibration.suspicious(calibration.log_ratios(one.scores, one.activity)).any():
        return -1.0, -1.0
    with tempfile.TemporaryDirectory() as room:
        evidence = datasets.read_evidence(one.whole.write(one.wanted, Path(room)))
    asked = judge.localiser.judge
    features = asked.measure(to_uint8(evidence.pixels))
    mode = one.key[0]
    route = asked.route(mode, vector_of(features, features.activity >= FLATTEST, mode), evidence.jpeg_quality)
    localiser = Localiser(asked, {one.key: calibration})
    found = localiser.localise(evidence.pixels, evidence.jpeg_quality, features, mode, route)
    part = next(localiser.agreed(found, mode, route, evidence.jpeg_quality), None) if found else None
    if part is None:
        return 0.0, 0.0
    strength = part.evidence - least_evidence(calibration, part.kind, len(features.origins))
    return (strength, 0.0) if part.kind == regions.UPSCALED else (0.0, strength)


def _limited(calibration: TileCalibration, seen: list[Seen], evidence: np.ndarray) -> tuple[TileCalibration, dict]:
    """Set the least evidence so that false regions are rare in every kind of picture, and say how rare they are.

    Args:
        calibration: without limits.
        seen: pictures of one piece.
        evidence: (n, 2), of an upscaled and of an untouched part in each.
    """
    kinds = np.array([one.whole.kind for one in seen])
    highest = np.max([_exceeded(evidence[kinds == kind]) for kind in np.unique(kinds)], axis=0)
    least = np.maximum(np.nextafter(highest, np.inf), LEAST_EVIDENCE)
    false = (evidence >= least).any(axis=1)
    card = {
        str(kind): {
            "pictures": int((kinds == kind).sum()),
            "looked_at_closely": int((evidence[kinds == kind, 0] >= 0).sum()),
            "false_regions": int(false[kinds == kind].sum()),
        }
        for kind in np.unique(kinds)
    }
    return replace(calibration, least_upscaled=float(least[0]), least_untouched=float(least[1])), card


def _exceeded(evidence: np.ndarray) -> np.ndarray:
    """Return what few new pictures of a kind exceed: the k-th highest of n values does in k of n + 1.

    Args:
        evidence: (n, 2), at least one row.

    Returns:
        (2,), the highest of all where n is too small for `FALSE_REGIONS`.
    """
    rank = max(1, int(FALSE_REGIONS * (len(evidence) + 1)))
    return np.sort(evidence, axis=0)[-rank]
