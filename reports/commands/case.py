"""`whorl case`: exhibits that never change, signed results, a ledger, and a report that can be checked years later."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, INCONCLUSIVE, WRONG, Parser, choose_command, complain, emit, emit_json
from reports.commandline import printable as safe

if TYPE_CHECKING:
    from reports.custody.case import Case
    from reports.custody.keys import PrivateKey

COMMANDS = {
    "key": "make a key for signing, kept under a passphrase",
    "new": "make a case",
    "add": "copy files into a case as exhibits",
    "run": "answer for every exhibit that has no result yet, and sign the results",
    "note": "write a remark into the ledger",
    "show": "show a case: facts, exhibits, results, ledger",
    "report": "write a signed report on a case",
    "verify": "check hashes, chain and signatures of a case",
}


def main(argv: Sequence[str], prog: str = "whorl case") -> int:
    """Run one of the group's commands.

    Args:
        argv: The command and its own arguments.
        prog: The group's name in messages.

    Returns:
        The exit code.
    """
    description = "Take a case from files to a signed report that can be checked years later."
    name, rest = choose_command(argv, prog, COMMANDS, description)
    command: Callable[[Sequence[str], str], int] = {
        "key": _key, "new": _new, "add": _add, "run": _run, "note": _note, "show": _show, "report": report,
        "verify": _verify,
    }[name]  # fmt: skip
    return command(rest, f"{prog} {name}")


def _parser(prog: str, description: str) -> Parser:
    parser = Parser(prog=prog, description=description)
    parser.add_argument("case", type=Path, metavar="CASE", help="folder of the case")
    return parser


def _signing(parser: Parser) -> None:
    text = "name of the key that signs (default: %(default)s); its passphrase is asked for, or WHORL_PASSPHRASE"
    parser.add_argument("--key", default="examiner", metavar="NAME", help=text)


def _gallery(parser: Parser) -> None:
    text = "compare with the sources of this gallery, too (`whorl fingerprint enrol`)"
    parser.add_argument("--gallery", type=Path, metavar="DIR", help=text)


def _passphrase(name: str, again: bool = False) -> str:
    from reports.custody.keys import PASSPHRASE

    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise ValueError(f"key {name!r} needs its passphrase: run this in a terminal, or set {PASSPHRASE}")
    from getpass import getpass

    first = getpass(f"passphrase of key {name}: ")
    if again and getpass("once more: ") != first:
        raise ValueError("the two passphrases differ; nothing was made")
    return first


def _case(folder: Path, reference: str = "") -> "Case":
    from fingerprint.attributor import tool_version
    from reports.custody.case import Case

    return Case(folder, tool_version(), reference)


def _key(argv: Sequence[str], prog: str) -> int:
    parser = Parser(prog=prog, description="Make an Ed25519 key for signing results and reports. It lies in the user's "
                    "configuration folder, or where WHORL_KEYS says, never in a case.")  # fmt: skip
    parser.add_argument("name", nargs="?", default="examiner", metavar="NAME", help="of the key (default: %(default)s)")
    options = parser.parse_args(argv)
    from reports.custody.keys import key_path, make_key

    path = key_path(options.name)
    public = make_key(options.name, _passphrase(options.name, again=True))
    emit(f"{path}\nkey {public.keyid}")
    return ANSWERED


def _new(argv: Sequence[str], prog: str) -> int:
    parser = _parser(prog, "Make a case. Its folder must be new or empty.")
    for name, text in (
        ("number", "number of the case"),
        ("title", "title of the report"),
        ("question", "the question that is put"),
        ("examiner", "who examines"),
        ("organisation", "of the examiner"),
    ):
        parser.add_argument(f"--{name}", default="", metavar="TEXT", help=text)
    _signing(parser)
    options = parser.parse_args(argv)
    from reports.custody.case import FACTS
    from reports.custody.keys import open_key

    key = open_key(options.key, _passphrase(options.key))
    _case(options.case).create({name: getattr(options, name) for name in FACTS}, key.public)
    emit(f"{options.case}: a new case, signed by key {key.keyid[:16]}…")
    return ANSWERED


def _add(argv: Sequence[str], prog: str) -> int:
    parser = _parser(prog, "Copy files into a case; each is hashed on entry and never changed.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a picture file, or a folder, searched for pictures")
    options = parser.parse_args(argv)
    from datasets import InputError, find_images
    from reports.custody.case import CaseError

    case, code = _case(options.case), ANSWERED
    case.state()
    for item in find_images(options.files):
        try:
            if isinstance(item, InputError):
                raise CaseError(f"{item.path}: {item.reason}")
            added = case.add(Path(item))
        except CaseError as error:
            complain(prog, str(error))
            code = WRONG
        else:
            emit(f"exhibit {added.number}  {added.sha256}  {safe(added.original)}")
    return code


def _run(argv: Sequence[str], prog: str) -> int:
    parser = _parser(prog, "Answer for every exhibit that has no result of this reference yet, and sign the results.")
    _signing(parser)
    parser.add_argument("--again", action="store_true", help="answer for all exhibits anew; older results are kept")
    parser.add_argument("--regions", action="store_true", help="look closely for parts that differ from the rest")
    _gallery(parser)
    options = parser.parse_args(argv)
    from datasets import InputError, read_evidence
    from fingerprint import Attributor
    from reports.commandline import reason_of
    from reports.custody.keys import open_key

    key = open_key(options.key, _passphrase(options.key))
    case = _case(options.case)
    state = case.state()
    _check_key(case, key)
    attributor = Attributor(gallery=options.gallery)
    case.reference = attributor.reference.identity
    code = ANSWERED
    for exhibit in state.exhibits:
        stored = state.result_of(exhibit.number)
        if stored is not None and not options.again:
            made = case.result(stored, key.public)["result"]["tool"]
            if stored.reference != case.reference:
                complain(prog, f"exhibit {exhibit.number}: its result is of an older reference; --again answers anew")
            elif made.get("weights", "") != attributor.tool.weights:
                complain(prog, f"exhibit {exhibit.number}: its result is of other weights or of another gallery; "
                         "--again answers anew")  # fmt: skip
            continue
        try:
            evidence = read_evidence(case.folder / exhibit.file)
            if evidence.sha256 != exhibit.sha256:
                raise ValueError("the exhibit was changed; see `whorl case verify`")
            result = attributor.attribute(evidence, everywhere=options.regions)
        except (InputError, ValueError) as error:
            reason = error.reason if isinstance(error, InputError) else reason_of(error)
            case.log_run_failure(exhibit, reason)
            complain(prog, f"exhibit {exhibit.number} ({exhibit.file}): {reason}")
            code = WRONG
            continue
        told = result.to_json()
        told["image"]["path"] = exhibit.file
        case.store_result(exhibit, told, key)
        first = f"  {result.candidates[0].source}" if result.verdict == "known_source" else ""
        emit(f"exhibit {exhibit.number}  {result.verdict}{first}")
        code = max(code, INCONCLUSIVE if result.verdict == "inconclusive" else ANSWERED)
    return code


def _check_key(case: "Case", key: "PrivateKey") -> None:
    if case.state().keyid != key.keyid:
        raise ValueError(f"{case.folder}: this case is signed by another key; give it with --key")


def _note(argv: Sequence[str], prog: str) -> int:
    parser = _parser(prog, "Write a remark into the ledger; it stands in the report, too.")
    parser.add_argument("text", metavar="TEXT", help="the remark")
    options = parser.parse_args(argv)
    case = _case(options.case)
    case.state()
    case.note(options.text)
    return ANSWERED


def _show(argv: Sequence[str], prog: str) -> int:
    parser = _parser(prog, "Show a case.")
    parser.add_argument("--json", action="store_true", help="write one JSON object")
    options = parser.parse_args(argv)
    from fingerprint.reference import load

    case = _case(options.case)
    state = case.state()
    here = load().identity
    old = [one.exhibit for one in state.results if one.reference != here and state.result_of(one.exhibit) == one]
    if options.json:
        emit_json({
            "facts": state.facts, "key": state.keyid, "exhibits": [vars(one) for one in state.exhibits],
            "results": [vars(one) for one in state.results], "reports": [vars(one) for one in state.reports],
            "notes": state.notes, "ledger": [{**vars(one), "hash": one.hash} for one in state.entries],
            "older_reference": old,
        })  # fmt: skip
        return ANSWERED
    for name, value in state.facts.items():
        if value:
            emit(f"{name:14}{safe(value)}")
    for exhibit in state.exhibits:
        stored = state.result_of(exhibit.number)
        emit(f"exhibit {exhibit.number:<6}{safe(exhibit.original)}  {stored.file if stored else 'not run yet'}")
    for stored in state.reports:
        emit(f"report        {stored.file}")
    for time, text in state.notes:
        emit(f"note          {time}  {safe(text)}")
    emit(f"ledger        {len(state.entries)} entries, {state.head}")
    if old:
        numbers = ", ".join(map(str, sorted(old)))
        emit(f"results of exhibits {numbers} are of an older reference; `whorl case run --again` answers anew")
    return ANSWERED


def report(argv: Sequence[str], prog: str) -> int:
    """Write a signed report on a case.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    parser = _parser(prog, "Write a report on a case into its folder, with a signature beside it.")
    _signing(parser)
    text = "pdf (PDF/A-2a) or html (default: %(default)s)"
    parser.add_argument("--format", choices=("pdf", "html"), default="pdf", help=text)
    text = "a TOML table of words for likelihood ratios (default: the ENFSI guideline's)"
    parser.add_argument("--verbal-scale", type=Path, metavar="FILE", help=text)
    options = parser.parse_args(argv)
    from reports.custody.keys import open_key
    from reports.custody.reporting import case_report
    from reports.dossier.gather import render
    from reports.dossier.wording import read_scale

    scale = read_scale(options.verbal_scale)
    key = open_key(options.key, _passphrase(options.key))
    case = _case(options.case)
    state = case.state()
    _check_key(case, key)
    signature = (
        f"This document is signed by the Ed25519 key with the SHA-256 {key.keyid}, in a DSSE envelope beside it; "
        "`whorl case verify` checks it."
    )
    made = case_report(case, state, scale, signature)
    stored = case.store_report(render(made, f".{options.format}"), f".{options.format}", key,
                               made.exhibits[-1].result.tool.reference)  # fmt: skip
    emit(str(options.case / stored.file))
    return ANSWERED


