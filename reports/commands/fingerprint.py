"""`whorl fingerprint`: fit the reference that `attribute` compares with, and measure what it is worth."""

import argparse
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, Parser, emit, emit_json, positive_int, printable
from reports.progress import Bar

if TYPE_CHECKING:
    from fingerprint import Reference

POSTS = ("clean", "crop", "jpeg90", "jpeg75", "jpeg50")
WORK = Path("runs/fit")
WORST = 5


def main(argv: Sequence[str], prog: str = "whorl fingerprint") -> int:
    """Run the command that `argv` names.

    Args:
        argv: The arguments behind the group's name.
        prog: The name to put before messages.

    Returns:
        The exit code 0.

    Raises:
        ValueError: A name, a folder or a reference cannot be used.
        OSError: Something cannot be read or written.
    """
    parser = Parser(prog=prog, description="Fit the reference that `attribute` compares with, and measure its worth.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _fit_options(commands, "fit", _fit)
    _render_options(commands, "render", _render)
    _evaluate_options(commands, "evaluate", _evaluate)
    _innocents_options(commands, "innocents", _innocents)
    _leave_out_options(commands, "leave-out", _leave_out)
    _show_options(commands, "show", _show)
    options = parser.parse_args(argv)
    options.run(options)
    return ANSWERED


class _Counter(Bar):
    """A bar that counts in strides, with lines above it; on anything but a terminal there are only the lines."""

    def __enter__(self) -> "_Counter":
        """Show the bar."""
        super().__enter__()
        return self

    def advance(self, count: int) -> None:
        """Count `count` more."""
        if self._progress:
            self._progress.advance(self._task, count)

    def say(self, text: str) -> None:
        """Write a line to standard error, above the bar where there is one."""
        if self._progress:
            self._progress.console.print(printable(text), markup=False, highlight=False)
        else:
            _say(text)


def _say(text: str) -> None:
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


# fit


def _fit_options(commands: Any, name: str, run: Any) -> None:
    parser = _command(
        commands, name, run, "fit a reference from the data folder, our networks' outputs and further ones"
    )
    add = parser.add_argument
    add(
        "extra",
        nargs="*",
        type=Path,
        metavar="EXTRA_SOURCE_FOLDER",
        help="pictures of the known source it is named after",
    )
    add("--out", type=Path, default=Path("reference"), metavar="DIR", help="the reference (default: ./%(default)s)")
    _work_option(parser)
    add("--folds", type=Path, metavar="DIR", help="keep here, too, the references that never saw one fold each")
    add("--without", nargs="+", action="extend", default=[], metavar="NAME", help="sources to leave out")
    add("--workers", type=positive_int, metavar="N", help="threads (default: all processors; the result is the same)")


def _fit(options: argparse.Namespace) -> None:
    """Fit and write the reference and its card; an interrupted fit goes on from the features it has measured."""
    _check_fit(options)
    from fingerprint.card import render_card
    from fingerprint.conditions import CONDITIONS
    from fingerprint.fit import Plan, default_samples, fit
    from fingerprint.reference import load
    from model_zoo.weights import write_atomically

    samples = default_samples(options.work / "renders", options.extra, options.without, _say)
    plan = Plan(samples, options.work / "features", options.out, options.folds, options.workers)
    with _Counter(len(CONDITIONS) * sum(sample.copies for sample in samples)) as bar:
        fit(plan, bar.say, bar.advance)
    reference = load(options.out)
    card = render_card(reference, _rebuilt_by(options))
    write_atomically(options.out / "CARD.md", card.encode())
    emit(f"{options.out}\n{reference.identity}\n\n{_validation_table(reference)}")


def _check_fit(options: argparse.Namespace) -> None:
    """Refuse in the first second what would otherwise fail after hours."""
    for folder in options.extra:
        if not folder.is_dir():
            raise ValueError(f"EXTRA_SOURCE_FOLDER {folder} is no folder")
    from fingerprint.sources import known_sources

    known = known_sources()
    for name in options.without:
        _check_name("--without", name, known)
    for folder in options.extra:
        _check_name(f"EXTRA_SOURCE_FOLDER {folder}: its name", folder.name, known)
    for name in ("out", "work", "folds"):
        if getattr(options, name) is not None:
            _make_room(f"--{name}", getattr(options, name))


def _rebuilt_by(options: argparse.Namespace) -> list[str]:
    """Return the arguments that decide what the reference is, without where things lie on this machine."""
    without = ["--without", *options.without] if options.without else []
    return ["--out", options.out.name, *[folder.name for folder in options.extra], *without]


def _validation_table(reference: "Reference") -> str:
    from fingerprint.card import validation_rows

    head = ("CONDITION", "PICTURES", "TOP-1", "NAMED RIGHT", "NAMED WRONG", "SCALE", "WORST FALSE ACCUSATION")
    rows = []
    for condition, mode, rates in validation_rows(reference.card):
        history, share = max(rates["falsely_accused"].items(), key=lambda item: item[1])
        numbers = (f"{rates[key]:.3f}" for key in ("top1", "named_right", "named_wrong", "scale"))
        rows.append((condition, mode, *numbers, f"{share:.3f} ({history})"))
    return _columns([head, *rows], right={2, 3, 4, 5})


# render


def _render_options(commands: Any, name: str, run: Any) -> None:
    parser = _command(commands, name, run, "make networks' pictures of held-out photographs, for `evaluate`")
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="gets a folder for each network, with `test` in it")
    add("networks", nargs="*", default=["zoo-*"], metavar="NAME", help="networks or patterns (default: 'zoo-*')")
    add("--split", choices=("test", "train"), default="test", help="test: BSDS500 val; train: its test (%(default)s)")
    add("--count", type=positive_int, metavar="N", help="of how many photographs (default: 20 of test, all of train)")


