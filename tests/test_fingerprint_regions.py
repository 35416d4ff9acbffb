"""Parts of pictures: the map, what counts as a part, and that pictures of one piece have none."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from fingerprint_fakes import reference, texture, written

from datasets import read_evidence
from fingerprint import Attributor, fit_regions
from fingerprint import composites as making
from fingerprint.composites import Composite, bases, composites
from fingerprint.conditions import CONDITIONS
from fingerprint.expert import detection_sum
from fingerprint.features import mode_mask, picture_features
from fingerprint.lda import Discriminant
from fingerprint.localisation import Located, counted, overlap, pixel_auroc
from fingerprint.localiser import (
    FILE,
    Localiser,
    read_calibrations,
    regions_note,
    rounded,
    verdict_with_regions,
    write_calibrations,
)
from fingerprint.logistic import Logistic
from fingerprint.reference import MODES, SHIPPED, Reference, load
from fingerprint.regions import (
    CELL,
    CLOSELY,
    GRID,
    LEAST_REST,
    NEAR,
    UNTOUCHED,
    UPSCALED,
    Grid,
    TileCalibration,
    finer,
    grid_of,
    joined,
    least_evidence,
    log_ratio_map,
    majority,
    mosaic,
    parts,
    suspicion,
    tile_scores,
    tiles_inside,
)
from fingerprint.result import Region, RegionMap, Result, Verdict
from fingerprint.samples import ENLARGED
from spectra import TILE, tile_origins

VALIDATOR = jsonschema.Draft202012Validator(
    json.loads(files("reports").joinpath("schema/attribute-1.schema.json").read_text("utf-8"))
)
PLAIN = TileCalibration(1.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, least_upscaled=1.5, least_untouched=2.5)
NAN = float("nan")


# single tiles


def test_a_tile_is_scored_as_a_picture_of_one_tile_would_be() -> None:
    features = picture_features(texture(200, 300))
    expert = reference().experts["colour", "clean"]
    alone = np.eye(len(features.origins), dtype=bool)
    vectors = np.stack([features.pooled(row) for row in alone])
    scores = expert.detection_temperature * expert.detector.scores(vectors).astype(np.float64)
    expected = detection_sum(expert.detector.classes, scores)[:, 0]
    told = tile_scores(expert, features, "colour")
    # BLAS adds in another order than we do: float32 sums of thousands of terms agree to five digits or so.
    np.testing.assert_allclose(told, expected, rtol=1e-3, atol=1e-3)
    with ThreadPoolExecutor(3) as pool:
        np.testing.assert_array_equal(tile_scores(expert, features, "colour", pool.map), told)


def test_ratios_are_bounded_and_flat_tiles_say_nothing() -> None:
    calibration = TileCalibration(-1.0, 0.5, 0.5, 0.25, 3.0, 0.0, 0.0, 1.0, 1.0)
    busy = np.exp([1.0, 3.0, 3.0, 3.0]).astype(np.float32)
    told = calibration.log_ratios(np.array([7.0, 1.0, 50.0, -50.0]), busy)
    # Slopes: -1 + 0.5, which counts as none, and -1 + 1.5.
    np.testing.assert_allclose(told, [0.75, 2.25, 3.0, -3.0], rtol=1e-6)
    assert np.isnan(calibration.log_ratios(np.array([9.0]), np.array([0.69], np.float32))).all()


def test_suspicion_is_what_speaks_against_the_majority() -> None:
    ratios = np.array([-2.0, -1.0, 3.0, NAN])
    assert (majority(ratios), majority(-ratios)) == (-1, 1)
    np.testing.assert_array_equal(suspicion(ratios), [-2, -1, 3, -np.inf])
    np.testing.assert_array_equal(suspicion(-ratios), suspicion(ratios))
    calibration = replace(PLAIN, suspect_upscaled=2.0, suspect_untouched=4.0)
    np.testing.assert_array_equal(calibration.suspicious(ratios), [False, False, True, False])
    assert not calibration.suspicious(-ratios).any()
    assert not calibration.suspicious(np.array([NAN, NAN])).any()


# the map


@pytest.mark.parametrize(("height", "width"), [(256, 256), (321, 481), (1000, 700)])
def test_cells_cover_the_picture(height: int, width: int) -> None:
    grid = grid_of(height, width, len(tile_origins(height, width)))
    assert (grid.coarseness, grid.cell) == (1, CELL)
    numbers = np.arange(grid.shape[0] * grid.shape[1]).reshape(grid.shape)
    pixels = grid.spread(numbers)
    assert pixels.shape == (height, width)
    assert (pixels[0, 0], pixels[-1, -1]) == (0, numbers[-1, -1])
    for axis, centres in enumerate(grid.centres()):
        line = pixels[:, 0] if axis == 0 else pixels[0]
        for place, centre in enumerate(centres):
            inside = np.flatnonzero(line == line[place * CELL])
            assert centre == pytest.approx((inside[0] + inside[-1] + 1) / 2)


def test_of_large_pictures_cells_are_larger() -> None:
    height, width = 3000, 4000
    origins = tile_origins(height, width)
    grid = grid_of(height, width, len(origins))
    assert grid.coarseness == 3  # 32 by 42 tiles, of which 256 are measured
    cells = log_ratio_map(grid, origins, np.full(len(origins), -1.5))
    np.testing.assert_allclose(cells, -1.5)  # none is left empty
    ratios = np.full(len(origins), -1.5)
    ratios[origins.index(near := min(origins, key=lambda corner: abs(corner[0] - 1000) + abs(corner[1] - 1000)))] = NAN
    empty = np.argwhere(np.isnan(log_ratio_map(grid, origins, ratios))) * grid.cell
    assert len(empty) and np.abs(empty - near).max() < 400  # where the nearest tile is flat


def test_the_map_is_what_the_tiles_say() -> None:
    grid = Grid(300, 500)
    origins = tile_origins(300, 500)
    left = np.array([x < 200 for _, x in origins])
    cells = log_ratio_map(grid, origins, np.where(left, 2.0, -3.0))
    assert cells.shape == (10, 16)
    np.testing.assert_allclose(cells[:, :5], 2.0)
    np.testing.assert_allclose(cells[:, -5:], -3.0)
    assert ((cells >= -3 - 1e-9) & (cells <= 2 + 1e-9)).all()


def test_where_tiles_say_nothing_the_map_is_empty() -> None:
    grid = Grid(96, 288)
    cells = log_ratio_map(grid, [(0, 0), (0, 96), (0, 192)], np.array([1.0, NAN, NAN]))
    np.testing.assert_array_equal(np.isnan(cells), [[False] * 3 + [True] * 6] * 3)
    assert rounded(cells)[0] == (0.434,) * 3 + (None,) * 6


# more tiles


def test_more_tiles_lie_near_the_suspicious_ones() -> None:
    grid, known = Grid(700, 900), tile_origins(700, 900)
    around = [known[0], known[30]]
    added = finer(grid, known, around, 1000)
    assert added and not set(added) & set(known) and len(set(added)) == len(added)
    for top, left in added:
        assert 0 <= top <= 700 - TILE and 0 <= left <= 900 - TILE
        assert top % GRID == left % GRID == 0
        assert any(max(abs(top - y), abs(left - x)) <= NEAR for y, x in around)
    few = finer(grid, known, known, 20)
    assert len(few) == 20 and set(few) < set(finer(grid, known, known, 10**6))


def test_a_mosaic_is_measured_as_its_tiles_are() -> None:
    picture = texture(230, 340)
    whole = picture_features(picture)
    some = [whole.origins[k] for k in (5, 0, 3)]
    apart = picture_features(mosaic(picture, some))
    for row, k in enumerate((5, 0, 3)):
        np.testing.assert_array_equal(apart.counts[row], whole.counts[k])
        np.testing.assert_array_equal(apart.powers[row], whole.powers[k])
    both = joined(whole, apart, some)
    assert both.origins == [*whole.origins, *some]
    chosen = np.arange(len(both.origins)) >= len(whole.origins)
    np.testing.assert_array_equal(both.pooled(chosen), apart.pooled())
    with pytest.raises(ValueError, match="origins must be those of 3 tiles, got 2"):
        joined(whole, apart, some[:2])


# parts


def field(rows: int = 10, columns: int = 15, rest: float = -3.0) -> np.ndarray:
    return np.full((rows, columns), rest)


@pytest.mark.parametrize("side", [1, -1])
def test_a_part_speaks_against_the_rest(side: int) -> None:
    cells = field()
    cells[2:5, 3:9] = 2.0
    cells[8, 14] = 1.0
    grid = Grid(320, 480)
    first, second = parts(grid, side * cells)
    assert {first.kind, second.kind} == {UPSCALED if side > 0 else UNTOUCHED}
    assert (first.cells.sum(), second.cells.sum()) == (18, 1)
    assert (first.mean, first.rest) == (2.0 * side, -3.0 * side)
    # Three by six cells are two tiles; one cell is a ninth.
    assert first.evidence == pytest.approx(2 * np.sqrt(2))
    assert second.evidence == pytest.approx(1 / 3)


def test_parts_that_touch_at_a_corner_only_are_two() -> None:
    cells = field()
    cells[2, 2] = cells[3, 3] = 1.0
    assert len(parts(Grid(320, 480), cells)) == 2


def test_there_are_no_parts_where_the_rest_says_nothing_clear() -> None:
    cells = field(rest=-0.9 * LEAST_REST)
    cells[2:5, 3:9] = 4.0
    assert parts(Grid(320, 480), cells) == []
    assert parts(Grid(320, 480), field()) == []
    assert parts(Grid(320, 480), np.full((10, 15), NAN)) == []


def test_more_is_asked_of_larger_pictures() -> None:
    assert least_evidence(PLAIN, UPSCALED, 9) == least_evidence(PLAIN, UPSCALED, 24) == 1.5
    assert least_evidence(PLAIN, UPSCALED, 240) == pytest.approx(1.5 + np.log(10))
    assert least_evidence(PLAIN, UNTOUCHED, 24) == 2.5


def test_only_tiles_that_belong_to_a_part_are_pooled_for_it() -> None:
    grid, cells = Grid(192, 288), np.zeros((6, 9), bool)
    cells[:3, :5] = True
    origins = [(0, 0), (0, 64), (0, 192), (96, 0), (0, 96)]
    np.testing.assert_array_equal(tiles_inside(cells, grid, origins), [True, True, False, False, False])


# whole answers


def rough(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Texture of another kind than `texture`: what stands for upscaled here."""
    rng = np.random.default_rng(seed)
    return np.clip(128 + rng.normal(0, 45, (height, width, 3)), 0, 255).astype(np.uint8)


