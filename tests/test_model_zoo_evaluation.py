import numpy as np
import pytest
from PIL import Image

import datasets
from datasets import matlab_bicubic
from model_zoo import evaluation
from model_zoo.evaluation import BENCHMARKS, bicubic, pairs, score, set5_psnr
from model_zoo.imports import load_published
from model_zoo.metrics import psnr_luma, ssim_luma
from tests.awkward import picture


@pytest.fixture
def corpus(tmp_path):
    for number, shape in enumerate([(41, 60), (54, 40)]):
        Image.fromarray(picture(*shape, seed=number)).save(tmp_path / f"{number}.png")
    Image.fromarray(picture(44, 44, 1)).save(tmp_path / "grey.png")
    return datasets.training_set(f"dir:{tmp_path}")


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_score_is_the_mean_over_the_pictures(corpus, scale):
    found = score(bicubic(scale), scale, corpus)
    expected = []
    for path in corpus:
        high = datasets.crop_to_multiple(datasets.read_evidence(path).pixels, scale)
        low = np.asarray(matlab_bicubic(high, scale))
        large = np.asarray(Image.fromarray(low).resize(high.shape[1::-1], Image.Resampling.BICUBIC))
        expected.append([metric(large, high, shave=scale) for metric in (psnr_luma, ssim_luma)])
    assert (found.psnr, found.ssim) == pytest.approx(tuple(np.mean(expected, axis=0)))
    assert found.pictures == 3 and found.lpips is None


def test_the_degradation_can_be_chosen(corpus):
    matlab, pillow = (score(bicubic(2), 2, corpus, degradation=kind) for kind in evaluation.DEGRADATIONS)
    assert matlab != pillow and matlab.psnr == pytest.approx(pillow.psnr, abs=0.5)
    low, high = pairs(corpus, 2, "pillow-bicubic")[0]
    np.testing.assert_array_equal(low, datasets.downscale(high, 2))
    with pytest.raises(ValueError, match="degradation must be one of matlab-bicubic, pillow-bicubic, got 'blind'"):
        pairs(corpus, 2, "blind")


def test_pairs_are_made_once(corpus):
    assert pairs(corpus, 2)[0][0] is pairs(corpus, 2)[0][0]


class Distance:
    """In the place of LPIPS: how far apart two pictures are in the mean, and how large they were."""

    def __init__(self):
        self.shapes = []

    def __call__(self, first, second):
        self.shapes.append(first.shape)
        return float(np.abs(first.astype(float) - second).mean())


def test_a_perceptual_distance_sees_shaved_pictures(corpus):
    distance = Distance()
    found = score(bicubic(4), 4, corpus, lpips=distance)  # pyright: ignore[reportArgumentType]
    assert found.lpips is not None and found.lpips > 0
    assert distance.shapes == [(32, 52, 3), (44, 32, 3), (36, 36, 3)]


def test_pictures_with_more_than_8_bits_are_refused(tmp_path):
    Image.fromarray(np.full((20, 20), 40000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match="must have 8 bits a sample, deep.png has more"):
        score(bicubic(2), 2, datasets.training_set(f"dir:{tmp_path}"))


@pytest.mark.data("set5_matlab")
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_set5s_own_pairs_are_those_that_are_made_here(scale):
    made = pairs(datasets.set5(), scale)
    for (low, high), (known_high, known_low) in zip(made, datasets.set5_matlab(scale), strict=True):
        np.testing.assert_array_equal(low, datasets.read_evidence(known_low).pixels)
        np.testing.assert_array_equal(high, datasets.read_evidence(known_high).pixels)


@pytest.mark.data("set5_matlab")
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_scores_what_is_reported(scale):
    found = score(bicubic(scale), scale, datasets.set5())
    (reported,) = datasets.reference_scores(f"bicubic-x{scale}")
    assert found.psnr == pytest.approx(reported.psnr, abs=0.01)
    assert set5_psnr(bicubic(scale), scale)["matlab"] == pytest.approx(found.psnr)


@pytest.mark.data("published-weights")
@pytest.mark.parametrize("name", ["fsrcnn-x2-opencv", "espcn-x4-opencv"])
def test_published_networks_score_what_their_authors_code_does(name):
    network = load_published(name)
    found = score(network.upscale, network.scale, datasets.set5())
    (reported,) = datasets.reference_scores(name)
    assert reported.exact and found.psnr == pytest.approx(reported.psnr, abs=0.02)


@pytest.mark.data("bsds500")
def test_the_benchmarks_are_five_fourteen_and_a_hundred_pictures():
    assert [len(find()) for find in BENCHMARKS.values()] == [5, 14, 100]
    assert [find().name for find in BENCHMARKS.values()] == list(BENCHMARKS)
    for find in BENCHMARKS.values():
        find().check()
