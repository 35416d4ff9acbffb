"""Where a picture is compared: the phase of the scale's lattice in it, and windows on that lattice.

Pictures are uint8 `H W 3`. An enlarged picture that was cut afterwards begins anywhere within a small pixel; the phase
is how many of its rows and columns come before the lattice.
"""

from concurrent.futures import Executor

import numpy as np

from fingerprint.imitation.agreement import Imitator, Sums, explained

SCALES = (2, 3, 4)
SIDES = (180, 156, 132)  # of windows, in pixels: multiples of all lattices
MOST = 4  # windows of a picture; of 144 (512x512, JPEG 75 and 90) two of them get 88 right, three 90, six 90
_SHORT = 4  # phases that plain enlargement leaves to the imitator, or half of them

Phase = tuple[int, int]


def window_side(height: int, width: int) -> int | None:
    """Return the side of a picture's windows, None where not one fits at every phase."""
    room = min(height, width) - (max(SCALES) - 1)
    return next((side for side in SIDES if side <= room), None)


def corners(height: int, width: int, scale: int, phase: Phase, side: int) -> list[tuple[int, int]]:
    """Return (top, left) of the windows of a picture: evenly spread on the lattice, `MOST` at most.

    Args:
        height: of the picture.
        width: likewise.
        scale: of the lattice.
        phase: of the lattice.
        side: of the windows.
    """

    def places(length: int, first: int) -> list[int]:
        room = (length - first - side) // scale
        count = -(-(length - first) // side)
        return sorted({first + scale * round(k * room / max(count - 1, 1)) for k in range(count)})

    every = [(top, left) for top in places(height, phase[0]) for left in places(width, phase[1])]
    if len(every) <= MOST:
        return every
    return [every[(k * len(every) + len(every) // 2) // MOST] for k in range(MOST)]


def find_phase(imitator: Imitator, pixels: np.ndarray, pool: Executor | None = None) -> Phase:
    """Find the phase at which a picture agrees best with what the imitator can make of it.

    The most textured of nine places is reduced and enlarged again at every phase. Plain enlargement, which is cheap,
    leaves those at which it comes closest; among these the imitator decides by what none of its sources explains. The
    larger the place the better: of crops of 168 pixels 0.70 were found with places of 84, 0.83 with places of 132.

    Args:
        imitator: of the scale.
        pixels: (H, W, 3) uint8, at least 132 + 3 pixels a side.
        pool: runs phases side by side.
    """
    scale, side = imitator.shape.scale, window_side(pixels.shape[0], pixels.shape[1]) or min(SIDES)
    room = [length - side - scale + 1 for length in pixels.shape[:2]]
    spots = [(down * room[0] // 2, across * room[1] // 2) for down in range(3) for across in range(3)]
    size = side + scale - 1
    top, left = max(spots, key=lambda spot: _texture(pixels[spot[0] : spot[0] + size, spot[1] : spot[1] + size]))
    phases = [(down, across) for down in range(scale) for across in range(scale)]
    windows = np.stack([pixels[top + a : top + a + side, left + b : left + b + side] for a, b in phases])
    plain = imitator.plain_errors(windows)
    short = np.argsort(plain, kind="stable")[: min(_SHORT, len(phases) // 2)]
    left_over = list((pool.map if pool else map)(lambda k: unexplained(imitator.sums(windows[k][None])), short))
    down, across = phases[int(short[int(np.argmin(left_over))])]
    return (top + down) % scale, (left + across) % scale


def _texture(part: np.ndarray) -> float:
    grey = part[..., 1].astype(np.float32)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


def unexplained(sums: Sums) -> float:
    """Return what is left of a picture's energy beyond the common part once all sources together have explained it."""
    products, among = sums.products.sum(axis=0), sums.among.sum(axis=0)
    return float(sums.energy.sum() - products @ explained(products, among))


def compare(
    imitator: Imitator, pixels: np.ndarray, phase: Phase | None = None, pool: Executor | None = None
) -> Sums | None:
    """Compare a picture with what the imitator's sources would make of it.

    Args:
        imitator: of the scale.
        pixels: (H, W, 3) uint8.
        phase: of the lattice; sought by default.
        pool: runs windows side by side; the result does not depend on it.

    Returns:
        The sums over its windows, None for a picture that is too small.
    """
    side = window_side(pixels.shape[0], pixels.shape[1])
    if side is None:
        return None
    at = find_phase(imitator, pixels, pool) if phase is None else phase
    height, width = pixels.shape[:2]
    places = corners(height, width, imitator.shape.scale, at, side)
    return imitator.sums(np.stack([pixels[top : top + side, left : left + side] for top, left in places]), pool)
