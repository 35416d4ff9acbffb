import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from model_zoo import chroma, tiles
from model_zoo.functional import initialise
from model_zoo.network import Network

TINY = {"width": 6, "depth": 1}
RCAN = {"width": 4, "depth": 1, "blocks": 1, "reduction": 2}


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
    assert margin is not None
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


class TestBorders:
    """What a network sees beyond the picture's edge."""

    def test_zero_is_the_networks_own_padding_with_tiles_or_without(self):
        function, params = initialise("edsr", scale=2, key=jax.random.key(0), **TINY)
        pixels = picture(45, 30)
        images = jnp.asarray(pixels[None].astype(np.float32) / 255)
        wanted = np.asarray(jax.jit(function.apply)(params, images))[0]
        network = Network(function, params, border="zero")
        for tile in (None, 64, 20, 17):
            made = network.raw(pixels, tile=tile)
            np.testing.assert_allclose(made, wanted, atol=1e-5)  # float32 sums in another order
        assert np.abs(Network(function, params).raw(pixels) - wanted)[0].max() > 1e-3  # repeated pixels are not zeros

    def test_some_repeated_pixels_then_the_networks_own_padding(self):
        function, params = initialise("edsr", scale=2, key=jax.random.key(0), **TINY)
        pixels = picture(20, 25)
        padded = np.pad(pixels, ((3, 3), (3, 3), (0, 0)), mode="edge")
        wanted = Network(function, params, border="zero").upscale(padded)[6:-6, 6:-6]
        network = Network(function, params, border="replicate-3")
        np.testing.assert_array_equal(network.upscale(pixels), wanted)
        assert_nearly_equal(network.upscale(pixels, tile=18), wanted)

    def test_a_tile_is_of_the_pictures_edge_where_it_lies_there(self):
        assert tiles.spans_inside(50, 20, 4) == [(0, 20, 0, 16), (12, 20, 16, 28), (24, 20, 28, 40), (30, 20, 40, 50)]
        assert tiles.spans_inside(7, 20, 4) == [(0, 7, 0, 7)]
        assert tiles.spans_over(20, 16, 4) == [(-4, 16, 0, 8), (4, 16, 8, 16), (12, 16, 16, 20)]
        for length in range(1, 60):
            kept = [range(span.begin, span.end) for span in tiles.spans_inside(length, 11, 3)]
            assert [place for part in kept for place in part] == list(range(length))

    def test_what_is_no_border_is_refused(self):
        function, params = initialise("edsr", scale=2, key=jax.random.key(0), **TINY)
        for border in ("mirror", "replicate-0", "zero-1", "replicate-"):
            with pytest.raises(ValueError, match="border must be replicate, zero or replicate-N"):
                Network(function, params, border=border)


class TestNetworksThatSeeTheWholePicture:
    def test_get_the_whole_of_it(self):
        function, params = initialise("rcan", scale=2, key=jax.random.key(0), **RCAN)
        pixels = picture(30, 41)
        wanted = np.asarray(jax.jit(function.apply)(params, jnp.asarray(pixels[None].astype(np.float32) / 255)))[0]
        network = Network(function, params, border="zero")
        np.testing.assert_allclose(network.raw(pixels), wanted, atol=1e-6)
        assert network.exact(30, 41)
        padded = np.pad(pixels, ((32, 32), (32, 32), (0, 0)), mode="edge")
        replicated = Network(function, params).upscale(pixels)
        np.testing.assert_array_equal(replicated, network.upscale(padded)[64:-64, 64:-64])

    def test_get_overlapping_tiles_beyond_a_limit(self, monkeypatch):
        function, params = initialise("rcan", scale=2, key=jax.random.key(0), **RCAN)
        network = Network(function, params, border="zero")
        pixels = picture(130, 120)
        whole = network.upscale(pixels).astype(int)
        monkeypatch.setattr("model_zoo.network._WHOLE", 4 * 100 * 100)
        assert not network.exact(130, 120) and network.exact(100, 100)
        tiled = network.upscale(pixels).astype(int)
        assert np.abs(tiled - whole).max() <= 2  # channels are weighed by the tile's mean, not the picture's
        with pytest.raises(ValueError, match="tile must be more than 64 for a reach of 32 pixels, got 64"):
            network.upscale(pixels, tile=64)

    def test_a_reach_of_hundreds_of_pixels_counts_as_the_whole(self):
        function, params = initialise("edsr", scale=2, key=jax.random.key(0), width=2, depth=1)
        far = dataclasses.replace(function, radius=400)
        assert not Network(far, params).exact(2_000, 2_000)
        assert Network(function, params).exact(2_000, 2_000)


def test_programs_for_many_sizes_are_not_kept_for_ever():
    from model_zoo.network import _compiled

    function, params = initialise("espcn", scale=2, key=jax.random.key(0), width=2, depth=1)
    network = Network(function, params, border="zero")
    for side in range(4, 8):
        network.upscale(picture(side, side))
    known = _compiled.cache_info()
    assert known.maxsize == 32 and known.currsize <= 32


def test_raw_output_is_neither_clipped_nor_rounded():
    function, params = initialise("edsr", scale=2, key=jax.random.key(0), **TINY)
    bright = params | {"tail.bias": params["tail.bias"] + jnp.float32(1)}
    network = Network(function, bright)
    raw = network.raw(picture(8, 9))
    assert raw.dtype == np.float32 and raw.max() > 1
    np.testing.assert_array_equal(network.upscale(picture(8, 9)), np.rint(np.clip(raw * np.float32(255), 0, 255)))
    luma, params = initialise("fsrcnn", scale=3, key=jax.random.key(0), **TINY)
    assert Network(luma, params).raw(picture(5, 4)).shape == (15, 12, 1)


class TestColoursAsOpenCV:
    """8-bit YCrCb of full range, bilinear chroma."""

    def test_known_colours(self):
        # the standard's own equations, rounded: Y = 0.299 R + 0.587 G + 0.114 B, Cr = 0.713 (R - Y) + 128 ...
        colours = np.array(
            [[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [100, 150, 200]]], float
        )
        light, rest = chroma.split(colours.astype(np.float32), "bilinear-opencv")
        found = np.rint(np.concatenate([light[..., None], rest], axis=-1) * 255).astype(int)[0].tolist()
        assert found[:2] == [[0, 128, 128], [255, 128, 128]]
        assert found[2:] == [[76, 255, 85], [150, 21, 43], [29, 107, 255], [141, 99, 161]]

    def test_there_and_back_is_nearly_the_same(self):
        pixels = picture(12, 10)
        light, rest = chroma.split(pixels.astype(np.float32), "bilinear-opencv")
        back = chroma.join(light, rest, "bilinear-opencv")
        assert np.abs(back.astype(int) - pixels).max() <= 2  # chroma is rounded to 8 bits on the way

    def test_chroma_is_bilinear(self):
        plane = np.array([[0.0, 0.4], [0.8, 0.2]], np.float32)
        assert chroma._bilinear(plane, 2)[0].tolist() == pytest.approx([0, 0.1, 0.3, 0.4])
        assert chroma._bilinear(plane, 2)[:, 0].tolist() == pytest.approx([0, 0.2, 0.6, 0.8])

    def test_tiles_show_no_seams(self):
        function, params = initialise("espcn", scale=3, key=jax.random.key(0), width=4, depth=1)
        network = Network(function, params, border="zero")
        network.chroma = "bilinear-opencv"
        pixels = picture(40, 33)
        assert_nearly_equal(network.upscale(pixels, tile=14), network.upscale(pixels))
