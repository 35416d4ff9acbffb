"""Lineage: pictures traced to the network that theirs descends from, on enlargers made here."""

import json

import numpy as np
import pytest
from scipy import ndimage

import datasets
from fingerprint.imitation.agreement import Sums
from fingerprint.lineage import Descent, Kind, read_descent, standings, strengths, trace, weigh
from fingerprint.lineage.evidence import COUNTS, KINDS, descent_json
from fingerprint.lineage.study import Asked, held_out, learn, measure, merits, pairs, standings_of, thinned, traced
from fingerprint.lineage.traces import EDGE, SIDE, find_phase
from fingerprint.lineage.twins import by_shape, relation, told_apart

SCALE = 2


def photograph(seed, side=220):
    """A smooth picture with edges."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 1, (side, side, 3))
    blobs = np.sign(ndimage.gaussian_filter(coarse, (6, 6, 0))) * 60
    return np.clip(128 + ndimage.gaussian_filter(blobs, (1, 1, 0)) + rng.normal(0, 6, coarse.shape), 0, 255).astype(
        np.uint8
    )


def enlarger(seed, parent=None, share=0.8):
    """Bicubic enlargement, beside it a filter of its own, or `share` of a parent's, that the reduction takes away."""
    own = np.random.default_rng(seed).normal(0, 0.2, (5, 5, 1))
    kernel = own if parent is None else share * parent.kernel + (1 - share) * own

    def enlarge(small):
        large = datasets.resize(small, (SCALE * small.shape[0], SCALE * small.shape[1]), "bicubic").astype(np.float64)
        own = ndimage.convolve(large - ndimage.gaussian_filter(large, (1.5, 1.5, 0)), kernel - kernel.mean())
        means = own.reshape(small.shape[0], SCALE, small.shape[1], SCALE, 3).mean((1, 3), keepdims=True)
        own -= np.broadcast_to(means, (small.shape[0], SCALE, small.shape[1], SCALE, 3)).reshape(own.shape)
        return np.clip(np.rint(large + own), 0, 255).astype(np.uint8)

    enlarge.kernel = kernel
    return enlarge


POOL = {f"n{k}": enlarger(k) for k in range(6)}


def pictures(upscale, count=3):
    return [upscale(np.ascontiguousarray(datasets.downscale(photograph(100 + k), SCALE))) for k in range(count)]


def test_a_child_stands_highest_at_its_parent_and_a_stranger_nowhere():
    child, stranger = enlarger(50, POOL["n3"]), enlarger(51)
    told = standings(strengths([trace(picture, SCALE, POOL) for picture in pictures(child)]))
    assert int(np.argmax(told)) == 3 and told[3] > 3
    strange = standings(strengths([trace(picture, SCALE, POOL) for picture in pictures(stranger)]))
    assert strange.max() < told[3]


