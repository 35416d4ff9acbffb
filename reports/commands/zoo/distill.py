"""`whorl zoo distill`."""

import dataclasses
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, INCONCLUSIVE, WRONG, complain, emit
from reports.run_options import parse_options, progress_of

if TYPE_CHECKING:
    from model_zoo import Progress
    from model_zoo.distillation import DistilConfig


def main(argv: Sequence[str], prog: str) -> int:
    """Train a student.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    if "--smoke" in argv:
        if len(argv) > 1:
            complain(prog, "--smoke takes no other options")
            return WRONG
        return _smoke(prog)
    parsed = _options(argv, prog)
    if isinstance(parsed, int):
        return parsed
    from model_zoo.distillation import distil

    config: DistilConfig = parsed.run
    with ExitStack() as stack:
        path, manifest = distil(config, parsed.runs, report=_bars(config, stack))
    emit(str(path))
    if manifest.psnr_set5 is not None:
        ours, plain = manifest.psnr_set5, manifest.quality["bicubic_matlab"]
        emit(f"Set5 luma PSNR {ours:.2f} dB, bicubic {plain:.2f} dB; {manifest.parameters:,} parameters")
    return ANSWERED


def _options(argv: Sequence[str], prog: str) -> Any:
    """Parse the options, which are the fields of `DistilConfig`."""
    import tyro

    from model_zoo.distillation.config import DistilConfig

    @dataclasses.dataclass(frozen=True)
    class Options:
        """Train a student, alone or from a teacher, or go on where that was interrupted.

        `--smoke` alone takes both steps of `pisr` in a minute, on pictures that ship, in a temporary folder, and fails
        unless both losses fall.

        Attributes:
            run: The run.
            runs: Folder of all runs; each gets its own, named after its name and the hash of its options.
        """

        run: tyro.conf.OmitArgPrefixes[DistilConfig]
        runs: Path = Path("runs")

    return parse_options(Options, argv, prog)


def _bars(config: "DistilConfig", stack: ExitStack) -> Any:
    """Show a bar for each of the two steps, the teacher's where there is one."""
    bars: dict[str, Any] = {}

    def report(stage: str, progress: "Progress") -> None:
        if stage not in bars:
            bars[stage] = stack.enter_context(progress_of(f"{config.name}, {stage}", progress.steps))
        if bars[stage] is not None:
            bars[stage](progress)

    return report


def _smoke(prog: str) -> int:
    """Take both steps of `pisr`, small."""
    from model_zoo.distillation.runs import STAGES, train_student
    from model_zoo.distillation.smoke import SMOKE

    seen: dict[str, list[Progress]] = {stage: [] for stage in STAGES}
    with tempfile.TemporaryDirectory() as room:
        train_student(SMOKE, Path(room), report=lambda stage, progress: seen[stage].append(progress))
    failed = False
    for stage, told in seen.items():
        first, last = told[0], told[-1]
        emit(f"{stage}: loss {first.loss:.5f} at first, {last.loss:.5f} at last ({last.steps} steps)")
        if not last.loss < first.loss:
            complain(prog, f"the {stage}'s loss did not fall")
            failed = True
    return INCONCLUSIVE if failed else ANSWERED