def _render(options: argparse.Namespace) -> None:
    """Make what networks make of photographs, 192x192, in the layout of published ones; what is there is kept."""
    _make_room("DIR", options.folder)
    from fingerprint.render import render_source
    from reports.zoo_networks import choose

    networks = choose(options.networks)
    with _Counter(len(networks)) as bar:
        for known in networks:
            bar.say(known.manifest.name)
            render_source(known.manifest.name, options.split, options.folder, options.count, known.source)
            bar.advance(1)
    emit(f"{options.folder}: {len(networks)} networks")


# evaluate


def _evaluate_options(commands: Any, name: str, run: Any) -> None:
    parser = _command(commands, name, run, "measure accuracy on folders of pictures, one folder a source")
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="holds a folder for each source, with pictures in it or in its `test`")
    _reference_option(parser)
    _post_option(parser, POSTS)
    _out_option(parser)
    add("--json", action="store_true", help="write one JSON object instead of tables")


def _evaluate(options: argparse.Namespace) -> None:
    """Attribute every picture, as it is and post-processed, and compare with the names of the folders."""
    _check_out(options.out)
    from fingerprint import studies
    from fingerprint.evaluate import test_items
    from fingerprint.reference import load

    posts = _posts(options.post or POSTS)
    total = len(posts) * len(test_items(options.folder))
    reference = load(options.reference)
    with _Counter(total) as bar:
        summaries = studies.evaluate_folder(
            options.folder, posts, _scales(reference), options.reference, bar.say, bar.advance
        )
    report = {**_origin(reference), "folder": options.folder.name, "posts": summaries}
    _deliver(report, options.out)
    if options.json:
        emit_json(report)
    else:
        emit("\n\n".join(_summary_lines(post, summary) for post, summary in summaries.items()))


def _scales(reference: "Reference") -> dict[str, int]:
    """Return the true scale of every source that is known here."""
    from datasets import DataMissingError
    from fingerprint.sources import known_sources

    sources = dict(reference.sources)
    with contextlib.suppress(DataMissingError):
        sources |= known_sources()
    return {"original": 1, **{name: source.scale for name, source in sources.items()}}


