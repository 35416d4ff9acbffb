"""Sources that a user enrols from a handful of pictures, beside those that a reference ships with.

A gallery is a folder: `gallery.json` says which reference its vectors belong to, and each source is one safetensors
file with, for every processing condition, the vectors of its pictures. A vector is a picture's place among the
reference's sources, in the space that the condition's discriminant spans and in its metric (`openset.Places`). Nothing
is trained.

A picture's features are kept beside its vectors, so that sources of a gallery can be told from each other by a
discriminant of their own (`contrast`); galleries that were made before have none, and are compared by vectors alone.

What a picture would look like after a JPEG step is made when it is enrolled: its copies go through every condition that
is stronger than its own. A source is not compared under conditions that are milder than its pictures'.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import datasets
from datasets import Evidence, EvidenceError
from fingerprint import posts
from fingerprint.attributor import Attributor
from fingerprint.conditions import CLEAN, CONDITIONS, JPEG, Condition
from fingerprint.contrast import LEAST
from fingerprint.features import dimensions
from fingerprint.reference import MODES
from model_zoo.weights import write_atomically
from spectra import to_uint8

FORMAT = 1
MOST = 50
"""How many pictures a source is enrolled from; at least `LEAST`."""
ABOUT = "gallery.json"
GALLERIES = Path(__file__).parent / "galleries"
"""Galleries that ship, a folder each; their sources' networks are in `model_zoo`."""
FEATURES = "features"
"""What stands in place of a mode where features of colour pictures are kept."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_TILES = 200  # in all, at most, for each condition; at least `_EACH` for each picture
_EACH = 4
_WEBP, _FACTOR = 80, 0.8  # of the copies that are made

Key = tuple[str, str]
"""Mode and condition name."""


class GalleryError(ValueError):
    """A gallery that cannot be used, or a source that cannot be enrolled; the message says why in one line."""


@dataclass(frozen=True)
class Enrolled:
    """One enrolled source.

    Attributes:
        name: of the source.
        images: file name and SHA-256 of each picture.
        vectors: (n, k) by mode and condition name, of as many of the pictures as can be compared there.
        file: an open safetensors file that holds the features of the colour pictures, None where none does. It stays
            what it was when another takes its place.
    """

    name: str
    images: tuple[tuple[str, str], ...]
    vectors: Mapping[Key, np.ndarray]
    file: Any = None

    def features(self, condition: str) -> np.ndarray | None:
        """Read the features of the colour pictures in a condition.

        Args:
            condition: its name.

        Returns:
            (n, `dimensions()`) float32, as 16 bits hold it, None where there are none.
        """
        key = f"{FEATURES}.{condition}"
        if self.file is None or key not in self.file.keys():  # noqa: SIM118 - no mapping
            return None
        return self.file.get_tensor(key).astype(np.float32)


@dataclass(frozen=True)
class Gallery:
    """Enrolled sources that belong to one reference.

    Attributes:
        embedding: identity of the reference.
        sources: by name, in order.
    """

    embedding: str
    sources: Mapping[str, Enrolled]


def check_source_name(name: str) -> None:
    """Refuse a name that a source cannot have.

    Raises:
        GalleryError: it does not match `[a-z0-9][a-z0-9._-]*`, or is too long for a file.
    """
    if not _NAME.fullmatch(name) or len(name) > 100:
        raise GalleryError(
            f"NAME {name!r}: a source's name has at most 100 characters, of a-z, 0-9, '.', '_' and '-', "
            "and begins with a letter or a digit"
        )


def located(folder: Path) -> Path:
    """Say where a gallery is.

    Args:
        folder: as a user names it.

    Returns:
        The folder; where there is none, and the name is a bare one, the gallery that ships under this name.
    """
    ships = GALLERIES / folder.name
    return ships if folder == Path(folder.name) and not folder.exists() and (ships / ABOUT).exists() else folder


def open_gallery(folder: Path, embedding: str, *, needed: bool = False) -> Gallery:
    """Read a gallery.

    Args:
        folder: where it is, or the name of one that ships.
        embedding: identity of the reference that it is to be compared by.
        needed: whether it must hold a source.

    Raises:
        GalleryError: there is none, it is damaged, it belongs to another reference, or holds no source that is needed.
    """
    folder = located(folder)
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        found, version = about["embedding"], about["format"]
    except FileNotFoundError:
        raise GalleryError(f"gallery {folder}: there is no gallery; `whorl fingerprint enrol` makes one") from None
    except OSError as error:
        raise GalleryError(f"gallery {folder} cannot be read: {error.strerror or error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise GalleryError(f"gallery {folder}: {ABOUT} is damaged: {type(error).__name__}: {error}") from None
    if version != FORMAT or found != embedding:
        raise GalleryError(
            f"gallery {folder} belongs to another embedding ({str(found)[:19]}..., not {embedding[:19]}...); enrol its "
            "sources again into a new folder: whorl fingerprint enrol NAME IMAGES... --gallery NEW"
        )
    sources = {path.stem: _read(path) for path in sorted(folder.glob("*.safetensors"))}
    if needed and not sources:
        raise GalleryError(f"gallery {folder} has no source to compare with")
    return Gallery(embedding, sources)


def enrol(
    name: str,
    paths: Sequence[str | Path],
    folder: Path,
    attributor: Attributor,
    *,
    replace: bool = False,
    skipped: Callable[[str], None] = lambda reason: None,
    max_pixels: int = 200_000_000,
) -> Enrolled:
    """Add a source to a gallery, which is made if there is none; what is refused writes nothing.

    Args:
        name: of the source.
        paths: picture files; an even selection of `MOST` is taken where there are more.
        folder: of the gallery.
        attributor: of the reference that vectors belong to.
        replace: whether a source of this name in the gallery gives way.
        skipped: told of each picture that cannot be used, and why.
        max_pixels: pictures with more are not read.

    Returns:
        What was enrolled.

    Raises:
        GalleryError: the name is wrong or taken, fewer than `LEAST` pictures can be used, the folder holds something
            else or belongs to another reference.
    """
    embedding = attributor.reference.identity
    check_source_name(name)
    if name in attributor.reference.sources:
        raise GalleryError(f"NAME {name}: the reference has a source of this name; choose another")
    begun = (folder / ABOUT).exists()
    if not begun and folder.exists() and any(folder.iterdir()):
        raise GalleryError(f"gallery {folder}: the folder holds something else; choose another")
    known = open_gallery(folder, embedding).sources if begun else {}
    if name in known and not replace:
        raise GalleryError(f"NAME {name}: gallery {folder} has a source of this name; --replace puts this in its place")
    found = _measured(paths, attributor, skipped, max_pixels)
    if len(found) < LEAST:
        raise GalleryError(
            f"NAME {name}: at least {LEAST} different pictures that can be used are needed, got {len(found)}"
        )
    keys = [(kind, condition.name) for kind in (*MODES, FEATURES) for condition in CONDITIONS]
    columns = {key: [vectors[key] for _, _, vectors in found if key in vectors] for key in keys}
    arrays = {key: np.stack(column) for key, column in columns.items() if len(column) >= LEAST}
    images = tuple((file, digest) for file, digest, _ in found)
    folder.mkdir(parents=True, exist_ok=True)
    if not begun:
        write_atomically(folder / ABOUT, (json.dumps({"format": FORMAT, "embedding": embedding}) + "\n").encode())
    path = folder / f"{name}.safetensors"
    write_atomically(path, _packed(name, images, arrays))
    return _read(path)


def remove(name: str, folder: Path) -> None:
    """Take a source out of a gallery.

    Raises:
        GalleryError: there is no such gallery or source.
    """
    check_source_name(name)
    if not (folder / ABOUT).exists():
        raise GalleryError(f"gallery {folder}: there is no gallery")
    try:
        (folder / f"{name}.safetensors").unlink()
    except FileNotFoundError:
        raise GalleryError(f"NAME {name}: gallery {folder} has no such source") from None


def _measured(
    paths: Sequence[str | Path], attributor: Attributor, skipped: Callable[[str], None], max_pixels: int
) -> list[tuple[str, str, dict[Key, np.ndarray]]]:
    """Measure all pictures that can be used, each content once, an even selection where there are too many."""
    evidence: dict[str, Evidence] = {}
    for path in paths:
        try:
            read = datasets.read_evidence(path, max_pixels=max_pixels)
        except (EvidenceError, OSError) as error:
            skipped(f"{path}: {error}")
            continue
        if read.sha256 in evidence:
            skipped(f"{path}: the same as {evidence[read.sha256].path}")
        evidence.setdefault(read.sha256, read)
    several = list(evidence.values())
    if len(several) > MOST:
        skipped(f"{len(several) - MOST} of {len(several)} pictures are left out: {MOST} are enough")
        several = [several[k * len(several) // MOST] for k in range(MOST)]
    tiles = max(_EACH, _TILES // max(len(several), 1))
    with ThreadPoolExecutor() as pool:
        measured = list(pool.map(lambda item: _vectors(item, attributor, tiles), several))
    for item, vectors in zip(several, measured, strict=True):
        if not vectors:
            skipped(f"{item.path}: too small or too flat to carry a trace")
    return [
        (Path(item.path).name, item.sha256, vectors) for item, vectors in zip(several, measured, strict=True) if vectors
    ]


def _vectors(evidence: Evidence, attributor: Attributor, tiles: int) -> dict[Key, np.ndarray]:
    """Place a picture under its own condition and under all that are stronger, and keep a colour picture's features."""
    measured = attributor.measure(evidence.pixels, max_tiles=tiles)
    if measured is None:
        return {}
    own = attributor.condition_of(measured, evidence.jpeg_quality)
    out: dict[Key, np.ndarray] = {}
    for condition in (own, *_stronger(own)):
        if condition != own:
            copy = _brought(np.ascontiguousarray(to_uint8(evidence.pixels)), condition)
            measured = attributor.measure(copy, max_tiles=tiles)
        if measured is not None:
            out |= {(mode, condition.name): attributor.place(measured, mode, condition) for mode in measured.modes}
            if "colour" in measured.modes:
                out[FEATURES, condition.name] = measured.features
    return out


