"""`whorl zoo`: the super-resolution networks. Each command is a module here with `main(argv, prog) -> int`."""

from collections.abc import Sequence
from importlib import import_module

from reports.commandline import choose_command

COMMANDS = {
    "list": ("listing", "list the networks that can be used here and now"),
    "show": ("show", "show all that is known about one network"),
    "compare": ("compare", "put networks side by side, as a table and as a figure of sample crops"),
    "upscale": ("upscale", "enlarge a picture with one of them"),
    "train": ("train", "train a network, or go on where training was interrupted"),
    "distill": ("distill", "train a student, alone or from a teacher"),
    "distill-study": ("distill_study", "hold students against twins that learnt alone"),
    "copyright": ("copyright", "report what a lightweight network in a full one's place keeps and spares"),
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
    purposes = {name: purpose for name, (_, purpose) in COMMANDS.items()}
    description = "Super-resolution networks: train them, bring them in, compare them, use them."
    name, rest = choose_command(argv, prog, purposes, description)
    return import_module(f"{__name__}.{COMMANDS[name][0]}").main(rest, f"{prog} {name}")
