"""`whorl zoo train`."""

import contextlib
import dataclasses
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, WRONG, complain, emit

if TYPE_CHECKING:
    from model_zoo import Progress

_RULE = "\u2500"  # tyro's boxes are drawn with it


def main(argv: Sequence[str], prog: str) -> int:
    """Train a network.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    parsed = _train_options(argv, prog)
    if isinstance(parsed, int):
        return parsed
    from model_zoo import run

    config = parsed.run
    devices = _devices(parsed.devices)
    with _progress(config.name, config.steps) as report:
        path, manifest = run(config, parsed.runs, report=report, devices=devices)
    emit(str(path))
    if manifest.psnr_set5 is not None:
        ours, plain = manifest.psnr_set5, manifest.quality["bicubic_matlab"]
        emit(f"Set5 luma PSNR {ours:.2f} dB, bicubic {plain:.2f} dB; {manifest.parameters:,} parameters")
    return ANSWERED


def _train_options(argv: Sequence[str], prog: str) -> Any:
    """Parse the options, which are the fields of `TrainConfig`.

    Returns:
        An object with `run` (the config) and `runs` (the folder); or an exit code, after help or a mistake.
    """
    import tyro

    from model_zoo.config import TrainConfig

    @dataclasses.dataclass(frozen=True)
    class Options:
        """Train a network, or go on where training was interrupted.

        Attributes:
            run: The run.
            runs: Folder of all runs; each gets its own, named after its name and the hash of its options.
            devices: How many devices each batch is spread over.
        """

        run: tyro.conf.OmitArgPrefixes[TrainConfig]
        runs: Path = Path("runs")
        devices: int = 1

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(Options, args=list(argv), prog=prog)
    except SystemExit as end:
        if end.code in (0, None):
            return ANSWERED
        complain(prog, f"{_unboxed(said.getvalue())} (see {prog} --help)")
        return WRONG


def _devices(count: int) -> list[Any]:
    """Choose the devices a run is spread over."""
    import jax

    found = jax.devices()
    if not 1 <= count <= len(found):
        raise ValueError(f"--devices must be from 1 to {len(found)}, as many as there are here, got {count}")
    return found[:count]


def _unboxed(box: str) -> str:
    """Take the message out of tyro's box, on one line."""
    lines = [line.strip("\u2502 ") for line in box.splitlines()[1:]]
    rule = next((place for place, line in enumerate(lines) if line.startswith((_RULE, "\u2570"))), len(lines))
    return " ".join(line for line in lines[:rule] if line) or "the options cannot be understood"


@contextlib.contextmanager
def _progress(name: str, steps: int) -> Iterator[Callable[["Progress"], None] | None]:
    """Show a progress bar on standard error, on a terminal only."""
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
