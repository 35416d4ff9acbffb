"""`whorl manual`: manual pages, made from the commands themselves."""

from collections.abc import Sequence

from reports.commandline import ANSWERED, Parser, emit

EPILOG = "whorl manual attribute > ~/.local/share/man/man1/attribute.1 makes `man attribute` work."


def main(argv: Sequence[str], prog: str = "whorl manual") -> int:
    """Print a manual page.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    parser = Parser(prog=prog, description="Print a command's manual page, to be read by man.", epilog=EPILOG)
    parser.add_argument("command", nargs="?", choices=("attribute", "whorl"), default="attribute", help="the command")
    options = parser.parse_args(argv)
    from importlib.metadata import version

    from argparse_manpage.manpage import Manpage

    from reports.parsers import attribute_parser, whorl_parser

    found = attribute_parser() if options.command == "attribute" else whorl_parser()
    settings = {
        "prog": found.prog,
        "project_name": "whorl",
        "version": version("whorl"),
        "date": "",
        "manual_section": 1,
    }
    emit(str(Manpage(found, _data=settings)).rstrip("\n"))
    return ANSWERED
