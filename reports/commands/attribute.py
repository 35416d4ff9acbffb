"""`attribute IMAGE...`: which network or kernel enlarged each image, and how strong that evidence is."""

import argparse
import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from reports.commandline import (
    ANSWERED,
    INCONCLUSIVE,
    WRONG,
    Parser,
    VersionAction,
    check_output,
    complain,
    emit,
    json_line,
    positive_int,
)

PRIORS = ("upscaled", "unknown_given_upscaled")
MAX_PIXELS = 200_000_000
FIGURES = (".png", ".pdf", ".svg")
REPORTS = (".html", ".pdf")
TABLES = (".csv", ".parquet", ".jsonl")

EPILOG = """\
exit codes: 0 every image got a verdict; 1 at least one verdict is `inconclusive`; 2 at least one file could not be
read, or the call was wrong (2 goes before 1).

An image that shows no sign of upscaling is not thereby a photograph, and a network that is not enrolled cannot be
named: see the README on what the answer does and does not claim."""


def main(argv: Sequence[str], prog: str = "attribute", make: Callable[..., Callable[[Any], Any]] | None = None) -> int:
    """Answer for every file that the command line names.

    Args:
        argv: The command's arguments.
        prog: The command's name in messages.
        make: Makes what gives the result for one piece of evidence, from the options; by default the shipped
            reference's `fingerprint.Attributor`.

    Returns:
        The exit code: 0, 1 or 2, as `--help` says.
    """
    options = _parser(prog).parse_args(argv)
    return _run(options, prog, make or _attributor)


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Tell which super-resolution network or interpolation kernel enlarged each image, how it was\n"
        "built, and how strong that evidence is.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("images", nargs="+", metavar="IMAGE", help="a picture file, or a folder, which is searched for pictures")
    add("--json", action="store_true", help="write one JSON object a line instead of tables")
    add(
        "--regions",
        action="store_true",
        help="look closely everywhere for parts that differ from the rest, and map every image in the JSON; "
        "takes longer",
    )
    add(
        "--figure",
        type=Path,
        metavar="OUT",
        help=f"draw where one image was upscaled, as --regions finds it; the suffix ({' '.join(FIGURES)}) chooses the "
        "format",
    )
    add(
        "--report",
        type=Path,
        metavar="OUT",
        help=f"write one report on all images; the suffix ({' '.join(REPORTS)}) chooses the format, PDF is PDF/A-2a",
    )
    tables = f"{', '.join(TABLES[:-1])} or {TABLES[-1]}"
    add("--table", type=Path, metavar="OUT", help=f"write one row for each image to this file: {tables}")
    add("--candidates", type=Path, metavar="OUT", help="write one row for each candidate of each image, likewise")
    text = "a TOML table of words for likelihood ratios, for --report (default: the ENFSI guideline's)"
    add("--verbal-scale", type=Path, metavar="FILE", help=text)
    add(
        "--prior",
        action="append",
        type=_prior,
        default=[],
        metavar="NAME=P",
        help=f"prior probability of {' or '.join(PRIORS)}, between 0 and 1; may be given once for each name",
    )
    add(
        "--max-pixels",
        type=positive_int,
        default=MAX_PIXELS,
        metavar="N",
        help="refuse an image of more pixels than this before decoding it (default: %(default)s)",
    )
    add("--reference", type=Path, metavar="PATH", help="compare with this fitted reference, not with the shipped one")
    add(
        "--gallery",
        type=Path,
        metavar="DIR",
        help="compare with the sources of this gallery, too (`fingerprint enrol`); `students` ships",
    )
    add("--gallery-only", action="store_true", help="compare with the gallery's sources alone")
    add("--verbose", action="store_true", help="say on standard error what is compared with, and how long it took")
    add("--quiet", action="store_true", help="no progress bar; errors and answers are still written")
    add("--version", action=VersionAction)
    return parser


def _prior(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    if name not in PRIORS:
        raise argparse.ArgumentTypeError(f"{text!r} does not begin with {' or '.join(f'{prior}=' for prior in PRIORS)}")
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"{number!r} is no probability above 0 and below 1 for {name}")
    return name, value


def _run(options: argparse.Namespace, prog: str, make: Callable[..., Callable[[Any], Any]]) -> int:
    from reports.batch import Failure, in_order
    from reports.progress import Bar

    _check(options)
    found = list(_found(options.images))
    if options.figure is not None:
        _check_figure(options.figure, [item.path for item in found])
    gathered = _gathered(options, [item.path for item in found])
    sinks = [(gathered, options.report)] * (gathered is not None) + _tables(options, [item.path for item in found])
    attribute = _Late(functools.partial(make, options))
    asked = attribute if gathered is None else gathered.keeping(attribute)
    if options.gallery is not None:  # what is wrong with it is wrong with the call
        attribute.ready()
    shown = _json if options.json else _table()
    clock = _Clock()
    code = ANSWERED
    with Bar(len(found), quiet=options.quiet) as bar:
        for answer in in_order(found, _reader(options.max_pixels), asked, shown):
            with bar.step():
                if isinstance(answer, Failure):
                    complain(prog, f"{answer.path}: {answer.reason}")
                else:
                    emit(answer.text)
                if options.verbose:
                    _say(prog, answer, clock)
                for sink, _ in sinks:
                    sink.add(answer)
            code = max(code, _code(answer))
    for sink, path in sinks:
        sink.write(path)
    return code


