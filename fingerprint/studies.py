"""The studies behind the card: innocents by cross-validation, and networks that are left out of the gallery.

Each is one call; results are plain numbers.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import datasets
from fingerprint.attributor import Attributor
from fingerprint.calibration import reliability
from fingerprint.conditions import CLEAN, Condition
from fingerprint.evaluate import ENLARGING, ORIGINAL, answers, summarise
from fingerprint.expert import INTERPOLATION, Expert, fit_expert, is_innocent, unlike
from fingerprint.fit import SHRINKAGE, detected_as, share, tracing_mask
from fingerprint.likelihood_ratios import auroc, false_alarms_at, oscr
from fingerprint.reference import Thresholds
from fingerprint.resampling.detector import SHIPPED as RESAMPLING
from fingerprint.resampling.detector import read_detector
from fingerprint.result import Priors
from fingerprint.samples import FOLDS, UNSEEN, Sample, fold_of, published_tests
from fingerprint.sources import Source
from fingerprint.training_set import TrainingSet, measure
from fingerprint.validation import answer, choose_thresholds, held_out

INNOCENT_POSTS = ("as-is", "clean", "jpeg90", "jpeg75", "x0.9", "x0.7", "x0.5", "x0.7-jpeg85")
LARGE = 256
SIX = (
    "fsrcnn-x3-opencv", "imdn-x2", "pan-x4", "realesrgan-general-v3-x4", "rlfn-x4-ntire22t04", "waifu2x-cunet-x2",
)  # fmt: skip
Innocents = dict[str, list[tuple[str, str, Path]]]


def innocent_corpora(scikit_image: bool = True) -> Innocents:
    """List the photographs that were never upscaled and that false accusations are counted on.

    Args:
        scikit_image: with the photographs that scikit-image's package carries, where it is installed.

    Returns:
        (`original`, photograph or camera, file) by corpus. `camera` and `lossless` are in the training data, so they
        need references by fold; the others are in no training split.
    """
    corpora = {"bsds-val": datasets.bsds500("val"), "set5": datasets.set5(), "set14": datasets.set14()}
    corpora |= {"camera": datasets.camera(), "lossless": datasets.lossless()}
    listed = {
        name: [(ORIGINAL, group, path) for path, group in zip(c.paths, c.groups, strict=True)]
        for name, c in corpora.items()
    }
    if scikit_image:
        listed["scikit-image"] = [(ORIGINAL, path.stem, path) for path in _scikit_image_photographs()]
    return listed


def _scikit_image_photographs() -> list[Path]:
    from importlib.util import find_spec

    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).parent / "data"
    photographs = (
        "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png",
        "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "motorcycle_right.png", "page.png",
        "retina.jpg", "rocket.jpg", "text.png",
    )  # fmt: skip
    return [folder / name for name in photographs if (folder / name).exists()]


def innocents(
    folds: Path | None,
    posts: Sequence[str] = INNOCENT_POSTS,
    reference: Path | None = None,
    step: Callable[[str], None] = lambda _: None,
    advance: Callable[[int], None] = lambda _: None,
) -> dict:
    """Count verdicts on innocents, for each corpus and each post-processing.

    Args:
        folds: folder with `fold0` ... of references that never saw that fold; without it, `camera` and `lossless` are
            left out.
        posts: keys of `evaluate.POSTS`.
        reference: the reference for corpora in no training split, the shipped one by default.
        step: told what is being done.
        advance: called for each image.

    Returns:
        For each corpus and post: images, false accusations, inconclusive ones, those that look plainly enlarged (with
        or without doubt), images of at least 256x256 and their inconclusive ones, and the accused photographs by name.
    """
    whole = Attributor(reference)
    by_fold = [_without(folds, k) for k in range(FOLDS)] if folds else []
    out: dict = {}
    for corpus, items in innocent_corpora().items():
        crossed = corpus in ("camera", "lossless")
        if crossed and not by_fold:
            continue
        chosen = (lambda photo: by_fold[fold_of(photo)]) if crossed else (lambda photo: whole)
        for post in posts:
            step(f"{corpus}, {post}")
            given = list(answers(items, post, chosen, advance))
            large = [a for a in given if min(a.result.image.width, a.result.image.height) >= LARGE]
            guilty = [a for a in given if a.result.verdict in ("known_source", "unknown_source")]
            out.setdefault(corpus, {})[post] = {
                "images": len(given),
                "false_accusations": len(guilty),
                "inconclusive": sum(a.result.verdict == "inconclusive" for a in given),
                "interpolated": sum(a.result.parameters["loss"].value == INTERPOLATION for a in given),
                "large_images": len(large),
                "large_inconclusive": sum(a.result.verdict == "inconclusive" for a in large),
                "accused": sorted(a.photograph for a in guilty),
            }
    return out


def _without(folds: Path, fold: int) -> Attributor:
    """Return what answers without having seen a fold, its plain enlargements included where that was kept."""
    folder = folds / f"fold{fold}"
    kept = folder / RESAMPLING.name
    return Attributor(folder, detector=read_detector(kept) if kept.exists() else None)


def leave_out(
    samples: Sequence[Sample],
    sources: dict[str, Source],
    cache: Path,
    networks: Sequence[str] = SIX,
    condition: Condition = CLEAN,
    step: Callable[[str], None] = lambda _: None,
) -> dict:
    """Leave each network out of training and gallery in turn, and see whether its test images are told from known ones.

    Args:
        samples: all training samples.
        sources: what is known of each source.
        cache: measured features.
        networks: which to leave out.
        condition: of training and test images.
        step: told what is being done.

    Returns:
        For each network: AUROC, share of its images that pass where 95 % of the known ones do, and OSCR (enrolled
        networks' test images against its own); the calibration error of the likeliest source's probability where
        unknown ones have the share that the priors give them; and the shares of its images that are named (always
        wrongly), called unknown, and given the right scale.
    """
    data = measure(samples, condition, cache)
    probe = measure(published_tests(data.labels.tolist()), condition, cache, fresh=True)
    out = {}
    for name in networks:
        step(f"without {name}")
        kept = data.take(data.labels != name)
        expert, folds, strangers = fit_expert(
            kept, sources, SHRINKAGE[condition.is_lossy], tracing_mask(condition, "colour"), share, detected_as, UNSEEN
        )
        thresholds = choose_thresholds(held_out(kept, folds), strangers, share, unlike(expert))
        out[name] = _left_out(expert, thresholds, probe, name, sources)
    out["mean_auroc"] = round(float(np.mean([entry["auroc"] for entry in out.values()])), 4)
    return out


def _left_out(
    expert: Expert, thresholds: Thresholds, probe: TrainingSet, name: str, sources: dict[str, Source]
) -> dict:
    told, scored = answer(expert, probe.features, probe.labels)
    mine = probe.labels == name
    known = ~mine & np.array([label in expert.sources and not is_innocent(label) for label in probe.labels])
    unknown, scale, guess = told.unknown, told.parsed["scale"], told.top
    accused = told.upscaled >= thresholds.accuse
    named = accused & (told.name >= thresholds.name)
    values, counts = np.unique(guess[mine & named], return_counts=True)
    share_unknown = Priors().unknown_given_upscaled
    weights = np.where(mine, share_unknown / mine.sum(), (1 - share_unknown) / known.sum())
    right, both = guess == probe.labels, mine | known
    return {
        "auroc": round(auroc(scored.known[known], scored.known[mine]), 4),
        "fpr_at_95_tpr": round(false_alarms_at(scored.known[known], scored.known[mine]), 4),
        "oscr": round(oscr(scored.known[known], right[known], scored.known[mine]), 4),
        "calibration_error": round(reliability(told.name[both], right[both], weights[both]).error, 4),
        "named": round(float(named[mine].mean()), 4),
        "named_as": {str(v): int(c) for v, c in zip(values, counts, strict=True)},
        "called_unknown": round(float((accused & ~named & (unknown >= thresholds.unknown))[mine].mean()), 4),
        "called_not_upscaled": round(float((told.upscaled <= thresholds.clear)[mine].mean()), 4),
        "right_scale": round(float((scale[mine] == str(sources[name].scale)).mean()), 4),
        "images": int(mine.sum()),
        "known_images": int(known.sum()),
    }


def evaluate_folder(
    root: Path,
    posts: Sequence[str],
    scales: dict[str, int],
    reference: Path | None = None,
    step: Callable[[str], None] = lambda _: None,
    advance: Callable[[int], None] = lambda _: None,
    gallery: Path | None = None,
) -> dict:
    """Attribute every image below a folder of sources, after each post-processing.

    Args:
        root: as in `evaluate.test_items`.
        posts: keys of `evaluate.POSTS`.
        scales: true scale of each source, for the accuracy of scale.
        reference: folder of a reference; the shipped one by default.
        step: told what is being done.
        advance: called for each image.
        gallery: of sources that are compared with beside the reference's.

    Returns:
        A summary for each post-processing.
    """
    from fingerprint.evaluate import test_items

    items, one = test_items(root), Attributor(reference, gallery=gallery)
    out = {}
    for post in posts:
        step(post)
        out[post] = summarise(list(answers(items, post, lambda _: one, advance)), scales, post in ENLARGING)
    return out
