"""The protocol's numbers as Markdown, beside the paper's. Shares come in as 0 to 1 and are written in %."""

from collections.abc import Mapping, Sequence
from typing import Any

from fingerprint.protocol import paper
from fingerprint.protocol.networks import PARAMETERS
from reports.study_tables import NOTHING, table, titled

NAMES = {
    "scale": "scale",
    "loss": "loss",
    "architecture": "architecture",
    "training_set": "training set",
    "seed": "seed",
    "kind_and_scale": "kind and scale",
    "all": "all",
}
ABOUT = """\
What the paper did on its networks and pictures, done on ours. Numbers are %, mean ± standard deviation over {splits};
each draws its own {training} photographs to learn from and {test} to test on, none on both sides.

How the data differ, so that no number is compared blindly:

* **Networks.** Theirs: 180, trained for 50,000 steps each, every combination of architecture, scale and loss on every
  training set. Ours: {networks}, small, trained for 2,000 steps (adversarial ones for 600 more from the L1 network of
  the same kind, which makes them its relatives). Other training sets (B, A/4, B/4) and scale ×3 exist for L1 alone,
  other seeds for EDSR and RCAN on A alone; a few have another depth or adversarial weight.
* **Values.** SqueezeNet stands for VGG, ResNet-56 for ResNet-18, A for DIV2K, B for Flickr2K, A/4 and B/4 (25
  photographs each) for their quarters. ×3 has no counterpart.
* **Pictures.** Theirs: 800 Flickr photographs to learn from and 100 to test on, the middle 224×224. Ours: {photographs}
  BSDS500 photographs, 192×192, of which a crop of 160×160 at a random place is judged; one in ten is made a little
  brighter or darker. Both: no JPEG step, no resize.
* **Classifiers.** Theirs: ConvNeXt-Base, three seeds of the classifier on one split. Ours: shrinkage LDA on {features}
  classical features, which has no seed; the photographs are drawn anew instead. The learned embedding takes no part: it
  was trained on pictures of all these networks, so none could honestly be withheld from it.
* **PRNU.** Theirs: mean BM3D residual, nearest. Ours the same on the middle 128×128 with {training} instead of 800
  pictures a network, nearest by normalised correlation."""
PARSERS = """\
Every value is withheld in turn: no network that has it takes part in learning or in choosing how to parse. The test is
on the withheld networks alone, on photographs that nothing was learned from. The paper's number stands in brackets.
Chance is that of nothing withheld, every value being as likely. Cross-validation among the networks that are left
chooses how to parse; the list that it chooses from was drawn up while results on these same withheld networks, on
another split of the same photographs, were in view, so these numbers may be somewhat better than on new networks.
Where no other network has a withheld network's value, it cannot be parsed and is left out (×3 without L1). A cell is
empty where all that is left has one value (without L1 there is one training set). Seed 1 and set A are in most of our
networks, and are not withheld."""
PUBLISHED = """\
{networks} networks that others trained, from `published`. Attribution: among them, from training to test photographs
(the paper's 25 are others: larger, and none of ours is among them). Parsers: learned from our zoo alone."""


def protocol_markdown(report: Mapping[str, Any]) -> str:
    """Write the whole report.

    Args:
        report: what `whorl fingerprint protocol --out` writes.

    Returns:
        Markdown.
    """
    about = report["about"]
    seeds = about["seeds"]
    numbers = ", ".join(map(str, seeds))
    splits = f"{len(seeds)} splits (seeds {numbers})" if len(seeds) > 1 else f"the split of seed {numbers}"
    parts = [
        f"# The protocol of “Fingerprints of Super Resolution Networks”\n\n`{report['command']}`",
        ABOUT.format(splits=splits, **about),
        titled("Attribution", _attribution(report["zoo"]), markdown=True),
        titled("Networks that differ by seed alone", _seeds(report["zoo"]), markdown=True),
        titled("Parsing networks that were never seen", _parsers(report["zoo"]["parsers"]), markdown=True),
    ]
    if "published" in report["zoo"]:
        told = PUBLISHED.format(networks=about["published"])
        parts.append(titled("Published networks", f"{told}\n\n{_published(report['zoo']['published'])}", markdown=True))
    return "\n\n".join(parts) + "\n"


def percent(entry: Mapping[str, Any] | None, digits: int = 1) -> str:
    """Write a share over seeds in %.

    Args:
        entry: "mean" and "deviation", or None.
        digits: after the point.

    Returns:
        Such as "98.1 ± 0.3".
    """
    if entry is None:
        return NOTHING
    return f"{100 * entry['mean']:.{digits}f} ± {100 * entry['deviation']:.{digits}f}"


