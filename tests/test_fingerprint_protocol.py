"""The paper's protocol: splits, withheld networks, attribution, parsers, PRNU, distances."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from protocol_fakes import NETWORKS, PHOTOGRAPHS, PUBLISHED, RECIPES, VIEWS, residuals, world

import datasets
from fingerprint.lda import cross_fit
from fingerprint.protocol import kept, paper, parsing, pictures, prnu, study
from fingerprint.protocol import networks as known
from fingerprint.protocol.attribution import accuracies, choose_shrinkage, closeness, seed_sets, told_apart
from fingerprint.protocol.distances import plane, ratios
from fingerprint.protocol.parsing import Recipe, Sight, choose_recipe, fit_parser, left_out_in_turn, read
from fingerprint.protocol.pictures import ALL, CHROMA
from fingerprint.protocol.scatter import measure_scatter
from fingerprint.protocol.splits import INNER_FOLDS, split
from fingerprint.protocol.withholding import NOTHING, Column, columns, parsed_with
from fingerprint.samples import Sample
from fingerprint.training_set import TrainingSet
from spectra import DIMENSIONS as CLASSICAL
from spectra import dimension_names


@pytest.fixture(autouse=True)
def few_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "RECIPES", RECIPES)


# splits


def test_a_split_has_no_photograph_on_both_sides_and_is_the_seeds_own() -> None:
    names = [f"p{k}" for k in range(80)]
    first, again, other = split(names, 1), split(names[::-1] * 2, 1), split(names, 2)
    assert first == again != other
    assert sum(place < 0 for place in first.values()) == 20
    folds = [list(first.values()).count(fold) for fold in range(INNER_FOLDS)]
    assert max(folds) - min(folds) <= 1
    assert sum(folds) == 60


@pytest.mark.parametrize(("names", "seed"), [(["a", "b"], 1), (["a", "b", "c", "d"], -1)])
def test_a_split_that_cannot_be_drawn_is_refused(names: list[str], seed: int) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        split(names, seed)


# networks


def test_the_reference_networks_carry_the_papers_hyper_parameters() -> None:
    ours = known.reference_networks()
    assert len(ours) == 101
    assert known.values_of(ours, "loss") == ("L1", "ResNet-56 + adversarial", "SqueezeNet + adversarial")
    assert known.values_of(ours, "training_set") == ("A", "A/4", "B", "B/4")
    assert known.values_of(ours, "scale") == ("×2", "×3", "×4")
    assert {n.kind for n in ours if n.loss == "L1"} == {"fidelity"}
    assert {len(members) for members in seed_sets(ours).values()} == {3}
    assert len(seed_sets(ours)) == 12
    one = next(n for n in ours if n.name == "zoo-rcan-x4-paper-b-A-s2")
    assert (one.architecture, one.scale, one.loss, one.training_set, one.seed) == (
        "rcan", 4, "ResNet-56 + adversarial", "A", 2,
    )  # fmt: skip


def test_every_column_of_the_paper_is_one_of_ours() -> None:
    ours = known.reference_networks()
    there = [(parameter, value) for parameter, value, _ in columns(ours)]
    assert set(paper.COLUMNS) < set(there)
    assert sum(len(row) for row in paper.PARSERS.values()) == 18
    for target, row in paper.PARSERS.items():
        assert all(target in parsed_with(parameter) for parameter, _ in row)
    assert not {("seed", "1"), ("training_set", "A")} & set(there)


@pytest.mark.parametrize("loss", ["l2", "perceptual:vgg19 + 0.001*gan", "l1 + 0.001*gan"])
def test_a_loss_that_the_protocol_has_no_name_for_is_refused(loss: str) -> None:
    with pytest.raises(ValueError, match="loss must be l1 or a perceptual one"):
        known.loss_name(loss)


@pytest.mark.data("published")
def test_the_published_networks_are_networks() -> None:
    published = known.published_networks()
    assert len(published) == 26
    assert {n.kind for n in published} == {"fidelity", "adversarial"}
    assert sum(n.name.startswith(known.REAL_ESRGAN) for n in published) == 3


# pictures


def test_gathered_pictures_know_which_crop_came_first(monkeypatch: pytest.MonkeyPatch) -> None:
    border = datasets.Border(0, 0, 300, 300, frozenset({"left"}))
    monkeypatch.setattr(datasets, "published_borders", lambda: {("test", "q"): border})
    given: list[list[Sample]] = []

    def features(samples: Sequence[Sample]) -> TrainingSet:
        given.append(list(samples))
        drawn = [(s, k) for s in sorted(samples, key=lambda s: s.label) for k in range(s.copies)]
        numbers = np.zeros((len(drawn), CLASSICAL + 3), np.float32)
        numbers[:, 0] = np.arange(len(drawn))
        numbers[:, CLASSICAL:] = 1  # of an embedding
        labels, groups = np.array([s.label for s, _ in drawn]), np.array([s.group for s, _ in drawn])
        return TrainingSet(numbers, labels, groups, np.zeros(len(drawn), int))

    paths = {name: [Path(name, "train", "p.webp"), Path(name, "test", "q.webp")] for name in ("b", "a")}
    gathered = pictures.gather(paths, features)
    assert [[s.path.parent.name for s in part] for part in given] == [["train"] * 2, ["test"] * 2]
    assert [s.touches for part in given for s in part] == [frozenset()] * 2 + [frozenset({"left"})] * 2
    assert gathered.names.tolist() == ["a", "a", "b", "b"] * 2
    assert gathered.photographs.tolist() == ["p"] * 4 + ["q"] * 4
    assert gathered.first.tolist() == [True, False] * 4
    assert gathered.features[:, 0].tolist() == [0, 1, 2, 3] * 2
    assert gathered.features.shape == (8, CLASSICAL)
    assert not (gathered.features == 1).all(axis=0).any()


def test_parsers_may_look_at_all_classical_features_or_at_those_of_colour_differences() -> None:
    views = pictures.default_views()
    assert set(views) == {ALL, CHROMA}
    assert views[ALL].tolist() == [True] * CLASSICAL
    names = [name for name, used in zip(dimension_names(), views[CHROMA], strict=True) if used]
    assert {name.split()[0] for name in names} == {"R-G", "B-G"}


@pytest.mark.data("bsds500", "published")
def test_ours_and_published_pictures_show_the_same_photographs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pictures, "render_source", lambda name, kind, root, count: root / name / kind)
    ours = pictures.rendered(known.reference_networks()[:1], tmp_path)
    theirs = pictures.published(known.published_networks()[:2])
    (mine,) = ours.values()
    assert len({path.stem for path in mine}) == 80
    for paths in theirs.values():
        assert [(path.parent.name, path.stem) for path in paths] == [(p.parent.name, p.stem) for p in mine]


# scatter


def test_the_nearest_centre_is_what_shrinkage_lda_answers() -> None:
    features, names, folds = _training()
    fitted = cross_fit(features, names, folds, 0.1)
    scatter = measure_scatter(features, names, folds)
    for part, fold in ((fitted.full, None), (fitted.folds[1], 1)):
        space = scatter.space(0.1, fold)
        assert space.names == part.classes
        scores = part.scores(features)
        near = closeness(space.vectors(features), space.centres)
        # Scores are relative to their mean over classes; the rest differs by how the mean is standardised in float32.
        difference = (near - near.mean(axis=1, keepdims=True)) - (scores - scores.mean(axis=1, keepdims=True))
        bound = 0.02 if fold is None else 0.2  # standardised by the deviation without the fold, not that of all
        assert np.abs(difference).max() < bound * np.abs(scores).max()
        assert (near.argmax(axis=1) == scores.argmax(axis=1)).mean() > 0.98


def test_pictures_scatter_by_one_in_the_space() -> None:
    features, names, folds = _training()
    space = measure_scatter(features, names, folds).space(1e-6)
    vectors = space.vectors(features)
    own = vectors - space.centres[np.searchsorted(space.names, names)]
    np.testing.assert_allclose(own.T @ own / len(own), np.eye(own.shape[1]), atol=0.01)


def test_withheld_networks_leave_no_trace_in_the_moments() -> None:
    features, names, folds = _training()
    gone = np.isin(names, ("n0", "n3"))
    spoilt = features.copy()
    spoilt[gone] = 50 * np.random.default_rng(9).normal(size=spoilt[gone].shape)
    plain = measure_scatter(features[~gone], names[~gone], folds[~gone]).space(0.1, 0)
    taken = measure_scatter(spoilt, names, folds).without(("n0", "n3", "nobody")).space(0.1, 0)
    assert taken.names == plain.names
    one, other = (space.vectors(features[~gone]) @ space.centres.T for space in (plain, taken))
    np.testing.assert_allclose(other, one, rtol=0.02, atol=0.02 * np.abs(one).max())  # float32 beside numbers 50x


def test_a_scatter_that_cannot_be_is_refused() -> None:
    features, names, folds = _training()
    scatter = measure_scatter(features, names, folds)
    with pytest.raises(ValueError, match="shrinkage must be above 0"):
        scatter.space(0.0)
    with pytest.raises(ValueError, match="at least two networks must be left, got 1"):
        scatter.without(("n0", "n1", "n2"))
    alone = np.where(names == "n2", 0, folds)
    with pytest.raises(ValueError, match="in every fold, n2 has not"):
        measure_scatter(features, names, alone)


def _training() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    index = np.arange(4).repeat(60)
    mixing = rng.normal(size=(12, 12))
    features = rng.normal(size=(4, 12))[index] + 0.5 * rng.normal(size=(240, 12)) @ mixing
    return features.astype(np.float32), np.array([f"n{k}" for k in index]), np.tile(np.arange(2), 120)


# attribution


def test_accuracies_are_averaged_by_value() -> None:
    truth = np.array([NETWORKS[0].name] * 3 + [NETWORKS[-1].name])
    told = accuracies(NETWORKS, truth, np.array([True, False, False, True]))
    assert told["all"] == 0.5
    assert told["loss"] == {NETWORKS[0].loss: pytest.approx(1 / 3), NETWORKS[-1].loss: 1.0}
    assert told["kind_and_scale"] == {"fidelity ×2": pytest.approx(1 / 3), "adversarial ×4": 1.0}


def test_seeds_are_told_apart_within_their_set_alone() -> None:
    members = next(iter(seed_sets(NETWORKS).values()))
    names = [network.name for network in NETWORKS]
    near = np.zeros((len(members), len(names)))
    near[:, names.index(NETWORKS[-1].name)] = 9.0  # nearest of all, but no member of the set
    for row, member in enumerate(members):
        near[row, names.index(member.name)] = 1.0
    truth = np.array([member.name for member in members])
    assert told_apart(NETWORKS, names, truth, near)["all"] == 1.0
    assert told_apart(NETWORKS, names, truth[::-1], near)["all"] < 1.0


def test_the_shrinkage_is_the_one_that_cross_validates_best() -> None:
    features, names, folds = _training()
    scatter = measure_scatter(features, names, folds)
    assert choose_shrinkage(scatter, features, (1.0, 0.01)) == 0.01  # correlated noise: without its shape, worse


# parsers


def test_directions_in_which_networks_of_one_value_differ_are_trusted_less() -> None:
    centres = np.array([[1.0, 5.0], [1.0, -4.0], [-1.0, 4.0], [-1.0, -5.0]])
    values = np.array(["×2", "×2", "×4", "×4"])
    picture = np.array([[0.5, -9.0]])
    assert fit_parser(centres, values, 0.0, None).answers(picture) == ["×4"]
    assert fit_parser(centres, values, 10.0, None).answers(picture) == ["×2"]


def test_posteriors_of_networks_are_summed_by_value() -> None:
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    parser = fit_parser(centres, np.array(["a", "b", "b"]), 0.0, 1.0)
    vectors = np.array([[3.0, 0.5], [1.0, 1.0], [-200.0, 0.0]])
    likely = np.exp(-0.5 * np.square(vectors[:, None] - centres).sum(axis=-1))
    expected = likely[:2, 0] / (likely[:2, 0] + likely[:2, 1:].mean(axis=1))
    scores = parser.scores(vectors)
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(1 / (1 + np.exp(scores[:2, 1] - scores[:2, 0])), expected)
    with pytest.raises(ValueError, match="at least two"):
        fit_parser(centres, np.array(["a", "a", "a"]), 0.0, None)


def test_what_is_left_out_never_has_too_many_networks_nor_takes_the_answer_away() -> None:
    left = left_out_in_turn(NETWORKS, "loss")
    assert set(left) <= {"scale", "architecture", "training_set", "seed"}
    for masks in left.values():
        for mask in masks:
            assert 0 < mask.mean() <= 0.6
            rest = {n.loss for n, out in zip(NETWORKS, mask, strict=True) if not out}
            assert len(rest) > 1


def test_a_recipe_within_a_scale_learns_from_its_networks_alone() -> None:
    some = [n for n in NETWORKS if n.loss == "L1" and n.training_set == "A" and n.architecture in ("edsr", "rcan")]
    networks = tuple(n for n in some if n.scale in (2, 4))
    scales = [n.scale for n in networks]
    values = np.array([n.value("architecture") for n in networks])
    order = np.array([1.0 if scale == 2 else -1.0 for scale in scales])
    sign = np.where(values == values[0], 1.0, -1.0) * order  # what tells architectures apart turns with the scale
    sight = Sight(networks, {ALL: 9 * sign[:, None]}, {ALL: 9 * sign[:, None]}, networks)
    used, rows = np.ones(len(networks), bool), np.ones(len(networks), bool)
    parsed = np.array([n.value("scale") for n in networks])
    within = read(sight, "architecture", Recipe(within_scale=True, spread=0.0), used, rows, parsed)
    across = read(sight, "architecture", Recipe(spread=0.0), used, rows)
    assert (within == values).all()
    assert not (across == values).all()
    with pytest.raises(ValueError, match="scales must be given"):
        read(sight, "architecture", Recipe(within_scale=True), used, rows)


def test_of_equal_recipes_the_first_is_taken_and_a_better_one_wins() -> None:
    group = world().pictures
    folds = group.folds(split(list(PHOTOGRAPHS), 1))
    column = _column(folds, ())
    recipe, accuracy = column.recipe("scale")
    assert accuracy > 0.99
    assert recipe == RECIPES[0]
    lone = Sight(NETWORKS[:2], {ALL: np.eye(2)}, {ALL: np.eye(2)}, NETWORKS[:2])
    assert np.isnan(choose_recipe([lone], "scale")[1])


# withholding


def _column(folds: np.ndarray, withheld: Sequence[str], group: study.Group | None = None) -> Column:
    group = group or world()
    training = folds >= 0
    scatters = {
        name: measure_scatter(group.pictures.take(training, view), group.pictures.names[training], folds[training])
        for name, view in VIEWS.items()
    }
    return Column(scatters, VIEWS, group.pictures, group.by_name, folds, withheld)


def test_a_withheld_network_takes_no_part_but_in_the_test() -> None:
    group = world()
    folds = group.pictures.folds(split(list(PHOTOGRAPHS), 1))
    withheld = tuple(n.name for n in NETWORKS if n.architecture == "rcan")
    spoilt = group.pictures.features.copy()
    rows = (folds >= 0) & np.isin(group.pictures.names, withheld)
    spoilt[rows] = 3 * np.random.default_rng(5).normal(size=spoilt[rows].shape)
    other = replace(group, pictures=replace(group.pictures, features=spoilt))
    for target in parsed_with("architecture"):
        one, two = (_column(folds, withheld, g).cell(target) for g in (group, other))
        assert one is not None
        assert two is not None
        assert one["recipe"] == two["recipe"]
        assert one["accuracy"] == pytest.approx(two["accuracy"], abs=0.02)  # float32 sums beside other numbers
        assert (one["tested_on"], one["learned_from"]) == (len(withheld), len(NETWORKS) - len(withheld))
    assert one["pictures"] == len(withheld) * round(len(PHOTOGRAPHS) / 4)


def test_what_nothing_was_learned_about_is_left_out() -> None:
    folds = world().pictures.folds(split(list(PHOTOGRAPHS), 1))
    column = _column(folds, tuple(n.name for n in NETWORKS if n.loss == "L1"))
    scale, training_set = column.cell("scale"), column.cell("training_set")
    assert training_set is None  # what is left was trained on A alone
    assert scale is not None
    assert scale["left_out"] == len({n.name for n in NETWORKS if n.scale == 3})
    assert set(scale["by_value"]) == {"×2", "×4"}
    assert scale["accuracy"] > 0.9


def test_networks_of_others_are_parsed_by_ours() -> None:
    folds = world().pictures.folds(split(list(PHOTOGRAPHS), 1))
    theirs = world(PUBLISHED)
    rows = (theirs.pictures.folds(split(list(PHOTOGRAPHS), 1)) < 0) & theirs.pictures.first
    told = _column(folds, ()).others(theirs.pictures, rows, theirs.by_name)
    assert told["scale"]["accuracy"]["all"] > 0.9
    assert set(told["loss"]["accuracy"]) == {"all", "fidelity", "adversarial", "real_esrgan"}
    assert set(told["scale"]["called"]) == {n.name for n in PUBLISHED}
    assert all(sum(shares.values()) == pytest.approx(1) for shares in told["loss"]["called"].values())
    assert all(set(shares) == {"×2", "×3", "×4"} for shares in told["scale"]["called"].values())  # one seed as another


# PRNU


def test_residuals_are_computed_once_and_find_their_network(tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    pattern = {name: rng.integers(0, 9, (prnu.SIDE, prnu.SIDE, 3)) for name in ("a", "b")}
    paths: dict[str, list[Path]] = {}
    for name, own in pattern.items():
        (tmp_path / name).mkdir()
        for photograph in range(4):
            picture = np.full((prnu.SIDE + 4, prnu.SIDE + 4, 3), 100 + 9 * photograph)
            picture[2:-2, 2:-2] += own + rng.integers(0, 5, own.shape)
            path = tmp_path / name / f"p{photograph}.png"
            Image.fromarray(picture.astype(np.uint8)).save(path)
            paths.setdefault(name, []).append(path)
    seen: list[int] = []

    def denoise(picture: np.ndarray) -> np.ndarray:
        seen.append(1)
        return np.full_like(picture, np.median(picture))

    kept = prnu.gather_residuals(paths, tmp_path / "cache", denoise)
    assert len(seen) == 8
    again = prnu.gather_residuals(paths, tmp_path / "cache", denoise)
    assert len(seen) == 8
    assert again.photographs == ("p0", "p1", "p2", "p3")
    training = np.array([True, True, True, False])
    names, truth, correlations, distances = prnu.matches(kept, training)
    assert (names, truth.tolist()) == (("a", "b"), ["a", "b"])
    assert correlations.argmax(axis=1).tolist() == distances.argmin(axis=1).tolist() == [0, 1]
    one = kept.of["a"]().astype(np.float64)
    expected = np.corrcoef(one[3].ravel(), one[:3].mean(axis=0).ravel())[0, 1]
    assert correlations[0, 0] == pytest.approx(expected, abs=1e-4)  # float32 sums
    uneven = {"a": paths["a"], "b": paths["b"][:3]}
    with pytest.raises(ValueError, match="same photographs in one order"):
        prnu.gather_residuals(uneven, tmp_path / "cache", denoise)


def test_prnu_without_the_library_or_the_pixels_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prnu, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install .*'\.\[prnu\]'.* or leave it out with --no-prnu"):
        prnu.bm3d_denoiser()
    monkeypatch.setattr(prnu, "find_spec", lambda name: "there")
    monkeypatch.setitem(sys.modules, "bm3d", None)  # importing it fails
    with pytest.raises(ValueError, match=r"bm3d cannot be loaded \(.*\); --no-prnu leaves the baseline out"):
        prnu.bm3d_denoiser()
    with pytest.raises(ValueError, match="at least 128x128 pixels, got 99x200"):
        prnu.middle(np.zeros((200, 99, 3), np.uint8), prnu.SIDE)


def test_bm3d_is_asked_for_white_noise_of_the_stated_strength(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def denoise(picture: np.ndarray, deviation: float, profile: SimpleNamespace) -> np.ndarray:
        asked.append((deviation, profile.nf, profile.num_threads))
        return picture / 2

    monkeypatch.setattr(prnu, "find_spec", lambda name: "there")
    library = SimpleNamespace(bm3d=denoise, BM3DProfileLC=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "bm3d", library)
    picture = np.full((64, 64, 3), 8.0)
    np.testing.assert_array_equal(prnu.bm3d_denoiser()(picture), picture / 2)
    assert asked == [(prnu.SIGMA, 0, 1)]


# distances


def test_ratios_are_one_for_one_network_twice_and_small_for_far_ones() -> None:
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(size=(60, 5)), rng.normal(size=(60, 5)), 40 + rng.normal(size=(60, 5))])
    truth = np.array(["a", "b", "c"]).repeat(60)
    matrix = ratios(vectors, truth, ("c", "a", "b"))
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(matrix.diagonal(), 1)
    assert matrix[1, 2] == pytest.approx(1, abs=0.05)
    assert matrix[0, 1] < 0.05
    with pytest.raises(ValueError, match="at least two pictures, d has not"):
        ratios(vectors, truth, ("a", "d"))


def test_the_plane_keeps_neighbours_and_is_repeatable() -> None:
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(size=(20, 5)), 50 + rng.normal(size=(20, 5))])
    laid = plane(vectors, 1)
    np.testing.assert_array_equal(laid, plane(vectors, 1))
    near = np.square(laid[:, None] - laid[None]).sum(axis=-1) + np.diag([np.inf] * 40)
    assert ((near.argmin(axis=1) < 20) == (np.arange(40) < 20)).all()


# the whole


def test_the_whole_protocol_on_a_small_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = replace(world(), residuals=residuals(NETWORKS))
    published = world(PUBLISHED)
    said: list[str] = []
    report, maps = study.run_protocol(ours, published, VIEWS, (1, 2), said.append, kept.keep_in(tmp_path))
    assert report["attribution"]["all"]["mean"] > 0.9
    assert len(report["attribution"]["all"]["seeds"]) == 2
    assert report["seeds_told_apart"]["all"]["mean"] > 0.9
    assert set(report["parsers"]) == {NOTHING, "seed", "training_set", "architecture", "loss", "scale"}
    assert set(report["parsers"]["architecture"]["rcan"]) == {"scale", "loss", "training_set"}
    assert report["parsers"]["architecture"]["rcan"]["scale"]["accuracy"]["mean"] > 0.9
    assert report["prnu"]["correlation"]["attribution"]["all"]["mean"] > 0.9
    assert report["published"]["attribution"]["all"]["mean"] > 0.9
    assert "prnu" not in report["published"]
    assert any("architecture rcan withheld" in line for line in said)
    assert maps.ratios.shape == (len(NETWORKS), len(NETWORKS))
    assert len(maps.plane) == len(maps.made_by)
    assert [matrix.shape for matrix in maps.published_ratios] == [(len(PUBLISHED), len(PUBLISHED))] * 2
    # An interrupted run goes on: what was kept is not worked out again, what is lacking is, and nothing differs.
    lost = sorted(tmp_path.iterdir())[::5]
    for path in lost:
        path.unlink()
    made: list[str] = []
    look_up = kept.keep_in(tmp_path)

    def keep(part: str, work: Callable[[], dict]) -> dict:
        return look_up(part, lambda: made.append(part) or work())

    again, _ = study.run_protocol(ours, published, VIEWS, (1, 2), keep=keep)
    assert again == report
    assert len(made) == len(lost)
    monkeypatch.setattr(study, "Column", None)  # a parser that is fitted now fails
    other, _ = study.run_protocol(ours, None, VIEWS, (2,), keep=keep)
    assert other["parsers"]["loss"] == study.over_seeds([_second(report["parsers"]["loss"])])
    assert len(made) == len(lost)


def _second(told: dict) -> dict:
    """Return what the second of two seeds gave; what was chosen may differ and be a list."""
    out = {}
    for key, value in told.items():
        given = value["seeds"] if isinstance(value, dict) and "seeds" in value else value
        out[key] = given[1] if isinstance(given, list) else _second(given) if isinstance(given, dict) else given
    return out


def test_numbers_are_kept_for_the_same_networks_pictures_and_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = world()
    same = kept.identity(group.networks, group.pictures, VIEWS)
    assert kept.identity(group.networks, replace(group.pictures), dict(VIEWS)) == same
    features = group.pictures.features.copy()
    features[-1, -1] += 1
    others = (
        (group.networks[1:], group.pictures, VIEWS),
        (group.networks, replace(group.pictures, features=features), VIEWS),
        (group.networks, replace(group.pictures, photographs=group.pictures.photographs[::-1]), VIEWS),
        (group.networks, group.pictures, {ALL: VIEWS[ALL]}),
    )
    assert len({same, *(kept.identity(*one) for one in others)}) == 5
    keep = kept.keep_in(tmp_path / "new")
    assert keep("a", lambda: {"x": 0.1}) == keep("a", lambda: {"x": 2.0}) == {"x": 0.1}
    assert keep("b", lambda: {"x": 2.0}) == {"x": 2.0}
    monkeypatch.setattr(kept, "_code", lambda: "other")
    assert keep("a", lambda: {"x": 3.0}) == {"x": 3.0}
    assert kept.at_once("a", lambda: {"x": 4.0}) == {"x": 4.0}


@pytest.mark.parametrize("seeds", [(), (1, 1)])
def test_seeds_must_differ(seeds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="seeds must be at least one and differ"):
        study.run_protocol(world(), None, VIEWS, seeds)


def test_numbers_of_seeds_become_mean_and_deviation() -> None:
    told = study.over_seeds([{"a": 0.5, "n": 3, "deep": {"b": 1.0}, "x": 1.0}, {"a": 0.7, "n": 4, "deep": {"b": 1.0}}])
    assert told["a"] == {"mean": 0.6, "deviation": pytest.approx(0.1414), "seeds": [0.5, 0.7]}
    assert (told["n"], told["deep"]["b"]["deviation"], "x" in told) == ([3, 4], 0.0, False)
    assert study.over_seeds([{"a": 0.5}])["a"]["deviation"] == 0.0


def test_no_mean_is_taken_of_what_was_chosen() -> None:
    recipes = [{"shrinkage": 0.1, "recipe": {"spread": 3.0}}, {"shrinkage": 0.02, "recipe": {"spread": 3.0}}]
    assert study.over_seeds(recipes) == {"shrinkage": [0.1, 0.02], "recipe": {"spread": 3.0}}
