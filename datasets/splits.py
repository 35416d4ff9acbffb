"""Splits by photograph, the same for every source that shows it."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

PathT = TypeVar("PathT", bound="str | os.PathLike")


def in_validation(photograph: str, fraction: float | int = 0.2, seed: int = 0) -> bool:
    """Decide whether a photograph belongs to the validation part.

    Args:
        photograph: its name, usually the file's stem.
        fraction: the expected share of validation photographs, 0 to 1.
        seed: another seed, another split.

    Returns:
        An answer that depends on the arguments alone, so a photograph falls on the same side for all sources.

    Raises:
        ValueError: `fraction` is outside [0, 1].
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must be from 0 to 1, got {fraction}")
    digest = hashlib.sha256(f"{seed}:{photograph}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64


def split_photographs(
    paths: Sequence[PathT], fraction: float | int = 0.2, seed: int = 0
) -> tuple[list[PathT], list[PathT]]:
    """Split files into training and validation by the photograph they show.

    Args:
        paths: files whose stem names the photograph.
        fraction: the expected share of validation photographs, 0 to 1.
        seed: another seed, another split.

    Returns:
        Training and validation files, each in the order given.
    """
    sides: tuple[list[PathT], list[PathT]] = ([], [])
    for path in paths:
        sides[in_validation(Path(path).stem, fraction, seed)].append(path)
    return sides
