"""Cutting a picture of any size into tiles of one size, gathered in batches of one size.

Pictures are uint8 `H W 3`, 0..255; a tile is `TILE` x `TILE` pixels. Nothing is padded with invented pixels: the last
row and column of tiles overlap their neighbours instead.
"""

from collections.abc import Iterator

import numpy as np

TILE = 96
BATCH = 4
MAX_TILES = 256


def to_uint8(pixels: np.ndarray) -> np.ndarray:
    """Return an 8-bit picture: uint16 is divided by 257 and rounded, uint8 is returned as it is.

    Args:
        pixels: (H, W, 3) uint8 or uint16.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ValueError: another type or shape.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"pixels must have the shape (H, W, 3), got {pixels.shape}")
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype != np.uint16:
        raise ValueError(f"pixels must be uint8 or uint16, got {pixels.dtype}")
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def positions(length: int, size: int = TILE) -> list[int]:
    """Return where tiles begin along one side so that they cover it with equal overlap; none if it is too short."""
    if length < size:
        return []
    count = -(-length // size)
    return [round(i * (length - size) / max(count - 1, 1)) for i in range(count)]


def tile_origins(height: int, width: int, max_tiles: int = MAX_TILES) -> list[tuple[int, int]]:
    """Return the (top, left) corners of the tiles of a picture, row by row.

    Args:
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        max_tiles: beyond this many, an even selection of them is kept, so that time is bounded.

    Returns:
        At most `max_tiles` corners; none where a side is shorter than a tile.
    """
    corners = [(top, left) for top in positions(height) for left in positions(width)]
    if len(corners) <= max_tiles:
        return corners
    chosen = (np.arange(max_tiles) * len(corners) + len(corners) // 2) // max_tiles
    return [corners[i] for i in chosen]


def batches(pixels: np.ndarray, origins: list[tuple[int, int]], size: int = BATCH) -> Iterator[tuple[np.ndarray, int]]:
    """Yield (tiles, count): `size` tiles each, the last batch filled up with repeats beyond `count`.

    Args:
        pixels: (H, W, 3) uint8.
        origins: (top, left) corners within the picture.
        size: tiles a batch.

    Yields:
        (size, TILE, TILE, 3) uint8 and how many of them are real.
    """
    for start in range(0, len(origins), size):
        group = origins[start : start + size]
        filled = group + [group[-1]] * (size - len(group))
        yield np.stack([pixels[y : y + TILE, x : x + TILE] for y, x in filled]), len(group)
