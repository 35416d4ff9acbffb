"""The typed result for real files, against a made-up reference: its shape, its limits, and that it repeats."""

import json
import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from awkward import make_awkward
from fingerprint_fakes import SOURCES, reference, saved_reference, texture, written
from PIL import Image, ImageFilter
from scipy.special import expit, logit

from datasets import read_evidence
from fingerprint import Attributor, Priors, ReferenceError, Result, attribute
from fingerprint.expert import PARSED, Expert
from fingerprint.features import picture_features
from fingerprint.reference import Thresholds
from fingerprint.regression.answers import ADDED
from reports.commands import attribute as command
from spectra import to_uint8

VALIDATOR = jsonschema.Draft202012Validator(
    json.loads(files("reports").joinpath("schema/attribute-1.schema.json").read_text("utf-8"))
)
NEVER, ALWAYS = 1e9, -1e9
FORCED = {
    "known_source": Thresholds(ALWAYS, 2 * ALWAYS, 0.0, 1.0),
    "unknown_source": Thresholds(ALWAYS, 2 * ALWAYS, 2.0, 0.0, ALWAYS),
    "not_upscaled": Thresholds(NEVER, NEVER, 0.5, 0.5),
    "inconclusive": Thresholds(NEVER, ALWAYS, 0.5, 0.5),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_reference(tmp_path_factory.mktemp("reference"))


@pytest.fixture(scope="module")
def attributor(folder: Path) -> Attributor:
    return Attributor(folder)


def forced(verdict: str, priors: Priors | None = None) -> Attributor:
    return Attributor(reference(FORCED[verdict]), priors)


def answer(attributor: Attributor, path: Path) -> Result:
    result = attributor.attribute(read_evidence(path))
    check(result)
    return result


def check(result: Result) -> None:
    """What holds of every answer."""
    told = json.loads(json.dumps(result.to_json(), allow_nan=False))
    VALIDATOR.validate(told)
    assert set(told["parameters"]) == {*PARSED, "log10_parameters", *ADDED}
    shares = [candidate["probability"] for candidate in told["candidates"]]
    assert shares == sorted(shares, reverse=True)
    # Each is a whole number of millionths; only their binary fractions leave something in the last place.
    assert round(sum(shares) * 1e6) <= round(told["upscaled"]["probability"] * 1e6)
    for name, parameter in told["parameters"].items():
        if parameter.get("probabilities"):
            # Training data are spoken of given upscaling alone; each number is cut after six decimals.
            whole = told["upscaled"]["probability"] if name == "training_data" else 1.0
            cut = 1e-6 * (len(parameter["probabilities"]) + 1)
            assert sum(parameter["probabilities"].values()) == pytest.approx(whole, abs=cut), name
        if parameter.get("interval") and parameter["value"] is not None:
            assert parameter["interval"][0] <= parameter["value"] <= parameter["interval"][1]


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.png", "RGB", {}), ("a.png", "L", {}), ("a.png", "RGBA", {}), ("a.png", "P", {}),
        ("a.jpg", "RGB", {"quality": 80}), ("a.jpg", "CMYK", {}),
        ("a.webp", "RGB", {"lossless": True}), ("a.tif", "RGB", {}), ("a.bmp", "RGB", {}),
        ("a.gif", "P", {}),
    ],
)  # fmt: skip
def test_every_format_gets_a_valid_answer(
    attributor: Attributor, tmp_path: Path, name: str, mode: str, options: dict[str, Any]
) -> None:
    Image.fromarray(texture()).convert(mode).save(tmp_path / name, **options)
    result = answer(attributor, tmp_path / name)
    assert (result.image.width, result.image.height) == (220, 200)
    assert {candidate.source for candidate in result.candidates} == set(SOURCES)
    assert result.tool.reference == attributor.reference.identity


def test_sixteen_bits_are_judged_as_eight(attributor: Attributor, tmp_path: Path) -> None:
    grey = texture()[..., 0]
    deep, plain = tmp_path / "deep.png", written(tmp_path / "plain.png", grey)
    Image.fromarray(grey.astype(np.uint16) * 257).save(deep)
    first, second = answer(attributor, deep), answer(attributor, plain)
    assert (first.candidates, first.upscaled) == (second.candidates, second.upscaled)
    assert first.image.bit_depth == 16


