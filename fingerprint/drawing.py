"""Batches drawn in a thread beside the steps that use them."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")
_AHEAD = 6  # batches drawn before they are needed


def ahead(draw: Callable[[int], T], begin: int, end: int) -> Iterator[tuple[int, T]]:
    """Yield what is drawn for each number, in order, drawn some numbers ahead.

    Args:
        draw: gives what a number stands for; an error of its own is raised here.
        begin: the first number.
        end: one beyond the last.

    Yields:
        A number, and what was drawn for it.
    """
    drawn: queue.Queue = queue.Queue(_AHEAD)
    ended = threading.Event()

    def run() -> None:
        for number in range(begin, end):
            try:
                item = (number, draw(number))
            except Exception as error:  # told to the loop, which would wait for ever otherwise
                item = error
            while not ended.is_set():
                try:
                    drawn.put(item, timeout=1)
                    break
                except queue.Full:
                    continue
            if ended.is_set() or isinstance(item, Exception):
                return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        for _ in range(begin, end):
            item = drawn.get()
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        ended.set()
        thread.join()
