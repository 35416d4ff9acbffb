"""The results files that the validation report rests on: which study each is of, and whether it may be shown.

Only the standard library is imported here.
"""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Report = Mapping[str, Any]

COMMANDS = {
    "evaluate": "whorl fingerprint evaluate",
    "innocents": "whorl fingerprint innocents",
    "leave-out": "whorl fingerprint leave-out",
    "enrolment": "whorl fingerprint enrolment",
    "gallery": "whorl fingerprint evaluate",
    "calibration": "whorl fingerprint calibration",
    "area": "whorl fingerprint area",
    "stress": "whorl fingerprint stress",
    "interpolation": "whorl fingerprint interpolation",
    "composites": "whorl fingerprint composites",
    "adversary": "whorl fingerprint adversary",
    "coverage": "whorl fingerprint coverage",
    "protocol": "whorl fingerprint protocol",
    "speed": "whorl bench",
}
"""Every study that the report has a place for, and the command that makes it."""
UNREAD = "unread"


@dataclass(frozen=True)
class Current:
    """What the report is about.

    Attributes:
        version: of the tool.
        reference: identity of the fitted reference.
        features: what the reference's features are called, empty where nobody says.
    """

    version: str
    reference: str
    features: str = ""


@dataclass(frozen=True)
class Found:
    """One results file.

    Attributes:
        kind: key of `COMMANDS`, or `UNREAD`.
        file: its name in the folder.
        report: what it holds.
        fault: why its numbers are not shown, None where they are.
        remark: what a reader must know besides, empty for nothing.
    """

    kind: str
    file: str
    report: Report
    fault: str | None = None
    remark: str = ""

    @property
    def command(self) -> str:
        """The command that made it, as far as the file tells."""
        return self.report.get("command") or _rebuilt(self.kind, self.report)

    @property
    def recorded(self) -> bool:
        """Whether the file itself names its command."""
        return bool(self.report.get("command"))


@dataclass(frozen=True)
class Studies:
    """All results files of a folder.

    Attributes:
        files: in the order of `COMMANDS`, then of their names.
        current: what the report is about.
    """

    files: tuple[Found, ...]
    current: Current

    def shown(self, kind: str) -> list[Found]:
        """Return the files of a study whose numbers may be shown."""
        return [found for found in self.files if found.kind == kind and found.fault is None]

    def faulty(self, kind: str) -> list[Found]:
        """Return the files of a study whose numbers may not be shown."""
        return [found for found in self.files if found.kind == kind and found.fault is not None]


def find_studies(folder: Path, current: Current) -> Studies:
    """Read the results files of a folder, and see which belong to a reference.

    Args:
        folder: with `*.json`; files of no study known here are left out.
        current: what they must belong to.

    Returns:
        What was found.

    Raises:
        ValueError: there is no such folder.
    """
    if not folder.is_dir():
        raise ValueError(f"--results must be a folder that exists, got {folder}")
    found = [one for path in sorted(folder.glob("*.json")) if (one := _read(path, current)) is not None]
    order = (*COMMANDS, UNREAD)
    return Studies(tuple(sorted(found, key=lambda one: (order.index(one.kind), Path(one.file).stem))), current)


def _read(path: Path, current: Current) -> Found | None:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return Found(UNREAD, path.name, {}, f"it cannot be read ({type(error).__name__})")
    kind = kind_of(report)
    if kind is None:
        return None
    fault, remark = _standing(kind, report, current)
    return Found(kind, path.name, report, fault, remark)


def kind_of(report: object) -> str | None:
    """Tell by its fields which study wrote a report.

    Args:
        report: what a results file holds.

    Returns:
        Key of `COMMANDS`, None for another file.
    """
    if not isinstance(report, Mapping):
        return None
    posts = report.get("posts")
    if isinstance(posts, Mapping) and posts:
        lists = [isinstance(entries, Sequence) for entries in posts.values()]
        return "area" if all(lists) else None if any(lists) else "gallery" if "gallery" in report else "evaluate"
    for kind, keys in _KEYS.items():
        if all(key in report for key in keys):
            return kind
    return None


_KEYS = {
    "innocents": ("corpora",),
    "leave-out": ("mean_auroc", "networks"),
    "stress": ("kinds", "photographs"),
    "calibration": ("conditions", "folders"),
    "composites": ("composites",),
    "coverage": ("studies", "folds"),
    "protocol": ("zoo", "about"),
    "adversary": ("rows", "targets"),
    "enrolment": ("enrolment",),
    "interpolation": ("interpolated",),
    "speed": ("figures", "machine"),
}
_OWN_FITS = {
    "leave-out": "The study fits references of its own, each without one network",
    "coverage": "The study fits models of its own, each without some networks",
    "protocol": "The study learns its own classifiers from the photographs of each split",
    "speed": "The figures are of the installed tool",
}
"""Studies that judge no fitted reference, in words."""


def _standing(kind: str, report: Report, current: Current) -> tuple[str | None, str]:
    """Return why a file's numbers may not be shown, and what must be said besides."""
    if kind == "speed" and "one_large" not in report["figures"]:
        return "it holds none of the figures of `whorl bench`", ""
    reference, version = report.get("reference"), report.get("version")
    if reference is not None and reference != current.reference:
        return f"it was made with another reference, {short(str(reference))}, not with {short(current.reference)}", ""
    features = report.get("features")
    classical = current.features.split("+embedding")[0]
    if isinstance(features, str) and current.features and features not in (current.features, classical):
        return f"it was made with other features, {features}, not with {current.features}", ""
    remarks = []
    if reference is None:
        own = _OWN_FITS.get(kind, "The study")
        remarks.append(f"{own}; the file names no reference, so nothing here shows that it belongs to this one.")
    if version is None:
        remarks.append("The file names no version of the tool.")
    elif version != current.version:
        remarks.append(f"It was made by version {version} of the tool, this report by {current.version}.")
    return None, " ".join(remarks)


def short(identity: str) -> str:
    """Shorten a reference's identity for text.

    Args:
        identity: such as "sha256:df25…".
    """
    kind, colon, digits = identity.partition(":")
    return f"`{kind}{colon}{digits[:12]}…`" if len(digits) > 12 else f"`{identity}`"


def _rebuilt(kind: str, report: Report) -> str:
    """Write a command whose arguments are those that a file's fields show."""
    words = [COMMANDS[kind]] if kind in COMMANDS else []
    words += [shlex.quote(str(part)) for part in _arguments(kind, report)]
    return " ".join(words)


def _arguments(kind: str, report: Report) -> Iterator[object]:
    rules: Mapping[str, Callable[[], Sequence[object]]] = {
        "evaluate": lambda: (report.get("folder", "DIR"), "--post", *report["posts"]),
        "gallery": lambda: (
            *(report.get("folder", "DIR"), "--gallery", report["gallery"]["name"]),
            *("--post", *report["posts"]),
        ),
        "innocents": lambda: (
            *(("--folds", "DIR") if "camera" in report["corpora"] else ()),
            "--post",
            *dict.fromkeys(post for posts in report["corpora"].values() for post in posts),
        ),
        "leave-out": lambda: ("--condition", report.get("condition", "clean"), "--network", *report["networks"]),
        "composites": lambda: (
            *("--side", *report.get("sides", ())),
            *("--post", *dict.fromkeys(row["post"] for row in report["composites"])),
        ),
        "coverage": lambda: (
            *("--study", *report["studies"], "--folds", report["folds"]),
            *("--mode", report.get("mode", "colour"), "--seed", report.get("seed", 0)),
        ),
        "speed": lambda: ("--json",),
    }
    if kind in rules:
        yield from rules[kind]()