@cache
def told_apart() -> Reference:
    """A reference whose experts call `rough` upscaled and `texture` not."""
    made = reference()
    first, second = (picture_features(maker(200, 300)).pooled() for maker in (rough, texture))
    experts = {}
    for (mode, name), expert in made.experts.items():
        used = mode_mask(mode)
        direction = (first - second)[used]
        middle = float(direction @ (first + second)[used] / 2)
        scale = np.float32(20 / float(direction @ direction))
        classes = expert.detector.classes
        weights, offsets = np.zeros((used.sum(), len(classes)), np.float32), np.full(len(classes), -1e3, np.float32)
        weights[:, classes.index("alpha-x2")] = direction * scale
        offsets[classes.index("alpha-x2")] = -middle * scale
        offsets[classes.index("original:scan")] = 0
        detection = Logistic(("not", "upscaled"), np.array([[-0.5, 0.5], [0.0, 0.0]]), np.zeros(2))
        detector = Discriminant(classes, weights, offsets)
        experts[mode, name] = replace(expert, detector=detector, detection=detection, detection_temperature=1.0)
    return replace(made, experts=experts)


@pytest.fixture(scope="module")
def attributor() -> Attributor:
    keys = [(mode, condition.name) for mode in MODES for condition in CONDITIONS]
    return Attributor(told_apart(), calibrations=dict.fromkeys(keys, PLAIN))