@pytest.mark.parametrize("verdict", FORCED)
def test_each_verdict_is_said_consistently(verdict: str, tmp_path: Path) -> None:
    result = answer(forced(verdict), written(tmp_path / "a.png"))
    assert result.verdict == verdict
    scale, loss = result.parameters["scale"].value, result.parameters["loss"].value
    if verdict == "not_upscaled":
        assert (scale, loss, result.parameters["architecture"].value) == (1, "none", "none")
        assert result.parameters["training_data"].value is None
        assert result.parameters["log10_parameters"].value is None
    elif verdict != "inconclusive":
        # An upscaled picture has a scale and a design, however likely it is that it was not upscaled at all.
        assert scale in (2, 3, 4)
        assert loss in ("interpolation", "fidelity", "adversarial")
        assert result.parameters["architecture"].value in {source.architecture for source in SOURCES.values()}
    else:
        assert any(note.startswith("undecided: ") for note in result.image.notes)


def test_parsing_says_known_values_only(tmp_path: Path) -> None:
    values = {
        answer(forced("known_source"), written(tmp_path / "a.png", texture(seed=seed)))
        .parameters["training_data"]
        .value
        for seed in range(4)
    }
    assert values <= {None, "div2k", "df2k"}


@pytest.mark.parametrize("size", [(95, 300), (300, 95), (1, 1), (1, 5000)])
def test_a_picture_smaller_than_a_tile_leaves_the_priors(
    attributor: Attributor, tmp_path: Path, size: tuple[int, int]
) -> None:
    result = answer(attributor, written(tmp_path / "a.png", texture(*size)))
    assert result.verdict == "inconclusive"
    assert result.image.notes[-1] == f"small: a side of {min(size)} pixels is below the 96 that one tile needs"
    assert (result.upscaled.probability, result.upscaled.log10_lr) == (0.5, 0.0)
    assert {candidate.log10_lr for candidate in result.candidates} == {0.0}
    assert all(parameter.value is None for parameter in result.parameters.values())


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_is_inconclusive(attributor: Attributor, tmp_path: Path, level: int) -> None:
    result = answer(attributor, written(tmp_path / "a.png", np.full((200, 200, 3), level, np.uint8)))
    assert result.verdict == "inconclusive"
    assert result.image.notes[-1].startswith("flat: ")
    assert result.upscaled.log10_lr == 0.0


def test_flat_tiles_do_not_count(attributor: Attributor, tmp_path: Path) -> None:
    busy, flat = texture(96, 96), np.full((96, 96, 3), 255, np.uint8)
    alone = answer(attributor, written(tmp_path / "a.png", busy))
    beside = answer(attributor, written(tmp_path / "b.png", np.concatenate([busy, flat], axis=1)))
    assert (alone.candidates, alone.upscaled) == (beside.candidates, beside.upscaled)


@pytest.mark.parametrize(("verdict", "said"), [("known_source", "inconclusive"), ("not_upscaled", "not_upscaled")])
def test_upscaling_is_not_reported_of_small_pictures(verdict: str, said: str, tmp_path: Path) -> None:
    judge = forced(verdict)
    small = answer(judge, written(tmp_path / "a.png", texture(143, 200)))
    assert small.verdict == said
    assert any(note.startswith("small: a side of 143") for note in small.image.notes) == (said == "inconclusive")
    assert answer(judge, written(tmp_path / "b.png", texture(144, 200))).verdict == verdict


@pytest.mark.parametrize("verdict", ["known_source", "not_upscaled"])
def test_nothing_is_said_below_the_validated_qualities(verdict: str, tmp_path: Path) -> None:
    judge = forced(verdict)
    low = answer(judge, written(tmp_path / "a.jpg", quality=39))
    assert low.verdict == "inconclusive"
    assert any(note.startswith("compressed: JPEG quality 39 is below") for note in low.image.notes)
    assert answer(judge, written(tmp_path / "b.jpg", quality=40)).verdict == verdict


@pytest.mark.parametrize(("verdict", "said"), [("known_source", "inconclusive"), ("not_upscaled", "not_upscaled")])
@pytest.mark.parametrize("size", [3, 5])
def test_nobody_is_accused_after_a_median_filter(verdict: str, said: str, size: int, tmp_path: Path) -> None:
    soft = Image.fromarray(texture(200, 200)).filter(ImageFilter.GaussianBlur(1))
    assert answer(forced(verdict), written(tmp_path / "a.png", np.asarray(soft))).verdict == verdict
    result = answer(
        forced(verdict), written(tmp_path / "b.png", np.asarray(soft.filter(ImageFilter.MedianFilter(size))))
    )
    assert result.verdict == said
    assert any(note.startswith("filtered: ") for note in result.image.notes) == (said == "inconclusive")


class Noted(Mapping):
    """Experts that note which of them is asked for."""

    def __init__(self, experts: Mapping[tuple[str, str], Expert]) -> None:
        self.experts, self.asked = experts, []

    def __getitem__(self, key: tuple[str, str]) -> Expert:
        self.asked.append(key)
        return self.experts[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.experts)

    def __len__(self) -> int:
        return len(self.experts)


