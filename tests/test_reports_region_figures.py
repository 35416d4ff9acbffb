"""The figure of a picture's parts: it is drawn for every kind of picture, the same each time, and shows the parts."""

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from reports_fakes import EVIDENCE, result_for

from fingerprint.result import Region, RegionMap, Result
from reports.region_figures import draw_regions

MAP = RegionMap(
    32,
    tuple(
        tuple(2.0 if 2 <= i <= 5 and 4 <= j <= 9 else None if j == 14 else -1.5 for j in range(15)) for i in range(10)
    ),
    tuple(tuple(int(2 <= i <= 5 and 4 <= j <= 9) for j in range(15)) for i in range(10)),
    (Region("upscaled", (128, 64, 192, 128), 24576, 2.0),),
)


def picture(height: int = 320, width: int = 480) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def answer(regions: RegionMap | None = MAP, path: str = "x.png") -> Result:
    evidence = SimpleNamespace(**{**vars(EVIDENCE), "path": path, "width": 480, "height": 320})
    return replace(result_for(evidence, "inconclusive"), regions=regions)


def drawn(figure: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(figure)) as image:
        return np.array(image.convert("RGB"))


def test_the_parts_are_framed_in_both_panels() -> None:
    with_parts = drawn(draw_regions(picture(), answer(), MAP))
    without = drawn(draw_regions(picture(), answer(None), MAP))
    assert with_parts.shape == without.shape
    changed = (with_parts != without).any(axis=2)
    middle = changed.shape[1] // 2
    # The caption changes, too, below both panels.
    panels = changed[: round(0.75 * len(changed))]
    assert panels[:, :middle].any() and panels[:, middle:].any()


def test_orange_lies_where_the_map_speaks_for_upscaling() -> None:
    pixels = np.full((320, 480, 3), 128, np.uint8)
    heat = drawn(draw_regions(pixels, answer(None), MAP)).astype(int)
    empty = drawn(draw_regions(pixels, answer(None), None)).astype(int)
    warm = heat[..., 0] - heat[..., 2]
    assert (np.abs(empty[..., 0] - empty[..., 2]) < 60).all()
    rows, columns = np.nonzero(warm > 60)
    inside = columns < 0.88 * heat.shape[1]  # beside it is the colour bar
    left, right = columns[inside].min() / heat.shape[1], columns[inside].max() / heat.shape[1]
    assert 0.5 < left < right < 0.88
    assert (warm < -60).any()  # blue


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_figure_is_the_same_each_time(suffix: str) -> None:
    first = draw_regions(picture(), answer(), MAP, suffix)
    assert first == draw_regions(picture(), answer(), MAP, suffix)
    assert first.startswith({".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix])


@pytest.mark.parametrize(("height", "width"), [(100, 100), (96, 2000), (2000, 96), (1500, 1300)])
def test_every_shape_is_drawn(height: int, width: int) -> None:
    cells = tuple((0.5,) * -(-width // 32) for _ in range(-(-height // 32)))
    zeros = tuple((0,) * len(row) for row in cells)
    figure = drawn(draw_regions(picture(height, width), answer(None), RegionMap(32, cells, zeros, ())))
    assert figure.size


def test_names_are_shown_and_never_obeyed() -> None:
    for path in ("$x$.png", "a\nb.png", "\udcff.png", "x" * 300 + ".png"):
        assert draw_regions(picture(), answer(path=path), None)


def test_sixteen_bits_are_drawn() -> None:
    deep = picture().astype(np.uint16) * 257
    np.testing.assert_array_equal(
        drawn(draw_regions(deep, answer(), MAP)), drawn(draw_regions(picture(), answer(), MAP))
    )


def test_another_suffix_is_refused() -> None:
    with pytest.raises(ValueError, match="suffix"):
        draw_regions(picture(), answer(), MAP, ".gif")
