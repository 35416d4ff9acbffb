"""The typed result as a person reads it in a terminal: verdict first, then sources, parameters, notes."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fingerprint.result import Region, RegionMap, Result
from reports.commandline import printable
from reports.words import UNKNOWN, interpolated, log_ratio, parameter_rows, probability

PIPED_WIDTH = 100

_SENTENCES = {
    "known_source": "upscaled, and of the enrolled sources by {source}",
    "unknown_source": "upscaled, by none of the enrolled sources",
    "not_upscaled": "no sign of upscaling",
    "inconclusive": "this image allows no answer",
}
_INTERPOLATED = "enlarged by a plain kernel; no network is indicated"
_STYLES = {
    "known_source": "bold magenta",
    "unknown_source": "bold yellow",
    "not_upscaled": "bold green",
    "inconclusive": "bold",
}


def console_for(stream: Any) -> Console:
    """Return a console for a text stream: plain text of a fixed width where `stream` is no terminal.

    The environment variable `NO_COLOR` is obeyed, as rich does.
    """
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def render(result: Result) -> RenderableType:
    """Return what to print for one image."""
    parts: list[RenderableType] = [_heading(result), _verdict(result), Text(), _sources(result), Text()]
    parts.append(_parameters(result))
    if result.regions and result.regions.found:
        parts += [Text(), _regions(result.regions)]
    if result.image.notes:
        parts += [Text(), _notes(result.image.notes)]
    return Group(*parts, Text())


def _heading(result: Result) -> Text:
    image = result.image
    facts = [f"{image.width} × {image.height}", image.format, f"{image.bit_depth} bit"]
    if image.jpeg_quality is not None:
        facts.append(f"JPEG quality {image.jpeg_quality}")
    text = Text(printable(image.path), style="bold underline", overflow="fold")
    text.append(f"  {', '.join(facts)}", style="not bold not underline dim")
    return text


def _verdict(result: Result) -> RenderableType:
    sentence = _SENTENCES[result.verdict]
    if result.verdict == "known_source":
        sentence = sentence.format(source=printable(result.candidates[0].source))
    elif result.verdict == "inconclusive" and any(note.startswith("source: ") for note in result.image.notes):
        sentence = "upscaled, but its source cannot be told"
    elif interpolated(result):
        sentence = _INTERPOLATED
    if result.verdict == "inconclusive" and result.regions and result.regions.found:
        sentence = "only a part of this image was upscaled"
    text = Text(result.verdict.replace("_", " ").upper(), style=_STYLES[result.verdict])
    text.append(f": {sentence}", style="not bold default")
    return Padding(text, (0, 0, 0, 2), expand=False)


def _sources(result: Result) -> RenderableType:
    table = _table()
    table.add_column("source", overflow="fold")
    table.add_column("probability", justify="right", no_wrap=True)
    table.add_column("log10 LR", justify="right", no_wrap=True)
    for place, candidate in enumerate(result.candidates):
        style = "bold" if place == 0 and result.verdict == "known_source" else None
        row = (printable(candidate.source), probability(candidate.probability), log_ratio(candidate.log10_lr))
        table.add_row(*row, style=style)
    upscaled = result.upscaled
    table.add_row("upscaled by anything", probability(upscaled.probability), log_ratio(upscaled.log10_lr))
    return Padding(table, (0, 0, 0, 2), expand=False)


def _parameters(result: Result) -> RenderableType:
    table = _table()
    table.add_column("parsed", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("probability", justify="right", no_wrap=True)
    for label, value, chance, known in parameter_rows(result):
        table.add_row(label, value, chance, style=None if known else "dim")
    return Padding(table, (0, 0, 0, 2), expand=False)


def _regions(regions: RegionMap) -> RenderableType:
    """Return one line for each part that differs from the rest."""
    table = _table()
    table.add_column("part", no_wrap=True)
    table.add_column("pixels", no_wrap=True)
    table.add_column("log10 LR", justify="right", no_wrap=True)
    table.add_column("source", overflow="fold")
    for region in regions.found:
        table.add_row(region.kind.replace("_", " "), _place(region), log_ratio(region.log10_lr), _made_by(region))
    return Padding(table, (0, 0, 0, 2), expand=False)


def _place(region: Region) -> str:
    left, top, width, height = region.box
    return f"{width} × {height} at column {left}, row {top}"


def _made_by(region: Region) -> str:
    if region.kind != "upscaled":
        return ""
    if region.source is None:
        return UNKNOWN
    return f"{printable(region.source.source)} ({probability(region.source.probability)})"


def _notes(notes: Iterable[str]) -> RenderableType:
    lines = [Text("notes", style="dim"), *(Text(printable(note)) for note in notes)]
    return Padding(Group(*lines), (0, 0, 0, 2), expand=False)


def _table() -> Table:
    return Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim")
