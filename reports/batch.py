"""Many images, one answer each, in the order of the command line, with bounded memory."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from reports.commandline import reason_of

WORKERS = 2
LARGE_PIXELS = 20_000_000  # from here on an image is worked on alone


@dataclass(frozen=True)
class Failure:
    """Why a file has no answer."""

    path: str
    reason: str


@dataclass(frozen=True)
class Answer:
    """A file's result, and the text that shows it."""

    path: str
    result: Any
    text: str


@dataclass(frozen=True)
class Found:
    """A file to answer for, or the reason why a name on the command line stands for none."""

    path: str
    reason: str | None = None


def in_order(
    found: Iterable[Found],
    read: Callable[[str], Any],
    attribute: Callable[[Any], Any],
    shown: Callable[[Any], str],
    workers: int | None = None,
) -> Iterator[Answer | Failure]:
    """Yield one `Answer` or `Failure` for each item of `found`, in its order.

    One image is decoded while at most `workers` others are being analysed, so no more than `workers` + 1 decoded images
    exist at once; one of `LARGE_PIXELS` or more is analysed while nothing else is in memory. An exception of any kind
    becomes that image's `Failure`.

    Args:
        found: What to answer for.
        read: Decodes a file into evidence with `width` and `height`.
        attribute: Gives the result for one piece of evidence; called from several threads.
        shown: Writes a result as text; called from this thread alone.
        workers: Number of threads, by default one a core and at most `WORKERS`.
    """
    workers = workers or min(WORKERS, os.cpu_count() or 1)
    waiting: deque[Future] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in found:
            while waiting and waiting[0].done():
                yield _shown(waiting.popleft().result(), shown)
            evidence = _evidence(item, read)
            large = not isinstance(evidence, Failure) and evidence.width * evidence.height >= LARGE_PIXELS
            while waiting and (large or len(waiting) >= workers):
                yield _shown(waiting.popleft().result(), shown)
            waiting.append(pool.submit(_answer, item.path, evidence, attribute))
            del evidence
            if large:
                yield _shown(waiting.popleft().result(), shown)
        while waiting:
            yield _shown(waiting.popleft().result(), shown)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _evidence(item: Found, read: Callable[[str], Any]) -> Any:
    if item.reason is not None:
        return Failure(item.path, item.reason)
    try:
        return read(item.path)
    except Exception as error:
        return Failure(item.path, reason_of(error))


def _answer(path: str, evidence: Any, attribute: Callable[[Any], Any]) -> tuple[str, Any]:
    if isinstance(evidence, Failure):
        return path, evidence
    try:
        return path, attribute(evidence)
    except Exception as error:
        return path, Failure(path, reason_of(error))


def _shown(answer: tuple[str, Any], shown: Callable[[Any], str]) -> Answer | Failure:
    path, result = answer
    if isinstance(result, Failure):
        return result
    try:
        return Answer(path, result, shown(result))
    except Exception as error:
        return Failure(path, reason_of(error))
