import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from reports import zoo_quality
from reports.commands.zoo import main
from reports.zoo_quality import cells, legend, markdown, read_rows
from tests.awkward import picture


@pytest.fixture
def benchmarks(tmp_path, monkeypatch):
    """A data folder with one small picture for each benchmark."""
    root = tmp_path / "data"
    for seed, (folder, name) in enumerate((("set5", "a.png"), ("set14", "b.png"), ("bsds500/val", "c.jpg"))):
        (root / folder).mkdir(parents=True)
        Image.fromarray(picture(40, 44, seed=seed)).save(root / folder / name)
    monkeypatch.setenv("WHORL_DATA", str(root))
    monkeypatch.setenv("WHORL_ZOO", str(tmp_path / "zoo"))
    return root


def run(*arguments):
    return main(["benchmark", *map(str, arguments)], "whorl zoo")


def test_the_table_puts_networks_beside_bicubic(benchmarks, capsys):
    assert run("whorl-fsrcnn-x4", "whorl-fsrcnn-x2") == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[:4]] == ["bicubic-x2", "whorl-fsrcnn-x2", "bicubic-x4", "whorl-fsrcnn-x4"]
    for name in ("SET5", "SET14", "B100"):
        assert f"{name} PSNR" in head and f"{name} SSIM" in head
    assert "LPIPS" not in head and "12,809" in rows[1] and rows[0].endswith("33.67 / - / -")
    assert "Low resolution: matlab-bicubic." in rows[5]


def test_json_holds_all_that_is_known(benchmarks, capsys):
    assert run("whorl-fsrcnn-x2", "--set5", "--b100", "--degradation", "pillow-bicubic", "--json") == 0
    plain, network = json.loads(capsys.readouterr().out)
    assert plain["name"] == "bicubic-x2" and plain["run"] is None and plain["reported"] == {}
    assert network["architecture"] == "fsrcnn" and network["parameters"] == 12809 and network["whole"] is True
    assert list(network["scores"]) == ["set5", "b100"] and network["degradation"] == "pillow-bicubic"
    assert network["scores"]["set5"].keys() == {"psnr", "ssim", "lpips", "pictures"}
    assert network["scores"]["set5"]["pictures"] == 1 and network["scores"]["set5"]["lpips"] is None


def test_lpips_joins_where_its_weights_are(benchmarks, capsys):
    random = np.random.default_rng(0)
    widths = [3, 2, 2, 2, 2, 2]
    backbone: dict = {}
    for place, (number, size) in enumerate(((0, 11), (3, 5), (6, 3), (8, 3), (10, 3))):
        shape = (widths[place + 1], widths[place], size, size)
        backbone[f"features.{number}.weight"] = random.normal(size=shape).astype(np.float32)
        backbone[f"features.{number}.bias"] = np.ones(2, np.float32)
    (benchmarks / "lpips").mkdir()
    np.savez(benchmarks / "lpips" / "alexnet-owt-7be5be79.npz", **backbone)
    linear: dict = {f"lin{k}.model.1.weight": np.ones((1, 2, 1, 1), np.float32) for k in range(5)}
    np.savez(benchmarks / "lpips" / "alex.npz", **linear)
    assert run("whorl-fsrcnn-x2", "--set5") == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert "SET5 LPIPS" in head and float(rows[0].split()[-2]) > 0


def test_results_are_kept_and_not_measured_again(benchmarks, capsys, tmp_path, monkeypatch):
    out = tmp_path / "quality.json"
    assert run("whorl-fsrcnn-x2", "--set5", "--out", out) == 0
    first = capsys.readouterr().out
    kept = json.loads(out.read_text())
    assert kept["command"] == "whorl zoo benchmark whorl-fsrcnn-x2 --set5 --out quality.json"  # not where it lies
    assert set(kept["versions"]) > {"jax"}
    measured = []
    score = zoo_quality.score

    def spy(upscale, scale, corpus, **options):
        measured.append((scale, corpus.name))
        return score(upscale, scale, corpus, **options)

    monkeypatch.setattr(zoo_quality, "score", spy)
    assert run("whorl-fsrcnn-x2", "--set5", "--out", out) == 0
    assert capsys.readouterr().out == first and measured == []
    assert run("whorl-fsrcnn-*", "--set5", "--set14", "--out", out) == 0
    assert sorted(measured) == [(2, "set14")] * 2 + [(4, "set14")] * 2 + [(4, "set5")] * 2
    rows = read_rows(out)
    assert [row["name"] for row in rows] == ["bicubic-x2", "whorl-fsrcnn-x2", "bicubic-x4", "whorl-fsrcnn-x4"]
    capsys.readouterr()
    assert run("whorl-fsrcnn-x4", "--set5", "--out", out) == 0
    assert "x2" not in capsys.readouterr().out and len(read_rows(out)) == 4  # others stay in the file


