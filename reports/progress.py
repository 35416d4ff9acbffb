"""A progress bar on standard error, on a terminal only."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Bar:
    """Counts finished files; shows nothing unless standard error is a terminal.

    Args:
        total: How many files there are.
        quiet: Show nothing in any case.
    """

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        self._progress = None
        if quiet or total < 2 or not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(
            *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> "Bar":
        """Show the bar."""
        if self._progress:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar off the terminal."""
        if self._progress:
            self._progress.stop()

    @contextmanager
    def step(self) -> Iterator[None]:
        """Count one file; what the block writes stands above the bar."""
        if not self._progress:
            yield
            return
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.advance(self._task)
            self._progress.start()
