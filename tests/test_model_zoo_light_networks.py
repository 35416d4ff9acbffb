import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from model_zoo import blocks, layers
from model_zoo.functional import build, initialise, skeleton

RANDOM = np.random.default_rng(0)


def picture(height, width, channels=3):
    return jnp.asarray(RANDOM.random((1, height, width, channels)), jnp.float32)


def drawn(architecture, *, scale, **config):
    """A network with small random weights, drawn without compiling the initialisers."""
    function, shapes = skeleton(architecture, scale=scale, **config)
    draw = np.random.default_rng(1)
    return function, {
        name: jnp.asarray(draw.normal(0, 0.15, shape.shape), jnp.float32) for name, shape in shapes.items()
    }


def silence(params, *names):
    """The same parameters, with those whose names begin so set to zero."""
    return {name: leaf * 0 if name.startswith(names) else leaf for name, leaf in params.items()}


def test_bilinear_resizing_has_half_pixel_centres_and_repeats_edges():
    row = jnp.array([0.0, 1.0, 3.0])[None, None, :, None]
    larger = blocks.resize_bilinear(row, 1, 6)[0, 0, :, 0]
    np.testing.assert_allclose(larger, [0.0, 0.25, 0.75, 1.5, 2.5, 3.0], atol=1e-6)
    np.testing.assert_array_equal(blocks.resize_bilinear(row, 4, 3), jnp.repeat(row, 4, axis=1))


@pytest.mark.parametrize("size", [(20, 18), (13, 40), (5, 6), (1, 1)])
def test_bilinear_resizing_agrees_with_jax_where_both_can(size):
    images = picture(5, 6)
    expected = jax.image.resize(images, (1, *size, 3), "linear", antialias=False)
    np.testing.assert_allclose(blocks.resize_bilinear(images, *size), expected, atol=1e-6)  # another order of sums


