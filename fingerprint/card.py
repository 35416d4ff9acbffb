"""A reference's card: a readable account of what it is, what it was fitted on, how well it does, and where it ends."""

import math
import shlex
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

from fingerprint.attributor import FLATTEST, SMALL_SIDE
from fingerprint.augment import CROP
from fingerprint.conditions import CONDITIONS, LOWEST_QUALITY
from fingerprint.expert import is_innocent, is_source
from fingerprint.reference import MODES, Reference
from fingerprint.samples import ENLARGED
from fingerprint.validation import FALSE_ACCUSATIONS, WRONG_NAMES
from spectra import TILE

_KINDS = {
    "original:scan": "photographs as BSDS500 holds them (JPEG-coded scans)",
    "original:camera": "photographs as digital cameras write them",
    "original:lossless": "photographs from lossless files",
    "original:reduced": "all of these, reduced by 0.4 to 0.95 with five kernels",
    "original:degraded": "all of these, blurred, sharpened or with noise, some reduced",
    ENLARGED: "BSDS500, enlarged by 1.5 to 4 with five kernels: upscaled, by nothing that is enrolled",
}


def validation_rows(card: dict) -> Iterator[tuple[str, str, dict]]:
    """Yield (condition, mode, rates) of a card in the order of the conditions.

    Args:
        card: of a fitted reference.
    """
    for condition in CONDITIONS:
        for mode in MODES:
            key = f"{mode}.{condition.name}"
            if key in card["validation"]:
                yield condition.name, mode, card["validation"][key]


