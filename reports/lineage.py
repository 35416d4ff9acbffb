"""The networks that lineage is asked about, and tables of what is found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model_zoo.distillation import DistilConfig
from model_zoo.manifests import Manifest
from reports.study_tables import share_cell, table, titled, value_cell
from reports.zoo_networks import Known, gather

if TYPE_CHECKING:
    from fingerprint.lineage import Upscale
    from fingerprint.lineage.study import Asked

LEGEND = """\
Of a candidate: whether the network that made the pictures was tuned from it, copied from its pictures, taught by its
features, or none of that. Ratios come from models that saw neither the candidate nor its descendants nor the
photographs. AUROC 0.5 and a cost (Cllr) of 1 are what knowing nothing gives; intervals resample networks. Traced: how
often the ancestor stands highest."""
TWINS = "told apart by statistics of its pictures: share that score higher for their own network than for the other"


def background(scale: int) -> list[Known]:
    """Return our networks whose manner counts for what networks share: trained for fidelity on the same pictures."""
    listed = {known.manifest.name: known for known in gather()}
    return [
        known
        for name, known in listed.items()
        if name.startswith("zoo-")
        and f"-x{scale}-l1-A-s" in name
        and "-d" not in name
        and known.manifest.scale == scale
    ]


def enlarger(known: Known) -> "Upscale":
    """Open a network, as a function of small pictures."""
    import model_zoo

    network = model_zoo.load(known.source)

    def enlarge(pixels: np.ndarray) -> np.ndarray:
        return network.upscale_piece(np.ascontiguousarray(pixels))

    return enlarge


def candidates(pool: Sequence[Known]) -> "dict[str, Upscale]":
    """Open candidates by name."""
    return {known.manifest.name: enlarger(known) for known in pool}


def families(runs: Path, pool: Sequence[Known]) -> tuple["list[Asked]", dict[str, str]]:
    """Gather the networks of known lineage: those of a folder of runs, and those that ship.

    Args:
        runs: the folder.
        pool: the candidates, among which ancestors are looked for.

    Returns:
        The networks, and the architectures of those that learnt from a teacher or as a teacher's twin.

    Raises:
        ValueError: nothing in the folder was tuned or taught.
    """
    from fingerprint.lineage.study import Asked

    names = {known.manifest.name for known in pool}
    scale = pool[0].manifest.scale
    asked, students = [], {}
    for known in gather(runs):
        manifest = known.manifest
        if manifest.scale != scale or manifest.origin == "imported":
            continue
        ancestor = _named(manifest.parent or manifest.teacher, names)
        if (manifest.parent or manifest.teacher) and not ancestor:
            continue
        if manifest.name in names or (known.weights is None and not manifest.name.startswith(("zoo-", "whorl-"))):
            continue
        kind = _kind(manifest)
        asked.append(Asked(manifest.name, enlarger(known), kind, ancestor, _group(known)))
        if known.weights is not None and manifest.command.startswith(DistilConfig.command_words):
            students[manifest.name] = manifest.architecture
    if not any(one.kind != "independent" and one.name in students for one in asked):
        raise ValueError(f"--runs {runs} holds no students; run `whorl zoo sweep students` and `finetunes` first")
    return asked, students


def _kind(manifest: Manifest) -> str:
    """Return how a network descends from another; every method but the imitation of pictures looks at features."""
    if manifest.parent:
        return "tuned"
    if not manifest.teacher:
        return "independent"
    return "copied" if manifest.method == "output" else "taught"


def _named(ancestor: str | None, names: set[str]) -> str:
    """Return the candidate that a manifest's parent or teacher names, "" for none; a run's name ends with its id."""
    if ancestor is None:
        return ""
    return next((name for name in names if ancestor == name or ancestor.startswith(f"{name}-")), "")


def _group(known: Known) -> str:
    manifest = known.manifest
    if manifest.parent:
        return (
            "tuned adversarially"
            if manifest.adversarial_weight
            else f"tuned: {manifest.loss}, {manifest.training_data}"
        )
    if manifest.teacher:
        return f"{manifest.architecture}, {manifest.method}"
    return "independent"


def study_tables(found: Mapping[str, Any], markdown: bool) -> str:
    """Write what the study found.

    Args:
        found: its results file.
        markdown: As Markdown.
    """
    blocks = []
    for condition, kinds in found["conditions"].items():
        rows = []
        for kind, counts in kinds.items():
            for count, part in counts.items():
                cells = [value_cell(part[key]["value"], part[key]["interval"]) for key in ("auroc", "cllr", "cllr_min")]
                misled = "/".join(f"{part[f'misled_{side}']['value']:.3f}" for side in ("same", "different"))
                name = f"{kind}, {count} picture{'s' if count != '1' else ''}"
                rows.append([name, *cells, f"{part['median_log10_lr_same']:.2f}", misled])
        head = ("candidate", "AUROC", "Cllr", "Cllr min", "median log10 LR of ancestors", "misleading")
        blocks.append(titled(condition, table(head, rows, markdown), markdown))
        traced = [
            [f"{kind}: {group}", share_cell(share), share_cell((part["traced_among_teachers"] or {}).get(group))]
            for kind, counts in kinds.items()
            for part in [counts[max(counts, key=int)]]
            for group, share in part["traced"].items()
        ]
        head = ("network", f"traced among {len(found['pool'])}", "among the teachers")
        blocks.append(titled(f"{condition}: traced by the most pictures", table(head, traced, markdown), markdown))
    for shape, relations in found["twins"].items():
        rows = [[relation, share_cell(share)] for relation, share in relations.items()]
        blocks.append(titled(f"{shape}: {TWINS}", table(("two networks", "share"), rows, markdown), markdown))
    return "\n\n".join([*blocks, LEGEND])
