"""How often intervals of hyper-parameters held, as tables for a terminal and in Markdown."""

from collections.abc import Iterator, Mapping
from typing import Any

from reports.commandline import columns

Studies = Mapping[str, Mapping[str, Mapping[str, Any]]]

HEAD = ("target", "left out", "networks", "pictures", "coverage", "95 % band", "within", "width", "error", "R²")
_RIGHT = {2, 3, 4, 5, 7, 8, 9}
_ALL = "all"


def table(studies: Studies) -> str:
    """Lay each study out in columns.

    Args:
        studies: What `fingerprint.regression.coverage.summary` returned, by study.

    Returns:
        The lines: a heading and a table for each study.
    """
    head = tuple(cell.upper() for cell in HEAD)
    return "\n\n".join(f"{_heading(name)}\n{columns([head, *_rows(study)], _RIGHT)}" for name, study in studies.items())


def markdown(studies: Studies) -> str:
    """Write each study as Markdown.

    Args:
        studies: As for `table`.

    Returns:
        The text.
    """
    rule = tuple("---:" if place in _RIGHT else "---" for place in range(len(HEAD)))
    parts = []
    for name, study in studies.items():
        lines = [f"| {' | '.join(row)} |" for row in (HEAD, rule, *_rows(study))]
        parts.append(f"**{_heading(name)}**\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _heading(name: str) -> str:
    from fingerprint.regression.coverage import STUDIES

    return f"{name}: {STUDIES[name]}"


def _rows(study: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for target, entry in study.items():
        yield _cells(target, _ALL, entry[_ALL])
        if len(entry["origin"]) > 1:
            for origin, figures in entry["origin"].items():
                yield _cells("", origin, figures)


def _cells(target: str, left_out: str, figures: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = figures["band"]
    within = {True: "yes", False: "no", None: "-"}[figures["within"]]
    r2 = figures["r2"]
    return (
        target,
        left_out,
        str(figures["networks"]),
        str(figures["pictures"]),
        f"{figures['coverage']:.3f}",
        f"{low:.3f} to {high:.3f}",
        within,
        f"{figures['median_width']:.2f}",
        f"{figures['median_error']:.2f}",
        "-" if r2 is None else f"{r2:.2f}",
    )
