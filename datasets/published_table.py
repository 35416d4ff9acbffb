"""The published networks: what each is, and where its pictures touch their photographs' edges."""

import csv
from dataclasses import dataclass
from pathlib import Path

from datasets.errors import DataMissingError
from datasets.locations import data_root


@dataclass(frozen=True)
class PublishedNetwork:
    """One source of `published`: a network, an interpolation kernel or `original`.

    Attributes:
        name: the source's name, that of its folder.
        architecture: as its authors call it.
        scale: 1 (original) to 4.
        loss: interpolation, fidelity, adversarial or none.
        training_data: None where it is not known.
        parameters: how many.
        colour: "rgb", or "y" where only luma is enlarged by the network.
        origin: the repository it came from, None for `original`.
        licence: of the network, None for `original`.
        notes: further remarks.
    """

    name: str
    architecture: str
    scale: int
    loss: str
    training_data: str | None
    parameters: int
    colour: str
    origin: str | None
    licence: str | None
    notes: str


@dataclass(frozen=True)
class Border:
    """Where a `published` crop lies in its photograph.

    Attributes:
        top, left: of the crop, in pixels.
        height, width: of the photograph, cropped to multiples of 12.
        touches: the photograph's sides that the crop touches: "top", "bottom", "left", "right".
    """

    top: int
    left: int
    height: int
    width: int
    touches: frozenset[str]


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a CSV file with a header line.

    Raises:
        DataMissingError: the file is not there.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError:
        raise DataMissingError(f"the data folder lacks {path.parent.name}/{path.name}") from None


def published_networks() -> list[PublishedNetwork]:
    """List the sources of `published` in the order of their names.

    Raises:
        DataMissingError: the data is not there.
    """
    return sorted(
        map(_network, read_table(data_root() / "published" / "networks.csv")), key=lambda network: network.name
    )


def _network(row: dict[str, str]) -> PublishedNetwork:
    return PublishedNetwork(
        name=row["name"],
        architecture=row["architecture"],
        scale=int(row["scale"]),
        loss=row["loss_family"],
        training_data=row["training_data"] or None,
        parameters=int(row["parameters"]),
        colour=row["colour"],
        origin=row["source_repo"] or None,
        licence=row["licence"] or None,
        notes=row["notes"] or "",
    )


def published_borders() -> dict[tuple[str, str], Border]:
    """Say where crops lie in their photographs, by (split, photograph).

    Returns:
        The first 60 training photographs and the test ones; all others' crops lie at least 24 pixels inside.

    Raises:
        DataMissingError: the data is not there.
    """
    return {
        (row["split"], row["stem"]): Border(
            int(row["y"]),
            int(row["x"]),
            int(row["H"]),
            int(row["W"]),
            frozenset(row["touches"].replace("+", " ").split()),
        )
        for row in read_table(data_root() / "published" / "border.csv")
    }
