"""Pictures made by our own networks, in the layout of the published ones: `<source>/<split>/<photograph>.webp`."""

from pathlib import Path

import numpy as np
from PIL import Image

import datasets

SIDE = 192
MULTIPLE = 12
SPLITS = {"train": ("test", None), "test": ("val", 20)}


def render_source(name: str, split: str, root: Path, count: int | None = None, weights: str | None = None) -> Path:
    """Make what one of our networks makes of the photographs behind a published split; what is there is kept.

    The photograph is cut to multiples of 12, reduced by Pillow's bicubic, enlarged by the network and cropped to
    192x192 where the published crop lies, or in the middle on a multiple of 24 where that is not known.

    Args:
        name: of the source, and of a network in the zoo unless weights are given.
        split: train (all of BSDS500 test) or test (the first 20 of BSDS500 val).
        root: folder to hold `name/split`.
        count: how many of the photographs, the first ones by name; None for all of the split.
        weights: what `model_zoo.load` takes.

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
    network, borders = model_zoo.load(weights or name), datasets.published_borders()
    for path in missing:
        high = datasets.crop_to_multiple(datasets.read_evidence(path).pixels, MULTIPLE)
        made = network.upscale(np.ascontiguousarray(datasets.downscale(high, network.scale)))
        border = borders.get((split, path.stem))
        top, left = (border.top, border.left) if border else ((n - SIDE) // 48 * 24 for n in made.shape[:2])
        partial = folder / f"{path.stem}.partial"
        Image.fromarray(made[top : top + SIDE, left : left + SIDE]).save(partial, "WEBP", lossless=True)
        partial.replace(folder / f"{path.stem}.webp")
    return folder
