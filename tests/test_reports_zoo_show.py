import json
import shutil

import numpy as np
import pytest
from PIL import Image

from model_zoo.evaluation import bicubic
from model_zoo.manifests import SHIPPED, read_manifest
from reports.commands.zoo import main
from reports.commands.zoo.show import drawn
from reports.zoo_figures import Crop, Panel, busiest, draw_comparison
from reports.zoo_networks import choose, gather

FOLDER = "fine-0123456789abcdef"


@pytest.fixture
def runs(tmp_path):
    """A folder of runs with a finished and an unfinished one."""
    finished, unfinished = tmp_path / "runs" / FOLDER, tmp_path / "runs" / "begun-0000000000000000"
    for folder in (finished, unfinished):
        folder.mkdir(parents=True)
        described = {
            "run": folder.name.partition("-")[2],
            "config": {"name": folder.name.partition("-")[0], "architecture": "fsrcnn", "steps": 40, "width": None},
            "command": "whorl zoo train --name begun",
            "versions": {"jax": "0.10.2"},
        }
        (folder / "run.json").write_text(json.dumps(described))
        lines = [json.dumps({"step": 10 * step, "loss": 1 / step}) for step in (1, 2, 3)]
        (folder / "metrics.jsonl").write_text("\n".join([*lines, '{"step": 40, "lo']))
    manifest = json.loads((SHIPPED / "whorl-fsrcnn-x2.json").read_text())
    (finished / "fine.json").write_text(json.dumps(manifest | {"name": "fine", "loss": "l1 + 0.001*gan"}))
    shutil.copy(SHIPPED / "whorl-fsrcnn-x2.safetensors", finished / "fine.safetensors")
    return tmp_path / "runs"


