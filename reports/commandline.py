"""What all commands share: one-line errors, safe names, and writing to standard output.

Only the standard library is imported here, so that `--help` answers at once.
"""

import argparse
import json
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

ANSWERED = 0
INCONCLUSIVE = 1
WRONG = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a wrong call in one line and knows no abbreviations."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("allow_abbrev", False)
        super().__init__(**settings)

    def error(self, message: str) -> NoReturn:
        """Write the mistake as one line and leave with exit code 2."""
        complain(self.prog, f"{message} (see {self.prog} --help)")
        raise SystemExit(WRONG)


class VersionAction(argparse.Action):
    """The option `--version`; the version is looked up only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str = argparse.SUPPRESS, **_: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help="show the version and leave")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Write name and version to standard output."""
        from importlib.metadata import version

        emit(f"whorl {version('whorl')}")
        raise SystemExit(ANSWERED)


def choose_command(
    argv: Sequence[str],
    prog: str,
    commands: Mapping[str, str],
    description: str,
    kind: str = "command",
    options: Mapping[str, type[argparse.Action]] | None = None,
) -> tuple[str, list[str]]:
    """Find the command that arguments begin with, or answer `--help`, which lists all.

    Args:
        argv: The command and its own arguments.
        prog: The name to put before messages.
        commands: What is offered: name and purpose.
        description: What all of them are for.
        kind: What one of them is called.
        options: Further options that stand in the command's place.

    Returns:
        The command's name and its own arguments. A wrong call is one line and exit code 2.
    """
    width = max(map(len, commands)) + 2
    lines = [f"  {name:{width}}{purpose}" for name, purpose in commands.items()]
    known = " ".join(f"[{option}]" for option in ("--help", *(options or ())))
    parser = Parser(
        prog=prog,
        usage=f"{prog} {known} {kind.upper()} ...",
        description=description,
        epilog="\n".join([f"{kind}s:", *lines, "", f"`{prog} {kind.upper()} --help` explains a {kind}."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for option, action in (options or {}).items():
        parser.add_argument(option, action=action)
    if not argv or argv[0].startswith("-"):
        parser.parse_args(argv)
        parser.error(f"a {kind} is missing")
    name, *rest = argv
    if name not in commands:
        parser.error(f"there is no {kind} {name!r}")
    return name, rest


def portable_arguments(argv: Sequence[str]) -> list[str]:
    """Return arguments as a results file may record them: an absolute path by its last part only.

    What a command read is named; where it lay on somebody's machine is nobody's business and helps nobody.

    Args:
        argv: Arguments; `--out=/a/b` is an option and a path.
    """
    told = []
    for argument in argv:
        option, joined, value = argument.partition("=") if argument.startswith("-") else ("", "", argument)
        told.append(option + joined + (Path(value).name if Path(value).is_absolute() else value))
    return told


def check_output(option: str, path: Path | None, suffixes: Collection[str] = ()) -> None:
    """Refuse an output that cannot be written, before any work is done.

    Args:
        option: The option that named it, for the message.
        path: Where it is to go; None where it is not asked for, which is no fault.
        suffixes: What its name may end in, in any case; anything, if there are none.

    Raises:
        ValueError: It has another suffix, is a folder, or there is no folder for it that can be written to.
    """
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        wanted = " ".join(suffixes) if len(suffixes) == 1 else f"one of {' '.join(suffixes)}"
        raise ValueError(f"{option} must end in {wanted}, got {path.name!r}")
    fault = None
    if path.is_dir():
        fault = f"{path} is a folder"
    elif not path.parent.is_dir():
        fault = f"there is no folder {path.parent}"
    elif not os.access(path.parent, os.W_OK):
        fault = f"{path.parent} cannot be written to"
    if fault:
        raise ValueError(f"{option} must be a file in a folder that exists: {fault}")


def columns(rows: Sequence[Sequence[str]], right: Collection[int]) -> str:
    """Lay cells out in columns.

    Args:
        rows: Of equal length.
        right: Which columns are flush right.

    Returns:
        The lines.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            f"{cell:{'>' if place in right else '<'}{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def printable(text: str) -> str:
    r"""Return `text` on one line, with everything that is not printable escaped.

    Bytes that are not valid in a file name's encoding appear as `\xff`, a newline as `\n`, and invisible direction
    marks, which can make a name look like another one, as `\u202e`.
    """
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that os.fsdecode could not decode
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def reason_of(error: BaseException) -> str:
    """Say in one line what went wrong, without the name of a file that the caller names anyway.

    Args:
        error: What was raised; a `ValueError` or `OSError` is a user's mistake or the system's, anything else ours.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return "not enough memory"
    said = " ".join(str(error).split())
    if isinstance(error, ValueError | OSError) and said:
        return printable(said)
    return printable(f"internal error: {type(error).__name__}{': ' if said else ''}{said}")


def complain(prog: str, message: str) -> None:
    """Write one line to standard error, behind the command's name."""
    sys.stderr.write(f"{prog}: {printable(message)}\n")
    sys.stderr.flush()


def emit(text: str) -> None:
    """Write `text` to standard output at once; a line break is added where there is none."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def json_line(value: Mapping[str, Any] | Sequence[Any]) -> str:
    r"""Return one value as one line of JSON, without the line break.

    The line is pure ASCII: a name that is not valid text survives as `\udcff`, and no terminal setting changes a byte.

    Raises:
        ValueError: A number in it is not finite.
    """
    return json.dumps(value, allow_nan=False)


def emit_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write one value as one line of JSON to standard output at once.

    Raises:
        ValueError: A number in it is not finite.
    """
    emit(json_line(value))


def forget_output() -> None:
    """Send standard output nowhere from here on, so that leaving does not fail a second time on a closed pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def positive_int(text: str) -> int:
    """Parse an option that counts something."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value
