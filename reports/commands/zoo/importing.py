"""`whorl zoo import`."""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from reports.commandline import ANSWERED, Parser, emit, emit_json

_FACTS = {
    "licence": "under which the network may be used",
    "loss": "what it was trained to minimise: l1, l2, adversarial ...",
    "training_data": "the photographs it was trained on",
    "degradation": "what made the low resolution it was trained on",
    "border": "what it sees beyond the picture's edge: zero (its own padding), replicate, replicate-10 ...; "
    "by default as its authors ran it",
}


def main(argv: Sequence[str], prog: str) -> int:
    """Bring in a network that others published.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    from model_zoo.imports import import_network, read_network
    from model_zoo.manifests import read_manifest

    facts = {name: getattr(options, name) for name in _FACTS}
    network = read_network(options.file, name=options.name, options=dict(options.option), **facts)
    path = import_network(network, options.out, replace=options.replace)
    manifest = read_manifest(path.with_suffix(".json"))
    if options.json:
        emit_json(dataclasses.asdict(manifest) | {"path": str(path)})
        return ANSWERED
    emit(str(path))
    sizes = ", ".join(f"{key} {value}" for key, value in manifest.config.items())
    emit(f"{manifest.name}: {manifest.architecture} x{manifest.scale} ({sizes}), {manifest.parameters:,} parameters")
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Bring in a network that others published. Its file (.pth, .safetensors, .npz) is read without "
        "executing anything; architecture and sizes are read off the names and shapes of its arrays. Known: EDSR, "
        "RCAN, RDN, SRResNet, RRDBNet (ESRGAN, Real-ESRGAN), SRVGGNetCompact, SwinIR, IMDN, RFDN, RLFN, and OpenCV's "
        "FSRCNN and ESPCN.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the weights, or a folder that holds weights.npz")
    parser.add_argument("--name", help="what to call it; by default as the file, or as its folder")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where it goes; by default to your own networks (the folder that WHORL_ZOO names, or "
        "~/.local/share/whorl/zoo), where `list` finds it",
    )
    parser.add_argument("--replace", action="store_true", help="replace a network of the same name")
    parser.add_argument(
        "--option",
        type=_option,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="what shapes don't tell: value_range (what white is inside the network), res_scale (EDSR)",
    )
    for name, purpose in _FACTS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="TEXT", help=purpose)
    parser.add_argument("--json", action="store_true", help="write the manifest and the path as one JSON object")
    return parser


def _option(text: str) -> tuple[str, int | float | str | bool]:
    """Parse KEY=VALUE; numbers, `true` and `false` are taken as such."""
    key, equals, value = text.partition("=")
    if not key.isidentifier() or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    if value in ("true", "false"):
        return key, value == "true"
    for kind in (int, float):
        try:
            return key, kind(value)
        except ValueError:
            continue
    return key, value
