"""`whorl bench page`: a server of its own, real uploads, real answers."""

import json

import pytest

from reports.commands import bench_page


def test_every_upload_is_answered_and_timed(tmp_path, capsys):
    out = tmp_path / "page.json"
    assert bench_page.main(["--uploads", "3", "--clients", "2", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    report = json.loads(out.read_text("utf-8"))
    assert report["answered"] == report["uploads"] == 3 and "3 of 3 uploads by 2 clients" in text
    assert 0 < report["drop_s"]["median"] <= report["drop_s"]["worst"] < report["ready_s"] + 60
    before, after = report["peak_bytes"].values()
    assert before is None or 0 < before <= after


def test_an_answer_that_never_comes_is_an_error(monkeypatch):
    row = '<tr id="row-7"><td><span>a.png</span></td><td>waiting</td>'
    monkeypatch.setattr(bench_page, "_PATIENCE", 0.01)
    monkeypatch.setattr(bench_page, "_ask", lambda *_: row)
    with pytest.raises(ValueError, match="a.png: no answer after"):
        bench_page._drop("http://127.0.0.1:1", "a.png", b"")
    with pytest.raises(ValueError, match="b.png: the page lists no such picture"):
        bench_page._drop("http://127.0.0.1:1", "b.png", b"")
    monkeypatch.setattr(bench_page, "_ask", lambda *_: row.replace("waiting", '<strong class="verdict failed">'))
    with pytest.raises(ValueError, match="could not read it"):
        bench_page._drop("http://127.0.0.1:1", "a.png", b"")
