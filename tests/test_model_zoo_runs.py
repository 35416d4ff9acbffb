import dataclasses
import json
from typing import Literal

import jax
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from model_zoo import runs
from model_zoo.config import TrainConfig
from model_zoo.evaluation import bicubic, set5_psnr
from model_zoo.functional import initialise
from model_zoo.loop import Progress
from model_zoo.manifests import LISTED, SHIPPED, find_manifest, list_networks, read_manifest
from model_zoo.metrics import psnr_luma
from model_zoo.network import load
from model_zoo.weights import encode_weights, read_weights, write_atomically

CONFIG = TrainConfig(
    name="tiny", architecture="fsrcnn", width=4, depth=1, steps=3, batch=2, patch=6, log_every=1, checkpoint_every=2
)
NAMES = ["whorl-edsr-x2", "whorl-edsr-x4", "whorl-fsrcnn-x2", "whorl-fsrcnn-x4"]


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """A data folder with three small pictures as `bsds500/train` and no benchmark."""
    folder = tmp_path / "data" / "bsds500" / "train"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(random.integers(0, 256, (24, 30, 3), dtype=np.uint8)).save(folder / f"{number}.jpg")
    monkeypatch.setenv("WHORL_DATA", str(tmp_path / "data"))
    return folder


def test_a_run_leaves_what_it_was_and_what_came_of_it(photographs, tmp_path):
    seen = []
    path, manifest = runs.run(CONFIG, tmp_path / "runs", report=seen.append)
    folder = tmp_path / "runs" / f"tiny-{CONFIG.run_id()}"
    assert path == folder / "tiny.safetensors"
    described = json.loads((folder / "run.json").read_text())
    assert described["config"] == json.loads(CONFIG.canonical_json())
    assert described["data"]["pictures"] == 3 and len(described["data"]["sha256"]) == 64
    assert {"jax", "flax", "numpy", "python", "whorl"} <= described["versions"].keys()
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3] == [progress.step for progress in seen]
    assert read_manifest(path.with_suffix(".json")) == manifest
    assert manifest.psnr_set5 is None and manifest.dtype == "float32"  # without the benchmark there is no score
    assert manifest.training_data == "BSDS500 train" and manifest.bytes == path.stat().st_size
    assert load(str(path)).upscale(np.zeros((5, 4, 3), np.uint8)).shape == (10, 8, 3)


def test_what_a_run_is_stands_on_disk_before_its_first_step(photographs, tmp_path, monkeypatch):
    def stop(config, bank, folder, report, job):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train", stop)
    with pytest.raises(KeyboardInterrupt):
        runs.run(CONFIG, tmp_path / "runs")
    assert [path.name for path in runs.run_folder(CONFIG, tmp_path / "runs").iterdir()] == ["run.json"]


def test_a_run_does_not_go_on_with_other_pictures(photographs, tmp_path):
    runs.run(CONFIG, tmp_path / "runs")
    (photographs / "0.jpg").write_bytes((photographs / "1.jpg").read_bytes())
    with pytest.raises(ValueError, match="data bsds500/train is not what run .* began with"):
        runs.run(CONFIG, tmp_path / "runs")