def test_the_right_expert_is_asked(tmp_path: Path) -> None:
    made = reference()
    noted = Noted(made.experts)
    judge = Attributor(replace(made, experts=noted))
    noted.asked.clear()  # of what the checks of types have looked at
    grey = texture()[..., 0]
    answer(judge, written(tmp_path / "a.png"))
    answer(judge, written(tmp_path / "b.png", grey))
    answer(judge, written(tmp_path / "c.jpg", quality=75))
    answer(judge, written(tmp_path / "d.jpg", grey, quality=90))
    answer(judge, written(tmp_path / "e.png", np.stack([grey] * 3, -1)))
    assert noted.asked == [
        ("colour", "clean"), ("grey", "clean"), ("colour", "jpeg-74"), ("grey", "jpeg-90"), ("grey", "clean"),
    ]  # fmt: skip


def test_a_stronger_jpeg_step_in_the_pixels_is_said(tmp_path: Path) -> None:
    made = reference()
    router = made.routers["colour"]
    sure = replace(router, offsets=np.array([50.0 * (name == "jpeg-64") for name in router.classes], np.float32))
    judge = Attributor(replace(made, routers={**made.routers, "colour": sure}))
    for path in (written(tmp_path / "a.png"), written(tmp_path / "a.jpg", quality=95)):
        result = answer(judge, path)
        assert any(note.startswith("recompressed: ") and "59 to 69" in note for note in result.image.notes)


def calling(expert: Expert, upscaled: bool) -> Expert:
    """An expert that is sure, whatever it sees."""
    weights, offsets = np.zeros_like(expert.detection.weights), np.zeros(2)
    offsets[expert.detection.classes.index("upscaled")] = 30.0 if upscaled else -30.0
    return replace(expert, detection=replace(expert.detection, weights=weights, offsets=offsets))


@pytest.mark.parametrize(
    ("other", "share", "verdict"),
    [(False, 0.1, "inconclusive"), (True, 0.1, "known_source"), (False, 0.005, "known_source")],
    ids=["contradicted", "agreed", "hardly possible"],
)
def test_nobody_is_accused_where_conditions_that_are_possible_disagree(
    other: bool, share: float, verdict: str, tmp_path: Path
) -> None:
    made = reference(replace(FORCED["known_source"], accuse=1.0, clear=-1.0))
    shares = {"jpeg-51": 1 - share, "jpeg-96": share}
    router = made.routers["colour"]
    offsets = np.log([shares.get(name, 1e-9) for name in router.classes]).astype(np.float32)
    keys = {("colour", "jpeg-51"): True, ("colour", "jpeg-96"): other}
    experts = {**made.experts, **{key: calling(made.experts[key], said) for key, said in keys.items()}}
    judge = Attributor(
        replace(made, experts=experts, routers={**made.routers, "colour": replace(router, offsets=offsets)})
    )
    result = answer(judge, written(tmp_path / "a.png"))
    assert result.verdict == verdict
    doubted = "contradictory: it looks upscaled if it went through a JPEG step of quality 44 to 58, not upscaled if "
    assert any(note.startswith(doubted) for note in result.image.notes) == (verdict == "inconclusive")
    if verdict == "inconclusive":
        assert (result.upscaled.log10_lr, result.upscaled.probability) == (0.0, 0.5)
    stated = answer(judge, written(tmp_path / "a.jpg", quality=50))
    assert stated.verdict == "known_source"  # a file's own tables leave no other possibility


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_parsed_agrees_with_the_source_that_is_named(name: str, tmp_path: Path) -> None:
    made = reference(FORCED["known_source"])
    key = ("colour", "clean")
    expert = calling(made.experts[key], upscaled=True)
    zeros = np.zeros_like(expert.tracer.weights)
    certain = np.array([100.0 * (source == name) for source in expert.sources], np.float32)
    tracer = replace(expert.tracer, weights=zeros, offsets=certain)
    known = np.array([50.0 * (k == "known") for k in expert.novelty.classes])
    novelty = replace(expert.novelty, weights=np.zeros_like(expert.novelty.weights), offsets=known)
    expert = replace(expert, tracer=tracer, novelty=novelty, support=(10**9,) * 3)
    told = answer(Attributor(replace(made, experts={**made.experts, key: expert})), written(tmp_path / "a.png"))
    source, parsed = SOURCES[name], told.parameters
    assert told.candidates[0].source == name
    assert parsed["scale"].value == source.scale and parsed["scale"].interval == (source.scale,) * 2
    assert (parsed["architecture"].value, parsed["loss"].value) == (source.architecture, source.loss)
    assert parsed["training_data"].value == (None if source.training_data == "unknown" else source.training_data)
    size = None if source.parameters == 0 else round(math.log10(source.parameters), 2)
    assert parsed["log10_parameters"].value == size
    assert parsed["log10_parameters"].interval == (None if size is None else (size, size))


