"""Accuracy against area: whole pictures of every source, parts of them, and what is counted."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fingerprint_fakes import saved_reference, texture, written

import datasets
from fingerprint import Attributor, area, render
from fingerprint.area import ZOO, area_curves, group_of, maker, render_whole
from fingerprint.render import KERNELS, imported_sources
from model_zoo import imports

SCALES = {"original": 1, "bicubic-x2-pil": 2, "imported-x3": 3}


def twice(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(3, axis=0).repeat(3, axis=1)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    """One imported network, of scale 3."""
    for module in (area, render):
        monkeypatch.setattr(module, "imported_sources", lambda: ("imported-x3",))
    monkeypatch.setattr(imports, "load_published", lambda source: SimpleNamespace(scale=3, upscale=twice))


@pytest.mark.usefixtures("world")
def test_all_sources_show_the_same_frame() -> None:
    photograph = texture(161, 241)
    made = {name: maker(name)(photograph) for name in ("original", "bicubic-x4-pil", "imported-x3")}
    assert {pixels.shape for pixels in made.values()} == {(156, 240, 3), (160, 240, 3)}
    assert np.array_equal(made["original"], photograph[:160, :240])
    small = datasets.downscale(photograph[:160, :240], 4)
    assert np.array_equal(made["bicubic-x4-pil"], datasets.resize(small, (160, 240), "bicubic"))
    assert np.array_equal(made["imported-x3"], twice(datasets.downscale(photograph[:159, :240], 3))[:156])


@pytest.mark.usefixtures("world")
def test_sources_belong_to_groups() -> None:
    assert [group_of(name) for name in ("original", "lanczos-x2-pil", "imported-x3", "zoo-a")] == [
        "original", "kernels", "imported", "zoo",
    ]  # fmt: skip


@pytest.mark.usefixtures("world")
def test_whole_pictures_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photographs = [written(tmp_path / f"{name}.png", texture(100, 120, seed)) for seed, name in enumerate("ab")]
    made = render_whole("bicubic-x2-pil", photographs, tmp_path / "whole")
    assert [path.relative_to(tmp_path) for path in made] == [Path(f"whole/bicubic-x2-pil/{name}.webp") for name in "ab"]
    expected = maker("bicubic-x2-pil")(texture(100, 120, 1))
    assert np.array_equal(datasets.read_evidence(made[1]).pixels, expected)
    monkeypatch.setattr(area, "maker", lambda source: pytest.fail("made again"))
    assert render_whole("bicubic-x2-pil", photographs, tmp_path / "whole") == made


@pytest.mark.usefixtures("world")
def test_parts_of_every_size_are_attributed(tmp_path: Path) -> None:
    photographs = [written(tmp_path / "a.png", texture(204, 240))]
    items = [
        (source, "a", render_whole(source, photographs, tmp_path / "whole")[0])
        for source in ("original", "bicubic-x2-pil", "imported-x3")
    ]
    attributor, said, counted = Attributor(saved_reference(tmp_path / "reference")), [], []
    told = area_curves(items, ["clean", "jpeg75"], SCALES, attributor, (96, 300), said.append, counted.append)
    assert list(told) == ["clean", "jpeg75"]
    # A crop that is larger than the picture takes all there is.
    assert [(entry["side"], entry["area"]) for entry in told["clean"]] == [(96, 9216), (300, 48960), (None, 48960)]
    assert said[:3] == ["clean, 96x96", "clean, 300x300", "clean, whole"] and sum(counted) == 18
    groups = told["jpeg75"][0]["groups"]
    assert set(groups) == {"original", "kernels", "imported", "all"}
    assert (groups["all"]["images"], groups["kernels"]["images"]) == (3, 1)
    assert groups["kernels"]["false_accusations"]["images"] == 0 and "confusion" not in groups["all"]
    with pytest.raises(ValueError, match="posts must be among as-is, .*, got 'fog'"):
        area_curves(items, ["fog"], SCALES, attributor)


def test_every_source_of_a_photograph_is_cut_at_one_place(tmp_path: Path) -> None:
    cut = area._cut(96, lambda pixels, stem: written(stem.with_suffix(".png"), pixels))
    whole = texture(200, 220)
    places = {}
    for name, pixels in (("one", whole), ("other", whole[::-1].copy())):
        (tmp_path / name).mkdir()
        part = datasets.read_evidence(cut(pixels, tmp_path / name / "p")).pixels
        (places[name],) = [
            (y, x) for y in range(105) for x in range(125) if np.array_equal(pixels[y : y + 96, x : x + 96], part)
        ]
    assert places["one"] == places["other"]


@pytest.mark.data("bsds500", "published", "published-weights")
def test_whole_pictures_hold_the_published_crops(tmp_path: Path) -> None:
    (photograph,) = [path for path in datasets.bsds500("val").paths[:20] if path.stem == "101087"]
    place = datasets.published_borders()["test", photograph.stem]
    for source in ("bicubic-x2-pil", "fsrcnn-x3-opencv", "original"):
        (made,) = render_whole(source, [photograph], tmp_path)
        crop = datasets.read_evidence(made).pixels[place.top : place.top + 192, place.left : place.left + 192]
        published = datasets.data_root() / "published" / source / "test" / made.name
        assert np.array_equal(crop, datasets.read_evidence(published).pixels), source


@pytest.mark.data("published", "published-weights")
def test_the_default_sources_can_be_made_and_differ() -> None:
    from fingerprint.sources import known_sources

    known, zoo = known_sources(), set(ZOO)
    assert len(imported_sources()) == len(zoo) == 10
    assert {*imported_sources(), *KERNELS, *ZOO} <= known.keys()
    assert {known[name].scale for name in ZOO} == {2, 3, 4}
    assert len({known[name].architecture for name in ZOO}) >= 6