@pytest.fixture
def photograph(tmp_path):
    random = np.random.default_rng(0).integers(0, 256, (12, 15, 3), dtype=np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(random).resize((62, 50), Image.Resampling.BICUBIC).save(path)
    return path


class TestChoose:
    def test_finds_listed_networks_and_those_of_runs(self, runs):
        names = [known.manifest.name for known in gather()]
        assert [known.manifest.name for known in gather(runs)] == [*names, "fine"]
        found = choose(["fine", FOLDER, "whorl-*-x2", "whorl-edsr-x2"], runs)
        assert [known.manifest.name for known in found] == [
            "fine", "whorl-edsr-x2", "whorl-fsrcnn-x2", "whorl-student-x2",
        ]  # fmt: skip
        assert found[0].run == runs / FOLDER and found[1].run is None
        assert found[0].weights_path.is_file() and found[1].weights_path.parent == SHIPPED

    def test_counts_a_listed_network_once_if_its_run_is_there_too(self, runs):
        folder = runs / "whorl-fsrcnn-x2-again"
        shutil.copytree(runs / "begun-0000000000000000", folder)
        for suffix in (".json", ".safetensors"):
            shutil.copy(SHIPPED / f"whorl-fsrcnn-x2{suffix}", folder)
        (known,) = choose(["whorl-fsrcnn-x2"], runs)
        assert known.run == folder and known.weights_path.parent == SHIPPED

    def test_takes_files_and_folders(self, runs):
        for name in (runs / FOLDER, runs / FOLDER / "fine.safetensors"):
            (known,) = choose([str(name)])
            assert known.manifest.name == "fine" and known.run == runs / FOLDER

    def test_refuses_what_stands_for_nothing_or_too_much(self, runs, tmp_path):
        with pytest.raises(ValueError, match="`whorl zoo list` shows or a pattern for some, got 'nobody'$"):
            choose(["nobody"])
        with pytest.raises(ValueError, match="got 'whorl-esdr-x2'; near are whorl-edsr-x2, "):
            choose(["whorl-esdr-x2"])
        with pytest.raises(ValueError, match="got 'nobody-.*'"):
            choose(["nobody-*"])
        with pytest.raises(ValueError, match="--runs must be a folder of runs"):
            choose(["*"], tmp_path / "nothing")
        shutil.copytree(runs / FOLDER, runs / "fine-ffffffffffffffff")
        with pytest.raises(ValueError, match=f"say which of {FOLDER}, fine-ffffffffffffffff is meant"):
            choose(["fine"], runs)
        assert len(choose(["fine-*"], runs)) == 2


class TestList:
    def test_can_hold_the_finished_runs(self, runs, capsys):
        assert main(["list", "--runs", str(runs), "--json"], "whorl zoo") == 0
        last = json.loads(capsys.readouterr().out)[-1]
        assert last["name"] == "fine" and last["loss_kind"] == "adversarial"
        assert main(["list", "--runs", str(runs)], "whorl zoo") == 0
        assert capsys.readouterr().out.splitlines()[-1].startswith("fine ")


class TestShow:
    def test_tells_all_of_a_listed_network(self, capsys):
        assert main(["show", "whorl-edsr-x2"], "whorl zoo") == 0
        shown = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
        assert {key: value.strip() for key, value in shown.items()}.items() >= {
            ("architecture", "edsr"), ("scale", "x2"), ("seed", "0"), ("parameters", "79,443"),
            ("config", "width 24, depth 5"), ("multiply adds hd", "18,662,400,000"), ("loss kind", "fidelity"),
        }  # fmt: skip

    def test_has_every_field_as_json(self, runs, capsys):
        assert main(["show", "fine", "--runs", str(runs), "--json"], "whorl zoo") == 0
        shown = json.loads(capsys.readouterr().out)
        manifest = json.loads(read_manifest(runs / FOLDER / "fine.json").to_json())
        assert shown.items() >= {key: shown[key] for key in manifest}.items() and manifest.items() <= shown.items()
        assert [entry["step"] for entry in shown["curve"]] == [10, 20, 30]  # the line that was cut short is left out
        assert shown["folder"] == str(runs / FOLDER)

    def test_draws_the_learning_curve(self, runs, capsys):
        assert main(["show", str(runs / FOLDER)], "whorl zoo") == 0
        out = capsys.readouterr().out
        assert "█▄▁" in out or "█▃▁" in out
        assert "1 at step 10, 0.33333 at step 30, lowest 0.33333" in out

    def test_knows_how_far_an_unfinished_run_is(self, runs, capsys):
        assert main(["show", "begun-0000000000000000", "--runs", str(runs)], "whorl zoo") == 0
        out = capsys.readouterr().out
        assert "unfinished, 30 of 40 steps" in out and "None" not in out
        (runs / "begun-0000000000000000" / "run.json").write_text("{}")
        with pytest.raises(ValueError, match="run.json describes no run: KeyError"):
            main(["show", "begun-0000000000000000", "--runs", str(runs)], "whorl zoo")

    def test_is_about_one_network(self):
        with pytest.raises(ValueError, match="must stand for one network, got 'whorl-.*', which stands for 7"):
            main(["show", "whorl-*"], "whorl zoo")


def test_curves_have_eight_heights_and_one_share_of_values_for_each_character():
    assert drawn([8, 4, 2, 1]) == "█▆▃▁"
    assert drawn([1.0]) == "▁" and drawn([2, 2]) == "▁▁"
    assert drawn([-1, 0, 1]) == "▁▅█"
    assert len(drawn(list(range(1, 1000)), 60)) <= 60


class TestCompare:
    def test_scores_each_network_and_bicubic_on_one_picture(self, photograph, capsys):
        arguments = ["compare", "whorl-fsrcnn-x?", "--image", str(photograph)]
        assert main([*arguments, "--json"], "whorl zoo") == 0
        scores = json.loads(capsys.readouterr().out)
        assert [(score["name"], score["scale"]) for score in scores] == [
            ("bicubic", 2), ("whorl-fsrcnn-x2", 2), ("bicubic", 4), ("whorl-fsrcnn-x4", 4),
        ]  # fmt: skip
        for score in scores:
            assert 10 < score["psnr"] < 60 and 0 < score["ssim"] < 1 and score["seconds_per_megapixel"] > 0
            assert score["psnr_set5"] > 28 and score["picture"] == "photo.png"
        assert main(arguments, "whorl zoo") == 0
        head, first, *_, last = capsys.readouterr().out.splitlines()
        assert head.split()[:3] == ["NAME", "SCALE", "LOSS"] and first.startswith("bicubic  ")
        assert "photo.png" in last

    @pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
    def test_draws_a_detail(self, photograph, tmp_path, suffix):
        figures = []
        for name in ("a", "b"):
            out = tmp_path / (name + suffix)
            arguments = ["compare", "whorl-fsrcnn-x2", "--image", str(photograph), "--crop", "3,4,20,10"]
            assert main([*arguments, "--out", str(out)], "whorl zoo") == 0
            figures.append(out.read_bytes())
        assert figures[0] == figures[1] and len(figures[0]) > 5000

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--out", "f.jpg"], "--out must end in one of .png .pdf .svg, got 'f.jpg'"),
            (["--out", "nowhere/f.png"], "--out must be a file in a folder that exists"),
            (["--out", "f.png", "--crop", "50,0,20,20"], "--crop 50,0,20,20 must lie in 62x50 pixels"),
            (["--image", "nothing.png"], "nothing.png: "),
        ],
    )
    def test_says_what_is_wrong_before_any_work(self, photograph, tmp_path, monkeypatch, arguments, message):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ValueError, match=message):
            main(["compare", "whorl-fsrcnn-x2", "--image", str(photograph), *arguments], "whorl zoo")

    @pytest.mark.parametrize("crop", ["1,2,3", "a,b,c,d", "0,0,0,5", "-1,0,5,5"])
    def test_takes_whole_rectangles_only(self, capsys, crop):
        with pytest.raises(SystemExit) as end:
            main(["compare", "whorl-fsrcnn-x2", f"--crop={crop}"], "whorl zoo")
        assert end.value.code == 2 and repr(crop) in capsys.readouterr().err

    def test_needs_a_picture_where_set5_is_not_at_hand(self, tmp_path, monkeypatch):
        monkeypatch.setenv("WHORL_DATA", str(tmp_path))
        with pytest.raises(ValueError, match="--image is needed"):
            main(["compare", "whorl-fsrcnn-x2"], "whorl zoo")

    @pytest.mark.data("set5")
    def test_takes_the_butterfly_else(self, data_root, capsys):
        assert main(["compare", "whorl-fsrcnn-x2"], "whorl zoo") == 0
        assert "Set5's butterfly" in capsys.readouterr().out


