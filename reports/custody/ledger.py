"""The ledger of a case: entries in a SQLite file, each holding the hash of the one before.

A case's state is what its entries say, in order; nothing else is kept. Beside the database lies the SHA-256 of the
whole file, so that a change is seen even where no entry lies. It names the entry that is about to be written, so that
a write that was interrupted is told from a change.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

DATABASE, DIGEST, LOCK = "case.db", "case.db.sha256", "case.lock"
GENESIS = "0" * 64
_TIMEOUT = 60.0  # seconds to wait for another process
_TABLE = "CREATE TABLE ledger (seq INTEGER PRIMARY KEY, entry TEXT NOT NULL, hash TEXT NOT NULL)"


class LedgerError(ValueError):
    """A ledger that cannot be read or was changed; the message says which in one line."""


@dataclass(frozen=True)
class Entry:
    """One action.

    Attributes:
        seq: 1, 2, …
        time: ISO 8601 with a zone.
        action: such as "add".
        tool: version of the tool.
        reference: identity of the reference, "" where none was asked.
        details: of the action; plain JSON.
        previous: hash of the entry before.
    """

    seq: int
    time: str
    action: str
    tool: str
    reference: str
    details: Mapping[str, Any]
    previous: str

    def canonical(self) -> str:
        """Return the text that is hashed."""
        return json.dumps(
            {**vars(self), "details": dict(self.details)}, sort_keys=True, ensure_ascii=True, separators=(",", ":")
        )

    @property
    def hash(self) -> str:
        """Of the entry, in hexadecimal."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


class Ledger:
    """The ledger in a case's folder.

    Args:
        folder: of the case.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def path(self) -> Path:
        """Of the database."""
        return self.folder / DATABASE

    def create(self) -> None:
        """Make an empty one.

        Raises:
            LedgerError: there is one.
        """
        (self.folder / LOCK).touch()
        with self._locked():
            if self.path.exists():
                raise LedgerError(f"{self.folder} holds a case already")
            with self._connection("rwc") as connection:
                connection.execute(_TABLE)
                connection.commit()
            self._note({"digest": self._digest()})

    def append(self, make: Callable[[int, str], Entry]) -> Entry:
        """Write the next entry; other processes wait meanwhile.

        Args:
            make: given its number and the hash of the one before, returns it.

        Raises:
            LedgerError: the ledger was changed, so that nothing is written on top of it.
        """
        with self._locked():
            self._settle()
            found = self.rows()
            entry = make(len(found) + 1, found[-1][2] if found else GENESIS)
            self._note({"digest": self._digest(), "pending": entry.hash})
            with self._connection() as connection:
                connection.execute("INSERT INTO ledger VALUES (?, ?, ?)", (entry.seq, entry.canonical(), entry.hash))
                connection.commit()
            self._note({"digest": self._digest()})
        return entry

    def entries(self) -> list[Entry]:
        """Read and check all entries.

        Raises:
            LedgerError: the ledger is damaged or was changed; the first fault is named.
        """
        with self._locked():
            self._settle()
            rows = self.rows()
        out, previous = [], GENESIS
        for place, (seq, text, stored) in enumerate(rows, 1):
            entry = _read(text, place)
            if (seq, entry.seq) != (place, place) or entry.previous != previous:
                raise LedgerError(f"ledger entry {place} does not follow the one before")
            if entry.canonical() != text or entry.hash != stored:
                raise LedgerError(f"ledger entry {place} was changed")
            out.append(entry)
            previous = stored
        return out

    def _settle(self) -> None:
        """Check the database against its digest; an interrupted write is brought to its end."""
        try:
            noted = json.loads((self.folder / DIGEST).read_text(encoding="ascii"))
            digest, pending = str(noted["digest"]), noted.get("pending")
            canonical = self._noted(noted) == (self.folder / DIGEST).read_bytes()
        except (OSError, KeyError, TypeError, ValueError):
            raise LedgerError(f"{DIGEST} is missing or damaged") from None
        if not canonical or set(noted) - {"digest", "pending"}:
            raise LedgerError(f"{DIGEST} was changed")
        rows = self.rows()  # also rolls back what a killed process left
        if self._digest() == digest:
            if pending is not None:
                self._note({"digest": digest})
            return
        if pending is None or not rows or rows[-1][2] != pending:
            raise LedgerError("the ledger's file was changed: it is not what its digest says")
        self._note({"digest": self._digest()})

    def rows(self) -> list[tuple[int, str, str]]:
        """Read number, text and hash of all entries, unchecked.

        Raises:
            LedgerError: the database is damaged.
        """
        try:
            with self._connection() as connection:
                return connection.execute("SELECT seq, entry, hash FROM ledger ORDER BY seq").fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise LedgerError(f"the ledger cannot be read: {error}") from None

    @contextlib.contextmanager
    def _connection(self, mode: str = "rw") -> Iterator[sqlite3.Connection]:
        place = f"file:{quote(str(self.path.resolve()))}?mode={mode}"
        connection = sqlite3.connect(place, timeout=_TIMEOUT, isolation_level="IMMEDIATE", uri=True)
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA synchronous = FULL")
            yield connection
        finally:
            connection.close()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if not (self.folder / LOCK).is_file():
            raise LedgerError(f"{self.folder} is no case; make one with `whorl case new`")
        with (self.folder / LOCK).open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def _digest(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @staticmethod
    def _noted(noted: Mapping[str, str]) -> bytes:
        return json.dumps(noted, sort_keys=True).encode("ascii") + b"\n"

    def _note(self, noted: Mapping[str, str]) -> None:
        write_durably(self.folder / DIGEST, self._noted(noted))


def _read(text: str, place: int) -> Entry:
    try:
        return Entry(**json.loads(text))
    except (TypeError, ValueError):
        raise LedgerError(f"ledger entry {place} was changed") from None


def write_durably(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and see it on the disk before returning.

    Args:
        path: replaced if it exists.
        data: the content.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with partial.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
