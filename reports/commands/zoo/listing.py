"""`whorl zoo list`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.commandline import ANSWERED, Parser, emit, emit_json

if TYPE_CHECKING:
    from model_zoo import Manifest


def main(argv: Sequence[str], prog: str) -> int:
    """List networks.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    parser = Parser(prog=prog, description="List the networks that can be used here and now.")
    parser.add_argument("--json", action="store_true", help="write one JSON array instead of a table")
    options = parser.parse_args(argv)
    from model_zoo.manifests import LISTED, list_networks

    networks = list_networks()
    if options.json:
        emit_json([{field: getattr(network, field) for field in LISTED} for network in networks])
    else:
        emit(_table(networks))
    return ANSWERED


def _table(networks: Sequence["Manifest"]) -> str:
    """Lay the networks out in columns; the PSNR stands next to bicubic's on the same pictures."""
    head = ("NAME", "ARCHITECTURE", "SCALE", "LOSS", "TRAINED ON", "PARAMETERS", "SET5 PSNR", "BICUBIC", "BYTES")
    rows: list[tuple[str, ...]] = [head]
    for network in networks:
        scores = (network.psnr_set5, network.quality.get("bicubic_matlab"))
        psnr, bicubic = ("-" if score is None else f"{score:.2f} dB" for score in scores)
        rows.append(
            (network.name, network.architecture, f"x{network.scale}", network.loss, network.training_data)
            + (f"{network.parameters:,}", psnr, bicubic, f"{network.bytes:,}")
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = []
    for row in rows:
        cells = [f"{cell:{'>' if column > 4 else '<'}{widths[column]}}" for column, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
