"""The bench: attack pictures, write them to files, and see what the tool says of these, with and without defences.

Every answer comes from the `Attributor` that analysts use, on files written to disk. Intervals resample photographs.
"""

import math
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

import datasets
from fingerprint.adversary.defences import Case, Weighed, contradicted, doubts, shifted, weigh
from fingerprint.adversary.gradient import STEPS
from fingerprint.adversary.removal import Attacked
from fingerprint.adversary.subjects import Subject, innocent_subjects, sources_subjects
from fingerprint.adversary.trials import ATTACKS, CONTROLS, Trial, Workshop, trials_of
from fingerprint.attributor import Attributor
from fingerprint.decide import Decision
from fingerprint.evaluate import share_of
from fingerprint.reference import Reference
from fingerprint.result import Result
from model_zoo.metrics import psnr_luma, ssim_luma

INNOCENTS = 12
"""Photographs that were never upscaled, at least: fewer untouched ones set no limit on kinds of features."""
HIGHEST_PSNR = 100.0  # decibels, for a picture that an attack did not change at all
PLAIN, TILES, COPY, FEATURES, ALL = "none", "tiles", "copy", "features", "all"
DEFENCES = (PLAIN, TILES, COPY, FEATURES, ALL)
"""None; randomised tiles; a second look at a JPEG copy; kinds of features apart; the last three together."""
VERDICTS = ("right_name", "remaker_name", "wrong_name", "unknown_source", "inconclusive", "not_upscaled")
"""What a verdict amounts to; `remaker_name` is that of the network whose work an attacked picture truly is."""


@dataclass(frozen=True)
class Plan:
    """What is tried on what.

    Attributes:
        sources: whose pictures are attacked.
        targets: sources that forgeries are to be taken for.
        attacks: names of attacks.
        photographs: of each source, and photographs that were never upscaled, which are attacked.
        steps: of the gradient attack.
        seed: of the attacks' randomness and of the defence's secret.
        renders: folder for what networks make.
        keep: folder for the attacked files, None for none.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    attacks: tuple[str, ...]
    photographs: int
    renders: Path
    steps: int = STEPS
    seed: int = 0
    keep: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one attacked picture.

    Attributes:
        trial: the attack.
        subject: the picture.
        psnr: to the unattacked picture, luma, in decibels.
        ssim: likewise.
        result: what the tool says of the file.
        weighed: the evidence behind that, None for a picture without texture.
        tiles: the decision by randomised tiles, None likewise.
        refuted: whether a JPEG copy says something else.
    """

    trial: Trial
    subject: Subject
    psnr: float
    ssim: float
    result: Result
    weighed: Weighed | None
    tiles: Decision | None
    refuted: bool

    def log10_lr(self, source: str) -> float | None:
        """Return the log10 likelihood ratio of a source against the other upscalers, None where there is none."""
        if self.weighed is None or source not in self.weighed.scored.sources:
            return None
        return self.weighed.log_lr(source) / math.log(10)

    def told(self, defence: str, doubt: bool) -> tuple[str, str | None]:
        """Return verdict and name under a defence.

        Args:
            defence: one of `DEFENCES`.
            doubt: whether kinds of features disagree with the verdict.
        """
        plain = self.result.verdict, _name(self.result.verdict, self.result.candidates[0].source)
        tiles = plain
        if self.tiles is not None and self.weighed is not None and not self._held_back:
            best = self.weighed.scored.sources[int(np.argmax(self.tiles.sources))]
            tiles = self.tiles.verdict, _name(self.tiles.verdict, best)
        doubted = {COPY: self.refuted, FEATURES: doubt, ALL: self.refuted or doubt or tiles != plain}
        if defence == TILES:
            return tiles
        return ("inconclusive", None) if doubted.get(defence, False) else plain

    def judged(self, defence: str, doubt: bool) -> str:
        """Return what a verdict amounts to, one of `VERDICTS`; the arguments are those of `told`."""
        verdict, name = self.told(defence, doubt)
        if verdict != "known_source":
            return verdict
        makers = {self.subject.source: "right_name", self.trial.maker: "remaker_name"}
        return makers.get(name, "wrong_name")

    @property
    def _held_back(self) -> bool:
        """Whether the tool keeps to itself what the evidence amounts to: another condition contradicts it, say."""
        decided = self.weighed is not None and self.weighed.decision.verdict != "inconclusive"
        return decided and self.result.verdict == "inconclusive"

    @property
    def right(self) -> set[str]:
        """Which of `VERDICTS` are true and say all."""
        made = {"right_name", "remaker_name"}
        return made if self.trial.maker or not self.subject.innocent else {"not_upscaled"}

    @property
    def wrong(self) -> set[str]:
        """Which of `VERDICTS` are false."""
        if self.trial.maker or not self.subject.innocent:
            return {"wrong_name", "not_upscaled"}
        return {"wrong_name", "unknown_source"}