def _gathered(options: argparse.Namespace, images: Sequence[str]) -> Any:
    """Check what a report is written to and with, and return what gathers it; None where none is asked for."""
    if options.report is None:
        if options.verbal_scale is not None:
            raise ValueError("--verbal-scale needs --report OUT")
        return None
    _check_apart("--report", options.report, REPORTS, images)
    from reports.dossier.gather import Gathered
    from reports.dossier.wording import read_scale

    return Gathered(read_scale(options.verbal_scale))


class _Clock:
    """Says how much time went by since it was last asked."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def lap(self) -> float:
        """Return seconds."""
        before, self.last = self.last, time.monotonic()
        return self.last - before


def _say(prog: str, answer: Any, clock: _Clock) -> None:
    """Write a line on how an answer came about."""
    from reports.batch import Failure

    seconds = clock.lap()
    if not isinstance(answer, Failure):
        tool = answer.result.tool
        complain(prog, f"{answer.path}: {seconds:.2f} s since the last answer, {tool.name} {tool.version}, reference "
                 f"{tool.reference[:19]}…, {len(answer.result.image.notes)} notes")  # fmt: skip


def _tables(options: argparse.Namespace, images: Sequence[str]) -> list[tuple[Any, Path]]:
    """Check what tables are written to, and return what gathers them."""
    wanted = [("--table", options.table, False), ("--candidates", options.candidates, True)]
    out = []
    for option, path, candidates in wanted:
        if path is None:
            continue
        _check_apart(option, path, TABLES, images)
        from reports.tables import Table, check_parquet

        if path.suffix.lower() == ".parquet":
            check_parquet()
        out.append((Table(candidates), path))
    return out


def _check_apart(option: str, path: Path, suffixes: Sequence[str], images: Sequence[str]) -> None:
    """Refuse a file that cannot be written, or that is one of the pictures."""
    check_output(option, path, suffixes)
    for image in images:
        if path.exists() and Path(image).exists() and path.samefile(image):
            raise ValueError(f"{option} {path} is one of the pictures, which is never overwritten")


def _code(answer: Any) -> int:
    from reports.batch import Failure

    if isinstance(answer, Failure):
        return WRONG
    return INCONCLUSIVE if answer.result.verdict == "inconclusive" else ANSWERED


def _check(options: argparse.Namespace) -> None:
    """Refuse what is wrong with the call itself before any image is read."""
    if options.reference is not None and not options.reference.exists():
        raise ValueError(f"--reference {options.reference}: there is no such file or folder")
    if options.gallery_only and options.gallery is None:
        raise ValueError("--gallery-only needs --gallery DIR")
    names = [name for name, _ in options.prior]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"--prior {name} is given more than once")


def _check_figure(figure: Path, images: Sequence[str]) -> None:
    """Refuse a figure that cannot be drawn or written."""
    check_output("--figure", figure, FIGURES)
    if len(images) != 1:
        raise ValueError(f"--figure draws one image, got {len(images)}")
    if figure.exists() and Path(images[0]).exists() and figure.samefile(images[0]):
        raise ValueError(f"--figure {figure} is the picture itself, which is never overwritten")


def _found(images: Sequence[str]) -> Iterator[Any]:
    from datasets import InputError, find_images
    from reports.batch import Found

    for item in find_images(images):
        yield Found(item.path, item.reason) if isinstance(item, InputError) else Found(item)


def _reader(max_pixels: int) -> Callable[[str], Any]:
    from datasets import read_evidence

    return functools.partial(read_evidence, max_pixels=max_pixels)


def _attributor(options: argparse.Namespace) -> Callable[[Any], Any]:
    """Load the reference and what computes with it."""
    from fingerprint import Attributor
    from fingerprint.result import Priors

    attributor = Attributor(
        reference=options.reference,
        priors=Priors(**dict(options.prior)),
        gallery=options.gallery,
        gallery_only=options.gallery_only,
    )
    if options.figure is None:
        return functools.partial(attributor.attribute, everywhere=options.regions)

    def drawn(evidence: Any) -> Any:
        from model_zoo.weights import write_atomically
        from reports.region_figures import draw_regions

        result = attributor.attribute(evidence, everywhere=True)
        figure = draw_regions(evidence.pixels, result, result.regions, options.figure.suffix.lower())
        write_atomically(options.figure, figure)
        return result

    return drawn


class _Late:
    """Makes what attributes when the first image has been read, once for all threads.

    A call in which no file can be read then costs no more than reading, and the reference loads while the second image
    is being decoded. Where making it fails, every image gets that reason.

    Args:
        make: Returns the function that gives the result for one piece of evidence.
    """

    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: Callable[[Any], Any] | None = None
        self._error: Exception | None = None

    def __call__(self, evidence: Any) -> Any:
        """Return the result for one piece of evidence."""
        return self.ready()(evidence)

    def ready(self) -> Callable[[Any], Any]:
        """Return what attributes, made the first time."""
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._made is None:
                try:
                    self._made = self._make()
                except Exception as error:
                    self._error = error
                    raise
            return self._made


def _json(result: Any) -> str:
    return json_line(result.to_json())


def _table() -> Callable[[Any], str]:
    """Return what writes one result as a table, made for standard output."""
    console = None

    def shown(result: Any) -> str:
        nonlocal console
        from reports.terminal import console_for, render

        console = console or console_for(sys.stdout)
        with console.capture() as capture:
            console.print(render(result))
        return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"

    return shown
