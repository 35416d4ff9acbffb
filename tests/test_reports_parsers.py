"""Completion and manual pages are made from the commands themselves, none of which runs meanwhile."""

import argparse
import subprocess

import pytest

from reports.cli import GROUPS
from reports.commands import completion, manual
from reports.parsers import attribute_parser, parser_of, whorl_parser


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings if name.startswith("--")}


def below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


@pytest.fixture(scope="module")
def whole():
    return whorl_parser()


def test_every_group_and_command_is_there_with_its_options(whole, tmp_path, monkeypatch):
    groups = below(whole)
    assert set(groups) == set(GROUPS)
    assert {"train", "distill", "list", "copyright"} <= set(below(groups["zoo"]))
    assert "--architecture" in options_of(below(groups["zoo"])["train"])
    assert "--method" in options_of(below(groups["zoo"])["distill"])
    assert "--candidates" in options_of(below(groups["fingerprint"])["lineage"])
    assert "--rerun" in options_of(below(groups["case"])["verify"])
    assert {"--host", "--port"} <= options_of(groups["serve"])


def test_a_command_without_arguments_is_said_to_have_none():
    with pytest.raises(RuntimeError, match="whorl x parses no arguments"):
        parser_of(lambda argv, prog: 0, [], "whorl x")


@pytest.mark.parametrize("command", ["whorl", "attribute"])
def test_bash_accepts_the_script(command, capsys):
    assert completion.main(["bash", command]) == 0
    script = capsys.readouterr().out
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    assert "--json" in script


def test_zsh_gets_one_too(capsys):
    assert completion.main(["zsh", "attribute"]) == 0
    assert capsys.readouterr().out.startswith("#compdef attribute")


def test_the_manual_names_every_option(capsys):
    assert manual.main([]) == 0
    page = capsys.readouterr().out
    assert page.startswith(".TH ATTRIBUTE")
    for option in options_of(attribute_parser()) - {"--help"}:
        assert option.replace("-", "\\-") in page
