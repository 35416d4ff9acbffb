"""The embedding network, its batches and its training, at toy size."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from fingerprint.embedding.batches import Pool
from fingerprint.embedding.embedder import SHIPPED, EmbeddingError, load_embedder, save_embedder
from fingerprint.embedding.network import Shape, Stage, initial, moments, prepared, statistics, trained
from fingerprint.embedding.recipe import scale_classes, training_pool
from fingerprint.embedding.relatives import RELATIVE, disturbed
from fingerprint.embedding.training import FIRST, LAST, EmbeddingConfig, train
from fingerprint.samples import ENLARGED, Sample

TOY = Shape((Stage(4, 8, 1), Stage(2, 8, 1)), hidden=16, dimensions=6)


def tiles(count=3, side=32, seed=0):
    return jnp.asarray(np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8))


def test_statistics_do_not_depend_on_neighbours_in_the_batch():
    weights, running = initial(TOY, 0)
    apart = jnp.concatenate([moments(TOY, weights, running, tile[None]) for tile in tiles()])
    np.testing.assert_allclose(moments(TOY, weights, running, tiles()), apart, rtol=1e-4, atol=1e-5)
    found = statistics(weights, running, apart)
    assert found.shape == (3, TOY.statistics) and found.dtype == jnp.float32
    assert apart.shape == (3, TOY.statistics)


def test_a_picture_of_equal_tiles_has_the_statistics_of_one():
    weights, running = initial(TOY, 0)
    one = moments(TOY, weights, running, tiles(1))
    many = moments(TOY, weights, running, jnp.repeat(tiles(1), 5, axis=0)).mean(0, keepdims=True)
    np.testing.assert_allclose(statistics(weights, running, many), statistics(weights, running, one), atol=1e-4)


def test_training_normalises_by_the_batch_and_remembers():
    weights, running = initial(TOY, 0)
    found, updated = trained(TOY, weights, running, tiles(8))
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-4)
    assert updated.keys() == running.keys()
    assert any(not np.array_equal(updated[name], running[name]) for name in running)


def test_faint_traces_reach_the_first_layer():
    from fingerprint.embedding.network import _first

    flat = np.full((1, 16, 16, 3), 100, np.uint8)
    trace = flat.copy()
    trace[0, ::2, ::2] += 1
    change = jnp.abs(_first(jnp.asarray(trace)) - _first(jnp.asarray(flat))).max((0, 1, 2))
    assert change.shape == (6,) and (change[3:] > 10 * change[:3]).all()


def test_seeds_draw_other_weights():
    one, same, other = (initial(TOY, seed)[0]["0/enter/kernel"] for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Two sources, told apart by a grid of one grey level or none, and photographs."""
    folder, found = tmp_path_factory.mktemp("pictures"), []
    rng = np.random.default_rng(5)
    for number in range(6):
        photograph = np.clip(
            np.cumsum(rng.normal(0, 1.5, (96, 96, 1)), axis=0) + rng.normal(0, 3, (96, 96, 3)) + 128, 0, 250
        ).astype(np.uint8)
        made = photograph.copy()
        made[::2, ::2] += 4
        for label, pixels in (("a", photograph), ("b", made), ("original:scan", photograph[::-1])):
            path = folder / f"{label.replace(':', '-')}-{number}.png"
            Image.fromarray(np.ascontiguousarray(pixels)).save(path)
            found.append(Sample(label, f"photo{number}", path))
    return found


@pytest.fixture(scope="module")
def pool(samples):
    return Pool(samples, lambda name: 1.0)


def test_a_batch_is_a_function_of_seed_and_step(pool):
    first, second, other = (pool.batch(1, step, 8, 64, 2) for step in (4, 4, 5))
    for one, two in zip(dataclasses.astuple(first), dataclasses.astuple(second), strict=True):
        assert np.array_equal(one, two)
    assert not np.array_equal(first.tiles, other.tiles)
    assert first.tiles.shape == (8, 64, 64, 3) and first.labels.dtype == np.int32


def test_labels_are_drawn_by_their_weight(samples):
    pool = Pool(samples, lambda name: {"a": 3.0, "b": 1.0}[name])
    share = dict(zip(pool.names, pool.share, strict=True))
    assert share["a"] == pytest.approx(3 * share["b"]) and share["original:scan"] == pytest.approx(0.12)
    labels = np.concatenate([pool.batch(0, step, 32, 64, 1).labels for step in range(12)])
    assert np.mean(labels == pool.names.index("a")) == pytest.approx(share["a"], abs=0.08)


def test_pictures_of_one_photograph_go_together(pool):
    for step in range(5):
        labels = pool.batch(0, step, 2, 64, 2).labels
        names = {pool.names[k] for k in labels}
        assert names in ({"a", "b"}, {"original:scan"}, {"original:scan", "a"}, {"original:scan", "b"})


def test_a_pool_needs_sources_and_innocents(samples):
    with pytest.raises(ValueError, match="of sources and of innocents"):
        Pool([s for s in samples if s.label == "a"], lambda name: 1.0)
    enlarged = [dataclasses.replace(s, label=ENLARGED) for s in samples if s.label == "b"]
    pool = Pool([*samples, *enlarged], lambda name: 1.0)
    assert pool.share[pool.names.index(ENLARGED)] == pytest.approx(0.03)