def answer(attributor: Attributor, path: Path) -> Result:
    result = attributor.attribute(read_evidence(path))
    VALIDATOR.validate(json.loads(json.dumps(result.to_json(), allow_nan=False)))
    return result


def pasted(base: np.ndarray, patch: np.ndarray, top: int, left: int) -> np.ndarray:
    out = base.copy()
    out[top : top + len(patch), left : left + patch.shape[1]] = patch
    return out


@pytest.mark.parametrize("kind", ["upscaled", "not_upscaled"])
def test_a_patch_is_found_where_it_is(kind: str, attributor: Attributor, tmp_path: Path) -> None:
    base, patch = (texture, rough) if kind == "upscaled" else (rough, texture)
    picture = pasted(base(320, 480), patch(160, 192, seed=1), 96, 160)
    result = answer(attributor, written(tmp_path / "a.png", picture))
    found = result.regions
    assert found is not None and [region.kind for region in found.found] == [kind]
    left, top, width, height = found.found[0].box
    # Cells are 32 pixels wide and tiles 96: an edge is found within a cell and a half.
    assert abs(left - 160) <= 48 and abs(top - 96) <= 48
    assert abs(left + width - 352) <= 48 and abs(top + height - 256) <= 48
    assert (np.array(found.parts) == 1).sum() * CELL**2 >= found.found[0].area
    assert np.sign(found.found[0].log10_lr) == (1 if kind == "upscaled" else -1)
    assert any(note.startswith("regions: a part of") for note in result.image.notes)
    told = result.to_json()["regions"]
    assert (told["rows"], told["columns"]) == np.array(told["log10_lr"]).shape == np.array(told["parts"]).shape
    assert set(told["found"][0]["box"]) == {"left", "top", "width", "height"}
    if kind == "upscaled":
        assert result.verdict == "inconclusive"  # neither cleared nor accused
    mask = np.zeros((320, 480), bool)
    mask[96:256, 160:352] = True
    truth = Composite(f"{kind}-patch".replace("not_upscaled", "untouched"), "p", "s", 160, picture, mask)
    truth = replace(truth, mask=mask if kind == "upscaled" else ~mask)
    assert overlap(truth, found) > 0.5
    heat = attributor.localiser.heat(picture, None, grey=False)
    assert heat is not None and heat.found == () and pixel_auroc(truth, heat) > 0.95
    close = attributor.attribute(read_evidence(tmp_path / "a.png"), everywhere=True)
    assert close.regions is not None and close.regions.log10_lr == heat.log10_lr
    assert close.verdict == result.verdict and overlap(truth, close.regions) > 0.6


