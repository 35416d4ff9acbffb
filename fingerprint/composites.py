"""Composites: photographs that hold an upscaled patch, upscaled pictures that hold an untouched one, and neither.

They are what localisation is measured on. Pictures are uint8 `H W 3`; a mask is bool `H W`, true where a network made
the pixels. Everything is drawn by the photograph's name, so the same photograph always gives the same composites.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

import datasets
from fingerprint.render import keep
from fingerprint.samples import ORIGINAL

SIDES = (96, 128, 192, 256)
KINDS = ("upscaled-patch", "untouched-patch", "photograph", "upscaled", "spliced")
SPLITS = {"train": "test", "test": "val"}
"""Of published pictures, and the part of BSDS500 that shows the same photographs."""
_MULTIPLE = 12  # of the sides of what networks enlarge by 2, 3 and 4
_RIM = 16  # pixels of a base that are left around a patch at least
_TOUCHED = 16  # pixels at a photograph's edge that show what a network saw beyond it
_LATTICE = 24  # patches lie on it half the time, as in a picture that was enhanced in place


@dataclass(frozen=True)
class Photograph:
    """An untouched picture that composites are made of.

    Attributes:
        group: the photograph's or camera's name; folds hold it together.
        path: its file.
        split: "train" or "test": which published pictures may be pasted into it.
    """

    group: str
    path: Path
    split: str


@dataclass(frozen=True)
class Composite:
    """A picture, and which of its pixels a network made.

    Attributes:
        kind: one of `KINDS`.
        photograph: what the larger part shows.
        source: the network or kernel, `original` for untouched photographs.
        side: of the patch in pixels, 0 where there is none.
        pixels: (H, W, 3) uint8.
        mask: (H, W) bool, true where the source made the pixels.
    """

    kind: str
    photograph: str
    source: str
    side: int
    pixels: np.ndarray
    mask: np.ndarray

    @property
    def name(self) -> str:
        """A name for a file."""
        return f"{self.photograph}-{self.kind}-{self.side}-{self.source}".replace(" ", "_").replace("/", "_")


def bases(split: str, camera: bool = False) -> list[Photograph]:
    """List the photographs of a split.

    Args:
        split: test (BSDS500 val and Set14, which are in no training split) or train (BSDS500 test).
        camera: whether pictures straight from cameras are added; all of them are in the training data, so each needs a
            reference that never saw its fold.

    Raises:
        ValueError: another split.
        DataMissingError: the data is not there.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    corpora = [datasets.bsds500(SPLITS[split])] + ([datasets.set14()] if split == "test" else [])
    if camera:
        corpora.append(datasets.camera())
    return [
        Photograph(group, path, split)
        for corpus in corpora
        for path, group in zip(corpus.paths, corpus.groups, strict=True)
    ]


def composites(
    photograph: Photograph, others: Sequence[Photograph], work: Path, sides: Sequence[int] = SIDES
) -> Iterator[Composite]:
    """Make all composites of one photograph, and the two pictures that are of one piece.

    One network is drawn for the photograph. A patch is what it makes of the same photograph at the same place or at
    another, of another photograph, or a picture out of the published ones. In turn, patches of photographs are put
    into what the network makes of the whole photograph.

    Args:
        photograph: the base.
        others: what patches are taken from, too.
        work: folder that keeps what networks made.
        sides: of the patches, in pixels; those that do not fit are left out.

    Yields:
        The photograph, the upscaled picture, two photographs in one, then both composites for each side.
    """
    rng = generator("composites", photograph.group, photograph.path.name)
    network = str(rng.choice(networks()))
    base = _cut(photograph.path)
    made = upscaled(photograph.path, network, work)
    nothing = np.zeros(base.shape[:2], bool)
    yield Composite("photograph", photograph.group, ORIGINAL, 0, base, nothing)
    yield Composite("upscaled", photograph.group, network, 0, made, ~nothing)
    yield Composite("spliced", photograph.group, ORIGINAL, 0, spliced(photograph, others), nothing)
    for side in sides:
        other = others[int(rng.integers(len(others)))]
        if side > min(base.shape[:2]) - 2 * _RIM or side > min(_size(other.path)) - 2 * _TOUCHED:
            continue
        patch, source, place = _upscaled_patch(photograph, other, network, side, work, rng)
        yield _pasted("upscaled-patch", photograph, source, base, patch, place or _place(base, side, rng), True)
        same = rng.random() < 0.5
        place = _place(base, side, rng)
        patch = _taken(base, place, side) if same else _anywhere(_cut(other.path), side, rng)
        yield _pasted("untouched-patch", photograph, network, made, patch, place, False)


