"""The images of one run of the page: stored, queued, answered by a few threads, and forgotten when it ends.

Every image has a random id; names that a browser sends are shown and never used as a path.
"""

import queue
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from datasets import Evidence, read_evidence
from fingerprint.result import Result
from reports.commandline import printable, reason_of

State = Literal["waiting", "working", "done", "failed"]
MOST = 1000
"""Images that are kept; another one is refused, so that nothing is lost in silence."""
_NAME = 180


class DeskError(ValueError):
    """Something that the desk does not take; the message says what in one line."""


@dataclass
class Item:
    """One image.

    Attributes:
        key: its id.
        name: as the browser named it, safe to show.
        path: where it lies.
        order: 1, 2, …
        state: how far it is.
        result: the answer, once there is one.
        reason: why there is none.
        seconds: from its arrival to its answer.
    """

    key: str
    name: str
    path: Path
    order: int
    state: State = "waiting"
    result: Result | None = None
    reason: str = ""
    seconds: float = 0.0
    arrived: float = field(default_factory=time.monotonic)


class Desk:
    """Takes images and answers for them.

    Args:
        folder: for the files; made, and emptied when the desk is closed.
        answer: gives the result for one piece of evidence; called from several threads.
        max_pixels: an image of more is refused before it is decoded.
        workers: threads.
    """

    def __init__(self, folder: Path, answer: Callable[[Evidence], Result], max_pixels: int, workers: int = 2) -> None:
        self.folder, self.max_pixels, self._answer = folder, max_pixels, answer
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._items: dict[str, Item] = {}
        self._queue: queue.Queue[Item | None] = queue.Queue()
        self._lock = threading.Lock()
        self._count = 0
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def take(self, name: str, write: Callable[[Path], None]) -> Item:
        """Store an image and queue it.

        Args:
            name: as the browser named it.
            write: writes the file to the path it is given.

        Raises:
            DeskError: the desk is full.
        """
        with self._lock:
            if len(self._items) >= MOST:
                raise DeskError(f"{MOST} images are here already; remove some first")
            self._count += 1
            key = secrets.token_urlsafe(12)
            shown = printable(name)[-_NAME:] or "image"
            item = Item(key, shown, self.folder / key, self._count)
            self._items[key] = item
        try:
            write(item.path)
        except BaseException:
            self.remove(key)
            raise
        self._queue.put(item)
        return item

    def item(self, key: str) -> Item:
        """Return an image.

        Raises:
            KeyError: there is none of that id.
        """
        with self._lock:
            return self._items[key]

    def items(self) -> list[Item]:
        """Return all images in the order of their arrival."""
        with self._lock:
            return sorted(self._items.values(), key=lambda item: item.order)

    def remove(self, key: str) -> None:
        """Forget an image."""
        with self._lock:
            item = self._items.pop(key, None)
        if item is not None:
            item.path.unlink(missing_ok=True)
            shutil.rmtree(item.path.with_suffix(".figures"), ignore_errors=True)

    def evidence(self, item: Item) -> Evidence:
        """Read an image anew.

        Raises:
            EvidenceError: it cannot be read.
        """
        return read_evidence(item.path, max_pixels=self.max_pixels)

    def close(self) -> None:
        """End the threads and forget everything."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            item.state = "working"
            try:
                item.result = self._answer(self.evidence(item))
                item.seconds = time.monotonic() - item.arrived
                item.state = "done"
            except Exception as error:
                item.reason = _plain(reason_of(error), item)
                item.state = "failed"


def _plain(reason: str, item: Item) -> str:
    """Say why without the path that the file lies under here."""
    return reason.replace(f"{item.path}: ", "").replace(str(item.path), item.name)
