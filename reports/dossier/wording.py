"""Plain words: a verbal scale for likelihood ratios, the answer in a sentence, and what it does not mean.

Ratios are log10. Only the standard library.
"""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fingerprint.result import Result
from reports.words import interpolated

MISTAKES = "a scale file has `source` (text) and `[[step]]` tables of `from` (log10, rising from 0) and `words`"


@dataclass(frozen=True)
class Step:
    """One step of a verbal scale: `words` hold from the ratio 10**`start` on."""

    start: float
    words: str


@dataclass(frozen=True)
class VerbalScale:
    """Words for likelihood ratios.

    Attributes:
        source: where the table comes from, printed with every use.
        steps: rising from 0, the words for ratios in favour; those against are the same, of the other proposition.
    """

    source: str
    steps: tuple[Step, ...]

    def words(self, log10_lr: float) -> str:
        """Return the words for a ratio's size, whichever side it is on."""
        size = abs(log10_lr)
        return next(step.words for step in reversed(self.steps) if size >= step.start)

    def sentence(self, log10_lr: float, first: str, second: str) -> str:
        """Say which of two propositions a ratio supports, and how strongly.

        Args:
            log10_lr: of the first against the second.
            first: the first proposition.
            second: the second.
        """
        favoured, other = (first, second) if log10_lr >= 0 else (second, first)
        if abs(log10_lr) < self.steps[1].start:
            return f"The findings {self.words(log10_lr)} that {first} than that {second}."
        times = number(10 ** abs(log10_lr))
        return (
            f"The findings are about {times} times more probable if {favoured} than if {other}: "
            f"{self.words(log10_lr)} for the former."
        )


ENFSI = VerbalScale(
    "ENFSI Guideline for Evaluative Reporting in Forensic Science, version 3.0 (2015), table of verbal equivalents",
    (
        Step(0.0, "do not, or hardly, support more"),
        Step(math.log10(2), "weak support"),
        Step(1.0, "moderate support"),
        Step(2.0, "moderately strong support"),
        Step(3.0, "strong support"),
        Step(4.0, "very strong support"),
        Step(6.0, "extremely strong support"),
    ),
)


def read_scale(path: Path | None) -> VerbalScale:
    """Read a verbal scale from a TOML file.

    Args:
        path: the file, None for ENFSI's.

    Raises:
        ValueError: it is no such file; in one line.
    """
    if path is None:
        return ENFSI
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        steps = tuple(Step(float(step["from"]), str(step["words"])) for step in found["step"])
        scale = VerbalScale(str(found["source"]), steps)
    except OSError as error:
        raise ValueError(f"--scale {path}: {error.strerror or error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"--scale {path}: {type(error).__name__} {error}; {MISTAKES}") from None
    starts = [step.start for step in steps]
    if len(steps) < 2 or starts[0] != 0 or starts != sorted(set(starts)) or not scale.source.strip():
        raise ValueError(f"--scale {path}: {MISTAKES}")
    return scale


def number(value: float) -> str:
    """Write a ratio for people: two digits that count, thousands apart."""
    if value < 10:
        return f"{value:.1f}"
    digits = max(0, math.floor(math.log10(value)) - 1)
    return f"{round(value / 10**digits) * 10**digits:,.0f}"


def answer(result: Result) -> str:
    """Say in one sentence what was found."""
    found = result.regions.found if result.regions else ()
    if result.verdict == "known_source":
        name = result.candidates[0].source
        return (
            f"This image was upscaled, and among the sources that it was compared with, {name} is the one that did it."
        )
    if interpolated(result):
        return (
            "This image was enlarged by plain interpolation, as cameras, editing programs and web sites do it; nothing "
            "speaks for a network."
        )
    if result.verdict == "unknown_source":
        return "This image was upscaled, by a method that is none of the sources it was compared with."
    if result.verdict == "not_upscaled":
        return "No sign was found that this image was upscaled."
    if found:
        return "A part of this image differs from the rest in whether it was upscaled."
    if _of_untold_source(result):
        return "This image was upscaled; which source did it cannot be told."
    return "This image allows no answer."


def propositions(result: Result, scale: VerbalScale) -> list[str]:
    """Weigh the propositions that the answer rests on, in words beside numbers."""
    upscaled = result.upscaled.log10_lr
    out = [scale.sentence(upscaled, "the image was upscaled", "it was not")]
    if result.candidates and upscaled > 0:
        first = result.candidates[0]
        by = f"it was upscaled by {first.source}"
        out.append(scale.sentence(first.log10_lr, by, "by another of the methods that are considered"))
    return out


def _of_untold_source(result: Result) -> bool:
    """Whether a picture was upscaled for sure, and by what cannot be said."""
    return result.verdict == "inconclusive" and any(note.startswith("source: ") for note in result.image.notes)


def limits_of(result: Result) -> list[str]:
    """Say what an answer does not mean."""
    out = [
        "A likelihood ratio says how much more probable the findings are under one proposition than under another. "
        "It is not the probability that a proposition is true; that depends on everything else known of the case.",
        "The probabilities in this report rest on the stated prior probabilities, which are the reader's to change.",
    ]
    if result.verdict == "known_source":
        out += [
            "That a network was used does not say who used it, when, or to what end; enlarging a picture is in "
            "itself no falsification of it.",
            "Networks that nobody enrolled are not compared: a network very like the one named may be mistaken for it.",
        ]
    elif interpolated(result):
        out.append(
            "Plain interpolation adds no content. That it was found does not exclude a network before it, whose traces "
            "the enlargement covered."
        )
    elif result.verdict == "unknown_source":
        out.append(
            "That no enrolled source fits does not say that the image is synthetic: it speaks of enlarging alone."
        )
    elif result.verdict == "not_upscaled":
        out += [
            "No sign of upscaling does not show that the image is an unaltered photograph: other manipulations are not "
            "looked for, and strong processing afterwards removes traces.",
        ]
    elif _of_untold_source(result):
        out.append(
            "That the source cannot be told does not weaken the finding that the image was upscaled. The likeliest "
            "sources are listed; none of them is named, for a method that nobody enrolled may have done it."
        )
    else:
        out.append("An inconclusive answer is no evidence for or against upscaling.")
    return out


def notes_of(notes: Sequence[str]) -> list[tuple[str, str]]:
    """Split notes into code and text."""
    return [(code, text) for code, _, text in (note.partition(": ") for note in notes)]
