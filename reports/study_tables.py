"""Tables of the studies: the same rows for a terminal and as Markdown.

Only the standard library is imported here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.commandline import columns, printable

NOTHING = "-"


def share_cell(entry: Mapping[str, Any] | None, digits: int = 3) -> str:
    """Write a share with its interval.

    Args:
        entry: what `fingerprint.evaluate.share_of` returned, None for nothing.
        digits: after the point.

    Returns:
        Such as "0.981 (0.963-0.995)".
    """
    return NOTHING if entry is None else value_cell(entry["share"], entry["interval"], digits)


def value_cell(value: float | None, interval: Sequence[float] | None = None, digits: int = 3) -> str:
    """Write a number, with its interval where there is one.

    Args:
        value: the number, None for nothing.
        interval: low and high.
        digits: after the point.
    """
    if value is None:
        return NOTHING
    if interval is None:
        return f"{value:.{digits}f}"
    low, high = interval
    return f"{value:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], markdown: bool) -> str:
    """Lay out a table whose columns are flush right but the first.

    Args:
        head: of the columns.
        rows: cells.
        markdown: as Markdown; in columns for a terminal otherwise, the head in capitals.

    Returns:
        The lines.
    """
    if not markdown:
        return columns([[cell.upper() for cell in head], *rows], right=range(1, len(head)))
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)


def titled(title: str, body: str, markdown: bool, level: int = 2) -> str:
    """Put a heading above a block.

    Args:
        title: of the block.
        body: the block.
        markdown: as Markdown, a plain line otherwise.
        level: of a Markdown heading.
    """
    return f"{'#' * level} {printable(title)}\n\n{body}" if markdown else f"{printable(title)}\n{body}"


def _escaped(cell: str) -> str:
    return printable(cell).replace("|", "\\|")
