"""The report as PDF/A-2a: tagged, with its fonts inside, typeset by typst."""

import datetime
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reports.dossier.model import Exhibit, Report

STANDARD = "a-2a"
_TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
_KNOWN = (range(0x20, 0x7F), range(0xA0, 0x250), range(0x370, 0x400), range(0x400, 0x460))
_SIGNS = frozenset("–—‘’“”…×−→·\n")


def render_pdf(report: Report) -> bytes:
    """Render a report.

    Args:
        report: the whole.

    Returns:
        The document, the same bytes for the same report.
    """
    import typst

    with tempfile.TemporaryDirectory(prefix="whorl-report-") as name:
        root = Path(name)
        for place, exhibit in enumerate(report.exhibits):
            for plate in exhibit.plates:
                (root / _file(place, plate.name)).write_bytes(plate.png)
        (root / "report.json").write_text(json.dumps(_plain(report)), encoding="utf-8")
        (root / "report.typ").write_bytes(_TEMPLATE.read_bytes())
        made = int(datetime.datetime.fromisoformat(report.made).timestamp())
        compiler = typst.Compiler(root=name, ignore_system_fonts=True)
        document = compiler.compile(
            input=str(root / "report.typ"), format="pdf", pdf_standards=[STANDARD], timestamp=made
        )
    if not isinstance(document, bytes):
        raise RuntimeError("typst gave several documents for one report")
    return document


def _file(place: int, name: str) -> str:
    return f"{place}-{name}.png"


def shown(text: str) -> str:
    """Escape what the document's font lacks."""
    return "".join(
        c if c in _SIGNS or any(ord(c) in known for known in _KNOWN) else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


def _plain(report: Report) -> dict[str, Any]:
    """Return all that the template shows."""
    case = report.case
    heads = [("Case", case.number), ("Examiner", case.examiner), ("Organisation", case.organisation),
             ("Date", report.made)]  # fmt: skip
    return _escaped({
        "title": report.title, "author": case.examiner or "whorl", "question": case.question,
        "head": [[name, value] for name, value in heads if value],
        "exhibits": [_exhibit(report, place, one) for place, one in enumerate(report.exhibits)],
        "unread": report.unread, "scale": report.scale.source,
        "steps": [[f"{10**step.start:,.0f}", step.words] for step in report.scale.steps],
        "method": report.method, "remarks": case.remarks, "custody": report.custody,
        "versions": list(report.versions.items()),
        "validation": _validation(report), "signature": report.signature, "examiner": case.examiner,
    })  # fmt: skip


def _validation(report: Report) -> str:
    found = report.validation
    if found is None:
        return ""
    return (
        f"Validation figures are those of the reference {found.reference}: {found.pictures:,} pictures of "
        f"{found.photographs} photographs, none of which the reference was fitted on, measured by: {found.command}"
    )


def _exhibit(report: Report, place: int, one: Exhibit) -> dict[str, Any]:
    priors = one.result.tool.priors
    return {
        "label": one.label, "path": one.path, "answer": one.answer, "weighed": one.weighed(report.scale),
        "limits": one.limits, "candidates": one.candidates, "parsed": one.parsed, "notes": one.notes,
        "priors": f"Prior probabilities: upscaled {priors.upscaled}, by a method not enrolled given that it was "
                  f"upscaled {priors.unknown_given_upscaled}.",
        "plates": [{"name": plate.name, "file": _file(place, plate.name), "caption": plate.caption, "alt": plate.alt}
                   for plate in one.plates],
        "facts": one.facts, "statements": [[said.kind, said.text] for said in one.statements], "exif": one.exif,
        "tables": [[str(value) for row in table for value in row] for table in one.tables],
        "validated": [[level, rates] for level, rates in one.validated], "json": one.json,
    }  # fmt: skip


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, dict):
        return {key: _escaped(part) for key, part in value.items()}
    if isinstance(value, Iterable):
        return [_escaped(part) for part in value]
    return value
