"""The adversary's bench: attacks do what they say, the surrogate is like the tool, outcomes are counted right."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fingerprint_fakes import reference, texture

import model_zoo
from fingerprint import Attributor, Candidate, Priors
from fingerprint.adversary import bench, defences, gradient, trials
from fingerprint.adversary import surrogate as stand_in
from fingerprint.adversary.bench import ALL, COPY, FEATURES, PLAIN, TILES, Outcome, Plan, run
from fingerprint.adversary.defences import ACCUSED, CLEARED, Case, Weighed, doubts, evidence_shares, shifted, side_of
from fingerprint.adversary.forgery import PERIOD, REMAKING, residual, style, with_pattern, with_spectrum
from fingerprint.adversary.gradient import GROUPS, WhiteBox, climb
from fingerprint.adversary.removal import REMOVALS, averaged_alike, denoised, foreign_residual, recompressed, remade
from fingerprint.adversary.subjects import Subject, innocent_subjects, sources_subjects
from fingerprint.adversary.trials import ATTACKS, CONTROLS, Trial, trials_of
from fingerprint.attributor import Attributor as Tool
from fingerprint.conditions import CLEAN
from fingerprint.decide import decide
from fingerprint.embedding.embedder import Embedder
from fingerprint.embedding.network import Shape, Stage, initial
from fingerprint.expert import Expert
from fingerprint.lda import Discriminant
from fingerprint.reference import Reference
from spectra import DIMENSIONS
from spectra.cooccurrence import BINS, KERNELS, ORDER, SUBMODELS, symmetry_map

SIDE = 108
SIZE = (96, SIDE)  # two tiles; programs for slopes are compiled once for all pictures of one size
TINY = Shape((Stage(8, 8, 0),), hidden=16, dimensions=8)
SOFT = jax.jit(stand_in._soft_value)


@pytest.fixture(scope="module")
def tool() -> Tool:
    return Attributor(reference())


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return texture(*SIZE)


@pytest.fixture(scope="module")
def half_flat(picture: np.ndarray) -> np.ndarray:
    """The first of its two tiles shows nothing."""
    pixels = picture.copy()
    pixels[:, :98] = 128
    return pixels


@pytest.fixture(scope="module")
def tiny() -> Embedder:
    weights, running = ({k: np.asarray(v) for k, v in part.items()} for part in initial(TINY, 0))
    return Embedder(TINY, weights, running)


@pytest.fixture(scope="module")
def resting(tool: Tool, tiny: Embedder) -> Reference:
    """A reference whose features end with the tiny embedding's."""
    rng = np.random.default_rng(5)

    def longer(part: Discriminant, size: float = 0.5) -> Discriminant:
        more = rng.normal(0, size, (tiny.dimensions, len(part.classes))).astype(np.float32)
        return replace(part, weights=np.concatenate([part.weights[:DIMENSIONS], more]))

    one, key = tool.reference, ("colour", "clean")
    expert = replace(
        one.experts[key], detector=longer(one.experts[key].detector), tracer=longer(one.experts[key].tracer)
    )
    routers = {**one.routers, "colour": longer(one.routers["colour"], 0.0)}
    return replace(one, experts={**one.experts, key: expert}, routers=routers)


@pytest.fixture
def adversary(resting: Reference, tiny: Embedder, monkeypatch: pytest.MonkeyPatch) -> WhiteBox:
    """Attacks that reference. All tests of slopes share its one program: compiling it takes longer than they do."""
    monkeypatch.setattr(stand_in, "load_embedder", lambda: tiny)
    return WhiteBox(resting, Priors(), steps=2)


def vector(tool: Tool, pixels: np.ndarray) -> np.ndarray:
    """What attribution measures."""
    measured = tool.measure(pixels)
    assert measured is not None
    return measured.features


def embedded(tiny: Embedder, pixels: np.ndarray, lefts: Sequence[int] = (0, 8)) -> np.ndarray:
    """What the tiny embedding says of a picture of that size: its second tile, at column 12, is moved to column 8."""
    return tiny.pooled(tiny.tile_moments(np.stack([pixels[:96, left : left + 96] for left in lefts])))


def asked(expert: Expert, row: np.ndarray) -> float:
    """The log likelihood ratio of upscaled."""
    return float(expert.score(expert.detector.scores(row[None]), expert.tracer.scores(row[None])).upscaled[0])


