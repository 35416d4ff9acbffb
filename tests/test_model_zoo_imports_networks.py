import json

import jax
import numpy as np
import pytest
from imports_fakes import exploit_zip, write_pth

from model_zoo import list_networks, load
from model_zoo.functional import initialise
from model_zoo.imports import import_network, load_published, read_network
from model_zoo.manifests import CHROMA, find_manifest, read_manifest, user_folder
from reports.commands.zoo import main

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def own_networks(tmp_path, monkeypatch):
    """An empty folder for the user's networks, and no data."""
    folder = tmp_path / "own"
    monkeypatch.setenv("WHORL_ZOO", str(folder))
    monkeypatch.setenv("WHORL_DATA", str(tmp_path / "nowhere"))
    return folder


@pytest.fixture(scope="module")
def arrays():
    """A tiny ESPCN as OpenCV's are stored."""
    config = {"width": 4, "depth": 1, "activation": "relu", "bounded": True}
    _, params = initialise("espcn", scale=2, key=jax.random.key(0), **config)
    found = {f"f{k + 1}": np.asarray(params[f"layers.{k}.kernel"]).transpose(3, 2, 0, 1) for k in range(3)}
    return found | {f"b{k + 1}": np.asarray(params[f"layers.{k}.bias"]) for k in range(3)}


@pytest.fixture
def file(tmp_path, arrays):
    folder = tmp_path / "espcn-tiny"
    folder.mkdir()
    np.savez(folder / "weights.npz", allow_pickle=False, **arrays)
    return folder / "weights.npz"


def whorl(*arguments):
    return main([str(argument) for argument in arguments], "whorl zoo")


def test_an_imported_network_is_listed_loads_and_gives_the_same(file, own_networks):
    read = read_network(file, licence="CC0")
    path = import_network(read)
    assert path == own_networks / "espcn-tiny.safetensors"
    manifest = next(network for network in list_networks() if network.name == "espcn-tiny")
    assert manifest == read.manifest == read_manifest(path.with_suffix(".json"))
    assert manifest.bytes == path.stat().st_size
    assert (manifest.origin, manifest.licence, manifest.seed, manifest.steps) == ("imported", "CC0", None, 0)
    assert (manifest.border, manifest.chroma, manifest.dtype) == ("zero", "bilinear-opencv", "float32")
    loaded = load("espcn-tiny")
    assert (loaded.border, loaded.chroma) == ("zero", "bilinear-opencv")
    np.testing.assert_array_equal(loaded.upscale(PIXELS), read.upscale(PIXELS))
    np.testing.assert_array_equal(load(str(path)).upscale(PIXELS), read.upscale(PIXELS))
    np.testing.assert_array_equal(load_published(file.parent).upscale(PIXELS), read.upscale(PIXELS))


def test_weights_that_half_precision_holds_are_stored_so(tmp_path, arrays):
    halves = {name: array.astype(np.float16).astype(np.float32) for name, array in arrays.items()}
    write_pth(tmp_path / "half.pth", halves, nest="params")
    network = read_network(tmp_path / "half.pth")
    path = import_network(network)
    assert network.manifest is not None and network.manifest.dtype == "float16"
    np.testing.assert_array_equal(load(str(path)).raw(PIXELS), network.raw(PIXELS))


def test_taken_names_are_refused_unless_asked_for(file, own_networks):
    network = read_network(file)
    path = import_network(network)
    with pytest.raises(ValueError, match="name must be free, but 'espcn-tiny' is in "):
        import_network(network)
    assert import_network(network, replace=True) == path
    shipped = read_network(file, name="whorl-edsr-x2")
    with pytest.raises(ValueError, match="name must be free, but 'whorl-edsr-x2' ships with whorl"):
        import_network(shipped)
    assert load("whorl-edsr-x2").function.architecture == "edsr"
    import_network(shipped, replace=True)
    assert load("whorl-edsr-x2").function.architecture == "espcn"
    assert [network.name for network in list_networks()].count("whorl-edsr-x2") == 1


def test_names_that_are_no_file_names_are_refused(file):
    for name in ("../evil", "a b", ".hidden", "a/b"):
        with pytest.raises(ValueError, match="name must be letters, digits"):
            read_network(file, name=name)


