"""What networks score on the benchmarks of the field: the content of `whorl zoo benchmark`."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
from model_zoo.evaluation import BENCHMARKS, Upscale, bicubic, pairs, score
from model_zoo.imports import load_published
from model_zoo.manifests import Manifest
from model_zoo.network import Network, load
from model_zoo.weights import write_atomically
from reports.progress import Bar
from reports.zoo_networks import Known

if TYPE_CHECKING:
    from model_zoo.lpips import Lpips

TITLES = {"set5": "Set5", "set14": "Set14", "b100": "B100"}
PROTOCOL = "luma (BT.601, not rounded) of 8-bit colours, a border of `scale` pixels shaved, means over the pictures"

_PACKAGES = ("whorl", "jax", "numpy", "pillow")

Row = dict[str, Any]
"""One network's results, ready for JSON; see `_row`."""


@dataclass(frozen=True)
class Entry:
    """What is to be scored.

    Attributes:
        name: The network's, or `bicubic-x2` and the like.
        scale: Enlargement of each side.
        manifest: What is known about the network; None for bicubic.
        open: Loads it.
    """

    name: str
    scale: int
    manifest: Manifest | None
    open: Callable[[], Upscale | Network]


def entries(networks: Iterable[Known], published: bool) -> list[Entry]:
    """Gather what is to be scored: for each scale bicubic first, then by architecture, size and name.

    Args:
        networks: Networks that are listed, or those of runs.
        published: Whether the networks in the data folder's `published-weights` join, as far as they are not among
            the others.

    Returns:
        One entry each.

    Raises:
        datasets.DataMissingError: The published ones are not there.
    """
    found = [_entry(known.manifest, lambda source=known.source: load(source)) for known in networks]
    if published:
        known_runs = {entry.manifest.run for entry in found if entry.manifest}
        others = [load_published(name) for name in _published_names()]
        found += [
            _entry(network.manifest, lambda network=network: network)
            for network in others
            if network.manifest and network.manifest.run not in known_runs
        ]
    plain = [Entry(f"bicubic-x{s}", s, None, lambda s=s: bicubic(s)) for s in sorted({e.scale for e in found})]
    return sorted([*plain, *found], key=_order)


def _entry(manifest: Manifest, opener: Callable[[], Network]) -> Entry:
    return Entry(manifest.name, manifest.scale, manifest, opener)


def _order(entry: Entry) -> tuple[Any, ...]:
    """Networks of one shape follow each other, so that their programs are compiled once."""
    known = entry.manifest
    about = ("", 0, "") if known is None else (known.architecture, known.parameters, json.dumps(known.config))
    return (entry.scale, known is not None, *about, entry.name)


def _published_names() -> list[str]:
    root = datasets.data_root() / "published-weights"
    names = sorted(path.parent.name for path in root.glob("*/weights.npz"))
    if not names:
        raise datasets.DataMissingError("the data folder lacks published-weights/*/weights.npz")
    return names


def measure(
    found: Sequence[Entry],
    benchmarks: Sequence[str],
    degradation: str,
    *,
    lpips: "Lpips | None" = None,
    kept: Sequence[Row] = (),
    keep: Callable[[list[Row]], None] = lambda rows: None,
) -> list[Row]:
    """Score networks, one after another; the pictures of one scale are in memory at a time.

    Args:
        found: What to score.
        benchmarks: Names of `model_zoo.evaluation.BENCHMARKS`.
        degradation: What makes the low resolution.
        lpips: The perceptual distance, if its weights are at hand.
        kept: Rows of an earlier call; what stands in them is not measured again.
        keep: Called after each network with all rows so far and the kept ones of other networks.

    Returns:
        A row for each, in the same order.

    Raises:
        datasets.DataMissingError: A benchmark's pictures are not there.
    """
    corpora = {name: BENCHMARKS[name]() for name in benchmarks}
    known = {_identity(row): row for row in kept}
    rows: list[Row] = []
    with Bar(len(found)) as bar:
        for entry in found:
            row = _row(entry, degradation)
            old = known.get(_identity(row), row)
            row |= {"scores": dict(old["scores"]), "whole": old["whole"]}
            with bar.step():
                _score(entry, row, corpora, lpips)
            rows.append(row)
            keep(_merged(rows, kept))
    return rows


def _merged(rows: Sequence[Row], kept: Sequence[Row]) -> list[Row]:
    """Put new rows in the place of kept ones of the same name, also where that was another training run."""
    known = {(row["name"], row["degradation"]): row for row in [*kept, *rows]}
    return sorted(known.values(), key=lambda row: (row["scale"], row["run"] is not None, row["name"]))


def _row(entry: Entry, degradation: str) -> Row:
    """Describe a network: what it is, where its scores go, and what others report."""
    known = entry.manifest
    return {
        "name": entry.name,
        "architecture": known.architecture if known else "bicubic",
        "scale": entry.scale,
        "loss": known.loss if known else None,
        "recipe": known.recipe if known else None,
        "training_data": known.training_data if known else None,
        "seed": known.seed if known else None,
        "parameters": known.parameters if known else 0,
        "origin": known.origin if known else "Pillow's bicubic",
        "run": known.run if known else None,
        "degradation": degradation,
        "whole": True,
        "scores": {},
        "reported": {},
    }