def mirrored(pixels: np.ndarray) -> SimpleNamespace:
    """Stands for a network of scale 2 that repeats pixels."""
    return SimpleNamespace(scale=2, upscale=lambda small: small.repeat(2, axis=0).repeat(2, axis=1))


# surrogate


def test_the_surrogate_measures_what_the_tool_measures(picture: np.ndarray, half_flat: np.ndarray, tool: Tool) -> None:
    embedder = stand_in.learned_part(tool.reference)
    learned, shape = (None, None) if embedder is None else (stand_in.arrays_of(embedder), embedder.shape)
    program = jax.jit(stand_in.features, static_argnames="shape")
    for pixels in (picture, half_flat):
        near = pixels + np.random.default_rng(0).uniform(-0.4, 0.4, pixels.shape)
        found, features = program(jnp.asarray(near, jnp.float32), learned, shape), vector(tool, pixels)
        assert found.shape == features.shape
        # both are float32; spectra are logarithms of sums that XLA orders differently, counts are exact
        np.testing.assert_allclose(found[:DIMENSIONS], features[:DIMENSIONS], atol=2e-5)
        # what an embedding says of its maps is of the size of one, and as exact as its convolutions
        np.testing.assert_allclose(found[DIMENSIONS:], features[DIMENSIONS:], atol=2e-3)


def test_slopes_are_of_the_evidence_on_rounded_pixels(
    picture: np.ndarray, half_flat: np.ndarray, tool: Tool, resting: Reference, tiny: Embedder
) -> None:
    model, expert = stand_in.model_of(resting, "clean"), resting.experts["colour", "clean"]
    every, still = jnp.ones(len(model.detector[0]), bool), jnp.zeros(len(model.detector[0]))
    learned, aim = stand_in.arrays_of(tiny), jnp.asarray(-1)
    for pixels, lefts in ((picture, (0, 8)), (half_flat, (8,))):  # no texture in the first tile, so it is left out
        near = pixels + np.random.default_rng(0).uniform(-0.4, 0.4, pixels.shape)
        value, found, slope = gradient._slope(
            jnp.asarray(near, jnp.float32), model, still, every, aim, learned, TINY, Priors()
        )
        row = np.concatenate([vector(tool, pixels)[:DIMENSIONS], embedded(tiny, pixels, lefts)])
        # a sum of some hundred products in float32 here, in float64 there
        np.testing.assert_allclose(found, row, atol=1e-4)
        assert value == pytest.approx(-asked(expert, row), rel=1e-3, abs=2e-2)
        assert slope.shape == pixels.shape and np.isfinite(slope).all() and np.abs(slope).max() > 0


def test_an_embedding_must_be_the_one_that_the_reference_rests_on(
    resting: Reference, tiny: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_in, "load_embedder", lambda: tiny)
    assert stand_in.learned_part(resting) is tiny
    monkeypatch.setattr(stand_in, "load_embedder", lambda: replace(tiny, shape=replace(TINY, stages=(Stage(8, 9, 0),))))
    with pytest.raises(ValueError, match=f"reference must rest on {DIMENSIONS} features, or {DIMENSIONS + 18} with"):
        stand_in.learned_part(resting)


def test_the_surrogate_tells_what_the_expert_tells(tool: Tool) -> None:
    told, tell = stand_in.model_of(tool.reference, "clean"), jax.jit(stand_in.tell)
    for seed in range(3):
        row = vector(tool, texture(100, 100, seed))
        found = tell(told, jnp.asarray(row))
        _agree(found, tool.reference.experts["colour", "clean"], row)
        assert found.routed == pytest.approx(0, abs=1e-2)  # the router calls every picture clean


