"""Numbers that were worked out before, so that an interrupted run goes on where it was.

They are found again for the same networks, features, views, split and code of this package: one JSON file a part.
"""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from fingerprint.protocol.networks import Network
from fingerprint.protocol.pictures import Pictures, Views
from model_zoo.weights import write_atomically

Keep = Callable[[str, Callable[[], dict]], dict]
"""Told what a part of the numbers is and how they are worked out; returns them."""


def at_once(part: str, work: Callable[[], dict]) -> dict:
    """Work a part out, and keep nothing."""
    return work()


def keep_in(folder: Path) -> Keep:
    """Return what looks parts up in a folder, and works out and writes down those that are not there.

    Args:
        folder: is made where there is none.
    """

    def keep(part: str, work: Callable[[], dict]) -> dict:
        key = hashlib.sha256(f"{_code()}\n{part}".encode()).hexdigest()
        path = folder / f"protocol-{key[:24]}.json"
        if path.exists():
            return json.loads(path.read_bytes())
        numbers = work()
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(numbers, allow_nan=False).encode())
        return numbers

    return keep


def identity(networks: tuple[Network, ...], pictures: Pictures, views: Views) -> str:
    """Return a hash of all that numbers are worked out from, but for the split.

    Args:
        networks: that made the pictures.
        pictures: measured.
        views: choices of features.
    """
    digest = hashlib.sha256(repr(networks).encode())
    for name, view in views.items():
        digest.update(name.encode() + view.tobytes())
    digest.update("\n".join([*map(str, pictures.names), *map(str, pictures.photographs)]).encode())
    digest.update(pictures.first.tobytes() + repr(pictures.features.shape).encode())
    for row in pictures.features:
        digest.update(row.tobytes())
    return digest.hexdigest()


@cache
def _code() -> str:
    """Return a hash of this package's source: numbers of other code are not these."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
