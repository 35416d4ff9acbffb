"""The figure that shows what a picture's pixels hold below its content: residual, spectrum and their profiles.

Pictures are `H W 3` as stored (uint8 or uint16), luma is float32 in grey levels (0..255, BT.601 weights), spectra are
in decibels of squared grey levels (white noise of one grey level has 0 dB everywhere), frequencies in cycles/pixel.
Everything is measured on tiles of one size, so that memory stays bounded and no picture size compiles anything new.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from reports.canvas import encoded
from reports.commandline import printable
from spectra.profiles import angular_profile, full_spectrum, grid_frequencies, radial_profile
from spectra.residuals import high_pass, median_residual, wiener_residual
from spectra.tiles import BATCH, TILE
from spectra.windows import hann

RESIDUALS = {"median": median_residual, "high-pass": high_pass, "wiener": wiener_residual}
TITLES = {"median": "picture minus its 3×3 median", "high-pass": "3×3 high-pass", "wiener": "adaptive Wiener noise"}
THUMBNAIL = 900  # pixels, the longest side of the picture as it is drawn
DETAIL = 512  # pixels, the longest side of the residual as it is drawn
WINDOWS = 512  # at most so many are averaged, evenly chosen
SCALES = (2, 3, 4)
_HALO = 8  # pixels; more than any residual's reach
_FLOOR = np.float32(1 / 324)  # the same floor below the rounding to grey levels as in spectra.power

# Okabe and Ito's colours, which colour-blind readers can tell apart; the markers differ in form as well.
_MARKERS = {2: ("s", 15, "#56B4E9"), 3: ("^", 13, "#E69F00"), 4: ("o", 9, "#FFFFFF")}
_CURVES = {"residual": ("#0072B2", "-"), "residual, on the axes": ("#D55E00", "-"), "luma": ("#666666", "--")}


@dataclass(frozen=True)
class Survey:
    """What is drawn of a picture.

    Attributes:
        size: (height, width) of the picture.
        residual_kind: a name in `RESIDUALS`.
        thumbnail: (h, w, 3) uint8, averaged over `step` by `step` pixels.
        step: how many pixels a side one pixel of the thumbnail stands for.
        corner: (top, left) of the part of which the residual is shown.
        residual: (h, w) float32 in grey levels, pixel by pixel.
        residual_power, luma_power: (TILE, TILE // 2 + 1) mean log-power spectra in decibels, `rfft2` layout.
        windows: how many windows the spectra are averaged over.
    """

    size: tuple[int, int]
    residual_kind: str
    thumbnail: np.ndarray
    step: int
    corner: tuple[int, int]
    residual: np.ndarray
    residual_power: np.ndarray
    luma_power: np.ndarray
    windows: int


def survey(pixels: np.ndarray, residual: str = "median") -> Survey:
    """Measure what `draw` shows of a picture.

    Args:
        pixels: (H, W, 3) uint8 or uint16, at least TILE pixels a side.
        residual: a name in `RESIDUALS`.

    Returns:
        The measurements.

    Raises:
        ValueError: an unknown residual, or a picture smaller than a tile.
    """
    if residual not in RESIDUALS:
        raise ValueError(f"residual must be one of {', '.join(RESIDUALS)}, got {residual!r}")
    height, width = pixels.shape[:2]
    if min(height, width) < TILE:
        raise ValueError(f"the picture must be at least {TILE}x{TILE} pixels for a spectrum, got {width}x{height}")
    small, step = thumbnail(pixels)
    corner, detail = _detail(pixels, residual)
    origins = _evenly(_corners(height, width, TILE // 2), WINDOWS)
    total = np.zeros((2, TILE, TILE // 2 + 1))
    for _, _, powers in _measured(pixels, origins, residual):
        total += powers
    luma_power, residual_power = total / len(origins)
    return Survey((height, width), residual, small, step, corner, detail, residual_power, luma_power, len(origins))


@partial(jax.jit, static_argnames="residual", compiler_options={"xla_cpu_multi_thread_eigen": False})
def _program(luma: Float[Array, "n h w"], residual: str):
    """Return the residual of each tile, and log-power spectra of luma and residual, Hann-tapered."""
    left = RESIDUALS[residual](luma)
    both = jnp.stack([luma, left], axis=1)
    taper = hann(TILE)
    energy = np.float32(np.square(taper, dtype=np.float64).sum())
    spectrum = jnp.fft.rfft2((both - both.mean(axis=(-2, -1), keepdims=True)) * taper[None, None])
    power = (jnp.square(spectrum.real) + jnp.square(spectrum.imag)) / energy
    return left, np.float32(10) * jnp.log10(power + _FLOOR)


def _measured(
    pixels: np.ndarray, origins: Sequence[tuple[int, int]], residual: str
) -> Iterator[tuple[tuple[int, int], np.ndarray, np.ndarray]]:
    """Yield each tile's corner, residual and two spectra."""
    for start in range(0, len(origins), BATCH):
        group = list(origins[start : start + BATCH])
        filled = group + group[-1:] * (BATCH - len(group))
        tiles = np.stack([_luma(pixels[y : y + TILE, x : x + TILE]) for y, x in filled])
        left, power = (np.asarray(part) for part in _program(tiles, residual=residual))
        yield from zip(group, left, power, strict=False)


def _luma(pixels: np.ndarray) -> np.ndarray:
    full = 255.0 if pixels.dtype == np.uint8 else 65535.0
    return (pixels @ np.array([0.299, 0.587, 0.114]) * (255.0 / full)).astype(np.float32)


def _corners(height: int, width: int, stride: int) -> list[tuple[int, int]]:
    """Return the corners of tiles that cover a picture, neighbours at most `stride` apart."""
    sides = []
    for length in (height, width):
        gaps = -(-(length - TILE) // stride)
        sides.append([i * (length - TILE) // max(gaps, 1) for i in range(gaps + 1)])
    return [(top, left) for top in sides[0] for left in sides[1]]


def _evenly(corners: list[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    if len(corners) <= most:
        return corners
    return [corners[i] for i in (np.arange(most) * len(corners) + len(corners) // 2) // most]


def _detail(pixels: np.ndarray, residual: str) -> tuple[tuple[int, int], np.ndarray]:
    """Return the residual of the picture's middle, put together from tiles, and where it lies."""
    height, width = pixels.shape[:2]
    shown = min(height, DETAIL), min(width, DETAIL)
    top, left = (height - shown[0]) // 2, (width - shown[1]) // 2
    middle = pixels[top : top + shown[0], left : left + shown[1]]
    whole = np.zeros(shown, np.float32)
    for (y, x), tile, _ in _measured(middle, _corners(*shown, TILE - 2 * _HALO), residual):
        rows = slice(_HALO if y else 0, None if y + TILE == shown[0] else TILE - _HALO)
        columns = slice(_HALO if x else 0, None if x + TILE == shown[1] else TILE - _HALO)
        whole[y : y + TILE, x : x + TILE][rows, columns] = tile[rows, columns]
    return (top, left), whole


def thumbnail(pixels: np.ndarray) -> tuple[np.ndarray, int]:
    """Average whole blocks of pixels, a strip at a time; a picture that is small enough stays as it is.

    Args:
        pixels: (H, W, 3) uint8 or uint16.

    Returns:
        (h, w, 3) uint8 of at most THUMBNAIL pixels a side, and the side of a block.
    """
    height, width = pixels.shape[:2]
    step = -(-max(height, width) // THUMBNAIL)
    scale = 1.0 if pixels.dtype == np.uint8 else 257.0
    starts = np.arange(0, width, step)
    columns = np.diff(np.append(starts, width)).astype(np.float64)[:, None]
    rows = []
    for top in range(0, height, step):
        strip = pixels[top : top + step]
        total = np.add.reduceat(strip.sum(axis=0, dtype=np.uint64), starts, axis=0)
        rows.append(np.rint(total / (columns * len(strip) * scale)).astype(np.uint8))
    return np.stack(rows), step


def draw(measured: Survey, name: str, sha256: str, suffix: str = ".png") -> bytes:
    """Draw the figure.

    Args:
        measured: what `survey` returned.
        name: the file's name, for the caption.
        sha256: of the file's bytes, for the caption.
        suffix: one of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same picture and matplotlib.

    Raises:
        ValueError: another suffix.
    """

    def fill(figure: Any) -> None:
        grid = figure.add_gridspec(
            2, 3, left=0.05, right=0.935, top=0.92, bottom=0.15, hspace=0.29, wspace=0.42, height_ratios=(1.3, 1)
        )
        _picture(figure.add_subplot(grid[0, 0]), measured)
        _residual(figure.add_subplot(grid[0, 1]), measured)
        _spectrum(figure.add_subplot(grid[0, 2]), measured)
        _radial(figure.add_subplot(grid[1, :2]), measured)
        _angular(figure.add_subplot(grid[1, 2]), measured)
        for line, text in enumerate(_caption(measured, name, sha256)):
            figure.text(0.05, 0.068 - 0.024 * line, text, parse_math=False)

    return encoded((17, 10), suffix, fill, font=10)


PANELS = ("picture", "residual", "spectrum")


def draw_panel(measured: Survey, panel: str, suffix: str = ".png") -> bytes:
    """Draw one part of the figure alone.

    Args:
        measured: what `survey` returned.
        panel: one of `PANELS`.
        suffix: one of `reports.canvas.FORMATS`.

    Returns:
        The encoded figure, the same bytes for the same picture and matplotlib.

    Raises:
        ValueError: another suffix or panel.
    """
    if panel not in PANELS:
        raise ValueError(f"panel must be one of {', '.join(PANELS)}, got {panel!r}")
    fill = {"picture": _picture, "residual": _residual, "spectrum": _spectrum}[panel]
    rows, columns = measured.size if panel == "picture" else measured.residual.shape
    tall = 6.4 if panel == "spectrum" else min(max(6.0 * rows / columns, 1.5) + 0.8, 8.0)

    def draw(figure: Any) -> None:
        fill(figure.add_subplot(), measured)

    return encoded((7.2, tall), suffix, draw, font=10, tight=True)


def _caption(measured: Survey, name: str, sha256: str) -> tuple[str, ...]:
    height, width = measured.size
    shown = drawable(name)
    if len(shown) > 110:
        shown = f"{shown[:70]} … {shown[-37:]}"
    return (
        f"{shown}    {width} × {height} pixels    SHA-256 {sha256[:16]}…",
        f"Spectra: log power of luma (BT.601) and of its residual ({TITLES[measured.residual_kind]}), averaged over "
        f"{measured.windows} Hann windows of {TILE} × {TILE} pixels.",
        "Enlarging leaves traces around the marked frequencies. JPEG's 8 × 8 blocks leave peaks at multiples of 1/8, "
        "which the grids of ×2 and ×4 share.",
    )


def drawable(name: str) -> str:
    """Escape what is not printable or what the figure's font lacks, as file names may hold any character."""
    known = _characters()
    return "".join(c if ord(c) in known else c.encode("unicode_escape").decode("ascii") for c in printable(name))


@lru_cache
def _characters() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def _picture(axes: Any, measured: Survey) -> None:
    from matplotlib.patches import Rectangle

    height, width = measured.size
    axes.imshow(measured.thumbnail, extent=(0, width, height, 0))
    axes.set_title(
        "picture" if measured.step == 1 else f"picture, averaged over {measured.step} × {measured.step} pixels"
    )
    axes.set(xlabel="column (pixels)", ylabel="row (pixels)")
    if measured.residual.shape != measured.size:
        (top, left), (rows, columns) = measured.corner, measured.residual.shape
        for colour, thickness in (("black", 3.5), ("white", 1.5)):
            axes.add_patch(Rectangle((left, top), columns, rows, fill=False, edgecolor=colour, linewidth=thickness))


def _residual(axes: Any, measured: Survey) -> None:
    (top, left), (rows, columns) = measured.corner, measured.residual.shape
    limit = max(float(np.percentile(np.abs(measured.residual), 99)), 0.5)
    image = axes.imshow(
        measured.residual, cmap="gray", vmin=-limit, vmax=limit, extent=(left, left + columns, top + rows, top)
    )
    part = "" if measured.residual.shape == measured.size else " (framed part)"
    axes.set_title(f"residual: {TITLES[measured.residual_kind]}{part}")
    axes.set(xlabel="column (pixels)", ylabel="row (pixels)")
    _colour_bar(axes, image, "grey levels")


def _colour_bar(axes: Any, image: Any, label: str) -> None:
    beside = axes.inset_axes((1.03, 0.0, 0.035, 1.0))
    axes.figure.colorbar(image, cax=beside, label=label, format="%g")


def _spectrum(axes: Any, measured: Survey) -> None:
    half = TILE // 2
    shifted = np.fft.fftshift(full_spectrum(measured.residual_power))
    closed = np.pad(shifted, ((0, 1), (0, 1)), mode="wrap")  # -0.5 and +0.5 are one frequency; both edges show it
    edge = (half + 0.5) / TILE
    low, high = np.percentile(shifted, (0.5, 99.8))
    image = axes.imshow(closed, cmap="cividis", vmin=low, vmax=max(high, low + 1), extent=(-edge, edge, edge, -edge))
    for scale in SCALES:
        marker, size, colour = _MARKERS[scale]
        points = {(y, x) for fy, fx in grid_frequencies(scale) for y in _both(fy) for x in _both(fx)}
        for width, line in ((2.6, "black"), (1.3, colour)):
            axes.plot(
                [x for _, x in sorted(points)],
                [y for y, _ in sorted(points)],
                linestyle="none", marker=marker, markersize=size, markerfacecolor="none", markeredgecolor=line,
                markeredgewidth=width, clip_on=False, label=f"grid of ×{scale}" if line == colour else None,
            )  # fmt: skip
    axes.set_title("log-power spectrum of the residual", pad=32)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.015), ncols=3, facecolor="#555555", labelcolor="white")
    ticks = [-0.5, -0.25, 0, 0.25, 0.5]
    axes.set(xlabel="horizontal frequency (cycles/pixel)", ylabel="vertical frequency (cycles/pixel)")
    axes.tick_params(pad=9)  # beyond the markers on the edges
    axes.set(xlim=(-edge, edge), ylim=(edge, -edge), xticks=ticks, yticks=ticks)
    _colour_bar(axes, image, "dB")


def _both(frequency: float) -> tuple[float, ...]:
    return (-0.5, 0.5) if frequency == 0.5 else (frequency,)


def _on_axes(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the spectrum along the two frequency axes, averaged; a grid shows there that rings dilute."""
    half = TILE // 2
    line = (power[0, : half + 1] + power[: half + 1, 0]) / 2
    return np.arange(2, half + 1) / TILE, line[2:]


def _radial(axes: Any, measured: Survey) -> None:
    curves = {
        "residual": radial_profile(measured.residual_power, TILE // 2),
        "residual, on the axes": _on_axes(measured.residual_power),
        "luma": radial_profile(measured.luma_power, TILE // 2),
    }
    if measured.residual_kind == "high-pass":
        del curves["residual, on the axes"]  # this filter takes all of a frequency axis away
    for label, (frequency, level) in curves.items():
        colour, style = _CURVES[label]
        thickness = 1.2 if "axes" in label else 2
        axes.plot(frequency[1:], level[1:], color=colour, linestyle=style, linewidth=thickness, label=label)
    for fraction, value in (("1/4", 1 / 4), ("1/3", 1 / 3), ("1/2", 1 / 2)):
        axes.axvline(value, color="#009E73", linestyle=":", linewidth=1.5)
        axes.annotate(
            fraction, (value, 1), xycoords=("data", "axes fraction"), xytext=(4, -13), textcoords="offset points",
            color="#00664B",
        )  # fmt: skip
    axes.set_title("radial profile")
    axes.set(xlabel="frequency (cycles/pixel)", ylabel="mean log power (dB)", xlim=(0, np.sqrt(0.5)))
    axes.grid(alpha=0.25)
    axes.legend(loc="upper right")


def _angular(axes: Any, measured: Survey) -> None:
    for label, power in (("residual", measured.residual_power), ("luma", measured.luma_power)):
        colour, style = _CURVES[label]
        angle, level = angular_profile(power)
        axes.plot(
            np.append(angle, 180), np.append(level, level[0]), color=colour, linestyle=style, linewidth=2, label=label
        )
    axes.set_title("angular profile")
    axes.set(xlabel="direction of the frequency (degrees, 0 horizontal, 90 vertical)", ylabel="mean log power (dB)")
    axes.set(xlim=(0, 180), xticks=range(0, 181, 45))
    axes.grid(alpha=0.25)
    axes.margins(y=0.17)
    axes.legend(loc="upper center", ncols=2)