def _verify(argv: Sequence[str], prog: str) -> int:
    parser = _parser(prog, "Check that a case is as it was left: hashes of all files, the ledger's chain, signatures. "
                     "Exit code 0 if everything holds, 1 if not.")  # fmt: skip
    text = "the public key (PEM) that must have signed, from elsewhere than the case (default: the case's own)"
    parser.add_argument("--public-key", type=Path, metavar="FILE", help=text)
    parser.add_argument("--rerun", action="store_true", help="answer for all exhibits anew and compare")
    _gallery(parser)
    parser.add_argument("--json", action="store_true", help="write one JSON object")
    options = parser.parse_args(argv)
    from reports.custody.verify import Finding, verify

    case = _case(options.case)
    if not options.case.is_dir():
        raise ValueError(f"{options.case}: there is no such case")
    found = verify(case)
    if options.public_key is not None and all(one.good for one in found):
        from reports.custody.keys import read_public

        same = read_public(options.public_key.read_bytes()).keyid == case.state().keyid
        found.append(Finding(same, f"key of {options.public_key}: {'signed' if same else 'did NOT sign'} this case"))
    if options.rerun and all(one.good for one in found):
        found += _rerun(case, options.gallery)
    good = all(one.good for one in found)
    if options.json:
        emit_json({"good": good, "findings": [vars(one) for one in found]})
    else:
        for one in found:
            emit(f"{'ok ' if one.good else 'BAD'}  {safe(one.text)}")
        emit("the case is as it was left" if good else "the case is NOT as it was left")
    return ANSWERED if good else INCONCLUSIVE


def _rerun(case: "Case", gallery: Path | None) -> "list[Any]":
    from datasets import read_evidence
    from fingerprint import Attributor
    from reports.custody.verify import rerun

    attributor = Attributor(gallery=gallery)

    def answer(path: Path, everywhere: bool) -> dict:
        return attributor.attribute(read_evidence(path), everywhere=everywhere).to_json()

    return list(rerun(case, answer, attributor.tool))
