"""`whorl spectra`: draw what a picture's pixels hold below its content."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from reports.commandline import ANSWERED, Parser, check_output, positive_int

MAX_PIXELS = 200_000_000
RESIDUALS = ("median", "high-pass", "wiener")
SUFFIXES = (".png", ".pdf", ".svg")


def main(argv: Sequence[str], prog: str = "whorl spectra") -> int:
    """Run the command that `argv` names.

    Args:
        argv: The arguments behind the group's name.
        prog: The name to put before messages.

    Returns:
        The exit code.

    Raises:
        ValueError: The picture cannot be read or is too small, or the figure cannot be written as asked.
    """
    parser = Parser(prog=prog, description="Draw residuals and spectra of a picture.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    show = commands.add_parser("show", help="draw one picture's residual and spectrum", description=_show.__doc__)
    show.add_argument("image", metavar="IMAGE", help="a picture file")
    show.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help=f"where the figure goes; its suffix ({' '.join(SUFFIXES)}) chooses the format",
    )
    show.add_argument(
        "--residual", choices=RESIDUALS, default=RESIDUALS[0], help="what is drawn and analysed (default: %(default)s)"
    )
    show.add_argument(
        "--max-pixels",
        type=positive_int,
        default=MAX_PIXELS,
        metavar="N",
        help="refuse an image of more pixels than this before decoding it (default: %(default)s)",
    )
    return _show(parser.parse_args(argv))


def _show(options: argparse.Namespace) -> int:
    """Draw a picture, its residual, the residual's spectrum with the grids of x2, x3 and x4 marked, and profiles."""
    check_output("--output", options.output, SUFFIXES)
    if options.output.exists() and Path(options.image).exists() and options.output.samefile(options.image):
        raise ValueError(f"--output {options.output} is the picture itself, which is never overwritten")
    from datasets import EvidenceError, read_evidence

    try:
        evidence = read_evidence(options.image, max_pixels=options.max_pixels)
    except EvidenceError as error:
        raise ValueError(f"{options.image}: {error}") from None
    from model_zoo.weights import write_atomically
    from reports.figures import draw, survey

    try:
        measured = survey(evidence.pixels, options.residual)
    except ValueError as error:
        raise ValueError(f"{options.image}: {error}") from None
    figure = draw(measured, Path(evidence.path).name, evidence.sha256, options.output.suffix.lower())
    write_atomically(options.output, figure)
    return ANSWERED
