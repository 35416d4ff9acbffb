"""What an imitator learns from: one photograph as many sources of one scale enlarge it, pixel on pixel.

Pictures are uint8 `K H W 3`, K sources; every corner of the arrays lies on the lattice of the scale.

There are the published training crops, with our networks' pictures of the same places, and wide pictures of further
photographs by every network whose weights are at hand.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import datasets
from fingerprint.fit import ZOO, ZOO_PHOTOGRAPHS
from fingerprint.render import SIDE, render_source
from fingerprint.samples import ORIGINAL, fold_of
from fingerprint.sources import known_sources
from model_zoo.network import Network

WIDE = 320  # pixels a side
_WIDE_PHOTOGRAPHS = 120
_SEEN = 8  # small pixels at the edges of a wide picture that its own edge may have changed
_PADDED = 24  # pixels of a published crop that a network's padding may have changed: whole steps of all lattices


@dataclass(frozen=True)
class Scene:
    """One photograph as several sources enlarge it.

    Attributes:
        group: the photograph.
        sources: names.
        pixels: (sources, H, W, 3) uint8, the same place in all of them.
    """

    group: str
    sources: tuple[str, ...]
    pixels: np.ndarray


def sources_of(scale: int) -> list[str]:
    """Name the sources of a scale, in order."""
    return sorted(name for name, source in known_sources().items() if source.scale == scale)


def published_scenes(
    scale: int,
    renders: Path,
    hold: int | None,
    step: Callable[[str], None] = lambda _: None,
    networks: Sequence[str] | None = None,
) -> list[Scene]:
    """Gather the published training crops, and our networks' pictures of the same places, where these are known.

    Args:
        scale: of the sources.
        renders: where outputs of our networks are kept, made where they are missing.
        hold: the fold to leave out, None for none.
        step: told what is being done.
        networks: the sources, all of the scale by default.

    Raises:
        DataMissingError: the data is not there.
    """
    published = set(datasets.published_sources()) - {ORIGINAL}
    borders = datasets.published_borders()
    found: dict[str, dict[str, Path]] = {}
    for name in sources_of(scale) if networks is None else networks:
        if name in published:
            paths = datasets.published(name, "train").paths
        else:
            folder = render_source(name, "train", renders, ZOO_PHOTOGRAPHS, step=step)
            paths = tuple(path for path in sorted(folder.glob("*.webp")) if ("train", path.stem) in borders)
        for path in paths:
            found.setdefault(path.stem, {})[name] = path
    scenes = []
    for group, paths in sorted(found.items()):
        if fold_of(group) == hold:
            continue
        border = borders.get(("train", group))
        touches = border.touches if border else frozenset()
        top, left = (_PADDED * (side in touches) for side in ("top", "left"))
        bottom, right = (SIDE - _PADDED * (side in touches) for side in ("bottom", "right"))
        pictures = [datasets.read_evidence(path).pixels[top:bottom, left:right] for path in paths.values()]
        scenes.append(Scene(group, tuple(paths), np.stack(pictures)))
    return scenes


def wide_scenes(
    scale: int, folder: Path, hold: int | None, step: Callable[[str], None] = lambda _: None
) -> list[Scene]:
    """Gather wide pictures of BSDS500's training photographs by every network with weights; what is kept is read.

    Args:
        scale: of the networks.
        folder: where they are kept.
        hold: the fold to leave out, None for none.
        step: told what is being done.

    Raises:
        DataMissingError: the data is not there.
    """
    paths = [path for path in datasets.bsds500("train").paths if fold_of(path.stem) != hold][:_WIDE_PHOTOGRAPHS]
    home = folder / f"wide-x{scale}"
    home.mkdir(parents=True, exist_ok=True)
    names = [name for name in sources_of(scale) if name in _with_weights()]
    photographs = [datasets.read_evidence(path).pixels for path in paths]
    small = np.stack([_middle(pixels, scale) for pixels in photographs])
    for name in names:
        target = home / f"{name}.npy"
        if target.exists():
            continue
        step(f"wide pictures of {name}")
        network = _loaded(name)
        made = np.stack([network.upscale_piece(piece) for piece in small])
        cut = _SEEN * scale
        partial = target.with_suffix(".partial.npy")
        np.save(partial, made[:, cut:-cut, cut:-cut], allow_pickle=False)
        partial.replace(target)
    (home / "photographs.json").write_text(json.dumps([path.stem for path in paths]))
    arrays = [np.load(home / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names]
    return [
        Scene(path.stem, tuple(names), np.stack([array[row] for array in arrays])) for row, path in enumerate(paths)
    ]


def _with_weights() -> set[str]:
    import model_zoo

    ours = {manifest.name for manifest in model_zoo.list_networks(model_zoo.SHIPPED)}
    return ours | {path.name for path in (datasets.data_root() / "published-weights").iterdir() if path.is_dir()}


def _loaded(name: str) -> Network:
    import model_zoo
    from model_zoo.imports import load_published

    ours = name.startswith((ZOO, "whorl-"))
    return model_zoo.load(name) if ours else load_published(name)


def _middle(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Reduce the middle of a photograph to what becomes a wide picture."""
    side = WIDE - WIDE % scale
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    return datasets.downscale(np.ascontiguousarray(pixels[top : top + side, left : left + side]), scale)