@pytest.mark.parametrize("make", [texture, rough])
def test_a_picture_of_one_piece_has_no_parts(make, attributor: Attributor, tmp_path: Path) -> None:
    result = answer(attributor, written(tmp_path / "a.png", make(320, 480, seed=2)))
    assert result.regions is None and result.to_json()["regions"] is None
    assert not any(note.startswith("regions: ") for note in result.image.notes)
    assert result.verdict != "inconclusive"
    mapped = attributor.attribute(read_evidence(tmp_path / "a.png"), everywhere=True)
    assert mapped.regions is not None and mapped.regions.found == () and not np.any(mapped.regions.parts)
    VALIDATOR.validate(json.loads(json.dumps(mapped.to_json(), allow_nan=False)))
    assert replace(mapped, regions=None) == result  # a map alone changes nothing


def test_no_more_tiles_are_measured_than_of_a_large_picture(attributor: Attributor) -> None:
    judge, counts = attributor.localiser.judge, []

    def measured(pixels: np.ndarray, *most: int):
        counts.append(pixels.shape)
        return judge.measure(pixels, *most)

    picture = pasted(texture(480, 640), rough(160, 192, seed=1), 96, 160)
    features = judge.measure(picture)
    route = judge.route("colour", features.pooled()[mode_mask("colour")][None], None)
    localiser = Localiser(replace(judge, measure=measured), attributor.localiser._calibrations)
    found = localiser.localise(picture, None, features, "colour", route)
    assert found is not None and len(found.features.origins) == CLOSELY
    assert counts == [((CLOSELY - len(features.origins)) * TILE, TILE, 3)]
    large = joined(features, features, features.origins)
    found = localiser.localise(picture, None, joined(large, large, large.origins), "colour", route)
    assert found is not None and len(counts) == 1  # so many are there already that none are added


