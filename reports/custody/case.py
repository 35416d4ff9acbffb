"""A case: a folder with exhibits, signed results and reports, and the ledger of all that was done.

CASE/case.db, case.db.sha256    the ledger
CASE/key.pub.pem                what signatures are checked with
CASE/exhibits/0001-name.png     copies of the files, read-only
CASE/results/0001-3.json        signed results: exhibit 1 by ledger entry 3
CASE/reports/0001.pdf, .html    reports, each with a signed digest beside it
"""

import datetime
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reports.custody.dsse import FILE_TYPE, JSON_TYPE, EnvelopeError, opened, seal
from reports.custody.keys import PrivateKey, PublicKey, read_public
from reports.custody.ledger import Entry, Ledger, LedgerError, write_durably

PUBLIC = "key.pub.pem"
FACTS = ("number", "title", "question", "examiner", "organisation")
_PARTS = ("exhibits", "results", "reports")
_CHUNK = 1 << 20
_SAFE = re.compile(r"[^A-Za-z0-9._-]+")


class CaseError(ValueError):
    """Something that a case does not allow; the message says what in one line."""


@dataclass(frozen=True)
class StoredExhibit:
    """A file of a case.

    Attributes:
        number: 1, 2, …
        file: its name within the case.
        original: where it was taken from.
        sha256: of its bytes.
        size: in bytes.
    """

    number: int
    file: str
    original: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Stored:
    """A result or a report of a case.

    Attributes:
        file: its name within the case.
        sha256: of the file.
        exhibit: number of the exhibit that a result is of, 0 for a report.
        reference: identity of the reference behind it.
        seq: of the ledger entry.
    """

    file: str
    sha256: str
    exhibit: int
    reference: str
    seq: int


@dataclass
class State:
    """What the ledger's entries come to.

    Attributes:
        facts: number, title, question, examiner, organisation.
        keyid: of the key that signs.
        key_sha256: of the public key's file.
        exhibits: in order.
        results: in order; the last one of an exhibit counts.
        reports: in order.
        notes: text with its time.
        entries: the ledger.
    """

    facts: dict[str, str] = field(default_factory=dict)
    keyid: str = ""
    key_sha256: str = ""
    exhibits: list[StoredExhibit] = field(default_factory=list)
    results: list[Stored] = field(default_factory=list)
    reports: list[Stored] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def result_of(self, number: int) -> Stored | None:
        """Return the last result of an exhibit."""
        return next((one for one in reversed(self.results) if one.exhibit == number), None)

    @property
    def head(self) -> str:
        """Hash of the last entry."""
        return self.entries[-1].hash


