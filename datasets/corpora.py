"""The known corpora: where their pictures lie, what they are, under which licence, and whether they are unchanged."""

import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import overload

from datasets.errors import DataMissingError
from datasets.locations import data_root
from datasets.manifests import MANIFESTS
from datasets.published_table import read_table

_BSDS_LICENCE = "non-commercial research and education"
_BENCHMARK_LICENCE = "research benchmark, not redistributed"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """A corpus's content in short: how many files, and the SHA-256 over the sorted lines "name size"."""

    count: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Corpus(Sequence[Path]):
    """A corpus as a sequence of files.

    Attributes:
        name: "bsds500/train" and the like.
        about: what it is, in a line.
        licence: what may be done with it.
        root: the folder that the corpus's files lie in.
        paths: its files in the order of their names.
        groups: for each file the name of what must be held out together: the photograph, or the camera.
    """

    name: str
    about: str
    licence: str
    root: Path
    paths: tuple[Path, ...]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        """How many files there are."""
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Path, ...]: ...
    def __getitem__(self, index: int | slice) -> Path | tuple[Path, ...]:
        """Give one file or several."""
        return self.paths[index]

    def __iter__(self) -> Iterator[Path]:
        """Walk the files in the order of their names."""
        return iter(self.paths)

    def manifest(self) -> Manifest:
        """Describe what is on disk, from names and sizes alone."""
        lines = sorted(f"{path.relative_to(self.root).as_posix()} {path.stat().st_size}" for path in self.paths)
        return Manifest(len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest())

    def check(self) -> None:
        """Compare what is on disk with what this version of the project knows.

        Raises:
            DataMissingError: files are missing, added or of another size.
        """
        found, known = self.manifest(), MANIFESTS.get(self.name)
        if known is not None and (found.count, found.sha256) != known:
            detail = (
                f"{found.count} files instead of {known[0]}" if found.count != known[0] else "names or sizes differ"
            )
            raise DataMissingError(f"corpus {self.name} is not the one this version knows: {detail}")


def _corpus(
    name: str, suffix: str, about: str, licence: str, group: Callable[[Path], str] = lambda path: path.stem
) -> Corpus:
    """Gather a folder's files."""
    root = data_root() / name
    paths = tuple(sorted(root.glob(f"*{suffix}")))
    if not paths:
        raise DataMissingError(f"the data folder lacks {name}/*{suffix}")
    return Corpus(name, about, licence, root, paths, tuple(map(group, paths)))


def _choice(name: str, value: object, allowed: Sequence) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}, got {value!r}")


def bsds500(split: str) -> Corpus:
    """The photographs of the Berkeley Segmentation Data Set 500; `val` is the SR benchmark known as B100.

    Args:
        split: train, val or test.

    Raises:
        ValueError: another split.
        DataMissingError: the data is not there.
    """
    _choice("split", split, ("train", "val", "test"))
    return _corpus(f"bsds500/{split}", ".jpg", "Berkeley Segmentation Data Set 500: photographs as JPEG", _BSDS_LICENCE)


def set5() -> Corpus:
    """The HR pictures of the SR benchmark Set5 (sides are multiples of 4)."""
    return _corpus("set5", ".png", "Set5: five HR pictures", _BENCHMARK_LICENCE)


def set14() -> Corpus:
    """The HR pictures of the SR benchmark Set14 (sides are multiples of 4)."""
    return _corpus("set14", ".png", "Set14: fourteen HR pictures", _BENCHMARK_LICENCE)


def b100() -> Corpus:
    """The HR pictures of the SR benchmark B100: the photographs of `bsds500/val`."""
    return dataclasses.replace(bsds500("val"), name="b100", about="B100: a hundred HR photographs, BSDS500 val")


def set5_matlab(scale: int) -> list[tuple[Path, Path]]:
    """Set5 as (HR, LR) pairs whose LR was made by MATLAB's bicubic imresize.

    Args:
        scale: 2, 3 or 4.

    Raises:
        ValueError: another scale.
        DataMissingError: the data is not there, or a picture lacks its pair.
    """
    _choice("scale", scale, (2, 3, 4))
    corpus = _corpus(f"set5_matlab/x{scale}", ".png", "Set5 pairs by MATLAB's imresize", _BENCHMARK_LICENCE)
    high = [path for path in corpus if path.stem.endswith("_HR")]
    low = [path.with_name(path.name.replace("_HR.png", "_LR.png")) for path in high]
    if any(path not in corpus.paths for path in low) or 2 * len(high) != len(corpus):
        raise DataMissingError(f"{corpus.name} holds a picture without its pair")
    return list(zip(high, low, strict=True))


def lossless() -> Corpus:
    """Photographs without a JPEG grid: lossless crops of Urban100."""
    return _corpus("lossless", ".webp", "Urban100: lossless crops of photographs", _BENCHMARK_LICENCE)


def camera_id(name: str) -> str:
    """Name the camera behind a row of `cameras.csv`: rows that differ only by "(1)", "(2)" are one camera."""
    return re.sub(r"\s*\(\d+\)$", "", name.strip())


def camera() -> Corpus:
    """Photographs straight from cameras, as coded by them; `groups` are the cameras.

    Raises:
        DataMissingError: the data is not there, or a picture is missing in the table.
    """
    rows = read_table(data_root() / "camera" / "cameras.csv")
    cameras = {row["file"]: camera_id(row["camera"]) for row in rows}
    try:
        return _corpus(
            "camera", ".jpg", "photographs straight from cameras, JPEG crops", "research, not redistributed",
            lambda path: cameras[path.name],
        )  # fmt: skip
    except KeyError as error:
        raise DataMissingError(f"camera/cameras.csv lacks {error.args[0]}") from None


def published_sources() -> list[str]:
    """Name the sources whose pictures are there, in the order of their names."""
    root = data_root() / "published"
    names = sorted(path.parent.name for path in root.glob("*/train"))
    if not names:
        raise DataMissingError("the data folder lacks published/*/train")
    return names


def published(source: str, split: str) -> Corpus:
    """The 192x192 crops that one published network made.

    Args:
        source: one of `published_sources`.
        split: train or test; a validation split is made from train by `splits.split_photographs`.

    Raises:
        ValueError: another split, or no such source.
        DataMissingError: the data is not there.
    """
    _choice("split", split, ("train", "test"))
    _choice("source", source, published_sources())
    about = f"what {source} makes of BSDS500 photographs, lossless crops"
    return _corpus(f"published/{source}/{split}", ".webp", about, _BSDS_LICENCE)
