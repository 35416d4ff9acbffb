"""What others report networks to score, to hold imports against.

Luma PSNR in dB and SSIM on MATLAB's bicubic low resolution, a border of `scale` pixels shaved.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """One reported result.

    Attributes:
        benchmark: "set5", "set14" or "b100".
        psnr: in dB.
        ssim: None where it is not reported.
        origin: who reports it.
        exact: whether it is of the very weights that we have, so that ours must be the same to 0.02 dB.
    """

    benchmark: str
    psnr: float
    ssim: float | None
    origin: str
    exact: bool


_RUN = "the authors' code and weights, run on set5_matlab, 8-bit output"
_IMDN = "Hui et al. 2019, table 4"


def _run(psnr: float) -> tuple[Reference, ...]:
    return (Reference("set5", psnr, None, _RUN, exact=True),)


_REFERENCES = {
    "bicubic-x2": _run(33.67),
    "bicubic-x3": _run(30.41),
    "bicubic-x4": _run(28.43),
    "espcn-x2-opencv": _run(34.76),
    "espcn-x3-opencv": _run(30.53),
    "espcn-x4-opencv": _run(28.38),
    "fsrcnn-x2-opencv": _run(34.85),
    "fsrcnn-x3-opencv": _run(30.59),
    "fsrcnn-x4-opencv": _run(28.41),
    "imdn-x4": (
        *_run(32.21),
        Reference("set14", 28.58, 0.7811, _IMDN, exact=True),
        Reference("b100", 27.56, 0.7353, _IMDN, exact=True),
    ),
    "realesrgan-general-v3-x4": _run(26.28),
    "rfdn-x4-ntire22t00": _run(32.16),
    "rlfn-x4-ntire22t04": _run(32.10),
}


def reference_scores(name: str) -> tuple[Reference, ...]:
    """Look up what is reported of a network.

    Args:
        name: a source of `published`, or `bicubic-x2` and the like.

    Returns:
        The reported results, none for a network that nobody reports on.
    """
    return _REFERENCES.get(name, ())