class TestFigure:
    def test_shows_the_busiest_part_if_none_is_asked_for(self):
        pixels = np.zeros((60, 80, 3), np.uint8)
        pixels[30:40, 50:60] = np.random.default_rng(0).integers(0, 256, (10, 10, 3))
        crop = busiest(pixels, 12, 11)
        assert crop.x <= 50 and crop.x + 12 >= 60 and crop.y <= 30 and crop.y + 11 >= 40
        assert busiest(pixels[:5, :7]) == Crop(0, 0, 7, 5)

    def test_takes_more_rows_for_more_networks(self):
        truth = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
        large = bicubic(2)(truth[::2, ::2])
        groups = [("×2", [Panel(f"a-rather-long-name-of-network-{n} $x$ \u202e", "", large) for n in range(9)])]
        sizes = [
            Image.open(_file(draw_comparison(truth, Crop(0, 0, 12, 9), [(head, panels[:count])], "", ".png"))).size
            for head, panels in groups
            for count in (7, 9)
        ]
        assert sizes[1][0] < sizes[0][0] and sizes[1][1] > sizes[0][1]
        with pytest.raises(ValueError, match="suffix must be one of"):
            draw_comparison(truth, Crop(0, 0, 12, 9), groups, "", ".gif")


def _file(content):
    import io

    return io.BytesIO(content)