def test_a_network_that_was_trained_anew_is_measured_anew(benchmarks, capsys, tmp_path):
    out = tmp_path / "quality.json"
    run("whorl-fsrcnn-x2", "--set5", "--out", out)
    kept = json.loads(out.read_text())
    good = kept["networks"][1]["scores"]["set5"]["psnr"]
    kept["networks"][1]["run"], kept["networks"][1]["scores"]["set5"]["psnr"] = "another", 99.0
    out.write_text(json.dumps(kept))
    run("whorl-fsrcnn-x2", "--set5", "--out", out)
    rows = read_rows(out)
    assert len(rows) == 2 and rows[1]["scores"]["set5"]["psnr"] == good


def test_markdown_is_a_table(benchmarks, capsys):
    assert run("whorl-fsrcnn-x2", "--set5", "--markdown") == 0
    head, ruler, plain, network, blank, says = capsys.readouterr().out.splitlines()
    assert head.startswith("| Network | Scale | Parameters | Set5 PSNR |") and ruler.startswith("| :-- | --: |")
    assert {line.count("|") for line in (head, ruler, plain, network)} == {7} and blank == "" and says


def test_marks_what_was_not_done_in_one_piece():
    scores = {"set5": {"psnr": 30.0, "ssim": 0.9, "lpips": None, "pictures": 5}}
    row = {"name": "a", "scale": 2, "parameters": 1000, "degradation": "matlab-bicubic", "reported": {}}
    rows = [row | {"whole": whole, "scores": scores if whole else {}} for whole in (True, False)]
    assert cells(rows)[1:] == [["a", "x2", "1,000", "30.00", "0.9000"], ["a *", "x2", "1,000", "-", "-"]]
    assert "cut into overlapping tiles" in legend(rows)[-1] and len(legend(rows[:1])) == 1
    assert "| a * |" in markdown(rows)


@pytest.mark.data("published-weights", "set5")
def test_published_networks_join_and_score_what_is_reported(tmp_path, data_root, capsys, monkeypatch):
    root = tmp_path / "data"
    (root / "published-weights").mkdir(parents=True)
    (root / "set5").symlink_to(data_root / "set5")
    for name in ("fsrcnn-x3-opencv", "espcn-x3-opencv"):
        (root / "published-weights" / name).symlink_to(data_root / "published-weights" / name)
    monkeypatch.setenv("WHORL_DATA", str(root))
    assert run("--published", "--set5", "--json") == 0
    plain, *networks = json.loads(capsys.readouterr().out)
    assert [network["name"] for network in networks] == ["espcn-x3-opencv", "fsrcnn-x3-opencv"]
    for row in (plain, *networks):
        assert row["reported"]["set5"]["exact"] and abs(row["reported"]["set5"]["difference"]) <= 0.02


def test_mistakes_are_errors_before_any_work(benchmarks, tmp_path):
    def wrong(match, *arguments):
        with pytest.raises((ValueError, OSError), match=match):
            run(*arguments)

    wrong("name must be a network", "nobody")
    wrong("--out must end in .json", "whorl-fsrcnn-x2", "--out", tmp_path / "a.txt")
    wrong("--out must be a file in a folder that exists", "whorl-fsrcnn-x2", "--out", tmp_path / "no" / "a.json")
    wrong("the data folder lacks published-weights", "--published")
    (tmp_path / "other.json").write_text("[1]")
    wrong("--out other.json is there and holds no results", "whorl-fsrcnn-x2", "--out", tmp_path / "other.json")
    (benchmarks / "set14" / "b.png").unlink()
    wrong("the data folder lacks set14", "whorl-fsrcnn-x2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "a NAME, --all or --published is missing"),
        (["a", "--all"], "--all goes without a NAME"),
        (["a", "--degradation", "blind"], "--degradation"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    said = capsys.readouterr()
    assert end.value.code == 2 and said.out == "" and said.err.count("\n") == 1 and message in said.err


def test_help_needs_nothing_heavy(repository):
    code = (
        "import sys\nfrom reports.commands.zoo import main\n"
        "try: main(['benchmark', '--help'], 'whorl zoo')\nexcept SystemExit as end: pass\n"
        "assert not {'jax', 'flax', 'numpy', 'PIL'} & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0 and "usage: whorl zoo benchmark" in done.stdout, done.stderr
