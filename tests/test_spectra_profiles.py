"""One-dimensional views of spectra, on spectra whose profiles are known."""

import numpy as np
import pytest

from spectra import angular_profile, grid_frequencies, radial_profile
from spectra.profiles import full_spectrum


def power(picture: np.ndarray) -> np.ndarray:
    return np.square(np.abs(np.fft.fft2(picture)))


def wave(fy: int, fx: int, size: int = 96) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return np.cos(2 * np.pi * (fy * y + fx * x) / size)


@pytest.mark.parametrize("size", [1, 2, 8, 9, 48])
def test_half_a_spectrum_is_completed(size: int) -> None:
    picture = np.random.default_rng(size).normal(size=(size, size))
    half = np.square(np.abs(np.fft.rfft2(picture)))
    np.testing.assert_allclose(full_spectrum(half), power(picture), rtol=1e-9, atol=1e-9)  # float64 transforms
    assert full_spectrum(power(picture)).shape == (size, size)


@pytest.mark.parametrize(("fy", "fx"), [(9, 12), (-9, 12), (0, 24), (32, 0), (40, 40)])
def test_a_wave_is_found_at_its_frequency(fy: int, fx: int) -> None:
    middles, means = radial_profile(power(wave(fy, fx)))
    assert abs(middles[np.nanargmax(means)] - np.hypot(fy, fx) / 96) <= np.sqrt(0.5) / 36 / 2 + 1e-9


@pytest.mark.parametrize(("fy", "fx", "direction"), [(9, 12, 35), (-9, 12, 145), (0, 24, 0), (32, 0, 90), (40, 40, 45)])
def test_a_wave_is_found_in_its_direction(fy: int, fx: int, direction: float) -> None:
    middles, means = angular_profile(power(wave(fy, fx)))
    assert middles[np.nanargmax(means)] == direction


def test_a_flat_spectrum_has_flat_profiles() -> None:
    for profile in (radial_profile, angular_profile):
        middles, means = profile(np.full((48, 48), 3.5))
        assert middles.shape == means.shape == (36,)
        np.testing.assert_allclose(means, 3.5, rtol=1e-12)  # float64 sums


def test_rings_are_the_mean_of_what_lies_in_them() -> None:
    spectrum = np.random.default_rng(0).normal(size=(24, 24))
    _, means = radial_profile(spectrum, 5)
    radius = np.hypot(np.fft.fftfreq(24)[:, None], np.fft.fftfreq(24))
    ring = np.minimum((radius / (np.sqrt(0.5) / 5)).astype(int), 4)
    np.testing.assert_allclose(means, [spectrum[ring == k].mean() for k in range(5)], rtol=1e-9)  # float64 sums


def test_empty_rings_and_sectors_are_not_a_number() -> None:
    assert np.isnan(radial_profile(np.ones((4, 4)), 36)[1]).any()
    assert np.isnan(angular_profile(np.ones((4, 4)), 36)[1]).any()


def test_half_and_whole_spectra_have_the_same_profiles() -> None:
    picture = np.random.default_rng(1).normal(size=(48, 48))
    half = np.square(np.abs(np.fft.rfft2(picture)))
    for profile in (radial_profile, angular_profile):
        np.testing.assert_allclose(profile(half)[1], profile(power(picture))[1], rtol=1e-9)  # float64 transforms


def test_a_mirrored_picture_has_the_mirrored_directions() -> None:
    picture = np.random.default_rng(2).normal(size=(96, 96))
    _, plain = angular_profile(power(picture), 12)
    _, mirrored = angular_profile(power(picture[:, ::-1]), 12)
    np.testing.assert_allclose(mirrored, plain[-np.arange(12) % 12], rtol=1e-9)  # float64 transforms
    _, turned = angular_profile(power(picture.T), 12)
    np.testing.assert_allclose(turned, plain[(6 - np.arange(12)) % 12], rtol=1e-9)


def test_low_frequencies_have_no_say_in_directions() -> None:
    spectrum = np.ones((96, 96))
    spectrum[0, 0] = spectrum[0, 3] = 1e9
    np.testing.assert_allclose(angular_profile(spectrum)[1], 1.0, rtol=1e-12)
    assert angular_profile(spectrum, lowest=0.03)[1].max() > 1e6


@pytest.mark.parametrize("shape", [(48, 24), (48, 26), (25, 48), (0, 0), (48,)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    for profile in (radial_profile, angular_profile):
        with pytest.raises(ValueError, match="spectrum must be n x n .*, got " + "x".join(map(str, shape))):
            profile(np.zeros(shape))


def test_there_is_at_least_one_bin() -> None:
    for profile in (radial_profile, angular_profile):
        with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
            profile(np.ones((4, 4)), 0)


def test_the_grid_frequencies_of_two_three_and_four() -> None:
    third, quarter = 1 / 3, 1 / 4
    axes = {2: [0.0, 0.5], 3: [-third, 0.0, third], 4: [-quarter, 0.0, quarter, 0.5]}
    for scale, axis in axes.items():
        expected = sorted((y, x) for y in axis for x in axis if (y, x) != (0, 0))
        found = sorted(grid_frequencies(scale))
        assert len(found) == scale**2 - 1
        np.testing.assert_allclose(found, expected, atol=1e-15)  # a third, computed in another way


@pytest.mark.parametrize("scale", [2, 3, 4, 6, 8])
def test_a_comb_has_power_at_the_grid_frequencies_alone(scale: int) -> None:
    comb = np.zeros((48, 48))
    comb[::scale, ::scale] = 1
    rows, columns = np.nonzero(power(comb) > 1e-6)
    found = {(int(y), int(x)) for y, x in zip(rows, columns, strict=True)} - {(0, 0)}
    assert found == {(round(fy * 48) % 48, round(fx * 48) % 48) for fy, fx in grid_frequencies(scale)}


def test_a_scale_enlarges() -> None:
    with pytest.raises(ValueError, match="scale must be at least 2, got 1"):
        grid_frequencies(1)