def render_card(reference: Reference, arguments: Sequence[str] = ()) -> str:
    """Write a reference's card as Markdown.

    Args:
        reference: a fitted one, as `reference.load` returns it.
        arguments: of `whorl fingerprint fit`, with which it was made.

    Returns:
        The text, ending in a line break.
    """
    parts = [
        _what(reference, arguments),
        _data(reference),
        _method(reference),
        _errors(reference),
        _accusations(reference),
        _router(reference),
        _thresholds(reference),
        _bounds(reference),
        _limits(),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out a Markdown table; all columns but the first are flush right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _what(reference: Reference, arguments: Sequence[str]) -> str:
    command = shlex.join(["whorl", "fingerprint", "fit", *arguments])
    try:
        tool = f"whorl {version('whorl')}"
    except PackageNotFoundError:
        tool = "whorl"
    scales = sorted({source.scale for source in reference.sources.values()})
    return f"""# The fitted reference

What `attribute` compares a picture with: {len(reference.sources)} enrolled sources (networks and interpolation kernels,
{", ".join(f"×{scale}" for scale in scales)}) against photographs that were never upscaled. `whorl fingerprint show`
lists the sources.

* identity: `{reference.identity or "not written yet"}` (SHA-256 over `reference.json` and `reference.safetensors`)
* made by {tool} with

```
{command}
```

All numbers on this page are written by that command. They are held-out: a photograph, or a camera, is judged by
experts that never saw it, in {reference.card["folds"]} folds. The thresholds were set on the same answers, which
flatters a little the shares that depend on them. `whorl fingerprint evaluate` measures on pictures of other
photographs, `innocents` on photographs of other origins, `leave-out` on networks that are not enrolled."""


def _data(reference: Reference) -> str:
    card = reference.card
    samples = card["validation"].get(f"{MODES[0]}.{CONDITIONS[0].name}", {}).get("samples", {})
    sources = sorted(label for label in card["photographs"] if is_source(label))
    rest = sorted(
        (label for label in card["photographs"] if not is_source(label)), key=lambda x: (not is_innocent(x), x)
    )
    rows = [(name, "enrolled source", card["photographs"][name], samples.get(name, "-")) for name in sources]
    rows += [(name, _KINDS.get(name, ""), card["photographs"][name], samples.get(name, "-")) for name in rest]
    return f"""## Data

Photographs (or cameras) behind each class, and crops of {CROP}×{CROP} pixels drawn from them for each condition.

{_table(("class", "what", "photographs or cameras", "crops a condition"), rows)}"""


def _method(reference: Reference) -> str:
    jpeg = [condition for condition in CONDITIONS if condition.is_jpeg]
    ranges = ", ".join(f"`{condition.name}` {condition.lowest} to {condition.highest}" for condition in jpeg)
    return f"""## How it was fitted

Each tile of {TILE}×{TILE} pixels gives residual co-occurrences (fourth order), folded log-power spectra, and, in
colour, statistics of the maps of a small trained network; a picture's tiles are pooled. For each condition
(`clean`; `webp`; `resized`; JPEG qualities
{ranges})
and for colour and grey pictures there is one expert: two shrinkage linear discriminants (sources and innocents;
sources alone) whose held-out scores are calibrated to likelihood ratios; what they mean is learned from the fifth of
the photographs that the trained network never saw. Known against unknown is learned by leaving each source out in
turn, and from plain enlargements. Scale, loss, architecture and training data are parsed by logistic
models of their own. Crops lie at random places, brightness varies a little, and JPEG steps have random qualities
within the condition, grids and subsamplings. Thresholds are set on held-out samples: at most {FALSE_ACCUSATIONS:.1%}
of the innocents of the worst history accused, at most {WRONG_NAMES:.0%} of named sources wrong."""


def _errors(reference: Reference) -> str:
    head = ("condition", "pictures", "top-1", "named rightly", "named wrongly", "right scale", "called not upscaled")
    keys = ("top1", "named_right", "named_wrong", "scale", "missed")
    rows = [(c, m, *(f"{rates[k]:.3f}" for k in keys)) for c, m, rates in validation_rows(reference.card)]
    return f"""## Held-out answers for upscaled crops

Every source weighs the same. Top-1 is the likeliest source; a source is named only above the thresholds below.

{_table(head, rows)}"""


def _accusations(reference: Reference) -> str:
    rows = list(validation_rows(reference.card))
    histories = sorted({h for _, _, rates in rows for h in rates["falsely_accused"]})

    def cells(rates: dict) -> list[str]:
        pairs = ((rates["falsely_accused"].get(h), rates["innocents_undecided"].get(h)) for h in histories)
        return ["-" if a is None else f"{a:.1%} / {u:.1%}" for a, u in pairs]

    short = [history.partition(":")[2] or history for history in histories]
    return f"""## False accusations

Share of held-out innocent crops that are called upscaled / that stay inconclusive, by history.

{_table(("condition", "pictures", *short), [(c, m, *cells(rates)) for c, m, rates in rows])}"""


def _router(reference: Reference) -> str:
    names = [condition.name for condition in CONDITIONS]
    rows = [
        (mode, *(f"{entry['right'].get(name, math.nan):.3f}" for name in names), f"{entry['right_or_next']:.3f}")
        for mode, entry in sorted(reference.card["router"].items())
    ]
    called = ", ".join(
        f"{entry['clean_called_jpeg']:.1%} ({m})" for m, entry in sorted(reference.card["router"].items())
    )
    return f"""## Telling the condition from the pixels

A file that is not JPEG is judged by the condition its pixels show. Share of held-out crops put into the right
condition, and into that or one beside it. Clean crops taken for JPEG-coded ones: {called or "-"}.

{_table(("pictures", *names, "right or next"), rows)}"""


def _thresholds(reference: Reference) -> str:
    rows = []
    for condition in CONDITIONS:
        for mode in MODES:
            limits = reference.thresholds.get((mode, condition.name))
            if limits is not None:
                natural = (f"{value / math.log(10):.2f}" for value in (limits.accuse, limits.clear))
                rows.append((condition.name, mode, *natural, f"{limits.name:.3f}", f"{limits.unknown:.2f}"))
    head = ("condition", "pictures", "upscaled from", "not upscaled to", "named from", "unknown from")
    return f"""## Thresholds

The first two are log10 posterior odds of upscaled, the others posterior probabilities given upscaled. Between the
first two the verdict is `inconclusive`; so it is where neither a source nor an unknown upscaler is likely enough.

{_table(head, rows)}"""


def _bounds(reference: Reference) -> str:
    rows = []
    for condition in CONDITIONS:
        for mode in MODES:
            if (mode, condition.name) in reference.experts:
                innocent, upscaled, made = reference.experts[mode, condition.name].support
                bounds = (f"{math.log10(n + 1):.2f}" for n in (min(innocent, upscaled), made))
                rows.append((condition.name, mode, innocent, upscaled, made, *bounds))
    head = (
        "condition",
        "pictures",
        "innocent",
        "upscaled",
        "of enrolled sources",
        "upscaled: ±log10 LR",
        "source: ±log10 LR",
    )
    return f"""## Bounds of the likelihood ratios

No likelihood ratio is reported beyond what the number of held-out samples supports: n samples without an error say no
more than that the error is rarer than about 1 in n + 1. The log10 likelihood ratio is cut there.

{_table(head, rows)}"""


def _limits() -> str:
    return f"""## Limits

* Upscaling is reported from {SMALL_SIDE} pixels a side; below, and where no tile has texture (standard deviation of
  luma of {FLATTEST} grey levels), the answer is `inconclusive`. So it is below JPEG quality {LOWEST_QUALITY}.
* Innocents of a kind that is not in the table of data may be misjudged wholesale. Film scans in lossless files (soft,
  grainy, no JPEG grid) are such a kind; drawings, screenshots, renderings, and microscopes' or telescopes' pictures are
  others.
* Not covered: what follows upscaling other than a crop, a small change of brightness and one JPEG step. Reduction,
  further enlargement, rotation, blur, sharpening, noise, and lossy WebP, HEIC or AVIF may hide the traces or change
  them into another source's.
* `not_upscaled` means that no trace of upscaling was found, not that a picture is an authentic photograph.
* An upscaler that is not enrolled may be taken for one that resembles it; networks that share design and training data
  resemble each other. `whorl fingerprint leave-out` measures how often.
* The sources' crops show photographs of one collection, BSDS500, the same for every source."""