def _agree(found: stand_in.Told, expert: Expert, row: np.ndarray) -> None:
    scored = expert.score(expert.detector.scores(row[None]), expert.tracer.scores(row[None]))
    # scores of thrown discriminants reach hundreds; float32 has seven digits
    np.testing.assert_allclose(found.upscaled, scored.upscaled[0], rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(found.known, scored.known[0], rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(found.log_sources, scored.log_sources[0], rtol=1e-3, atol=1e-2)


def _hat_counts(residual_map: np.ndarray, step: int, axis: int) -> np.ndarray:
    """Count runs of four softly, straight from the definition: (625,)."""
    upper = np.array([k * step - step // 2 - 0.5 for k in (1, 2)])
    bins = np.sum([np.clip((residual_map - b) / step + 0.5, 0, 1) for b in (*-upper, *upper)], axis=0)
    hats = np.maximum(0, 1 - np.abs(bins[None] - np.arange(5)[:, None, None]))
    length = hats.shape[axis + 1] - ORDER + 1
    runs = [hats.take(range(k, k + length), axis=axis + 1) for k in range(ORDER)]
    return np.einsum("ayx,byx,cyx,dyx->abcd", *runs, optimize=True).reshape(BINS)


@pytest.mark.parametrize("number", [1, 5, 6])
def test_soft_counts_follow_their_definition(picture: np.ndarray, number: int) -> None:
    rng = np.random.default_rng(number)
    tile = picture[:96, :96] + rng.uniform(-1, 1, (96, 96, 3))
    table = rng.normal(size=169)
    worth = np.zeros((3, len(SUBMODELS), 169), np.float32)
    worth[1, number] = table
    plane, sub = tile[..., 0] - tile[..., 1], SUBMODELS[number]
    kernel, expected = np.array(KERNELS[sub.kernel]), 0.0
    for transposed in (False, True):
        weights = kernel.T if transposed else kernel
        windows = np.lib.stride_tricks.sliding_window_view(plane, weights.shape)
        found = _hat_counts(
            (windows * weights).sum(axis=(2, 3)), sub.step, 0 if transposed == (sub.scan == "along") else 1
        )
        expected += found @ table[symmetry_map()]
    value = SOFT(jnp.asarray(tile, jnp.float32), jnp.asarray(worth))
    assert value == pytest.approx(expected, rel=1e-3, abs=0.5)  # a sum of 17,000 terms in float32


def test_slopes_of_counts_are_those_of_soft_counts(picture: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    tile = jnp.asarray(picture[:96, :96] + rng.uniform(-0.3, 0.3, (96, 96, 3)), jnp.float32)
    worth = np.zeros((3, len(SUBMODELS), 169), np.float32)
    worth[1:] = rng.normal(size=(2, len(SUBMODELS), 169))  # luma is rounded, its differences say nothing
    slope = jax.jit(jax.grad(lambda x: (stand_in.counts_of(x) * worth).sum()))(tile)
    assert not np.allclose(slope[..., 0], 0) and np.abs(slope).max() < 1e3
    way = 2e-3 * jnp.sign(slope)
    change = float(SOFT(tile + way, jnp.asarray(worth)) - SOFT(tile - way, jnp.asarray(worth)))
    # between its kinks the value is linear, and few of them lie within so small a step
    assert change == pytest.approx(2 * float((slope * way).sum()), rel=0.05)


# gradient


def test_climbing_stays_within_the_bound_and_keeps_the_best() -> None:
    start = np.full((4, 4, 3), 100, np.uint8)
    start[0, 0] = 255
    seen = []

    def slope(pixels: jax.Array) -> tuple[jax.Array, jax.Array]:
        seen.append(float(jnp.rint(pixels).sum()))
        wanted = len(seen) < 6  # later on the wrong way
        return jnp.float32(seen[-1] if wanted else -1.0), jnp.full(pixels.shape, 1.0 if wanted else -1.0)

    found = climb(slope, start, 2, 10)
    assert len(seen) == 11 and found.dtype == np.uint8
    assert np.array_equal(found[1:], start[1:] + 2) and np.array_equal(found[0, 0], start[0, 0])
    assert np.array_equal(climb(lambda p: (jnp.float32(0), jnp.ones_like(p)), start, 2, 3), start)


def test_the_white_box_attack_moves_what_the_tool_says(
    tool: Tool, picture: np.ndarray, adversary: WhiteBox, tiny: Embedder
) -> None:
    expert = adversary.reference.experts["colour", "clean"]

    def row(pixels: np.ndarray) -> np.ndarray:
        return np.concatenate([vector(tool, pixels)[:DIMENSIONS], embedded(tiny, pixels)])

    before, hidden = row(picture), adversary.perturb(picture)
    assert hidden.dtype == np.uint8 and np.abs(hidden.astype(int) - picture).max() <= 2
    assert asked(expert, row(hidden)) < asked(expert, before) - 1
    forged = replace(adversary, steps=3).perturb(picture, "beta-x3", bound=1)  # two steps move nothing by half a level
    assert np.abs(forged.astype(int) - picture).max() <= 1
    column = expert.sources.index("beta-x3")
    scores = [expert.tracer.scores(one[None])[0] for one in (before, row(forged))]
    was, now = (score[column] - np.delete(score, column).max() for score in scores)
    assert now > was
    # an adversary who knows one kind of features climbs by it alone
    found = {name: adversary.perturb(picture, group=name) for name in GROUPS}
    assert len({pixels.tobytes() for pixels in found.values()}) == len(GROUPS) == 3
    for name, pixels in found.items():
        mixed = before.copy()
        mixed[GROUPS[name]] = row(pixels)[GROUPS[name]]
        assert asked(expert, mixed) < asked(expert, before), name


def test_a_wrong_aim_is_refused(picture: np.ndarray, adversary: WhiteBox, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="source must be enrolled"):
        adversary.perturb(picture, "nobody")
    with pytest.raises(ValueError, match="group must be one of co-occurrences, spectra, embedding"):
        adversary.perturb(picture, group="colours")
    with pytest.raises(ValueError, match="at least 96x96"):
        stand_in.origins_of(jnp.zeros((95, 200, 3)))
    monkeypatch.setitem(gradient.GROUPS, "embedding", slice(10**6, None))  # none of the features
    with pytest.raises(ValueError, match="group embedding is not among the features that the reference rests on"):
        adversary.perturb(picture, group="embedding")


# removal


@pytest.mark.parametrize("name", [name for name in REMOVALS if name not in ("second-upscaler", "residual")])
def test_removals_change_a_picture_and_keep_its_size(name: str, picture: np.ndarray) -> None:
    for change in REMOVALS[name].values():
        one, same = (change(picture, np.random.default_rng(3)) for _ in range(2))
        assert one.pixels.shape == picture.shape and one.pixels.dtype == np.uint8
        assert not np.array_equal(one.pixels, picture) and np.array_equal(one.pixels, same.pixels)
        assert np.abs(one.pixels.astype(float) - picture).mean() < 25  # noise of 8 levels may go, the picture stays


def test_recompression_ends_in_a_file_and_may_move_its_grid(picture: np.ndarray) -> None:
    on, off = (recompressed(picture, (60, 90), off_grid=moved) for moved in (False, True))
    assert on.jpeg is not None and on.jpeg[:2] == b"\xff\xd8"
    assert not np.array_equal(on.pixels, off.pixels)
    assert np.abs(on.pixels.astype(float) - picture).mean() < 15 > np.abs(off.pixels.astype(float) - picture).mean()
    assert np.array_equal(recompressed(picture, (90,)).pixels, recompressed(picture, (90,), off_grid=True).pixels)


def test_denoising_takes_noise_away() -> None:
    rows = np.linspace(40, 200, 96)[:, None, None]
    smooth = np.broadcast_to(rows, (*SIZE, 3))
    noisy = np.clip(np.rint(smooth + np.random.default_rng(0).normal(0, 4, smooth.shape)), 0, 255).astype(np.uint8)
    for cleaned in (denoised(noisy, 4.0), averaged_alike(noisy, 6.0)):
        assert np.std(cleaned - smooth) < 0.8 * np.std(noisy - smooth)


def test_what_an_attack_lacks_is_said(tool: Tool, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.restoration", None)
    with pytest.raises(ValueError, match="needs the package scikit-image"):
        averaged_alike(picture, 3.0)
    monkeypatch.setattr(trials, "find_spec", lambda name: None)
    monkeypatch.setattr(trials, "learned_part", lambda reference: None)
    assert set(trials.missing(tool)) == {"non-local-means", "gradient-embedding"}
    monkeypatch.undo()
    monkeypatch.setattr(trials, "find_spec", lambda name: name)
    monkeypatch.setattr(trials, "learned_part", lambda reference: reference)
    assert trials.missing(tool) == {}


def test_a_second_network_gets_what_is_left_after_a_reduction(
    picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_zoo, "load", mirrored)
    again = remade(picture, "any")
    assert again.shape == picture.shape and np.array_equal(again[::2, ::2], again[1::2, 1::2])
    added = foreign_residual(picture, "any")
    assert added.shape == picture.shape and np.abs(added).mean() > 1
    half = REMAKING["forge-blend"]["half"](picture, "any").astype(float)
    np.testing.assert_allclose(half, (picture.astype(float) + again) / 2, atol=0.51)


# forgery


def _with_grid(pixels: np.ndarray, height: int = 6) -> np.ndarray:
    made = np.clip(pixels.astype(int), 0, 240)
    made[::3, ::3] += height
    return made.astype(np.uint8)


def test_a_style_is_a_spectrum_and_a_pattern() -> None:
    pictures = [texture(SIDE, SIDE, seed) for seed in range(3)]
    plain, marked = style(pictures), style([_with_grid(p) for p in pictures])
    assert plain.pattern.shape == (PERIOD, PERIOD, 3)
    there = np.zeros((PERIOD, PERIOD), bool)
    there[::3, ::3] = True
    difference = (marked.pattern - plain.pattern).mean(axis=2)
    assert difference[there].min() > difference[~there].max() + 1
    assert (marked.power[16, 16] > plain.power[16, 16]).all()  # a third of a cycle a pixel, both ways
    with pytest.raises(ValueError, match="at least one picture"):
        style([])


def test_spectra_and_patterns_are_passed_on() -> None:
    pictures = [texture(SIDE, SIDE, seed) for seed in range(3)]
    plain, marked = style(pictures), style([_with_grid(p, 20) for p in pictures])
    target = texture(SIDE, SIDE + 12, 7)
    assert np.array_equal(with_spectrum(target, plain, plain, 1.0), target)

    def gain(pixels: np.ndarray) -> float:
        return float((style([pixels]).power[16, 16] / style([target]).power[16, 16]).mean())

    half, whole = (gain(with_spectrum(target, plain, marked, share)) for share in (0.5, 1.0))
    assert 1.2 < half < whole
    found = residual(with_pattern(target, plain, marked, 3.0)) - residual(target)
    assert found[::3, ::3].mean() > found[1::3, 1::3].mean() + 1


# trials


def test_the_menu_begins_with_controls_and_has_every_strength(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "runnable", lambda: frozenset({"whorl-edsr-x4"}))
    found = trials_of(ATTACKS, ("whorl-edsr-x4", "imdn-x2"))
    assert [trial.attack for trial in found[: len(CONTROLS)]] == list(CONTROLS)
    assert found[0].untouched and not found[1].untouched and found[1].control and not found[-1].control
    assert {trial.attack for trial in found} == {*CONTROLS, *ATTACKS}
    assert len({trial.title for trial in found}) == len(found)
    assert {trial.target for trial in found if trial.attack == "forge-gradient"} == {"whorl-edsr-x4", "imdn-x2"}
    assert {trial.target for trial in found if trial.attack == "remake"} == {"whorl-edsr-x4"}
    with pytest.raises(ValueError, match="attacks must be among recompress"):
        trials_of(["magic"], ("imdn-x2",))
    with pytest.raises(ValueError, match="targets must name a network that can be run here for remake"):
        trials_of(["remake"], ("imdn-x2",))


def test_attacks_fit_whom_they_can_mislead(picture: np.ndarray) -> None:
    made, photograph = (Subject(name, "p", picture) for name in ("whorl-edsr-x2", "original"))
    assert photograph.innocent and not made.innocent
    spare = replace(photograph, spare=True)
    assert Trial("jpeg 90").fits(spare) and not Trial("forge-gradient", "1 level", "imdn-x2").fits(spare)
    fits = [
        (Trial("median", "3x3"), True, False),
        (Trial("jpeg 90"), True, True),
        (Trial("second-upscaler", "whorl-edsr-x2"), False, False),
        (Trial("residual", "whorl-edsr-x2 at 0.5"), False, False),
        (Trial("residual", "whorl-edsr-x4 at 0.5"), True, False),
        (Trial("forge-gradient", "1 level", "whorl-edsr-x2"), False, True),
    ]
    for trial, one, other in fits:
        assert (trial.fits(made), trial.fits(photograph)) == (one, other), trial
    assert Trial("second-upscaler", "whorl-edsr-x4").maker == "whorl-edsr-x4"
    assert (
        Trial("remake", "whole", "imdn-x2").maker == "imdn-x2" and Trial("forge-blend", "half", "imdn-x2").maker is None
    )


# defences


def _weighed(tool: Tool, features: np.ndarray) -> Weighed:
    expert, row = tool.reference.experts["colour", "clean"], features[None]
    scored = expert.score(expert.detector.scores(row), expert.tracer.scores(row))
    decision = decide(expert, scored, 0, tool.reference.thresholds["colour", "clean"], Priors())
    return Weighed(CLEAN, scored, decision, features)


def test_secret_cuts_depend_on_the_key_and_agree_on_the_whole(tool: Tool) -> None:
    pixels = texture(120, 130, 4)
    one, same, other = (shifted(tool, pixels, CLEAN, key) for key in ([1, 2], [1, 2], [3]))
    assert one is not None and same is not None and other is not None
    assert np.array_equal(one.sources, same.sources) and not np.array_equal(one.sources, other.sources)
    whole = texture(96, 96, 4)  # no room to move
    still, measured = shifted(tool, whole, CLEAN, [1]), tool.measure(whole)
    assert still is not None and measured is not None
    np.testing.assert_allclose(still.sources, _weighed(tool, measured.features).decision.sources, rtol=1e-6)
    assert shifted(tool, np.full((100, 100, 3), 128, np.uint8), CLEAN, [1]) is None


def test_shares_add_up_to_the_evidence(tool: Tool) -> None:
    expert = tool.reference.experts["colour", "clean"]
    one = vector(tool, texture(96, 96, 1))
    near = one + np.random.default_rng(0).normal(0, 1e-5, one.shape).astype(np.float32)
    shares = evidence_shares(expert, near, one.astype(np.float64))
    rests_on = set(GROUPS) if stand_in.learned_part(tool.reference) else {"co-occurrences", "spectra"}
    assert set(shares) == rests_on
    change = _weighed(tool, near).scored.upscaled[0] - _weighed(tool, one).scored.upscaled[0]
    # a small step: the evidence changes by its slope
    assert sum(shares.values()) == pytest.approx(change, rel=0.1, abs=2e-3)


def test_an_unusual_part_of_one_kind_of_features_is_doubted(tool: Tool) -> None:
    rng = np.random.default_rng(0)
    detector = tool.reference.experts["colour", "clean"].detector
    way = detector.weights[:, 0] - detector.weights[:, detector.classes.index("original:scan")]
    base = vector(tool, texture(96, 96, 1))
    size = np.linalg.norm(way)

    def features(parts: tuple[float, float]) -> np.ndarray:
        moved = base + rng.normal(0, 1e-4, base.shape)
        for place, part in zip((GROUPS["co-occurrences"], GROUPS["spectra"]), parts, strict=True):
            moved[place] += part * way[place] / size
        return moved.astype(np.float32)

    cases = [
        Case(f"p{k}", "known_source", _weighed(tool, features((0.5 * k / 30, 0.5 * k / 30))), True) for k in range(40)
    ]
    cases += [Case("q", "known_source", _weighed(tool, features(parts)), False) for parts in ((0.4, 0.4), (6.0, -6.0))]
    cases.append(Case("q", "inconclusive", _weighed(tool, features((6.0, -6.0))), False))
    flags = doubts(cases, tool.reference)
    assert flags[:40].mean() < 0.3 and list(flags[41:]) == [True, False]
    assert not doubts(cases[:5] + cases[-2:], tool.reference).any()  # too few to compare with


def test_sides() -> None:
    verdicts = ("known_source", "unknown_source", "not_upscaled", "inconclusive")
    assert [side_of(verdict) for verdict in verdicts] == [ACCUSED, ACCUSED, CLEARED, None]


# bench


@pytest.fixture(scope="module")
def subjects() -> list[Subject]:
    names = (("alpha-x2", "p"), ("alpha-x2", "q"), ("gamma-x4", "p"), ("original", "r"))
    return [Subject(name, photograph, texture(*SIZE, k)) for k, (name, photograph) in enumerate(names)]


def _plan(folder: Path, attacks: tuple[str, ...], **settings) -> Plan:
    return Plan(("alpha-x2", "gamma-x4"), ("beta-x3",), attacks, 2, folder / "renders", steps=1, **settings)


def test_the_bench_attacks_every_picture_and_counts(
    tool: Tool, subjects: list[Subject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for = []

    class Stub:
        """Stands for the attack along slopes, which other tests are about."""

        def __init__(self, reference: Reference, priors: Priors, steps: int) -> None:
            assert (reference, priors, steps) == (tool.reference, tool.priors, 1)

        def perturb(self, pixels: np.ndarray, *aim: object) -> np.ndarray:
            asked_for.append(aim)
            return pixels ^ 1

    monkeypatch.setattr(trials, "WhiteBox", Stub)
    monkeypatch.setattr(trials, "BOUNDS", {"1 level": 1.0})
    monkeypatch.setattr(defences, "LOOKS", 2)
    plan = _plan(tmp_path, ("forge-gradient", "median"), keep=tmp_path / "kept")
    steps, done, partly = [], [], []
    rows = run(plan, subjects, tool, steps.append, done.append, keep=partly.append)
    assert json.loads(json.dumps(rows, allow_nan=False))[0]["attack"] == "untouched"
    assert sum(done) == bench.tried(plan, subjects) == sum(row["images"] for row in rows)
    assert steps == ["untouched", "jpeg 96", "jpeg 90", "forge-gradient 1 level as beta-x3", "median 3x3"]
    by_name = {(row["attack"], row["strength"], row["pictures"]): row for row in rows}
    assert [row["attack"] for row in rows[6:]] == ["median", "forge-gradient", "forge-gradient"]  # in the menu's order
    assert ("median", "3x3", "innocent") not in by_name
    untouched = by_name["untouched", "", "upscaled"]
    assert (untouched["psnr"], untouched["ssim"], untouched["images"], untouched["photographs"]) == (None, 1.0, 3, 2)
    assert untouched["log10_lr_upscaled"]["before"] == untouched["log10_lr_upscaled"]["after"]
    forged = by_name["forge-gradient", "1 level", "innocent"]
    assert forged["psnr"] > 46 and forged["target"] == "beta-x3" and forged["log10_lr_source"] is None
    assert set(forged["log10_lr_target"]) == {"before", "after"}
    assert 0 <= forged["named_target"]["share"] <= 1
    for row in rows:
        assert sum(entry["share"] for entry in row["verdicts"].values()) == pytest.approx(1, abs=1e-3)
        assert set(row["defences"]) == {PLAIN, TILES, COPY, FEATURES, ALL}
    kept = tmp_path / "kept" / "jpeg-96"
    assert len(list(kept.iterdir())) == 4 and (kept / "gamma-x4-p.jpg").exists()
    assert [len(some) for some in partly] == [6, 8, 9]
    assert asked_for == [("beta-x3", 1.0, None)] * 4
    # one worker, the forgeries kept: the same rows, and the controls again, which limits rest on
    steps.clear()
    done.clear()
    assert run(plan, subjects, tool, steps.append, done.append, workers=1, kept=partly[1]) == rows
    assert steps == ["untouched", "jpeg 96", "jpeg 90", "median 3x3"] and sum(done) == sum(r["images"] for r in rows)
    monkeypatch.setattr(bench, "Workshop", lambda *args: pytest.fail("work began"))
    assert run(plan, subjects, tool, kept=rows) == rows


def _outcome(tool: Tool, verdict: str, name: str, trial: Trial, source: str, **settings) -> Outcome:
    pixels = texture(96, 96)
    weighed = _weighed(tool, vector(tool, pixels))
    result = SimpleNamespace(verdict=verdict, candidates=(Candidate(name, 0.9, 2.0),))
    tiles = settings.get("tiles", replace(weighed.decision, verdict=verdict))
    if verdict == "known_source":
        chosen = np.eye(len(weighed.scored.sources))[weighed.scored.sources.index(settings.get("tiled", name))]
        tiles = replace(tiles, sources=chosen)
    outcome = Outcome.__new__(Outcome)  # the result is a stand-in, which the constructor's types forbid
    values = {"trial": trial, "subject": Subject(source, "p", pixels), "psnr": 40.0, "ssim": 0.9, "result": result,
              "weighed": weighed, "tiles": tiles, "refuted": settings.get("refuted", False)}  # fmt: skip
    for key, value in values.items():
        object.__setattr__(outcome, key, value)
    return outcome


def test_verdicts_count_as_what_they_are(tool: Tool) -> None:
    median, again = Trial("median", "3x3"), Trial("second-upscaler", "beta-x3")
    cases = [
        ("known_source", "alpha-x2", median, "alpha-x2", "right_name", "right"),
        ("known_source", "beta-x3", median, "alpha-x2", "wrong_name", "wrong"),
        ("known_source", "beta-x3", again, "alpha-x2", "remaker_name", "right"),
        ("known_source", "gamma-x4", again, "alpha-x2", "wrong_name", "wrong"),
        ("not_upscaled", "alpha-x2", median, "alpha-x2", "not_upscaled", "wrong"),
        ("unknown_source", "alpha-x2", median, "alpha-x2", "unknown_source", ""),
        ("not_upscaled", "alpha-x2", Trial("jpeg 90"), "original", "not_upscaled", "right"),
        ("unknown_source", "alpha-x2", Trial("jpeg 90"), "original", "unknown_source", "wrong"),
        ("known_source", "beta-x3", Trial("remake", "whole", "beta-x3"), "original", "remaker_name", "right"),
        ("not_upscaled", "beta-x3", Trial("remake", "whole", "beta-x3"), "original", "not_upscaled", "wrong"),
    ]
    for verdict, name, trial, source, amounts, side in cases:
        outcome = _outcome(tool, verdict, name, trial, source)
        judged = outcome.judged(PLAIN, False)
        assert judged == amounts
        assert (judged in outcome.right, judged in outcome.wrong) == (side == "right", side == "wrong")


def test_defences_make_doubtful_verdicts_inconclusive(tool: Tool) -> None:
    trial = Trial("median", "3x3")
    firm = _outcome(tool, "known_source", "alpha-x2", trial, "alpha-x2")
    assert {firm.judged(defence, False) for defence in bench.DEFENCES} == {"right_name"}
    assert [firm.judged(d, True) for d in (TILES, COPY, FEATURES, ALL)] == [
        "right_name", "right_name", "inconclusive", "inconclusive",
    ]  # fmt: skip
    refuted = _outcome(tool, "known_source", "alpha-x2", trial, "alpha-x2", refuted=True)
    assert [refuted.judged(d, False) for d in (PLAIN, TILES, COPY, FEATURES, ALL)] == [
        "right_name", "right_name", "inconclusive", "right_name", "inconclusive",
    ]  # fmt: skip
    held_back = _outcome(tool, "inconclusive", "alpha-x2", trial, "alpha-x2")
    assert held_back.weighed is not None and held_back.tiles is not None
    sure = replace(held_back.weighed.decision, verdict="not_upscaled")
    object.__setattr__(held_back, "weighed", replace(held_back.weighed, decision=sure))
    object.__setattr__(held_back, "tiles", replace(held_back.tiles, verdict="not_upscaled"))
    assert {held_back.judged(defence, False) for defence in bench.DEFENCES} == {"inconclusive"}
    moved = _outcome(tool, "known_source", "alpha-x2", trial, "alpha-x2", tiled="beta-x3")
    assert [moved.judged(d, False) for d in (PLAIN, TILES, COPY, ALL)] == [
        "right_name", "wrong_name", "right_name", "inconclusive",
    ]  # fmt: skip


# subjects


@pytest.mark.data("published", "bsds500")
def test_subjects_are_held_out_pictures(tmp_path: Path) -> None:
    made = sources_subjects(("imdn-x2",), 2, tmp_path)
    assert [subject.source for subject in made] == ["imdn-x2"] * 2
    photographs = innocent_subjects(3)
    assert len({subject.photograph for subject in photographs}) == 3
    assert all(subject.innocent and subject.pixels.shape == (192, 192, 3) for subject in photographs)
    plan = Plan(("imdn-x2",), (), (), 2, tmp_path)
    subjects = bench.subjects_of(plan)
    assert len(subjects) == 2 + bench.INNOCENTS and [one.spare for one in subjects] == [False] * 4 + [True] * 10
    with pytest.raises(ValueError, match="source must have pictures"):
        sources_subjects(("nobody",), 1, tmp_path)