@pytest.mark.slow
def test_it_learns_and_goes_on_to_the_same_bits(pool, tmp_path):
    config = EmbeddingConfig(TOY, steps=60, batch=16, side=64, mates=2, rate=5e-3)
    scales = np.array([2, 4, 0])
    reports = []
    whole = train(config, pool, scales, tmp_path / "whole", report=reports.append, every=20, keep_every=30)
    assert reports[-1].loss < reports[0].loss and reports[-1].step == 60
    train(config, pool, scales, tmp_path / "parts", keep_every=30, until=lambda: True)
    parts = train(config, pool, scales, tmp_path / "parts", keep_every=30)
    for one, two in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        assert np.array_equal(one, two)


def test_post_processing_widens_over_the_run():
    config = EmbeddingConfig(TOY, steps=100)
    assert config.mixture(0) == config.mixture(19) == FIRST
    assert config.mixture(40) == config.mixture(99) == LAST
    assert FIRST.resized < config.mixture(30).resized < LAST.resized


# the trained embedding


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    weights, running = initial(TOY, 3)
    heads = {"source/kernel": jnp.ones((6, 3)), "source/offset": jnp.zeros(3)}
    path = tmp_path_factory.mktemp("embedding") / "toy.safetensors"
    save_embedder(path, TOY, weights | heads, running, {"labels": 3})
    return load_embedder(path)


def test_a_written_embedding_says_what_the_network_says(embedder):
    pictures = np.asarray(tiles(4, 96))
    found = embedder.tile_moments(pictures)
    weights = {name: jnp.asarray(value) for name, value in embedder.weights.items()}
    running = {name: jnp.asarray(value) for name, value in embedder.running.items()}
    assert not any(name.startswith(("source", "vector")) for name in weights) and embedder.about == {"labels": 3}
    expected = moments(TOY, weights, running, pictures)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    pooled = embedder.pooled(found)
    assert pooled.shape == (embedder.dimensions,) and pooled.dtype == np.float32
    expected = statistics(weights, running, expected.mean(0, keepdims=True))[0]
    np.testing.assert_allclose(pooled, expected, atol=1e-4)  # sums in another order
    kernels = initial(TOY, 3)[0]
    np.testing.assert_allclose(
        weights["0/enter/kernel"], kernels["0/enter/kernel"], rtol=1e-3, atol=1e-7
    )  # eleven bits


def test_transformed_kernels_say_what_plain_ones_say():
    shape = Shape((Stage(4, 32, 1), Stage(2, 40, 1)), hidden=8, dimensions=4)
    weights, running = initial(shape, 5)
    ready = prepared({name: np.asarray(value) for name, value in weights.items()})
    turned = {name for name, value in ready.items() if value.ndim == 3}
    assert turned == {"0/enter/kernel", "0/0/a/kernel", "0/0/b/kernel", "1/0/a/kernel", "1/0/b/kernel"}
    pictures = np.asarray(tiles(3, 96))
    found = moments(shape, {name: jnp.asarray(value) for name, value in ready.items()}, running, pictures)
    np.testing.assert_allclose(found, moments(shape, weights, running, pictures), rtol=1e-4, atol=1e-5)


def test_what_is_no_embedding_is_refused_in_one_line(tmp_path, embedder):
    with pytest.raises(EmbeddingError, match="cannot be read"):
        load_embedder(tmp_path / "none.safetensors")
    (tmp_path / "damaged.safetensors").write_bytes(b"12345678 and nothing else")
    with pytest.raises(EmbeddingError, match="is damaged"):
        load_embedder(tmp_path / "damaged.safetensors")


def test_the_shipped_embedding_is_small_and_known():
    shipped = load_embedder()
    assert sum(value.size for value in shipped.weights.values()) <= 5_000_000
    assert SHIPPED.stat().st_size < 10e6 and shipped.about is not None
    assert shipped is load_embedder()


# relatives


def test_a_relative_differs_by_little_and_by_its_number():
    import model_zoo

    parent = model_zoo.load("whorl-fsrcnn-x2")
    low = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    plain = parent.upscale(low).astype(int)
    made = [disturbed(parent, seed).upscale(low).astype(int) for seed in (1, 1, 2)]
    assert np.array_equal(made[0], made[1]) and not np.array_equal(made[0], made[2])
    assert 0 < np.abs(made[0] - plain).mean() < 12


def test_every_label_has_a_scale():
    from fingerprint.sources import Source

    sources = {"a-x3": Source("a-x3", "edsr", 3, "fidelity", "unknown", 1)}
    assert scale_classes(["a-x3", f"{RELATIVE}b-00", ENLARGED, "original:scan"], sources).tolist() == [3, 4, 1, 0]


def test_sources_weigh_by_the_root_of_their_photographs(samples):
    twice = [*samples, *(dataclasses.replace(s, group=f"{s.group}+") for s in samples if s.label == "a")]
    share = dict(zip(training_pool(twice).names, training_pool(twice).share, strict=True))
    assert share["a"] == pytest.approx(2**0.5 * share["b"])