def test_a_damaged_manifest_among_the_users_networks_is_named(file, own_networks):
    path = import_network(read_network(file)).with_suffix(".json")
    fields = json.loads(path.read_text())
    for change, message in (
        ({"border": "mirror"}, "border must be replicate, zero or replicate-N"),
        ({"chroma": "nearest"}, f"chroma must be one of {', '.join(CHROMA)}, got 'nearest'"),
        ({"name": "../x"}, "name must be letters"),
        ({"name": "other"}, "must be named after its network, 'other'"),
        ({"news": 1}, "unexpected keyword argument 'news'"),
    ):
        path.write_text(json.dumps(fields | change))
        with pytest.raises(ValueError, match=message):
            list_networks()


def test_where_a_users_networks_lie(monkeypatch, tmp_path):
    assert user_folder() == tmp_path / "own"
    monkeypatch.delenv("WHORL_ZOO")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert user_folder() == tmp_path / "data" / "whorl" / "zoo"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")  # to be ignored, says the specification
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_folder() == tmp_path / ".local" / "share" / "whorl" / "zoo"


def test_a_name_that_is_nowhere_lists_all(file):
    import_network(read_network(file))
    with pytest.raises(ValueError, match="name must be one of espcn-tiny, .*whorl-edsr-x2, .*, got 'nobody'"):
        find_manifest("nobody")


class TestCommand:
    def test_imports_by_the_name_of_the_folder(self, file, own_networks, capsys, tmp_path):
        assert whorl("import", file) == 0
        out, err = capsys.readouterr()
        lines = out.splitlines()
        assert lines[0] == str(own_networks / "espcn-tiny.safetensors") and err == ""
        assert lines[1].startswith("espcn-tiny: espcn x2 (width 4, depth 1, activation relu, bounded True), 254 param")
        assert whorl("list", "--json") == 0
        listed = {network["name"]: network for network in json.loads(capsys.readouterr().out)}
        assert listed["espcn-tiny"]["origin"] == "imported" and listed["espcn-tiny"]["seed"] is None

    def test_facts_options_and_json(self, file, capsys, tmp_path):
        facts = ["--licence", "MIT", "--loss", "l2", "--training-data", "DIV2K", "--degradation", "matlab-bicubic"]
        out = tmp_path / "elsewhere"
        assert whorl("import", file, "--name", "mine", "--out", out, *facts, "--border", "replicate", "--json") == 0
        told = json.loads(capsys.readouterr().out)
        manifest = read_manifest(out / "mine.json")
        assert told == json.loads(manifest.to_json()) | {"path": str(out / "mine.safetensors")}
        said = (manifest.licence, manifest.loss, manifest.training_data, manifest.degradation, manifest.border)
        assert said == ("MIT", "l2", "DIV2K", "matlab-bicubic", "replicate")
        assert load(str(out / "mine.safetensors")).border == "replicate"
        assert whorl("import", file, "--option", "bounded=false", "--name", "plain") == 0
        assert load("plain").manifest.config["bounded"] is False  # pyright: ignore[reportOptionalMemberAccess]

    def test_mistakes_are_errors_and_leave_nothing(self, file, own_networks, tmp_path, capsys):
        marker = tmp_path / "executed"
        hostile = exploit_zip(tmp_path / "hostile.pth", marker)
        for arguments, message in (
            ([hostile], "hostile.pth: the checkpoint holds more than arrays: it asks for 'os.system'"),
            ([tmp_path / "none.pth"], "path must be a file of weights, or a folder that holds weights.npz, got"),
            ([tmp_path], "path must be a file of weights"),
            ([file, "--border", "mirror"], "border must be"),
            ([file, "--name", "a/b"], "name must be"),
            ([file, "--option", "bonded=false"], "espcn-tiny|weights.npz: it looks like OpenCV's ESPCN, but arguments"),
        ):
            with pytest.raises(ValueError, match=message):
                whorl("import", *arguments)
        with pytest.raises(SystemExit):
            whorl("import", file, "--option", "bounded")
        assert "'bounded' is not KEY=VALUE" in capsys.readouterr().err
        assert not marker.exists() and not own_networks.exists()
