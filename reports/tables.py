"""Results as tables: one row an image, or one a candidate, as CSV, Parquet or JSON lines.

Read in one line: `pandas.read_csv(path)`, `pandas.read_parquet(path)`, `pandas.read_json(path, lines=True)`.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fingerprint.result import Result
from model_zoo.weights import write_atomically
from reports.batch import Answer, Failure

SUFFIXES = (".csv", ".parquet", ".jsonl")
PARSED = (
    "scale", "architecture", "loss", "training_data", "log10_parameters", "scale_factor", "depth",
    "log10_adversarial_weight", "jpeg_quality_before", "jpeg_quality_after",
)  # fmt: skip
RANGED = ("scale", "log10_parameters", *PARSED[5:])
NUMBERS = ("probability", "log10_lr")
TEXT, WHOLE, REAL = "text", "whole", "real"
RESULTS: dict[str, str] = {
    "path": TEXT, "sha256": TEXT, "format": TEXT, "width": WHOLE, "height": WHOLE, "bit_depth": WHOLE,
    "jpeg_quality": WHOLE, "verdict": TEXT, "source": TEXT, "source_probability": REAL, "source_log10_lr": REAL,
    "upscaled_probability": REAL, "upscaled_log10_lr": REAL,
    **{name: TEXT if name in PARSED[1:4] else REAL for name in PARSED},
    **{f"{name}_{end}": REAL for name in RANGED for end in ("low", "high")},
    "regions": WHOLE, "notes": TEXT, "error": TEXT, "version": TEXT, "reference": TEXT,
}  # fmt: skip
CANDIDATES: dict[str, str] = {
    "path": TEXT, "sha256": TEXT, "verdict": TEXT, "place": WHOLE, "source": TEXT, "probability": REAL,
    "log10_lr": REAL, "reference": TEXT,
}  # fmt: skip
Row = Mapping[str, Any]


def result_row(result: Result) -> dict[str, Any]:
    """Return a result as one flat row; what is not known is None.

    Args:
        result: the answer.
    """
    image, named = result.image, result.verdict == "known_source"
    first = result.candidates[0] if result.candidates and named else None
    row: dict[str, Any] = dict.fromkeys(RESULTS)
    row |= {name: getattr(image, name) for name in ("path", "sha256", "format", "width", "height", "bit_depth")}
    row |= {"jpeg_quality": image.jpeg_quality, "verdict": result.verdict, "source": first and first.source}
    row |= {f"source_{name}": first and getattr(first, name) for name in NUMBERS}
    row |= {f"upscaled_{name}": getattr(result.upscaled, name) for name in NUMBERS}
    for name in PARSED:
        parameter = result.parameters.get(name)
        if parameter is None:
            continue
        row[name] = parameter.value
        if name in RANGED and parameter.interval is not None:
            row[f"{name}_low"], row[f"{name}_high"] = parameter.interval
    found = result.regions.found if result.regions else ()
    row |= {"regions": len(found), "notes": "; ".join(image.notes), "version": result.tool.version}
    return row | {"reference": result.tool.reference}


def candidate_rows(result: Result) -> Iterator[dict[str, Any]]:
    """Yield a row for each candidate of a result.

    Args:
        result: the answer.
    """
    for place, one in enumerate(result.candidates, 1):
        yield {
            "path": result.image.path, "sha256": result.image.sha256, "verdict": result.verdict, "place": place,
            "source": one.source, "probability": one.probability, "log10_lr": one.log10_lr,
            "reference": result.tool.reference,
        }  # fmt: skip


class Table:
    """A table that is gathered while images are answered for.

    Args:
        candidates: one row a candidate; one an image otherwise, also for those that could not be read.
    """

    def __init__(self, candidates: bool = False) -> None:
        self._candidates = candidates
        self._rows: list[Row] = []

    def add(self, answer: Answer | Failure) -> None:
        """Take up the next answer."""
        if isinstance(answer, Failure):
            if not self._candidates:
                self._rows.append(dict.fromkeys(RESULTS) | {"path": answer.path, "error": answer.reason})
            return
        self._rows += candidate_rows(answer.result) if self._candidates else [result_row(answer.result)]

    def write(self, path: Path) -> None:
        """Write the table, whole or not at all.

        Args:
            path: of one of `SUFFIXES`.
        """
        write_atomically(path, encoded(self._rows, CANDIDATES if self._candidates else RESULTS, path.suffix.lower()))


def encoded(rows: Sequence[Row], columns: Mapping[str, str], suffix: str) -> bytes:
    """Encode rows.

    Args:
        rows: with the columns' names.
        columns: their kinds.
        suffix: one of `SUFFIXES`.

    Raises:
        ValueError: another suffix, or Parquet without pyarrow.
    """
    if suffix == ".csv":
        stream = io.StringIO(newline="")
        writer = csv.DictWriter(stream, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _safe(value) for name, value in row.items()} for row in rows)
        return stream.getvalue().encode("utf-8", "backslashreplace")
    if suffix == ".jsonl":
        return "".join(json.dumps(dict(row), allow_nan=False) + "\n" for row in rows).encode()
    if suffix == ".parquet":
        return _parquet(rows, columns)
    raise ValueError(f"a table's suffix must be one of {' '.join(SUFFIXES)}, got {suffix!r}")


def _safe(value: Any) -> Any:
    """Keep a spreadsheet from taking a file's name for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def check_parquet() -> None:
    """Refuse Parquet where nothing can write it.

    Raises:
        ValueError: pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ValueError("Parquet needs pyarrow: pip install 'whorl[tables]'") from None


def _parquet(rows: Sequence[Row], columns: Mapping[str, str]) -> bytes:
    check_parquet()
    import pyarrow as pa  # pyright: ignore[reportMissingImports]
    from pyarrow import parquet  # pyright: ignore[reportMissingImports]

    kinds = {TEXT: pa.string(), WHOLE: pa.int64(), REAL: pa.float64()}
    arrays = {name: pa.array([_plain(row[name], kind) for row in rows], kinds[kind]) for name, kind in columns.items()}
    sink = io.BytesIO()
    parquet.write_table(pa.table(arrays), sink)
    return sink.getvalue()


def _plain(value: Any, kind: str) -> Any:
    if value is None or kind == WHOLE:
        return value
    return float(value) if kind == REAL else str(value).encode("utf-8", "backslashreplace").decode()
