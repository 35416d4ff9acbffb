"""Imitators and what is learned from a picture's agreement with them, at toy size."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fingerprint_fakes import experts, one_kind, reference, training_set
from PIL import Image

import datasets
from fingerprint import posts
from fingerprint.conditions import CLEAN
from fingerprint.drawing import ahead
from fingerprint.expert import Scored, is_source
from fingerprint.imitation.agreement import (
    EDGE,
    Imitator,
    ImitatorError,
    compared,
    read_imitator,
    save_imitator,
    shipped_imitators,
)
from fingerprint.imitation.batches import Pool
from fingerprint.imitation.fitting import Fitted, Measured, _factors, agreement_vectors
from fingerprint.imitation.network import Shape, common, deviations, enlarged, features, initial, luma, reduced
from fingerprint.imitation.opinion import Opinion, read_opinion
from fingerprint.imitation.pictures import Scene
from fingerprint.imitation.store import read_tracers, write_tracers
from fingerprint.imitation.tracer import Say, Tracer, parted, vector
from fingerprint.imitation.training import ImitationConfig, train
from fingerprint.imitation.windows import MOST, SIDES, compare, corners, find_phase, unexplained, window_side
from fingerprint.lda import Discriminant, cross_fit
from fingerprint.reference import ReferenceError
from fingerprint.samples import UNSEEN, Sample, fold_of

NAMES = ("bicubic", "lanczos", "sharp")
SHAPE = Shape(2, NAMES, width=8, blocks=1, features=8)


def photograph(seed=0, side=240):
    """A picture with edges and grain."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    waves = np.stack([60 * np.sign(np.sin(rows / (5 + c) + columns / (9 + seed))) for c in range(3)], -1)
    return np.clip(128 + waves + rng.normal(0, 12, (side, side, 3)), 0, 255).astype(np.uint8)


def made(name, small):
    size = (2 * small.shape[0], 2 * small.shape[1])
    large = datasets.resize(small, size, "bicubic" if name == "sharp" else name)
    return posts.unsharp_masked(large, 1.5, 120, 0) if name == "sharp" else large


def scene(seed, names=NAMES, side=240):
    small = datasets.downscale(photograph(seed, side), 2)
    return Scene(f"photo{seed}", names, np.stack([made(name, small) for name in names]))


@pytest.fixture(scope="module")
def pool():
    scenes = [scene(seed) for seed in range(5)] + [scene(7, NAMES[:2])]
    return Pool(2, scenes, NAMES, frozenset(NAMES[:2]))


@pytest.fixture(scope="module")
def trained(pool, tmp_path_factory):
    """An imitator after 150 steps, its file, and how the run stood."""
    folder = tmp_path_factory.mktemp("imitator")
    config = ImitationConfig(SHAPE, steps=150, batch=4, others=1, rate=3e-3)
    reports = []
    state = train(config, pool, frozenset(NAMES[:2]), folder / "run", report=reports.append, every=50)
    save_imitator(folder / "x2.safetensors", SHAPE, state.mean, {"steps": 150})
    return read_imitator(folder / "x2.safetensors"), reports


# the network


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_reduction_and_enlargement_are_pillows(scale):
    pixels = photograph(1, 144) // 2 + 64  # far from black and white, where Pillow clips what it has in between
    small = np.asarray(reduced(pixels[None], scale))[0]
    assert np.abs(small - datasets.downscale(pixels, scale)).max() < 1.6  # it rounds in between, and at the end
    grey = datasets.downscale(pixels, scale)[..., 0]
    large = np.asarray(enlarged(jnp.asarray(grey[None], jnp.float32), scale))[0]
    assert np.abs(large - datasets.resize(grey, (144, 144))).max() < 1.6