def _summary_lines(post: str, summary: Mapping[str, Any]) -> str:
    rows = [
        ("top-1", "top1"),
        ("named, rightly", "named_right"),
        ("named, wrongly", "named_wrong"),
        ("scale", "scale"),
        ("originals falsely accused", "false_accusations"),
        ("originals inconclusive", "innocents_inconclusive"),
    ]
    lines = [f"{post}: {summary['images']} images; intervals (95 %) resample photographs"]
    for label, key in rows:
        entry = summary[key]
        if entry["share"] is None:
            lines.append(f"  {label:<27}{'-':>6}")
            continue
        low, high = entry["interval"]
        lines.append(f"  {label:<27}{entry['share']:>6.3f}  {low:.3f} to {high:.3f}  of {entry['images']}")
    worst = sorted(summary["per_source"].items(), key=lambda item: (item[1], item[0]))[:WORST]
    lines.append("  worst sources: " + ", ".join(f"{printable(name)} {share:.2f}" for name, share in worst))
    return "\n".join(lines)


# innocents


def _innocents_options(commands: Any, name: str, run: Any) -> None:
    parser = _command(commands, name, run, "count false accusations of photographs that were never upscaled")
    parser.add_argument(
        "--folds",
        type=Path,
        metavar="DIR",
        help="what `fit --folds` kept; without it, photographs that the reference was fitted on are left out",
    )
    _reference_option(parser)
    _post_option(parser, None)
    _out_option(parser)


def _innocents(options: argparse.Namespace) -> None:
    """Attribute photographs of several origins, as they are and post-processed, none seen by what judges it."""
    _check_out(options.out)
    from fingerprint import studies
    from fingerprint.reference import load

    posts = _posts(options.post or studies.INNOCENT_POSTS)
    crossed = () if options.folds else ("camera", "lossless")
    items = sum(len(listed) for name, listed in studies.innocent_corpora().items() if name not in crossed)
    reference = load(options.reference)
    with _Counter(len(posts) * items) as bar:
        corpora = studies.innocents(options.folds, posts, options.reference, bar.say, bar.advance)
    _deliver({**_origin(reference), "corpora": corpora}, options.out)
    head = ("CORPUS", "POST", "FALSELY ACCUSED", "INCONCLUSIVE (>= 256 PIXELS)")
    rows = [
        (corpus, post, _of(n["false_accusations"], n["images"]), _of(n["large_inconclusive"], n["large_images"]))
        for corpus, by_post in corpora.items()
        for post, n in by_post.items()
    ]
    emit(_columns([head, *rows], right={2, 3}))


def _of(count: int, total: int) -> str:
    return f"{count}/{total}"


# leave-out


def _leave_out_options(commands: Any, name: str, run: Any) -> None:
    parser = _command(commands, name, run, "leave networks out of the gallery in turn, and see whether that is noticed")
    add = parser.add_argument
    _work_option(parser)
    add("--network", nargs="+", action="extend", metavar="NAME", help="published sources (default: six that differ)")
    add("--condition", default="clean", metavar="NAME", help="processing of all pictures (default: %(default)s)")
    _out_option(parser)


def _leave_out(options: argparse.Namespace) -> None:
    """Fit without each network, and tell its test pictures from those of enrolled sources."""
    _check_out(options.out)
    import datasets
    from fingerprint.conditions import CONDITIONS
    from fingerprint.fit import default_samples
    from fingerprint.sources import known_sources
    from fingerprint.studies import SIX, leave_out

    conditions = {condition.name: condition for condition in CONDITIONS}
    _check_name("--condition", options.condition, conditions)
    condition = conditions[options.condition]
    sources, published = known_sources(), set(datasets.published_sources())
    networks = options.network or SIX
    for name in networks:
        _check_name("--network", name, sorted(sources.keys() & published))
    _make_room("--work", options.work)
    samples = default_samples(options.work / "renders", step=_say)
    _say(f"measuring {condition.name}")
    cache = options.work / "features"
    found = leave_out(samples, sources, cache, networks, condition, _say)
    mean = found.pop("mean_auroc")
    _deliver({"condition": condition.name, "mean_auroc": mean, "networks": found}, options.out)
    head = ("LEFT OUT", "AUROC", "NAMED", "UNKNOWN", "NOT UPSCALED", "RIGHT SCALE", "IMAGES", "MOSTLY NAMED AS")
    rows = [(name, *_left_out_cells(entry)) for name, entry in found.items()]
    emit(_columns([head, *rows], right=set(range(1, 7))) + f"\n\nmean AUROC {mean:.3f}, {condition.name}")


