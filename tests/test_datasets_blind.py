import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from datasets.blind import (
    REAL_ESRGAN,
    Recipe,
    _blurred,
    _noise,
    _weights,
    blind,
    blind_versions,
    draw,
    gaussian_kernel,
)
from tests.awkward import picture

SMALL = Recipe(REAL_ESRGAN.first, None, taps=7)  # one round, which compiles faster
run = jax.jit(partial(blind, scale=2, recipe=SMALL))
weigh = jax.jit(_weights, static_argnums=(0, 1))


def photo(height=40, width=48, seed=0):
    return jnp.asarray(picture(height, width, seed=seed) / np.float32(255))


def test_a_key_decides_everything():
    full = jax.jit(partial(blind, scale=2))
    first, again, other = (np.asarray(full(photo(), jax.random.key(seed))) for seed in (1, 1, 2))
    assert first.shape == (20, 24, 3) and first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01
    assert first.min() >= 0 and first.max() <= 1
    np.testing.assert_allclose(first * 255, np.rint(first * 255), atol=1e-3)  # whole levels


def test_a_picture_in_the_corner_of_a_larger_array_is_treated_as_if_alone():
    padded = jnp.zeros((52, 60, 3)).at[:40, :48].set(photo())
    quiet = Recipe(dataclasses.replace(SMALL.first, gaussian_sigma=(0, 0), gaussian=1.0), None, taps=7)
    whole = jax.jit(partial(blind, scale=2, recipe=quiet))
    alone = whole(photo(), jax.random.key(3))
    inside = whole(padded, jax.random.key(3), size=jnp.array([40, 48]))
    error = jnp.abs(inside[:20, :24] - alone)  # blur at the lower right sees repeated instead of mirrored pixels
    assert inside.shape == (26, 30, 3) and float(error[:12, :12].max()) < 0.03 and float(error.mean()) < 0.02


def test_batches_map_over_pictures_and_keys():
    images, keys = jnp.stack([photo(), photo(seed=1)]), jax.random.split(jax.random.key(0), 2)
    batch = jax.jit(jax.vmap(partial(blind, scale=2, recipe=SMALL)))(images, keys)
    assert batch.shape == (2, 20, 24, 3)
    for image, key, result in zip(images, keys, batch, strict=True):
        assert float(jnp.abs(run(image, key) - result).mean()) < 0.02  # rounding may flip a coefficient of the JPEG


def test_drawn_strengths_stay_in_their_ranges_and_reach_into_all_of_them():
    stage = REAL_ESRGAN.first
    drawn = jax.jit(jax.vmap(partial(draw, stage)))(jax.random.split(jax.random.key(0), 2000))
    shares = {"gaussian": stage.gaussian, "grey": stage.grey}
    for name, share in shares.items():
        assert abs(float(getattr(drawn, name).mean()) - share) < 0.05
    size = np.asarray(drawn.size)
    assert abs((size > 1).mean() - 0.2) < 0.03 and abs((size < 1).mean() - 0.7) < 0.03
    assert 0.15 <= size.min() < 0.2 and 1.4 < size.max() <= 1.5
    strong = np.asarray(drawn.noise)[np.asarray(drawn.gaussian)]
    assert 1 <= strong.min() < 2 and 29 < strong.max() <= 30
    assert 30 <= float(drawn.quality.min()) < 32 and 93 < float(drawn.quality.max()) <= 95
    assert abs(float((drawn.sigma[:, 0] == drawn.sigma[:, 1]).mean()) - 0.65) < 0.04
    assert set(np.unique(drawn.kernel)) == {0, 1, 2}


def test_blur_is_scipys():
    image = np.asarray(photo(30, 25))
    sigma = 1.3
    blurred = jax.jit(_blurred)
    ours = blurred(jnp.asarray(image), gaussian_kernel(jnp.array([sigma, sigma]), 0.7, 13))
    scipys = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="mirror", radius=(6, 6, 0))
    np.testing.assert_allclose(ours, scipys, atol=2e-6)  # float32
    np.testing.assert_allclose(blurred(jnp.asarray(image), gaussian_kernel(jnp.zeros(2), 0.0, 7)), image, atol=1e-6)


def test_a_kernel_points_where_its_angle_says():
    kernel = np.asarray(gaussian_kernel(jnp.array([3.0, 0.5]), 0.0, 21))
    assert kernel[10].sum() > 0.5 > kernel[:, 10].sum() and abs(kernel.sum() - 1) < 1e-5
    np.testing.assert_allclose(np.asarray(gaussian_kernel(jnp.array([3.0, 0.5]), np.pi / 2, 21)), kernel.T, atol=1e-6)


@pytest.mark.parametrize("kernel", [0, 1, 2])
@pytest.mark.parametrize(("filled", "wanted"), [(20, 7), (20, 20), (13, 24), (1, 5), (20, 1)])
def test_resizing_keeps_what_is_flat_and_ignores_what_is_not_filled(kernel, filled, wanted):
    weights = np.asarray(weigh(20, 24, jnp.int32(filled), jnp.int32(wanted), jnp.int32(kernel)))
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    assert (weights[:, filled:] == 0).all() and (weights[wanted:] == weights[wanted - 1]).all()
    if filled == wanted:
        np.testing.assert_allclose(weights[:filled, :filled], np.eye(filled), atol=1e-6)


def test_noise_has_the_strength_that_was_drawn():
    strengths = draw(REAL_ESRGAN.first, jax.random.key(0))
    image = jnp.full((100, 100, 3), 0.25)
    gaussian = strengths._replace(gaussian=jnp.array(True), grey=jnp.array(False), noise=jnp.float32(10.0))
    noise = jax.jit(_noise)
    assert abs(float(noise(image, gaussian, jax.random.key(1)).std()) * 255 - 10) < 0.2
    shot = gaussian._replace(gaussian=jnp.array(False), noise=jnp.float32(2.0))
    assert abs(float(noise(image, shot, jax.random.key(1)).std()) * 256 - 2 * np.sqrt(64)) < 0.4
    grey = noise(image, gaussian._replace(grey=jnp.array(True)), jax.random.key(1))
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])


def test_versions_are_reproducible_and_differ():
    pictures = [picture(24, 32, seed=1), picture(32, 20, seed=2)]
    made, again = (list(blind_versions(pictures, 4, seed=5, versions=2, recipe=SMALL)) for _ in range(2))
    assert [[low.shape for low in lows] for lows in made] == [[(6, 8, 3)] * 2, [(8, 5, 3)] * 2]
    np.testing.assert_array_equal(made[1][1], again[1][1])
    assert made[0][0].dtype == np.uint8 and not np.array_equal(made[0][0], made[0][1])
    other = next(blind_versions(pictures, 4, seed=6, versions=1, recipe=SMALL))
    assert not np.array_equal(made[0][0], other[0])


def test_a_scale_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match="scale must divide the sides of a 40x48 picture, got 7"):
        blind(photo(), jax.random.key(0), scale=7)
