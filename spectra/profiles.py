"""One-dimensional views of a two-dimensional power spectrum.

Spectra are those of real pictures, in `fftshift`-free `fft2` layout (`n n`) or `rfft2` layout (`n n//2+1`); frequencies
in cycles/pixel. NumPy: these serve figures and reports, not training.
"""

import numpy as np


def full_spectrum(spectrum: np.ndarray) -> np.ndarray:
    """Complete the spectrum of a real picture, whose halves mirror each other, to `fft2` layout.

    Args:
        spectrum: (n, n) or (n, n//2+1), any unit.

    Returns:
        (n, n).

    Raises:
        ValueError: another shape.
    """
    size, width = spectrum.shape if spectrum.ndim == 2 else (0, 0)
    if size < 1 or width not in (size, size // 2 + 1):
        shape = "x".join(map(str, spectrum.shape))
        raise ValueError(f"spectrum must be n x n (fft2) or n x n//2+1 (rfft2), got {shape}")
    if width == size:
        return spectrum
    mirror = -np.arange(size) % size
    return np.concatenate([spectrum, spectrum[mirror[:, None], mirror[width:]]], axis=1)


def _frequencies(size: int) -> tuple[np.ndarray, np.ndarray]:
    fy, fx = np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size), indexing="ij")
    return fy, fx


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
    spectrum = full_spectrum(spectrum)
    fy, fx = _frequencies(len(spectrum))
    edges = np.linspace(0.0, np.sqrt(0.5) + 1e-9, bins + 1)
    return (edges[:-1] + edges[1:]) / 2, _means(np.hypot(fy, fx), spectrum, edges)


def angular_profile(spectrum: np.ndarray, bins: int = 36, lowest: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Average a spectrum over sectors of equal direction, 0 to 180 degrees.

    Args:
        spectrum: (n, n) or (n, n//2+1), any unit.
        bins: how many sectors; the first lies around direction 0, so that a mirrored picture has the mirrored profile.
        lowest: frequencies below this, in cycles/pixel, are left out, as is the corner, which has two directions.

    Returns:
        The sectors' middle directions in degrees (bins,) and the means (bins,), NaN where a sector is empty.
        Direction 0 is the horizontal frequency axis, 90 the vertical one.

    Raises:
        ValueError: another shape, or fewer than one sector.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    spectrum = full_spectrum(spectrum)
    fy, fx = _frequencies(len(spectrum))
    width = 180.0 / bins
    angle = (np.degrees(np.arctan2(fy, fx)) + width / 2) % 180.0
    left_out = (np.hypot(fy, fx) < lowest) | ((np.abs(fy) == 0.5) & (np.abs(fx) == 0.5))
    angle = np.where(left_out, -1.0, angle)
    edges = np.linspace(0.0, 180.0, bins + 1)
    return edges[:-1], _means(angle, spectrum, edges)


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
