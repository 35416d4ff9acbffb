"""The report on a case: stored results, figures drawn from the exhibits as they lie there, and the ledger."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from datasets import InputError, read_evidence
from fingerprint.result import result_from_json
from reports.commandline import printable
from reports.custody.case import Case, CaseError, State
from reports.dossier.model import CaseFacts, Exhibit, Report, exhibit, versions
from reports.dossier.validation import shipped_validation
from reports.dossier.wording import VerbalScale


def case_report(
    case: Case, state: State, scale: VerbalScale, signature: str, step: Callable[[str], None] = lambda _: None
) -> Report:
    """Put together the report on a case.

    Args:
        case: the case.
        state: its ledger, read.
        scale: words for ratios.
        signature: what the signature block says.
        step: told what is being drawn.

    Raises:
        CaseError: there is nothing to report yet, or an exhibit was changed.
    """
    key = case.public_key(state)
    validation = shipped_validation()
    exhibits: list[Exhibit] = []
    unread: list[tuple[str, str]] = []
    for one in state.exhibits:
        stored = state.result_of(one.number)
        if stored is None:
            unread.append((f"exhibit {one.number}, {printable(one.original)}", _why_not(state, one.number)))
            continue
        step(one.file)
        result = result_from_json(case.result(stored, key)["result"])
        try:
            evidence = read_evidence(case.folder / one.file)
        except InputError as error:
            raise CaseError(f"exhibit {one.number}: {error.reason}") from None
        if evidence.sha256 != one.sha256:
            raise CaseError(f"exhibit {one.number} ({one.file}) was changed; see `whorl case verify`")
        named = replace(evidence, path=one.file)
        drawn = exhibit(named, result, f"Exhibit {one.number}", case.folder / one.file, validation)
        facts = (("Taken from", printable(one.original)), *drawn.facts)
        exhibits.append(replace(drawn, facts=facts))
    if not exhibits:
        raise CaseError("no exhibit has a result yet; run `whorl case run` first")
    question = state.facts["question"] or CaseFacts().question
    facts = CaseFacts(state.facts["number"], state.facts["title"], question, state.facts["examiner"],
                      state.facts["organisation"], tuple(f"{time}: {text}" for time, text in state.notes))  # fmt: skip
    made = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    custody = tuple(
        (entry.time, entry.action, _told(entry.action, entry.details), entry.hash) for entry in state.entries
    )
    return Report(facts, made, tuple(exhibits), tuple(unread), scale, validation,
                  versions([one.result for one in exhibits]), signature, custody=custody)  # fmt: skip


def _why_not(state: State, number: int) -> str:
    failures = [entry.details for entry in state.entries if entry.action == "unread"]
    reasons = [details["reason"] for details in failures if details["exhibit"] == number]
    return reasons[-1] if reasons else "not run yet"


def _told(action: str, details: Mapping[str, Any]) -> str:
    if action == "add":
        return f"exhibit {details['number']}, SHA-256 {details['sha256']}"
    if action == "run":
        return f"result of exhibit {details['exhibit']}, SHA-256 {details['sha256']}"
    if action == "report":
        return f"{details['file']}, SHA-256 {details['sha256']}"
    if action == "note":
        return str(details["text"])
    if action == "unread":
        return f"exhibit {details['exhibit']} has no answer: {details['reason']}"
    return f"case {details.get('number', '')}; signatures by key {details.get('keyid', '')}"
