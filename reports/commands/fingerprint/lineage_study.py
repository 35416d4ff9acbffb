"""`whorl fingerprint lineage-study`."""

from collections.abc import Sequence
from pathlib import Path

from reports.canvas import FORMATS
from reports.commandline import ANSWERED, Parser, check_output, emit, emit_json, positive_int
from reports.commands.fingerprint.common import Counter, as_called, deliver, draw_to, form_options, out_option

SCALE = 4


def main(argv: Sequence[str], prog: str) -> int:
    """Trace students and tuned networks of known lineage to those that they descend from.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out, (".json",))
    check_output("--learn", options.learn, (".json",))
    check_output("--figure", options.figure, FORMATS)
    from concurrent.futures import ThreadPoolExecutor

    from fingerprint.attributor import tool_version
    from fingerprint.lineage.evidence import descent_json
    from fingerprint.lineage.study import CORPUS, learn, measure, study, study_photographs
    from fingerprint.lineage.twins import by_shape, told_apart
    from reports.lineage import background, candidates, families, study_tables
    from reports.lineage_figures import draw_lineage

    command = as_called(prog, argv)
    pool = background(SCALE)
    asked, students = families(options.runs, pool)
    photographs = study_photographs()[: options.photographs]
    shapes = by_shape(students, asked)
    count = len(photographs) * (len(asked) + sum(len(found) for found in shapes.values()))
    with Counter(count) as bar, ThreadPoolExecutor() as threads:
        bar.say(f"{len(asked)} networks, {len(pool)} candidates, {len(photographs)} photographs")
        measured = measure(asked, candidates(pool), SCALE, photographs, advance=bar.advance)
        twins = {shape: told_apart(found, SCALE, photographs, threads, bar.advance) for shape, found in shapes.items()}
    teachers = sorted({one.ancestor for one in asked if one.kind in ("copied", "taught")})
    found = {
        "version": tool_version(), "command": command, "corpus": CORPUS, "photographs": len(photographs),
        "scale": SCALE, "pool": [known.manifest.name for known in pool], "teachers": teachers,
        "networks": [{key: getattr(one, key) for key in ("name", "kind", "ancestor", "group")} for one in asked],
        "conditions": study(measured, asked, teachers), "twins": twins,
    }  # fmt: skip
    deliver(found, options.out)
    if options.learn is not None:
        deliver(descent_json(learn(measured[None], asked, SCALE, command)), options.learn)
    draw_to(options.figure, lambda suffix: draw_lineage(found, suffix))
    if options.json:
        emit_json(found)
    else:
        emit(study_tables(found, options.markdown))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Trace networks of known lineage among candidates: students to their teachers, tuned networks to "
        "their parents, and tell students from twins that learnt alone.",
        epilog="The networks: `whorl zoo sweep students --runs DIR`, then `whorl zoo sweep finetunes --runs DIR`.",
    )
    add = parser.add_argument
    add("--runs", type=Path, required=True, metavar="DIR", help="a folder of runs that holds both sweeps")
    add("--photographs", type=positive_int, metavar="N", help="the first N only (default: all 24)")
    add("--learn", type=Path, metavar="FILE.json", help="write what `whorl fingerprint lineage` weighs evidence by")
    out_option(parser)
    add("--figure", type=Path, metavar="FIG", help=f"draw ratios: {' '.join(FORMATS)}")
    form_options(parser)
    return parser