def test_a_part_is_none_where_the_rest_would_not_be_said_to_differ(tmp_path: Path) -> None:
    """No photograph is called upscaled but for a part because some of its tiles look so."""
    made, paths = told_apart(), []
    keys = [(mode, condition.name) for mode in MODES for condition in CONDITIONS]
    for name, base, patch in (("up", texture, rough), ("kept", rough, texture)):
        paths.append(written(tmp_path / f"{name}.png", pasted(base(320, 480), patch(160, 192, seed=1), 96, 160)))
    strict = {key: replace(one, accuse=50.0, unexplained=60.0) for key, one in made.thresholds.items()}
    cautious = Attributor(replace(made, thresholds=strict), calibrations=dict.fromkeys(keys, PLAIN))
    assert answer(cautious, paths[0]).regions is not None
    assert answer(cautious, paths[1]).regions is None
    # Every pooled picture looks upscaled, whatever single tiles say.
    always = Logistic(("not", "upscaled"), np.array([[-0.01, 0.01]]), np.array([-3.0, 3.0]))
    experts = {key: replace(one, detection=always) for key, one in made.experts.items()}
    sure = Attributor(replace(made, experts=experts), calibrations=dict.fromkeys(keys, PLAIN))
    assert [answer(sure, path).regions for path in paths] == [None, None]


def test_flat_parts_of_a_map_are_empty(attributor: Attributor, tmp_path: Path) -> None:
    picture = pasted(texture(320, 480), rough(160, 192, seed=1), 96, 0)
    picture[:, 288:] = 255
    found = answer(attributor, written(tmp_path / "a.png", picture)).regions
    assert found is not None
    assert all(row[-1] is None for row in found.log10_lr) and all(row[0] is not None for row in found.log10_lr)


def test_nothing_is_localised_without_a_calibration_or_in_small_or_strongly_compressed_pictures(
    attributor: Attributor, tmp_path: Path
) -> None:
    picture = pasted(texture(320, 480), rough(160, 192, seed=1), 96, 160)
    assert answer(Attributor(told_apart()), written(tmp_path / "a.png", picture)).regions is None
    assert answer(attributor, written(tmp_path / "b.png", picture[32:287])).regions is None
    assert answer(attributor, written(tmp_path / "c.jpg", picture, quality=39)).regions is None
    assert answer(attributor, written(tmp_path / "d.jpg", picture, quality=99, subsampling=0)).regions is not None
    assert answer(attributor, written(tmp_path / "e.png", picture[..., 0])).regions is not None


def test_an_upscaled_part_needs_every_condition_that_is_possible(tmp_path: Path) -> None:
    made = told_apart()
    router = made.routers["colour"]
    shares = {"jpeg-51": 0.9, "jpeg-96": 0.1}
    offsets = np.log([shares.get(name, 1e-9) for name in router.classes]).astype(np.float32)
    made = replace(made, routers={**made.routers, "colour": replace(router, offsets=offsets)})
    calibrations = {("colour", "jpeg-51"): PLAIN}
    path = written(tmp_path / "a.png", pasted(texture(320, 480), rough(160, 192, seed=1), 96, 160))
    assert answer(Attributor(made, calibrations=calibrations), path).regions is not None
    other = made.experts["colour", "jpeg-96"]
    never = replace(other, detection=Logistic(("not", "upscaled"), np.zeros((2, 2)), np.array([3.0, -3.0])))
    made = replace(made, experts={**made.experts, ("colour", "jpeg-96"): never})
    assert answer(Attributor(made, calibrations=calibrations), path).regions is None


def test_the_answer_is_the_same_on_any_number_of_threads(attributor: Attributor, tmp_path: Path) -> None:
    picture = pasted(texture(400, 500), rough(160, 192, seed=1), 96, 160)
    path = written(tmp_path / "a.png", picture)
    expected = json.dumps(answer(attributor, path).to_json())
    with ThreadPoolExecutor(3) as pool:
        told = pool.map(lambda _: json.dumps(attributor.attribute(read_evidence(path)).to_json()), range(3))
        assert set(told) == {expected}
    alone = Attributor(told_apart(), calibrations=dict(attributor.localiser._calibrations))
    alone._pool._max_workers = 1
    assert json.dumps(answer(alone, path).to_json()) == expected


