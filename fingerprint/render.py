"""Pictures made by our own networks, in the layout of the published ones: `<source>/<split>/<photograph>.webp`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import datasets

SIDE = 192
MULTIPLE = 12
MARGIN = (
    24  # pixels around a native crop that are enlarged and cut away: a network's padding, and a multiple of all scales
)
KERNELS = {f"{kernel}-x{scale}-pil": (kernel, scale) for kernel in ("bicubic", "lanczos") for scale in (2, 4)}
SPLITS = {"train": ("test", None), "test": ("val", 20)}


Step = Callable[[str], None]


def render_source(
    name: str,
    split: str,
    root: Path,
    count: int | None = None,
    weights: str | None = None,
    step: Step = lambda _: None,
) -> Path:
    """Make what one of our networks makes of the photographs behind a published split; what is there is kept.

    The photograph is cut to multiples of 12, reduced by Pillow's bicubic, enlarged by the network and cropped to
    192x192 where the published crop lies, or in the middle on a multiple of 24 where that is not known.

    Args:
        name: of the source, and of a network in the zoo unless weights are given.
        split: train (all of BSDS500 test) or test (the first 20 of BSDS500 val).
        root: folder to hold `name/split`.
        count: how many of the photographs, the first ones by name; None for all of the split.
        weights: what `model_zoo.load` takes.
        step: told what is being made, if anything is.

    Returns:
        The folder of pictures.

    Raises:
        ValueError: no such network or split.
        DataMissingError: the photographs are not there.
    """
    import model_zoo

    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    corpus, most = SPLITS[split]
    paths = datasets.bsds500(corpus).paths[:most][:count]
    folder = root / name / split
    folder.mkdir(parents=True, exist_ok=True)
    missing = [path for path in paths if not (folder / f"{path.stem}.webp").exists()]
    if not missing:
        return folder
    step(f"outputs of {name}")
    network, borders = model_zoo.load(weights or name), datasets.published_borders()
    for path in missing:
        high = datasets.crop_to_multiple(datasets.read_evidence(path).pixels, MULTIPLE)
        made = network.upscale(np.ascontiguousarray(datasets.downscale(high, network.scale)))
        border = borders.get((split, path.stem))
        top, left = (border.top, border.left) if border else ((n - SIDE) // 48 * 24 for n in made.shape[:2])
        keep(made[top : top + SIDE, left : left + SIDE], folder / f"{path.stem}.webp")
    return folder


def keep(pixels: np.ndarray, path: Path) -> None:
    """Write (H, W, 3) uint8 pixels as lossless WebP, whole or not at all."""
    partial = path.with_suffix(".partial")
    Image.fromarray(pixels).save(partial, "WEBP", lossless=True)
    partial.replace(path)


def imported_sources() -> tuple[str, ...]:
    """Name the published networks whose weights are in the data folder.

    Raises:
        DataMissingError: there are none.
    """
    names = sorted(path.parent.name for path in (datasets.data_root() / "published-weights").glob("*/weights.npz"))
    if not names:
        raise datasets.DataMissingError("the data folder lacks published-weights/*/weights.npz")
    return tuple(names)


def render_native(
    name: str, root: Path, each: int, split: str = "train", step: Step = lambda _: None
) -> list[tuple[Path, str]]:
    """Make what a source makes of photographs as they are, not reduced before; what is there is kept.

    What a network is given in the wild is seldom a reduction, and what it makes of other pixels lies elsewhere in the
    space of features. The photographs to train on are BSDS500 test, the lossless ones, and the cameras'; those to test
    on are BSDS500 val.

    Args:
        name: one of `KERNELS`, a published network whose weights are in the data folder, or one of the zoo.
        root: folder to hold `name/native`, or `name/test`.
        each: how many photographs of each kind, evenly spread over the names.
        split: train or test.
        step: told what is being made, if anything is.

    Returns:
        Pictures of 192x192 pixels, whose lattice begins in their corner, and the group of each one's photograph.

    Raises:
        ValueError: no such source or split.
        DataMissingError: the photographs are not there.
    """
    kinds = {
        "train": (lambda: datasets.bsds500("test"), datasets.lossless, datasets.camera),
        "test": (lambda: datasets.bsds500("val"),),
    }
    if split not in kinds:
        raise ValueError(f"split must be one of {', '.join(kinds)}, got {split!r}")
    folder = root / name / ("native" if split == "train" else split)
    folder.mkdir(parents=True, exist_ok=True)
    scale, enlarge = 0, None
    made = []
    for corpus in (kind() for kind in kinds[split]):
        chosen = [k * len(corpus.paths) // each for k in range(min(each, len(corpus.paths)))]
        for path, group in ((corpus.paths[k], corpus.groups[k]) for k in chosen):
            target = folder / f"{path.stem}.webp"
            made.append((target, group))
            if target.exists():
                continue
            if enlarge is None:
                step(f"photographs as they are by {name}")
                scale, enlarge = enlarger(name)
            pixels, side = datasets.read_evidence(path).pixels, (SIDE + 2 * MARGIN) // scale
            top, left = ((n - side) // 2 for n in pixels.shape[:2])
            picture = enlarge(np.ascontiguousarray(pixels[top : top + side, left : left + side]))
            keep(picture[MARGIN : MARGIN + SIDE, MARGIN : MARGIN + SIDE], target)
    return made


def enlarger(name: str) -> tuple[int, Callable[[np.ndarray], np.ndarray]]:
    """Return a source's scale, and what enlarges (H, W, 3) uint8 pixels by it.

    Args:
        name: one of `KERNELS`, a published network whose weights are in the data folder, or one of the zoo.

    Raises:
        ValueError: no such source.
        DataMissingError: the data folder holds no weights.
    """
    import model_zoo
    from model_zoo.imports import load_published

    if name in KERNELS:
        kernel, scale = KERNELS[name]
        return scale, lambda small: datasets.resize(small, (small.shape[0] * scale, small.shape[1] * scale), kernel)
    network = load_published(name) if name in imported_sources() else model_zoo.load(name)
    return network.scale, network.upscale