def _stronger(own: Condition) -> tuple[Condition, ...]:
    """Which conditions a picture can be brought into: all from none, stronger JPEG steps from a JPEG step."""
    if own == CLEAN:
        return CONDITIONS[1:]
    return JPEG[JPEG.index(own) + 1 :] if own.is_jpeg else ()


def _brought(pixels: np.ndarray, condition: Condition) -> np.ndarray:
    """Bring a picture to the middle of a condition, or a little off where that would be the picture itself."""
    rng = np.random.default_rng(0)
    if condition.kind == "webp":
        return posts.webp(pixels, rng, _WEBP)
    if condition.kind == "resized":
        return datasets.resize(pixels, (round(pixels.shape[0] * _FACTOR), round(pixels.shape[1] * _FACTOR)), "bicubic")
    assert condition.lowest is not None and condition.highest is not None  # noqa: S101 - a JPEG step is left
    return datasets.jpeg_round_trip(pixels, (condition.lowest + min(condition.highest, 99)) // 2)


def _packed(name: str, images: Sequence[tuple[str, str]], arrays: Mapping[Key, np.ndarray]) -> bytes:
    from safetensors.numpy import save

    kept = {
        ".".join(key): value.astype(np.float16 if key[0] == FEATURES else np.float32)
        for key, value in sorted(arrays.items())
    }
    about = {"format": FORMAT, "name": name, "images": images}
    return save(kept, metadata={"whorl": json.dumps(about)})


def _read(path: Path) -> Enrolled:
    from safetensors import SafetensorError, safe_open

    try:
        file = safe_open(str(path), framework="numpy")
        about = json.loads((file.metadata() or {})["whorl"])
        keys = [tuple(key.split(".", 1)) for key in file.keys()]  # noqa: SIM118 - no mapping
        wide = {key: file.get_slice(".".join(key)).get_shape() for key in keys if key[0] == FEATURES}
        for key, shape in wide.items():
            if len(shape) != 2 or shape[1] != dimensions():
                raise ValueError(f"{'.'.join(key)} must be of {dimensions()} columns, got shape {shape}")
        vectors = {key: file.get_tensor(".".join(key)) for key in keys if key[0] != FEATURES}
        images = tuple((str(name), str(digest)) for name, digest in about["images"])
    except OSError as error:
        raise GalleryError(f"gallery source {path} cannot be read: {error.strerror or error}") from None
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        raise GalleryError(f"gallery source {path} is damaged: {type(error).__name__}: {error}") from None
    return Enrolled(path.stem, images, vectors, file)
