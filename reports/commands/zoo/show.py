"""`whorl zoo show`."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, Parser, emit, emit_json, printable

if TYPE_CHECKING:
    from reports.zoo_networks import Known

_BARS = "▁▂▃▄▅▆▇█"
_CURVE = 60  # characters that a learning curve takes at most


def main(argv: Sequence[str], prog: str) -> int:
    """Show all that is known about one network.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    parser = Parser(prog=prog, description="Show all that is known about one network.")
    parser.add_argument(
        "network", metavar="NAME", help="a name that `list` shows, a .safetensors file, or a run's folder"
    )
    parser.add_argument("--runs", type=Path, metavar="DIR", help="a folder of runs, whose names are known too")
    parser.add_argument("--json", action="store_true", help="write one JSON object instead of lines")
    options = parser.parse_args(argv)
    described = _unfinished(_folder(options.network, options.runs)) or _finished(options.network, options.runs)
    if options.json:
        emit_json(described)
    else:
        emit("\n".join(map(printable, _lines(described))))
    return ANSWERED


def _folder(name: str, runs: Path | None) -> Path | None:
    """Return the folder of a run that a name means directly."""
    for folder in (Path(name), *([runs / name] if runs is not None else [])):
        if (folder / "run.json").is_file():
            return folder
    return None


def _unfinished(folder: Path | None) -> dict[str, Any] | None:
    """Describe a run that has no network yet, by its config and how far it is."""
    from reports.zoo_networks import finished_run

    if folder is None or finished_run(folder) is not None:
        return None
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        config = run["config"]
        curve = learning_curve(folder)
        return {
            "name": config["name"],
            "state": f"unfinished, {curve[-1]['step'] if curve else 0} of {config['steps']} steps",
            **{key: value for key, value in config.items() if key != "name" and value not in (None, [], ())},
            "run": run["run"],
            "command": run["command"],
            "versions": run["versions"],
            "folder": str(folder),
            "curve": curve,
        }
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / 'run.json'} describes no run: {error!r}") from None


def _finished(name: str, runs: Path | None) -> dict[str, Any]:
    """Describe a network by its manifest and what can be counted."""
    from model_zoo.manifests import LISTED
    from reports.zoo_networks import choose

    found = choose([name], runs)
    if len(found) != 1:
        raise ValueError(f"name must stand for one network, got {name!r}, which stands for {len(found)}")
    known = found[0]
    fields = dataclasses.asdict(known.manifest)
    described = {field: fields.pop(field) for field in LISTED} | fields
    described["loss_kind"] = loss_kind(known.manifest.loss)
    described["multiply_adds_hd"] = _multiply_adds(known)
    described["weights"] = str(known.weights_path)
    described["folder"] = None if known.run is None else str(known.run)
    described["curve"] = [] if known.run is None else learning_curve(known.run)
    return described


def loss_kind(loss: str) -> str | None:
    """Return `fidelity` or `adversarial`, None for a loss that nobody can tell."""
    from model_zoo.losses.spec import parse_loss

    try:
        return parse_loss(loss).kind
    except ValueError:
        return None


def learning_curve(folder: Path) -> list[dict[str, Any]]:
    """Read what a run has logged.

    Args:
        folder: The run's folder.

    Returns:
        An object for each log boundary with `step`, `loss` and what else is there; a line cut short by a kill is left
        out.
    """
    path = folder / "metrics.jsonl"
    curve = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            curve.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return curve


def _multiply_adds(known: "Known") -> int | None:
    """Count those for an output of 1280x720, None for an architecture that cannot be built here."""
    from model_zoo.cost import hd_size, multiply_adds

    manifest = known.manifest
    size = hd_size(manifest.scale)
    try:
        return multiply_adds(manifest.architecture, scale=manifest.scale, size=size, **manifest.config)
    except (ValueError, ImportError):
        return None


def _lines(described: dict[str, Any]) -> Iterable[str]:
    """Write the fields in columns, the learning curve as a drawing."""
    fields = {key: _words(key, value) for key, value in described.items() if key != "curve"}
    shown = {key: text for key, text in fields.items() if text}
    width = max(map(len, shown)) + 2
    for key, text in shown.items():
        yield f"{key.replace('_', ' '):{width}}{text}"
    curve = [entry for entry in described["curve"] if isinstance(entry.get("loss"), int | float)]
    if curve:
        first, last = curve[0], curve[-1]
        yield f"{'loss':{width}}{drawn([entry['loss'] for entry in curve])}"
        yield (
            f"{'':{width}}{first['loss']:.5g} at step {first['step']:,}, {last['loss']:.5g} at step {last['step']:,}, "
            f"lowest {min(entry['loss'] for entry in curve):.5g}"
        )


def _words(key: str, value: Any) -> str:
    if value is None or value in ("", [], {}):
        return ""
    if key == "quality":
        return ", ".join(f"{name.replace('_', ' ')} {number:g}" for name, number in value.items())
    if isinstance(value, dict):
        return ", ".join(f"{name} {entry}" for name, entry in value.items())
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    if key == "scale":
        return f"x{value}"
    if key == "seconds":
        return f"{value:.1f}"
    if isinstance(value, int) and key != "seed":
        return f"{value:,}"
    return str(value)


def drawn(values: Sequence[float], width: int = _CURVE) -> str:
    """Draw a curve with blocks of eight heights, on a logarithmic scale where all values are positive.

    Args:
        values: At least one.
        width: How many characters at most; each is the mean of its share of the values.

    Returns:
        The drawing.
    """
    import math

    share = -(-len(values) // width)
    means = [math.fsum(part) / len(part) for part in (values[i : i + share] for i in range(0, len(values), share))]
    heights = [math.log(mean) for mean in means] if min(means) > 0 else means
    low, high = min(heights), max(heights)
    top = len(_BARS) - 1
    return "".join(_BARS[round(top * (height - low) / (high - low)) if high > low else 0] for height in heights)