def test_the_size_of_an_unknown_network_is_what_the_regression_says(tmp_path: Path) -> None:
    made = reference(FORCED["unknown_source"])
    key = ("colour", "clean")
    expert = made.experts[key]
    unknown = np.array([-50.0 * (k == "known") for k in expert.novelty.classes])
    novelty = replace(expert.novelty, weights=np.zeros_like(expert.novelty.weights), offsets=unknown)
    size = np.append(np.zeros(len(expert.size) - 1), 5.0)
    expert = replace(expert, novelty=novelty, support=(10**9,) * 3, size=size, size_margin=0.5)
    told = answer(Attributor(replace(made, experts={**made.experts, key: expert})), written(tmp_path / "a.png"))
    assert told.parameters["log10_parameters"].value == 5.0
    assert told.parameters["log10_parameters"].interval == pytest.approx((4.5, 5.5), abs=0.011)


def test_the_answer_is_the_same_alone_in_a_batch_and_on_any_number_of_threads(
    folder: Path, attributor: Attributor, tmp_path: Path
) -> None:
    paths = [written(tmp_path / f"{seed}.png", texture(200 + 7 * seed, 330, seed)) for seed in range(4)]
    alone = [Attributor(folder).attribute(read_evidence(path)).to_json() for path in paths]
    for path, expected in zip(paths, alone, strict=True):
        evidence = read_evidence(path)
        grey = bool((evidence.pixels[..., :1] == evidence.pixels).all())
        again = attributor.judge(evidence, picture_features(to_uint8(evidence.pixels)), grey)
        assert again.result.to_json() == expected
    with ThreadPoolExecutor(3) as many:
        together = many.map(lambda path: attributor.attribute(read_evidence(path)).to_json(), paths[::-1])
        assert list(together) == alone[::-1]
    assert attribute(paths[0], reference=folder).to_json() == alone[0]


def test_the_format_does_not_matter_where_the_pixels_agree(attributor: Attributor, tmp_path: Path) -> None:
    first = answer(attributor, written(tmp_path / "a.png"))
    second = answer(attributor, written(tmp_path / "a.tif"))
    assert (first.candidates, first.parameters, first.verdict) == (second.candidates, second.parameters, second.verdict)


def test_priors_move_the_answer_as_bayes_says(folder: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a.png")
    for prior in (0.01, 0.3, 0.99):
        result = answer(Attributor(folder, Priors(upscaled=prior)), path)
        # the ratio is rounded to three decimals, the probability cut to six
        told = expit(result.upscaled.log10_lr * math.log(10) + logit(prior))
        assert result.upscaled.probability == pytest.approx(told, abs=2e-3)
        assert result.to_json()["tool"]["priors"] == {"upscaled": prior, "unknown_given_upscaled": 0.2}
    lone, crowded = (answer(Attributor(folder, Priors(0.5, unknown)), path) for unknown in (0.01, 0.99))
    assert sum(c.probability for c in lone.candidates) > sum(c.probability for c in crowded.candidates)


@pytest.mark.parametrize("priors", [Priors(upscaled=0.0), Priors(upscaled=1.0), Priors(unknown_given_upscaled=1.0)])
def test_a_prior_that_leaves_no_doubt_is_refused(folder: Path, priors: Priors) -> None:
    with pytest.raises(ValueError, match=r"strictly between 0 and 1, got [01]\.0"):
        Attributor(folder, priors)


def test_a_reference_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ReferenceError, match="cannot be read"):
        Attributor(tmp_path)


def test_awkward_files_get_one_answer_or_one_line_each(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_awkward(tmp_path / "awkward")
    names = [str(item.path) for item in made]
    assert command.main(["--json", "--reference", str(folder), *names], "attribute") == 2
    out, err = capsys.readouterr()
    answers = [json.loads(line) for line in out.splitlines()]
    assert [told["image"]["path"] for told in answers] == [str(item.path) for item in made if item.readable]
    for told in answers:
        VALIDATOR.validate(told)
        assert told["verdict"] == "inconclusive"  # none is as large as a tile
        assert any(note.startswith("small: ") for note in told["image"]["notes"])
    refused = [item for item in made if not item.readable]
    assert len(err.splitlines()) == len(refused)
    for line, item in zip(err.splitlines(), refused, strict=True):
        assert line.startswith(f"attribute: {item.path}: ")
        assert item.says in line
