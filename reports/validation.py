"""The validation report: its pages put together from results files, figures, pictures of failures, and plain prose.

Every measured number comes out of a results file or from the pictures that were judged for the report.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reports import validation_parts as parts
from reports import validation_sections as sections
from reports import validation_text as text
from reports.study_tables import NOTHING, table
from reports.validation_lines import Line
from reports.validation_numbers import NOTE
from reports.validation_requirements import requirement_rows
from reports.validation_results import COMMANDS, UNREAD, Found, Studies, short

Section = Callable[[Studies, Collection[str]], str]


@dataclass(frozen=True)
class Enrolled:
    """What is told of the fitted reference.

    Attributes:
        groups: how many sources there are, by what they are.
        scales: factors of enlargement among them.
        photographs: how many photographs or cameras each class was fitted on.
        folds: of the cross-validation, 0 where nobody says.
        licences: of published networks: how many there are under each; empty where nobody says.
        card: where this repository keeps the reference's card, empty for none.
    """

    groups: Mapping[str, int]
    scales: tuple[int, ...]
    photographs: Mapping[str, int] = field(default_factory=dict)
    folds: int = 0
    licences: Mapping[str, int] = field(default_factory=dict)
    card: str = ""


@dataclass(frozen=True)
class Shown:
    """One picture of a failure.

    Attributes:
        file: its name in `failures`.
        done: what was done, in words.
        said: what the tool said.
        truth: what is true.
        why: which kind of failure that is.
        figure: a drawing of the answer in `failures`, empty for none.
        credit: whose photograph it is.
    """

    file: str
    done: str
    said: str
    truth: str
    why: str
    figure: str = ""
    credit: str = ""


@dataclass(frozen=True)
class Failures:
    """What the menu of hard cases came to.

    Attributes:
        shown: the pictures.
        tally: how many answers are right, and of each kind of failure, in words.
        missing: why there are no pictures, empty where there are.
        patches: what became of pasted patches, in words, empty where none was tried.
    """

    shown: tuple[Shown, ...] = ()
    tally: Mapping[str, int] = field(default_factory=dict)
    missing: str = ""
    patches: str = ""


def validation_report(
    studies: Studies,
    lines: Sequence[Line],
    enrolled: Enrolled,
    figures: Collection[str],
    failures: Failures,
    command: str,
) -> str:
    """Write the report.

    Args:
        studies: results files.
        lines: what was required and what came of it.
        enrolled: what is told of the reference.
        figures: names of the figures that were drawn or copied.
        failures: pictures on which the tool fails.
        command: that writes this report.

    Returns:
        Markdown.
    """
    measured: Mapping[str, Section] = {
        "Results by condition": sections.results,
        "Innocent photographs": sections.innocents,
        "Unknown networks and enrolment": sections.unknown,
        "Calibration of likelihood ratios": sections.calibration,
        "Localisation": parts.localisation,
        "Robustness": sections.robustness,
        "The adversary": parts.adversary,
        "Hyper-parameters": parts.hyper_parameters,
        "The paper's protocol": parts.protocol,
    }
    before = {"Calibration of likelihood ratios": text.LIR}
    blocks = {
        "What the tool answers, and what it does not": _joined(
            text.QUESTION, _table(text.VERDICTS), text.QUESTION_ENDS
        ),
        "Summary: what was required, and what was measured": _summary(lines),
        "Terms": text.TERMS,
        "Data": _data(enrolled),
        "How it was tested": text.PROTOCOL + _folds(enrolled),
        **{title: _joined(before.get(title, ""), write(studies, figures)) for title, write in measured.items()},
        "Limits": _limits(),
        "Known failures": _failures(failures),
        "How to repeat this": _repeat(studies, command),
    }
    contents = "\n".join(f"* [{title}](#{_anchor(title)})" for title in blocks)
    head = _joined("# Validation report", _about(studies, command), contents)
    return "\n\n".join([head, *(f"## {title}\n\n{body}" for title, body in blocks.items())]) + "\n"


def _joined(*blocks: str) -> str:
    return "\n\n".join(block for block in blocks if block)


def _table(cells: text.Cells) -> str:
    """Lay prose out in a table, flush left."""
    head, *rows = cells
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _anchor(title: str) -> str:
    """Return the anchor that renderers of Markdown give a heading."""
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -")
    return kept.replace(" ", "-")


def _about(studies: Studies, command: str) -> str:
    missing = [kind for kind in COMMANDS if not studies.shown(kind)]
    told = f"Studies without results here: {', '.join(missing)}. " if missing else ""
    return (
        f"For a reader who doubts it. Reference `{studies.current.reference}`, version {studies.current.version} of "
        f"the tool. `{command}` wrote this page from the results files of the studies; no measured number is typed by "
        f"hand. {told}Where a file is missing or belongs to another reference, its section says so."
    )


def _question() -> str:
    return _joined(text.QUESTION, _table(text.VERDICTS), text.QUESTION_ENDS)


def _limits() -> str:
    """Write the limits, with those that the code itself keeps to."""
    from fingerprint.attributor import SMALL_SIDE
    from fingerprint.conditions import LOWEST_QUALITY

    kept = (
        f"* No upscaling is reported below {SMALL_SIDE} pixels a side, nor in a JPEG file of a quality below "
        f"{LOWEST_QUALITY}: the answer is `inconclusive`, and says why."
    )
    return f"{kept}\n{text.LIMITS}"


def _summary(lines: Sequence[Line]) -> str:
    """Write the table of what was required."""
    count = {word: sum(line.met.partition(",")[0] == word for line in lines) for word in ("yes", "no", "not measured")}
    told = f"Met: {count['yes']}; not met: {count['no']}; not measured: {count['not measured']}."
    head = ("what", "required", "measured", "met", "file")
    note = "Limits were set before this reference was fitted. ± is the standard deviation over splits."
    return _joined(told, table(head, requirement_rows(lines), markdown=True), f"{note} {NOTE}")


def _data(enrolled: Enrolled) -> str:
    groups = ", ".join(f"{number} {words}" for words, number in enrolled.groups.items())
    scales = ", ".join(f"×{scale}" for scale in enrolled.scales)
    told = f"Enrolled: {sum(enrolled.groups.values())} sources ({groups}), {scales}."
    if enrolled.card:
        told += f" The reference's card (`{enrolled.card}`) lists counts, thresholds and held-out error rates."
    counts = ""
    if enrolled.photographs:
        classes = {name: number for name, number in enrolled.photographs.items() if ":" in name or name.startswith("~")}
        sources = [number for name, number in enrolled.photographs.items() if name not in classes]
        innocent = ", ".join(f"{name.partition(':')[2] or name} {number}" for name, number in classes.items())
        spread = f"{min(sources)} to {max(sources)}" if sources else NOTHING
        counts = (
            f"Fitted on {spread} photographs a source. Photographs or cameras behind the other classes: {innocent}."
        )
    licences = ", ".join(f"{name}: {number}" for name, number in enrolled.licences.items())
    named = f"Licences of the published networks and kernels, by number: {licences}." if licences else ""
    return _joined(told, _table(text.PHOTOGRAPHS), text.PUBLISHED, counts, named)


def _folds(enrolled: Enrolled) -> str:
    return f"\n* Cross-validation has {enrolled.folds} folds." if enrolled.folds else ""


def _failures(failures: Failures) -> str:
    if failures.missing:
        return f"**No pictures.** {failures.missing}"
    tally = table(("what became of it", "pictures"), [[k, str(n)] for k, n in failures.tally.items()], markdown=True)
    return _joined(
        text.FAILURES, tally, failures.patches, *(_one(number, s) for number, s in enumerate(failures.shown, 1))
    )


def _one(number: int, shown: Shown) -> str:
    pictures = "\n\n".join(f"![{shown.why}](failures/{name})" for name in (shown.file, shown.figure) if name)
    credit = f" Photograph: {shown.credit}." if shown.credit else ""
    return (
        f"### {number}. {shown.why[:1].upper()}{shown.why[1:]}\n\n{pictures}\n\n"
        f"* **Done:** {shown.done}.{credit}\n* **Said:** {shown.said}\n* **True:** {shown.truth}.\n* **File:** "
        f"[`{shown.file}`](failures/{shown.file})"
    )


def _repeat(studies: Studies, command: str) -> str:
    """List the results files with what made them, and the commands."""
    rows = [
        [f"`{found.file}`", found.kind if found.kind != UNREAD else NOTHING, str(found.report.get("version", NOTHING)),
         short(str(found.report["reference"])) if found.report.get("reference") else NOTHING, _state(found)]
        for found in studies.files
    ]  # fmt: skip
    files = table(("file", "study", "version", "reference", "state"), rows, markdown=True) if rows else "None."
    commands = [found.command for found in studies.files if found.kind != UNREAD]
    listed = "\n".join([*dict.fromkeys(commands), command])
    return _joined(
        "Install as the README says and let `WHORL_DATA` name the data. Arguments that were "
        "absolute paths are named by their last part; `DIR` stands for a folder that the file does not name. The card "
        "beside the reference names the command that fitted it.",
        f"```sh\n{listed}\n```",
        "The results files:",
        files,
    )


def _state(found: Found) -> str:
    return "shown" if found.fault is None else f"not shown: {found.fault}"


def summary_json(studies: Studies, lines: Sequence[Line], failures: Failures) -> dict[str, Any]:
    """Return what the report says as plain numbers.

    Args:
        studies: results files.
        lines: what was required and what came of it.
        failures: pictures on which the tool fails.
    """
    return {
        "files": [
            {"file": found.file, "study": found.kind, "shown": found.fault is None, "why": found.fault}
            for found in studies.files
        ],
        "requirements": [
            {
                "what": line.what,
                "required": line.required,
                "measured": line.measured.value if line.measured else None,
                "interval": list(line.measured.interval) if line.measured and line.measured.interval else None,
                "met": line.met,
            }
            for line in lines
        ],
        "menu": dict(failures.tally),
        "failures": [shown.file for shown in failures.shown],
    }
