"""`whorl zoo train`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.commandline import ANSWERED, emit
from reports.run_options import parse_options, progress_of


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
    with progress_of(config.name, config.steps) as report:
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

    return parse_options(Options, argv, prog)


def _devices(count: int) -> list[Any]:
    """Choose the devices a run is spread over."""
    import jax

    found = jax.devices()
    if not 1 <= count <= len(found):
        raise ValueError(f"--devices must be from 1 to {len(found)}, as many as there are here, got {count}")
    return found[:count]
