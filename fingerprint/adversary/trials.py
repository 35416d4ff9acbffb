"""The menu: every attack with its strengths and, where it forges, with the source that shall be named."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import numpy as np

import datasets
from fingerprint.adversary.forgery import REMAKING, STYLISTIC, Style, style
from fingerprint.adversary.gradient import GROUPS, STEPS, WhiteBox
from fingerprint.adversary.removal import REMOVALS, Attacked, coded
from fingerprint.adversary.subjects import Subject, files_of, runnable
from fingerprint.adversary.surrogate import learned_part
from fingerprint.attributor import Attributor
from spectra import to_uint8

CONTROLS: Mapping[str, int | None] = {"untouched": None, "jpeg 96": 96, "jpeg 90": 90}
"""What is done to pictures without malice: nothing, or one JPEG step of a quality."""
GRADIENT = "gradient"
FORGED_GRADIENT = "forge-gradient"
BOUNDS = {"1 level": 1.0, "2 levels": 2.0}
BY_GROUP = {f"{GRADIENT}-{group}": group for group in GROUPS}
ATTACKS = (*REMOVALS, GRADIENT, *BY_GROUP, FORGED_GRADIENT, *STYLISTIC, *REMAKING)
FORGERIES = (FORGED_GRADIENT, *STYLISTIC, *REMAKING)
LEARNED_FROM = 30  # pictures of a source


@dataclass(frozen=True)
class Trial:
    """One attack at one strength.

    Attributes:
        attack: one of `ATTACKS` or `CONTROLS`.
        strength: as the attack names them, "" for controls.
        target: the source that a forgery is to be taken for.
    """

    attack: str
    strength: str = ""
    target: str | None = None

    @property
    def key(self) -> tuple[str, str, str | None]:
        """Attack, strength and target."""
        return self.attack, self.strength, self.target

    @property
    def title(self) -> str:
        """The attack in words."""
        return " ".join(part for part in (self.attack, self.strength, self.target and f"as {self.target}") if part)

    @property
    def control(self) -> bool:
        """Whether it is no attack."""
        return self.attack in CONTROLS

    @property
    def untouched(self) -> bool:
        """Whether nothing is done at all."""
        return self.attack == next(iter(CONTROLS))

    @property
    def maker(self) -> str | None:
        """The network whose work the attacked picture truly is, None where that is its source still."""
        if self.attack == "second-upscaler":
            return self.strength
        return self.target if self.attack == "remake" else None

    def fits(self, subject: Subject) -> bool:
        """Whether the attack makes sense for a picture."""
        if self.control or subject.spare:
            return self.control
        if self.attack in FORGERIES:
            return subject.source != self.target
        return not subject.innocent and subject.source not in self.strength.split(" at ")


def missing(attributor: Attributor) -> dict[str, str]:
    """Name the attacks that cannot be tried here, with what they need."""
    found = {}
    if find_spec("skimage") is None:
        found["non-local-means"] = "the package scikit-image, which is not installed"
    if learned_part(attributor.reference) is None:
        found[f"{GRADIENT}-embedding"] = "a reference that rests on an embedding, too"
    return found


def trials_of(attacks: Sequence[str], targets: Sequence[str]) -> list[Trial]:
    """List the trials of attacks, after the controls.

    Args:
        attacks: some of `ATTACKS`.
        targets: sources that pictures are to be taken for.

    Raises:
        ValueError: no such attack, or one that needs to run a network and none of the targets can be.
    """
    found = [Trial(name) for name in CONTROLS]
    for name in attacks:
        if name not in ATTACKS:
            raise ValueError(f"attacks must be among {', '.join(ATTACKS)}, got {name!r}")
        if name in REMOVALS:
            found += [Trial(name, strength) for strength in REMOVALS[name]]
        elif name == GRADIENT:
            found += [Trial(name, strength) for strength in BOUNDS]
        elif name in BY_GROUP:
            found.append(Trial(name, list(BOUNDS)[-1]))
        else:
            found += _forgeries(name, targets)
    return found


def _forgeries(name: str, targets: Sequence[str]) -> list[Trial]:
    strengths = BOUNDS if name == FORGED_GRADIENT else STYLISTIC.get(name) or REMAKING[name]
    chosen = [target for target in targets if name not in REMAKING or target in runnable()]
    if not chosen:
        raise ValueError(f"targets must name a network that can be run here for {name}, got {', '.join(targets)}")
    return [Trial(name, strength, target) for target in chosen for strength in strengths]


class Workshop:
    """What attacks are made with."""

    def __init__(self, attributor: Attributor, renders: Path, steps: int = STEPS, seed: int = 0) -> None:
        """Set up.

        Args:
            attributor: the tool that is attacked.
            renders: folder for what networks make.
            steps: of the gradient attack.
            seed: of what is random in attacks.
        """
        self._white_box = WhiteBox(attributor.reference, attributor.priors, steps)
        self._renders, self._seed = renders, seed
        self._styles: dict[str, Style] = {}
        self._lock = Lock()

    def attack(self, trial: Trial, subject: Subject) -> Attacked:
        """Attack a picture.

        Args:
            trial: what is done.
            subject: the picture.
        """
        pixels, name, strength = subject.pixels, trial.attack, trial.strength
        if name in CONTROLS:
            quality = CONTROLS[name]
            return Attacked(pixels) if quality is None else coded(pixels, quality)
        if name in REMOVALS:
            key = f"{self._seed}|{name}|{strength}|{subject.source}|{subject.photograph}"
            rng = np.random.default_rng(list(hashlib.sha256(key.encode()).digest()[:16]))
            return REMOVALS[name][strength](pixels, rng)
        if name in REMAKING and trial.target is not None:
            return Attacked(REMAKING[name][strength](pixels, trial.target))
        if name in STYLISTIC and trial.target is not None:
            own, other = self._style(subject.source), self._style(trial.target)
            return Attacked(STYLISTIC[name][strength](pixels, own, other))
        group = BY_GROUP.get(name)
        return Attacked(self._white_box.perturb(pixels, trial.target, BOUNDS[strength], group))

    def _style(self, source: str) -> Style:
        with self._lock:
            if source not in self._styles:
                paths = files_of(source, "train", LEARNED_FROM, self._renders)
                self._styles[source] = style([to_uint8(datasets.read_evidence(path).pixels) for path in paths])
            return self._styles[source]
