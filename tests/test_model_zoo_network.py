import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from model_zoo.functional import initialise
from model_zoo.network import Network

TINY = {"width": 6, "depth": 1}


def picture(height, width, dtype=np.uint8, seed=0):
    """A smooth picture with some noise, so that rounding is not at its limits everywhere."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    smooth = 120 + 60 * np.sin(rows / 5)[..., None] + 40 * np.cos(columns / 7)[..., None] * np.array([1, 0.5, -1])
    levels = np.clip(smooth + random.normal(0, 8, (height, width, 3)), 0, 255)
    return (levels * (np.iinfo(dtype).max / 255)).astype(dtype)


@pytest.fixture(scope="module", params=["edsr", "fsrcnn"])
def network(request):
    function, params = initialise(request.param, scale=2, key=jax.random.key(0), **TINY)
    return Network(function, params)


def assert_nearly_equal(first, second):
    """Equal but for ties: another tile is another order of float32 sums, felt at 1e-4 of a grey level."""
    assert first.shape == second.shape
    difference = np.abs(first.astype(int) - second.astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_tiles_show_no_seams(network):
    pixels = picture(61, 83)
    whole = network.upscale(pixels, tile=83 + 2 * 8)
    assert whole.shape == (122, 166, 3) and whole.dtype == np.uint8
    for tile in (24, 37, 64):
        assert_nearly_equal(network.upscale(pixels, tile=tile), whole)
    assert_nearly_equal(network.upscale(pixels), whole)


def test_tiles_give_what_the_network_gives_on_the_whole_picture():
    function, params = initialise("edsr", scale=2, key=jax.random.key(0), **TINY)
    pixels = picture(40, 50)
    margin = function.radius
    padded = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="edge").astype(np.float32) / 255
    inside = slice(2 * margin, -2 * margin)
    large = np.asarray(function.apply(params, jnp.asarray(padded[None]))).clip(0, 1)[0, inside, inside]
    assert_nearly_equal(Network(function, params).upscale(pixels, tile=32), np.rint(large * 255).astype(np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (3, 2)])
def test_any_size_is_enlarged(network, shape):
    assert network.upscale(picture(*shape)).shape == (2 * shape[0], 2 * shape[1], 3)


def test_a_new_size_compiles_nothing_new(network):
    from model_zoo.network import _compiled

    network.upscale(picture(40, 40))
    network.upscale(picture(70, 30), tile=64)
    known = _compiled.cache_info().misses
    for shape in ((33, 21), (90, 100), (64, 65)):
        network.upscale(picture(*shape), tile=64)
    network.upscale(picture(20, 39))
    assert _compiled.cache_info().misses == known


def test_sixteen_bits_are_read_as_finer_levels_of_the_same(network):
    pixels = picture(20, 20)
    fine = pixels.astype(np.uint16) * 257
    assert_nearly_equal(network.upscale(fine), network.upscale(pixels))


def test_grey_stays_grey_in_a_luma_network():
    function, params = initialise("fsrcnn", scale=3, key=jax.random.key(0), **TINY)
    gray = picture(20, 30)[:, :, :1].repeat(3, axis=2)
    large = Network(function, params).upscale(gray)
    assert (large == large[:, :, :1]).all()


def test_chroma_is_bicubic_in_a_luma_network():
    function, params = initialise("fsrcnn", scale=2, key=jax.random.key(0), **TINY)
    pixels = picture(30, 30)
    large = Network(function, params).upscale(pixels).astype(int)
    plain = np.asarray(Image.fromarray(pixels).resize((60, 60), Image.Resampling.BICUBIC)).astype(int)
    inside = np.s_[8:-8, 8:-8]
    unclipped = np.logical_and(large > 0, large < 255)[inside].all(axis=-1)
    for first, second in ((0, 1), (1, 2)):
        ours, theirs = large[..., first] - large[..., second], plain[..., first] - plain[..., second]
        assert np.abs((ours - theirs)[inside][unclipped]).max() <= 2  # both differences are of two rounded numbers


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((4, 4), np.uint8), "pixels must be H x W x 3 and not empty, got 4x4"),
        (np.zeros((0, 4, 3), np.uint8), "got 0x4x3"),
        (np.zeros((4, 4, 3), np.float32), "pixels must be uint8 or uint16, got float32"),
    ],
)
def test_what_is_no_picture_is_refused(network, pixels, message):
    with pytest.raises(ValueError, match=message):
        network.upscale(pixels)


def test_a_tile_within_the_networks_reach_is_refused(network):
    with pytest.raises(ValueError, match="tile must be more than"):
        network.upscale(picture(9, 9), tile=8)
