"""Results as tables that pandas reads in one line."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from reports_fakes import EVIDENCE, fake, picture, result_for

from reports.batch import Answer, Failure
from reports.commands import attribute
from reports.tables import CANDIDATES, RESULTS, Table, candidate_rows, encoded, result_row

READERS = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".jsonl": lambda path: pd.read_json(path, lines=True)}


@pytest.mark.parametrize("suffix", READERS)
def test_a_table_has_a_row_for_every_image_also_for_those_not_read(tmp_path, capsys, suffix):
    names = [str(picture(tmp_path / f"{k}.png", seed=k)) for k in range(3)]
    out, candidates = tmp_path / f"t{suffix}", tmp_path / f"c{suffix}"
    arguments = [*names, str(tmp_path / "none.png"), "--table", str(out), "--candidates", str(candidates)]
    assert attribute.main(arguments, "attribute", fake()) == 2
    table = READERS[suffix](out)
    assert list(table.columns) == list(RESULTS) and len(table) == 4
    assert table["path"].tolist() == [*names, str(tmp_path / "none.png")]
    assert table["verdict"].tolist()[:3] == ["known_source"] * 3 and "no such file" in table["error"][3]
    assert table["log10_parameters_low"][0] == 5.1 and table["scale"][0] == 4
    rows = READERS[suffix](candidates)
    assert list(rows.columns) == list(CANDIDATES) and rows["place"].tolist() == [1, 2] * 3
    assert rows["log10_lr"].tolist()[:2] == [3.1, -0.4]


def test_rows_are_the_results():
    result = result_for(EVIDENCE)
    row = result_row(result)
    assert set(row) == set(RESULTS) and row["source"] == "rlfn-x4" and row["source_log10_lr"] == 3.1
    other = result_row(replace(result, verdict="unknown_source"))
    assert other["source"] is None and other["source_probability"] is None
    assert [one["source"] for one in candidate_rows(result)] == ["rlfn-x4", "imdn-x4"]
    assert json.loads(encoded([row], RESULTS, ".jsonl")) == row


def test_a_name_is_no_formula():
    told = encoded([dict.fromkeys(RESULTS) | {"path": "=cmd|' /C calc'!A0"}], RESULTS, ".csv").decode()
    assert "'=cmd" in told and "\n=cmd" not in told


def test_an_answer_and_a_failure_are_gathered(tmp_path):
    table = Table()
    table.add(Answer("x.png", result_for(EVIDENCE), ""))
    table.add(Failure("y.png", "why"))
    table.write(tmp_path / "t.csv")
    assert pd.read_csv(tmp_path / "t.csv")["error"].tolist()[1] == "why"


def test_wrong_targets_are_refused_before_any_work(tmp_path):
    one = str(picture(tmp_path / "a.csv.png"))
    with pytest.raises(ValueError, match="--table must end in one of"):
        attribute.main([one, "--table", str(tmp_path / "t.xlsx")], "attribute", fake())
    disguised = tmp_path / "p.csv"
    disguised.write_bytes((tmp_path / "a.csv.png").read_bytes())
    with pytest.raises(ValueError, match="--candidates .* is one of the pictures"):
        attribute.main([str(disguised), "--candidates", str(disguised)], "attribute", fake())
    with pytest.raises(ValueError, match="suffix must be one of"):
        encoded([], RESULTS, ".txt")
