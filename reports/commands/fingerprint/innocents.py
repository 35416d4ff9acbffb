"""`whorl fingerprint innocents`."""

from collections.abc import Sequence
from pathlib import Path

from reports.commandline import ANSWERED, Parser, check_output, columns, emit
from reports.commands.fingerprint.common import (
    Counter,
    as_called,
    chosen_posts,
    deliver,
    origin,
    out_option,
    post_option,
    reference_option,
)


def main(argv: Sequence[str], prog: str) -> int:
    """Attribute photographs of several origins, as they are and post-processed, none seen by what judges it.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out)
    from fingerprint import studies
    from fingerprint.reference import load

    posts = chosen_posts(options.post or studies.INNOCENT_POSTS)
    crossed = () if options.folds else ("camera", "lossless")
    items = sum(len(listed) for name, listed in studies.innocent_corpora().items() if name not in crossed)
    reference = load(options.reference)
    with Counter(len(posts) * items) as bar:
        corpora = studies.innocents(options.folds, posts, options.reference, bar.say, bar.advance)
    deliver({**origin(reference), "command": as_called(prog, argv), "corpora": corpora}, options.out)
    head = ("CORPUS", "POST", "FALSELY ACCUSED", "INCONCLUSIVE (>= 256 PIXELS)")
    rows = [
        (corpus, post, _of(n["false_accusations"], n["images"]), _of(n["large_inconclusive"], n["large_images"]))
        for corpus, by_post in corpora.items()
        for post, n in by_post.items()
    ]
    emit(columns([head, *rows], right={2, 3}))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Attribute photographs of several origins, as they are and post-processed, none seen by "
        "what judges it.",
    )
    parser.add_argument(
        "--folds",
        type=Path,
        metavar="DIR",
        help="what `fit --folds` kept; without it, photographs that the reference was fitted on are left out",
    )
    reference_option(parser)
    post_option(parser, None)
    out_option(parser)
    return parser


def _of(count: int, total: int) -> str:
    return f"{count}/{total}"
