"""From evidence to the typed result: measure the picture, choose the expert, decide, and say what was done.

Deterministic: the same picture gives the same result alone or among others, on any number of threads.
"""

import hashlib
import math
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from datasets import Evidence, read_evidence
from fingerprint.conditions import CONDITIONS, LOWEST_QUALITY, Condition
from fingerprint.contrast import Contrast, contrast_of
from fingerprint.decide import Decision, decide
from fingerprint.expert import PARSED, Expert, Scored, averaged
from fingerprint.features import MAX_TILES, PictureFeatures, mode_mask, picture_features, prepare
from fingerprint.imitation.opinion import read_opinion
from fingerprint.localiser import (
    Calibrations,
    Judge,
    Localiser,
    read_calibrations,
    regions_note,
    verdict_with_regions,
)
from fingerprint.reference import MODES, SHIPPED, Reference, load
from fingerprint.regions import FLATTEST
from fingerprint.regression.answers import Seen, nothing, regressed
from fingerprint.regression.regressors import Regressors
from fingerprint.regression.store import read_regressors
from fingerprint.resampling.detector import SHIPPED as RESAMPLING
from fingerprint.resampling.detector import Detector, shipped_detector
from fingerprint.resampling.opinion import Enlargement, asked, enlarged, joined, spoken_of
from fingerprint.result import Candidate, ImageFacts, Parameter, Priors, Result, Tool, Upscaled, Verdict
from fingerprint.router import Route, route
from fingerprint.sources import UNKNOWN, Source
from fingerprint.streaks import filtered
from spectra import TILE, TileFeatures, tile_origins, to_uint8

if TYPE_CHECKING:
    from fingerprint.gallery import Enrolled

SMALL_SIDE = 144  # pixels; validation crops are 160
CANDIDATES = 5
ACCUSATIONS = ("known_source", "unknown_source")
GUESSES = 199  # points that stand for the normal distribution of a regressed size
_DATA = (".json", ".safetensors")
NOTHING_ELSE = {"scale": "1", "loss": "none", "architecture": "none"}


def tool_version() -> str:
    """Return the installed version of the tool."""
    try:
        return version("whorl")
    except PackageNotFoundError:
        return "0"


