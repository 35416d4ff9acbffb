"""Sweeps: a TOML file that names a grid of training runs, and the runs that come of it.

Reading a sweep is a pure function of its text; nothing is trained or looked up here, and only the standard library is
needed. What the tables of a file mean stands at :func:`read_sweep`.
"""

import dataclasses
import difflib
import itertools
import re
import string
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from model_zoo.config import TrainConfig
from model_zoo.distillation.config import DistilConfig
from model_zoo.registry import ARCHITECTURES

SHIPPED = Path(__file__).parent / "sweep_files"
LABELLED = ("scale", "architecture", "loss", "data")
"""Fields whose values a sweep may name: `[loss.NAME]` says what NAME stands for and what else it brings."""

_TEMPLATE = "{sweep}-{architecture}-x{scale}-{loss}-{data}-s{seed}"
_TABLES = ("name", "kind", "template", "defaults", "when", "grid", *LABELLED)
KINDS: dict[str, type[TrainConfig]] = {"training": TrainConfig, "distillation": DistilConfig}
"""What a sweep's runs can be, by its `kind`."""
_KINSHIP = (*LABELLED, "seed", "degradation")  # what a parent must share beside the shape of its network


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The runs of a sweep.

    Attributes:
        name: the sweep's name.
        runs: its runs; a run's parent stands before it.
    """

    name: str
    runs: tuple[TrainConfig, ...]

    def parents(self) -> dict[str, str]:
        """The run ids of those runs that start from another of the sweep, with the id of that one."""
        known = {folder_name(run): run.run_id() for run in self.runs}
        return {run.run_id(): known[run.warm_start] for run in self.runs if run.warm_start in known}

    def shard(self, place: int, count: int) -> "Sweep":
        """Gives every `count`-th family of runs: a run stays with those that start from it.

        Args:
            place: which share, 1 to `count`.
            count: how many shares there are.

        Returns:
            The sweep with the runs of that share alone.

        Raises:
            ValueError: if there is no such share.
        """
        if not 1 <= place <= count:
            raise ValueError(f"shard must be i/n with 1 <= i <= n, got {place}/{count}")
        parents, family = self.parents(), {}
        for run in self.runs:
            parent = parents.get(run.run_id())
            family[run.run_id()] = len(set(family.values())) if parent is None else family[parent]
        chosen = tuple(run for run in self.runs if family[run.run_id()] % count == place - 1)
        return dataclasses.replace(self, runs=chosen)


def folder_name(config: TrainConfig) -> str:
    """The name of a run's folder, by which others of the same folder of runs may start from it."""
    return f"{config.name}-{config.run_id()}"


def shipped_sweeps() -> list[str]:
    """Names of the sweeps that ship with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def find_sweep(name: str) -> Path:
    """Finds a sweep's file.

    Args:
        name: the path of a TOML file, or the name of a shipped sweep with or without `.toml`.

    Returns:
        Where it is.

    Raises:
        ValueError: if there is neither such a file nor such a sweep.
    """
    path = Path(name)
    if path.is_file():
        return path
    if path.name == name and path.stem in shipped_sweeps() and path.suffix in ("", ".toml"):
        return SHIPPED / f"{path.stem}.toml"
    raise ValueError(f"sweep must be a TOML file or one of {', '.join(shipped_sweeps())}, got {name!r}")


def read_sweep(path: Path) -> Sweep:
    """Reads a sweep file and expands it.

    The file has these tables, all but the last optional; a *field* is one of `TrainConfig`'s, except `name`:

    * `name`, `template`: the sweep's name (by default the file's) and how its runs are called, with fields in braces.
    * `kind`: `training`, or `distillation`, whose runs have the fields of `DistilConfig`.
    * `[defaults]`: fields of all runs.
    * `[scale.X]`, `[architecture.X]`, `[loss.X]`, `[data.X]`: fields of the runs whose scale (...) is X in the grid.
      X may be any label if the table says what it stands for: `[data.A]` with `data = "bsds500/train:A"`.
    * `[[when]]`: `match` (fields with a value or a list of them) and `set` (fields): for those that match.
    * `[[grid]]`: fields; a list makes an axis, and all combinations become runs. It may have a `template` of its own.

    Later ones in this list win over earlier ones; `options`, a table, is merged key by key. In `data`, `{folder}`
    stands for the sweep file's folder. `warm_start` may name another run of the sweep by what it differs in:
    `{loss = "l1"}`, or shorter `"l1"`, is the one of equal scale, architecture, data, seed, degradation and shape
    of the network whose loss is l1; a run that this would lead to itself starts from random weights.

    Args:
        path: the file.

    Returns:
        The sweep, in the order of the file but parents before those that start from them.

    Raises:
        ValueError: if the file is not such a sweep; in one line, with the file and the place in it.
        OSError: if it cannot be read.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not TOML: {error}") from None
    return _Reader(path, tables).sweep()


