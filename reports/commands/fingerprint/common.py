"""What the commands of `whorl fingerprint` share: options, checks, progress and tables."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import Parser, portable_arguments, printable
from reports.progress import Bar

if TYPE_CHECKING:
    from fingerprint import Reference

WORK = Path("runs/fit")


class Counter(Bar):
    """A bar that counts in strides, with lines above it; on anything but a terminal there are only the lines."""

    def __enter__(self) -> "Counter":
        """Show the bar."""
        super().__enter__()
        return self

    def advance(self, count: int) -> None:
        """Count `count` more."""
        if self._progress:
            self._progress.advance(self._task, count)

    def say(self, text: str) -> None:
        """Write a line to standard error, above the bar where there is one."""
        if self._progress:
            self._progress.console.print(printable(text), markup=False, highlight=False)
        else:
            say(text)


def say(text: str) -> None:
    """Write a line to standard error.

    Args:
        text: The line.
    """
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def work_option(parser: Parser) -> None:
    """Add `--work`, the folder for what is worth keeping.

    Args:
        parser: Gets the option.
    """
    text = "what is worth keeping for the next fit: pictures and features, gigabytes (default: ./%(default)s)"
    parser.add_argument("--work", type=Path, default=WORK, metavar="DIR", help=text)


def reference_option(parser: Parser) -> None:
    """Add `--reference`.

    Args:
        parser: Gets the option.
    """
    text = "a fitted reference (default: the shipped one)"
    parser.add_argument("--reference", type=Path, metavar="DIR", help=text)


def gallery_option(parser: Parser, text: str) -> None:
    """Add `--gallery`, which must be given.

    Args:
        parser: Gets the option.
        text: What it is for.
    """
    parser.add_argument("--gallery", type=Path, required=True, metavar="DIR", help=text)


def post_option(parser: Parser, default: Sequence[str] | None) -> None:
    """Add `--post`.

    Args:
        parser: Gets the option.
        default: What is said to be done without it.
    """
    text = f"what is done to the pictures (default: {' '.join(default) if default else 'eight kinds'})"
    parser.add_argument("--post", nargs="+", action="extend", metavar="NAME", help=text)


def out_option(parser: Parser) -> None:
    """Add `--out`, a file for all numbers.

    Args:
        parser: Gets the option.
    """
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write all numbers to this file")


def form_options(parser: Parser) -> None:
    """Add `--markdown` and `--json`, of which one at most is given.

    Args:
        parser: Gets the options.
    """
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="write the tables in Markdown")
    form.add_argument("--json", action="store_true", help="write one JSON object instead of tables")


def chosen_posts(given: Sequence[str]) -> list[str]:
    """Check names of post-processing.

    Args:
        given: The names.

    Returns:
        Each once, in order.

    Raises:
        ValueError: One is unknown.
    """
    from fingerprint.evaluate import POSTS as KNOWN

    for name in given:
        check_name("--post", name, KNOWN)
    return list(dict.fromkeys(given))


def check_name(what: str, name: str, known: Any) -> None:
    """Refuse a name that is not known.

    Args:
        what: The option, for the message.
        name: What was given.
        known: The names.

    Raises:
        ValueError: It is unknown.
    """
    if name not in known:
        raise ValueError(f"{what} must be one of {', '.join(known)}, got {name!r}")


def make_room(option: str, folder: Path) -> None:
    """Make a folder that will be written to, so that a fault shows before the work and not after.

    Args:
        option: The option, for the message.
        folder: What was given.

    Raises:
        ValueError: It cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{option} {folder}: {error.strerror or error}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{option} {folder} cannot be written to")


def origin(reference: "Reference") -> dict[str, str]:
    """Say what numbers come from.

    Args:
        reference: What was measured.

    Returns:
        The tool's version and the reference's identity.
    """
    from fingerprint.attributor import tool_version

    return {"version": tool_version(), "reference": reference.identity}


def true_scales(reference: "Reference") -> dict[str, int]:
    """Return the true scale of every source that is known here.

    Args:
        reference: Knows some; the data folder's table, where there is one, knows more.

    Returns:
        Scales by name; that of `original` is 1.
    """
    import contextlib

    from datasets import DataMissingError
    from fingerprint.sources import known_sources

    sources = dict(reference.sources)
    with contextlib.suppress(DataMissingError):
        sources |= known_sources()
    return {"original": 1, **{name: source.scale for name, source in sources.items()}}


def draw_to(path: Path | None, draw: Callable[[str], bytes]) -> None:
    """Write a figure to a file, whole or not at all.

    Args:
        path: The file, None for none.
        draw: Told the suffix, returns the encoded figure.
    """
    if path is None:
        return
    from model_zoo.weights import write_atomically

    write_atomically(path, draw(path.suffix.lower()))


def as_called(prog: str, argv: Sequence[str]) -> str:
    """Return the command as it was called, for a results file; absolute paths are named by their last part.

    Args:
        prog: The command's name.
        argv: Its arguments.
    """
    import shlex

    return f"{prog} {shlex.join(portable_arguments(argv))}".strip()


def deliver(report: Mapping[str, Any], path: Path | None) -> None:
    """Write all numbers to a file, whole or not at all.

    Args:
        report: The numbers.
        path: The file, None for none.
    """
    if path is None:
        return
    import json

    from model_zoo.weights import write_atomically

    write_atomically(path, (json.dumps(report, indent=1, allow_nan=False) + "\n").encode())
