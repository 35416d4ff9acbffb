import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from model_zoo.colour import luma
from model_zoo.metrics import psnr_luma, ssim_luma
from tests.awkward import picture


def pair(noise=12, height=40, width=52):
    truth = picture(height, width)
    random = np.random.default_rng(1)
    estimate = np.clip(truth + random.normal(0, noise, truth.shape), 0, 255).astype(np.uint8)
    return estimate, truth


@pytest.mark.parametrize("shave", [0, 2, 4])
def test_psnr_is_scikit_images_on_unrounded_luma(shave):
    estimate, truth = pair()
    planes = [luma(p)[shave : 40 - shave, shave : 52 - shave] for p in (truth, estimate)]
    assert psnr_luma(estimate, truth, shave=shave) == pytest.approx(peak_signal_noise_ratio(*planes, data_range=255))


@pytest.mark.parametrize("shave", [0, 2, 4])
@pytest.mark.parametrize("noise", [1, 12, 60])
def test_ssim_is_scikit_images_where_the_window_lies_inside(noise, shave):
    estimate, truth = pair(noise)
    planes = [luma(p)[shave : 40 - shave, shave : 52 - shave] for p in (truth, estimate)]
    result = structural_similarity(
        *planes, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True
    )
    inside = np.asarray(result[1])[5:-5, 5:-5]
    assert ssim_luma(estimate, truth, shave=shave) == pytest.approx(inside.mean(), abs=1e-12)


def test_ssim_by_the_formula_at_one_place():
    estimate, truth = pair(20, 11, 11)
    a, b = luma(estimate), luma(truth)
    g = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    w = np.outer(g, g) / np.outer(g, g).sum()
    mean_a, mean_b = (w * a).sum(), (w * b).sum()
    var_a, var_b = (w * (a - mean_a) ** 2).sum(), (w * (b - mean_b) ** 2).sum()
    shared = (w * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = 2.55**2, 7.65**2
    expected = (2 * mean_a * mean_b + c1) * (2 * shared + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    assert ssim_luma(estimate, truth, shave=0) == pytest.approx(expected, abs=1e-12)


def test_identical_pictures_are_perfect():
    _, truth = pair()
    assert psnr_luma(truth, truth, shave=2) == float("inf")
    assert ssim_luma(truth, truth, shave=2) == pytest.approx(1)


def test_the_border_does_not_count():
    _, truth = pair()
    spoilt = truth.copy()
    spoilt[:3], spoilt[:, -3:] = 0, 255
    assert psnr_luma(spoilt, truth, shave=3) == float("inf") > psnr_luma(spoilt, truth, shave=2)
    assert ssim_luma(spoilt, truth, shave=3) > 1 - 1e-12 > ssim_luma(spoilt, truth, shave=2)


@pytest.mark.parametrize("metric", [psnr_luma, ssim_luma])
def test_mistakes_are_named(metric):
    estimate, truth = pair()
    with pytest.raises(ValueError, match="must have one shape"):
        metric(estimate[1:], truth, shave=2)
    with pytest.raises(ValueError, match="shave must leave .*pixels of a 52x40 picture, got 20"):
        metric(estimate, truth, shave=20)
    with pytest.raises(ValueError, match="got -1"):
        metric(estimate, truth, shave=-1)


def test_ssim_needs_one_whole_window():
    estimate, truth = pair(5, 14, 14)
    with pytest.raises(ValueError, match="shave must leave 11x11 pixels of a 14x14 picture, got 2"):
        ssim_luma(estimate, truth, shave=2)
