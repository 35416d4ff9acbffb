"""Windows and log-power spectra: Parseval, peaks, halves and folding."""

import jax.numpy as jnp
import numpy as np
import pytest

from spectra import activity_split, fold, hann, log_power
from spectra.power import FOLDED, HALF, window_log_power
from spectra.windows import WINDOW, cut_windows

BOTH = np.r_[1, np.full(HALF - 2, 2), 1]  # how often each column of an rfft2 stands in the whole spectrum


def planes(seed: int = 0, shape: tuple[int, int, int] = (2, 96, 96)) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.rint(random.normal(size=shape) * 20 + 128).clip(0, 255).astype(np.float32)


def test_the_window_is_scipys_periodic_hann() -> None:
    from scipy.signal.windows import hann as line

    np.testing.assert_allclose(hann(), np.outer(line(48, sym=False), line(48, sym=False)), atol=1e-7)  # float32
    assert hann().dtype == np.float32


def test_windows_are_cut_row_by_row() -> None:
    values = planes(1, (2, 72, 96))
    cut = np.asarray(cut_windows(jnp.asarray(values)))
    assert cut.shape == (2, 6, WINDOW, WINDOW)
    corners = [(y, x) for y in (0, 24) for x in (0, 24, 48)]
    for k, (y, x) in enumerate(corners):
        np.testing.assert_array_equal(cut[:, k], values[:, y : y + 48, x : x + 48])


def test_planes_below_a_window_are_refused() -> None:
    with pytest.raises(ValueError, match="planes must be at least 48x48 pixels, got 96x47"):
        cut_windows(jnp.zeros((1, 96, 47), jnp.float32))


def test_power_sums_to_the_windows_energy() -> None:
    values = jnp.asarray(planes(2))
    power = np.expm1(np.asarray(window_log_power(values), np.float64))
    cut = np.asarray(cut_windows(values), np.float64)
    tapered = (cut - cut.mean(axis=(-2, -1), keepdims=True)) * hann()
    # Parseval; a logarithm of up to 16 in float32 gives the power to 1e-6, the transform to about as much
    np.testing.assert_allclose(
        (power * BOTH).sum(axis=(-2, -1)) / WINDOW**2, np.square(tapered).sum((-2, -1)), rtol=1e-5
    )


@pytest.mark.parametrize(("fy", "fx"), [(12, 0), (0, 16), (5, 7), (24, 24)])
def test_a_wave_has_its_peak_at_its_frequency(fy: int, fx: int) -> None:
    y, x = np.mgrid[:96, :96]
    wave = 100 + 40 * np.cos(2 * np.pi * (fy * y + fx * x) / WINDOW)
    spectrum = np.asarray(log_power(jnp.asarray(wave[None].astype(np.float32))))[0]
    assert np.unravel_index(spectrum.argmax(), spectrum.shape) == (fy, fx)


def test_brightness_does_not_matter() -> None:
    dark = planes(3) / 2
    found = log_power(jnp.asarray(dark)), log_power(jnp.asarray(dark + 100))
    np.testing.assert_allclose(*found, atol=2e-3)  # the mean is taken away in float32; powers near 1 feel it


def test_halves_are_ranked_by_variance_and_make_up_the_mean() -> None:
    values = planes(4)
    values[:, :40] = 128 + (values[:, :40] - 128) * np.float32(0.1)
    busy, calm = np.asarray(activity_split(jnp.asarray(values))).swapaxes(0, 1)
    power = np.asarray(window_log_power(jnp.asarray(values)))
    order = np.asarray(cut_windows(jnp.asarray(values))).var(axis=(-2, -1)).argsort(axis=1)
    for k in range(2):
        np.testing.assert_allclose(calm[k], power[k, order[k, :4]].mean(axis=0), rtol=1e-5)  # order of a float32 sum
        np.testing.assert_allclose(busy[k], power[k, order[k, 4:]].mean(axis=0), rtol=1e-5)
    mean = np.asarray(log_power(jnp.asarray(values)))
    np.testing.assert_allclose((5 * busy + 4 * calm) / 9, mean, rtol=1e-5)
    assert (busy.mean(axis=(1, 2)) > calm.mean(axis=(1, 2)) + 1).all()


def spectrum_of(picture: np.ndarray) -> np.ndarray:
    return np.log1p(np.square(np.abs(np.fft.rfft2(picture)))).astype(np.float32)


def test_folding_forgets_flips_and_transposition() -> None:
    picture = planes(5)[0, :48, :48].astype(np.float64)
    plain = np.asarray(fold(jnp.asarray(spectrum_of(picture))))
    assert plain.shape == (FOLDED,) == (325,)
    for changed in (
        picture[::-1],
        picture[:, ::-1],
        picture.T,
        picture[::-1, ::-1].T,
        np.roll(picture, (5, 9), (0, 1)),
    ):
        again = np.asarray(fold(jnp.asarray(spectrum_of(changed))))
        np.testing.assert_allclose(again, plain, rtol=1e-5)  # a sum of four float32, in another order


def test_folding_is_a_mean_over_equivalent_frequencies() -> None:
    spectrum = np.random.default_rng(6).normal(size=(2, 3, WINDOW, HALF)).astype(np.float32)
    folded = np.asarray(fold(jnp.asarray(spectrum)))
    assert folded.shape == (2, 3, 325)
    pairs = [(y, x) for y in range(HALF) for x in range(y, HALF)]
    for k in (0, 1, 24, 25, 100, 324):
        y, x = pairs[k]
        same = [spectrum[..., i % WINDOW, j] for i, j in ((y, x), (-y, x), (x, y), (-x, y))]
        np.testing.assert_allclose(folded[..., k], np.mean(same, axis=0), atol=1e-6)  # order of a float32 sum


def test_a_transposed_plane_has_the_same_folded_spectrum() -> None:
    values = planes(7)
    turned = np.ascontiguousarray(values.swapaxes(1, 2))
    first, second = (np.asarray(fold(log_power(jnp.asarray(v)))) for v in (values, turned))
    np.testing.assert_allclose(first, second, rtol=2e-5)  # rows and columns are transformed in another order
