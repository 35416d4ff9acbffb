"""`whorl fingerprint fit-parameters`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, Parser, columns, emit, emit_json
from reports.commands.fingerprint.common import make_room, say
from reports.commands.fingerprint.measuring import measure_all, measuring_options, plan_of

if TYPE_CHECKING:
    from fingerprint.regression.regressors import Regressors


def main(argv: Sequence[str], prog: str) -> int:
    """Fit what tells hyper-parameters as real numbers with intervals, and write it beside a reference.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    make_room("--out", options.out)
    plan = plan_of(options)
    from fingerprint.regression.fit import fit_regressors
    from fingerprint.regression.store import write_regressors

    data = measure_all(plan)
    known = {truth.name: dict(truth.values) for truth in plan.truths if truth.values}
    drawn = {"copies": plan.copies, "seed": plan.seed, "conditions": [each.name for each in plan.conditions]}
    regressors = fit_regressors(data, known, drawn, say)
    path = write_regressors(regressors, options.out)
    if options.json:
        emit_json({"folder": options.out.name, "card": regressors.card, "cells": _cells(regressors)})
    else:
        emit(f"{path}\n\n{_table(regressors)}")
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Draw pictures whose hyper-parameters are known, measure them, and fit what tells scale, size, "
        "depth, adversarial weight and JPEG qualities as real numbers with 90 % intervals. `regressors.safetensors` "
        "and `regressors.json` are written; `attribute` uses those beside its reference. Needed anew when features "
        "change.",
    )
    add = parser.add_argument
    add("--out", type=Path, default=Path("reference"), metavar="DIR", help="of the reference (default: ./%(default)s)")
    measuring_options(parser)
    add("--json", action="store_true", help="write one JSON object instead of a table")
    return parser


def _cells(regressors: "Regressors") -> list[dict[str, Any]]:
    """Describe every fitted model: where it stands, its penalty, and its pictures."""
    return [
        dict(zip(("mode", "condition", "target"), key, strict=True))
        | {"ridge": cell.ridge, "pictures": len(cell.errors.scores)}
        for key, cell in regressors.cells.items()
    ]


def _table(regressors: "Regressors") -> str:
    networks: Any = regressors.card["networks"]
    cells = _cells(regressors)
    head = ("TARGET", "NETWORKS", "MODELS", "PICTURES")
    rows = [(name, str(networks[name]), *_counts(cells, name)) for name in networks]
    return columns([head, *rows], right={1, 2, 3})


def _counts(cells: Sequence[Mapping[str, Any]], target: str) -> tuple[str, str]:
    mine = [cell for cell in cells if cell["target"] == target]
    return str(len(mine)), str(sum(cell["pictures"] for cell in mine))
