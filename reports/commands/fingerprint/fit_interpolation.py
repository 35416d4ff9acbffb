"""`whorl fingerprint fit-interpolation`."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.commandline import ANSWERED, Parser, check_output, columns, emit, emit_json, positive_int
from reports.commands.fingerprint.common import Counter, make_room

NAME = "resampling.safetensors"


def main(argv: Sequence[str], prog: str) -> int:
    """Fit what recognises plain enlargements, by the beat that they leave in the differences of neighbours.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out)
    if options.folds is not None:
        make_room("--folds", options.folds)
    from fingerprint.resampling.detector import write_detector
    from fingerprint.resampling.draws import plan
    from fingerprint.resampling.fit import fit_detector, measure

    drawn = list(plan(options.copies))
    with Counter(len(drawn)) as bar:
        data = measure(drawn, options.jobs, bar.advance)
        fitted = fit_detector(data, bar.say)
    write_detector(fitted.full, options.out)
    if options.folds is not None:
        for number, detector in enumerate(fitted.folds):
            (options.folds / f"fold{number}").mkdir(exist_ok=True)
            write_detector(detector, options.folds / f"fold{number}" / NAME)
    card = fitted.full.card
    if options.json:
        emit_json({"file": options.out.name, "card": card})
    else:
        emit(f"{options.out}\n\n{columns([('', *_HEAD), *_rows(card)], right={1, 2, 3, 4})}")
    return ANSWERED


_HEAD = ("RECOGNISED", "INNOCENTS", "CAMERAS' ALONE", "NETWORKS")
_LEVELS = {"accuse": "said", "suspect": "said, or suspected"}


def _rows(card: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for level, words in _LEVELS.items():
        rates = card["held_out"][level]
        shares = (rates["recognised"], rates["innocents"], rates["innocents_by_origin"]["camera"], rates["networks"])
        yield words, *(f"{share:.4f}" for share in shares)


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Draw windows of photographs with many histories, plain enlargements, and networks' pictures, "
        "measure their periodic traces, and fit what tells enlargements by plain kernels. To ship it, write it over "
        "the one in fingerprint/resampling.",
    )
    add = parser.add_argument
    add("--out", type=Path, default=Path(NAME), metavar="FILE", help="what is written (default: ./%(default)s)")
    text = "also keep what was fitted without each fifth of the photographs and cameras, for `innocents --folds`"
    add("--folds", type=Path, metavar="DIR", help=text)
    add("--copies", type=positive_int, default=20, metavar="N", help="windows of a photograph and kind (default: 20)")
    add("--jobs", type=positive_int, default=os.cpu_count(), metavar="N", help="processes (default: all processors)")
    add("--json", action="store_true", help="write one JSON object instead of a table")
    return parser
