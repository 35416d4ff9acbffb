"""A report gathered while images are answered for, and written when all are."""

import datetime
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from datasets import Evidence
from fingerprint.result import Result
from model_zoo.weights import write_atomically
from reports.batch import Answer, Failure
from reports.commandline import printable
from reports.dossier.model import CaseFacts, Exhibit, Report, exhibit, versions
from reports.dossier.validation import shipped_validation
from reports.dossier.wording import VerbalScale


class Gathered:
    """Exhibits of a report, in the order of the answers.

    Args:
        scale: words for ratios.
    """

    def __init__(self, scale: VerbalScale) -> None:
        self._scale = scale
        self._drawn: dict[tuple[str, str], Exhibit] = {}
        self._exhibits: list[Exhibit] = []
        self._unread: list[tuple[str, str]] = []

    def keeping(self, attribute: Callable[[Evidence], Result]) -> Callable[[Evidence], Result]:
        """Return what answers as `attribute` does, and draws the figures while the pixels are at hand."""

        def kept(evidence: Evidence) -> Result:
            result = attribute(evidence)
            self._drawn[evidence.path, evidence.sha256] = exhibit(evidence, result, "", validation=shipped_validation())
            return result

        return kept

    def add(self, answer: Answer | Failure) -> None:
        """Take up the next answer."""
        if isinstance(answer, Failure):
            self._unread.append((printable(answer.path), printable(answer.reason)))
            return
        drawn = self._drawn[answer.result.image.path, answer.result.image.sha256]
        self._exhibits.append(replace(drawn, label=f"Exhibit {len(self._exhibits) + 1}", result=answer.result))

    def write(self, path: Path) -> None:
        """Write the report, whole or not at all.

        Args:
            path: `.html` or `.pdf`.

        Raises:
            ValueError: no image could be read, so that there is nothing to report.
        """
        if not self._exhibits:
            raise ValueError(f"--report {path} is not written: no image could be read")
        made = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        results = [one.result for one in self._exhibits]
        report = Report(CaseFacts(), made, tuple(self._exhibits), tuple(self._unread), self._scale,
                        shipped_validation(), versions(results))  # fmt: skip
        write_atomically(path, render(report, path.suffix.lower()))


def render(report: Report, suffix: str) -> bytes:
    """Render a report in the format that a suffix names.

    Args:
        report: the whole.
        suffix: `.html` or `.pdf`.

    Raises:
        ValueError: another suffix.
    """
    if suffix == ".html":
        from reports.dossier.html import render_html

        return render_html(report)
    if suffix == ".pdf":
        from reports.dossier.pdf import render_pdf

        return render_pdf(report)
    raise ValueError(f"a report's suffix must be .html or .pdf, got {suffix!r}")
