from pathlib import Path

import pytest

import datasets
from datasets import DataMissingError, data_root
from datasets.corpora import camera_id
from datasets.manifests import MANIFESTS


def test_the_data_folder_is_named_or_the_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("WHORL_DATA", str(tmp_path))
    assert data_root() == tmp_path
    monkeypatch.setenv("WHORL_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataMissingError, match="WHORL_DATA"):
        data_root()
    monkeypatch.delenv("WHORL_DATA")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(DataMissingError, match="WHORL_DATA"):
        data_root()
    (tmp_path / "whorl" / "data").mkdir(parents=True)
    assert data_root() == tmp_path / "whorl" / "data"


def test_a_corpus_that_is_not_there_is_named_on_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("WHORL_DATA", str(tmp_path))
    calls = {
        "bsds500/val": lambda: datasets.bsds500("val"),
        "set5_matlab/x3": lambda: datasets.set5_matlab(3),
        "camera/cameras.csv": datasets.camera,
        "published/networks.csv": datasets.published_networks,
        "published/": lambda: datasets.published("imdn-x2", "test"),
    }
    for name, call in calls.items():
        with pytest.raises(DataMissingError, match=name) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_changed_corpus_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("WHORL_DATA", str(tmp_path))
    (tmp_path / "set5").mkdir()
    for index in range(5):
        (tmp_path / "set5" / f"img_00{index}.png").write_bytes(b"x" * index)
    corpus = datasets.set5()
    assert corpus.manifest().count == 5 and corpus.manifest() == datasets.set5().manifest()
    with pytest.raises(DataMissingError, match="set5.*names or sizes differ"):
        corpus.check()
    (tmp_path / "set5" / "img_000.png").unlink()
    with pytest.raises(DataMissingError, match="4 files instead of 5"):
        datasets.set5().check()


def test_shots_numbered_in_brackets_come_from_one_camera():
    assert camera_id("Canon EOS 20D (1)") == camera_id("Canon EOS 20D (2)") == "Canon EOS 20D"
    assert camera_id("Leica T (Typ 701)") == "Leica T (Typ 701)"
    assert camera_id("Ricoh DC-3Z (low res)") != camera_id("Ricoh DC-3Z (normal res)")


@pytest.mark.parametrize(
    "call", [lambda: datasets.bsds500("all"), lambda: datasets.set5_matlab(5), lambda: datasets.published("x", "val")]
)
def test_wrong_choices_are_named(call):
    with pytest.raises(ValueError, match="must be one of .*, got"):
        call()


@pytest.mark.data("published")
def test_a_source_that_is_not_there_is_a_mistake():
    with pytest.raises(ValueError, match="source must be one of"):
        datasets.published("nonsense-x9", "test")


@pytest.mark.data("published", "camera", "bsds500")
def test_all_corpora_are_what_this_version_knows():
    corpora = [datasets.bsds500(split) for split in ("train", "val", "test")]
    corpora += [datasets.set5(), datasets.set14(), datasets.lossless(), datasets.camera()]
    corpora += [datasets.published(s, split) for s in datasets.published_sources() for split in ("train", "test")]
    for corpus in corpora:
        assert corpus.name in MANIFESTS and corpus.licence and corpus.about
        corpus.check()
        assert len(corpus) == len(corpus.groups) == len(list(corpus))
        assert isinstance(corpus[0], Path) and corpus[:2] == corpus.paths[:2]
    assert [len(corpus) for corpus in corpora[:7]] == [200, 100, 200, 5, 14, 76, 99]


@pytest.mark.data("camera")
def test_cameras_group_their_shots():
    corpus = datasets.camera()
    of = dict(zip((path.name for path in corpus), corpus.groups, strict=True))
    assert of["canon-eos-20d-1.jpg"] == of["canon-eos-20d-3.jpg"] == "Canon EOS 20D"
    assert 80 < len(set(corpus.groups)) < 99


@pytest.mark.data("set5_matlab")
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_matlab_pairs_fit_together(scale):
    pairs = datasets.set5_matlab(scale)
    assert len(pairs) == 5
    for high, low in pairs:
        a, b = datasets.read_evidence(high), datasets.read_evidence(low)
        assert (a.width, a.height) == (scale * b.width, scale * b.height)


@pytest.mark.data("published")
def test_published_networks_are_typed():
    networks = {network.name: network for network in datasets.published_networks()}
    assert sorted(networks) == datasets.published_sources() and len(networks) == 31
    rlfn = networks["rlfn-x4-ntire22t04"]
    assert (rlfn.architecture, rlfn.scale, rlfn.loss, rlfn.training_data, rlfn.colour) == (
        "RLFN",
        4,
        "fidelity",
        None,
        "rgb",
    )
    assert rlfn.parameters == 317218 and rlfn.origin and rlfn.licence
    assert networks["fsrcnn-x2-opencv"].training_data == "T91 + General100"
    assert networks["fsrcnn-x2-opencv"].colour == "y"
    assert (networks["original"].scale, networks["original"].loss, networks["original"].origin) == (1, "none", None)
    assert {network.loss for network in networks.values()} == {"interpolation", "fidelity", "adversarial", "none"}


@pytest.mark.data("published")
def test_borders_say_which_edges_a_crop_touches():
    borders = datasets.published_borders()
    assert len(borders) == 80
    for border in borders.values():
        assert border.touches <= {"top", "bottom", "left", "right"}
        assert ("top" in border.touches) == (border.top == 0) and ("left" in border.touches) == (border.left == 0)
        assert ("bottom" in border.touches) == (border.top + 192 == border.height)
        assert ("right" in border.touches) == (border.left + 192 == border.width)
    stems = {path.stem for path in datasets.published("original", "train")}
    assert {stem for split, stem in borders if split == "train"} == stems
