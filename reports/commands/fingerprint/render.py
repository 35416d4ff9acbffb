"""`whorl fingerprint render`."""

import fnmatch
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from reports.commandline import ANSWERED, Parser, emit, positive_int
from reports.commands.fingerprint.common import Counter, make_room


def main(argv: Sequence[str], prog: str) -> int:
    """Make what networks make of photographs, 192x192, in the layout of published ones; what is there is kept.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    make_room("DIR", options.folder)
    from fingerprint.render import render_native, render_source
    from reports.zoo_networks import choose

    made: dict[str, Callable[[], object]] = {}
    if options.as_they_are:
        count = options.count or 20
        for name in _sources(options.networks):
            made[name] = partial(render_native, name, options.folder, count, options.split)
    else:
        for known in choose(options.networks):
            arguments = (known.manifest.name, options.split, options.folder, options.count, known.source)
            made[known.manifest.name] = partial(render_source, *arguments)
    with Counter(len(made)) as bar:
        for name, make in made.items():
            bar.say(name)
            make()
            bar.advance(1)
    emit(f"{options.folder}: {len(made)} {'sources' if options.as_they_are else 'networks'}")
    return ANSWERED


def _sources(patterns: Sequence[str]) -> list[str]:
    """Find the kernels, published networks with weights, and networks of the zoo that names or patterns mean."""
    from fingerprint.render import KERNELS, imported_sources
    from model_zoo import list_networks
    from reports.zoo_networks import choose

    listed = (*KERNELS, *imported_sources(), *(network.name for network in list_networks()))
    names: list[str] = []
    for pattern in patterns:
        fitting = fnmatch.filter(listed, pattern)
        names += fitting or [network.manifest.name for network in choose([pattern])]
    return list(dict.fromkeys(names))


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Make what networks make of photographs, 192x192, in the layout of published ones; what is "
        "there is kept.",
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="gets a folder for each network, with `test` in it")
    add("networks", nargs="*", default=["zoo-*"], metavar="NAME", help="networks or patterns (default: 'zoo-*')")
    add("--split", choices=("test", "train"), default="test", help="test: BSDS500 val; train: its test (%(default)s)")
    text = "enlarge photographs as they are, not reduced before (kernels and published networks with weights, too)"
    add("--as-they-are", action="store_true", help=text)
    add("--count", type=positive_int, metavar="N", help="of how many photographs (default: 20 of test, all of train)")
    return parser