def test_heads_of_some_sources_are_those_of_all():
    weights = initial(SHAPE, 0)
    maps = features(SHAPE, weights, reduced(photograph(0, 48)[None], 2))
    every = deviations(SHAPE, weights, maps)
    assert every.shape == (1, 3, 48, 48) and common(SHAPE, weights, maps).shape == (1, 48, 48)
    np.testing.assert_allclose(deviations(SHAPE, weights, maps, jnp.array([0, 2])), every[:, [0, 2]], atol=1e-4)


def test_luma_weighs_colours():
    np.testing.assert_allclose(
        luma(jnp.array([[100.0, 0, 0], [0, 100, 0], [0, 0, 100]])), [29.9, 58.7, 11.4], atol=1e-4
    )


# batches and training


def test_a_batch_is_a_function_of_seed_and_step(pool):
    first, second, other = (pool.batch(1, step, 4, 1) for step in (4, 4, 5))
    for one, two in zip(dataclasses.astuple(first), dataclasses.astuple(second), strict=True):
        assert np.array_equal(one, two)
    assert not np.array_equal(first.tiles, other.tiles)
    assert first.tiles.shape == (4, 72, 72, 3) and first.targets.shape == (4, 3, 72, 72)


def test_what_a_scene_lacks_is_not_present(pool):
    present = np.concatenate([pool.batch(0, step, 8, 1).present for step in range(6)])
    assert set(map(tuple, present.tolist())) == {(1.0, 1.0, 1.0), (1.0, 1.0, 0.0)}


def test_targets_lie_on_the_tile(pool):
    batch = pool.batch(3, 0, 8, 1)
    for tile, targets in zip(batch.tiles, batch.targets, strict=True):
        seen = np.asarray(luma(jnp.asarray(tile)))
        assert np.corrcoef(seen.ravel(), targets[0].ravel().astype(float))[0, 1] > 0.95


def test_a_source_that_changes_what_it_sees_is_not_seen():
    scenes = [scene(seed) for seed in range(2)]
    moved = [Scene(s.group, s.sources, np.stack([*s.pixels[:2], np.roll(s.pixels[2], 6, 1)])) for s in scenes]
    assert Pool(2, moved, NAMES, frozenset())._faithful.tolist() == [True, True, False]


def test_distances_are_those_to_the_nearest(pool):
    near = pool.nearest()
    assert near[0] == pytest.approx(near[1]) and near[2] > near[0]


def test_training_tells_the_sources_apart(trained):
    _, reports = trained
    assert reports[-1].step == 150 and reports[-1].common < reports[0].common
    assert all(reports[-1].sources[name] < reports[0].sources[name] for name in NAMES)


def test_an_interrupted_training_goes_on_to_the_same_bits(pool, tmp_path):
    config = ImitationConfig(SHAPE, steps=8, batch=2, others=1)
    whole = train(config, pool, frozenset(NAMES[:2]), tmp_path / "whole", keep_every=4)
    train(config, pool, frozenset(NAMES[:2]), tmp_path / "parts", keep_every=4, until=lambda: True)
    parts = train(config, pool, frozenset(NAMES[:2]), tmp_path / "parts", keep_every=4)
    for one, two in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        assert np.array_equal(one, two)


def test_an_error_while_drawing_reaches_the_loop():
    def draw(number):
        if number == 2:
            raise OSError("gone")
        return number

    with pytest.raises(OSError, match="gone"):
        list(ahead(draw, 0, 5))
    assert list(ahead(lambda number: number**2, 1, 4)) == [(1, 1), (2, 4), (3, 9)]


# files


def test_what_is_no_imitator_is_refused_in_one_line(tmp_path, trained):
    with pytest.raises(ImitatorError, match="cannot be read"):
        read_imitator(tmp_path / "none.safetensors")
    (tmp_path / "damaged.safetensors").write_bytes(b"12345678 and nothing else")
    with pytest.raises(ImitatorError, match="is damaged"):
        read_imitator(tmp_path / "damaged.safetensors")