@pytest.mark.parametrize("factor", [2, 3])
def test_pixels_go_into_channels_and_back(factor):
    images = picture(6, 12)
    packed = blocks.space_to_depth(images, factor)
    assert packed.shape == (1, 6 // factor, 12 // factor, 3 * factor**2)
    np.testing.assert_array_equal(layers.depth_to_space(packed, factor), images)
    np.testing.assert_array_equal(packed[0, 0, 0, 3:6], images[0, 0, 1])  # the column phase is the faster one


def test_nearest_enlargement_repeats_pixels():
    images = picture(2, 3)
    expected = np.repeat(np.repeat(np.asarray(images), 3, axis=1), 3, axis=2)
    np.testing.assert_array_equal(blocks.enlarge_nearest(images, 3), expected)


def test_contrast_attention_weighs_by_mean_plus_deviation_and_bears_flat_channels():
    layer = blocks.ContrastAttention(32, rngs=nnx.Rngs(0))
    features = picture(4, 5, 32).at[..., 0].set(0.5)
    statistic = np.asarray(features, np.float64).std(axis=(0, 1, 2)) + np.asarray(features).mean(axis=(0, 1, 2))
    down, up = (np.asarray(conv.kernel[...])[0, 0] for conv in layer.conv_du)
    gate = 1 / (1 + np.exp(-np.maximum(statistic @ down, 0) @ up))
    np.testing.assert_allclose(layer(features), np.asarray(features) * gate, atol=1e-6)
    slope = jax.jit(jax.grad(lambda given: layer(given).sum()))(features)
    assert bool(jnp.isfinite(slope).all())


@pytest.mark.parametrize("deep", [False, True])
class TestSpatialAttention:
    def test_is_a_mask_from_a_map_a_sixth_the_size(self, deep):
        layer = blocks.EnhancedSpatialAttention(8, 2, deep=deep, rngs=nnx.Rngs(0))
        features = picture(32, 21, 8)
        few = layer.conv1(features)
        strided = np.asarray(layers.convolve(few, layer.conv2.kernel[...], padding="VALID"))[:, ::2, ::2]
        windows = np.lib.stride_tricks.sliding_window_view(strided, (7, 7), axis=(1, 2)).max(axis=(-2, -1))
        reduced = jnp.asarray(windows[:, ::3, ::3])
        assert reduced.shape == (1, 3, 2, 2)  # (32 - 1) // 2 = 15 rows and 10 columns before the windows
        if deep:
            reduced = layer.conv3_(jax.nn.relu(layer.conv3(jax.nn.relu(layer.conv_max(reduced)))))
        else:
            reduced = layer.conv3(reduced)
        mask = layer.conv4(jax.image.resize(reduced, (1, 32, 21, 2), "linear", antialias=False) + layer.conv_f(few))
        found = jax.jit(lambda given: layer(given))(features)
        np.testing.assert_allclose(found, features * jax.nn.sigmoid(mask), atol=1e-6)

    def test_repeats_the_edges_of_small_features(self, deep):
        layer = blocks.EnhancedSpatialAttention(4, 2, deep=deep, rngs=nnx.Rngs(0))
        features = picture(1, 1, 4)
        wide = jnp.broadcast_to(features, (1, 15, 15, 4))
        run = jax.jit(lambda given: layer(given))
        np.testing.assert_allclose(run(features)[0, 0, 0], run(wide)[0, 7, 7], atol=1e-6)
        assert jax.eval_shape(run, picture(14, 40, 4)).shape == (1, 14, 40, 4)


@pytest.mark.parametrize("architecture", ["imdn", "rfdn", "rlfn"])
def test_a_value_range_scales_what_goes_in_and_out(architecture):
    config = {"width": 8, "depth": 1}
    plain, params = drawn(architecture, scale=2, **config)
    ranged, _ = skeleton(architecture, scale=2, value_range=255.0, **config)
    images = picture(16, 15)
    found, expected = jax.jit(lambda p, x: (ranged.apply(p, x), plain.apply(p, x * 255) / 255))(params, images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_the_compact_network_adds_to_repeated_pixels():
    function, params = drawn("srvgg", scale=3, width=4, depth=1)
    images = picture(3, 4)
    found = jax.jit(function.apply)(silence(params, "body.4"), images)
    np.testing.assert_array_equal(found, blocks.enlarge_nearest(images, 3))
    assert list(params)[-1].startswith("body.4.")  # convolutions and slopes are numbered in turn


def test_srresnet_adds_to_the_bilinear_picture():
    function, params = drawn("srresnet", scale=4, width=4, depth=1)
    images = picture(3, 4)
    found = jax.jit(function.apply)(silence(params, "conv_last"), images)
    np.testing.assert_allclose(found, blocks.resize_bilinear(images, 12, 16), atol=1e-6)  # sums may be fused


class TestRRDBNet:
    def test_puts_pixels_into_channels_at_the_small_scales_only(self):
        for scale, pixels in ((1, 4), (2, 2), (3, 1), (4, 1), (8, 1)):
            function, shapes = skeleton("rrdbnet", scale=scale, width=4, depth=1, growth=2)
            assert shapes["conv_first.kernel"].shape == (3, 3, 3 * pixels**2, 4)
            assert (function.radius is None) == (pixels > 1)
        _, shapes = skeleton("rrdbnet", scale=2, width=4, depth=1, growth=2, unshuffle=False)
        assert shapes["conv_first.kernel"].shape == (3, 3, 3, 4)
        assert not any(name.startswith("conv_up.1") for name in shapes)

    @pytest.mark.parametrize("scale", [1, 2])
    def test_continues_odd_pictures_by_reflection(self, scale):
        function, params = drawn("rrdbnet", scale=scale, width=4, depth=1, growth=2)
        images = picture(7, 6)
        whole = jnp.pad(images, ((0, 0), (0, 1), (0, 2), (0, 0)), mode="reflect")
        run = jax.jit(function.apply)
        expected = run(params, whole)[:, : 7 * scale, : 6 * scale]
        if scale == 2:  # of the two columns none is needed then, and zeros lie beyond the last one instead
            expected = run(params, whole[:, :, :6])[:, : 7 * scale]
        np.testing.assert_allclose(run(params, images), expected, atol=1e-6)

    def test_dense_blocks_add_a_fifth_of_what_they_find(self):
        block = build("rrdbnet", scale=4, width=4, depth=1, growth=2).body[0].rdb1  # pyright: ignore
        features = picture(5, 5, 4)

        def both(features):
            seen = features
            for layer in (block.conv1, block.conv2, block.conv3, block.conv4):
                fresh = layer(seen)
                seen = jnp.concatenate([seen, jnp.maximum(fresh, 0.2 * fresh)], axis=-1)
            return block(features), features + 0.2 * block.conv5(seen)

        np.testing.assert_allclose(*jax.jit(both)(features), atol=1e-6)


class TestLumaNetworks:
    def test_fsrcnn_may_end_in_a_sub_pixel_layer(self):
        for scale in (2, 3, 4):
            function, shapes = skeleton("fsrcnn", scale=scale, tail="subpixel")
            assert shapes["enlarge.expand.kernel"].shape == (1, 1, 56, scale**2)
            assert shapes["enlarge.bias"].shape == (1,)
            assert function.radius == 6  # 13x13 pixels

    def test_fsrcnn_with_a_sub_pixel_layer_starts_near_repeated_pixels(self):
        function, params = initialise("fsrcnn", scale=2, key=jax.random.key(0), tail="subpixel")
        images = picture(16, 16, 1)
        found = jax.jit(function.apply)(params, images)
        error = np.abs(np.asarray(found - blocks.enlarge_nearest(images, 2)))[:, 12:-12, 12:-12]
        assert error.mean() < 0.05  # the random channels add a little

    def test_espcn_is_the_papers_or_the_one_opencv_uses(self):
        images = picture(6, 5, 1)
        function, params = drawn("espcn", scale=3, width=8)
        assert function.radius == 4  # 9x9 pixels
        usual, _ = skeleton("espcn", scale=3, width=8, activation="relu", bounded=True)
        first, middle, last = (
            (params[f"layers.{i}.kernel"], params[f"layers.{i}.bias"][None, None, None]) for i in range(3)
        )
        hidden = jax.nn.relu(layers.convolve(images, first[0]) + first[1])
        hidden = jax.nn.relu(layers.convolve(hidden, middle[0]) + middle[1])
        expected = jnp.tanh(layers.depth_to_space(layers.convolve(hidden, last[0]) + last[1], 3))
        found = jax.jit(usual.apply)(params, images)
        np.testing.assert_allclose(found, expected, atol=1e-5)  # sums of 72 products
        assert float(jnp.abs(jax.jit(function.apply)(params, images) - expected).max()) > 0.1


@pytest.mark.parametrize(
    ("architecture", "config", "message"),
    [
        ("imdn", {"width": 10}, "width must be a multiple of 4 for imdn, got 10"),
        ("rfdn", {"width": 1}, "width must be at least 2 for rfdn, got 1"),
        ("espcn", {"width": 9}, "width must be even for espcn, got 9"),
        ("rrdbnet", {"scale": 1, "unshuffle": False}, "unshuffle must be true for rrdbnet at scale 1, got False"),
        ("rrdbnet", {"scale": 5}, "scale must be 1, 2, 3, 4 or 8 for rrdbnet, got 5"),
        ("srvgg", {"scale": 6}, "scale must be 1, 2, 3, 4 or 8 for srvgg, got 6"),
        *[
            (name, {"scale": 5}, f"scale must be 2, 3, 4 or 8 for {name}, got 5")
            for name in ("imdn", "rfdn", "rlfn", "espcn", "srresnet")
        ],
    ],
)
def test_mistakes_name_the_argument_and_the_rule(architecture, config, message):
    with pytest.raises(ValueError, match=message):
        build(architecture, **{"scale": 2} | config)
