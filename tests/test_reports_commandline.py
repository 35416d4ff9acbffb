"""What all commands share: choosing one, checking outputs, columns, and arguments that tell nothing of a machine."""

import os

import pytest

from reports.commandline import check_output, choose_command, columns, portable_arguments

COMMANDS = {"list": "list them", "compare": "put them side by side"}


def choose(*argv):
    return choose_command(argv, "whorl things", COMMANDS, "All about things.")


def test_a_command_is_found_with_its_own_arguments():
    assert choose("compare", "--help", "a") == ("compare", ["--help", "a"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "a command is missing"),
        (("--faster",), "unrecognized arguments: --faster"),
        (("lists",), "there is no command 'lists'"),
    ],
)
def test_a_wrong_choice_is_one_line(capsys, argv, message):
    with pytest.raises(SystemExit) as stop:
        choose(*argv)
    said = capsys.readouterr()
    assert stop.value.code == 2 and not said.out
    assert said.err == f"whorl things: {message} (see whorl things --help)\n"


def test_help_lists_all(capsys):
    with pytest.raises(SystemExit) as stop:
        choose("--help")
    said = capsys.readouterr().out
    assert stop.value.code == 0
    assert said.startswith("usage: whorl things [--help] COMMAND ...\n\nAll about things.")
    assert "  list     list them\n  compare  put them side by side\n" in said


def test_recorded_arguments_name_files_but_not_where_they_lie():
    given = ["a-*", "--out", "/home/me/a.json", "--runs=/data/runs", "--beside", "b/c.json", "--crop=1,2,3,4", "x=/y"]
    wanted = ["a-*", "--out", "a.json", "--runs=runs", "--beside", "b/c.json", "--crop=1,2,3,4", "x=/y"]
    assert portable_arguments(given) == wanted


def test_outputs_that_can_be_written_pass(tmp_path):
    check_output("--out", tmp_path / "new.JSON", (".json",))
    (tmp_path / "old").write_text("kept")
    check_output("--out", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "kept" and len(list(tmp_path.iterdir())) == 1


def test_outputs_that_cannot_be_written_are_refused(tmp_path, monkeypatch):
    def refused(message, path, suffixes=()):
        with pytest.raises(ValueError, match="^--out must") as caught:
            check_output("--out", path, suffixes)
        assert str(caught.value) == f"--out must {message}"

    refused("end in .json, got 'a.txt'", tmp_path / "a.txt", (".json",))
    refused("end in one of .png .pdf, got 'a'", tmp_path / "a", (".png", ".pdf"))
    writable = "be a file in a folder that exists: "
    refused(f"{writable}{tmp_path} is a folder", tmp_path)
    refused(f"{writable}there is no folder {tmp_path / 'no'}", tmp_path / "no" / "a.json", (".json",))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    refused(f"{writable}{tmp_path} cannot be written to", tmp_path / "a.json")


def test_columns_are_as_wide_as_their_widest_cell_on_one_line_each():
    rows = [("NAME", "N", "WHAT"), ("a\nb", "12", "x"), ("c", "3", "")]
    assert columns(rows, right={1}) == "NAME   N  WHAT\na\\nb  12  x\nc      3"
