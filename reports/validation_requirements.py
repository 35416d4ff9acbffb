"""What was required before anything was measured, held against the results files.

Limits stand here; every measured number comes out of a file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reports.study_tables import NOTHING
from reports.validation_lines import Count, Line, Measured
from reports.validation_numbers import bounded, count_cell, exact_interval, pooled
from reports.validation_results import Studies

PUBLISHED = "published"
FAMILY = "realesr"
"""How the names of Real-ESRGAN's family begin."""
_WITHHELD_L1 = ("loss", "L1")


def requirements(studies: Studies) -> list[Line]:
    """Hold everything that was required against what was measured.

    Args:
        studies: results files; those that may not be shown count as missing.

    Returns:
        The lines, in the order of the report.
    """
    finders = (_accuracy, _family, _innocent, _protocol, _unknown, _likelihoods, _parameters, _speed)
    return [line for find in finders for line in find(studies)]


def _line(what: str, limit: float | None, measured: Callable[[], Measured | None], least: bool = True) -> Line:
    """Look a number up; a file that lacks its field does not hold it."""
    try:
        return Line(what, limit, least, measured())
    except (KeyError, TypeError, ValueError, IndexError):
        return Line(what, limit, least, None)


def _share(entry: Mapping[str, Any] | None, about: str = "", file: str = "") -> Measured | None:
    told = bounded(entry)
    return None if told is None else Measured(told[0], told[1], about, told[2], file=file)


def _counts(right: int, total: int, about: str = "", file: str = "") -> Measured | None:
    return None if not total else Measured(right / total, exact_interval(right, total), about, True, file=file)


def _figure(entry: Mapping[str, Any], about: str = "", file: str = "") -> Measured:
    low, high = entry["interval"]
    return Measured(entry["value"], (low, high), about, file=file)


def _seeds(entry: Mapping[str, Any], about: str = "", file: str = "") -> Measured:
    return Measured(entry["mean"], None, about, deviation=entry["deviation"], file=file)


# published sources


def _evaluated(studies: Studies, post: str) -> tuple[Mapping[str, Any], str] | None:
    """Return the summary of the published sources after one kind of post-processing."""
    for found in studies.shown("evaluate"):
        if found.report.get("folder") == PUBLISHED and post in found.report["posts"]:
            return found.report["posts"][post], found.file
    return None


def _of_post(studies: Studies, post: str, key: str) -> Measured | None:
    told = _evaluated(studies, post)
    return None if told is None else _share(told[0][key], file=told[1])


def _accuracy(studies: Studies) -> Iterator[Line]:
    limits = {
        "clean": ("as made", 0.985), "crop": ("cut at any place", 0.98), "jpeg90": ("JPEG 90", 0.88),
        "jpeg75": ("JPEG 75", 0.75), "jpeg50": ("JPEG 50", 0.55), "webp80": ("WebP 80", 0.68),
        "x0.75": ("resized ×0.75", 0.60), "x1.25": ("resized ×1.25", 0.60),
    }  # fmt: skip
    for post, (words, limit) in limits.items():
        what = f"Published sources, top-1, {words}"
        yield _line(what, limit, lambda post=post: _of_post(studies, post, "top1"))
    for post, words, limit in (("clean", "as made", 0.99), ("jpeg75", "JPEG 75", 0.96)):
        what = f"Published sources, scale right, {words}"
        yield _line(what, limit, lambda post=post: _of_post(studies, post, "scale"))
    yield _line("Networks never seen, scale right, as made", 0.95, lambda: _left_out(studies, "clean", "right_scale"))


def _family(studies: Studies) -> Iterator[Line]:
    def known() -> Measured | None:
        told = _evaluated(studies, "clean")
        if told is None:
            return None
        rows = {name: row for name, row in told[0]["confusion"].items() if name.startswith(FAMILY)}
        right = sum(row.get(name, 0) for name, row in rows.items())
        return _counts(right, sum(sum(row.values()) for row in rows.values()), f"{len(rows)} networks", told[1])

    def withheld() -> Measured | None:
        for found in studies.shown("protocol"):
            entry = found.report["zoo"]["published"]["parsers"]["scale"]["accuracy"]["real_esrgan"]
            return _seeds(entry, file=found.file)
        return None

    yield _line("Real-ESRGAN's family, right when it is known", 0.95, known)
    yield _line("Real-ESRGAN's family, scale right when it is withheld", None, withheld)


