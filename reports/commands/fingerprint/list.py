"""`whorl fingerprint list`."""

from collections.abc import Sequence

from reports.commandline import ANSWERED, Parser, columns, emit, json_line
from reports.commands.fingerprint.common import gallery_option, reference_option


def main(argv: Sequence[str], prog: str) -> int:
    """List the sources of a gallery.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    parser = Parser(prog=prog, description="List the sources of a gallery.")
    gallery_option(parser, "folder of the gallery")
    reference_option(parser)
    parser.add_argument("--json", action="store_true", help="write one JSON array")
    options = parser.parse_args(argv)
    from fingerprint.gallery import open_gallery
    from fingerprint.reference import load

    gallery = open_gallery(options.gallery, load(options.reference).identity)
    rows = [
        {
            "source": source.name,
            "images": [{"file": file, "sha256": digest} for file, digest in source.images],
            "conditions": sorted({condition for _, condition in source.vectors}),
        }
        for source in gallery.sources.values()
    ]
    if options.json:
        emit(json_line(rows))
        return ANSWERED
    table = [("source", "pictures", "compared after")]
    table += [(row["source"], str(len(row["images"])), " ".join(row["conditions"])) for row in rows]
    emit(columns(table, {1}) if rows else f"{options.gallery}: no sources")
    return ANSWERED
