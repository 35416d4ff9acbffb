"""`whorl zoo`: train super-resolution networks, list those that are here, and enlarge pictures with them."""

import argparse
import contextlib
import dataclasses
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, WRONG, Parser, complain, emit, emit_json

if TYPE_CHECKING:
    from model_zoo import Manifest, Progress

_SUFFIXES = {".png": {}, ".webp": {"lossless": True}, ".tif": {}, ".tiff": {}, ".bmp": {}}
_RULE = "\u2500"  # tyro's boxes are drawn with it

EPILOG = """\
commands:
  list     list the networks that can be used here and now
  upscale  enlarge a picture with one of them
  train    train a network, or go on where training was interrupted

`whorl zoo COMMAND --help` explains a command."""


def main(argv: Sequence[str], prog: str = "whorl zoo") -> int:
    """Run one of the group's commands.

    Args:
        argv: The command and its own arguments.
        prog: The group's name in messages.

    Returns:
        The exit code.
    """
    commands = {"list": _list, "upscale": _upscale, "train": _train}
    parser = Parser(
        prog=prog,
        usage=f"{prog} [--help] COMMAND ...",
        description="Train super-resolution networks, list those that are here, and enlarge pictures with them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if not argv or argv[0].startswith("-"):
        parser.parse_args(argv)
        parser.error("a command is missing")
    name, *rest = argv
    if name not in commands:
        parser.error(f"there is no command {name!r}")
    return commands[name](rest, f"{prog} {name}")


def _list(argv: Sequence[str], prog: str) -> int:
    parser = Parser(prog=prog, description="List the networks that can be used here and now.")
    parser.add_argument("--json", action="store_true", help="write one JSON array instead of a table")
    options = parser.parse_args(argv)
    from model_zoo.manifests import LISTED, list_networks

    networks = list_networks()
    if options.json:
        emit_json([{field: getattr(network, field) for field in LISTED} for network in networks])
    else:
        emit(_table(networks))
    return ANSWERED


def _table(networks: Sequence["Manifest"]) -> str:
    """Lay the networks out in columns; the PSNR stands next to bicubic's on the same pictures."""
    head = ("NAME", "ARCHITECTURE", "SCALE", "LOSS", "TRAINED ON", "PARAMETERS", "SET5 PSNR", "BICUBIC", "BYTES")
    rows: list[tuple[str, ...]] = [head]
    for network in networks:
        scores = (network.psnr_set5, network.quality.get("bicubic_matlab"))
        psnr, bicubic = ("-" if score is None else f"{score:.2f} dB" for score in scores)
        rows.append(
            (network.name, network.architecture, f"x{network.scale}", network.loss, network.training_data)
            + (f"{network.parameters:,}", psnr, bicubic, f"{network.bytes:,}")
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = []
    for row in rows:
        cells = [f"{cell:{'>' if column > 4 else '<'}{widths[column]}}" for column, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _upscale(argv: Sequence[str], prog: str) -> int:
    parser = Parser(
        prog=prog,
        description="Enlarge a picture with a network. The result has 8 bits a sample; what a file holds beside its "
        "pixels (EXIF, profiles, transparency) is not taken over.",
    )
    parser.add_argument("network", metavar="NAME", help="a name that `list` shows, or a trained .safetensors file")
    parser.add_argument("image", metavar="IMAGE", help="the picture")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help=f"where the result goes; its suffix ({' '.join(_SUFFIXES)}) chooses the format, always lossless",
    )
    options = parser.parse_args(argv)
    _check_output(options.output)
    from model_zoo.manifests import find_manifest

    find_manifest(options.network)
    from datasets import EvidenceError, read_evidence

    try:
        pixels = read_evidence(options.image).pixels
    except EvidenceError as error:
        raise ValueError(f"{options.image}: {error}") from None
    from model_zoo import load

    _write_picture(options.output, load(options.network).upscale(pixels))
    return ANSWERED


def _check_output(path: Path) -> None:
    """Refuse an output that cannot be written before any work is done."""
    if path.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"--output must end in one of {' '.join(_SUFFIXES)}, got {path.name!r}")
    if path.is_dir():
        raise ValueError(f"--output {path} is a folder")
    if not path.parent.is_dir():
        raise ValueError(f"--output {path}: there is no folder {path.parent}")


def _write_picture(path: Path, pixels: Any) -> None:
    from PIL import Image

    from model_zoo.weights import write_atomically

    suffix = path.suffix.lower()
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, Image.registered_extensions()[suffix], **_SUFFIXES[suffix])
    write_atomically(path, encoded.getvalue())


def _train(argv: Sequence[str], prog: str) -> int:
    parsed = _train_options(argv, prog)
    if isinstance(parsed, int):
        return parsed
    from model_zoo import run

    config = parsed.run
    with _progress(config.name, config.steps) as report:
        path, manifest = run(config, parsed.runs, report=report)
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
        """

        run: tyro.conf.OmitArgPrefixes[TrainConfig]
        runs: Path = Path("runs")

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(Options, args=list(argv), prog=prog)
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