def _left_out_cells(entry: Mapping[str, Any]) -> tuple[str, ...]:
    keys = ("auroc", "named", "called_unknown", "called_not_upscaled", "right_scale")
    taken_for = max(entry["named_as"], key=lambda name: entry["named_as"][name], default="-")
    return (*(f"{entry[key]:.3f}" for key in keys), str(entry["images"]), taken_for)


# show


def _show_options(commands: Any, name: str, run: Any) -> None:
    parser = _command(commands, name, run, "show a reference's identity and the sources it knows")
    _reference_option(parser)
    parser.add_argument("--json", action="store_true", help="write one JSON object, with the card's numbers")


def _show(options: argparse.Namespace) -> None:
    """Show a reference's identity and the sources it knows."""
    from fingerprint.reference import load

    reference = load(options.reference)
    sources = [reference.sources[name] for name in sorted(reference.sources)]
    if options.json:
        entries = [asdict(source) for source in sources]
        emit_json({**_origin(reference), "sources": entries, "card": reference.card})
        return
    head = ("SOURCE", "ARCHITECTURE", "SCALE", "LOSS", "TRAINED ON", "PARAMETERS")
    rows = [
        (s.name, s.architecture, f"x{s.scale}", s.loss, s.training_data, f"{s.parameters:,}" if s.parameters else "-")
        for s in sources
    ]
    emit(f"{reference.identity}\n\n{_columns([head, *rows], right={5})}")


# what the commands share


def _command(commands: Any, name: str, run: Any, purpose: str) -> Parser:
    parser = commands.add_parser(name, help=purpose, description=run.__doc__)
    parser.set_defaults(run=run)
    return parser


def _work_option(parser: Parser) -> None:
    text = "what is worth keeping for the next fit: pictures and features, gigabytes (default: ./%(default)s)"
    parser.add_argument("--work", type=Path, default=WORK, metavar="DIR", help=text)


def _reference_option(parser: Parser) -> None:
    text = "a fitted reference (default: the shipped one)"
    parser.add_argument("--reference", type=Path, metavar="DIR", help=text)


def _post_option(parser: Parser, default: Sequence[str] | None) -> None:
    text = f"what is done to the pictures (default: {' '.join(default) if default else 'eight kinds'})"
    parser.add_argument("--post", nargs="+", action="extend", metavar="NAME", help=text)


def _out_option(parser: Parser) -> None:
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write all numbers to this file")


def _posts(given: Sequence[str]) -> list[str]:
    from fingerprint.evaluate import POSTS as KNOWN

    for name in given:
        _check_name("--post", name, KNOWN)
    return list(dict.fromkeys(given))


def _check_name(what: str, name: str, known: Any) -> None:
    if name not in known:
        raise ValueError(f"{what} must be one of {', '.join(known)}, got {name!r}")


def _check_out(path: Path | None) -> None:
    """Refuse a file that cannot be written before any work is done."""
    if path is None:
        return
    if path.is_dir():
        raise ValueError(f"--out {path} is a folder")
    if not path.parent.is_dir():
        raise ValueError(f"--out {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"--out {path}: the folder cannot be written to")


def _make_room(option: str, folder: Path) -> None:
    """Make a folder that will be written to, so that a fault shows before the work and not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{option} {folder}: {error.strerror or error}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{option} {folder} cannot be written to")


def _origin(reference: "Reference") -> dict[str, str]:
    """Say what numbers come from: the tool's version and the reference."""
    from fingerprint.attributor import tool_version

    return {"version": tool_version(), "reference": reference.identity}


def _deliver(report: Mapping[str, Any], path: Path | None) -> None:
    """Write all numbers to a file, whole or not at all."""
    if path is None:
        return
    import json

    from model_zoo.weights import write_atomically

    write_atomically(path, (json.dumps(report, indent=1, allow_nan=False) + "\n").encode())


def _columns(rows: Sequence[Sequence[str]], right: set[int]) -> str:
    """Lay cells out in columns, those in `right` flush right."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            f"{cell:{'>' if place in right else '<'}{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