def spliced(photograph: Photograph, others: Sequence[Photograph]) -> np.ndarray:
    """Paste a patch of one photograph into another, neither of them upscaled: a forgery, but not of this kind.

    Half the time the patch was reduced first, which leaves no trace of its own file's compression.

    Args:
        photograph: the base.
        others: what the patch is taken from.

    Returns:
        (H, W, 3) uint8, of the photograph's size cut to multiples of 12.
    """
    rng = generator("spliced", photograph.group, photograph.path.name)
    base, other = _cut(photograph.path).copy(), _cut(others[int(rng.integers(len(others)))].path)
    if rng.random() < 0.5:
        other = datasets.downscale(other, float(rng.uniform(1.2, 1.6)))
    side = min(int(rng.choice(SIDES)), *(n - 2 * _RIM for n in (*base.shape[:2], *other.shape[:2])))
    _taken(base, _place(base, side, rng), side)[:] = _anywhere(other, side, rng)
    return base


@lru_cache
def networks() -> tuple[str, ...]:
    """Name the networks that ship here, by which photographs are upscaled."""
    import model_zoo

    return tuple(manifest.name for manifest in model_zoo.list_networks(model_zoo.SHIPPED))


def upscaled(path: Path, network: str, work: Path) -> np.ndarray:
    """Return what a network makes of a photograph that was reduced by its scale (Pillow's bicubic).

    Args:
        path: of the photograph.
        network: a name that `model_zoo.load` knows.
        work: folder that keeps the result, and gives it where it is there already.

    Returns:
        (H, W, 3) uint8, of the photograph's size cut to multiples of 12.
    """
    kept = work / network / f"{path.parent.name}-{path.stem}.webp"
    if not kept.exists():
        loaded = _network(network)
        made = loaded.upscale(np.ascontiguousarray(datasets.downscale(_cut(path), loaded.scale)))
        kept.parent.mkdir(parents=True, exist_ok=True)
        keep(made, kept)
    return _pixels(kept)


@lru_cache(maxsize=8)
def _network(name: str):
    import model_zoo

    return model_zoo.load(name)


@lru_cache(maxsize=64)
def _pixels(path: Path) -> np.ndarray:
    return datasets.read_evidence(path).pixels


def _cut(path: Path) -> np.ndarray:
    return np.ascontiguousarray(datasets.crop_to_multiple(_pixels(path), _MULTIPLE))


def _size(path: Path) -> tuple[int, int]:
    return _cut(path).shape[:2]


def generator(*names: str) -> np.random.Generator:
    """Return a generator of random numbers that depends on names alone."""
    return np.random.default_rng(list(hashlib.sha256("|".join(names).encode()).digest()[:16]))


def _upscaled_patch(
    photograph: Photograph, other: Photograph, network: str, side: int, work: Path, rng: np.random.Generator
) -> tuple[np.ndarray, str, tuple[int, int] | None]:
    """Return a patch that something upscaled, what it was, and where it belongs, None for anywhere."""
    kind = int(rng.integers(4))
    published = _published(photograph.split, rng) if kind == 3 and side <= 192 - _TOUCHED else None
    if published is not None:
        source, path = published
        return _anywhere(_pixels(path), side, rng), source, None
    if kind <= 1:
        made = upscaled(photograph.path, network, work)
        place = _place(made, side, rng)
        return _taken(made, place, side), network, place if kind == 0 else None
    return _anywhere(upscaled(other.path, network, work), side, rng), network, None


def _published(split: str, rng: np.random.Generator) -> tuple[str, Path]:
    names = [name for name in datasets.published_sources() if name != ORIGINAL]
    source = str(rng.choice(names))
    paths = datasets.published(source, split).paths
    return source, paths[int(rng.integers(len(paths)))]


def _place(base: np.ndarray, side: int, rng: np.random.Generator) -> tuple[int, int]:
    unit = _LATTICE if rng.random() < 0.5 else 1
    corner = []
    for length in base.shape[:2]:
        inside = np.arange(_RIM, length - side - _RIM + 1)
        on_lattice = inside[inside % unit == 0]
        corner.append(int(rng.choice(on_lattice if len(on_lattice) else inside)))
    return corner[0], corner[1]


def _anywhere(pixels: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Cut a patch away from the edges, where a network's padding shows, as far as there is room."""
    places = []
    for length in pixels.shape[:2]:
        margin = min(_TOUCHED, (length - side) // 2)
        places.append(int(rng.integers(margin, length - side - margin + 1)))
    return _taken(pixels, (places[0], places[1]), side)


def _taken(pixels: np.ndarray, place: tuple[int, int], side: int) -> np.ndarray:
    return pixels[place[0] : place[0] + side, place[1] : place[1] + side]


def _pasted(
    kind: str,
    photograph: Photograph,
    source: str,
    base: np.ndarray,
    patch: np.ndarray,
    place: tuple[int, int],
    made: bool,
) -> Composite:
    side = len(patch)
    pixels, mask = base.copy(), np.full(base.shape[:2], not made)
    _taken(pixels, place, side)[:] = patch
    _taken(mask, place, side)[:] = made
    return Composite(kind, photograph.group, source, side, pixels, mask)
