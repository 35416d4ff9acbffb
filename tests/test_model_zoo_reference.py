"""The reference zoo that ships: that it is what its sweep says, and does what networks of its kind do."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import model_zoo
from model_zoo.evaluation import set5_psnr
from model_zoo.manifests import SHIPPED, list_networks
from model_zoo.network import load
from model_zoo.sweeps import find_sweep, read_sweep

ZOO = {network.name: network for network in list_networks(SHIPPED) if network.name.startswith("zoo-")}
RUNS = {run.name: run for run in read_sweep(find_sweep("reference")).runs}
KINDS = sorted({(n.architecture, n.scale, n.recipe): name for name, n in sorted(ZOO.items(), reverse=True)}.values())
"""One network of each architecture, scale and recipe."""


def test_is_what_the_sweep_makes():
    assert len(RUNS) == 101 and ZOO.keys() == RUNS.keys()
    for name, network in ZOO.items():
        run = RUNS[name]
        assert (network.run, network.seed, network.scale) == (run.run_id(), run.seed, run.scale)
        assert network.recipe == (run.loss if run.loss.startswith("paper-") else "")
        assert 20_000 <= network.parameters <= 120_000


def test_names_its_data_and_their_licence():
    for network in ZOO.values():
        assert network.training_data.startswith("BSDS500 train, ")
        assert "trained on BSDS500" in network.licence and "non-commercial" in network.licence


def test_fidelity_networks_beat_bicubic_and_adversarial_ones_have_a_parent():
    for network in ZOO.values():
        if model_zoo.parse_loss(network.loss).kind == "fidelity":
            assert network.quality["matlab"] > network.quality["bicubic_matlab"] + 0.4, network.name
            assert network.parent is None and network.adversarial_weight is None
        else:
            assert network.parent in ZOO and 1e-4 <= (network.adversarial_weight or 0) <= 1e-2


@pytest.mark.parametrize("name", [name for name in KINDS if ZOO[name].parent])
def test_an_adversarial_network_differs_visibly_from_its_parent(name, repository):
    with Image.open(repository / "reports" / "samples" / "sample.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))[100:164, 200:264]
    ours, parents = (load(n).upscale(pixels).astype(float) for n in (name, str(ZOO[name].parent)))
    assert np.abs(ours - parents).mean() > 0.5  # grey levels; float16 storage alone moves less than 0.05


@pytest.mark.slow
@pytest.mark.data("set5", "set5_matlab")
@pytest.mark.parametrize("name", KINDS[::5])
def test_scores_what_its_manifest_says(name, data_root):
    found = set5_psnr(load(name).upscale, ZOO[name].scale)
    assert found["matlab"] == pytest.approx(ZOO[name].psnr_set5, abs=0.01)  # ties of 8-bit rounding


def test_the_sweep_file_ships():
    assert Path(find_sweep("reference")).name == "reference.toml"
