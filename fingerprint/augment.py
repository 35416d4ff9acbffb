"""What may happen to a picture between its source and the evidence file, drawn at random but repeatable.

Pictures are uint8 `H W 3`. Every draw comes from the generator that is handed in.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from datasets import jpeg_round_trip, resize
from fingerprint import posts
from fingerprint.conditions import Condition

CROP = 160
REDUCTION_KERNELS = ("box", "bilinear", "hamming", "bicubic", "lanczos")
ENLARGEMENT_KERNELS = ("nearest", "bilinear", "hamming", "bicubic", "lanczos")

WEBP_QUALITIES = (60, 98)
FACTORS = (0.65, 1.6)
LEAST = 100  # pixels a side that a reduction leaves

Picture = np.ndarray
History = Callable[[Picture, np.random.Generator], Picture]


def as_it_is(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the picture untouched."""
    return picture


def reduced(picture: Picture, rng: np.random.Generator) -> Picture:
    """Reduce by 0.4 to 0.95 with a random kernel, never below what a training crop needs."""
    height, width = picture.shape[:2]
    least = (CROP + 16) / min(height, width)
    factor = max(rng.uniform(0.4, 0.95), min(least, 1.0))
    return resize(picture, (round(height * factor), round(width * factor)), str(rng.choice(REDUCTION_KERNELS)))


def degraded(picture: Picture, rng: np.random.Generator) -> Picture:
    """Reduce or not, then blur, add noise, or sharpen: soft and grainy pictures as scans and old lenses give them."""
    if rng.random() < 0.5:
        picture = reduced(picture, rng)
    kind = rng.integers(3)
    if kind != 2:
        picture = posts.blurred(picture, rng, rng.uniform(0.3, 1.6))
    if kind == 2:
        radius, percent, threshold = rng.uniform(0.5, 2.0), int(rng.integers(40, 160)), int(rng.integers(0, 4))
        picture = posts.unsharp_masked(picture, radius, percent, threshold)
    if kind >= 1 or rng.random() < 0.5:
        shape = (*picture.shape[:2], 1 if rng.random() < 0.3 else 3)
        picture = posts.with_noise(picture, rng.normal(0.0, rng.uniform(0.5, 8.0), shape))
    return picture


def enlarged(picture: Picture, rng: np.random.Generator) -> Picture:
    """Enlarge by 1.1 to 4 with a random interpolation kernel: upscaled, by nothing that is enrolled."""
    factor = rng.uniform(1.1, 4.0)
    height, width = picture.shape[:2]
    side = max(64, round(224 / factor))
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    part = picture[top : top + side, left : left + side]
    out = round(side * factor)
    return resize(part, (out, out), str(rng.choice(ENLARGEMENT_KERNELS)))


def cut(
    picture: Picture,
    rng: np.random.Generator,
    touches: frozenset[str] = frozenset(),
    margin: int = 16,
    side: int = CROP,
) -> Picture:
    """Cut a training crop at a random place, `margin` pixels away from the sides that a network padded.

    Args:
        picture: at least `side` pixels a side, more where margins are asked for.
        rng: where the place is drawn from.
        touches: sides to keep away from: "top", "bottom", "left", "right".
        margin: how far, in pixels.
        side: of the crop.

    Returns:
        (side, side, 3) uint8.

    Raises:
        ValueError: the picture is too small.
    """
    height, width = picture.shape[:2]
    low_y, high_y = margin * ("top" in touches), height - side - margin * ("bottom" in touches)
    low_x, high_x = margin * ("left" in touches), width - side - margin * ("right" in touches)
    if high_y < low_y or high_x < low_x:
        raise ValueError(f"picture must leave room for {side}x{side} pixels inside its margins, got {height}x{width}")
    top, left = rng.integers(low_y, high_y + 1), rng.integers(low_x, high_x + 1)
    return picture[top : top + side, left : left + side]


def trimmed(picture: Picture, touches: frozenset[str], margin: int = 16) -> Picture:
    """Cut off the sides that a network padded."""
    height, width = picture.shape[:2]
    top, left = (margin * (side in touches) for side in ("top", "left"))
    bottom, right = (margin * (side in touches) for side in ("bottom", "right"))
    return picture[top : height - bottom, left : width - right]


def process(
    picture: Picture,
    condition: Condition,
    rng: np.random.Generator,
    varied: bool = False,
    towards: Literal["smaller", "larger", "any"] = "any",
) -> Picture:
    """Bring a picture into a condition: brightness changed a little now and then, coded or resized where it says so.

    A JPEG grid mostly begins where the picture begins, as in a file saved whole; now and then at random, as in a file
    cut before it was saved.

    Args:
        picture: (H, W, 3) uint8.
        condition: what it is brought into.
        rng: where the draws come from.
        varied: changes brightness in 25 rather than 10 of 100 cases, and cuts first in 40 rather than 25.
        towards: which way it is resized, if it is: what is innocent and is enlarged is innocent no more.

    Returns:
        The picture, up to 7 pixels smaller where it was cut, of another size where it was resized.
    """
    if rng.random() < (0.25 if varied else 0.1):
        gain, offset = rng.uniform(0.93, 1.07), rng.uniform(-8, 8)
        picture = np.clip(np.rint(picture * gain + offset), 0, 255).astype(np.uint8)
    if condition.kind == "resized":
        return posts.resized(picture, rng, _factor(picture, rng, towards))
    if condition.kind == "webp":
        return posts.webp(picture, rng, int(rng.integers(*WEBP_QUALITIES)))
    if condition.lowest is None or condition.highest is None:
        return picture
    if rng.random() < (0.4 if varied else 0.25):
        top, left = rng.integers(0, 8, 2)
        picture = picture[top:, left:]
    quality = int(rng.integers(condition.lowest, min(condition.highest, 99) + 1))
    return jpeg_round_trip(picture, quality, "4:4:4" if rng.random() < 0.25 else "4:2:0")


def _factor(picture: Picture, rng: np.random.Generator, towards: str) -> float:
    smaller = rng.random() < 0.5 if towards == "any" else towards == "smaller"
    low = max(FACTORS[0], LEAST / min(picture.shape[:2]))
    return float(rng.uniform(low, 1.0) if smaller else rng.uniform(1.0, FACTORS[1]))