def regions(kind: str, count: int = 1) -> RegionMap:
    region = Region(kind, (64, 32, 128, 96), 12288, 2.0 if kind == "upscaled" else -2.0)  # type: ignore[arg-type]
    return RegionMap(32, ((1.0,),), ((1,),), (region,) * count)


@pytest.mark.parametrize(
    ("verdict", "kind", "said"),
    [
        ("not_upscaled", "upscaled", "inconclusive"),
        ("known_source", "upscaled", "inconclusive"),
        ("unknown_source", "upscaled", "inconclusive"),
        ("inconclusive", "upscaled", "inconclusive"),
        ("known_source", "not_upscaled", "known_source"),
        ("unknown_source", "not_upscaled", "unknown_source"),
        ("not_upscaled", "not_upscaled", "inconclusive"),
    ],
)
def test_a_part_changes_the_verdict(verdict: Verdict, kind: str, said: str) -> None:
    assert verdict_with_regions(verdict, regions(kind)) == said
    assert verdict_with_regions(verdict, None) == verdict
    assert verdict_with_regions(verdict, regions(kind, 0)) == verdict


def test_the_note_says_where() -> None:
    assert regions_note(regions("upscaled")) == (
        "regions: a part of 128 × 96 pixels at column 64, row 32 was upscaled, the rest was not"
    )
    assert regions_note(regions("not_upscaled", 3)).endswith("row 32 and 2 more was not upscaled, the rest was")


# calibrations on disk


def test_calibrations_are_kept_beside_their_reference(tmp_path: Path) -> None:
    calibrations = {("grey", "jpeg-90"): PLAIN, ("colour", "clean"): replace(PLAIN, suspect_upscaled=-2.0)}
    write_calibrations(tmp_path, "sha256:1", calibrations, {"any": 1})
    assert read_calibrations(tmp_path, "sha256:1") == calibrations
    assert read_calibrations(tmp_path, "sha256:2") == {}
    assert read_calibrations(tmp_path / "nowhere", "sha256:1") == {}
    (tmp_path / "regions.json").write_text(
        '{"format": 1, "reference": "sha256:1", "tiles": {"colour.clean": {"a": 1}}}'
    )
    with pytest.raises(ValueError, match="is damaged"):
        read_calibrations(tmp_path, "sha256:1")


def test_the_shipped_calibrations_belong_to_the_shipped_reference() -> None:
    calibrations = read_calibrations(None, load(SHIPPED).identity)
    every = {(mode, condition.name) for mode in MODES for condition in CONDITIONS}
    assert set(calibrations) == (every if (SHIPPED / FILE).exists() else set())
    for calibration in calibrations.values():
        assert calibration.bound > 1 and min(calibration.least_upscaled, calibration.least_untouched) > 0


# measuring


def composite(kind: str, mask: np.ndarray, side: int = 64) -> Composite:
    return Composite(kind, "p", "alpha-x2", side, np.zeros((*mask.shape, 3), np.uint8), mask)


def test_overlap_and_auroc_are_as_defined() -> None:
    mask = np.zeros((128, 128), bool)
    mask[:64, :64] = True
    cells = np.zeros((4, 4), int)
    cells[:2, :3] = 1
    rows = tuple(map(tuple, cells.tolist()))
    told = tuple(tuple(2.0 if cell else None for cell in row) for row in rows)
    found = replace(regions("upscaled"), log10_lr=told, parts=rows)
    assert overlap(composite("upscaled-patch", mask), found) == pytest.approx(4 / 6)
    assert overlap(composite("upscaled-patch", mask), None) == 0
    assert overlap(composite("upscaled-patch", mask), replace(found, found=())) == 0
    # The rest was taken for the part: what is left of it is found to be the patch.
    assert overlap(composite("untouched-patch", mask), found) == pytest.approx(10 / 12)
    assert overlap(composite("untouched-patch", ~mask), found) == pytest.approx(0 / 14)
    # Outside the patch are 12 of the 16 cells: 10 lie lower than it, 2 are as high.
    assert pixel_auroc(composite("upscaled-patch", mask), found) == pytest.approx(10 / 12 + 2 / 12 / 2)
    assert pixel_auroc(composite("upscaled-patch", mask), None) == 0.5


