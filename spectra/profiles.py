"""One-dimensional views of a two-dimensional power spectrum.

Spectra are real arrays in `fftshift`-free `fft2` layout (`n n`) or `rfft2` layout (`n n//2+1`); frequencies in
cycles/pixel. NumPy: these serve figures and reports, not training.
"""

import numpy as np


def _frequencies(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    height, width = shape
    if width == height:
        return np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    if width == height // 2 + 1:
        return np.meshgrid(np.fft.fftfreq(height), np.fft.rfftfreq(height), indexing="ij")
    raise ValueError(f"spectrum must be n x n (fft2) or n x n//2+1 (rfft2), got {height}x{width}")


def radial_profile(spectrum: np.ndarray, bins: int = 36) -> tuple[np.ndarray, np.ndarray]:
    """Average a spectrum over rings of equal frequency.

    Args:
        spectrum: (n, n) or (n, n//2+1), any unit.
        bins: how many rings between 0 and sqrt(1/2) cycles/pixel.

    Returns:
        The rings' middle frequencies (bins,) and the means (bins,), NaN where a ring is empty.

    Raises:
        ValueError: another shape, or fewer than one ring.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    fy, fx = _frequencies(spectrum.shape)
    edges = np.linspace(0.0, np.sqrt(0.5) + 1e-9, bins + 1)
    return (edges[:-1] + edges[1:]) / 2, _means(np.hypot(fy, fx), spectrum, edges)


def angular_profile(spectrum: np.ndarray, bins: int = 36, lowest: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Average a spectrum over sectors of equal direction, 0 to 180 degrees.

    Args:
        spectrum: (n, n) or (n, n//2+1), any unit.
        bins: how many sectors.
        lowest: frequencies below this, in cycles/pixel, are left out.

    Returns:
        The sectors' middle directions in degrees (bins,) and the means (bins,), NaN where a sector is empty. Direction
        0 is the horizontal frequency axis.

    Raises:
        ValueError: another shape, or fewer than one sector.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    fy, fx = _frequencies(spectrum.shape)
    angle = np.degrees(np.arctan2(fy, fx)) % 180.0
    angle = np.where(np.hypot(fy, fx) < lowest, -1.0, angle)
    edges = np.linspace(0.0, 180.0, bins + 1)
    return (edges[:-1] + edges[1:]) / 2, _means(angle, spectrum, edges)


def _means(coordinate: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    inside = (coordinate >= edges[0]) & (coordinate < edges[-1])
    index = np.digitize(coordinate[inside], edges) - 1
    count = np.bincount(index, minlength=len(edges) - 1)
    total = np.bincount(index, weights=values[inside], minlength=len(edges) - 1)
    return np.divide(total, count, out=np.full(len(edges) - 1, np.nan), where=count > 0)


def grid_frequencies(scale: int) -> list[tuple[float, float]]:
    """Return the (fy, fx) in cycles/pixel where an upsampling by `scale` leaves its grid, zero frequency excluded.

    Copies of the spectrum repeat every 1/scale cycles/pixel; both signs are listed, one half is written as +0.5.

    Raises:
        ValueError: a scale below 2.
    """
    if scale < 2:
        raise ValueError(f"scale must be at least 2, got {scale}")
    axis = sorted({(k / scale + 0.5) % 1.0 - 0.5 for k in range(scale)})
    axis = [0.5 if f == -0.5 else f for f in axis]
    return [(fy, fx) for fy in axis for fx in axis if (fy, fx) != (0.0, 0.0)]
