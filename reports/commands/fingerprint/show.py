"""`whorl fingerprint show`."""

from collections.abc import Sequence
from dataclasses import asdict

from reports.commandline import ANSWERED, Parser, columns, emit, emit_json
from reports.commands.fingerprint.common import origin, reference_option


def main(argv: Sequence[str], prog: str) -> int:
    """Show a reference's identity and the sources it knows.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    from fingerprint.reference import load

    reference = load(options.reference)
    sources = [reference.sources[name] for name in sorted(reference.sources)]
    if options.json:
        entries = [asdict(source) for source in sources]
        emit_json({**origin(reference), "sources": entries, "card": reference.card})
        return ANSWERED
    head = ("SOURCE", "ARCHITECTURE", "SCALE", "LOSS", "TRAINED ON", "PARAMETERS")
    rows = [
        (s.name, s.architecture, f"x{s.scale}", s.loss, s.training_data, f"{s.parameters:,}" if s.parameters else "-")
        for s in sources
    ]
    emit(f"{reference.identity}\n\n{columns([head, *rows], right={5})}")
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(prog=prog, description="Show a reference's identity and the sources it knows.")
    reference_option(parser)
    parser.add_argument("--json", action="store_true", help="write one JSON object, with the card's numbers")
    return parser
