"""Entry points of the commands `attribute` and `whorl`: find the group, import only its module, run it.

Nothing heavier than the standard library is imported before `--help` has been answered.
"""

import importlib
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence

from reports.commandline import (
    BROKEN_PIPE,
    INTERRUPTED,
    WRONG,
    VersionAction,
    choose_command,
    complain,
    forget_output,
    printable,
    reason_of,
)

GROUPS = {
    "datasets": "look at picture files and at the known corpora",
    "zoo": "train, list and run super-resolution networks",
    "spectra": "draw residuals and spectra of a picture",
    "fingerprint": "fit and evaluate the reference that `attribute` compares with",
    "case": "keep exhibits, signed results and reports, with a ledger of all that was done",
    "report": "build the report on a case",
    "serve": "open a page on this machine to examine images and build reports",
    "completion": "print what makes a shell complete options",
    "manual": "print manual pages",
    "bench": "measure the speed and memory of `attribute` on this machine",
}

TRACEBACK = "WHORL_TRACEBACK"  # set, it shows a developer where an error came from

PATIENCE = 2.0  # seconds from Ctrl-C to the end of the process at the latest

Main = Callable[[Sequence[str], str], int]


def attribute_main() -> int:
    """Run `attribute` (console script)."""
    _leave_when_told()
    return _run(_group("attribute"), sys.argv[1:], "attribute")


def whorl_main() -> int:
    """Run `whorl` (console script)."""
    return _run(dispatch, sys.argv[1:], "whorl")


def dispatch(argv: Sequence[str], prog: str = "whorl") -> int:
    """Run the group that `argv` names.

    Args:
        argv: The group's name and its own arguments.
        prog: The name to put before messages.

    Returns:
        The exit code.
    """
    description = (
        "Research on super-resolution networks and the traces they leave. Pictures are attributed by the command "
        "`attribute`."
    )
    name, rest = choose_command(argv, prog, GROUPS, description, "group", {"--version": VersionAction})
    return _group(name)(rest, f"{prog} {name}")


def _group(name: str) -> Main:
    return importlib.import_module(f"reports.commands.{name}").main


def _run(main: Main, argv: Sequence[str], prog: str) -> int:
    """Run a command as a process: one line for a mistake, clean ends for Ctrl-C and a closed pipe."""
    _quiet_libraries()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]
    try:
        return main(argv, prog)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)  # threads may be in the middle of an image; nobody waits for them
    except BrokenPipeError:
        forget_output()
        return BROKEN_PIPE
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        complain(prog, _naming(error))
        forget_output()
        return WRONG


def _leave_when_told() -> None:
    """See to it that Ctrl-C ends the process even where its exception is lost, as in a module that is being loaded."""

    def told(*_: object) -> None:
        timer = threading.Timer(PATIENCE, os._exit, [INTERRUPTED])
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, told)


def _naming(error: Exception) -> str:
    """Give an error's reason behind the file it is about, where it knows one."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{printable(os.fsdecode(error.filename))}: {reason_of(error)}"
    return reason_of(error)


def _quiet_libraries() -> None:
    """Keep what libraries have to say off the terminal: standard error is for our own lines."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