def _name(verdict: str, source: str) -> str | None:
    return source if verdict == "known_source" else None


def subjects_of(plan: Plan) -> list[Subject]:
    """Read the pictures that a plan attacks.

    Raises:
        ValueError: a source has no pictures.
    """
    made = sources_subjects(plan.sources, plan.photographs, plan.renders)
    photographs = innocent_subjects(max(plan.photographs, INNOCENTS))
    return made + [replace(one, spare=number >= plan.photographs) for number, one in enumerate(photographs)]


def tried(plan: Plan, subjects: Sequence[Subject]) -> int:
    """Return how many attacked pictures a plan makes.

    Raises:
        ValueError: as `trials_of`.
    """
    trials = trials_of(plan.attacks, plan.targets)
    return sum(trial.fits(subject) for trial in trials for subject in subjects)


def run(
    plan: Plan,
    subjects: Sequence[Subject],
    attributor: Attributor,
    step: Callable[[str], None] = lambda _: None,
    advance: Callable[[int], None] = lambda _: None,
    workers: int = 2,
    kept: Sequence[dict] = (),
    keep: Callable[[list[dict]], None] = lambda _: None,
) -> list[dict]:
    """Try every attack on every picture that it fits.

    Args:
        plan: what is tried.
        subjects: the pictures.
        attributor: the tool.
        step: told what is being done.
        advance: called with how many attacked pictures more are done.
        workers: threads; the answers do not depend on it.
        kept: rows that earlier calls returned or handed to `keep`; those attacks are not tried again, and the rows are
            part of the result.
        keep: handed all rows so far, after the controls and after each attack.

    Returns:
        As `summary`, in the order of `CONTROLS` and `ATTACKS`.

    Raises:
        ValueError: an attack, or what it needs, is not there.
    """
    trials = trials_of(plan.attacks, plan.targets)
    found = {_key(row): row for row in kept}
    done = {key[:3] for key in found}
    wanted = [trial for trial in trials if trial.key not in done]
    advance(sum(trial.fits(subject) for trial in trials if trial not in wanted for subject in subjects))
    if not wanted:
        return _ordered(found)
    tester = _Tester(plan, attributor)
    with ThreadPoolExecutor(workers) as pool:

        def outcomes(trial: Trial, advance: Callable[[int], None]) -> list[Outcome]:
            step(trial.title)
            several = []
            for outcome in pool.map(partial(tester.outcome, trial), [s for s in subjects if trial.fits(s)]):
                advance(1)
                several.append(outcome)
            return several

        # controls are asked each time: limits rest on them
        controls = [
            outcome
            for trial in trials
            if trial.control
            for outcome in outcomes(trial, advance if trial in wanted else lambda _: None)
        ]
        before = {outcome.subject.key: outcome for outcome in controls if outcome.trial.untouched}
        for trial in (None, *(trial for trial in wanted if not trial.control)):
            tried_now = [] if trial is None else outcomes(trial, advance)
            rows = summary([*controls, *tried_now], before, attributor.reference)
            found |= {_key(row): row for row in rows}
            keep(_ordered(found))
    return _ordered(found)


def _key(row: Mapping) -> tuple[str, str, str | None, str]:
    """Return what tells rows apart; the first three are `Trial.key`."""
    return row["attack"], row["strength"], row["target"], row["pictures"]


def _ordered(found: Mapping[tuple, dict]) -> list[dict]:
    order = {name: number for number, name in enumerate((*CONTROLS, *ATTACKS))}
    return sorted(found.values(), key=lambda row: order[row["attack"]])


class _Tester:
    """Attacks pictures and asks the tool."""

    def __init__(self, plan: Plan, attributor: Attributor) -> None:
        self._plan, self._attributor = plan, attributor
        self._workshop = Workshop(attributor, plan.renders, plan.steps, plan.seed)

    def outcome(self, trial: Trial, subject: Subject) -> Outcome:
        """Attack one picture, write the file, and see what becomes of it."""
        attacked = self._workshop.attack(trial, subject)
        attributor = self._attributor
        with tempfile.TemporaryDirectory() as room:
            path = _written(attacked, Path(room))
            self._kept(path, trial, subject)
            evidence = datasets.read_evidence(path)
            result = attributor.attribute(evidence)
            weighed = weigh(attributor, evidence)
            secret = [self._plan.seed, *f"{subject.source}|{subject.photograph}|{trial.title}".encode()]
            tiles = weighed and shifted(attributor, evidence.pixels, weighed.condition, secret)
            refuted = contradicted(attributor, result, evidence, Path(room))
        psnr = min(psnr_luma(attacked.pixels, subject.pixels, shave=0), HIGHEST_PSNR)
        ssim = ssim_luma(attacked.pixels, subject.pixels, shave=0)
        return Outcome(trial, subject, psnr, ssim, result, weighed, tiles, refuted)

    def _kept(self, path: Path, trial: Trial, subject: Subject) -> None:
        if self._plan.keep is None:
            return
        folder = self._plan.keep / trial.title.replace(" ", "-").replace(",", "")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / f"{subject.source}-{subject.photograph}{path.suffix}")


