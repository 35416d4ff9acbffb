"""`whorl fingerprint enrol`."""

from collections.abc import Sequence

from reports.commandline import ANSWERED, Parser, complain, emit
from reports.commands.fingerprint.common import gallery_option, reference_option

EPILOG = """\
The pictures must come from the source as it made them, or have gone through milder steps than those that it is to be
recognised after: a source is not compared with files that were compressed less than its pictures."""


def main(argv: Sequence[str], prog: str) -> int:
    """Add a source to a gallery from a handful of its pictures.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    from datasets import InputError, find_images
    from fingerprint import Attributor
    from fingerprint.gallery import check_source_name, enrol

    check_source_name(options.name)
    paths = []
    for item in find_images(options.images):
        if isinstance(item, InputError):
            complain(prog, f"{item.path}: {item.reason}")
        else:
            paths.append(item)
    made = enrol(
        options.name,
        paths,
        options.gallery,
        Attributor(options.reference),
        replace=options.replace,
        skipped=lambda reason: complain(prog, reason),
    )
    emit(f"{options.gallery}: {made.name} enrolled from {len(made.images)} pictures")
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Add a source to a gallery from 5 to 50 of its pictures, in seconds; nothing is trained.",
        epilog=EPILOG,
    )
    add = parser.add_argument
    add("name", metavar="NAME", help="of the source: a-z, 0-9, '.', '_', '-'")
    add("images", nargs="+", metavar="IMAGE", help="a picture file, or a folder, which is searched for pictures")
    gallery_option(parser, "folder of the gallery; made if there is none")
    add("--replace", action="store_true", help="put this in the place of the gallery's source of that name")
    reference_option(parser)
    return parser
