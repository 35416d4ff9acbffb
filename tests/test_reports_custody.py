"""Cases: exhibits that never change, a chained ledger, signatures, and what becomes of damage and interruption."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from reports_fakes import result_for

import fingerprint
from fingerprint.result import Priors, Tool
from reports.commands.case import main
from reports.custody.case import Case, CaseError
from reports.custody.dsse import EnvelopeError, opened, seal
from reports.custody.keys import KeyFault, make_key, open_key, read_public
from reports.custody.ledger import Entry, Ledger, LedgerError
from reports.custody.verify import rerun, verify

PASSPHRASE = "a long enough one"  # noqa: S105 - of keys that the tests make


@pytest.fixture(autouse=True)
def keys(tmp_path, monkeypatch):
    monkeypatch.setenv("WHORL_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("WHORL_PASSPHRASE", PASSPHRASE)
    make_key("examiner", PASSPHRASE)
    return tmp_path / "keys"


def picture(path, seed=0):
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (40, 50, 3), np.uint8)).save(path)
    return path


def told(path="exhibits/x.png", reference="sha256:0"):
    priors = {"upscaled": 0.5, "unknown_given_upscaled": 0.2}
    return {"image": {"path": path}, "verdict": "not_upscaled", "regions": None,
            "tool": {"version": "1", "reference": reference, "priors": priors}}  # fmt: skip


@pytest.fixture
def case(tmp_path):
    """A small whole case: two exhibits, two results, a note, a report."""
    key = open_key("examiner", PASSPHRASE)
    made = Case(tmp_path / "case", "1", "sha256:0")
    made.create({"number": "7", "title": "", "question": "", "examiner": "E", "organisation": ""}, key.public)
    for seed in range(2):
        exhibit = made.add(picture(tmp_path / f"photo {seed}.png", seed))
        made.store_result(exhibit, told(exhibit.file), key)
    made.note("a remark")
    made.store_report(b"%PDF-1.7 a report " * 20, ".pdf", key, "sha256:0")
    return made


def good(case):
    return all(finding.good for finding in verify(case))


def test_a_case_as_it_was_left_verifies(case):
    state = case.state()
    assert good(case)
    assert [entry.action for entry in state.entries] == ["new", "add", "run", "add", "run", "note", "report"]
    assert [one.file for one in state.exhibits] == ["exhibits/0001-photo_0.png", "exhibits/0002-photo_1.png"]
    assert not os.access(case.folder / state.exhibits[0].file, os.W_OK) or os.geteuid() == 0


def test_any_flipped_byte_is_detected(case):
    """1,000 bytes at random, over all files of the case by their sizes."""
    files = sorted(path for path in case.folder.rglob("*") if path.is_file() and path.stat().st_size)
    sizes = np.array([path.stat().st_size for path in files])
    rng = np.random.default_rng(0)
    kinds = {path.parent.name if path.parent != case.folder else path.name for path in files}
    assert kinds == {"exhibits", "results", "reports", "case.db", "case.db.sha256", "key.pub.pem"}
    chosen = np.concatenate([np.repeat(np.arange(len(files)), 40), rng.integers(0, len(files), 1000)])[:1000]
    missed = []
    for number in chosen:
        path, place = files[number], int(rng.integers(sizes[number]))
        before = path.read_bytes()
        flipped = bytearray(before)
        flipped[place] ^= int(rng.integers(1, 256))
        path.chmod(0o644)
        path.write_bytes(flipped)
        if good(case):
            missed.append((path.name, place))
        path.write_bytes(before)
    assert missed == []
    assert good(case)


@pytest.mark.parametrize("part", ["exhibits", "results", "reports"])
def test_a_missing_file_is_named(case, part):
    path = min((case.folder / part).iterdir())
    path.unlink()
    assert any(path.name in finding.text and not finding.good for finding in verify(case))


def test_a_rewritten_chain_does_not_pass_without_the_key(case):
    """Somebody changes a result and rebuilds ledger and digest in its image: the signature is what is left."""
    state = case.state()
    stored = state.results[0]
    path = case.folder / stored.file
    envelope = json.loads(path.read_text())
    other = make_key("other", PASSPHRASE)
    forged = seal("application/vnd.whorl+json", json.dumps({"sha256": "0"}).encode(), open_key("other", PASSPHRASE))
    path.write_bytes(forged)
    with pytest.raises(EnvelopeError, match="not signed by the case's key"):
        opened(path.read_bytes(), case.public_key(state))
    envelope["payload"] = json.loads(forged)["payload"]
    with pytest.raises(EnvelopeError, match="signature does not hold"):
        opened(json.dumps(envelope).encode(), case.public_key(state))
    assert other.keyid != state.keyid


def test_the_same_bytes_are_not_added_twice(case, tmp_path):
    with pytest.raises(CaseError, match="same bytes as exhibit 1 already"):
        case.add(picture(tmp_path / "again.png", 0))
    with pytest.raises(CaseError, match=r"nowhere.png: no such file"):
        case.add(tmp_path / "nowhere.png")
    assert not list((case.folder / "exhibits").glob(".*"))


def _add_many(folder, names):
    made = Case(Path(folder), "1")
    for name in names:
        made.add(Path(name))
        made.note(f"added {name}")


def test_two_processes_lose_nothing(case, tmp_path):
    paths = [str(picture(tmp_path / f"p{seed}.png", 100 + seed)) for seed in range(12)]
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_add_many, args=(str(case.folder), paths[k::2])) for k in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    state = case.state()
    assert len(state.exhibits) == 14 and len(state.notes) == 13
    assert [one.number for one in state.exhibits] == list(range(1, 15))
    assert good(case)


WRITER = """
import sys
from pathlib import Path
from reports.custody.case import Case
case = Case(Path(sys.argv[1]), "1")
print("ready", flush=True)
number = 0
while True:
    number += 1
    case.note(f"note {number} " + "x" * 3000)
