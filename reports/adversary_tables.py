"""Tables of the adversary's bench: verdicts on attacked pictures, and what defences are worth.

Only the standard library is imported here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.study_tables import NOTHING, share_cell, table, titled, value_cell

VERDICTS = {
    "right_name": "right name",
    "remaker_name": "second network",
    "wrong_name": "wrong name",
    "unknown_source": "unknown",
    "inconclusive": "inconclusive",
    "not_upscaled": "not upscaled",
}
DEFENCES = {"none": "no defence", "tiles": "tiles", "copy": "copy", "features": "features", "all": "all three"}
LEGEND = """\
Shares with their 95 % intervals, which resample photographs. PSNR and SSIM are of luma, to the unattacked picture. LR
is the mean log10 likelihood ratio before and after the attack: of upscaled against not, and of the target against the
other upscalers. `second network` is that whose work an attacked picture truly is: after a second upscaler, or when
remade. Wrong is a wrong name or `not upscaled` for an upscaled picture, a name or `unknown` for a photograph.
Tiles: the median over five cuts at secret places decides. The other defences make a verdict inconclusive: copy, where
a JPEG copy of quality 90 contradicts it; features, where the part that a kind of features has in the evidence is as
unusual as in 5 % of untouched pictures of other photographs; all three, where any of these doubts it."""


def tables(rows: Sequence[Mapping[str, Any]], markdown: bool) -> str:
    """Write the rows as tables.

    Args:
        rows: What `fingerprint.adversary.bench.run` returned.
        markdown: As Markdown.

    Returns:
        The text.
    """
    plain = [row for row in rows if row["pictures"] == "upscaled" and row["target"] is None]
    forged = [row for row in rows if row["pictures"] == "upscaled" and row["target"] is not None]
    innocent = [row for row in rows if row["pictures"] == "innocent"]
    blocks = [
        _titled("Removal: pictures of sources", _verdicts(plain, False), markdown),
        _titled("Forgery: pictures of sources, to be taken for the target's", _verdicts(forged, True), markdown),
        _titled("Photographs that were never upscaled", _verdicts(innocent, True), markdown),
        _titled("Defences: wrong verdicts", _defences(rows, "wrong"), markdown),
        _titled("Defences: right verdicts", _defences(rows, "right"), markdown),
        LEGEND,
    ]
    return "\n\n".join(block for block in blocks if block)


def _titled(title: str, rows: Sequence[Sequence[str]], markdown: bool) -> str:
    return titled(title, table(rows[0], rows[1:], markdown), markdown) if len(rows) > 1 else ""


def _verdicts(rows: Sequence[Mapping[str, Any]], aimed: bool) -> list[list[str]]:
    """Return a head and a line for each row; verdicts that are nowhere given are left out."""
    given = [key for key in VERDICTS if any(row["verdicts"][key]["share"] for row in rows)]
    head = ["attack", "images", "PSNR", "SSIM", *(VERDICTS[key] for key in given), "LR upscaled"]
    lines = [head + (["named target", "LR target"] if aimed else [])]
    for row in rows:
        line = [attack_words(row), str(row["images"]), value_cell(row["psnr"], digits=1), f"{row['ssim']:.3f}"]
        line += [share_cell(row["verdicts"][key], 2) for key in given] + [_change(row["log10_lr_upscaled"])]
        if aimed:
            line += [share_cell(row["named_target"], 2), _change(row["log10_lr_target"])]
        lines.append(line)
    return lines


def _defences(rows: Sequence[Mapping[str, Any]], what: str) -> list[list[str]]:
    lines = [["attack", "pictures", *DEFENCES.values()]]
    for row in rows:
        cells = [share_cell(row["defences"][name][what], 2) for name in DEFENCES]
        lines.append([attack_words(row), row["pictures"], *cells])
    return lines


def attack_words(row: Mapping[str, Any]) -> str:
    """Return what was done, in words: attack, strength and target."""
    target = f"as {row['target']}" if row["target"] else ""
    return " ".join(part for part in (row["attack"], row["strength"], target) if part)


def _change(means: Mapping[str, float | None] | None) -> str:
    if means is None or means["before"] is None or means["after"] is None:
        return NOTHING
    return f"{means['before']:.1f} → {means['after']:.1f}"
