"""Which runs of a folder are finished, and which one process has claimed for itself.

A claim is a lock of the operating system on a file beside the runs: it ends with the process that holds it, however
that ends, so nothing is left to clean up after a kill.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from model_zoo.config import TrainConfig, canonical_json
from model_zoo.manifests import Manifest, read_manifest, weights_path
from model_zoo.sweeps import folder_name

_LOCKS = ".locks"


def finished(config: TrainConfig, root: Path) -> Manifest | None:
    """Reads the manifest of a finished run.

    Args:
        config: the run.
        root: folder of all runs.

    Returns:
        Its manifest; None if the run is not finished, or what lies there is another run's.
    """
    path = root / folder_name(config) / f"{config.name}.json"
    try:
        manifest = read_manifest(path)
    except (OSError, ValueError):
        return None
    return manifest if manifest.run == config.run_id() and weights_path(path).is_file() else None


@contextlib.contextmanager
def claim(config: TrainConfig, root: Path) -> Iterator[bool]:
    """Claims a run for this process while the block lasts.

    The lock file says who holds it (process and host), for a person who looks.

    Args:
        config: the run.
        root: folder of all runs, made if need be.

    Yields:
        Whether it was free.

    Raises:
        OSError: if the folder cannot be written.
    """
    folder = root / _LOCKS
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / f"{folder_name(config)}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        os.ftruncate(handle, 0)
        os.pwrite(handle, canonical_json({"host": socket.gethostname(), "pid": os.getpid()}).encode(), 0)
        yield True
    finally:
        os.close(handle)
