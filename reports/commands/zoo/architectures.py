"""`whorl zoo architectures`."""

from collections.abc import Sequence

from reports.commandline import ANSWERED, Parser, columns, emit, emit_json


def main(argv: Sequence[str], prog: str) -> int:
    """Show what networks in their standard sizes cost.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    parser = Parser(
        prog=prog,
        description="Count the parameters of the networks in their authors' sizes, and the multiply-adds of enlarging "
        "one picture to 1280x720, beside what was published.",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="write one JSON array instead of a table, sources included")
    form.add_argument("--markdown", action="store_true", help="write the table as Markdown, sources included")
    parser.add_argument("--only", metavar="ARCHITECTURE", help="only the sizes of this one")
    options = parser.parse_args(argv)
    from model_zoo import standard

    chosen = standard.STANDARDS
    if options.only is not None:
        known = sorted({size.architecture for size in chosen})
        if options.only not in known:
            raise ValueError(f"--only must be one of {', '.join(known)}, got {options.only!r}")
        chosen = tuple(size for size in chosen if size.architecture == options.only)
    counted = standard.standard_table(chosen)
    if options.json:
        emit_json([standard.described(entry) for entry in counted])
    elif options.markdown:
        emit(standard.markdown(counted))
    else:
        table = [tuple(text.upper() for text in standard.HEAD), *map(standard.cells, counted)]
        rows = [row[:-1] for row in table]
        emit(columns(rows, right=range(2, len(rows[0]))))
    return ANSWERED
