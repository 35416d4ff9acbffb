"""`whorl zoo`: the super-resolution networks. Each command is a module here with `main(argv, prog) -> int`."""

import argparse
from collections.abc import Sequence
from importlib import import_module

from reports.commandline import Parser

COMMANDS = {
    "list": ("listing", "list the networks that can be used here and now"),
    "show": ("show", "show all that is known about one network"),
    "compare": ("compare", "put networks side by side, as a table and as a figure of sample crops"),
    "upscale": ("upscale", "enlarge a picture with one of them"),
    "train": ("train", "train a network, or go on where training was interrupted"),
    "sweep": ("sweep", "train the networks of a grid, as far as they are missing"),
    "import": ("importing", "bring in a network that others published"),
    "architectures": ("architectures", "count parameters and multiply-adds of the networks in their standard sizes"),
    "benchmark": ("benchmark", "score networks on Set5, Set14 and B100"),
}
"""Name of a command: its module, and what it is for."""


def main(argv: Sequence[str], prog: str = "whorl zoo") -> int:
    """Run one of the group's commands.

    Args:
        argv: The command and its own arguments.
        prog: The group's name in messages.

    Returns:
        The exit code.
    """
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:{width}}{purpose}" for name, (_, purpose) in COMMANDS.items()]
    parser = Parser(
        prog=prog,
        usage=f"{prog} [--help] COMMAND ...",
        description="Super-resolution networks: train them, bring them in, compare them, use them.",
        epilog="\n".join(["commands:", *lines, "", f"`{prog} COMMAND --help` explains a command."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if not argv or argv[0].startswith("-"):
        parser.parse_args(argv)
        parser.error("a command is missing")
    name, *rest = argv
    if name not in COMMANDS:
        parser.error(f"there is no command {name!r}")
    return import_module(f"reports.commands.zoo.{COMMANDS[name][0]}").main(rest, f"{prog} {name}")
