"""Windows: the Hann taper, and overlapping cuts of planes. float32, `n h w`, frequencies in cycles/pixel."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

WINDOW = 48
STRIDE = 24


def hann(size: int = WINDOW) -> np.ndarray:
    """Return the periodic separable Hann window, `size` x `size`, float32."""
    line = np.hanning(size + 1)[:-1]
    return np.outer(line, line).astype(np.float32)


def cut_windows(planes: Float[Array, "n h w"], size: int = WINDOW, stride: int = STRIDE) -> Float[Array, "n k s s"]:
    """Cut each plane into overlapping windows, row by row.

    Args:
        planes: at least `size` pixels a side.
        size: of a window, in pixels.
        stride: between neighbouring windows, in pixels.

    Returns:
        All windows that fit.

    Raises:
        ValueError: a plane is smaller than a window.
    """
    height, width = planes.shape[-2:]
    if min(height, width) < size:
        raise ValueError(f"planes must be at least {size}x{size} pixels, got {height}x{width}")
    return jnp.stack(
        [
            planes[:, y : y + size, x : x + size]
            for y in range(0, height - size + 1, stride)
            for x in range(0, width - size + 1, stride)
        ],
        axis=1,
    )
