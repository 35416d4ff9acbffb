"""`whorl fingerprint remove`."""

from collections.abc import Sequence

from reports.commandline import ANSWERED, Parser, emit
from reports.commands.fingerprint.common import gallery_option


def main(argv: Sequence[str], prog: str) -> int:
    """Take a source out of a gallery.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    parser = Parser(prog=prog, description="Take a source out of a gallery.")
    parser.add_argument("name", metavar="NAME", help="of the source")
    gallery_option(parser, "folder of the gallery")
    options = parser.parse_args(argv)
    from fingerprint.gallery import remove

    remove(options.name, options.gallery)
    emit(f"{options.gallery}: {options.name} removed")
    return ANSWERED
