"""`whorl datasets`: look at picture files as the tool reads them."""

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any

from reports.commandline import ANSWERED, WRONG, Parser, complain, emit, emit_json, positive_int, printable, reason_of

MAX_PIXELS = 200_000_000


def main(argv: Sequence[str], prog: str = "whorl datasets") -> int:
    """Run the command that `argv` names.

    Args:
        argv: The arguments behind the group's name.
        prog: The name to put before messages.

    Returns:
        The exit code: 0, or 2 if a file could not be read.
    """
    parser = Parser(prog=prog, description="Look at picture files as the tool reads them.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    inspect = commands.add_parser("inspect", help="show what each file is", description=_inspect.__doc__)
    inspect.add_argument("images", nargs="+", metavar="IMAGE", help="a picture file, or a folder of them")
    inspect.add_argument("--json", action="store_true", help="write one JSON object a line")
    inspect.add_argument(
        "--max-pixels",
        type=positive_int,
        default=MAX_PIXELS,
        metavar="N",
        help="refuse an image of more pixels than this before decoding it (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    return _inspect(options, prog)


def _inspect(options: argparse.Namespace, prog: str) -> int:
    """Show each file's format, size, hash, JPEG tables and EXIF fields, as stored; nothing is analysed."""
    from datasets import InputError, find_images, read_evidence

    code = ANSWERED
    for item in find_images(options.images):
        if isinstance(item, InputError):
            complain(prog, f"{item.path}: {item.reason}")
            code = WRONG
            continue
        try:
            facts = _facts(read_evidence(item, max_pixels=options.max_pixels))
        except Exception as error:
            complain(prog, f"{item}: {reason_of(error)}")
            code = WRONG
            continue
        if options.json:
            emit_json(facts)
        else:
            emit("\n".join(_lines(facts)) + "\n")
    return code


def _facts(evidence: Any) -> dict[str, Any]:
    """Return what is known about a file as plain JSON values."""
    facts = {name: getattr(evidence, name) for name in ("path", "sha256", "format", "width", "height", "bit_depth")}
    facts["jpeg"] = None if evidence.jpeg is None else dataclasses.asdict(evidence.jpeg)
    return {**facts, "icc": evidence.icc, "exif": dict(evidence.exif), "notes": list(evidence.notes)}


def _lines(facts: dict[str, Any]) -> list[str]:
    """Write a file's facts for a person, the path first."""
    size = f"{facts['width']} × {facts['height']}, {facts['bit_depth']} bit"
    rows = [("format", facts["format"]), ("size", size), ("sha256", facts["sha256"])]
    jpeg = facts["jpeg"]
    if jpeg:
        kind = "progressive" if jpeg["progressive"] else "sequential"
        quality = f"quality {jpeg['quality']}{'' if jpeg['standard'] else ' or so (tables of its own)'}"
        rows.append(("jpeg", f"{quality}, subsampling {jpeg['subsampling']}, {kind}"))
        rows += [(f"table {number}", " ".join(map(str, table))) for number, table in enumerate(jpeg["tables"])]
    rows.append(("ICC profile", "present, not applied" if facts["icc"] else "none"))
    rows += [(f"exif {name}", value) for name, value in facts["exif"].items()]
    rows += [("note", note) for note in facts["notes"]]
    return [printable(facts["path"]), *(f"  {printable(name):<24} {printable(str(value))}" for name, value in rows)]