def _theirs(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


def _attribution(zoo: Mapping[str, Any]) -> str:
    prnu = zoo.get("prnu", {}).get("correlation", {}).get("attribution")
    rows = []
    for key in ("all", "kind", *PARAMETERS):
        values = {"all": zoo["attribution"]["all"]} if key == "all" else zoo["attribution"][key]
        for value, entry in values.items():
            given = None if prnu is None else prnu["all"] if key == "all" else prnu[key].get(value)
            rows.append(
                (
                    "all networks" if key == "all" else f"{NAMES.get(key, key)} {value}",
                    percent(entry),
                    _theirs(paper.ATTRIBUTION.get(key, {}).get(value)),
                    percent(given),
                    _theirs(paper.PRNU.get(key, {}).get(value)),
                )
            )
    return table(("networks", "ours", "paper", "PRNU, ours", "PRNU, paper"), rows, markdown=True)


def _seeds(zoo: Mapping[str, Any]) -> str:
    prnu = zoo.get("prnu", {}).get("correlation", {}).get("seeds_told_apart", {})
    theirs = {"all": paper.SEEDS_PRNU}
    rows = [
        (value, percent(entry), _theirs(paper.SEEDS.get(value)), percent(prnu.get(value)), _theirs(theirs.get(value)))
        for value, entry in zoo.get("seeds_told_apart", {}).items()
    ]
    return table(("set of three", "ours", "paper", "PRNU, ours", "PRNU, paper"), rows, markdown=True)


def _parsers(parsers: Mapping[str, Any]) -> str:
    wanted = [(p, v) for p, v in paper.COLUMNS if v in parsers.get(p, {})]
    others = [(p, v) for p, row in parsers.items() for v in row if p != "nothing" and (p, v) not in wanted]
    plain = [("nothing", "nothing")]
    blocks = [PARSERS]
    for heading, columns in (("As in the paper", wanted), ("The other values", others), ("Nothing withheld", plain)):
        if columns:
            blocks.append(titled(heading, _cells(parsers, columns), markdown=True, level=3))
    return "\n\n".join(blocks)


def _cells(parsers: Mapping[str, Any], columns: Sequence[tuple[str, str]]) -> str:
    head = ["parsed", "chance", *(NAMES.get(p, p) if p == v else f"{NAMES[p]} {v}" for p, v in columns)]
    rows = []
    for target in PARAMETERS:
        plain = parsers["nothing"]["nothing"].get(target)
        chance = f"{100 * plain['chance']:.1f}" if plain else NOTHING
        row = [NAMES[target], f"{chance} ({paper.CHANCE[target]:.1f})"]
        for column in columns:
            cell = parsers[column[0]][column[1]].get(target)
            theirs = paper.PARSERS[target].get(column)
            told = f" ({theirs:.1f})" if theirs is not None else ""
            row.append(f"{percent(cell['accuracy'])}{told}" if cell else NOTHING)
        rows.append(row)
    counts = [str(max((c["tested_on"] for c in parsers[p][v].values()), default=0)) for p, v in columns]
    return table(head, [*rows, ["networks tested", "", *counts]], markdown=True)


def _published(told: Mapping[str, Any]) -> str:
    prnu = told.get("prnu", {}).get("correlation", {}).get("attribution")
    keys = [("all", told["attribution"]["all"], prnu and prnu["all"])]
    for value, entry in told["attribution"]["kind_and_scale"].items():
        keys.append((value, entry, prnu and prnu["kind_and_scale"].get(value)))
    theirs = {"all": paper.PRETRAINED_PRNU}
    rows = [
        (name, percent(entry), _theirs(paper.PRETRAINED.get(name)), percent(given), _theirs(theirs.get(name)))
        for name, entry, given in keys
    ]
    attribution = table(("attribution", "ours", "paper", "PRNU, ours", "PRNU, paper"), rows, markdown=True)
    groups = (
        ("all", "all", None, None),
        ("fidelity", "fidelity", paper.PRETRAINED_SCALE_L1, paper.PRETRAINED_KIND),
        ("adversarial", "adversarial", None, paper.PRETRAINED_KIND),
        ("real_esrgan", "Real-ESRGAN's family (×4)", paper.REAL_ESRGAN_SCALE, paper.PRETRAINED_KIND),
    )
    parsers = told["parsers"]
    rows = [
        (
            label,
            percent(parsers["scale"]["accuracy"].get(key)), _theirs(scale),
            percent(parsers["loss"]["accuracy"].get(key)), _theirs(kind),
        )
        for key, label, scale, kind in groups
    ]  # fmt: skip
    head = ("parsed by our zoo's parsers", "scale", "paper", "fidelity or adversarial", "paper")
    called = [
        (name, *(f"{100 * by[value]['mean']:.0f}" if value in by else "0" for value in _values(parsers["scale"])))
        for name, by in parsers["scale"]["called"].items()
        if name.startswith("realesr")
    ]
    family = table(("called", *_values(parsers["scale"])), called, markdown=True) if called else ""
    return "\n\n".join(part for part in (attribution, table(head, rows, markdown=True), family) if part)


def _values(parser: Mapping[str, Any]) -> list[str]:
    return sorted({value for by in parser["called"].values() for value in by})
