"""What networks are trained on, named by a text: the Berkeley photographs, parts of them, a folder of one's own."""

import dataclasses
from pathlib import Path

from datasets.corpora import Corpus, bsds500
from datasets.find import find_images

QUARTER = 25
"""How many pictures the part of a part holds: an eighth of `bsds500/train`, a quarter of A or of B."""

_HALVES = {"A": (0, "odd"), "B": (1, "even")}
NAMES = (
    "bsds500/train", "bsds500/val", "bsds500/test",
    "bsds500/train:A", "bsds500/train:A/4", "bsds500/train:B", "bsds500/train:B/4",
)  # fmt: skip
"""The texts that `training_set` knows, beside `dir:FOLDER`."""


def training_set(text: str) -> Corpus:
    """Find the pictures that a text names.

    Args:
        text: `bsds500/train`, `/val` or `/test`: a whole split; `bsds500/train:A` or `:B`: the odd or the even names of
            the sorted training split (A has the 1st, 3rd, 5th ...); `:A/4` or `:B/4`: the first 25 of either;
            `dir:FOLDER`: all pictures in a folder of one's own, sub-folders included.

    Returns:
        The corpus. Its `about` is a line for a network's description ("BSDS500 train, A (odd)"), its `licence` what may
        be done with the pictures; both hold no path of this machine.

    Raises:
        ValueError: the text names nothing, or the folder holds no pictures.
        DataMissingError: the data is not there.
    """
    if text.startswith("dir:"):
        return _folder(text.removeprefix("dir:"))
    if text not in NAMES:
        raise ValueError(f"data must be one of {', '.join(NAMES)} or dir:FOLDER, got {text!r}")
    whole, _, part = text.partition(":")
    split = whole.partition("/")[2]
    corpus = dataclasses.replace(bsds500(split), about=f"BSDS500 {split}")
    return _part(corpus, part) if part else corpus


def _part(corpus: Corpus, part: str) -> Corpus:
    """Take every other picture of a split, and perhaps only the first of those."""
    half, _, fraction = part.partition("/")
    first, parity = _HALVES[half]
    chosen = slice(first, 2 * QUARTER if fraction else None, 2)
    about = f"{corpus.about}, {f'first {QUARTER} of ' if fraction else ''}{half} ({parity})"
    return dataclasses.replace(
        corpus, name=f"{corpus.name}:{part}", about=about, paths=corpus.paths[chosen], groups=corpus.groups[chosen]
    )


def _folder(name: str) -> Corpus:
    """Gather the pictures of a user's folder."""
    root = Path(name).expanduser()
    if not name or not root.is_dir():
        raise ValueError(f"data must name a folder behind dir:, got {name!r}")
    paths = []
    for found in find_images([root]):
        if isinstance(found, Exception):
            raise found
        paths.append(Path(found))
    return Corpus(
        name=f"dir:{root.resolve().name}",
        about=f"pictures of the user's own ({len(paths)} files in {root.resolve().name})",
        licence="as the user's own pictures allow",
        root=root,
        paths=tuple(paths),
        groups=tuple(path.stem for path in paths),
    )
