"""The networks in their authors' sizes: what they count here, beside what was published.

Parameters are all numbers that training changes; multiply-adds are those of :mod:`model_zoo.cost` for one picture of
1280x720 after enlargement (its low-resolution size rounded down), unless a row names another size.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

from model_zoo.cost import hd_size, multiply_adds
from model_zoo.functional import count_parameters, skeleton

_UNITS = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}

ELAN = "Zhang et al. (ELAN), ECCV 2022"
PAN = "Zhao et al. (PAN), ECCVW 2020"
NTIRE = "Li et al. (NTIRE 2022 report), CVPRW 2022"
CARN = "Ahn et al. (CARN), ECCV 2018"
_DECONVOLUTION = "published: weights alone, and the last layer as a 9x9 convolution of the enlarged picture"
_CONVOLUTIONS = "published: convolutions alone, without attention's products"
_SWINIR = "published: without the tables of relative positions, by the authors' code"


@dataclasses.dataclass(frozen=True)
class Standard:
    """A network in a size that its authors or a challenge made the usual one.

    Attributes:
        name: what the size is called.
        architecture: registered name.
        scale: enlargement of each side.
        config: the architecture's own arguments, as (key, value) pairs.
        parameters: published count as printed, such as `715 K`; None where there is none.
        multiply_adds: published count as printed.
        size: rows and columns of the low-resolution picture of the published count; None for 1280x720 enlarged.
        source: where the published counts stand.
        note: why they differ from ours, if they do by more than rounding.
    """

    name: str
    architecture: str
    scale: int
    config: tuple[tuple[str, Any], ...] = ()
    parameters: str | None = None
    multiply_adds: str | None = None
    size: tuple[int, int] | None = None
    source: str | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Counted:
    """A standard size with our counts.

    Attributes:
        standard: the size and what was published of it.
        parameters: ours.
        multiply_adds: ours, for 1280x720 after enlargement.
        multiply_adds_at_size: ours for the published count's size, equal to `multiply_adds` where that is 1280x720.
    """

    standard: Standard
    parameters: int
    multiply_adds: int
    multiply_adds_at_size: int


_WIDE = (("width", 256), ("depth", 32), ("res_scale", 0.1))
_RLFN_CUT = (("width", 46), ("middle", 48), ("depth", 4))
_SWINIR_MIDDLE = (("width", 180), ("depth", 6), ("upsampler", "pixelshuffle"))
_OPENCV_ESPCN = (("activation", "relu"), ("bounded", True))
_AT_256 = (256, 256)

STANDARDS = (
    Standard("EDSR-baseline", "edsr", 2, (), "1370 K", "316.3 G", None, ELAN),
    Standard("EDSR-baseline", "edsr", 3, (), "1555 K", "160.2 G", None, ELAN),
    Standard("EDSR-baseline", "edsr", 4, (), "1518 K", "114.0 G", None, ELAN),
    Standard("EDSR", "edsr", 2, _WIDE, "40730 K", "9387.0 G", None, ELAN),
    Standard("EDSR", "edsr", 3, _WIDE, "43680 K", "4470.0 G", None, ELAN),
    Standard("EDSR", "edsr", 4, _WIDE, "43090 K", "2895.8 G", None, ELAN),
    Standard("RDN", "rdn", 2),
    Standard("RDN", "rdn", 4, (), "22.3 M", None, None, "Dai et al. (SAN), CVPR 2019"),
    Standard("RCAN", "rcan", 2, (), "15445 K", "3529.7 G", None, ELAN),
    Standard("RCAN", "rcan", 3, (), "15629 K", "1586.1 G", None, ELAN),
    Standard("RCAN", "rcan", 4, (), "15592 K", "917.6 G", None, ELAN),
    Standard("SwinIR-light", "swinir", 2, (), "878 K", "195.6 G", (360, 512), "Liang et al., ICCVW 2021", _SWINIR),
    Standard("SwinIR-light", "swinir", 3, (), "886 K", "87.2 G", (240, 341), "Liang et al., ICCVW 2021", _SWINIR),
    Standard("SwinIR-light", "swinir", 4, (), "897 K", "49.6 G", (180, 256), "Liang et al., ICCVW 2021", _SWINIR),
    Standard("SwinIR", "swinir", 4, _SWINIR_MIDDLE, "11.9 M", None, None, "Liang et al., code (README)"),
    Standard("NLSN", "nlsn", 2, (), "41796 K", "9632.8 G", None, ELAN, _CONVOLUTIONS),
    Standard("NLSN", "nlsn", 3, (), "44747 K", "4579.5 G", None, ELAN, _CONVOLUTIONS),
    Standard("NLSN", "nlsn", 4, (), "44157 K", "2956.6 G", None, ELAN, _CONVOLUTIONS),
    Standard("FSRCNN", "fsrcnn", 2, (), "12 K", "6.0 G", None, CARN, _DECONVOLUTION),
    Standard("FSRCNN", "fsrcnn", 3, (), "12 K", "5.0 G", None, CARN, _DECONVOLUTION),
    Standard("FSRCNN", "fsrcnn", 4, (), "12 K", "4.6 G", None, CARN, _DECONVOLUTION),
    Standard("FSRCNN (OpenCV)", "fsrcnn", 4, (("tail", "subpixel"),)),
    Standard("ESPCN", "espcn", 2),
    Standard("ESPCN", "espcn", 3),
    Standard("ESPCN (OpenCV)", "espcn", 4, _OPENCV_ESPCN),
    Standard("SRResNet", "srresnet", 2, (), "1370 K", "341.7 G", None, PAN),
    Standard("SRResNet", "srresnet", 3, (), "1554 K", "190.2 G", None, PAN),
    Standard("SRResNet", "srresnet", 4, (), "1518 K", "146.1 G", None, PAN),
    Standard("RRDBNet (Real-ESRGAN)", "rrdbnet", 2),
    Standard("RRDBNet", "rrdbnet", 4),
    Standard("SRVGGNetCompact, 16", "srvgg", 4),
    Standard("SRVGGNetCompact, 32", "srvgg", 4, (("depth", 32),)),
    Standard("IMDN", "imdn", 2, (), "694 K", "158.8 G", None, "Hui et al., ACM MM 2019"),
    Standard("IMDN", "imdn", 3, (), "703 K", "71.5 G", None, "Hui et al., ACM MM 2019"),
    Standard("IMDN", "imdn", 4, (), "715 K", "40.9 G", None, "Hui et al., ACM MM 2019"),
    Standard("RFDN (challenge)", "rfdn", 4, (), "0.433 M", "27.10 G", _AT_256, NTIRE),
    Standard("RLFN", "rlfn", 2, (), "527 K", None, None, "Kong et al., CVPRW 2022"),
    Standard("RLFN", "rlfn", 4, (), "543.74 K", "1075.69 G", (1080, 1920), "Sun et al. (SAFMN), code (README)"),
    Standard("RLFN (challenge)", "rlfn", 4, _RLFN_CUT, "0.317 M", "19.70 G", _AT_256, NTIRE),
)
"""The sizes whose counts the README shows."""


def count(standard: Standard) -> Counted:
    """Counts a standard size.

    Args:
        standard: the size.

    Returns:
        Our counts beside the published ones.
    """
    config = dict(standard.config)
    _, shapes = skeleton(standard.architecture, scale=standard.scale, **config)
    measure = functools.partial(multiply_adds, standard.architecture, scale=standard.scale, **config)
    usual = measure(size=hd_size(standard.scale))
    at_size = usual if standard.size is None else measure(size=standard.size)
    return Counted(standard, count_parameters(shapes), usual, at_size)


def standard_table(standards: Sequence[Standard] = STANDARDS) -> list[Counted]:
    """Counts all standard sizes.

    Args:
        standards: which ones.

    Returns:
        One entry each, in the same order.
    """
    return [count(standard) for standard in standards]


def as_number(printed: str) -> float:
    """Reads a published count.

    Args:
        printed: a number and one of the units K, M, G and T, such as `40.9 G`.

    Returns:
        The number without a unit.

    Raises:
        ValueError: if it is not of that form.
    """
    number, _, unit = printed.partition(" ")
    if unit not in _UNITS:
        raise ValueError(f"printed must be a number and one of {', '.join(_UNITS)}, got {printed!r}")
    return float(number) * _UNITS[unit]


def described(counted: Counted) -> dict[str, Any]:
    """One entry as plain data: what `whorl zoo architectures --json` writes."""
    standard = counted.standard
    published = {
        "parameters": None if standard.parameters is None else as_number(standard.parameters),
        "multiply_adds": None if standard.multiply_adds is None else as_number(standard.multiply_adds),
        "low_resolution": list(standard.size or hd_size(standard.scale)),
        "multiply_adds_here": counted.multiply_adds_at_size,
        "source": standard.source,
        "note": standard.note or None,
    }
    return {
        "name": standard.name,
        "architecture": standard.architecture,
        "scale": standard.scale,
        "config": dict(standard.config),
        "parameters": counted.parameters,
        "multiply_adds": counted.multiply_adds,
        "published": published,
    }


HEAD = ("network", "scale", "parameters", "published", "multiply-adds", "published", "published in")


def cells(counted: Counted) -> tuple[str, ...]:
    """One entry as text, a cell for each column of `HEAD`."""
    standard = counted.standard
    theirs = standard.multiply_adds or "–"
    if standard.size is not None and standard.multiply_adds is not None:
        rows, columns = standard.size
        theirs = f"{theirs} for {columns}×{rows} (here {_giga(counted.multiply_adds_at_size)})"
    source = (standard.source or "–") + (f"; {standard.note}" if standard.note else "")
    parameters = f"{counted.parameters:,}"
    return (
        *(standard.name, f"×{standard.scale}", parameters, standard.parameters or "–"),
        *(_giga(counted.multiply_adds), theirs, source),
    )


def markdown(table: Sequence[Counted]) -> str:
    """The table as Markdown, as the README has it."""
    rows = [HEAD, ("---", "---", "---:", "---:", "---:", "---:", "---"), *map(cells, table)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _giga(number: int) -> str:
    return f"{number / 1e9:,.{2 if number < 1e10 else 1}f} G"