def test_shipped_imitators_know_their_scale():
    for scale, imitator in shipped_imitators().items():
        assert imitator.shape.scale == scale and len(imitator.identity) == 16
        assert len(imitator.shape.sources) * scale**2 == imitator.weights["sources/offset"].size


# agreement


def test_sums_add_up_over_windows_in_any_company(trained):
    imitator, _ = trained
    windows = np.stack([scene(20 + k).pixels[0][:132, :132] for k in range(3)])
    whole = imitator.sums(windows)
    parts = [imitator.sums(window[None]) for window in windows]
    for name in ("products", "among", "energy"):
        np.testing.assert_array_equal(getattr(whole, name), np.sum([getattr(p, name) for p in parts], axis=0))
    assert whole.pixels == 3 * (132 - 2 * EDGE) ** 2
    with ThreadPoolExecutor(2) as threads:
        np.testing.assert_array_equal(imitator.sums(windows, threads).products, whole.products)


def test_bands_hold_all_there_is(trained):
    imitator, _ = trained
    weights = {name: jnp.asarray(value) for name, value in imitator.weights.items()}
    window = scene(20).pixels[0][:132, :132][None]
    _, among, _ = compared(SHAPE, weights, window)
    small = reduced(window, 2)
    told = deviations(SHAPE, weights, features(SHAPE, weights, small))
    apart = np.asarray(told - told.mean(axis=1, keepdims=True))[0, :, EDGE:-EDGE, EDGE:-EDGE].reshape(3, -1)
    energy = np.square(apart).sum(axis=1)
    # bands overlap a little, so that their energies do not add up to the whole
    assert (np.asarray(among)[0].sum(axis=0).diagonal() < 1.05 * energy).all()
    assert (np.asarray(among)[0].sum(axis=0).diagonal() > 0.3 * energy).all()


@pytest.mark.parametrize("quality", [None, 80])
def test_a_picture_agrees_best_with_its_source(trained, quality):
    imitator, _ = trained
    right = 0
    for seed in range(30, 36):
        pictures = scene(seed).pixels
        if quality:
            pictures = np.stack([datasets.jpeg_round_trip(picture, quality) for picture in pictures])
        told = np.stack([vector(imitator.sums(picture[None, :180, :180])) for picture in pictures])
        kernel, sharp = told[[0, 2], 3:6].T[[0, 2]]  # correlations with two sources, of the two sources' pictures
        right += int(kernel[0] > kernel[1]) + int(sharp[1] > sharp[0])
        assert told.shape == (3, 4 * (2 * 3 + 2)) and np.isfinite(told).all()
    assert right == 12


def test_the_phase_of_a_cut_picture_is_found(trained):
    imitator, _ = trained
    found = 0
    for seed in range(30, 38):
        down, across = seed % 2, seed // 2 % 2
        found += find_phase(imitator, scene(seed).pixels[2][down:, across:]) == (down, across)
    assert found >= 7


def test_windows_lie_on_the_lattice_and_inside():
    for height, width in ((135, 300), (192, 192), (1000, 700)):
        side = window_side(height, width)
        assert side in SIDES
        places = corners(height, width, 4, (3, 1), side)
        assert 1 <= len(places) <= MOST and len(set(places)) == len(places)
        for top, left in places:
            assert top % 4 == 3 and left % 4 == 1 and top + side <= height and left + side <= width
    assert window_side(134, 500) is None


def test_a_small_picture_is_not_compared(trained):
    assert compare(trained[0], photograph(0, 130)) is None
    assert compare(trained[0], photograph(0, 140)) is not None


def test_what_the_sources_explain_is_less_than_all(trained):
    sums = trained[0].sums(scene(30).pixels[2][None, :180, :180])
    assert 0 < unexplained(sums) < sums.energy.sum()


# the tracer


def tracer(classes=("alpha-x2", "kernel-x2"), scale=2, imitator="0" * 16):
    """Scores are the first two numbers of a vector."""
    weights = np.eye(len(classes), dtype=np.float32)
    discriminant = Discriminant(tuple(classes), weights, np.zeros(len(classes), np.float32))
    return Tracer(scale, imitator, discriminant, {"clean": Say(0.5, 2.0, one_kind(len(classes)))})


