"""`whorl report`: reports on cases."""

from collections.abc import Sequence

from reports.commandline import choose_command
from reports.commands.case import report


def main(argv: Sequence[str], prog: str = "whorl report") -> int:
    """Run one of the group's commands.

    Args:
        argv: The command and its own arguments.
        prog: The group's name in messages.

    Returns:
        The exit code.
    """
    commands = {"build": "write a signed report on a case into its folder"}
    name, rest = choose_command(argv, prog, commands, "Build the report on a case.")
    return report(rest, f"{prog} {name}")