class Attributor:
    """Answers for pictures against one reference; one object may serve several threads."""

    def __init__(
        self,
        reference: Path | Reference | None = None,
        priors: Priors | None = None,
        *,
        gallery: Path | None = None,
        gallery_only: bool = False,
        calibrations: Calibrations | None = None,
        regressors: Regressors | None = None,
        detector: Detector | None = None,
    ) -> None:
        """Open the reference, and a gallery if there is one.

        Args:
            reference: folder of a fitted reference, or an open one; the shipped one by default.
            priors: of upscaled, and of an unknown upscaler given upscaled.
            gallery: folder of sources that a user enrolled, or the name of a gallery that ships.
            gallery_only: whether these are the only candidates.
            calibrations: of single tiles; by default those beside the reference's files. Without them nothing is
                localised.
            regressors: of hyper-parameters as real numbers; by default those beside the reference's files. Without them
                these parameters are not known.
            detector: of plain enlargements; by default the shipped one with a folder, none with an open reference.

        Raises:
            ReferenceError: the reference cannot be used.
            GalleryError: the gallery cannot be used, or is wanted alone and has no source.
            ValueError: a prior is not strictly between 0 and 1.
        """
        self.priors = Priors() if priors is None else priors
        for name in ("upscaled", "unknown_given_upscaled"):
            if not 0 < getattr(self.priors, name) < 1:
                raise ValueError(f"prior {name} must lie strictly between 0 and 1, got {getattr(self.priors, name)}")
        self.reference = reference if isinstance(reference, Reference) else load(reference)
        self._enrolled, self._alone = _opened(gallery, self.reference.identity, gallery_only), gallery_only
        self._contrasts: dict[tuple[str, str], Contrast | None] = {}
        self._fitting = Lock()
        weights = "" if isinstance(reference, Reference) else weights_identity(reference, gallery)
        self.tool = Tool(tool_version(), self.reference.identity, self.priors, weights=weights)
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1)
        if calibrations is None and not isinstance(reference, Reference):
            calibrations = read_calibrations(reference, self.reference.identity)
        if regressors is None and not isinstance(reference, Reference):
            regressors = read_regressors(reference)
        if detector is None and not isinstance(reference, Reference):
            detector = shipped_detector()
        self._regressors, self._detector = regressors, detector
        self._opinion = None if isinstance(reference, Reference) else read_opinion(reference, self.reference.identity)
        judge = Judge(self.reference, self.priors, self._features, self._route, self._ask, self._pool.map)
        self.localiser = Localiser(judge, calibrations or {})

    def attribute(self, evidence: Evidence, everywhere: bool = False) -> Result:
        """Answer for one picture.

        Args:
            evidence: a file as `datasets.read_evidence` gives it.
            everywhere: whether parts are sought closely everywhere, and a picture of one piece is mapped, too.

        Returns:
            The result; pictures that are too small or flat are `inconclusive`.
        """
        return self.answer(evidence, everywhere).result

    def answer(self, evidence: Evidence, everywhere: bool = False) -> "Answer":
        """Answer for one picture, with the evidence for every source.

        Args:
            evidence: a file as `datasets.read_evidence` gives it.
            everywhere: as in `attribute`.
        """
        return self.judge(evidence, self._features(evidence.pixels), is_grey(evidence.pixels), everywhere)

    def _features(self, pixels: np.ndarray, max_tiles: int = MAX_TILES) -> PictureFeatures:
        if tile_origins(*pixels.shape[:2]):
            prepare()
        return picture_features(to_uint8(pixels), max_tiles=max_tiles, pool=self._pool)

    def measure(self, pixels: np.ndarray, max_tiles: int = MAX_TILES) -> "Measured | None":
        """Measure a picture that is to be enrolled.

        Args:
            pixels: (H, W, 3) uint8 or uint16.
            max_tiles: how many tiles, at most.

        Returns:
            What was measured, None for a picture that is too small or too flat to carry a trace.
        """
        pooled = _pooled(self._features(pixels, max_tiles))
        return None if pooled is None else Measured(pooled, ("grey",) if is_grey(pixels) else MODES)

    def condition_of(self, measured: "Measured", quality: int | None) -> Condition:
        """Return the condition that a picture is in.

        Args:
            measured: the picture.
            quality: of its file, None where it is not a JPEG file.
        """
        mode = measured.modes[0]
        return self._route(mode, measured.features[mode_mask(mode)][None], quality).condition

    def place(self, measured: "Measured", mode: str, condition: Condition) -> np.ndarray:
        """Return (k,) float64: where a picture lies among the reference's sources, one of `Places.vectors`."""
        expert = self.reference.experts[mode, condition.name]
        return expert.places.vectors(expert.tracer.steady_scores(measured.features[mode_mask(mode)][None]))[0]

    def judge(self, evidence: Evidence, features: TileFeatures, grey: bool, everywhere: bool = False) -> "Answer":
        """Answer for one picture whose tiles have been measured.

        Args:
            evidence: the file.
            features: of its tiles.
            grey: whether red, green and blue agree everywhere.
            everywhere: as in `attribute`.
        """
        notes = list(evidence.notes)
        pooled = _pooled(features)
        if pooled is None:
            side = min(evidence.width, evidence.height)
            small = f"small: a side of {side} pixels is below the {TILE} that one tile needs"
            notes.append(small if side < TILE else "flat: no part of the picture has enough texture to carry a trace")
            return Answer(self._nothing(evidence, notes))
        mode = "grey" if grey else "colour"
        vector = pooled[mode_mask(mode)][None]
        route = self._route(mode, vector, evidence.jpeg_quality)
        if route.remark:
            notes.append(f"recompressed: {route.remark}")
        left = self._enrolled.keys() - self._comparable(mode, route.condition)
        if left:
            words = ", ".join(sorted(left)[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
            notes.append(
                f"uncompared: {words}: enrolled from pictures that cannot show it after {route.condition.words}"
            )
        if self._alone and len(left) == len(self._enrolled):
            return Answer(self._nothing(evidence, notes))
        expert, scored, doubt = self.heard(evidence.pixels, mode, vector, route)
        thresholds = self.reference.thresholds[mode, route.condition.name]
        decision = decide(expert, scored, 0, thresholds, self.priors)
        if doubt:
            decision = replace(decision, verdict="inconclusive", reason=doubt)
        plain = self._plainly_enlarged(evidence, route.condition, decision)
        told = decision if plain is None else joined(decision, plain, thresholds, self.priors)
        verdict = self._widened(told, evidence, notes)
        found = self.localiser.regions(evidence.pixels, evidence.jpeg_quality, features, mode, route, everywhere)
        mixed = found is not None and bool(found.found)
        if found and mixed:
            verdict = verdict_with_regions(verdict, found)
            notes.append(regions_note(found))
        parameters = _parameters(expert, scored, decision, verdict, self.reference.sources)
        parameters = parameters if plain is None else spoken_of(parameters, plain)
        shares = dict(zip(scored.sources, told.sources.tolist(), strict=True))
        side = min(evidence.width, evidence.height)
        loss = parameters["loss"].value
        seen = Seen(pooled, mode, route.condition.name, verdict, loss, shares, evidence.jpeg_quality, side)
        added, remarks = regressed(None if mixed else self._regressors, seen)  # two makers have no one depth
        notes += remarks
        result = Result(
            image=_facts(evidence, notes),
            verdict=verdict,
            candidates=_candidates(scored.sources, told),
            upscaled=Upscaled(_down(told.upscaled), _log10(told.log_lr_upscaled)),
            parameters=parameters | added,
            tool=self.tool,
            regions=found,
        )
        return Answer(result, scored, told)

    def _plainly_enlarged(self, evidence: Evidence, condition: Condition, decision: Decision) -> Enlargement | None:
        """Look for an enlargement by a plain kernel where the experts name no source."""
        small = min(evidence.width, evidence.height) < SMALL_SIDE
        if self._detector is None or small or not asked(decision, condition.name, evidence.jpeg_quality):
            return None
        plain = enlarged(self._detector, to_uint8(evidence.pixels), self.priors, self._pool)
        return None if plain is None or (decision.unsourced and not plain.sure) else plain

    def heard(
        self, pixels: np.ndarray, mode: str, vector: np.ndarray, route: Route
    ) -> tuple[Expert, Scored, str | None]:
        """Hear all who have a say on one picture: the experts, and the imitators where they ship.

        Args:
            pixels: (H, W, 3) uint8 or uint16.
            mode: colour or grey.
            vector: (1, d) features of the mode.
            route: what the picture went through.

        Returns:
            The expert of the condition, what all said together, and why it is in doubt, if it is.
        """
        ask = self.asking(mode, vector)
        expert, scored = ask_all(ask, route)
        doubt = _contradicted(ask, route) if scored.upscaled[0] > 0 else None
        if doubt:
            scored = replace(scored, upscaled=np.zeros(1))
        if self._opinion and mode == "colour":
            scored = self._opinion.joined(to_uint8(pixels), scored, route.condition.name, self._pool)
        return expert, scored, doubt

    def _ask(self, mode: str, condition: Condition, vector: np.ndarray) -> tuple[Expert, Scored]:
        expert = self.reference.experts[mode, condition.name]
        traced = expert.tracer.steady_scores(vector)
        scored = expert.score(expert.detector.steady_scores(vector), traced)
        near = self._comparable(mode, condition)
        if not near:
            return expert, scored
        contrast = self._contrast(mode, condition)
        among = contrast and contrast.among(vector, expert.places.vectors(traced))
        return expert, expert.compare(scored, traced, near, self._alone, among)

    def asking(self, mode: str, vector: np.ndarray) -> "Ask":
        """Return what asks the experts about one picture, each at most once.

        Args:
            mode: colour or grey.
            vector: (1, d) features of the mode.
        """
        return cache(partial(self._ask, mode, vector=vector))

    def _comparable(self, mode: str, condition: Condition) -> dict[str, np.ndarray]:
        """Return the vectors of those of the user's sources that can be compared with in a condition."""
        key = mode, condition.name
        return {name: source.vectors[key] for name, source in self._enrolled.items() if key in source.vectors}

    def _contrast(self, mode: str, condition: Condition) -> Contrast | None:
        """Return what tells the user's sources from each other in a condition, None where too few are told of."""
        key = mode, condition.name
        with self._fitting:
            if key not in self._contrasts:
                expert, kept = self.reference.experts[key], {}
                for name in self._comparable(mode, condition):
                    found = self._enrolled[name].features(condition.name)
                    if found is not None:
                        kept[name] = found[:, mode_mask(mode)]
                self._contrasts[key] = contrast_of(expert, kept) if len(kept) > 1 else None
            return self._contrasts[key]

    def _route(self, mode: str, vector: np.ndarray, quality: int | None) -> Route:
        router = self.reference.routers[mode]
        scores = self.reference.router_temperatures[mode] * router.steady_scores(vector)[0].astype(np.float64)
        order = [router.classes.index(condition.name) for condition in CONDITIONS]
        scores = scores[order]
        return route(scores - scores.max() - math.log(np.exp(scores - scores.max()).sum()), quality)

    def _widened(self, decision: Decision, evidence: Evidence, notes: list[str]) -> Verdict:
        """Widen to inconclusive what lies outside the validated range, and say so."""
        quality, side = evidence.jpeg_quality, min(evidence.width, evidence.height)
        if quality is not None and quality < LOWEST_QUALITY:
            limit = f"the validated range, which ends at {LOWEST_QUALITY}"
            notes.append(f"compressed: JPEG quality {quality} is below {limit}")
            return "inconclusive"
        if side < SMALL_SIDE and decision.verdict in ACCUSATIONS:
            notes.append(f"small: a side of {side} pixels is below the {SMALL_SIDE} that upscaling is reported from")
            return "inconclusive"
        if decision.verdict in ACCUSATIONS and filtered(to_uint8(evidence.pixels)):
            notes.append(
                "filtered: neighbouring pixels are equal as after a median filter, outside the validated range"
            )
            return "inconclusive"
        if decision.reason:
            notes.append(decision.reason)
        return decision.verdict

    def _nothing(self, evidence: Evidence, notes: list[str]) -> Result:
        """Return the answer that the priors alone give."""
        names = sorted(self._enrolled.keys() | (set() if self._alone else self.reference.sources.keys()))
        each = self.priors.upscaled * (1 - self.priors.unknown_given_upscaled) / max(len(names), 1)
        empty = {name: Parameter(None) for name in (*PARSED, "log10_parameters")} | nothing()
        return Result(
            image=_facts(evidence, notes),
            verdict="inconclusive",
            candidates=tuple(Candidate(name, _down(each), 0.0) for name in names[:CANDIDATES]),
            upscaled=Upscaled(_down(self.priors.upscaled), 0.0),
            parameters=empty,
            tool=self.tool,
        )


@dataclass(frozen=True)
class Measured:
    """A picture's features, and the modes of experts that can tell something of it.

    Attributes:
        features: (d,) float32, of all dimensions.
        modes: "colour" and "grey", or "grey" alone for a grey picture.
    """

    features: np.ndarray
    modes: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """An answer, and what it follows from.

    Attributes:
        result: the typed answer.
        scored: what all who have a say said together, None where there is nothing that they could speak of.
        decision: what follows from that, None with it.
    """

    result: Result
    scored: Scored | None = None
    decision: Decision | None = None


Ask = Callable[[Condition], tuple[Expert, Scored]]
"""Told a processing condition; returns its expert, and what that says of a picture."""


def ask_all(ask: Ask, route: Route) -> tuple[Expert, Scored]:
    """Ask the expert of the chosen condition, and where others are possible let theirs have a say.

    Which source, and how it was built, is averaged over the conditions by their probabilities: on held-out training
    crops that names the source of 0.969 and 0.959 of clean ones in two folds, the chosen expert alone of 0.965 and
    0.953, and of 0.516 and 0.556 at JPEG 90, not 0.511 and 0.538.

    Args:
        ask: about the picture.
        route: the conditions that it may be in.
    """
    expert, scored = ask(route.condition)
    asked = [(ask(condition)[1], share) for condition, share in route.shares]
    return expert, averaged(scored, [(other, share) for other, share in asked if other.sources == scored.sources])


def _contradicted(ask: Ask, chosen: Route) -> str | None:
    """Say which other condition that the picture may be in speaks against upscaling."""
    for condition in chosen.others:
        if float(ask(condition)[1].upscaled[0]) < 0:
            return (
                f"contradictory: it looks upscaled if it went through {chosen.condition.words}, not upscaled if "
                f"through {condition.words}, and by its pixels both are possible"
            )
    return None


def _pooled(features: TileFeatures) -> np.ndarray | None:
    """Return the feature vector of the tiles that have texture, None where there are none."""
    textured = features.activity >= FLATTEST
    return features.pooled(textured) if textured.any() else None


def is_grey(pixels: np.ndarray) -> bool:
    """Whether red, green and blue agree everywhere in (H, W, 3) pixels."""
    return pixels.strides[2] == 0 or bool((pixels[..., :1] == pixels).all())


def weights_identity(reference: Path | None = None, gallery: Path | None = None) -> str:
    """Return the SHA-256 over all files that answers follow from, but for a reference's own two.

    Args:
        reference: folder of a fitted reference, the shipped one by default.
        gallery: folder of sources that a user enrolled.
    """
    from fingerprint.gallery import located

    folder, own = reference or SHIPPED, Path(__file__).parent
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in _DATA and path.stem != "reference"]
    paths += [own / "embedding" / "embedding.safetensors", *sorted((own / "imitation").glob("*.safetensors"))]
    paths += [RESAMPLING]
    paths += [] if gallery is None else [path for path in sorted(located(gallery).iterdir()) if path.suffix in _DATA]
    lines = (f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in paths)
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def _opened(folder: Path | None, identity: str, alone: bool) -> "Mapping[str, Enrolled]":
    if folder is None:
        if alone:
            raise ValueError("gallery_only needs a gallery")
        return {}
    from fingerprint.gallery import open_gallery

    return open_gallery(folder, identity, needed=alone).sources


def _facts(evidence: Evidence, notes: list[str]) -> ImageFacts:
    return ImageFacts(
        evidence.path, evidence.sha256, evidence.width, evidence.height, evidence.format, evidence.bit_depth,
        evidence.jpeg_quality, tuple(notes),
    )  # fmt: skip


def _down(probability: float) -> float:
    """Cut a probability to six decimals; cutting keeps sums below what they are parts of."""
    return math.floor(probability * 1e6) / 1e6


def _log10(natural: float) -> float:
    return round(natural / math.log(10), 3) + 0.0


def _candidates(names: tuple[str, ...], decision: Decision) -> tuple[Candidate, ...]:
    order = np.argsort(-decision.sources, kind="stable")[:CANDIDATES]
    return tuple(
        Candidate(
            names[k],
            _down(decision.upscaled * float(decision.sources[k])),
            _log10(float(decision.log_lr_sources[k])),
        )
        for k in order
    )


def _parameters(
    expert: Expert, scored: Scored, decision: Decision, verdict: Verdict, sources: Mapping[str, Source]
) -> dict[str, Parameter]:
    """Parse hyper-parameters by the heads; where a source is named, by the sources' probabilities, for they must agree.

    Heads stand in for the unknown source there, and for sources that a user enrolled. They know scale better than
    sources that resemble each other do (JPEG 50: 0.91 right for 0.88), so they speak alone where none is named. What is
    not upscaled has no parameters.
    """
    named = verdict == "known_source"
    described = [(k, sources[name]) for k, name in enumerate(scored.sources) if name in sources]
    shares = decision.sources[[k for k, _ in described]] * named
    of_users = 1 - decision.unknown - float(shares.sum()) if len(described) < len(scored.sources) else 0.0
    rest = decision.unknown + of_users if named else 1.0
    out: dict[str, Parameter] = {}
    for name in PARSED:
        given = dict.fromkeys(expert.heads[name].classes, 0.0)
        for (_, source), probability in zip(described, shares, strict=True):
            value = str(getattr(source, name))
            given[value] = given.get(value, 0.0) + float(probability)
        for value, log_probability in zip(expert.heads[name].classes, scored.parsed[name][0], strict=True):
            given[value] += rest * math.exp(log_probability)
        given = {value: probability * decision.upscaled for value, probability in given.items()}
        if name in NOTHING_ELSE:
            key = NOTHING_ELSE[name]
            given[key] = given.get(key, 0.0) + 1 - decision.upscaled
        probabilities = {key: _down(float(value)) for key, value in sorted(given.items())}
        ruled_out = NOTHING_ELSE.get(name) if verdict in ACCUSATIONS else None
        best = max((key for key in probabilities if key != ruled_out), key=lambda key: probabilities[key])
        if verdict == "not_upscaled":
            best = NOTHING_ELSE.get(name, UNKNOWN)
        if name == "scale":
            low, high = _range(probabilities)
            out[name] = Parameter(int(best), (min(low, int(best)), max(high, int(best))), probabilities)
        else:
            out[name] = Parameter(None if best == UNKNOWN else best, None, probabilities)
    sizes = np.array([source.parameters for _, source in described])
    nothing = verdict == "not_upscaled" or shares[sizes == 0].sum() > 0.5  # a kernel has no parameters
    out["log10_parameters"] = Parameter(None) if nothing else _size(expert, scored, shares, rest, sizes)
    return out


def _size(expert: Expert, scored: Scored, shares: np.ndarray, rest: float, sizes: np.ndarray) -> Parameter:
    """Give median and 90 % interval: each enrolled network's size by its share, the regression for the rest."""
    networks = sizes > 0
    spread = expert.size_margin / ndtri(0.95)
    guesses = float(scored.log10_parameters[0]) + spread * ndtri((np.arange(GUESSES) + 0.5) / GUESSES)
    values = np.concatenate([np.log10(sizes[networks]), guesses])
    weights = np.concatenate([shares[networks], np.full(GUESSES, rest / GUESSES)])
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    low, middle, high = (round(float(values[order][np.searchsorted(reached, q)]), 2) for q in (0.05, 0.5, 0.95))
    return Parameter(middle, (low, high))


def _range(probabilities: dict[str, float], coverage: float = 0.9) -> tuple[int, int]:
    """Return the range of the likeliest scales that together hold `coverage` of the probability."""
    total, chosen = 0.0, []
    for key in sorted(probabilities, key=lambda k: -probabilities[k]):
        chosen.append(int(key))
        total += probabilities[key]
        if total >= coverage * sum(probabilities.values()):
            break
    return min(chosen), max(chosen)


def attribute(path: str | Path, *, reference: Path | None = None, priors: Priors | None = None) -> Result:
    """Say where one image comes from.

    Args:
        path: of an image file.
        reference: folder of a fitted reference; the shipped one by default.
        priors: of upscaled, and of an unknown upscaler given upscaled.

    Returns:
        The typed result.

    Raises:
        EvidenceError: the file is no picture that can be read.
        ReferenceError: the reference cannot be used.
    """
    return Attributor(reference, priors).attribute(read_evidence(path))
