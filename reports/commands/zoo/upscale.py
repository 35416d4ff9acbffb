"""`whorl zoo upscale`."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.commandline import ANSWERED, Parser, check_output

_SUFFIXES = {".png": {}, ".webp": {"lossless": True}, ".tif": {}, ".tiff": {}, ".bmp": {}}


def main(argv: Sequence[str], prog: str) -> int:
    """Enlarge a picture.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    parser = Parser(
        prog=prog,
        description="Enlarge a picture with a network. The result has 8 bits a sample; what a file holds beside its "
        "pixels (EXIF, profiles, transparency) is not taken over.",
    )
    parser.add_argument("network", metavar="NAME", help="a name that `list` shows, or a trained .safetensors file")
    parser.add_argument("image", metavar="IMAGE", help="the picture")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help=f"where the result goes; its suffix ({' '.join(_SUFFIXES)}) chooses the format, always lossless",
    )
    options = parser.parse_args(argv)
    check_output("--output", options.output, _SUFFIXES)
    from model_zoo.manifests import find_manifest

    find_manifest(options.network)
    from datasets import EvidenceError, read_evidence

    try:
        pixels = read_evidence(options.image).pixels
    except EvidenceError as error:
        raise ValueError(f"{options.image}: {error}") from None
    from model_zoo import load

    _write_picture(options.output, load(options.network).upscale(pixels))
    return ANSWERED


def _write_picture(path: Path, pixels: Any) -> None:
    from PIL import Image

    from model_zoo.weights import write_atomically

    suffix = path.suffix.lower()
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, Image.registered_extensions()[suffix], **_SUFFIXES[suffix])
    write_atomically(path, encoded.getvalue())
