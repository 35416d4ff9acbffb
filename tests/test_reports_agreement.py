"""Training imitators and fitting what agreement counts, on the command line."""

import json

import numpy as np
import pytest
from fingerprint_fakes import one_kind, saved_reference

from fingerprint.imitation import fitting, recipe
from fingerprint.imitation.agreement import read_imitator
from fingerprint.imitation.batches import Pool
from fingerprint.imitation.pictures import Scene
from fingerprint.imitation.tracer import Say, Tracer
from fingerprint.imitation.training import ImitationConfig
from fingerprint.lda import Discriminant
from reports.commands import fingerprint as command

PROG = "whorl fingerprint"


def run(capfd, *argv):
    assert command.main([str(part) for part in argv], PROG) == 0
    return capfd.readouterr()


def test_an_imitator_is_trained_and_written(capfd, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, 160, 160, 3), dtype=np.uint8)
    pool = Pool(4, [Scene("p", ("a", "b"), pixels)], ("a", "b"), frozenset(("a",)))
    monkeypatch.setattr(recipe, "training_pool", lambda scale, *_, **__: (pool, frozenset(("a",))))
    monkeypatch.setitem(recipe.SIZES, 4, (8, 1, 8))
    out = tmp_path / "x4.safetensors"
    told = run(capfd, "train-imitator", "--scale", 4, "--steps", 2, "--work", tmp_path / "w", "--out", out)
    assert told.out.strip() == str(out) and "step 2 of 2" in told.err
    assert read_imitator(out).shape.sources == ("a", "b")
    assert isinstance(recipe.imitation_config(4, pool), ImitationConfig)
    assert recipe.imitation_config(4, pool).steps == recipe.STEPS[4]


def test_an_imitator_goes_into_safetensors(tmp_path):
    with pytest.raises(ValueError, match=r"--out must end in \.safetensors"):
        command.main(["train-imitator", "--scale", "2", "--out", str(tmp_path / "x.npz")], PROG)


def test_agreement_is_written_beside_its_reference(capfd, tmp_path, monkeypatch):
    folder = saved_reference(tmp_path / "reference")
    saved_reference(tmp_path / "folds" / "fold0")
    discriminant = Discriminant(("alpha-x2", "kernel-x2"), np.eye(2, dtype=np.float32), np.zeros(2, np.float32))
    one = Tracer(2, "0" * 16, discriminant, {"clean": Say(1.0, 1.0, one_kind(2))})
    asked = []

    def fit(without, work, most, ours, step):
        asked.append((work, most, ours))
        return {2: one}, {"x2": {"clean": 8}}

    monkeypatch.setattr(fitting, "fit_agreement", fit)
    given = ("--reference", folder, "--folds", tmp_path / "folds", "--work", tmp_path / "w", "--most", 9)
    told = run(capfd, "fit-agreement", *given)
    assert told.out.strip() == str(folder / "agreement.json") and asked == [(tmp_path / "w", 9, 24)]
    about = json.loads((folder / "agreement.json").read_text())
    assert about["scales"]["2"]["classes"] == ["alpha-x2", "kernel-x2"]
    assert about["reference"].startswith("sha256:")