def scored(log_sources, known=1.0, upscaled=2.0):
    names = ("alpha-x2", "beta-x3", "gamma-x4", "kernel-x2")
    log_sources = np.log(np.array([log_sources]))
    return Scored(log_sources, np.array([known]), np.array([upscaled]), {}, np.zeros(1), names)


def test_agreement_decides_within_its_scale_alone():
    before = scored([0.3, 0.2, 0.1, 0.4])
    after = tracer().joined(before, np.array([[3.0, 0.0]]), "clean")
    share = np.exp(after.log_sources[0])
    assert share[[1, 2]] == pytest.approx([0.2, 0.1]) and share.sum() == pytest.approx(1)
    odds = np.log(share[0] / share[3])
    assert odds == pytest.approx(0.5 * np.log(0.3 / 0.4) + 2.0 * 3.0)
    assert after.known == pytest.approx(1.0)  # whether it is enrolled at all is the experts' to say


def test_an_opinion_is_asked_where_it_counts(trained):
    imitator, _ = trained
    opinion = Opinion({2: tracer(imitator=imitator.identity)}, {2: imitator})
    picture = scene(30).pixels[0]
    kept = (
        (scored([0.3, 0.2, 0.1, 0.4], upscaled=-5.0), picture, "clean"),  # a photograph
        (scored([0.01, 0.5, 0.47, 0.02]), picture, "clean"),  # another scale
        (scored([0.3, 0.2, 0.1, 0.4]), picture, "jpeg-51"),  # a condition it knows nothing of
        (scored([0.3, 0.2, 0.1, 0.4]), picture[:100], "clean"),  # too small
        (dataclasses.replace(scored([0.3, 0.2, 0.1, 0.4]), sources=("a", "b", "c", "d")), picture, "clean"),
    )
    for said, pixels, condition in kept:
        assert opinion.joined(pixels, said, condition) is said
    said = scored([0.3, 0.2, 0.1, 0.4])
    plain = Discriminant(("alpha-x2", "kernel-x2"), np.ones((32, 2), np.float32), np.zeros(2, np.float32))
    wide = dataclasses.replace(tracer(imitator=imitator.identity), discriminant=plain)
    joined = Opinion({2: wide}, {2: imitator}).joined(picture, said, "clean")
    assert joined is not said and np.exp(joined.log_sources).sum() == pytest.approx(1)


def test_parts_of_probabilities_sum_to_one():
    within, total = parted(np.log(np.array([[0.1, 0.3]])))
    assert np.exp(within).sum() == pytest.approx(1) and np.exp(total[0, 0]) == pytest.approx(0.4)
    discriminant = tracer().discriminant
    assert discriminant.steady_scores(np.array([[1.0, 2.0]])).tolist() == [[1.0, 2.0]]


# fitting


def test_factors_follow_what_tells():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 4, 400)
    sure = 3.0 * np.eye(4)[target] + rng.normal(0, 1, (400, 4))
    noise = rng.normal(0, 1, (400, 4))
    weights = np.full(400, 1 / 400)
    useless, useful = _factors(parted(noise)[0], sure, target, weights)
    assert useless < 0.2 and useful > 1.0


def made_up_vectors(data):
    """Vectors of agreement that tell the made-up sources apart as the features do."""
    rng = np.random.default_rng(3)
    means = np.random.default_rng(4).normal(0, 1.5, (len(np.unique(data.labels)), 12))
    _, index = np.unique(data.labels, return_inverse=True)
    return (means[index] + rng.normal(size=(len(index), 12))).astype(np.float32)


