"""`whorl zoo copyright`: what a lightweight network in a full one's place keeps and spares."""

import json

import pytest
from PIL import Image

from reports.commands.zoo import main
from reports.copyright_figures import draw_trade_off
from tests.awkward import picture


@pytest.fixture
def benchmarks(tmp_path, monkeypatch):
    """A data folder with one small picture for each benchmark, and no networks but those that ship."""
    root = tmp_path / "data"
    for seed, (folder, name) in enumerate((("set5", "a.png"), ("set14", "b.png"), ("bsds500/val", "c.jpg"))):
        (root / folder).mkdir(parents=True)
        Image.fromarray(picture(40, 44, seed=seed)).save(root / folder / name)
    monkeypatch.setenv("WHORL_DATA", str(root))
    monkeypatch.setenv("WHORL_ZOO", str(tmp_path / "zoo"))
    monkeypatch.setattr("reports.copyright._SIDE", 16)
    return root


def run(*arguments):
    return main(["copyright", *map(str, arguments)], "whorl zoo")


def test_retained_shares_and_costs_are_those_of_the_numbers_beside_them(benchmarks, tmp_path, capsys):
    out, figure = tmp_path / "c.json", tmp_path / "c.png"
    assert run("whorl-edsr-x2", "whorl-fsrcnn-x2", "--set5", "--set14", "--out", out, "--figure", figure, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(out.read_text())
    assert figure.read_bytes().startswith(b"\x89PNG") and figure.read_bytes() == draw_trade_off(found)
    teacher, (student,) = found["teacher"], found["students"]
    assert (teacher["parameters"], student["parameters"]) == (79_443, 12_809)
    assert student["of_teacher"]["parameters"] == pytest.approx(12_809 / 79_443, abs=1e-4)
    # The paper counts its convolutions with stride and all; at x2 a result of 1280x720 takes 12,464 for each low pixel.
    assert student["multiply_adds"] == 640 * 360 * (12_464 - 81 * 56 + 100 * 56)
    for name in ("set5", "set14"):
        mine, theirs, none = (part["scores"][name]["psnr"] for part in (student, teacher, found["bicubic"]))
        if theirs > none:
            assert student["retained"][name] == pytest.approx((mine - none) / (theirs - none), abs=1e-3)
    assert student["seconds_per_megapixel"] > 0


def test_the_table_ends_with_the_full_network(benchmarks, capsys):
    assert run("whorl-edsr-x2", "whorl-fsrcnn-x2", "--set5") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["NETWORK", "bicubic", "whorl-fsrcnn-x2", "whorl-edsr-x2"]
    assert "share of the last network's gain" in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["whorl-edsr-x2", "whorl-fsrcnn-x4"], "STUDENT must enlarge by 2 as the teacher does, 'whorl-fsrcnn-x4'"),
        (["whorl-edsr-x2", "whorl-edsr-x2"], "STUDENT must be another network than the teacher"),
        (["whorl-*", "whorl-edsr-x2"], r"TEACHER must name one network, 'whorl-\*' names 7"),
        (["whorl-edsr-x2", "whorl-fsrcnn-x2", "--figure", "a.gif"], "--figure"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_any_work(benchmarks, arguments, message):
    with pytest.raises((ValueError, SystemExit), match=message):
        run(*arguments)


def test_a_figure_needs_students():
    with pytest.raises(ValueError, match="students must hold something"):
        draw_trade_off({"students": [], "teacher": {"scores": {}}})
