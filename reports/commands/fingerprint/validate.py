"""`whorl fingerprint validate`."""

import tempfile
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.commandline import (
    ANSWERED,
    Parser,
    check_output,
    columns,
    emit,
    emit_json,
)
from reports.commands.fingerprint.common import (
    Counter,
    as_called,
    deliver,
    make_room,
    origin,
    out_option,
    reference_option,
    say,
)

if TYPE_CHECKING:
    from fingerprint import Attributor, Reference
    from reports.validation import Enrolled, Failures, Shown
    from reports.validation_results import Current

RESULTS, DOCS = Path("measurements"), Path("docs/validation")
LEFT_OUT = "They were left out when this report was made (`--no-pictures`)."
NO_PACKAGE = (
    "The package scikit-image, whose photographs they are made of, was not installed when this report was made."
)
NO_SOURCE = "None of the reference's sources can be run here."
HEAT_MAP = "heat-map.png"
WRITTEN = ("*.png", "*.jpg", "*.webp", "*.gif")


def main(argv: Sequence[str], prog: str) -> int:
    """Write the validation report from the results files of the studies.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    check_output("--out", options.out)
    if not options.results.is_dir():
        raise ValueError(f"--results must be a folder that exists, got {options.results}")
    for folder in (options.docs, options.docs / "figures", options.docs / "failures"):
        make_room("--docs", folder)
    from fingerprint import Attributor
    from fingerprint.reference import load
    from model_zoo.weights import write_atomically
    from reports.validation import summary_json, validation_report
    from reports.validation_figures import copied, drawn
    from reports.validation_requirements import requirements
    from reports.validation_results import find_studies

    reference = load(options.reference)
    studies = find_studies(options.results, _current(options.reference, reference))
    lines = requirements(studies)
    figures = drawn(studies) | copied(studies, options.results)
    failures, files = _failures(options.no_pictures, lambda: Attributor(options.reference), reference)
    heat = files.pop(HEAT_MAP, None)
    if heat is not None:
        figures[HEAT_MAP] = heat
    _replace(options.docs / "figures", figures)
    _replace(options.docs / "failures", files)
    command = as_called(prog, argv)
    text = validation_report(studies, lines, _enrolled(options, reference), figures, failures, command)
    write_atomically(options.docs / "README.md", text.encode())
    report = {**origin(reference), "command": command, **summary_json(studies, lines, failures)}
    deliver(report, options.out)
    emit_json(report) if options.json else emit(_table(report))
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Write the validation report: tables and figures from the results files of the other commands, and "
        "pictures on which the tool fails, made and judged now.",
    )
    add = parser.add_argument
    reference_option(parser)
    text = "holds the results files, and calibration's and protocol's figures in folders (default: %(default)s)"
    add("--results", type=Path, default=RESULTS, metavar="DIR", help=text)
    text = "gets README.md, figures and failures, whose pictures are replaced (default: %(default)s)"
    add("--docs", type=Path, default=DOCS, metavar="DIR", help=text)
    add("--no-pictures", action="store_true", help="leave the pictures of failures and the heat map out")
    out_option(parser)
    add("--json", action="store_true", help="write one JSON object instead of a table")
    return parser


def _current(folder: Path | None, reference: "Reference") -> "Current":
    """Say what the report is about."""
    import json

    from fingerprint.reference import SHIPPED
    from reports.validation_results import Current

    about = json.loads(((folder or SHIPPED) / "reference.json").read_text(encoding="utf-8"))
    told = origin(reference)
    return Current(told["version"], told["reference"], str(about.get("features", "")))


def _enrolled(options: Any, reference: "Reference") -> "Enrolled":
    """Gather what is told of the reference, and of the published networks where their table is there."""
    import contextlib

    import model_zoo
    from datasets import DataMissingError, published_networks
    from fingerprint.reference import SHIPPED
    from reports.validation import Enrolled

    ours = {manifest.name for manifest in model_zoo.list_networks(model_zoo.SHIPPED)}
    kinds = Tally(
        "networks trained for this project" if name in ours
        else "interpolation kernels" if source.loss == "interpolation" else "published networks"
        for name, source in reference.sources.items()
    )  # fmt: skip
    licences: Tally[str] = Tally()
    with contextlib.suppress(DataMissingError):
        licences.update(n.licence or "not named" for n in published_networks() if n.name in reference.sources)
    card = SHIPPED / "CARD.md"
    shipped = options.reference is None and card.exists() and options.docs == DOCS
    return Enrolled(
        dict(sorted(kinds.items())),
        tuple(sorted({source.scale for source in reference.sources.values()})),
        reference.card.get("photographs", {}),
        reference.card.get("folds", 0),
        dict(sorted(licences.items())),
        "fingerprint/reference/CARD.md" if shipped else "",
    )


def _failures(left_out: bool, opened: Any, reference: "Reference") -> "tuple[Failures, dict[str, bytes]]":
    """Make pictures, judge them, and keep those on which the tool fails, with the heat map."""
    from reports import validation_failures as tried
    from reports.validation import Failures

    sources = tried.usable(tuple(reference.sources))
    missing = LEFT_OUT if left_out else NO_PACKAGE if not tried.there() else "" if sources else NO_SOURCE
    if missing:
        return Failures(missing=missing), {}
    attributor: Attributor = opened()
    trials = tried.menu(sources)
    with tempfile.TemporaryDirectory() as room, Counter(len(trials)) as bar:
        bar.say(f"{len(trials)} hard cases")
        judged = list(tried.judge(trials, attributor, Path(room), bar.advance))
    shown, files = [], {}
    for number, one in enumerate(tried.chosen(judged), 1):
        name = f"{number:02}-{one.failure}{one.suffix}"
        files[name] = one.file
        credit = tried.PHOTOGRAPHS[one.trial.photograph][1]
        why = tried.FAILURES[one.failure or ""]
        shown.append(_shown(name, one.trial.words, one.said, one.trial.truth, why, credit))
    words = {"right": "right", **tried.FAILURES}
    tally = {words[key]: count for key, count in tried.tallied(judged).items()}
    patches, more, pictures = _patches(sources, attributor, len(shown))
    return Failures((*shown, *more), tally, "", patches), files | pictures


def _shown(file: str, done: str, said: str, truth: str, why: str, credit: str, figure: str = "") -> "Shown":
    from reports.validation import Shown

    return Shown(file, done, said, truth, why, figure, credit)


def _patches(
    sources: Sequence[str], attributor: "Attributor", before: int
) -> "tuple[str, list[Shown], dict[str, bytes]]":
    """Paste patches, draw the map of one that is found, and keep those that are not."""
    from reports.region_figures import draw_regions
    from reports.validation_failures import PHOTOGRAPHS
    from reports.validation_pasted import PLACE, pasted

    with tempfile.TemporaryDirectory() as room:
        say("pasted patches")
        given = pasted(sources, attributor, Path(room))
    if not any(one.heat for one in given):
        return "The reference was fitted without `whorl fingerprint fit-regions`: nothing is localised.", [], {}
    found = [one for one in given if one.found]
    files, shown = {}, []
    best = (found or given)[0]
    files[HEAT_MAP] = draw_regions(best.pixels, best.result, best.heat)
    for one in [one for one in given if not one.found][:2]:
        name = f"{before + len(shown) + 1:02}-patch.png"
        drawing = name.replace(".png", "-map.png")
        files |= {name: _png(one.pixels), drawing: draw_regions(one.pixels, one.result, one.heat)}
        said = "; ".join([f"`{one.result.verdict}`, the patch not framed", *one.result.image.notes])
        truth = f"the patch at column and row {PLACE} was enlarged by `{one.source}`, the rest was not"
        credit = PHOTOGRAPHS[one.photograph][1]
        shown.append(_shown(name, one.words, said, truth, "an enlarged part is not found", credit, drawing))
    return f"Of {len(given)} photographs with a pasted patch, the patch was framed in {len(found)}.", shown, files


def _png(pixels: Any) -> bytes:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _replace(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write pictures to a folder, and take away those that an earlier report left there."""
    from model_zoo.weights import write_atomically

    for pattern in WRITTEN:
        for path in folder.glob(pattern):
            if path.name not in files:
                path.unlink()
    for name, content in files.items():
        write_atomically(folder / name, content)


def _table(report: Mapping[str, Any]) -> str:
    rows = [
        (line["what"], line["required"], "-" if line["measured"] is None else f"{line['measured']:.4g}", line["met"])
        for line in report["requirements"]
    ]
    left_out = [f"not shown: {one['file']}: {one['why']}" for one in report["files"] if not one["shown"]]
    return "\n".join([columns([("WHAT", "REQUIRED", "MEASURED", "MET"), *rows], right={1, 2}), *left_out])