# innocents


def innocent_counts(studies: Studies) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Gather the counts of all files on innocents, each corpus and post-processing once.

    Args:
        studies: results files.

    Returns:
        By corpus and post-processing.
    """
    counts: dict[tuple[str, str], Mapping[str, Any]] = {}
    for found in studies.shown("innocents"):
        for corpus, posts in found.report["corpora"].items():
            for post, entry in posts.items():
                counts.setdefault((corpus, post), entry)
    return counts


def _accused(studies: Studies, corpus: str | None = None) -> Measured | None:
    counts = innocent_counts(studies)
    entries = [entry for (name, _), entry in counts.items() if corpus in (None, name)]
    files = ", ".join(found.file for found in studies.shown("innocents"))
    total = sum(entry["images"] for entry in entries)
    accused = sum(entry["false_accusations"] for entry in entries)
    names = {name for name, _ in counts if corpus in (None, name)}
    guilty, shown = (sum(part) for part in zip(*(photographs_accused(counts, name) for name in names), strict=True))
    about = f"{accused} of {total:,} answers; {count_cell(guilty, shown)} photographs"
    return _counts(accused, total, about, files)


def photographs_accused(counts: Mapping[tuple[str, str], Mapping[str, Any]], corpus: str) -> tuple[int, int]:
    """Count the photographs of a corpus that are accused after any history.

    Args:
        counts: what `innocent_counts` returned.
        corpus: which.

    Returns:
        How many are, and how many there are.
    """
    entries = [entry for (name, _), entry in counts.items() if name == corpus]
    return len({name for entry in entries for name in entry["accused"]}), max(entry["images"] for entry in entries)


def battery_innocents(report: Mapping[str, Any]) -> tuple[int, int]:
    """Add up what the robustness battery says of innocents, strengths that enlarge left out.

    Args:
        report: of `whorl fingerprint stress`.

    Returns:
        How many were accused, and of how many.
    """
    strengths = [strength for kind in report["kinds"].values() for strength in kind["strengths"]]
    kept = [strength for strength in strengths if not strength["enlarges"]]
    further = [strength["innocents"]["false_accusations"] for strength in kept if strength["innocents"]]
    return pooled(further or [strength["false_accusations"] for strength in kept])


def _innocent(studies: Studies) -> Iterator[Line]:
    def combinations() -> Measured | None:
        entries = innocent_counts(studies).values()
        return Measured(float(sum(entry["images"] for entry in entries))) if entries else None

    def battery() -> Measured | None:
        for found in studies.shown("stress"):
            accused, total = battery_innocents(found.report)
            return _counts(accused, total, f"{accused} of {total:,}", found.file)
        return None

    def interpolated() -> Measured | None:
        for found in studies.shown("interpolation"):
            return _share(found.report["interpolated"], file=found.file)
        return None

    yield _whole(_line("Innocents, image × history combinations", 1500, combinations))
    yield _line("Innocents accused", 0.005, lambda: _accused(studies), least=False)
    yield _line("Innocents accused, cameras never seen", 0.005, lambda: _accused(studies, "camera"), least=False)
    yield _line("Innocents accused in the robustness battery", 0.005, battery, least=False)
    yield _line("Interpolated photographs recognised as interpolated", 0.95, interpolated)


def _whole(line: Line) -> Line:
    """Write a count as one."""
    if line.measured is None:
        return line
    return replace(line, measured=Count(line.measured.value))


# the paper's protocol


def _protocol(studies: Studies) -> Iterator[Line]:
    found = next(iter(studies.shown("protocol")), None)
    zoo: Mapping[str, Any] = found.report["zoo"] if found else {}
    file = found.file if found else ""
    plain: tuple[tuple[str, float, Callable[[], Mapping[str, Any]]], ...] = (
        ("Zoo, attribution, all reference networks", 0.96, lambda: zoo["attribution"]["all"]),
        ("Zoo, attribution, L1 networks", 0.92, lambda: zoo["attribution"]["loss"]["L1"]),
        ("Zoo, attribution, adversarial networks", 0.99, lambda: zoo["attribution"]["kind"]["adversarial"]),
        ("Zoo, seeds told apart", 0.98, lambda: zoo["seeds_told_apart"]["all"]),
    )
    for what, limit, entry in plain:
        yield _line(what, limit, lambda entry=entry: _seeds(entry(), file=file) if zoo else None)
    worst: tuple[tuple[str, float, str, Callable[[str, str], bool]], ...] = (
        ("Scale parser, any value withheld but L1", 0.99, "scale", lambda p, v: (p, v) != _WITHHELD_L1),
        ("Scale parser, L1 withheld", 0.90, "scale", lambda p, v: (p, v) == _WITHHELD_L1),
        ("Loss parser, any value withheld", 0.98, "loss", lambda p, v: True),
        ("Architecture parser, a training set withheld", 0.80, "architecture", lambda p, v: p == "training_set"),
        ("Architecture parser, L1 withheld", 0.40, "architecture", lambda p, v: (p, v) == _WITHHELD_L1),
    )
    for what, limit, target, wanted in worst:
        yield _line(what, limit, lambda target=target, wanted=wanted: _worst_cell(zoo, target, wanted, file))


def _worst_cell(zoo: Mapping[str, Any], target: str, wanted: Callable[[str, str], bool], file: str) -> Measured | None:
    """Return the least accuracy of a parser over columns of withheld values."""
    cells = [
        (cells[target]["accuracy"], parameter, value)
        for parameter, row in zoo.get("parsers", {}).items()
        for value, cells in row.items()
        if parameter != "nothing" and wanted(parameter, value) and target in cells
    ]
    if not cells:
        return None
    entry, parameter, value = min(cells, key=lambda cell: cell[0]["mean"])
    about = f"the worst of {len(cells)}: {parameter.replace('_', ' ')} {value} withheld" if len(cells) > 1 else ""
    return _seeds(entry, about, file)


# unknown networks


CONDITIONS = {"clean": ("clean", "clean", 0.95), "JPEG 75": ("jpeg-74", "jpeg75", 0.85)}
"""Words: how a condition is called by `leave-out`, by `calibration`, and the least AUROC."""


def _left_out(studies: Studies, condition: str, key: str) -> Measured | None:
    """Pool a share over networks that were left out of a fit."""
    for found in studies.shown("leave-out"):
        if found.report.get("condition") == condition:
            networks = list(found.report["networks"].values())
            right = sum(round(entry[key] * entry["images"]) for entry in networks)
            total = sum(entry["images"] for entry in networks)
            return _counts(right, total, f"{len(networks)} networks left out", found.file)
    return None


def _unenrolled(studies: Studies, post: str) -> tuple[Mapping[str, Any], str] | None:
    for found in studies.shown("calibration"):
        told = found.report["conditions"].get(post, {}).get("unknown")
        if told:
            return told, found.file
    return None


def _unknown(studies: Studies) -> Iterator[Line]:
    def auroc(condition: str, post: str) -> Measured | None:
        for found in studies.shown("leave-out"):
            if found.report.get("condition") == condition:
                about = f"mean of {len(found.report['networks'])} left out"
                return Measured(found.report["mean_auroc"], None, about, file=found.file)
        told = _unenrolled(studies, post)
        return told and _figure(told[0]["auroc"], f"{len(told[0]['sources'])} not enrolled", told[1])

    def named(condition: str, post: str) -> Measured | None:
        left_out = _left_out(studies, condition, "named")
        if left_out is not None:
            return left_out
        told = _unenrolled(studies, post)
        return told and _share(told[0]["verdicts"]["known_source"], f"{len(told[0]['sources'])} not enrolled", told[1])

    for words, (condition, post, limit) in CONDITIONS.items():
        yield _line(f"Unknown networks, AUROC, {words}", limit, lambda c=condition, p=post: auroc(c, p))
    for words, (condition, post, _) in CONDITIONS.items():
        what = f"Unknown networks wrongly named, {words}"
        yield _line(what, 0.03, lambda c=condition, p=post: named(c, p), least=False)

    def enrolled() -> Measured | None:
        for found in studies.shown("enrolment"):
            return _share(found.report["enrolment"], file=found.file)
        return None

    yield _line("Enrolled from 15 images each, top-1 among all enrolled", 0.90, enrolled)


# likelihood ratios


LEVELS = {"upscaled": "upscaled or not", "source": "a source against the others"}


def _likelihoods(studies: Studies) -> Iterator[Line]:
    told = {
        post: (entry, found.file, f"{found.report['pictures']:,} pictures, {found.report['photographs']} photographs")
        for found in reversed(studies.shown("calibration"))
        for post, entry in found.report["conditions"].items()
    }

    def cost(level: str, post: str) -> Measured | None:
        if post not in told:
            return None
        entry, file, about = told[post]
        return _figure(entry[level]["cllr"], about, file)

    def error(level: str, key: str) -> Measured | None:
        given = [(entry[level][key], post, file) for post, (entry, file, _) in told.items() if key in entry[level]]
        if not given:
            return None
        entry, post, file = max(given, key=lambda one: one[0]["value"])
        return _figure(entry, f"the worst of {len(given)} conditions: {post}", file)

    for level, words in LEVELS.items():
        for post, limit in (("clean", 0.15), ("jpeg75", 0.45)):
            what = f"Cllr, {words}, {post}"
            yield _line(what, limit, lambda level=level, post=post: cost(level, post), least=False)
    errors = {
        ("upscaled", "ece"): "probability of upscaled", ("source", "ece_top"): "the likeliest source's probability",
        ("source", "ece_printed"): "the first candidate's probability as printed",
    }  # fmt: skip
    for (level, key), words in errors.items():
        what = f"Expected calibration error, {words}"
        yield _line(what, 0.02, lambda level=level, key=key: error(level, key), least=False)
    what = "Expected calibration error, the likeliest source's probability, unknown networks at their prior"
    for words, (condition, _, _) in CONDITIONS.items():
        yield _line(f"{what}, {words}", 0.02, lambda name=condition: _at_prior(studies, name), least=False)


def _at_prior(studies: Studies, condition: str) -> Measured | None:
    for found in studies.shown("leave-out"):
        if found.report.get("condition") == condition:
            errors = [entry["calibration_error"] for entry in found.report["networks"].values()]
            return Measured(sum(errors) / len(errors), None, f"mean of {len(errors)} left out", file=found.file)
    return None


# hyper-parameters, speed


def _parameters(studies: Studies) -> Iterator[Line]:
    def within() -> Measured | None:
        for found in studies.shown("coverage"):
            flags = [entry["all"]["within"] for entry in found.report["studies"]["networks"].values()]
            judged = [flag for flag in flags if flag is not None]
            about = f"{sum(judged)} of {len(judged)} hyper-parameters"
            return Measured(sum(judged) / len(judged), None, about, file=found.file) if judged else None
        return None

    yield _line("90 % intervals whose coverage lies within the binomial band, networks left out", 1.0, within)


def _speed(studies: Studies) -> Iterator[Line]:
    def figure(name: str, key: str, unit: float = 1.0) -> Measured | None:
        for found in studies.shown("speed"):
            return Measured(found.report["figures"][name][key] / unit, file=found.file)
        return None

    yield _line("`attribute`, a 2-megapixel PNG, seconds", 5, lambda: figure("one_large", "median_s"), least=False)
    yield _line("`attribute`, memory, GB", 1.5, lambda: figure("one_large", "peak_bytes", 1e9), least=False)
    yield _line("`attribute`, images of 512×512 a second", 5, lambda: figure("many_small", "images_per_second"))


def requirement_rows(lines: Sequence[Line]) -> list[list[str]]:
    """Return the cells of a table: what, required, measured, met, and the file.

    Args:
        lines: what `requirements` returned.
    """
    return [
        [
            line.what,
            line.required,
            line.measured.text if line.measured else NOTHING,
            line.met,
            f"`{line.measured.file}`" if line.measured and line.measured.file else NOTHING,
        ]
        for line in lines
    ]
