"""Which files an analyst's arguments stand for: files as given, folders walked."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from datasets.containers import SUFFIXES
from datasets.errors import InputError, one_line


def find_images(paths: Sequence[str | os.PathLike]) -> Iterator[str | InputError]:
    """Find the image files that paths stand for.

    Args:
        paths: files, given out whatever their suffix, and folders, walked recursively in sorted order with files chosen
            by suffix. A folder is a folder whatever its name. Each folder is entered once, so links cannot loop.

    Yields:
        A path as given, or a folder's path joined with a file's name; or an `InputError` (not raised) for a path that
        is missing, a folder that cannot be listed, and a folder without pictures.
    """
    for path in paths:
        name = os.fsdecode(path)
        if not name:
            yield InputError(name, "the path is empty")
        elif _is_folder(name):
            empty = True
            for found in _walk(name):
                empty = False
                yield found
            if empty:
                yield InputError(name, "the folder holds no pictures")
        elif _exists(name):
            yield name
        else:
            yield InputError(name, "is a broken link" if Path(name).is_symlink() else "no such file or folder")


def _exists(name: str) -> bool:
    """Whether something is there; what may not be looked at counts, so that reading it gives the reason."""
    try:
        Path(name).stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True
    return True


def _is_folder(name: str) -> bool:
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):  # may not be looked at, or holds a zero byte
        return False


def _walk(folder: str) -> Iterator[str | InputError]:
    """Walk one folder depth first, in the order of names."""
    entered: set[tuple[int, int]] = set()
    stack = [(folder, True)]
    while stack:
        path, is_folder = stack.pop()
        if not is_folder:
            yield path
            continue
        try:
            status = Path(path).stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(path) as listing:
                entries = [(entry.name, _is_folder(entry.path)) for entry in listing]
        except OSError as error:
            yield InputError(path, one_line(error.strerror or error))
            continue
        for name, inner in sorted(entries, reverse=True):
            if inner or Path(name).suffix.lower() in SUFFIXES:
                stack.append((os.path.join(path, name), inner))  # noqa: PTH118 (Path would drop a leading "./")
