"""`whorl fingerprint render`."""

from collections.abc import Sequence
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
    from fingerprint.render import KERNELS, imported_sources, render_native, render_source
    from reports.zoo_networks import choose

    if options.as_they_are:
        others = {*KERNELS, *imported_sources()}
        names = [name for name in options.networks if name in others]
        ours = [name for name in options.networks if name not in others]
        names += [network.manifest.name for network in (choose(ours) if ours else ())]
        with Counter(len(names)) as bar:
            for name in names:
                bar.say(name)
                render_native(name, options.folder, options.count or 20, options.split)
                bar.advance(1)
        emit(f"{options.folder}: {len(names)} sources")
        return ANSWERED
    networks = choose(options.networks)
    with Counter(len(networks)) as bar:
        for known in networks:
            bar.say(known.manifest.name)
            render_source(known.manifest.name, options.split, options.folder, options.count, known.source)
            bar.advance(1)
    emit(f"{options.folder}: {len(networks)} networks")
    return ANSWERED


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
