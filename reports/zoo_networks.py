"""Which networks the zoo's commands speak of: those that are listed, and those of a folder of runs."""

import difflib
import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model_zoo.manifests import Manifest, find_manifest, list_networks, read_manifest, weights_path


@dataclass(frozen=True)
class Known:
    """A network and where it lies.

    Attributes:
        manifest: what is known about it.
        weights: its weights; None for a listed network, which is loaded by its name.
        run: the folder of the run that made it, if that is there.
    """

    manifest: Manifest
    weights: Path | None = None
    run: Path | None = None

    @property
    def source(self) -> str:
        """What `model_zoo.load` takes."""
        return self.manifest.name if self.weights is None else str(self.weights)

    @property
    def weights_path(self) -> Path:
        """Where its weights lie."""
        return self.weights or weights_path(find_manifest(self.manifest.name))


def gather(runs: Path | None = None) -> list[Known]:
    """Find all networks.

    Args:
        runs: A folder of runs, whose finished ones are networks too.

    Returns:
        The listed ones by name, then those of the runs by folder; a listed one whose run is there is not there twice.

    Raises:
        ValueError: There is no such folder, or a manifest is damaged.
    """
    found = [Known(manifest) for manifest in list_networks()]
    if runs is None:
        return found
    if not runs.is_dir():
        raise ValueError(f"--runs must be a folder of runs, got {str(runs)!r}")
    for folder in sorted(path for path in runs.iterdir() if path.is_dir() and not path.name.startswith(".")):
        known = finished_run(folder)
        if known is None:
            continue
        made = (known.manifest.name, known.manifest.run)
        listed = [
            place
            for place, other in enumerate(found)
            if other.weights is None and (other.manifest.name, other.manifest.run) == made
        ]
        if listed and known.manifest.run:
            found[listed[0]] = replace(found[listed[0]], run=folder)
        else:
            found.append(known)
    return found


def finished_run(folder: Path) -> Known | None:
    """Return the network that a run's folder holds, None if it is no run's folder or not finished."""
    if not (folder / "run.json").is_file():
        return None
    for path in sorted(folder.glob("*.json")):
        if path.name != "run.json" and weights_path(path).is_file():
            return Known(read_manifest(path), weights_path(path), folder)
    return None


def choose(patterns: Sequence[str], runs: Path | None = None) -> list[Known]:
    """Find the networks that a command line names.

    Args:
        patterns: Names, patterns with `*`, `?` and `[...]`, `.safetensors` files, or folders of finished runs. A
            network of `runs` goes by its own name or its folder's; a pattern means every network that fits.
        runs: A folder of runs.

    Returns:
        The networks in the order of the patterns, each once.

    Raises:
        ValueError: One stands for no network, or a name for several.
    """
    known = gather(runs)
    chosen: dict[str, Known] = {}
    for pattern in patterns:
        for network in _fitting(pattern, known):
            chosen.setdefault(network.source, network)
    return list(chosen.values())


def _fitting(pattern: str, known: Sequence[Known]) -> list[Known]:
    path = Path(pattern)
    if path.suffix == ".safetensors":
        manifest = read_manifest(find_manifest(pattern))
        run = path.parent if (path.parent / "run.json").is_file() else None
        return [Known(manifest, path, run)]
    if path.is_dir() and (finished := finished_run(path)):
        return [finished]
    fitting = [network for network in known if any(fnmatch.fnmatchcase(name, pattern) for name in _names(network))]
    if not fitting:
        near = difflib.get_close_matches(pattern, dict.fromkeys(network.manifest.name for network in known), 3)
        hint = f"; near are {', '.join(near)}" if near else ""
        raise ValueError(
            f"name must be a network that `whorl zoo list` shows or a pattern for some, got {pattern!r}{hint}"
        )
    if len(fitting) > 1 and not set(pattern) & set("*?["):
        places = ", ".join(network.run.name for network in fitting if network.run is not None)
        raise ValueError(f"name {pattern!r} stands for several networks: say which of {places} is meant")
    return fitting


def _names(network: Known) -> list[str]:
    return [network.manifest.name] + ([network.run.name] if network.run is not None else [])