def test_answers_are_counted_by_kind_and_side(attributor: Attributor, tmp_path: Path) -> None:
    result = answer(attributor, written(tmp_path / "a.png"))
    mask = np.ones((4, 4), bool)
    answers = [
        Located(composite("upscaled-patch", mask, 96), "clean", replace(result, regions=regions("upscaled")), 0.8, 0.9),
        Located(composite("upscaled-patch", mask, 96), "clean", result, 0.0, 0.7),
        Located(composite("photograph", mask, 0), "clean", replace(result, regions=regions("upscaled", 0)), None, None),
        Located(composite("photograph", mask, 0), "jpeg90", replace(result, regions=regions("upscaled")), None, None),
    ]
    whole, patched, mistaken = counted(answers)
    assert (patched["found"], patched["iou"], patched["iou_of_found"], patched["auroc"]) == (0.5, 0.4, 0.8, 0.8)
    assert (whole["false_regions"], mistaken["false_regions"], mistaken["mistaken"]) == (0, 1, ["p"])
    assert (whole["interval"], mistaken["interval"]) == ([0.0, 0.975], [0.025, 1.0])


# composites


@pytest.mark.data("bsds500", "published")
def test_composites_are_what_their_masks_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "networks", lambda: ("whorl-fsrcnn-x2",))
    photographs = bases("train")[:3]
    made = {(c.kind, c.side): c for c in composites(photographs[0], photographs, tmp_path, (96, 128))}
    again = list(composites(photographs[0], photographs, tmp_path, (96, 128)))
    assert [c.kind for c in again[:3]] == ["photograph", "upscaled", "spliced"]
    whole, upscaled = made["photograph", 0], made["upscaled", 0]
    assert not whole.mask.any() and upscaled.mask.all() and not made["spliced", 0].mask.any()
    assert whole.pixels.shape == upscaled.pixels.shape == made["spliced", 0].pixels.shape
    for one in again:
        np.testing.assert_array_equal(one.pixels, made[one.kind, one.side].pixels)
        if one.side:
            base, inside = (whole, one.mask) if one.kind == "upscaled-patch" else (upscaled, ~one.mask)
            assert inside.sum() == one.side**2
            np.testing.assert_array_equal(one.pixels[~inside], base.pixels[~inside])
            assert (one.pixels[inside] != base.pixels[inside]).mean() > 0.3


def test_splits_have_names() -> None:
    with pytest.raises(ValueError, match="split must be one of train, test, got 'val'"):
        bases("val")


# fitting


def test_what_is_fitted_tells_tiles_apart_and_bounds_false_parts(tmp_path: Path) -> None:
    seen = []
    rng = np.random.default_rng(0)
    for number in range(120):
        kind = ("upscaled", "photograph", "spliced")[number % 3]
        whole = fit_regions.Whole(kind, f"{kind}{number % 4}", f"g{number}", lambda: texture())
        scores = rng.normal(2.0 if kind == "upscaled" else -2.0, 1.0, 20)
        activity = np.full(20, 20, np.float32)
        seen.append(fit_regions.Seen(whole, CONDITIONS[0], ("colour", "clean"), scores, activity, True))
    calibration, card = fit_regions._calibrated(seen)
    # Normal scores of unit variance at -2 and 2 have a log likelihood ratio of 4 s.
    told = calibration.log_ratios(np.array([-0.5, 0.0, 0.5]), np.full(3, 20, np.float32))
    np.testing.assert_allclose(told, [-2, 0, 2], atol=0.5)
    assert card["auroc"] > 0.98 and card["cllr"] < 0.15
    assert calibration.bound == pytest.approx(np.log(41))
    evidence = np.array([[-1.0, -1.0]] * 100 + [[0.0, 0.0]] * 18 + [[4.0, 0.0], [0.0, 9.0]])
    limited, counts = fit_regions._limited(calibration, seen, evidence)
    # Of forty pictures a kind nothing rarer than one in forty-one can be said: the limits lie above all of them.
    assert limited.least_upscaled == pytest.approx(4) and limited.least_untouched == pytest.approx(9)
    assert limited.least_upscaled > 4 and limited.least_untouched > 9
    assert sum(kind["false_regions"] for kind in counts.values()) == 0
    assert sum(kind["looked_at_closely"] for kind in counts.values()) == 20
    quiet, _ = fit_regions._limited(calibration, seen, np.full((120, 2), -1.0))
    assert quiet.least_upscaled == quiet.least_untouched == fit_regions.LEAST_EVIDENCE


