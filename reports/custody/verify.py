"""Whether a case is as it was left: all hashes, the chain, all signatures, and, if asked, the answers themselves."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fingerprint.result import Tool
from reports.custody.case import PUBLIC, Case, CaseError, State, digest_of
from reports.custody.dsse import FILE_TYPE, EnvelopeError, opened
from reports.custody.keys import KeyFault, PublicKey
from reports.custody.ledger import DATABASE, DIGEST, LOCK, LedgerError


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes:
        good: whether it is as it should be.
        text: what it is.
    """

    good: bool
    text: str


def verify(case: Case) -> list[Finding]:
    """Check a case, without running anything again.

    Args:
        case: the case.

    Returns:
        Every finding; the case is as it was left if and only if all are good.
    """
    try:
        state = case.state()
    except (LedgerError, CaseError, KeyError, TypeError) as error:
        return [Finding(False, f"ledger: {error}")]
    found = [Finding(True, f"ledger: {len(state.entries)} entries, one chain")]
    try:
        key = case.public_key(state)
    except (CaseError, KeyFault) as error:
        return [*found, Finding(False, f"key: {error}")]
    good = key.keyid == state.keyid
    found.append(Finding(good, f"key: {key.keyid[:16]}…" if good else "key: it is not the one that the ledger names"))
    found += _files(case.folder, state)
    found += _signatures(case, state, key)
    found += _strangers(case.folder, state)
    return found


def _files(folder: Path, state: State) -> Iterator[Finding]:
    for exhibit in state.exhibits:
        yield _unchanged(folder / exhibit.file, exhibit.sha256, f"exhibit {exhibit.number} ({exhibit.file})")
    for stored in state.results:
        yield _unchanged(folder / stored.file, stored.sha256, f"result {stored.file}")
    for stored in state.reports:
        yield _unchanged(folder / stored.file, stored.sha256, f"report {stored.file}")


def _unchanged(path: Path, sha256: str, what: str) -> Finding:
    try:
        good = digest_of(path) == sha256
    except OSError as error:
        return Finding(False, f"{what}: {error.strerror or error}")
    return Finding(good, f"{what}: {'as it was' if good else 'CHANGED'}")


def _signatures(case: Case, state: State, key: PublicKey) -> Iterator[Finding]:
    hashes = {entry.hash for entry in state.entries}
    exhibits = {exhibit.number: exhibit for exhibit in state.exhibits}
    for stored in state.results:
        try:
            signed = case.result(stored, key)
            whole = signed["sha256"] == exhibits[stored.exhibit].sha256 and signed["ledger"] in hashes
        except (EnvelopeError, OSError, KeyError, TypeError, ValueError) as error:
            yield Finding(False, f"signature of {stored.file}: {error}")
            continue
        yield Finding(whole, f"signature of {stored.file}: {'holds' if whole else 'is of another exhibit or ledger'}")
    by_file = {entry.details.get("file"): entry.details for entry in state.entries if entry.action == "report"}
    for stored in state.reports:
        beside = case.folder / f"{stored.file}.dsse"
        try:
            kind, payload = opened(beside.read_bytes(), key)
            signed = json.loads(payload)
            whole = (
                kind == FILE_TYPE
                and signed["sha256"] == stored.sha256
                and signed["ledger"] in hashes
                and digest_of(beside) == by_file[stored.file]["signature_sha256"]
            )
        except (EnvelopeError, OSError, KeyError, TypeError, ValueError) as error:
            yield Finding(False, f"signature of {stored.file}: {error}")
            continue
        yield Finding(whole, f"signature of {stored.file}: {'holds' if whole else 'CHANGED'}")


def _strangers(folder: Path, state: State) -> Iterator[Finding]:
    """Name files that the ledger does not know; an interrupted write may leave one, and no result rests on it."""
    known = {DATABASE, DIGEST, LOCK, PUBLIC}
    known |= {one.file for one in (*state.exhibits, *state.results, *state.reports)}
    known |= {f"{one.file}.dsse" for one in state.reports}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name not in known and not path.name.endswith(".partial"):
            yield Finding(True, f"note: {name} is not in the ledger, and part of nothing")


def rerun(case: Case, answer: Callable[[Path, bool], Any], tool: Tool) -> Iterator[Finding]:
    """Answer for every exhibit anew and compare with the stored results.

    Args:
        case: the case.
        answer: gives the result of a file, with its map if that is asked for, as the contract's JSON.
        tool: what answers now.
    """
    state = case.state()
    key = case.public_key(state)
    for exhibit in state.exhibits:
        stored = state.result_of(exhibit.number)
        if stored is None:
            continue
        before = case.result(stored, key)["result"]
        name = f"exhibit {exhibit.number} again"
        made = before["tool"]
        if (made["version"], made["reference"]) != (tool.version, tool.reference):
            yield Finding(
                False,
                f"{name}: its result is of whorl {made['version']} and reference {made['reference'][:19]}…, here are "
                f"{tool.version} and {tool.reference[:19]}…; run it again with `whorl case run --again`",
            )
            continue
        if made.get("weights", "") != tool.weights:
            yield Finding(
                False,
                f"{name}: its result followed from other weights ({made.get('weights', '')[:19]}…, here "
                f"{tool.weights[:19]}…): another gallery (--gallery), or another fit of what lies beside the reference",
            )
            continue
        now = answer(case.folder / exhibit.file, before["regions"] is not None)
        now["image"]["path"] = before["image"]["path"]
        same = json.loads(json.dumps(now)) == before
        yield Finding(same, f"{name}: {'the same result' if same else 'ANOTHER RESULT'}")
