"""`whorl fingerprint adversary`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.canvas import FORMATS
from reports.commandline import ANSWERED, Parser, check_output, emit, emit_json, positive_int
from reports.commands.fingerprint.common import (
    Counter,
    as_called,
    check_name,
    deliver,
    make_room,
    origin,
    out_option,
    reference_option,
    work_option,
)

if TYPE_CHECKING:
    from fingerprint import Attributor
    from fingerprint.adversary.bench import Plan

PHOTOGRAPHS = 10
TARGETS = ("whorl-edsr-x4", "realesrgan-general-v3-x4")


def main(argv: Sequence[str], prog: str) -> int:
    """Attack pictures in many ways, and say what the tool says then, with and without cheap defences.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    _check(options)
    from fingerprint import Attributor
    from fingerprint.adversary.bench import run, subjects_of, tried
    from fingerprint.reference import load

    reference = load(options.reference)
    attributor = Attributor(options.reference)
    plan = _plan(options, attributor)
    make_room("--work", options.work)
    if plan.keep is not None:
        make_room("--keep", plan.keep)
    subjects = subjects_of(plan)
    about = {
        **origin(reference),
        "command": as_called(prog, argv),
        "sources": list(plan.sources),
        "targets": list(plan.targets),
        "steps": plan.steps,
        "photographs": sorted({subject.photograph for subject in subjects if not subject.innocent}),
        "innocents": sorted({subject.photograph for subject in subjects if subject.innocent}),
    }
    kept = _kept(options.out, about) if options.resume else []

    def keep(so_far: list[dict]) -> None:
        deliver({**about, "rows": so_far}, options.out)

    with Counter(tried(plan, subjects)) as bar:
        rows = run(plan, subjects, attributor, bar.say, bar.advance, kept=kept, keep=keep)
    report = {**about, "rows": rows}
    deliver(report, options.out)
    _write(options, report)
    if options.json:
        emit_json(report)
    else:
        from reports.adversary_tables import tables

        emit(tables(rows, False))
    return ANSWERED


def _check(options: Any) -> None:
    """Refuse outputs that could not be written."""
    for option, path, suffixes in (("--out", options.out, ()), ("--markdown", options.markdown, (".md",)),
                                   ("--figure", options.figure, FORMATS)):  # fmt: skip
        check_output(option, path, suffixes)
    if options.resume and options.out is None:
        raise ValueError("--resume needs --out, the file to go on from")


def _kept(path: Path, about: Mapping[str, Any]) -> list[dict]:
    """Return what a results file holds; it must be of the same pictures, reference and version."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = found["rows"]
    except FileNotFoundError:
        return []
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"--out {path} holds no results that --resume could go on from") from None
    for key in ("version", "reference", "sources", "targets", "steps", "photographs", "innocents"):
        if found.get(key) != about[key]:
            raise ValueError(f"--out {path} cannot be resumed: its {key} is not this call's; give a new file")
    return rows


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Attack pictures in many ways, to hide that they were upscaled or to forge another network's "
        "traces, and say what the tool says then, with and without cheap defences.",
    )
    add = parser.add_argument
    reference_option(parser)
    work_option(parser)
    add("--sources", nargs="+", action="extend", metavar="NAME", help="whose pictures are attacked (default: six)")
    text = f"sources that forgeries are to be taken for (default: {' '.join(TARGETS)})"
    add("--targets", nargs="+", action="extend", metavar="NAME", help=text)
    add("--attacks", nargs="+", action="extend", metavar="NAME", help="which attacks (default: all that run here)")
    text = "of each source, and as many that were never upscaled, to be attacked (default: %(default)s)"
    add("--photographs", type=positive_int, default=PHOTOGRAPHS, metavar="N", help=text)
    add("--steps", type=positive_int, metavar="N", help="of the gradient attacks (default: 20)")
    add("--keep", type=Path, metavar="DIR", help="keep the attacked files in this folder")
    out_option(parser)
    add("--resume", action="store_true", help="go on from what --out holds of the same pictures and reference")
    add("--markdown", type=Path, metavar="FILE.md", help="write the tables to this file in Markdown")
    add("--figure", type=Path, metavar="FIG", help=f"draw what becomes of the verdicts: {' '.join(FORMATS)}")
    add("--json", action="store_true", help="write one JSON object instead of tables")
    return parser


def _plan(options: Any, attributor: "Attributor") -> "Plan":
    from fingerprint.adversary.bench import Plan
    from fingerprint.adversary.gradient import STEPS
    from fingerprint.adversary.trials import ATTACKS, missing, trials_of
    from fingerprint.studies import SIX

    sources, targets = (tuple(dict.fromkeys(given)) for given in (options.sources or SIX, options.targets or TARGETS))
    for name in targets:
        check_name("--targets", name, sorted(attributor.reference.sources))
    lacking = missing(attributor)
    for name in options.attacks or ():
        check_name("--attacks", name, ATTACKS)
        if name in lacking:
            raise ValueError(f"--attacks {name} needs {lacking[name]}")
    attacks = tuple(dict.fromkeys(options.attacks or (name for name in ATTACKS if name not in lacking)))
    trials_of(attacks, targets)
    return Plan(
        sources, targets, attacks, options.photographs, options.work / "renders", options.steps or STEPS,
        keep=options.keep,
    )  # fmt: skip


def _write(options: Any, report: dict[str, Any]) -> None:
    """Write what else was asked for."""
    from model_zoo.weights import write_atomically

    if options.markdown is not None:
        from reports.adversary_tables import tables

        text = f"`{report['command']}`\n\n{tables(report['rows'], True)}\n"
        write_atomically(options.markdown, text.encode())
    if options.figure is not None:
        from reports.adversary_figures import draw_verdicts

        write_atomically(options.figure, draw_verdicts(report["rows"], options.figure.suffix.lower()))
