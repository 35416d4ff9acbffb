"""The robustness battery: what is left of an answer after each kind of post-processing at each strength.

Every answer comes from the `Attributor` that analysts use, on files written to disk. Intervals resample photographs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fingerprint.attributor import Attributor
from fingerprint.evaluate import ORIGINAL, Answer, asked, share_of, summarise
from fingerprint.stress_kinds import KINDS, Kind, Strength
from fingerprint.studies import Innocents, innocent_corpora

TRAINED_ON = ("camera", "lossless")
"""Corpora of innocents that references are fitted on."""
Items = Sequence[tuple[str, str, Any]]


@dataclass(frozen=True)
class Battery:
    """What is measured.

    Attributes:
        items: (source, photograph, file); innocents under `original`.
        innocents: further photographs that were never upscaled, by corpus.
        kinds: keys of `KINDS`.
        scales: true scale of each source; `original` is 1.
    """

    items: Items
    innocents: Innocents
    kinds: tuple[str, ...]
    scales: dict[str, int]

    @property
    def pictures(self) -> int:
        """How many pictures go through each strength."""
        return len(self.items) + sum(map(len, self.innocents.values()))

    @property
    def answers(self) -> int:
        """How many answers there will be."""
        return self.pictures * sum(len(KINDS[kind].strengths) for kind in self.kinds)


def chosen_items(
    items: Sequence[tuple], sources: Sequence[str] | None = None, photographs: int | None = None
) -> list[tuple]:
    """Choose some of the pictures below a folder of sources; originals always stay.

    Args:
        items: (source, photograph, file).
        sources: names of those to keep, all by default.
        photographs: how many to keep, the first by name; all by default.

    Returns:
        The chosen ones, in order.

    Raises:
        ValueError: a source is not there.
    """
    known = {source for source, *_ in items}
    missing = [name for name in sources or () if name not in known]
    if missing:
        raise ValueError(f"sources must be among {', '.join(sorted(known))}, got {missing[0]!r}")
    kept = known if sources is None else {*sources, ORIGINAL}
    shown = sorted({photograph for source, photograph, _ in items if source in kept})[:photographs]
    return [item for item in items if item[0] in kept and item[1] in shown]


def unseen_innocents(photographs: int | None = None) -> Innocents:
    """List the photographs, in no training split, that were never upscaled.

    Args:
        photographs: how many of each corpus, the first by name; all by default.
    """
    return {name: items[:photographs] for name, items in innocent_corpora().items() if name not in TRAINED_ON}


def stress(
    battery: Battery,
    attributor: Attributor,
    step: Callable[[str], None] = lambda _: None,
    advance: Callable[[int], None] = lambda _: None,
    kept: Mapping[str, Any] | None = None,
    keep: Callable[[dict], None] = lambda _: None,
) -> dict:
    """Attribute every picture after every kind of post-processing at every strength.

    Args:
        battery: what is measured.
        attributor: gives the answers.
        step: told what is being done.
        advance: called for each image.
        kept: what earlier calls returned or handed to `keep`; it is not measured again, and is part of the result.
        keep: handed all that is measured so far, after each strength.

    Returns:
        For each kind its title, axis and strengths; for each strength what `evaluate.summarise` counts (without the
        confusion), and the same shares of the further innocents.

    Raises:
        ValueError: no such kind, or a file cannot be read.
    """
    for name in battery.kinds:
        if name not in KINDS:
            raise ValueError(f"kinds must be among {', '.join(KINDS)}, got {name!r}")
    found = {
        (name, entry["strength"]): entry for name, kind in (kept or {}).items() for entry in kind.get("strengths", ())
    }
    for name in battery.kinds:
        for strength in KINDS[name].strengths:
            if (name, strength.name) in found:
                advance(battery.pictures)
                continue
            step(f"{name} {strength.name}")
            found[name, strength.name] = _one(battery, KINDS[name], strength, attributor, advance)
            keep(_ordered(found))
    return _ordered(found)


def _ordered(found: Mapping[tuple[str, str], dict]) -> dict:
    """Put what was measured in the order of `KINDS`."""
    out = {}
    for name, kind in KINDS.items():
        strengths = [found[name, strength.name] for strength in kind.strengths if (name, strength.name) in found]
        if strengths:
            out[name] = {"title": kind.title, "axis": kind.axis, "strengths": strengths}
    return out


def _one(
    battery: Battery, kind: Kind, strength: Strength, attributor: Attributor, advance: Callable[[int], None]
) -> dict:
    post = f"{kind.title} {strength.name}"

    def answered(items: Items) -> list[Answer]:
        def one(source: str, photograph: str, evidence: Any) -> Answer:
            return Answer(source, photograph, post, attributor.attribute(evidence))

        return list(asked(items, strength.write, one, advance))

    given = answered(battery.items)
    summary = summarise(given, battery.scales, strength.enlarges)
    del summary["confusion"]
    further = {corpus: answered(items) for corpus, items in battery.innocents.items()}
    return {
        "strength": strength.name,
        "value": strength.value,
        "enlarges": strength.enlarges,
        **summary,
        "innocents": _innocents(further, strength.enlarges) if further else None,
    }


def _accused(answers: Sequence[Answer], enlarged: bool) -> dict:
    return share_of(
        np.array([answer.accused(enlarged) for answer in answers], bool),
        np.array([answer.photograph for answer in answers]),
    )


def _innocents(answers: Mapping[str, Sequence[Answer]], enlarged: bool) -> dict:
    every = [answer for several in answers.values() for answer in several]
    undecided = np.array([answer.result.verdict == "inconclusive" for answer in every])
    return {
        "false_accusations": _accused(every, enlarged),
        "inconclusive": share_of(undecided, np.array([answer.photograph for answer in every])),
        "accused": sorted(
            f"{name}/{answer.photograph}"
            for name, several in answers.items()
            for answer in several
            if answer.accused(enlarged)
        ),
    }
