"""What commands that train share: options that are the fields of a run, and a bar that shows how it stands."""

import contextlib
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, WRONG, complain

if TYPE_CHECKING:
    from model_zoo import Progress

_RULE = "\u2500"  # tyro's boxes are drawn with it


def parse_options(options: type, argv: Sequence[str], prog: str) -> Any:
    """Parse a dataclass's fields as options.

    Args:
        options: The dataclass; its docstring is the help.
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        An object of it; or an exit code, after help or a mistake.
    """
    import tyro

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(options, args=list(argv), prog=prog)
    except SystemExit as end:
        if end.code in (0, None):
            return ANSWERED
        complain(prog, f"{_unboxed(said.getvalue())} (see {prog} --help)")
        return WRONG


def _unboxed(box: str) -> str:
    """Take the message out of tyro's box, on one line."""
    lines = [line.strip("\u2502 ") for line in box.splitlines()[1:]]
    rule = next((place for place, line in enumerate(lines) if line.startswith((_RULE, "\u2570"))), len(lines))
    return " ".join(line for line in lines[:rule] if line) or "the options cannot be understood"


@contextlib.contextmanager
def progress_of(name: str, steps: int) -> Iterator[Callable[["Progress"], None] | None]:
    """Show a progress bar on standard error, on a terminal only.

    Args:
        name: What is trained.
        steps: How many steps there are.

    Yields:
        What is to be told how the run stands; None where nothing is shown.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("loss {task.fields[loss]}"),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(name, total=steps, loss="-")
        yield lambda progress: bars.update(task, completed=progress.step, loss=f"{progress.loss:.5f}")