@pytest.mark.parametrize(
    "change",
    [
        {"data": "bsds500/all"},
        {"data": "elsewhere/train"},
        {"data": "bsds500"},
        {"scale": 5},
        {"architecture": "nothing"},
        {"warm_start": "nobody"},
    ],
)
def test_what_cannot_run_is_refused_and_leaves_nothing(photographs, tmp_path, change):
    with pytest.raises(ValueError, match="must be"):
        runs.run(dataclasses.replace(CONFIG, **change), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_log_of_a_resumed_run_reads_as_if_never_interrupted(tmp_path):
    path = tmp_path / "metrics.jsonl"
    first = runs.MetricsLog(path)
    for step in (10, 20, 30):
        first(Progress(step, 40, 0.5))
    path.write_text(path.read_text() + '{"step":40,"lo')  # cut short by a kill
    again = runs.MetricsLog(path)
    for step in (20, 30, 40):
        again(Progress(step, 40, 0.25))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [(10, 0.5), (20, 0.25), (30, 0.25), (40, 0.25)]


class TestWeights:
    @pytest.fixture
    def params(self):
        return initialise("fsrcnn", scale=2, key=jax.random.key(0), width=4, depth=1)[1]

    def encoded(self, params, dtype: Literal["float16", "float32"] = "float32"):
        return encode_weights(params, architecture="fsrcnn", scale=2, config={"width": 4, "depth": 1}, dtype=dtype)

    def test_come_back_as_they_were(self, params, tmp_path):
        path = tmp_path / "a.safetensors"
        path.write_bytes(self.encoded(params))
        function, found = read_weights(path)
        assert (function.architecture, function.scale, function.colour) == ("fsrcnn", 2, "luma")
        assert found.keys() == params.keys()
        for name, value in params.items():
            np.testing.assert_array_equal(found[name], value)
        assert self.encoded(params) == self.encoded(dict(reversed(params.items())))

    def test_take_half_the_room_as_float16(self, params, tmp_path):
        path = tmp_path / "a.safetensors"
        path.write_bytes(self.encoded(params, "float16"))
        for name, value in read_weights(path)[1].items():
            assert value.dtype == np.float32
            np.testing.assert_allclose(value, params[name], rtol=1e-3, atol=1e-6)  # half precision: 11 bits

    def test_that_fit_no_network_are_refused(self, params, tmp_path):
        path = tmp_path / "a.safetensors"
        path.write_bytes(b"not weights")
        with pytest.raises(ValueError, match="a.safetensors is not a safetensors file"):
            read_weights(path)
        save_file({"x": np.zeros(3, np.float32)}, path)
        with pytest.raises(ValueError, match="must be of format whorl-network-1, got None"):
            read_weights(path)
        path.write_bytes(self.encoded({name: value for name, value in params.items() if name != "enlarge.bias"}))
        with pytest.raises(ValueError, match="does not fit architecture 'fsrcnn' at enlarge.bias"):
            read_weights(path)

    def test_a_failed_write_leaves_what_was_there(self, tmp_path, monkeypatch):
        path = tmp_path / "a.bin"
        path.write_bytes(b"old")
        with pytest.raises(TypeError):
            write_atomically(path, "not bytes")  # pyright: ignore[reportArgumentType]
        assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


class TestShippedNetworks:
    def test_are_small_and_described(self):
        networks = list_networks(SHIPPED)
        assert {network.name for network in networks} >= set(NAMES)
        assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 25_000_000
        assert len({network.run for network in networks}) == len(networks)
        for network in networks:
            assert network.bytes == (SHIPPED / f"{network.name}.safetensors").stat().st_size
            assert set(LISTED) <= {field.name for field in dataclasses.fields(network)}
            verb = "distill" if network.teacher else "train"
            assert network.command.startswith(f"whorl zoo {verb} --name {network.name} ")
            assert network.training_data.startswith("BSDS500 train")

    @pytest.mark.parametrize("name", NAMES)
    def test_say_that_they_beat_bicubic_by_a_decibel(self, name):
        manifest = read_manifest(find_manifest(name))
        for kind in ("matlab", "pillow"):
            assert manifest.quality[kind] > manifest.quality[f"bicubic_{kind}"] + 1.0
        assert manifest.psnr_set5 == manifest.quality["matlab"]

    @pytest.mark.parametrize("name", NAMES)
    def test_are_what_their_manifests_say(self, name):
        network = load(name)
        assert network.manifest is not None and network.manifest.name == name
        assert network.scale == network.manifest.scale
        assert sum(int(leaf.size) for leaf in network.params.values()) == network.manifest.parameters
        large = network.upscale(np.full((20, 20, 3), (200, 100, 50), np.uint8))
        assert np.abs(large.astype(int) - (200, 100, 50)).max() <= 4  # a plain colour stays what it is, nearly

    @pytest.mark.data("set5", "set5_matlab")
    @pytest.mark.parametrize("name", NAMES)
    def test_score_what_their_manifests_say(self, name, data_root):
        network = load(name)
        assert network.manifest is not None
        found = set5_psnr(network.upscale, network.scale)
        for kind, value in found.items():
            assert value == pytest.approx(network.manifest.quality[kind], abs=0.01)  # ties of 8-bit rounding

    def test_an_unknown_name_lists_the_known_ones(self):
        with pytest.raises(ValueError, match="name must be one of whorl-edsr-x2, .*, got 'nobody'"):
            load("nobody")
        with pytest.raises(ValueError, match="trained .safetensors file beside its .json, got 'nobody.safetensors'"):
            load("nobody.safetensors")

    def test_a_damaged_manifest_is_an_error_of_one_line(self, tmp_path):
        path = tmp_path / "a.json"
        for text in ("{", "[]", '{"name": "a"}', "\xff"):
            path.write_text(text, encoding="latin-1")
            with pytest.raises(ValueError, match="a.json is not a network's manifest"):
                read_manifest(path)


class TestPsnr:
    def test_of_a_known_error(self):
        truth = np.full((20, 20, 3), 100, np.uint8)
        # one grey level more in every channel is 219/255 of luma
        expected = 20 * np.log10(255 / (219 / 255))
        assert psnr_luma(truth + np.uint8(1), truth, shave=2) == pytest.approx(expected)
        assert psnr_luma(truth, truth, shave=0) == float("inf")

    def test_leaves_the_border_out(self):
        truth = np.zeros((20, 20, 3), np.uint8)
        estimate = truth.copy()
        estimate[:2] = 255
        assert psnr_luma(estimate, truth, shave=2) == float("inf")

    def test_refuses_what_cannot_be_compared(self):
        truth = np.zeros((8, 8, 3), np.uint8)
        with pytest.raises(ValueError, match="one shape"):
            psnr_luma(np.zeros((8, 9, 3), np.uint8), truth, shave=1)
        with pytest.raises(ValueError, match="shave must leave pixels of a 8x8 picture, got 4"):
            psnr_luma(truth, truth, shave=4)

    @pytest.mark.data("set5", "set5_matlab")
    def test_of_bicubic_on_set5_is_the_published_one(self, data_root):
        assert set5_psnr(bicubic(2), 2)["matlab"] == pytest.approx(33.67, abs=0.01)
        assert set5_psnr(bicubic(4), 4)["matlab"] == pytest.approx(28.43, abs=0.01)
