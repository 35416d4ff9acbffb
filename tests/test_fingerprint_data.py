"""The shipped reference on pictures that it was not fitted on."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from awkward import make_awkward

import datasets
from fingerprint import Attributor
from fingerprint.card import render_card
from fingerprint.conditions import CONDITIONS
from fingerprint.evaluate import Answer, answers
from fingerprint.reference import MODES, SHIPPED, load
from fingerprint.result import Result
from reports.commands import attribute as command

LIMIT = 32_000_000


@pytest.fixture(scope="module")
def attributor() -> Attributor:
    return Attributor()


@pytest.fixture(scope="module")
def judged(attributor: Attributor) -> list[Answer]:
    """The first two test pictures of every published source, as they are."""
    items = [
        (name, path.stem, path)
        for name in datasets.published_sources()
        for path in datasets.published(name, "test")[:2]
    ]
    return list(answers(items, "as-is", lambda _: attributor))


def test_the_shipped_reference_is_whole_and_small() -> None:
    reference = load()
    assert set(reference.experts) == {(mode, condition.name) for mode in MODES for condition in CONDITIONS}
    assert set(reference.thresholds) == set(reference.experts)
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < LIMIT
    for expert in reference.experts.values():
        assert set(expert.sources) == set(reference.sources)
        for item in (expert.detector, expert.tracer):
            assert np.isfinite(item.weights).all() and np.isfinite(item.offsets).all()
    assert all(limits.clear <= limits.accuse for limits in reference.thresholds.values())


def test_the_shipped_card_belongs_to_the_shipped_reference() -> None:
    reference = load()
    text = (SHIPPED / "CARD.md").read_text(encoding="utf-8")
    assert reference.identity in text
    tables = [line for line in render_card(reference).splitlines() if line.startswith("|")]
    assert tables == [line for line in text.splitlines() if line.startswith("|")]


@pytest.mark.data("published")
def test_most_test_pictures_are_attributed_rightly(judged: list[Answer]) -> None:
    assert len(judged) == 2 * len(datasets.published_sources())
    # The whole test split reaches 0.97; of 62 pictures, which show two photographs, four more may be missed by chance.
    assert np.mean([answer.attributed == answer.source for answer in judged]) >= 0.85


@pytest.mark.data("published")
def test_scale_is_parsed(judged: list[Answer]) -> None:
    scales = {network.name: network.scale for network in datasets.published_networks()}
    right = [answer.result.parameters["scale"].value == scales[answer.source] for answer in judged]
    assert np.mean(right) >= 0.9  # the whole split reaches 0.98


@pytest.mark.data("published")
def test_no_original_is_accused(judged: list[Answer]) -> None:
    originals = [answer.result.verdict for answer in judged if answer.source == "original"]
    assert len(originals) == 2
    assert set(originals) <= {"not_upscaled", "inconclusive"}


@pytest.fixture
def quality_75(tmp_path: Path) -> Iterator[Path]:
    path = datasets.published("bicubic-x2-pil", "test")[0]
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(datasets.jpeg_copy(np.asarray(datasets.read_evidence(path).pixels), 75))
    yield copy


@pytest.mark.data("published")
def test_a_jpeg_copy_still_tells_that_it_was_enlarged(attributor: Attributor, quality_75: Path) -> None:
    result: Result = attributor.attribute(datasets.read_evidence(quality_75))
    assert result.image.jpeg_quality == 75
    assert result.upscaled.log10_lr > 0


def test_awkward_files_get_one_answer_or_one_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make_awkward(tmp_path / "awkward")
    assert command.main(["--json", *(str(item.path) for item in made)], "attribute") == 2
    out, err = capsys.readouterr()
    told = [json.loads(line)["image"]["path"] for line in out.splitlines()]
    assert told == [str(item.path) for item in made if item.readable]
    assert len(err.splitlines()) == sum(not item.readable for item in made)
