"""EDSR, RDN, RCAN, SwinIR and NLSN, and the attention they are built from, against plainly written versions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from model_zoo import attention, nlsn
from model_zoo.functional import build, count_parameters, skeleton
from model_zoo.swinir import SwinIR

PAPERS = ("edsr", "rdn", "rcan", "swinir", "nlsn")
TINY = {
    "rcan": {"width": 4, "depth": 1, "blocks": 1, "reduction": 2},
    "swinir": {"width": 6, "depth": 1, "blocks": 2, "heads": 2, "window": 4},
    "nlsn": {"width": 4, "depth": 2, "every": 2, "chunk": 12, "hashes": 2, "reduction": 2, "res_scale": 1.0},
}
CLASSICAL = {"width": 180, "depth": 6, "upsampler": "pixelshuffle"}
LARGE = {"width": 240, "depth": 9, "heads": 8, "upsampler": "nearest+conv", "residual": "3conv"}


def drawn(architecture, scale=2, **config):
    """A network with random weights, drawn without compiling the initialisers."""
    function, shapes = skeleton(architecture, scale=scale, **config)
    draw = np.random.default_rng(0)
    return function, {
        name: jnp.asarray(draw.normal(0, 0.3, shape.shape), jnp.float32) for name, shape in shapes.items()
    }


def redrawn(module, seed=0, spread=0.5):
    """The module with other weights, large enough that every part of it matters, and these weights by dotted path."""
    graph, state = nnx.split(module)
    draw = np.random.default_rng(seed)
    leaves = [
        (path, nnx.Param(jnp.asarray(draw.normal(0, spread, leaf.get_value().shape), jnp.float32)))
        for path, leaf in nnx.to_flat_state(state)
    ]
    arrays = {".".join(map(str, path)): np.asarray(leaf.get_value(), np.float64) for path, leaf in leaves}
    return nnx.merge(graph, nnx.from_flat_state(leaves)), arrays


def run(layer, images):
    """What a layer gives, as one program: a fifth of the time that its operations take to compile one by one."""
    return np.asarray(jax.jit(lambda images: layer(images))(jnp.asarray(images)))


def noise(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def softmax(scores):
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("architecture", "scale", "config", "parameters"),
    [
        ("edsr", 2, {}, 1_369_859),  # the paper's baseline: 1.37 million
        ("edsr", 2, {"width": 256, "depth": 32, "res_scale": 0.1}, 40_729_603),  # 40.7 million
        ("edsr", 4, {"width": 256, "depth": 32, "res_scale": 0.1}, 43_089_923),  # 43 million
        ("rdn", 2, {}, 22_123_395),  # 22.12 million
        ("rdn", 4, {}, 22_271_107),
        ("rcan", 2, {}, 15_444_643),  # 15.44 million (the authors' 15,444,667 count the fixed mean's 24 numbers)
        ("swinir", 2, {}, 910_152),  # 24 tables of 225 offsets by 6 heads more than the paper's 878 thousand
        ("swinir", 3, {}, 918_267),
        ("swinir", 4, {}, 929_628),  # 897 thousand and the tables
        ("swinir", 2, CLASSICAL, 11_752_487),  # 11.75 million
        ("swinir", 4, CLASSICAL, 11_900_199),  # 11.9 million
        ("swinir", 4, LARGE, 28_013_059),
        ("nlsn", 2, {}, 41_796_163),
        ("nlsn", 4, {}, 44_156_483),  # 44.16 million
    ],
)
def test_standard_configurations_have_the_published_size(architecture, scale, config, parameters):
    assert count_parameters(skeleton(architecture, scale=scale, **config)[1]) == parameters


def test_the_papers_count_of_the_light_swinir_leaves_out_the_tables_of_offsets():
    shapes = skeleton("swinir", scale=2)[1]
    tables = sum(int(leaf.size) for name, leaf in shapes.items() if name.endswith("offsets"))
    assert count_parameters(shapes) - tables == 877_752


@pytest.mark.parametrize("architecture", PAPERS)
def test_enlarges_eight_times_too(architecture):
    function, params = skeleton(architecture, scale=8, **TINY.get(architecture, {"width": 4, "depth": 1}))
    large = jax.eval_shape(function.apply, params, jax.ShapeDtypeStruct((1, 5, 9, 3), jnp.float32))
    assert large.shape == (1, 40, 72, 3)


@pytest.mark.parametrize("architecture", ["rcan", "swinir", "nlsn"])
def test_the_same_input_gives_the_same_bits_twice(architecture):
    config = TINY[architecture]
    images = jnp.asarray(noise(2, 7, 9, 3))
    function, params = drawn(architecture, **config)
    first = np.asarray(jax.jit(function.apply)(params, images))
    again, _ = skeleton(architecture, scale=2, **config)
    assert again == function
    jax.clear_caches()
    np.testing.assert_array_equal(np.asarray(jax.jit(again.apply)(params, images)), first)


@pytest.mark.parametrize("architecture", ["rcan", "nlsn"])
def test_global_networks_see_from_corner_to_corner(architecture):
    function, params = drawn(architecture, **TINY[architecture])
    images = np.full((1, 30, 30, 3), 0.5, np.float32)
    images[0] += 0.1 * noise(30, 30, 3)
    poked = images.copy()
    poked[0, 0, 0] = 9.0
    apply = jax.jit(function.apply)
    difference = np.asarray(apply(params, jnp.asarray(poked)) - apply(params, jnp.asarray(images)))
    assert function.radius is None
    assert np.abs(difference[0, -4:, -4:]).max() > 0


def test_channel_attention_gates_each_channel_by_the_means_of_all():
    layer, weights = redrawn(attention.ChannelAttention(6, 3, rngs=nnx.Rngs(0)))
    images = noise(2, 5, 4, 6)
    means = images.astype(np.float64).mean(axis=(1, 2))
    between = np.maximum(means @ weights["squeeze.kernel"][0, 0] + weights["squeeze.bias"], 0)
    gates = 1 / (1 + np.exp(-(between @ weights["excite.kernel"][0, 0] + weights["excite.bias"])))
    expected = images * gates[:, None, None, :]
    np.testing.assert_allclose(run(layer, images), expected, atol=1e-5)  # float32 against float64


def test_layer_norm_normalises_each_pixel():
    layer, weights = redrawn(attention.LayerNorm(5))
    tokens = 3 + 2 * noise(2, 3, 4, 5)
    centred = tokens - tokens.mean(axis=-1, keepdims=True)
    normal = centred / np.sqrt(tokens.var(axis=-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(run(layer, tokens), normal * weights["scale"] + weights["bias"], atol=1e-5)


def dense_window_attention(images, weights, *, heads, window, shift):
    """Attention between all pixels of a picture, with an explicit mask of which pairs share a window."""
    height, width, channels = images.shape
    rows, columns = np.divmod(np.arange(height * width), width)
    down, right = (rows - shift) % height, (columns - shift) % width  # where a pixel lies in the windows' grid
    # a window that wraps around holds pixels from two sides of the picture, which must not see each other
    place = np.stack([down // window, right // window, rows < shift, columns < shift], axis=-1)
    together = (place[:, None] == place[None, :]).all(axis=-1)
    offset = [(part[:, None] % window) - (part[None, :] % window) + window - 1 for part in (down, right)]
    index = np.where(together, offset[0] * (2 * window - 1) + offset[1], 0)
    tokens = images.reshape(-1, channels).astype(np.float64)
    parts = (tokens @ weights["qkv.kernel"] + weights["qkv.bias"]).reshape(-1, 3, heads, channels // heads)
    mixed = np.empty((len(tokens), heads, channels // heads))
    for head in range(heads):
        query, key, value = parts[:, 0, head], parts[:, 1, head], parts[:, 2, head]
        scores = query @ key.T / np.sqrt(channels // heads) + weights["offsets"][index, head]
        mixed[:, head] = softmax(np.where(together, scores, -np.inf)) @ value
    flat = mixed.reshape(-1, channels) @ weights["proj.kernel"] + weights["proj.bias"]
    return flat.reshape(images.shape)


@pytest.mark.parametrize(
    ("window", "shift", "height", "width"),
    [(4, 0, 8, 12), (4, 2, 8, 12), (4, 2, 4, 8), (4, 2, 4, 4), (5, 2, 10, 5)],
)
def test_window_attention_is_dense_attention_with_an_explicit_mask(window, shift, height, width):
    layer, weights = redrawn(attention.WindowAttention(6, 2, window, shift, rngs=nnx.Rngs(0)))
    images = noise(2, height, width, 6)
    found = run(layer, images)
    for picture, result in zip(images, found, strict=True):
        expected = dense_window_attention(picture, weights, heads=2, window=window, shift=shift)
        np.testing.assert_allclose(result, expected, atol=2e-5)  # float32 against float64


def test_windows_are_put_back_where_they_were():
    images = jnp.asarray(noise(2, 8, 12, 3))
    tokens = attention.to_windows(images, 4)
    assert tokens.shape == (2, 6, 16, 3)
    np.testing.assert_array_equal(tokens[1, 4, 6], images[1, 5, 6])  # second row of windows, second window
    np.testing.assert_array_equal(attention.from_windows(tokens, 8, 12), images)


@pytest.mark.parametrize(("height", "width"), [(5, 9), (1, 2)])
def test_swinir_mirrors_a_picture_to_whole_windows_and_crops(height, width):
    function, params = drawn("swinir", **{**TINY["swinir"], "blocks": 1})
    images = noise(1, height, width, 3)
    whole = np.pad(images, ((0, 0), (0, -height % 4), (0, -width % 4), (0, 0)), mode="reflect")
    apply = jax.jit(function.apply)
    expected = apply(params, jnp.asarray(whole))[:, : 2 * height, : 2 * width]
    np.testing.assert_allclose(
        apply(params, jnp.asarray(images)), expected, atol=1e-4
    )  # another program's order of sums


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("upsampler", ["pixelshuffle", "pixelshuffledirect", "nearest+conv"])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_swinir_has_three_ways_to_enlarge(upsampler, scale, dtype):
    config = {**TINY["swinir"], "upsampler": upsampler, "features": 5, "residual": "3conv", "width": 8}
    if (upsampler, scale) == ("nearest+conv", 3):
        with pytest.raises(ValueError, match="scale must be 2, 4 or 8 with upsampler 'nearest\\+conv', got 3"):
            skeleton("swinir", scale=scale, **config)
        return
    function, shapes = skeleton("swinir", scale=scale, **config)
    params = {name: jax.ShapeDtypeStruct(shape.shape, dtype) for name, shape in shapes.items()}
    large = jax.eval_shape(function.apply, params, jax.ShapeDtypeStruct((2, 5, 7, 3), dtype))
    assert large.shape == (2, 5 * scale, 7 * scale, 3) and large.dtype == dtype


def test_every_second_layer_of_a_group_is_shifted_by_half_a_window():
    network = nnx.eval_shape(lambda: SwinIR(scale=2, rngs=nnx.Rngs(0), width=12, depth=2, blocks=5, window=7))
    for group in network.groups:
        assert [block.attn.shift for block in group.blocks] == [0, 3, 0, 3, 0]


@pytest.mark.parametrize(
    ("architecture", "config", "message"),
    [
        ("swinir", {"upsampler": "bicubic"}, "upsampler must be one of .*, got 'bicubic'"),
        ("swinir", {"residual": "2conv"}, "residual must be one of 1conv, 3conv, got '2conv'"),
        ("swinir", {"width": 32}, "width must be a multiple of heads = 6, got 32"),
        ("swinir", {"window": 1}, "window must be at least 2 pixels, got 1"),
        ("nlsn", {"every": 0}, "every must be at least 1, got 0"),
        ("nlsn", {"hashes": 0}, "hashes must be at least 1, got 0"),
        ("rdn", {"scale": 5}, "scale must be 2, 3, 4 or 8 for rdn, got 5"),
        ("rcan", {"scale": 1}, "scale must be 2, 3, 4 or 8 for rcan, got 1"),
    ],
)
def test_mistakes_name_the_argument_and_the_rule(architecture, config, message):
    with pytest.raises(ValueError, match=message):
        build(architecture, **{"scale": 2, **config})


def sparse_attention(images, weights, layer):
    """Non-local sparse attention pixel by pixel, as the paper has it; also each round's buckets."""
    height, width, channels = images.shape
    padded = np.pad(images.astype(np.float64), ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    tokens = np.einsum("hwcyx,yxcd->hwd", windows, weights["match.kernel"]) + weights["match.bias"]
    tokens = tokens.reshape(height * width, -1)
    values = images.reshape(-1, channels) @ weights["assembly.kernel"][0, 0] + weights["assembly.bias"]
    keys = tokens / np.linalg.norm(tokens, axis=-1, keepdims=True)
    length, chunk = len(tokens), min(layer.chunk, len(tokens))
    count = length // chunk
    rotations = nlsn._rotations(layer.number, tokens.shape[1], layer.hashes)[..., : (count + count % 2) // 2]
    sums, totals, rounds = np.zeros_like(values), np.zeros((length, 1)), []
    for turn in range(layer.hashes):
        turned = tokens @ rotations[:, turn]
        rounds.append(np.argmax(np.concatenate([turned, -turned], axis=1), axis=1))
        order = np.argsort(rounds[-1], kind="stable")
        filled = np.concatenate([order, order[length - -length % chunk :]])
        chunks = filled.reshape(-1, chunk)
        for number, members in enumerate(chunks):
            seen = members
            if len(chunks) > 1:
                seen = np.concatenate([members, chunks[number - 1], chunks[(number + 1) % len(chunks)]])
            inside = order[number * chunk : (number + 1) * chunk]
            exponentials = np.exp(tokens[inside] @ keys[seen].T)
            sums[inside] += exponentials @ values[seen]
            totals[inside] += exponentials.sum(axis=1, keepdims=True)
    return images + layer.res_scale * (sums / totals).reshape(images.shape), rounds


@pytest.mark.parametrize(
    ("height", "width", "chunk", "hashes"),
    [
        (6, 8, 12, 1),  # whole chunks
        (6, 8, 12, 3),  # rounds weighted by what each found
        (7, 9, 10, 2),  # a last chunk filled up
        (4, 4, 8, 2),  # two chunks, each the other's neighbour twice
        (1, 1, 5, 1),
    ],
)
def test_sparse_attention_is_attention_within_sorted_chunks(height, width, chunk, hashes):
    layer, weights = redrawn(nlsn.SparseAttention(6, 2, chunk, hashes, 0.7, 2, rngs=nnx.Rngs(0)))
    images = noise(2, height, width, 6)
    found = run(layer, images)
    for picture, result in zip(images, found, strict=True):
        expected, _ = sparse_attention(picture, weights, layer)
        np.testing.assert_allclose(result, expected, atol=1e-4)  # float32 against float64, exponentials of sums


def test_one_chunk_over_all_pixels_is_full_attention():
    layer, weights = redrawn(nlsn.SparseAttention(6, 2, 1000, 4, 1.0, 0, rngs=nnx.Rngs(0)))
    images = noise(1, 5, 7, 6)
    tokens = np.asarray(layer.match(jnp.asarray(images)), np.float64).reshape(35, 3)
    values = images[0].reshape(35, 6) @ weights["assembly.kernel"][0, 0] + weights["assembly.bias"]
    scores = tokens @ (tokens / np.linalg.norm(tokens, axis=1, keepdims=True)).T
    expected = images[0] + (softmax(scores) @ values).reshape(5, 7, 6)
    np.testing.assert_allclose(run(layer, images)[0], expected, atol=1e-4)


def test_hashing_sorts_by_the_nearest_direction_and_finds_the_way_back():
    tokens, rotations = noise(2, 50, 4), noise(4, 3, 2, seed=2)
    order, back = map(np.asarray, nlsn.bucket_order(jnp.asarray(tokens), jnp.asarray(rotations)))
    for picture in range(2):
        for turn in range(3):
            turned = tokens[picture] @ rotations[:, turn]
            buckets = np.concatenate([turned, -turned], axis=1).argmax(axis=1)
            np.testing.assert_array_equal(order[picture, turn], np.argsort(buckets, kind="stable"))
            np.testing.assert_array_equal(order[picture, turn][back[picture, turn]], np.arange(50))


def test_near_pixels_share_a_bucket_more_often_than_far_ones():
    tokens = noise(1, 200, 8)
    close, other = tokens + 0.05 * noise(1, 200, 8, seed=2), noise(1, 200, 8, seed=3)
    turned = [np.einsum("nld,db->lb", part, nlsn._rotations(0, 8, 1)[:, 0, :8]) for part in (tokens, close, other)]
    mine, near, far = (np.concatenate([part, -part], axis=1).argmax(axis=1) for part in turned)
    assert (mine == near).mean() > 0.8
    assert (mine == far).mean() < 0.2  # one in sixteen by chance


def test_rotations_belong_to_the_layer():
    first, second = nlsn._rotations(0, 5, 2), nlsn._rotations(1, 5, 2)
    assert first.shape == (5, 2, 64) and not np.allclose(first, second)
    assert first[0, 0, 0] == np.float32(1.764052345967664)  # the frozen stream's first number under key 0
    network = nnx.eval_shape(lambda: nlsn.NLSN(scale=2, rngs=nnx.Rngs(0), width=4, depth=6, every=2))
    layers = [block for block in network.blocks if isinstance(block, nlsn.SparseAttention)]
    assert [layer.number for layer in layers] == [0, 1, 2, 3]
    assert [isinstance(block, nlsn.SparseAttention) for block in network.blocks] == [True, *[False, False, True] * 3]


@pytest.mark.parametrize(("pixels", "buckets"), [(1, 2), (143, 2), (300, 2), (3 * 144, 4), (10**6, 128)])
def test_there_are_about_as_many_buckets_as_chunks(pixels, buckets):
    assert nlsn._bucket_count(pixels, min(144, pixels)) == buckets


def test_the_slope_of_a_permutation_is_that_of_a_gather():
    rows, weights = jnp.asarray(noise(2, 3, 7, 4)), jnp.asarray(noise(2, 3, 7, 4, seed=2))
    order = np.random.default_rng(0).permuted(np.broadcast_to(np.arange(7), (2, 3, 7)), axis=2).astype(np.int32)
    back = jnp.asarray(np.argsort(order, axis=2).astype(np.int32))

    def ours(rows):
        return (nlsn.shuffle(rows, jnp.asarray(order), back) ** 2 * weights).sum()

    def plain(rows):
        return (jnp.take_along_axis(rows, jnp.asarray(order)[..., None], axis=2) ** 2 * weights).sum()

    assert float(ours(rows)) == pytest.approx(float(plain(rows)), rel=1e-5)
    np.testing.assert_allclose(jax.grad(ours)(rows), jax.grad(plain)(rows), rtol=1e-6)


@pytest.fixture(params=["windows", "chunks"])
def layer(request):
    rngs = nnx.Rngs(0)
    if request.param == "windows":
        return redrawn(attention.WindowAttention(4, 2, 4, 2, rngs=rngs))[0]
    return redrawn(nlsn.SparseAttention(4, 2, 6, 2, 1.0, 0, rngs=rngs))[0]


def test_slopes_stay_finite_in_bfloat16_and_where_pixels_are_all_alike(layer):
    graph, state = nnx.split(layer)
    coarse = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), state)

    @jax.jit
    def slopes(state, images):
        return jax.grad(lambda state, images: nnx.merge(graph, state)(images).sum(), argnums=(0, 1))(state, images)

    for images in (np.zeros((1, 8, 4, 4)), noise(1, 8, 4, 4)):
        found = jax.tree.leaves(slopes(coarse, jnp.asarray(images, jnp.bfloat16)))
        assert all(leaf.dtype == jnp.bfloat16 and bool(jnp.isfinite(leaf).all()) for leaf in found)


def test_a_large_picture_is_worked_on_in_parts_with_the_same_result(layer, monkeypatch):
    images = noise(1, 12, 8, 4)
    expected = run(layer, images)
    monkeypatch.setattr(attention, "_SCORES", 2**11)  # four of six windows, eighteen of thirty-two chunks
    np.testing.assert_allclose(run(layer, images), expected, atol=1e-5)  # other programs, other orders of sums
