"""`whorl zoo distill-study`: students beside twins that learnt alone."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

import datasets
from model_zoo.distillation import DistilConfig, distil
from model_zoo.distillation.gains import counted, find_twins, paired
from model_zoo.evaluation import score
from model_zoo.network import load
from reports.commands.zoo.distill_study import main
from reports.distillation_study import draw_gains, gains_table

CONFIG = DistilConfig(width=6, depth=1, steps=2, batch=2, patch=6, log_every=1, checkpoint_every=1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A student of `pisr` and its twin, one that was not finished, and benchmarks of one picture."""
    place = tmp_path_factory.mktemp("study")
    random = np.random.default_rng(0)
    for folder, name in (("bsds500/train", "a.jpg"), ("bsds500/val", "b.jpg"), ("set5", "c.png"), ("set14", "d.png")):
        (place / "data" / folder).mkdir(parents=True)
        Image.fromarray(random.integers(0, 256, (24, 30, 3), dtype=np.uint8)).save(place / "data" / folder / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHORL_DATA", str(place / "data"))
        for method in ("pisr", "none"):
            path, _ = distil(dataclasses.replace(CONFIG, name="", method=method), place / "runs")
        told = json.loads((path.parent / "run.json").read_text())
        (place / "runs" / "unfinished").mkdir()
        told["config"] |= {"method": "pisr", "name": "unfinished"}
        (place / "runs" / "unfinished" / "run.json").write_text(json.dumps(told))
        yield place / "runs"


def test_twins_agree_in_all_but_the_method(runs):
    (found,) = find_twins(runs)
    assert (found.taught.method, found.alone.method) == ("pisr", "none")
    assert found.taught.name == "fsrcnn-x2-pisr-s0" and found.longer is None and counted([found]) == 3


def test_a_folder_without_twins_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="no finished student with a twin that learnt alone: whorl zoo sweep pisr"):
        find_twins(tmp_path)


def test_the_standard_error_is_that_of_paired_differences():
    assert paired([0.1, 0.3]) == {"mean": 0.2, "se": 0.1}
    assert paired([0.25]) == {"mean": 0.25, "se": None}


def test_the_study_measures_all_three_and_their_curves(runs, tmp_path, capsys):
    out, figure = tmp_path / "study.json", tmp_path / "study.png"
    assert main(["--runs", str(runs), "--out", str(out), "--figure", str(figure), "--markdown"], "whorl zoo x") == 0
    table = capsys.readouterr().out
    assert table.count("| ×2 | fsrcnn | pisr | 2 | 1 |") == 3
    with Image.open(figure) as drawn:
        assert drawn.size[0] > 300
    row = json.loads(out.read_text())["groups"][0]
    part = row["benchmarks"]["set14"]
    assert part["gain"] == paired([t - a for t, a in zip(part["taught"], part["alone"], strict=True)])
    path = next(runs.glob("fsrcnn-x2-pisr-s0-*/*.safetensors"))
    expected = score(load(str(path)).upscale, 2, datasets.set14()).psnr
    assert part["taught"][0] == pytest.approx(expected, abs=1e-4)
    assert len(part["teacher"]) == 1 and all(np.isfinite(part["teacher"]))
    curves = row["curves"]
    assert [entry["step"] for entry in curves["alone"]] == [entry["step"] for entry in curves["taught"]] == [1, 2]
    assert row["benchmarks"]["set5"]["teacher"] == pytest.approx(curves["teacher"][-1]["psnr"], abs=1e-3)


def test_a_table_tells_the_standard_error_of_several_seeds():
    part = {
        "bicubic": 30.0, "alone": [31.0, 31.2], "longer": [31.2, 31.4], "taught": [31.1, 31.5], "teacher": [35.0, 36.0],
        "gain": paired([0.1, 0.3]), "gain_over_longer": paired([-0.1, 0.1]),
    }  # fmt: skip
    row = {
        "scale": 2, "architecture": "fsrcnn", "method": "output", "teacher": "imdn-x2", "seeds": [1, 2],
        "settings": {"steps": 4000}, "benchmarks": {"b100": part},
    }  # fmt: skip
    line = gains_table([row], markdown=True).splitlines()[2]
    assert line == (
        "| ×2 | fsrcnn | output, imdn-x2 | 4,000 | 2 | B100 | 30.00 | 31.10 | 31.30 | 31.30 | 35.50 "
        "| +0.200 ± 0.100 | +0.000 ± 0.100 |"
    )


def test_a_figure_of_nothing_is_refused():
    with pytest.raises(ValueError, match="groups must hold something to draw, got none"):
        draw_gains([])
