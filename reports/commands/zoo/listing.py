"""`whorl zoo list`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, Parser, columns, emit, emit_json

if TYPE_CHECKING:
    from model_zoo import Manifest

ADDED = (
    "loss_kind", "adversarial_weight", "recipe", "steps", "degradation", "licence", "quality", "config", "seconds",
    "parent", "run",
)  # fmt: skip
"""The fields of `--json` behind those of `model_zoo.manifests.LISTED`."""


def main(argv: Sequence[str], prog: str) -> int:
    """List networks.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    parser = Parser(prog=prog, description="List the networks that can be used here and now.")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="a folder of runs, whose finished networks join")
    parser.add_argument("--json", action="store_true", help="write one JSON array instead of a table")
    options = parser.parse_args(argv)
    from reports.zoo_networks import gather

    networks = [known.manifest for known in gather(options.runs)]
    if options.json:
        emit_json([_described(network) for network in networks])
    else:
        emit(table(networks))
    return ANSWERED


def _described(network: "Manifest") -> dict[str, Any]:
    """Give the promised fields first, then what else is worth filtering by."""
    from model_zoo.manifests import LISTED
    from reports.commands.zoo.show import loss_kind

    described = {field: getattr(network, field) for field in LISTED}
    return described | {
        field: loss_kind(network.loss) if field == "loss_kind" else getattr(network, field) for field in ADDED
    }


def table(networks: Sequence["Manifest"]) -> str:
    """Lay networks out in columns; the PSNR stands next to bicubic's on the same pictures."""
    head = (
        "NAME",
        "ARCHITECTURE",
        "SCALE",
        "LOSS",
        "TRAINED ON",
        "SEED",
        "PARAMETERS",
        "SET5 PSNR",
        "BICUBIC",
        "BYTES",
    )
    rows: list[Sequence[str]] = [head]
    for network in networks:
        scores = (network.psnr_set5, network.quality.get("bicubic_matlab"))
        psnr, bicubic = ("-" if score is None else f"{score:.2f} dB" for score in scores)
        seed = "-" if network.seed is None else str(network.seed)
        rows.append(
            (network.name, network.architecture, f"x{network.scale}", network.recipe or network.loss)
            + (network.training_data, seed, f"{network.parameters:,}", psnr, bicubic, f"{network.bytes:,}")
        )
    return columns(rows, right=range(5, len(head)))
