import dataclasses

import numpy as np
import pytest
from PIL import Image

import datasets
from datasets import DataMissingError, training_set
from datasets.manifests import MANIFESTS
from datasets.training_sets import NAMES


@pytest.fixture
def berkeley(tmp_path, monkeypatch):
    """A folder with 60 made-up names in place of the photographs."""
    monkeypatch.setenv("WHORL_DATA", str(tmp_path))
    for split in ("train", "val", "test"):
        (tmp_path / "bsds500" / split).mkdir(parents=True)
        for number in range(60):
            (tmp_path / "bsds500" / split / f"{number * 7919 % 1000}.jpg").write_bytes(b"x")
    return tmp_path


def test_a_is_the_odd_and_b_the_even_names(berkeley):
    whole, a, b = (list(training_set(f"bsds500/train{part}")) for part in ("", ":A", ":B"))
    assert whole == sorted(whole) and a == whole[0::2] and b == whole[1::2]
    assert list(training_set("bsds500/train:A/4")) == a[:25] and list(training_set("bsds500/train:B/4")) == b[:25]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_describes_itself(berkeley, name):
    corpus = training_set(name)
    assert corpus.name == name and len(corpus) == len(corpus.groups)
    assert corpus.groups == tuple(path.stem for path in corpus)
    assert corpus.licence == "non-commercial research and education"
    assert corpus.about.startswith(f"BSDS500 {name.split('/')[1].split(':')[0]}") and str(berkeley) not in corpus.about


def test_descriptions_are_those_of_the_manifests(berkeley):
    assert [training_set(name).about for name in NAMES] == [
        "BSDS500 train",
        "BSDS500 val",
        "BSDS500 test",
        "BSDS500 train, A (odd)",
        "BSDS500 train, first 25 of A (odd)",
        "BSDS500 train, B (even)",
        "BSDS500 train, first 25 of B (even)",
    ]


def test_a_folder_of_ones_own(tmp_path):
    folder = tmp_path / "mine"
    (folder / "inner").mkdir(parents=True)
    for name in ("b.png", "a.webp", "inner/c.jpg"):
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    corpus = training_set(f"dir:{folder}")
    assert [path.name for path in corpus] == ["a.webp", "b.png", "c.jpg"] and corpus.name == "dir:mine"
    assert str(tmp_path) not in corpus.about + corpus.licence and corpus.manifest().count == 3


@pytest.mark.parametrize(
    "text", ["", "bsds500", "bsds500/train:C", "bsds500/train:A/2", "bsds500/val:A", "div2k", "dir:", "dir:/nowhere/x"]
)
def test_a_text_that_names_nothing_is_a_mistake(text):
    with pytest.raises(ValueError, match="data must"):
        training_set(text)


def test_a_folder_without_pictures_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="holds no pictures"):
        training_set(f"dir:{tmp_path}")


def test_data_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("WHORL_DATA", str(tmp_path))
    with pytest.raises(DataMissingError, match="bsds500/train"):
        training_set("bsds500/train:A")


@pytest.mark.data("bsds500")
def test_parts_of_the_real_photographs_are_what_this_version_knows():
    for name in NAMES:
        assert name in MANIFESTS
        training_set(name).check()
    a, b = training_set("bsds500/train:A"), training_set("bsds500/train:B")
    assert (len(a), len(b)) == (100, 100) and {*a, *b} == set(datasets.bsds500("train"))
    assert dataclasses.replace(a, paths=a.paths[:25], name="bsds500/train:A/4").manifest() == (
        training_set("bsds500/train:A/4").manifest()
    )