"""


def test_a_kill_in_the_middle_of_a_write_leaves_a_case_that_opens(case):
    rng = np.random.default_rng(1)
    for _ in range(6):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, case.folder], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(float(rng.uniform(0.02, 0.25)))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        before = len(case.state().entries)
        case.note("still open")
        assert len(case.state().entries) == before + 1
        assert good(case)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_write_is_told_from_a_change(case, when, monkeypatch):
    """Killed between the announcement of an entry and the digest behind it, with and without the entry written."""
    ledger, stop = Ledger(case.folder), RuntimeError("killed")
    noted = []

    def note(self, value):
        noted.append(value)
        if when == "after" and len(noted) == 2:
            raise stop
        real(self, value)

    real = Ledger._note
    monkeypatch.setattr(Ledger, "_note", note)
    if when == "before":
        monkeypatch.setattr(Entry, "canonical", _twice_then_fail(Entry.canonical))
    with pytest.raises(RuntimeError, match="killed"):
        case.note("half written")
    monkeypatch.undo()
    assert len(ledger.entries()) == (8 if when == "after" else 7)
    assert good(case)


def _twice_then_fail(real):
    calls = []

    def canonical(self):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("killed")
        return real(self)

    return canonical


def test_results_are_compared_with_answers_now(case):
    tool = Tool("1", "sha256:0", Priors())
    same = list(rerun(case, lambda path, regions: told("elsewhere.png"), tool))
    assert [finding.good for finding in same] == [True, True]
    other = list(rerun(case, lambda path, regions: told() | {"verdict": "inconclusive"}, tool))
    assert "ANOTHER RESULT" in other[0].text and not other[0].good
    older = list(rerun(case, lambda path, regions: told(), replace(tool, reference="sha256:1")))
    assert "run it again" in older[0].text and not older[0].good
    elsewhere = list(rerun(case, lambda path, regions: told(), replace(tool, weights="sha256:2")))
    assert "another gallery" in elsewhere[0].text and not elsewhere[0].good


def test_keys_lie_under_their_passphrase_and_outside_the_case(case, keys):
    assert (keys / "examiner.pem").stat().st_mode & 0o077 == 0
    assert b"ENCRYPTED" in (keys / "examiner.pem").read_bytes()
    assert not any(b"PRIVATE" in path.read_bytes() for path in case.folder.rglob("*") if path.is_file())
    with pytest.raises(KeyFault, match="wrong passphrase"):
        open_key("examiner", "another one")
    with pytest.raises(KeyFault, match="there is a key 'examiner' already"):
        make_key("examiner", PASSPHRASE)
    with pytest.raises(KeyFault, match="at least 8 characters"):
        make_key("short", "x")
    with pytest.raises(KeyFault, match=r"must be of a-z"):
        make_key("../up", PASSPHRASE)
    with pytest.raises(KeyFault, match="damaged"):
        read_public(b"nothing")


def test_a_folder_that_is_no_case_is_refused_and_left_alone(tmp_path):
    with pytest.raises(LedgerError, match="is no case"):
        Case(tmp_path, "1").state()
    with pytest.raises(CaseError, match="is not empty"):
        Case(tmp_path, "1").create({}, open_key("examiner", PASSPHRASE).public)
    assert not (tmp_path / "case.db").exists()


def test_the_commands_take_a_case_from_a_file_to_its_verification(tmp_path, capsys):
    folder = tmp_path / "c"
    assert main(["new", str(folder), "--number", "12", "--examiner", "Someone"]) == 0
    assert main(["add", str(folder), str(picture(tmp_path / "a.png")), str(tmp_path / "none.png")]) == 2
    assert main(["note", str(folder), "from a disk"]) == 0
    capsys.readouterr()
    assert main(["show", str(folder), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["facts"]["number"] == "12" and len(shown["ledger"]) == 3
    assert main(["verify", str(folder)]) == 0
    assert capsys.readouterr().out.endswith("the case is as it was left\n")
    with pytest.raises(ValueError, match="no exhibit has a result yet"):
        main(["report", str(folder)])
    exhibit = next((folder / "exhibits").iterdir())
    exhibit.chmod(0o644)
    exhibit.write_bytes(b"else")
    assert main(["verify", str(folder), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["good"] and any("exhibit 1" in one["text"] for one in found["findings"] if not one["good"])


def test_a_gallery_is_part_of_what_a_result_follows_from(tmp_path, capsys, monkeypatch):
    def opened_with(gallery=None):
        tool = Tool("0.1.0", "sha256:" + "0" * 64, Priors(), weights=f"sha256:{gallery}")

        def attribute(evidence, everywhere=False):
            return replace(result_for(evidence), tool=tool)

        return SimpleNamespace(reference=SimpleNamespace(identity=tool.reference), tool=tool, attribute=attribute)

    monkeypatch.setattr(fingerprint, "Attributor", opened_with)
    folder = str(tmp_path / "c")
    assert main(["new", folder]) == main(["add", folder, str(picture(tmp_path / "a.png"))]) == 0
    assert main(["run", folder, "--gallery", "mine"]) == 0
    assert main(["verify", folder, "--rerun", "--gallery", "mine"]) == 0
    capsys.readouterr()
    assert main(["verify", folder, "--rerun"]) == 1
    assert "another gallery (--gallery)" in capsys.readouterr().out
    assert main(["run", folder]) == 0
    assert "another gallery; --again answers anew" in capsys.readouterr().err
    assert main(["run", folder, "--again"]) == main(["verify", folder, "--rerun"]) == 0


def test_another_key_does_not_vouch_for_a_case(case, keys, capsys):
    make_key("other", PASSPHRASE)
    assert main(["verify", str(case.folder), "--public-key", str(keys / "other.pub.pem")]) == 1
    assert "did NOT sign" in capsys.readouterr().out
    assert main(["verify", str(case.folder), "--public-key", str(keys / "examiner.pub.pem")]) == 0
    with pytest.raises(ValueError, match="signed by another key"):
        main(["run", str(case.folder), "--key", "other"])


def test_a_copied_case_verifies_elsewhere(case, tmp_path):
    shutil.copytree(case.folder, tmp_path / "copy")
    assert good(Case(tmp_path / "copy", "1"))
