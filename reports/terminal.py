"""The typed result as a person reads it in a terminal: verdict first, then sources, parameters, notes."""

from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fingerprint.regression.targets import UNCODED
from fingerprint.result import Parameter, Region, RegionMap, Result
from reports.commandline import printable

PIPED_WIDTH = 100
UNKNOWN = "not known"

_SENTENCES = {
    "known_source": "upscaled, and of the enrolled sources by {source}",
    "unknown_source": "upscaled, by none of the enrolled sources",
    "not_upscaled": "no sign of upscaling",
    "inconclusive": "this image allows no answer",
}
_STYLES = {
    "known_source": "bold magenta",
    "unknown_source": "bold yellow",
    "not_upscaled": "bold green",
    "inconclusive": "bold",
}
_LABELS = {
    "scale": "scale",
    "architecture": "architecture",
    "loss": "loss",
    "training_data": "training data",
    "log10_parameters": "parameters",
    "scale_factor": "scale, real",
    "depth": "convolutions",
    "log10_adversarial_weight": "adversarial weight",
    "jpeg_quality_before": "JPEG before",
    "jpeg_quality_after": "JPEG after",
}
_IF_KNOWN = ("scale_factor", "depth", "log10_adversarial_weight", "jpeg_quality_before", "jpeg_quality_after")


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
        row = (printable(candidate.source), _probability(candidate.probability), _log_ratio(candidate.log10_lr))
        table.add_row(*row, style=style)
    upscaled = result.upscaled
    table.add_row("upscaled by anything", _probability(upscaled.probability), _log_ratio(upscaled.log10_lr))
    return Padding(table, (0, 0, 0, 2), expand=False)


def _parameters(result: Result) -> RenderableType:
    table = _table()
    table.add_column("parsed", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("probability", justify="right", no_wrap=True)
    for name, parameter in result.parameters.items():
        if name in _IF_KNOWN and parameter.value is None:
            continue
        value = _worded(name, parameter)
        chance = (parameter.probabilities or {}).get(str(parameter.value))
        known = parameter.value is not None
        shown = "" if chance is None or not known else _probability(chance)
        table.add_row(_LABELS.get(name, name), value, shown, style=None if known else "dim")
    return Padding(table, (0, 0, 0, 2), expand=False)


def _regions(regions: RegionMap) -> RenderableType:
    """Return one line for each part that differs from the rest."""
    table = _table()
    table.add_column("part", no_wrap=True)
    table.add_column("pixels", no_wrap=True)
    table.add_column("log10 LR", justify="right", no_wrap=True)
    table.add_column("source", overflow="fold")
    for region in regions.found:
        table.add_row(region.kind.replace("_", " "), _place(region), _log_ratio(region.log10_lr), _made_by(region))
    return Padding(table, (0, 0, 0, 2), expand=False)


def _place(region: Region) -> str:
    left, top, width, height = region.box
    return f"{width} × {height} at column {left}, row {top}"


def _made_by(region: Region) -> str:
    if region.kind != "upscaled":
        return ""
    if region.source is None:
        return UNKNOWN
    return f"{printable(region.source.source)} ({_probability(region.source.probability)})"


def _notes(notes: Iterable[str]) -> RenderableType:
    lines = [Text("notes", style="dim"), *(Text(printable(note)) for note in notes)]
    return Padding(Group(*lines), (0, 0, 0, 2), expand=False)


def _table() -> Table:
    return Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim")


def _worded(name: str, parameter: Parameter) -> str:
    if name == "log10_parameters":
        return _network_size(parameter)
    if name == "log10_adversarial_weight":
        return _ranged(parameter, lambda value: f"about {10.0**value:.1g}", lambda value: f"{10.0**value:.1g}")
    if name.startswith("jpeg_quality"):
        return _ranged(parameter, lambda value: _quality(value, "quality "), _quality)
    return _value(parameter)


def _ranged(parameter: Parameter, told: Callable[[float], str], limit: Callable[[float], str]) -> str:
    if not isinstance(parameter.value, int | float):
        return UNKNOWN
    value = told(float(parameter.value))
    if parameter.interval is None or parameter.interval[0] == parameter.interval[1]:
        return value
    return f"{value} ({limit(parameter.interval[0])} to {limit(parameter.interval[1])}{_level(parameter)})"


def _quality(value: float, before: str = "") -> str:
    return f"{before}{value:g}" if value < UNCODED else "none"


def _level(parameter: Parameter) -> str:
    return "" if parameter.level is None else f" at {100 * parameter.level:g} %"


def _value(parameter: Parameter) -> str:
    if parameter.value is None:
        return UNKNOWN
    value = printable(str(parameter.value))
    if parameter.interval is None or parameter.interval[0] == parameter.interval[1]:
        return value
    return f"{value} ({parameter.interval[0]:g} to {parameter.interval[1]:g}{_level(parameter)})"


def _network_size(parameter: Parameter) -> str:
    return _ranged(parameter, lambda value: f"about {_count(value)}", _count)


def _count(log10: float) -> str:
    """Write a number of parameters to two digits: 5.5 is 320,000."""
    number = 10.0**log10
    digits = max(0, len(str(int(number))) - 2)
    return f"{round(number, -digits):,.0f}"


def _probability(value: float) -> str:
    """Write a probability so that neither certainty nor impossibility is claimed by rounding."""
    if 0.0 < value < 0.001:
        return "< 0.001"
    if 0.999 < value < 1.0:
        return "> 0.999"
    return f"{value:.3f}"


def _log_ratio(value: float) -> str:
    return f"{value:+.2f}"