def test_a_say_helps_on_what_was_held_out():
    data = training_set(spread=0.25)
    data = data.take(np.array([is_source(label) for label in data.labels]))
    told = made_up_vectors(data)
    crossed = cross_fit(told, data.labels, data.folds, 0.1)
    part = crossed.folds[UNSEEN]
    assert part.of_means is not None
    expert = experts()[1][UNSEEN]
    without = dataclasses.replace(reference(), experts={("colour", "clean"): expert})
    mine = data.folds == UNSEEN
    say = Fitted(part, without).say("clean", data.features[mine], told[mine], data.labels[mine])
    assert say.agreement > 0.2
    joined = Tracer(2, "", part, {"clean": say})
    before = expert.score(expert.detector.scores(data.features[mine]), expert.tracer.scores(data.features[mine]))
    after = joined.joined(before, told[mine], "clean")
    names = np.array(before.sources)

    def right(said):
        return float((names[said.log_sources.argmax(axis=1)] == data.labels[mine]).mean())

    assert right(after) > right(before) + 0.1


def test_vectors_are_measured_once_and_go_with_their_rows(trained, tmp_path):
    imitator, _ = trained
    samples = []
    for seed in range(6):
        for name in NAMES[:2]:
            path = tmp_path / f"{name}-{seed}.png"
            Image.fromarray(scene(seed, (name,)).pixels[0]).save(path)
            samples.append(Sample(name, f"photo{seed}", path, copies=2))
    counted = []
    first = agreement_vectors(samples, CLEAN, imitator, tmp_path / "kept", lambda label: 4, counted.append)
    again = agreement_vectors(samples, CLEAN, imitator, tmp_path / "kept", lambda label: 4)
    assert isinstance(first, Measured) and np.array_equal(first.told, again.told) and counted == [4, 4]
    assert first.labels.tolist() == ["bicubic"] * 4 + ["lanczos"] * 4
    assert first.rows.tolist() == [0, 2, 4, 6, 12, 14, 16, 18]  # each sample has two copies
    assert first.folds.tolist() == [fold_of(f"photo{seed}") for seed in range(4)] * 2


# on disk


def test_tracers_come_back_as_they_were_written(trained, tmp_path):
    imitator, _ = trained
    one = tracer(imitator=imitator.identity)
    path = write_tracers({2: one}, "sha256:1", {"x2": {"clean": 3}}, tmp_path)
    assert json.loads(path.read_text())["card"] == {"x2": {"clean": 3}}
    back = read_tracers(tmp_path, "sha256:1", {2: imitator})[2]
    told = np.array([[1.5, 0.5]])
    one, back = (t.joined(scored([0.3, 0.2, 0.1, 0.4]), told, "clean") for t in (one, back))
    np.testing.assert_allclose(back.log_sources, one.log_sources, rtol=1e-6)
    np.testing.assert_allclose(back.known, one.known, rtol=1e-6)


def test_tracers_of_others_are_refused(trained, tmp_path):
    imitator, _ = trained
    write_tracers({2: tracer(imitator=imitator.identity)}, "sha256:1", {}, tmp_path)
    with pytest.raises(ReferenceError, match="belongs to another reference"):
        read_tracers(tmp_path, "sha256:2", {2: imitator})
    for others in ({}, {2: dataclasses.replace(imitator, identity="1" * 16)}):
        with pytest.raises(ReferenceError, match="other imitators"):
            read_tracers(tmp_path, "sha256:1", others)
    (tmp_path / "agreement.safetensors").write_bytes(b"nothing")
    with pytest.raises(ReferenceError, match="is damaged"):
        read_tracers(tmp_path, "sha256:1", {2: imitator})
    (tmp_path / "agreement.json").write_text("[]")
    with pytest.raises(ReferenceError, match="is damaged"):
        read_tracers(tmp_path, "sha256:1", {2: imitator})
    assert read_opinion(tmp_path / "elsewhere", "sha256:1") is None


def test_an_imitator_is_only_its_numbers(trained):
    imitator, _ = trained
    assert isinstance(imitator, Imitator) and imitator.weights["enter/kernel"].dtype == np.float32
