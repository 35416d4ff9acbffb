"""`whorl spectra show`: what is measured, what is drawn, and what is refused."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from reports import canvas, figures
from reports.commands import spectra as command
from spectra import radial_profile
from spectra.profiles import full_spectrum

ENTRY = "from reports.cli import whorl_main; raise SystemExit(whorl_main())"


def pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.normal(size=(height, width, 3)), (3, 3, 0)) * 400 + 128
    return np.rint(smooth + random.normal(size=smooth.shape) * 3).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "a picture.png"
    Image.fromarray(pixels(120, 150)).save(path)
    return path


def show(*arguments: object) -> int:
    return command.main(["show", *map(str, arguments)])


def test_a_png_is_drawn_and_is_the_same_each_time(image: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.png", tmp_path / "b.PNG"
    for out in (first, second):
        assert show(image, "-o", out) == 0
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as figure:
        assert figure.format == "PNG"
        assert "Software" not in figure.info
        assert len(figure.convert("RGB").getcolors(10**7) or ()) > 1000
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.PNG"]  # nothing temporary stays


@pytest.mark.parametrize(("suffix", "start"), [(".pdf", b"%PDF"), (".svg", b"<?xml")])
def test_other_formats_have_no_date_either(image: Path, tmp_path: Path, suffix: str, start: bytes) -> None:
    out = tmp_path / f"figure{suffix}"
    written = []
    for residual in ("wiener", "wiener"):
        assert show(image, "-o", out, "--residual", residual) == 0
        written.append(out.read_bytes())
    assert written[0] == written[1]
    assert written[0].startswith(start)
    assert b"CreationDate" not in written[0]
    assert b"dc:date" not in written[0]


def test_the_figure_says_what_it_shows(image: Path, tmp_path: Path) -> None:
    import hashlib
    import re

    out = tmp_path / "figure.svg"
    assert show(image, "-o", out, "--residual", "high-pass") == 0
    text = out.read_text(encoding="utf-8")
    said = " ".join(re.findall(r"<!-- (.*?) -->", text))  # matplotlib writes each text as a comment beside its outlines
    assert "a picture.png" in said
    assert "150 × 120 pixels" in said
    assert hashlib.sha256(image.read_bytes()).hexdigest()[:16] in said
    for words in ("3×3 high-pass", "cycles/pixel", "grid of ×2", "grid of ×3", "grid of ×4", "1/3", "radial profile"):
        assert words in said


def test_the_command_offers_what_the_figure_can_do() -> None:
    from datasets import MAX_PIXELS

    assert set(command.RESIDUALS) == set(figures.RESIDUALS) == set(figures.TITLES)
    assert set(command.SUFFIXES) == set(canvas.FORMATS)
    assert command.MAX_PIXELS == MAX_PIXELS


def test_wrong_outputs_are_refused_before_any_work(image: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    missing = tmp_path / "missing.png"
    with pytest.raises(ValueError, match=r"must end in one of .png .pdf .svg, got 'a.gif'"):
        show(missing, "-o", tmp_path / "a.gif")
    with pytest.raises(ValueError, match="is a folder"):
        show(missing, "-o", tmp_path / "folder.png")
    with pytest.raises(ValueError, match="there is no folder"):
        show(missing, "-o", tmp_path / "nowhere" / "a.png")
    before = image.read_bytes()
    with pytest.raises(ValueError, match="is the picture itself"):
        show(image, "-o", image)
    link = tmp_path / "link.png"
    link.symlink_to(image)
    with pytest.raises(ValueError, match="is the picture itself"):
        show(image, "-o", link)
    assert image.read_bytes() == before


def test_pictures_that_cannot_be_drawn_are_named(image: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    Image.fromarray(pixels(95, 300)).save(small)
    out = tmp_path / "out.png"
    with pytest.raises(ValueError, match=r"small.png: the picture must be at least 96x96 pixels.*, got 300x95"):
        show(small, "-o", out)
    with pytest.raises(ValueError, match=r"missing.png: no such file"):
        show(tmp_path / "missing.png", "-o", out)
    with pytest.raises(ValueError, match=r"a picture.png: .*17,?999"):
        show(image, "-o", out, "--max-pixels", 17_999)
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments", [[], ["draw"], ["show"], ["show", "x.png"], ["show", "x.png", "-o", "y.png", "--residual", "z"]]
)
def test_a_wrong_call_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(arguments)
    assert left.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_mistake_is_one_line_and_help_loads_nothing_heavy(tmp_path: Path) -> None:
    call = [sys.executable, "-c", ENTRY, "spectra", "show", str(tmp_path / "none.png"), "-o", str(tmp_path / "a.png")]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"whorl: {tmp_path / 'none.png'}: no such file\n"
    asked = "\n".join(
        [
            "import sys",
            "try:",
            "    from reports.commands import spectra",
            "    spectra.main(['show', '--help'])",
            "except SystemExit:",
            "    print(sorted({'numpy', 'jax', 'matplotlib', 'PIL'} & set(sys.modules)))",
        ]
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert "--residual" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("residual", sorted(figures.RESIDUALS))
def test_the_residual_shown_is_that_of_the_whole_picture(residual: str) -> None:
    picture = pixels(180, 700, 1)
    measured = figures.survey(picture, residual)
    assert (measured.corner, measured.residual.shape) == ((0, 94), (180, 512))
    luma = (picture @ np.array([0.299, 0.587, 0.114])).astype(np.float32)
    whole = np.asarray(jax.jit(figures.RESIDUALS[residual])(jnp.asarray(luma[None])))[0]
    inside = slice(None), slice(94 + 8, 606 - 8)  # at the part's own sides its residual knows no neighbours
    np.testing.assert_allclose(measured.residual[:, 8:-8], whole[inside], atol=1e-3)  # float32 sums in another order


def test_sixteen_bits_are_measured_like_eight_but_finer() -> None:
    eight = pixels(100, 110, 2)
    first, second = figures.survey(eight), figures.survey(eight.astype(np.uint16) * 257)
    np.testing.assert_array_equal(first.thumbnail, second.thumbnail)
    np.testing.assert_allclose(first.residual, second.residual, atol=1e-4)  # 257/65535 is not exactly 1/255 in float
    faint = (eight.astype(np.uint16) // 64 * 0 + 30_000) + np.random.default_rng(0).integers(
        0, 100, (100, 110, 1), np.uint16
    )
    assert figures.survey(faint.astype(np.uint16)).residual.std() > 0.05  # below one grey level, not rounded away


def test_white_noise_has_its_own_level_everywhere() -> None:
    noise = np.random.default_rng(3).normal(128, 10, (500, 500, 1)).repeat(3, axis=2)
    measured = figures.survey(np.rint(noise).clip(0, 255).astype(np.uint8))
    _, level = radial_profile(measured.luma_power, 12)
    # 20 dB, less the 2.51 dB by which the mean logarithm of an exponential variable lies below that of its mean; rings
    # average 100 windows and dozens of frequencies, each with 5.6 dB of its own. The first ring feels the lost mean.
    np.testing.assert_allclose(level[1:], 20 - 2.51, atol=0.4)


@pytest.mark.parametrize(("fy", "fx"), [(24, 0), (32, 32), (48, 0)])
def test_a_wave_on_the_grid_has_its_peak_under_the_marker(fy: int, fx: int) -> None:
    y, x = np.mgrid[:200, :230]
    wave = 128 + 20 * np.cos(2 * np.pi * (fy * y + fx * x) / 96)
    noisy = wave[..., None] + np.random.default_rng(4).normal(0, 1, (200, 230, 1))
    power = figures.survey(np.rint(noisy).clip(0, 255).astype(np.uint8).repeat(3, axis=2), "wiener").luma_power
    assert np.unravel_index(power.argmax(), power.shape) == (fy, fx)
    assert full_spectrum(power)[-fy % 96, -fx % 96] == power.max()


def test_thumbnails_are_averages_of_whole_blocks() -> None:
    picture = pixels(200, 1900, 5)
    measured = figures.survey(picture)
    assert (measured.step, measured.thumbnail.shape) == (3, (67, 634, 3))
    block = picture[33:36, 300:303].reshape(-1, 3).mean(axis=0)
    np.testing.assert_array_equal(measured.thumbnail[11, 100], np.rint(block))
    corner = picture[198:, 1899:].reshape(-1, 3).mean(axis=0)  # what is left over at the ends
    np.testing.assert_array_equal(measured.thumbnail[-1, -1], np.rint(corner))
    small = pixels(100, 120, 6)
    np.testing.assert_array_equal(figures.survey(small).thumbnail, small)


def test_windows_cover_the_picture_and_are_bounded() -> None:
    assert figures.survey(pixels(96, 96)).windows == 1
    assert figures.survey(pixels(100, 200)).windows == 2 * 4
    seen = np.zeros((300, 201), int)
    for top, left in figures._corners(300, 201, 48):
        seen[top : top + 96, left : left + 96] += 1
    assert seen.min() >= 1
    assert len(figures._evenly(figures._corners(6000, 8000, 48), 512)) == 512


def test_other_sizes_compile_nothing() -> None:
    figures.survey(pixels(96, 96))
    program: Any = figures._program
    before = program._cache_size()
    for height, width in ((97, 130), (300, 222)):
        figures.survey(pixels(height, width))
    assert program._cache_size() == before


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"residual must be one of .*, got 'magic'"):
        figures.survey(pixels(96, 96), "magic")
    with pytest.raises(ValueError, match=r"suffix must be one of .png .pdf .svg, got '.gif'"):
        figures.draw(figures.survey(pixels(96, 96)), "x", "0" * 64, ".gif")


@pytest.mark.parametrize("name", ["画像 $x^2$ \udcff\n\u202e.png", "a" * 300, ""])
def test_any_name_can_be_drawn(name: str) -> None:
    measured = figures.survey(np.full((96, 120, 3), 77, np.uint8))  # a flat picture at that
    with Image.open(io.BytesIO(figures.draw(measured, name, "0" * 64))) as figure:
        assert figure.size == (1870, 1100)
    first, *_ = figures._caption(measured, name, "0" * 64)
    assert len(first) < 230
    assert first.isprintable()