class Case:
    """A case's folder.

    Args:
        folder: of the case.
        tool: version of the tool, for the ledger.
        reference: identity of the reference, likewise.
    """

    def __init__(self, folder: Path, tool: str, reference: str = "") -> None:
        self.folder, self.tool, self.reference = folder, tool, reference
        self.ledger = Ledger(folder)

    def create(self, facts: Mapping[str, str], key: PublicKey) -> None:
        """Make the folder and the first entry.

        Args:
            facts: of the case, by the names in `FACTS`.
            key: that will sign.

        Raises:
            CaseError: the folder holds something, or cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if any(self.folder.iterdir()):
                raise CaseError(f"{self.folder} is not empty; give a new folder")
            for part in _PARTS:
                (self.folder / part).mkdir()
        except OSError as error:
            raise CaseError(f"{self.folder}: {error.strerror or error}") from None
        write_durably(self.folder / PUBLIC, key.pem())
        self.ledger.create()
        self._log("new", {**facts, "keyid": key.keyid, "key_sha256": digest_of(self.folder / PUBLIC)})

    def state(self) -> State:
        """Read the ledger.

        Raises:
            LedgerError: it is damaged or was changed.
        """
        return _folded(self.ledger.entries())

    def add(self, path: Path) -> StoredExhibit:
        """Copy a file into the case; it is hashed on the way and again on the disk.

        Args:
            path: of the file.

        Raises:
            CaseError: it cannot be read, or the case holds the same bytes already.
        """
        partial = self.folder / "exhibits" / f".{os.getpid()}-{abs(hash(path))}.partial"
        try:
            sha256, size = _copied(path, partial)
            if digest_of(partial) != sha256:
                raise CaseError(f"{path}: its copy differs; nothing was added")
            added: list[StoredExhibit] = []

            def entry(seq: int, previous: str) -> Entry:
                before = _folded_upto(self.ledger, seq)
                same = next((one for one in before.exhibits if one.sha256 == sha256), None)
                if same is not None:
                    raise CaseError(f"{path}: the case holds the same bytes as exhibit {same.number} already")
                number = len(before.exhibits) + 1
                name = f"exhibits/{number:04}-{_SAFE.sub('_', path.name)[-80:]}"
                partial.chmod(0o444)
                partial.replace(self.folder / name)
                added.append(StoredExhibit(number, name, str(path), sha256, size))
                return self._entry(seq, previous, "add", vars(added[0]))

            self.ledger.append(entry)
            return added[0]
        except OSError as error:
            raise CaseError(f"{path}: {error.strerror or error}") from None
        finally:
            partial.unlink(missing_ok=True)

    def note(self, text: str) -> None:
        """Write a remark into the ledger.

        Raises:
            CaseError: there is no text.
        """
        if not text.strip():
            raise CaseError("a note must have text, got none")
        self._log("note", {"text": text})

    def store_result(self, exhibit: StoredExhibit, result: Mapping[str, Any], key: PrivateKey) -> Stored:
        """Sign and keep what was said of an exhibit.

        Args:
            exhibit: of the case.
            result: the contract's JSON.
            key: that signs.
        """
        reference = str(result["tool"]["reference"])
        payload = {"exhibit": exhibit.number, "sha256": exhibit.sha256, "ledger": self.state().head, "result": result}
        data = seal(JSON_TYPE, json.dumps(payload, allow_nan=False).encode(), key)
        return self._stored("run", data, f"results/{exhibit.number:04}", ".json", exhibit.number, reference)

    def store_report(self, document: bytes, suffix: str, key: PrivateKey, reference: str) -> Stored:
        """Keep a report, with a signed digest beside it.

        Args:
            document: the bytes.
            suffix: `.html` or `.pdf`.
            key: that signs.
            reference: identity of the reference that it quotes.
        """
        sha256 = hashlib.sha256(document).hexdigest()
        payload = {"sha256": sha256, "ledger": self.state().head}
        signed = seal(FILE_TYPE, json.dumps(payload, sort_keys=True).encode(), key)
        stored = self._stored("report", document, "reports/", suffix, 0, reference, signed)
        return stored

    def result(self, stored: Stored, key: PublicKey) -> dict[str, Any]:
        """Open a stored result.

        Raises:
            EnvelopeError: it was changed.
        """
        kind, payload = opened((self.folder / stored.file).read_bytes(), key)
        if kind != JSON_TYPE:
            raise EnvelopeError(f"the envelope holds {kind}, no result")
        return json.loads(payload)

    def public_key(self, state: State) -> PublicKey:
        """Return the key that signatures are checked with.

        Raises:
            CaseError: it was exchanged.
        """
        path = self.folder / PUBLIC
        try:
            if digest_of(path) != state.key_sha256:
                raise CaseError(f"{PUBLIC} was changed")
            return read_public(path.read_bytes())
        except OSError as error:
            raise CaseError(f"{PUBLIC}: {error.strerror or error}") from None

    def log_run_failure(self, exhibit: StoredExhibit, reason: str) -> None:
        """Write into the ledger that an exhibit has no answer."""
        self._log("unread", {"exhibit": exhibit.number, "reason": reason})

    def _stored(
        self, action: str, data: bytes, stem: str, suffix: str, exhibit: int, reference: str, beside: bytes = b""
    ) -> Stored:
        kept: list[Stored] = []

        def entry(seq: int, previous: str) -> Entry:
            name = f"{stem}{'-' if exhibit else ''}{seq:04}{suffix}"
            write_durably(self.folder / name, data)
            details: dict[str, Any] = {"file": name, "sha256": hashlib.sha256(data).hexdigest(), "exhibit": exhibit}
            if beside:
                write_durably(self.folder / f"{name}.dsse", beside)
                details["signature_sha256"] = hashlib.sha256(beside).hexdigest()
            kept.append(Stored(name, details["sha256"], exhibit, reference, seq))
            return self._entry(seq, previous, action, details, reference)

        self.ledger.append(entry)
        return kept[0]

    def _log(self, action: str, details: Mapping[str, Any]) -> None:
        self.ledger.append(lambda seq, previous: self._entry(seq, previous, action, details))

    def _entry(
        self, seq: int, previous: str, action: str, details: Mapping[str, Any], reference: str | None = None
    ) -> Entry:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        return Entry(seq, now, action, self.tool, self.reference if reference is None else reference, details, previous)


def _folded_upto(ledger: Ledger, seq: int) -> State:
    """Return the state before an entry, while the ledger is held."""
    state = _folded([_plain(text) for _, text, _ in ledger.rows()])
    if len(state.entries) != seq - 1:
        raise LedgerError("the ledger was changed by another program")
    return state


def _plain(text: str) -> Entry:
    return Entry(**json.loads(text))


def _folded(entries: Iterable[Entry]) -> State:
    """Go through the entries."""
    state = State()
    for entry in entries:
        details = entry.details
        if entry.action == "new":
            state.facts = {name: str(details.get(name, "")) for name in FACTS}
            state.keyid, state.key_sha256 = str(details["keyid"]), str(details["key_sha256"])
        elif entry.action == "add":
            state.exhibits.append(StoredExhibit(**details))
        elif entry.action in ("run", "report"):
            stored = Stored(details["file"], details["sha256"], details["exhibit"], entry.reference, entry.seq)
            (state.results if entry.action == "run" else state.reports).append(stored)
        elif entry.action == "note":
            state.notes.append((entry.time, str(details["text"])))
        state.entries.append(entry)
    return state


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            sha.update(chunk)
    return sha.hexdigest()


def _copied(source: Path, target: Path) -> tuple[str, int]:
    """Copy a file and return its hash and size, of the bytes that were read."""
    if not source.is_file():
        raise CaseError(f"{source}: no such file" if not source.exists() else f"{source}: not a regular file")
    sha, size = hashlib.sha256(), 0
    with source.open("rb") as reading, target.open("wb") as writing:
        while chunk := reading.read(_CHUNK):
            sha.update(chunk)
            size += len(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    return sha.hexdigest(), size
