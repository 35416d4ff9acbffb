"""How every figure is drawn and encoded: one style, and the same bytes for the same content."""

import io
from collections.abc import Callable
from typing import Any

FORMATS = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".svg": {"Date": None, "Creator": None},
}


def encoded(
    size: tuple[float, float],
    suffix: str,
    draw: Callable[[Any], None],
    *,
    font: float = 9,
    dpi: int = 110,
    tight: bool = False,
) -> bytes:
    """Draw a figure and encode it.

    Args:
        size: width and height in inches.
        suffix: one of `FORMATS`.
        draw: gets the empty figure.
        font: size of letters in points.
        dpi: pixels an inch.
        tight: cut away what is empty around the content.

    Returns:
        The encoded figure, the same bytes for the same content and matplotlib.

    Raises:
        ValueError: another suffix.
    """
    if suffix not in FORMATS:
        raise ValueError(f"a figure's suffix must be one of {' '.join(FORMATS)}, got {suffix!r}")
    import matplotlib
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with (
        style.context("default", after_reset=True),
        matplotlib.rc_context({"svg.hashsalt": "whorl", "font.size": font}),
    ):
        figure = Figure(figsize=size, dpi=dpi)
        FigureCanvasAgg(figure)
        draw(figure)
        stream = io.BytesIO()
        box = "tight" if tight else None
        figure.savefig(stream, format=suffix[1:], metadata=FORMATS[suffix], bbox_inches=box)
    return stream.getvalue()
