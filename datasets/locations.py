"""Where the data that networks and references are made from lies on this machine."""

import os
import sys
from pathlib import Path

from datasets.errors import DataMissingError

VARIABLE = "WHORL_DATA"


def data_root() -> Path:
    """Find the data folder.

    Returns:
        The folder that the environment variable WHORL_DATA names, otherwise `whorl/data` in the user's own data folder.

    Raises:
        DataMissingError: that folder does not exist.
    """
    named = os.environ.get(VARIABLE)
    folder = Path(named).expanduser() if named else _user_folder() / "whorl" / "data"
    if not folder.is_dir():
        raise DataMissingError(f"no data folder at {folder}: set {VARIABLE} to the folder that holds the corpora")
    return folder


def _user_folder() -> Path:
    """The folder where this system's users keep programs' data."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