def test_of_many_pictures_a_few_may_exceed_the_limit() -> None:
    evidence = np.stack([np.arange(999.0), np.arange(999.0)[::-1] / 2], axis=1)
    # Five in a thousand: the fifth highest of 999.
    np.testing.assert_array_equal(fit_regions._exceeded(evidence), [994.0, 497.0])


def test_false_parts_of_pictures_of_one_piece_are_looked_for_as_analysts_would(attributor: Attributor) -> None:
    key = ("colour", "clean")
    for base, patch, told in ((texture, rough, (True, False)), (rough, texture, (False, True))):
        picture = pasted(base(320, 480), patch(160, 192, seed=1), 96, 160)
        whole = fit_regions.Whole("photograph", "a", "p", lambda picture=picture: picture)
        one = next(s for s in fit_regions._looked_at(whole, CONDITIONS[0], attributor) if s.key[0] == "colour")
        assert (one.divisible, one.key) == (True, (key[0], one.key[1])) and len(one.scores) == 20
        evidence = fit_regions._evidence(one, PLAIN, attributor)
        assert tuple(value > 1 for value in evidence) == told
    plain = fit_regions.Whole("photograph", "a", "p", lambda: texture(320, 480))
    one = fit_regions._looked_at(plain, CONDITIONS[0], attributor)[0]
    assert fit_regions._evidence(one, replace(PLAIN, suspect_upscaled=5.0), attributor) == (-1.0, -1.0)


def test_a_whole_picture_is_written_the_same_twice(tmp_path: Path) -> None:
    whole = fit_regions.Whole("photograph", "original:scan", "p", lambda: texture())
    seen = set()
    for condition in CONDITIONS:
        first = read_evidence(whole.write(condition, tmp_path))
        second = read_evidence(whole.write(condition, tmp_path))
        np.testing.assert_array_equal(first.pixels, second.pixels)
        seen.add(first.pixels.tobytes())
        if condition.lowest is not None and condition.highest is not None:
            assert condition.lowest <= (first.jpeg_quality or 0) <= condition.highest
    assert len(seen) == len(CONDITIONS)


def test_a_photograph_is_never_enlarged_and_an_enlargement_never_reduced(tmp_path: Path) -> None:
    resized = next(condition for condition in CONDITIONS if condition.kind == "resized")
    for kind, label, sign in (("photograph", "original:scan", -1), ("upscaled", ENLARGED, 1), ("spliced", "s", -1)):
        for number in range(6):
            whole = fit_regions.Whole(kind, label, f"p{number}", lambda: texture(200, 300))
            assert sign * (read_evidence(whole.write(resized, tmp_path)).height - 200) > 0


@pytest.mark.data("bsds500", "camera", "lossless", "published")
def test_the_pictures_of_the_fit_are_of_one_piece_and_in_one_fold(tmp_path: Path) -> None:
    pictures = fit_regions.wholes(tmp_path)
    assert {picture.kind for picture in pictures} == {"upscaled", "photograph", "spliced"}
    held_out = {photograph.group for photograph in bases("test")}
    assert not held_out & {picture.group for picture in pictures}
    assert len({picture.label for picture in pictures}) > 60
    spliced = next(picture for picture in pictures if picture.kind == "spliced")
    assert spliced.make().shape[2] == 3