def _written(attacked: Attacked, room: Path) -> Path:
    path = room / ("picture.png" if attacked.jpeg is None else "picture.jpg")
    if attacked.jpeg is None:
        Image.fromarray(attacked.pixels).save(path, compress_level=1)
    else:
        path.write_bytes(attacked.jpeg)
    return path


# Counting


def summary(outcomes: Sequence[Outcome], before: Mapping[tuple[str, str], Outcome], reference: Reference) -> list[dict]:
    """Count outcomes.

    Args:
        outcomes: of all trials.
        before: what untouched pictures came to, by `Subject.key`.
        reference: that judged them.

    Returns:
        A row of plain numbers for each attack, strength, target and kind of picture (`upscaled` or `innocent`): how
        close the attacked pictures are, what is said of them, and what each defence makes of that.
    """
    doubt = _doubted(outcomes, reference)
    groups: dict[tuple[Trial, bool], list[int]] = {}
    for number, outcome in enumerate(outcomes):
        groups.setdefault((outcome.trial, outcome.subject.innocent), []).append(number)
    return [
        _row(trial, innocent, [outcomes[k] for k in numbers], [doubt[k] for k in numbers], before)
        for (trial, innocent), numbers in groups.items()
    ]


def _doubted(outcomes: Sequence[Outcome], reference: Reference) -> list[bool]:
    held = [number for number, outcome in enumerate(outcomes) if outcome.weighed is not None]
    cases = [
        Case(o.subject.photograph, o.result.verdict, o.weighed, o.trial.control)
        for o in (outcomes[k] for k in held)
        if o.weighed is not None
    ]
    flags = [False] * len(outcomes)
    for number, flag in zip(held, doubts(cases, reference) if cases else (), strict=True):
        flags[number] = bool(flag)
    return flags


def _row(
    trial: Trial,
    innocent: bool,
    outcomes: Sequence[Outcome],
    doubt: Sequence[bool],
    before: Mapping[tuple[str, str], Outcome],
) -> dict:
    groups = np.array([outcome.subject.photograph for outcome in outcomes])
    pairs = list(zip(outcomes, doubt, strict=True))

    def share(flags: Iterable[bool]) -> dict:
        return share_of(np.array(list(flags)), groups)

    plain = [outcome.judged(PLAIN, False) for outcome in outcomes]
    first = [before[outcome.subject.key] for outcome in outcomes]
    target = trial.target
    defences = {}
    for defence in DEFENCES:
        told = [outcome.judged(defence, flag) for outcome, flag in pairs]
        defences[defence] = {
            "right": share(verdict in outcome.right for verdict, outcome in zip(told, outcomes, strict=True)),
            "wrong": share(verdict in outcome.wrong for verdict, outcome in zip(told, outcomes, strict=True)),
            "inconclusive": share(verdict == "inconclusive" for verdict in told),
        }
    return {
        "attack": trial.attack,
        "strength": trial.strength,
        "target": target,
        "pictures": "innocent" if innocent else "upscaled",
        "images": len(outcomes),
        "photographs": len(set(groups.tolist())),
        "psnr": None if trial.untouched else round(float(np.mean([outcome.psnr for outcome in outcomes])), 2),
        "ssim": round(float(np.mean([outcome.ssim for outcome in outcomes])), 4),
        "verdicts": {verdict: share(one == verdict for one in plain) for verdict in VERDICTS},
        "named_target": target and share(o.told(PLAIN, False) == ("known_source", target) for o in outcomes),
        "log10_lr_upscaled": _means(first, outcomes, lambda o: o.result.upscaled.log10_lr),
        "log10_lr_source": None if innocent else _means(first, outcomes, lambda o: o.log10_lr(o.subject.source)),
        "log10_lr_target": target and _means(first, outcomes, lambda o: o.log10_lr(target)),
        "defences": defences,
    }


def _means(
    first: Sequence[Outcome], outcomes: Sequence[Outcome], value: Callable[[Outcome], float | None]
) -> dict[str, float | None]:
    """Return means before and after the attack, of those pictures that have both."""
    pairs = [(value(one), value(other)) for one, other in zip(first, outcomes, strict=True)]
    both = np.array([pair for pair in pairs if None not in pair], float).reshape(-1, 2)
    if not len(both):
        return {"before": None, "after": None}
    return {"before": round(float(both[:, 0].mean()), 3), "after": round(float(both[:, 1].mean()), 3)}
