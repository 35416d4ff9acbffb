"""`whorl zoo compare`."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, Parser, check_output, columns, emit, emit_json

if TYPE_CHECKING:
    from reports.zoo_scores import Score


def main(argv: Sequence[str], prog: str) -> int:
    """Put networks side by side.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out, (".png", ".pdf", ".svg"))
    from reports.zoo_networks import choose

    networks = choose(options.networks, options.runs)
    from reports.zoo_scores import reference_picture, score_all

    name, truth = reference_picture(options.image, sorted({known.manifest.scale for known in networks}))
    crop = None if options.out is None else _crop(options.crop, truth)  # a mistake in it is told before any work
    from model_zoo.lpips import load_lpips

    scores = score_all(networks, truth, degradation=options.degradation, lpips=load_lpips())
    if options.out is not None:
        _draw(options, crop, scores, truth, name)
    if options.json:
        emit_json([_described(score, name) for score in scores])
    else:
        emit(_table(scores, name))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Put networks side by side: what they are, what they score on Set5 and on one picture, and how "
        "long they take; and, as a figure, what they make of a detail of that picture.",
    )
    parser.add_argument(
        "networks", nargs="+", metavar="NAME", help="a network, or a pattern for several, such as 'zoo-*-x4-*'"
    )
    parser.add_argument("--runs", type=Path, metavar="DIR", help="a folder of runs, whose finished networks are known")
    parser.add_argument("--json", action="store_true", help="write one JSON array instead of a table")
    parser.add_argument(
        "--image", type=Path, metavar="IMG", help="the original that is reduced and enlarged (Set5's butterfly)"
    )
    parser.add_argument(
        "--crop", type=_rectangle, metavar="X,Y,W,H", help="the detail, in the original's pixels (the busiest part)"
    )
    parser.add_argument(
        "--degradation", choices=("pillow-bicubic", "matlab-bicubic"), default="pillow-bicubic",
        help="what reduces the original (pillow-bicubic)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FIG", help="write a figure: .png, .pdf or .svg")
    return parser


def _rectangle(text: str) -> tuple[int, int, int, int]:
    try:
        x, y, width, height = map(int, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not X,Y,W,H in whole pixels") from None
    if min(x, y) < 0 or min(width, height) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must have X and Y from 0 and W and H from 1")
    return x, y, width, height


def _crop(given: tuple[int, int, int, int] | None, truth: Any) -> Any:
    from reports.zoo_figures import Crop, busiest

    if given is None:
        return busiest(truth)
    crop = Crop(*given)
    if crop.cut(truth).shape[:2] != (crop.height, crop.width):
        raise ValueError(f"--crop {','.join(map(str, given))} must lie in {truth.shape[1]}x{truth.shape[0]} pixels")
    return crop


def _draw(options: argparse.Namespace, crop: Any, scores: "Sequence[Score]", truth: Any, name: str) -> None:
    from model_zoo.weights import write_atomically
    from reports.zoo_figures import draw_comparison
    from reports.zoo_scores import panels

    caption = (
        f"All enlarge the same reduction ({options.degradation}) of {name}. Luma PSNR and SSIM on the whole picture."
    )
    suffix = options.out.suffix.lower()
    write_atomically(options.out, draw_comparison(truth, crop, panels(scores, truth), caption, suffix))


def _table(scores: "Sequence[Score]", picture: str) -> str:
    """Lay the scores out in columns; a distance that has no weights has no column."""
    head = ["NAME", "SCALE", "LOSS", "SET5 PSNR", "PSNR", "SSIM", "LPIPS", "PARAMETERS", "BYTES", "TIME/MEGAPIXEL"]
    rows = [head, *map(_row, scores)]
    measured = "PSNR, SSIM, LPIPS"
    if all(score.lpips is None for score in scores):
        place, measured = head.index("LPIPS"), "PSNR, SSIM"
        rows = [row[:place] + row[place + 1 :] for row in rows]
    table = columns(rows, right=range(3, len(rows[0])))
    return f"{table}\n\n{measured} and time are those on {picture}; megapixels are the result's."


def _row(score: "Score") -> list[str]:
    manifest = score.known and score.known.manifest
    return [
        score.name,
        f"x{score.scale}",
        (manifest.recipe or manifest.loss) if manifest else "-",
        _number(score.psnr_set5, "{:.2f} dB"),
        _number(score.psnr, "{:.2f} dB"),
        _number(score.ssim, "{:.4f}"),
        _number(score.lpips, "{:.4f}"),
        f"{manifest.parameters:,}" if manifest else "-",
        f"{manifest.bytes:,}" if manifest else "-",
        _number(score.seconds, "{:.3f} s"),
    ]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _described(score: "Score", picture: str) -> dict[str, Any]:
    manifest = score.known and score.known.manifest
    return {
        "name": score.name,
        "architecture": manifest.architecture if manifest else None,
        "scale": score.scale,
        "loss": manifest.loss if manifest else None,
        "psnr_set5": score.psnr_set5,
        "picture": picture,
        "psnr": score.psnr if math.isfinite(score.psnr) else None,
        "ssim": score.ssim,
        "lpips": score.lpips,
        "parameters": manifest.parameters if manifest else None,
        "bytes": manifest.bytes if manifest else None,
        "seconds_per_megapixel": score.seconds,
    }
