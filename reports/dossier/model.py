"""The report as one typed object, which HTML and PDF are two renderings of."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Evidence
from datasets.declared import Statement, declared
from fingerprint.result import Result
from reports.commandline import printable
from reports.dossier.plates import Plate, plates
from reports.dossier.validation import LEVELS, Curve, Validation
from reports.dossier.wording import VerbalScale, answer, limits_of, notes_of, propositions
from reports.words import log_ratio, parameter_rows, probability

QUESTION = "Was each image enlarged, and if so, by which super-resolution network or interpolation kernel?"
METHOD = (
    "The pixels are judged by statistics of what is left when the content is taken away: co-occurrences of "
    "residuals, power spectra, and the output of a small network trained on known sources. Linear discriminants "
    "compare them with those of enrolled sources and of photographs of many histories, one for each kind of "
    "processing (none, JPEG of several qualities, WebP, a resize), which is itself recognised from the pixels and "
    "the file's tables. Scores become likelihood ratios by logistic calibration on photographs that were not used "
    "for fitting, and are cut off where validation data stop to support them (empirical lower and upper bounds)."
)
MERITS = {
    "cllr": "cost of the ratios (Cllr), 0 perfect, 1 useless",
    "misleading_same": "ratios below 1 though the first proposition was true",
    "misleading_different": "ratios above 1 though the second was true",
}
_HIDDEN_TABLES = 4  # quantisation tables that are printed, at most


@dataclass(frozen=True)
class CaseFacts:
    """What is asked, by whom, about what.

    Attributes:
        number: of the case.
        title: in words.
        question: that is put.
        examiner: who examines.
        organisation: of the examiner.
        remarks: further lines, such as notes from the ledger.
    """

    number: str = ""
    title: str = ""
    question: str = QUESTION
    examiner: str = ""
    organisation: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exhibit:
    """One image, as a report shows it.

    Attributes:
        label: such as "Exhibit 1".
        result: what was said of it.
        facts: of the file: name and value.
        statements: what the file says of its own making.
        tables: JPEG quantisation tables, rows of eight numbers.
        exif: fields by name.
        plates: figures.
        curves: validation of the condition that it is in.
    """

    label: str
    result: Result
    facts: tuple[tuple[str, str], ...]
    statements: tuple[Statement, ...]
    tables: tuple[tuple[tuple[int, ...], ...], ...]
    exif: tuple[tuple[str, str], ...]
    plates: tuple[Plate, ...]
    curves: tuple[Curve, ...] = ()

    @property
    def path(self) -> str:
        """The file as it was named, safe to print."""
        return printable(self.result.image.path)

    @property
    def answer(self) -> str:
        """The answer in one sentence."""
        return answer(self.result)

    @property
    def parsed(self) -> list[tuple[str, str, str]]:
        """What was parsed of the network: name, value, probability."""
        return [(name, value, chance) for name, value, chance, _ in parameter_rows(self.result)]

    @property
    def candidates(self) -> list[tuple[str, str, str]]:
        """The sources that come nearest: name, probability, log10 ratio."""
        rows = [(one.source, probability(one.probability), log_ratio(one.log10_lr)) for one in self.result.candidates]
        upscaled = self.result.upscaled
        return [*rows, ("upscaled by anything", probability(upscaled.probability), log_ratio(upscaled.log10_lr))]

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What the tool remarked: code and text."""
        return notes_of([printable(note) for note in self.result.image.notes])

    @property
    def limits(self) -> list[str]:
        """What the answer does not mean."""
        return limits_of(self.result)

    @property
    def validated(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Error rates of the condition that it is in: what is compared, then rates."""
        return [
            (LEVELS[curve.level][0], [(words, f"{curve.merits[key]:.4f}") for key, words in MERITS.items()])
            for curve in self.curves
        ]

    @property
    def json(self) -> str:
        """The whole result as indented JSON; maps are one line a row."""
        return json.dumps(self.result.to_json(), indent=1, ensure_ascii=False, allow_nan=False)

    def weighed(self, scale: VerbalScale) -> list[str]:
        """Weigh the propositions in words."""
        return propositions(self.result, scale)


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes:
        case: what is asked.
        made: when, ISO 8601 with a zone.
        exhibits: the images.
        unread: files that could not be read: name and reason.
        scale: words for ratios.
        validation: of the reference, None where none ships for it.
        versions: of the tool and what it rests on.
        signature: who signed and how, empty where nothing is signed.
        method: how answers come about.
        custody: the ledger: time, action, details and hash of each entry; empty where there is no case.
    """

    case: CaseFacts
    made: str
    exhibits: tuple[Exhibit, ...]
    unread: tuple[tuple[str, str], ...] = ()
    scale: VerbalScale = field(default_factory=lambda: _enfsi())
    validation: Validation | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    signature: str = ""
    method: str = METHOD
    custody: tuple[tuple[str, str, str, str], ...] = ()

    @property
    def title(self) -> str:
        """Of the document."""
        return self.case.title or "Examination of images for upscaling"


def _enfsi() -> VerbalScale:
    from reports.dossier.wording import ENFSI

    return ENFSI


def exhibit(
    evidence: Evidence,
    result: Result,
    label: str,
    file: Path | None = None,
    validation: Validation | None = None,
    drawn: tuple[Plate, ...] | None = None,
) -> Exhibit:
    """Put together what a report shows of one image.

    Args:
        evidence: the file, decoded.
        result: what was said of it.
        label: such as "Exhibit 1".
        file: where it lies, its path by default, which is what the report shows.
        validation: of the reference.
        drawn: its figures, where they have been drawn before.
    """
    lies = Path(evidence.path) if file is None else file
    raw = lies.read_bytes()
    curves = validation.matching(result) if validation else ()
    jpeg = evidence.jpeg
    tables = tuple(
        tuple(table[row : row + 8] for row in range(0, 64, 8))
        for table in dict.fromkeys(jpeg.tables[:_HIDDEN_TABLES] if jpeg else ())
    )
    fields = tuple((printable(name), printable(value)) for name, value in sorted(evidence.exif.items()))
    return Exhibit(label, result, _facts(evidence, len(raw)), declared(raw, evidence.format, lies), tables,
                   fields, plates(evidence, result, curves) if drawn is None else drawn, curves)  # fmt: skip


def _facts(evidence: Evidence, size: int) -> tuple[tuple[str, str], ...]:
    rows = [
        ("File", printable(evidence.path)),
        ("SHA-256", evidence.sha256),
        ("Bytes", f"{size:,}"),
        ("Format", evidence.format),
        ("Size", f"{evidence.width} × {evidence.height} pixels, {evidence.bit_depth} bit"),
        ("Colour profile", "embedded, not applied" if evidence.icc else "none"),
    ]
    if evidence.jpeg:
        jpeg = evidence.jpeg
        kind = "the standard tables" if jpeg.standard else "tables of its own, nearest to the standard ones"
        rows.append(("JPEG", f"quality {jpeg.quality} ({kind}), {jpeg.subsampling}"
                             f"{', progressive' if jpeg.progressive else ''}"))  # fmt: skip
    return tuple(rows)


def versions(results: Sequence[Result]) -> dict[str, str]:
    """Say what gave the answers, and on what it ran.

    Args:
        results: the answers.
    """
    from importlib.metadata import PackageNotFoundError, version

    out: dict[str, Any] = {"Python": platform.python_version(), "platform": platform.platform()}
    for result in results:
        out["whorl"] = result.tool.version
        out["reference"] = result.tool.reference
    for name in ("jax", "jaxlib", "numpy", "scipy", "pillow", "imagecodecs"):
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            continue
    return out