@pytest.mark.parametrize("cut", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_the_lattice_of_a_cut_picture_is_found(cut):
    whole = pictures(POOL["n1"], 1)[0]
    picture = np.ascontiguousarray(whole[cut[0] :, cut[1] :])
    phase = find_phase(picture, (200, 200), SCALE, [POOL["n1"]])
    assert [(first + lost) % SCALE for first, lost in zip(phase, cut, strict=True)] == [0, 0]


def test_what_is_compared_is_the_middle_without_its_edges():
    picture = np.tile(pictures(POOL["n0"], 1)[0], (2, 2, 1))
    inside = SIDE - 2 * EDGE * SCALE
    assert trace(picture, SCALE, POOL, (0, 0)).pixels == inside**2


def test_too_little_to_compare_is_refused():
    picture = pictures(POOL["n0"], 1)[0]
    with pytest.raises(ValueError, match="pool must hold at least 5 networks.*got 4"):
        trace(picture, SCALE, dict(list(POOL.items())[:4]))
    with pytest.raises(ValueError, match=r"sides of at least 121 pixels, got \(120, 220\)"):
        trace(np.ascontiguousarray(picture[:120]), SCALE, POOL)


def test_standings_are_in_the_others_deviations():
    values = np.array([1.0, 2.0, 3.0, 4.0, 10.0])
    told = standings(values)
    assert told[4] == pytest.approx((10 - 2.5) / np.std([1, 2, 3, 4]), rel=1e-4)
    assert told[0] == pytest.approx((1 - 4.75) / np.std([2, 3, 4, 10]), rel=1e-4)


def test_more_pictures_use_the_model_for_more_and_ratios_stay_within_bounds():
    models = {count: Kind(float(count), 0.0, -1.0, 2.0) for count in COUNTS}
    descent = Descent(SCALE, dict.fromkeys(KINDS, models), "made up")
    traces = [trace(picture, SCALE, POOL) for picture in pictures(enlarger(60, POOL["n2"]), 5)]
    found = weigh(traces, list(POOL), descent)
    assert found[0].candidate == "n2" and [one.standing for one in found] == sorted(
        (one.standing for one in found), reverse=True
    )
    assert found[0].log10_lr["tuned"] == pytest.approx(2 / np.log(10))
    middle = min(found, key=lambda one: abs(one.standing))
    expected = np.clip(4 * middle.standing, -1, 2) / np.log(10)
    assert middle.log10_lr["taught"] == pytest.approx(expected)


@pytest.fixture(scope="module")
def small_study():
    """Children of three candidates, strangers, and what was measured of them."""
    asked = [Asked(f"tuned-{k}-{s}", enlarger(200 + 10 * k + s, POOL[f"n{k}"]), "tuned", f"n{k}", "tuned")
             for k in range(3) for s in range(2)]  # fmt: skip
    asked += [Asked(f"taught-{k}-{s}", enlarger(300 + 10 * k + s, POOL[f"n{k}"], 0.4), "taught", f"n{k}", "taught")
              for k in range(3) for s in range(2)]  # fmt: skip
    asked += [Asked(f"own-{s}", enlarger(400 + s), "independent", "", "independent") for s in range(4)]
    asked.append(Asked("n5", POOL["n5"], "independent", "", "independent"))
    photographs = [photograph(500 + k, SIDE // 2 + 24) for k in range(24)]
    return measure(asked, POOL, SCALE, photographs, (None,))[None], asked


def test_a_candidate_is_not_compared_with_itself(small_study):
    traces, _ = small_study
    told = standings_of(traces, "n5", range(4))
    assert np.isnan(told[5]) and np.isfinite(told[:5]).all()


def test_ratios_of_candidates_never_seen_tell_children_from_others(small_study):
    traces, asked = small_study
    known = pairs(traces, asked, "tuned", 4)
    assert {asked[k].kind for k in known.network} == {"tuned", "independent"}
    ancestors = np.array([traces.pool.index(one.ancestor) if one.ancestor else -1 for one in asked])
    ratios = held_out(known, ancestors)
    found = merits(known, ratios, len(asked))
    assert found["auroc"]["value"] > 0.95 and found["cllr"]["value"] < 0.6
    assert (found["descendants"], found["independent"]) == (6, 5)
    assert traced(known, asked)["tuned"]["share"] > 0.9


def test_a_ratio_does_not_depend_on_what_is_known_of_its_candidate(small_study):
    traces, asked = small_study
    known = pairs(traces, asked, "tuned", 4)
    ancestors = np.array([traces.pool.index(one.ancestor) if one.ancestor else -1 for one in asked])
    related = (known.candidate == 0) | (ancestors[known.network] == 0)
    other = known.standing + np.where(related & (known.half == 1), 5.0, 0.0)
    changed = type(known)(known.network, known.candidate, other, known.descends, known.half)
    mine = (known.candidate == 0) & (known.half == 0)
    assert np.array_equal(held_out(known, ancestors)[mine], held_out(changed, ancestors)[mine])


def test_what_is_learned_is_read_back_as_it_was(small_study, tmp_path):
    traces, asked = small_study
    descent = learn(traces, asked, SCALE, "a command")
    path = tmp_path / "descent.json"
    path.write_text(json.dumps(descent_json(descent)))
    assert read_descent(path) == descent
    assert descent.kinds["tuned"][12].slope > 0
    assert list(descent.kinds) == ["tuned", "taught"]  # nothing here was copied
    path.write_text("{}")
    with pytest.raises(ValueError, match="descent.json is not readable: KeyError"):
        read_descent(path)


def test_where_held_out_ratios_are_worth_nothing_nothing_is_said(small_study, monkeypatch):
    traces, asked = small_study
    monkeypatch.setattr("fingerprint.lineage.study.cllr", lambda same, different: 1.0)
    models = learn(traces, asked, SCALE, "a command").kinds["taught"].values()
    assert all((model.log_ratio(np.array([-9.0, 0.0, 9.0])) == 0).all() for model in models)


def test_what_ships_tells_of_all_kinds_of_descent():
    descent = read_descent()
    assert tuple(descent.kinds) == KINDS and descent.scale == 4
    assert all(model.low < 0 < model.high for kind in ("tuned", "copied") for model in descent.kinds[kind].values())


def test_many_values_are_thinned_to_quantiles():
    assert thinned(np.array([2.0, 1.0])) == [1.0, 2.0]
    many = thinned(np.arange(4001.0))
    assert len(many) == 401 and many[:2] == [0.0, 10.0] and many[-1] == 4000.0


def test_bounds_are_no_wider_than_the_number_of_networks_supports(small_study):
    traces, asked = small_study
    for models in learn(traces, asked, SCALE, "a command").kinds.values():
        for model in models.values():
            assert model.low >= -np.log(6 + 1) and model.high <= np.log(11 + 1)


def test_twins_are_told_apart_if_they_differ():
    students = [Asked("a", enlarger(1, share=0), "taught", "t", ""), Asked("b", enlarger(2), "independent", "", ""),
                Asked("c", enlarger(3), "independent", "", "")]  # fmt: skip
    found = told_apart(students, SCALE, [photograph(900 + k, 100) for k in range(8)])
    assert set(found) == {"taught, and its twin", "twins of two seeds"}
    assert all(share["share"] > 0.7 for share in found.values())
    assert relation(students[1], students[2]) == "twins of two seeds"
    assert [one.name for one in by_shape({"a": "x", "c": "y"}, students)["y"]] == ["c"]


def test_sums_of_pictures_add_up():
    first, second = (trace(picture, SCALE, POOL) for picture in pictures(enlarger(70, POOL["n4"]), 2))
    both = Sums(first.products + second.products, first.among + second.among, first.energy + second.energy, 1)
    assert np.allclose(strengths([first, second]), strengths([both]))
