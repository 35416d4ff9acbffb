"""`whorl fingerprint protocol`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import ANSWERED, Parser, check_output, emit, emit_json
from reports.commands.fingerprint.common import Counter, as_called, deliver, make_room, out_option, say

if TYPE_CHECKING:
    from fingerprint.protocol.networks import Network
    from fingerprint.protocol.study import Group, Maps

WORK = Path("runs/protocol")
SEEDS = (1, 2, 3)
FORMATS = ("png", "pdf", "svg")


def main(argv: Sequence[str], prog: str) -> int:
    """Run the protocol of Vonderfecht and Liu (TMLR 2022) on the reference zoo and the published networks.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    _check(options)
    from fingerprint.protocol import kept, networks, pictures, prnu
    from fingerprint.protocol.study import run_protocol
    from reports.protocol_table import protocol_markdown

    denoise = None if options.no_prnu else prnu.bm3d_denoiser()
    ours = networks.reference_networks()
    theirs = () if options.no_published else networks.published_networks()
    their_paths = pictures.published(theirs)
    for option in ("renders", "cache", "figures"):
        if getattr(options, option) is not None:
            make_room(f"--{option}", getattr(options, option))
    with Counter(len(ours)) as bar:
        bar.say("pictures of our networks")
        paths = pictures.rendered(ours, options.renders, lambda _: bar.advance(1))
    zoo = _group(ours, paths, options.cache, denoise, "our networks")
    published = _group(theirs, their_paths, options.cache, denoise, "the published networks") if theirs else None
    keep = kept.keep_in(options.cache)
    numbers, maps = run_protocol(zoo, published, pictures.default_views(), options.seeds, say, keep)
    report = {
        **_about(zoo, published, options.seeds),
        "command": as_called(prog, argv),
        "zoo": numbers,
    }
    deliver(report, options.out)
    markdown = protocol_markdown(report)
    if options.markdown is not None:
        from model_zoo.weights import write_atomically

        write_atomically(options.markdown, markdown.encode())
    if options.figures is not None:
        _draw(maps, numbers, options.figures, options.format)
    emit_json(report) if options.json else emit(markdown)
    return ANSWERED


def _check(options: Any) -> None:
    """Refuse what cannot be, before any work."""
    for option, path, suffixes in (("--out", options.out, ()), ("--markdown", options.markdown, (".md",))):
        check_output(option, path, suffixes)
    if len(set(options.seeds)) < len(options.seeds) or min(options.seeds) < 0:
        raise ValueError(f"--seeds must differ and be at least 0, got {' '.join(map(str, options.seeds))}")


def _group(
    networks: "Sequence[Network]", paths: Mapping[str, Sequence[Path]], cache: Path, denoise: Any, whose: str
) -> "Group":
    """Measure and denoise what was not yet of some networks' pictures."""
    from fingerprint import training_set
    from fingerprint.conditions import CLEAN
    from fingerprint.protocol import pictures, prnu
    from fingerprint.protocol.study import Group

    photographs = sum(map(len, paths.values()))
    with Counter(pictures.COPIES * photographs) as bar:
        bar.say(f"features of {whose}")
        measured = pictures.gather(
            paths, lambda s: training_set.measure(s, CLEAN, cache, learned=False, advance=bar.advance)
        )
    if denoise is None:
        return Group(tuple(networks), measured)
    with Counter(photographs) as bar:
        bar.say(f"residuals of {whose}")
        return Group(tuple(networks), measured, prnu.gather_residuals(paths, cache, denoise, bar.advance))


def _about(zoo: "Group", published: "Group | None", seeds: Sequence[int]) -> dict[str, Any]:
    from fingerprint.attributor import tool_version
    from fingerprint.protocol.splits import split
    from spectra import FEATURES_ID

    photographs = sorted({str(name) for name in zoo.pictures.photographs})
    tests = sum(place < 0 for place in split(photographs, seeds[0]).values())
    about = {
        "features_id": FEATURES_ID,
        "networks": len(zoo.networks),
        "published": len(published.networks) if published else 0,
        "photographs": len(photographs),
        "training": len(photographs) - tests,
        "test": tests,
        "features": zoo.pictures.features.shape[1],
        "seeds": list(seeds),
    }
    return {"version": tool_version(), "about": about}


def _draw(maps: "Maps", numbers: Mapping[str, Any], folder: Path, kind: str) -> None:
    from model_zoo.weights import write_atomically
    from reports.protocol_figures import draw_called, draw_plane, draw_ratios

    suffix = f".{kind}"
    figures = {
        "pictures": draw_plane(maps.plane, maps.made_by, suffix),
        "distances": draw_ratios(maps.order, {"our networks": maps.ratios}, suffix),
    }
    if maps.published_ratios:
        own, space = maps.published_ratios
        titles = {"in the space learned from them": own, "in the space learned from our networks": space}
        figures["published-distances"] = draw_ratios(maps.published, titles, suffix, side=6.5)
        figures["published-parsed"] = draw_called(maps.published, numbers["published"]["parsers"], suffix)
    for name, encoded in figures.items():
        write_atomically(folder / f"{name}{suffix}", encoded)


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Run the protocol of Vonderfecht and Liu (TMLR 2022) on the reference zoo: attribution, networks "
        "that differ by seed alone, parsers with every hyper-parameter value withheld in turn, published networks, and "
        "the PRNU baseline, beside the paper's numbers. Only the classical features are used: the learned embedding "
        "was trained on all these networks, so none could honestly be withheld from it. An interrupted run goes on "
        "where it was.",
    )
    add = parser.add_argument
    text = "draw the photographs to test on; means are over these (default: 1 2 3)"
    add("--seeds", type=int, nargs="+", default=list(SEEDS), metavar="N", help=text)
    text = "keeps the networks' pictures; what is missing is made (default: %(default)s)"
    add("--renders", type=Path, default=WORK / "renders", metavar="DIR", help=text)
    text = "keeps features, residuals and numbers, two gigabytes (default: %(default)s)"
    add("--cache", type=Path, default=WORK / "features", metavar="DIR", help=text)
    add(
        "--no-prnu",
        action="store_true",
        help="leave out the PRNU baseline, which takes longest and needs the extra prnu",
    )
    add("--no-published", action="store_true", help="leave the published networks out")
    add("--markdown", type=Path, metavar="FILE.md", help="write the tables to this file")
    add("--figures", type=Path, metavar="DIR", help="draw maps, distances and parsed networks into this folder")
    add("--format", choices=FORMATS, default="png", help="of the figures (default: %(default)s)")
    out_option(parser)
    add("--json", action="store_true", help="write one JSON object instead of tables")
    return parser
