"""`whorl completion`: scripts by which shells complete commands and options."""

from collections.abc import Sequence

from reports.commandline import ANSWERED, Parser, emit

SHELLS = ("bash", "zsh")
EPILOG = """\
bash: whorl completion bash > ~/.local/share/bash-completion/completions/whorl, and the same for `attribute`;
zsh: whorl completion zsh > DIR/_whorl with DIR in $fpath."""


def main(argv: Sequence[str], prog: str = "whorl completion") -> int:
    """Print the script for a shell.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    parser = Parser(prog=prog, description="Print what makes a shell complete a command's options.", epilog=EPILOG)
    parser.add_argument("shell", choices=SHELLS, help="the shell")
    parser.add_argument("command", nargs="?", choices=("whorl", "attribute"), default="whorl", help="the command")
    options = parser.parse_args(argv)
    import shtab

    from reports.parsers import attribute_parser, whorl_parser

    found = attribute_parser() if options.command == "attribute" else whorl_parser()
    emit(shtab.complete(found, options.shell))
    return ANSWERED