def _identity(row: Row) -> tuple[Any, ...]:
    return row["name"], row["run"], row["scale"], row["degradation"]


def _score(entry: Entry, row: Row, corpora: dict[str, datasets.Corpus], lpips: "Lpips | None") -> None:
    """Fill in the scores that are missing, and what is reported."""
    scores, degradation = row["scores"], row["degradation"]
    missing = [name for name in corpora if name not in scores or (lpips and scores[name]["lpips"] is None)]
    opened = entry.open() if missing else None
    upscale = opened.upscale if isinstance(opened, Network) else opened
    for name in missing:
        if upscale is None:
            break
        result = score(upscale, entry.scale, corpora[name], degradation=degradation, lpips=lpips)
        scores[name] = {
            "psnr": round(result.psnr, 3) if math.isfinite(result.psnr) else None,
            "ssim": round(result.ssim, 5),
            "lpips": None if result.lpips is None else round(result.lpips, 4),
            "pictures": result.pictures,
        }
        if isinstance(opened, Network):
            sizes = [low.shape for low, _ in pairs(corpora[name], entry.scale, degradation)]
            row["whole"] = row["whole"] and all(opened.exact(height, width) for height, width, _ in sizes)
    row["scores"] = {name: scores[name] for name in BENCHMARKS if name in scores}
    row["reported"] = _reported(row)


def _reported(row: Row) -> dict[str, Any]:
    """Put what others report beside what was measured on the same kind of pictures."""
    if row["degradation"] != "matlab-bicubic":
        return {}
    found: dict[str, Any] = {}
    for reference in datasets.reference_scores(row["name"]):
        ours = row["scores"].get(reference.benchmark, {}).get("psnr")
        found[reference.benchmark] = {
            "psnr": reference.psnr,
            "ssim": reference.ssim,
            "difference": None if ours is None else round(ours - reference.psnr, 3),
            "exact": reference.exact,
            "origin": reference.origin,
        }
    return found


def read_rows(path: Path) -> list[Row]:
    """Read the rows that an earlier call kept.

    Args:
        path: A file of `write_rows`; it need not be there.

    Returns:
        Its rows.

    Raises:
        ValueError: It is no such file.
        OSError: It cannot be read.
    """
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["networks"]
        for row in rows:
            _identity(row)
            dict(row["scores"])
            bool(row["whole"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ValueError(f"--out {path.name} is there and holds no results of this command") from None
    return rows


def write_rows(path: Path, rows: Sequence[Row], command: str) -> None:
    """Keep rows in a file, with how they came about.

    Args:
        path: Where to.
        rows: The results.
        command: The command that made them.
    """
    content = {"command": command, "protocol": PROTOCOL, "versions": _versions(), "networks": rows}
    write_atomically(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Lay results out as a table.

    Args:
        rows: The results.

    Returns:
        Rows of text, the head first: three columns that describe a network, then its scores, then what is reported.
    """
    shown = [name for name in BENCHMARKS if any(name in row["scores"] for row in rows)]
    perceptual = any(found["lpips"] is not None for row in rows for found in row["scores"].values())
    metrics = {"psnr": "{:.2f}", "ssim": "{:.4f}"} | ({"lpips": "{:.3f}"} if perceptual else {})
    reported = any(row["reported"] for row in rows)
    head = ["Network", "Scale", "Parameters"] + [
        f"{TITLES[name]} {metric.upper()}" for name in shown for metric in metrics
    ]
    table = [head + (["Reported"] if reported else [])]
    for row in rows:
        numbers = [
            _number(row["scores"].get(name, {}).get(metric), form) for name in shown for metric, form in metrics.items()
        ]
        name = row["name"] if row["whole"] else f"{row['name']} *"
        line = [name, f"x{row['scale']}", f"{row['parameters']:,}" if row["parameters"] else "-", *numbers]
        told = " / ".join(_number(row["reported"].get(name, {}).get("psnr"), "{:.2f}") for name in shown)
        table.append(line + ([told if row["reported"] else "-"] if reported else []))
    return table


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def legend(rows: Sequence[Row]) -> list[str]:
    """Say in sentences what the table's numbers are."""
    degradations = " and ".join(sorted({row["degradation"] for row in rows}))
    lines = [f"PSNR in dB and SSIM: {PROTOCOL}. Low resolution: {degradations}."]
    if any(row["reported"] for row in rows):
        lines.append("Reported: PSNR by the authors' code or paper, on the same benchmarks.")
    if not all(row["whole"] for row in rows):
        lines.append("*: sees whole pictures, and the larger ones were cut into overlapping tiles.")
    return lines


def markdown(rows: Sequence[Row]) -> str:
    """Lay results out as a table in Markdown, for documents.

    Args:
        rows: The results, as `read_rows` gives them.

    Returns:
        The table and below it what its numbers are.
    """
    head, *lines = cells(rows)
    ruler = [":--" if column == 0 else "--:" for column in range(len(head))]
    text = "\n".join(f"| {' | '.join(line)} |" for line in (head, ruler, *lines))
    return f"{text}\n\n{' '.join(legend(rows))}"