@dataclasses.dataclass(frozen=True)
class _Draft:
    """A run whose parent has not been found yet."""

    config: TrainConfig
    labels: dict[str, str]
    warm_start: str | dict[str, str] | None

    def key(self, changes: Mapping[str, str] | None = None) -> tuple:
        """What a parent is found by."""
        known = self.labels | {"seed": str(self.config.seed), "degradation": self.config.degradation}
        known |= changes or {}
        return (*(known[field] for field in _KINSHIP), *sorted(self.config.network().items()))


class _Reader:
    """One file on its way to a sweep; knows the file's name for messages."""

    def __init__(self, path: Path, tables: dict[str, Any]) -> None:
        self.path, self.tables = path, tables
        self.check_keys("the file", tables, _TABLES)
        kind = tables.get("kind", "training")
        if kind not in KINDS:
            self.fail(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        self.made = KINDS[kind]
        hints = typing.get_type_hints(self.made)
        self.hints = {field.name: hints[field.name] for field in dataclasses.fields(self.made) if field.name != "name"}
        self.fields = tuple(self.hints)
        self.usual = {field.name: field.default for field in dataclasses.fields(self.made)}
        for place in ("defaults", *LABELLED):
            self.check_kind(place, tables.get(place, {}), dict, "a table")
        for place in ("grid", "when"):
            self.check_kind(place, tables.get(place, []), list, f"tables [[{place}]]")
        self.name = tables.get("name", path.stem)
        self.check_kind("name", self.name, str, "text")

    def fail(self, message: str) -> NoReturn:
        raise ValueError(f"{self.path.name}: {message}")

    def check_kind(self, place: str, value: object, kind: type, wanted: str) -> None:
        if not isinstance(value, kind):
            self.fail(f"{place} must be {wanted}, got {value!r}")

    def check_keys(self, place: str, found: Mapping[str, Any], known: Sequence[str]) -> None:
        for key in found:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
                self.fail(f"{place} has no key {key!r}; {hint}")

    def sweep(self) -> Sweep:
        """Expands all grids."""
        defaults = self.layer("[defaults]", self.tables.get("defaults", {}))
        named = {field: self.named(field) for field in LABELLED}
        when = [self.condition(number, table) for number, table in enumerate(self.tables.get("when", []), 1)]
        drafts = []
        for number, grid in enumerate(self.tables.get("grid", []), 1):
            self.check_kind(f"[[grid]] {number}", grid, dict, "a table")
            template = grid.get("template", self.tables.get("template", _TEMPLATE))
            self.check_template(template)
            for point in self.points(number, grid):
                drafts.append(self.draft(template, point, defaults, named, when))
        if not drafts:
            self.fail("there is no [[grid]], so there are no runs")
        self.check_names(drafts)
        return Sweep(self.name, self.related(drafts))

    def named(self, field: str) -> dict[str, dict[str, Any]]:
        """Reads the tables `[field.X]`."""
        found = {}
        for label, table in self.tables.get(field, {}).items():
            self.check_kind(f"{field}.{label}", table, dict, f"a table [{field}.{label}]")
            others = [key for key in LABELLED if key != field]
            self.check_keys(f"[{field}.{label}]", table, [key for key in self.fields if key not in others])
            found[label] = self.layer(f"[{field}.{label}]", table)
        return found

    def condition(self, number: int, table: Any) -> tuple[dict[str, list], dict[str, Any]]:
        """Reads a table `[[when]]`."""
        place = f"[[when]] {number}"
        self.check_kind(place, table, dict, "a table")
        self.check_keys(place, table, ("match", "set"))
        match, fields = table.get("match", {}), table.get("set", {})
        self.check_kind(f"{place} match", match, dict, "a table")
        self.check_kind(f"{place} set", fields, dict, "a table")
        self.check_keys(f"{place} match", match, [field for field in self.fields if field != "options"])
        self.check_keys(f"{place} set", fields, [field for field in self.fields if field not in LABELLED])
        wanted = {key: value if isinstance(value, list) else [value] for key, value in match.items()}
        return wanted, self.layer(f"{place} set", fields)

    def layer(self, place: str, table: Mapping[str, Any]) -> dict[str, Any]:
        """Checks keys and kinds of a table of fields."""
        self.check_keys(place, table, self.fields)
        return {key: self.value(f"{place} {key}", key, value) for key, value in table.items()}

    def value(self, place: str, field: str, value: Any) -> Any:
        """Checks that a value is of its field's kind; a whole number becomes a float where that is asked for."""
        if field == "options":
            self.check_kind(place, value, dict, "a table")
            for key, option in value.items():
                if not isinstance(option, bool | int | float | str):
                    self.fail(f"{place}.{key} must be a number, a text, true or false, got {option!r}")
            return value
        if field in LABELLED:
            good = isinstance(value, int | str) and not isinstance(value, bool)
        elif field == "warm_start":
            return self.relation(place, value)
        else:
            kinds = _plain_kinds(self.hints[field])
            if float in kinds and isinstance(value, int) and not isinstance(value, bool):
                return float(value)
            good = isinstance(value, kinds) and not isinstance(value, bool)
        if not good:
            self.fail(f"{place} must be {_kind_words(field, self.hints[field])}, got {value!r}")
        return value

    def relation(self, place: str, value: Any) -> str | dict[str, str]:
        """Reads a `warm_start`: a text, or what the parent differs in."""
        if isinstance(value, str):
            return value
        self.check_kind(place, value, dict, 'a text or a table such as {loss = "l1"}')
        self.check_keys(place, value, _KINSHIP)
        if not value:
            self.fail(f"{place} must say what the parent differs in, got an empty table")
        return {key: str(label) for key, label in value.items()}

    def points(self, number: int, grid: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """All combinations of a grid's lists."""
        place = f"[[grid]] {number}"
        self.check_keys(place, grid, ("template", *self.fields))
        axes = []
        for key, given in grid.items():
            if key == "template":
                continue
            values = given if isinstance(given, list) else [given]
            if not values:
                self.fail(f"{place} {key} must not be an empty list")
            axes.append([(key, self.value(f"{place} {key}", key, value)) for value in values])
        return (dict(point) for point in itertools.product(*axes))

    def draft(
        self,
        template: str,
        point: dict[str, Any],
        defaults: dict[str, Any],
        named: dict[str, dict[str, dict[str, Any]]],
        when: list[tuple[dict[str, list], dict[str, Any]]],
    ) -> _Draft:
        """Puts a run together from its layers."""
        plain = self.usual | defaults
        chosen = {field: point.get(field, plain[field]) for field in LABELLED}
        labels = {field: str(value) for field, value in chosen.items()}
        own = {key: value for key, value in point.items() if key not in LABELLED}
        fields = _merged([defaults, chosen, *(named[field].get(labels[field], {}) for field in LABELLED)])
        for match, changes in when:
            known = fields | own | chosen
            if all(any(str(known.get(key)) == str(value) for value in values) for key, values in match.items()):
                fields = _merged([fields, changes])
        fields = _merged([fields, own])
        name = self.run_name(template, fields, labels)
        warm_start = fields.pop("warm_start", None)
        fields["options"] = tuple(f"{key}={_written(value)}" for key, value in fields.get("options", {}).items())
        fields["data"] = str(fields["data"]).replace("{folder}", str(self.path.resolve().parent))
        return _Draft(self.config(name, fields), labels, warm_start)

    def config(self, name: str, fields: dict[str, Any]) -> TrainConfig:
        """Makes the run's config, or says what is wrong with it."""
        if not isinstance(fields["scale"], int):
            self.fail(f"run {name}: scale must be a whole number, got {fields['scale']!r}")
        if fields["architecture"] not in ARCHITECTURES:
            self.fail(
                f"run {name}: architecture must be one of {', '.join(ARCHITECTURES)}, got {fields['architecture']!r}"
            )
        try:
            return self.made(name=name, **fields)
        except ValueError as error:
            self.fail(f"run {name}: {error}")

    def check_template(self, template: Any) -> None:
        self.check_kind("template", template, str, "text")
        try:
            used = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
        except ValueError as error:
            self.fail(f"template must be text with fields in braces, got {template!r}: {error}")
        self.check_keys("template", dict.fromkeys(used), ("sweep", *self.fields))

    def run_name(self, template: str, fields: Mapping[str, Any], labels: Mapping[str, str]) -> str:
        """Fills in the template."""
        values = self.usual | dict(fields) | {"sweep": self.name} | {key: short(key, labels[key]) for key in LABELLED}
        for _, field, _, _ in string.Formatter().parse(template):
            if field is not None and values[field] is None:
                self.fail(f"template {template!r} uses {field}, which is not set for {dict(labels)}")
        try:
            return template.format_map(values)
        except (ValueError, TypeError) as error:
            self.fail(f"template {template!r} cannot be filled in: {error}")

    def check_names(self, drafts: Sequence[_Draft]) -> None:
        seen: set[str] = set()
        for draft in drafts:
            if draft.config.name in seen:
                self.fail(f"two runs are called {draft.config.name!r}; the template must tell them apart")
            seen.add(draft.config.name)

    def related(self, drafts: Sequence[_Draft]) -> tuple[TrainConfig, ...]:
        """Finds every run's parent; parents come first."""
        by_key: dict[tuple, list[_Draft]] = {}
        for draft in drafts:
            by_key.setdefault(draft.key(), []).append(draft)
        losses = {draft.labels["loss"] for draft in drafts}
        done: dict[str, TrainConfig] = {}

        def settle(draft: _Draft, children: tuple[str, ...] = ()) -> TrainConfig:
            name = draft.config.name
            if name in children:
                self.fail(f"run {name} would start from itself, by way of {', '.join(children)}")
            if name not in done:
                warm = draft.warm_start
                changes = {"loss": warm} if isinstance(warm, str) and warm in losses else warm
                if isinstance(changes, dict):
                    parent = self.parent(draft, changes, by_key)
                    changes = None if parent is None else folder_name(settle(parent, (*children, name)))
                done[name] = dataclasses.replace(draft.config, warm_start=changes)
            return done[name]

        for draft in drafts:
            settle(draft)
        return tuple(done.values())

    def parent(self, draft: _Draft, changes: dict[str, str], by_key: Mapping[tuple, list[_Draft]]) -> _Draft | None:
        key = draft.key(changes)
        if key == draft.key():
            return None
        found = by_key.get(key, [])
        if len(found) != 1:
            which = "no run" if not found else f"{len(found)} runs ({', '.join(other.config.name for other in found)})"
            rule = " and ".join(f"{field} {label}" for field, label in changes.items())
            self.fail(f"run {draft.config.name} is to start from the like run with {rule}, but {which} fits")
        return found[0]


def short(field: str, label: str) -> str:
    """A value as part of a name: `bsds500/train:A/4` is A4, `bsds500/train` is all, `dir:a/b` is b."""
    if field == "data":
        if label == "bsds500/train":
            return "all"
        label = label.removeprefix("bsds500/train:").replace("/4", "4")
        label = Path(label.removeprefix("dir:")).name if label.startswith("dir:") else label
    return re.sub(r"[^A-Za-z0-9_.]+", "-", label).strip("-.")


def _merged(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Later layers win; options are merged key by key."""
    result: dict[str, Any] = {}
    for layer in layers:
        options = result.get("options", {}) | layer.get("options", {})
        result |= layer
        if options:
            result["options"] = options
    return result


def _written(value: bool | int | float | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain_kinds(hint: Any) -> tuple[type, ...]:
    """The plain types that a field's annotation allows, without None."""
    if typing.get_origin(hint) is Literal:
        return (str,)
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return tuple(kind for kind in typing.get_args(hint) if kind is not type(None))
    return (hint,)


def _kind_words(field: str, hint: Any) -> str:
    words = {int: "a whole number", float: "a number", str: "a text"}
    return "a text or a whole number" if field in LABELLED else words[_plain_kinds(hint)[0]]
