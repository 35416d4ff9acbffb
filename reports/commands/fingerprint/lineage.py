"""`whorl fingerprint lineage`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from reports.commandline import ANSWERED, Parser, complain, emit, emit_json
from reports.study_tables import table

if TYPE_CHECKING:
    import numpy as np

EPILOG = """\
All pictures must come from one network, enlarged by the candidates' factor and not resized since; cropping is allowed.
A few of our own networks are always compared beside the candidates, for what all networks share says nothing."""
LEGEND = """\
log10 LR: how many times (as a power of ten) likelier such pictures are if their network was tuned from the candidate's
weights, copied from its pictures, or taught by its features, than if it was not. Learned from small networks at
x{scale}: for others a guide, not a measurement."""


def main(argv: Sequence[str], prog: str) -> int:
    """Weigh whether the network that made some pictures descends from one of several candidates.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    from fingerprint.lineage import read_descent, trace, weigh
    from reports.lineage import background, candidates
    from reports.zoo_networks import choose

    chosen = choose(options.candidates, options.runs)
    scales = {known.manifest.scale for known in chosen}
    if len(scales) != 1:
        raise ValueError(f"--candidates must be of one scale, got {', '.join(f'x{scale}' for scale in sorted(scales))}")
    (scale,) = scales
    descent = read_descent()
    asked = [known.manifest.name for known in chosen]
    pool = candidates([*chosen, *(known for known in background(scale) if known.manifest.name not in asked)])
    traces = []
    for picture, path in _pictures(options.images, prog):
        try:
            traces.append(trace(picture, scale, pool))
        except ValueError as error:
            complain(prog, f"{path}: {error}")
    if not traces:
        raise ValueError("no picture could be compared")
    weighed = weigh(traces, list(pool), descent)
    found = [one for one in weighed if one.candidate in asked]
    if options.json:
        emit_json({"pictures": len(traces), "scale": scale, "highest": weighed[0].candidate,
                   "candidates": [asdict(one) for one in found]})  # fmt: skip
        return ANSWERED
    rows = [
        [one.candidate, f"{one.standing:+.1f}", *(f"{one.log10_lr[kind]:+.2f}" for kind in descent.kinds)]
        for one in found
    ]
    head = ("candidate", "standing", *(f"log10 LR {kind}" for kind in descent.kinds))
    emit(table(head, rows, markdown=False))
    emit("")
    if weighed[0].candidate not in asked:
        emit(f"{weighed[0].candidate}, which was not asked about, stands higher: no candidate need be the ancestor.")
    emit(f"{len(traces)} pictures. " + LEGEND.format(scale=descent.scale))
    return ANSWERED


def _pictures(images: Sequence[str], prog: str) -> "list[tuple[np.ndarray, str]]":
    from datasets import InputError, find_images, read_evidence
    from spectra.tiles import to_uint8

    found = []
    for item in find_images(images):
        if isinstance(item, InputError):
            complain(prog, f"{item.path}: {item.reason}")
            continue
        try:
            found.append((to_uint8(read_evidence(item).pixels), str(item)))
        except InputError as error:
            complain(prog, f"{error.path}: {error.reason}")
    return found


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Weigh whether the network that made some pictures was tuned from one of several candidates, "
        "copied from its pictures, or taught by its features, as likelihood ratios.",
        epilog=EPILOG,
    )
    add = parser.add_argument
    add("images", nargs="+", metavar="IMAGE", help="a picture file, or a folder, which is searched for pictures")
    text = "networks that `whorl zoo list` shows, patterns such as 'zoo-edsr-x4-*', or .safetensors files"
    add("--candidates", nargs="+", action="extend", required=True, metavar="NAME", help=text)
    add("--runs", type=Path, metavar="DIR", help="a folder of runs, whose finished networks are known")
    add("--json", action="store_true", help="write one JSON object instead of a table")
    return parser
