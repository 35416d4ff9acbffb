"""Pictures on which the tool fails, made and judged when the validation report is: free photographs, our networks.

Pictures are uint8 `H W 3`. Nothing is drawn at random but what `fingerprint.stress_kinds` draws by a photograph's name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import datasets
from fingerprint.area import ZOO
from fingerprint.attributor import ACCUSATIONS
from fingerprint.evaluate import ORIGINAL
from fingerprint.render import KERNELS
from fingerprint.result import Result
from fingerprint.stress_kinds import KINDS, Strength
from spectra import to_uint8

if TYPE_CHECKING:
    from fingerprint import Attributor

PHOTOGRAPHS = {
    "astronaut": ("astronaut.png", "NASA, public domain"),
    "chelsea": ("chelsea.png", "Stefan van der Walt, CC0"),
    "coffee": ("coffee.png", "Rachel Michetti, CC0"),
    "rocket": ("rocket.jpg", "SpaceX, public domain"),
    "camera": ("camera.png", "Lav Varshney, CC0"),
    "retina": ("retina.jpg", "Wikimedia Commons, CC0"),
    "hubble": ("hubble_deep_field.jpg", "NASA, public domain"),
    "brick": ("brick.png", "CC0Textures, CC0"),
    "grass": ("grass.png", "linolafett, CC0"),
    "gravel": ("gravel.png", "CC0Textures, CC0"),
}
"""Photographs in scikit-image's package whose licences let them be changed and passed on: file, and whose they are."""
ENLARGED = ("astronaut", "chelsea", "coffee", "rocket")
"""Those that networks enlarge."""
NETWORKS = (*ZOO, "whorl-edsr-x2", "whorl-edsr-x4", "whorl-fsrcnn-x4", *KERNELS)
POSTS = (
    ("clean", "PNG"), ("jpeg", "90"), ("jpeg", "75"), ("jpeg", "50"), ("jpeg", "30"), ("jpeg-twice", "90, cut, 75"),
    ("webp", "80"), ("resize-bicubic", "0.5"), ("resize-bicubic", "0.75"), ("resize-bicubic", "1.25"), ("blur", "1"),
    ("noise", "2"), ("sharpen", "150"), ("median", "3"), ("palette", "64"), ("screenshot", "1.25"), ("crop", "96"),
)  # fmt: skip
"""Kinds of post-processing and their strengths."""
SIDE, MARGIN = 288, 16  # pixels; what is made of a part this large, and what is cut off around it
EACH = 3  # pictures shown of a kind of failure
FAILURES = {
    "accused": "a photograph that was never enlarged is called enlarged",
    "network": "a photograph that a plain kernel enlarged is taken for a network's work",
    "named": "another source is named",
    "missed": "an enlarged picture is called not enlarged",
    "unknown": "an enrolled source is called unknown",
    "innocent-open": "a photograph that was never enlarged stays inconclusive",
    "open": "an enlarged picture stays inconclusive",
}
"""Kinds of failure, the worst first."""


@dataclass(frozen=True)
class Trial:
    """One picture and what is done to it.

    Attributes:
        photograph: key of `PHOTOGRAPHS`.
        source: what enlarges it, `original` for nothing.
        kind: key of `KINDS`.
        strength: name of one of its strengths.
    """

    photograph: str
    source: str
    kind: str
    strength: str

    @property
    def post(self) -> Strength:
        """What is done."""
        return next(strength for strength in KINDS[self.kind].strengths if strength.name == self.strength)

    @property
    def words(self) -> str:
        """What was done, in words."""
        made = "as it is" if self.source == ORIGINAL else f"reduced, enlarged by `{self.source}`"
        later = "" if self.kind == "clean" else f"; {KINDS[self.kind].title}, {self.strength}"
        return f"{self.photograph}, {made}{later}"

    @property
    def truth(self) -> str:
        """What is true of it, in words."""
        if self.source != ORIGINAL:
            return f"enlarged by `{self.source}`"
        return "enlarged by a kernel, by no network" if self.post.enlarges else "never enlarged"


@dataclass(frozen=True)
class Judged:
    """What the tool said of one picture.

    Attributes:
        trial: the picture.
        result: the answer.
        file: its bytes.
        suffix: of the file.
        failure: key of `FAILURES`, None where the answer is right.
    """

    trial: Trial
    result: Result
    file: bytes
    suffix: str
    failure: str | None

    @property
    def said(self) -> str:
        """The answer in words."""
        first, upscaled = self.result.candidates[0], self.result.upscaled
        parts = [f"`{self.result.verdict}`"]
        if self.result.verdict == "known_source":
            parts[0] += f": `{first.source}`, probability {first.probability:.3f}"
        parts.append(f"log10 LR of upscaled {upscaled.log10_lr:+.2f}")
        return "; ".join([*parts, *self.result.image.notes])


def there() -> bool:
    """Tell whether scikit-image's photographs are installed."""
    return all((_folder() / name).exists() for name, _ in PHOTOGRAPHS.values())


def _folder() -> Path:
    spec = find_spec("skimage")
    return Path(spec.origin).parent / "data" if spec and spec.origin else Path("nowhere")


def menu(sources: Sequence[str], posts: Sequence[tuple[str, str]] = POSTS) -> list[Trial]:
    """List what is tried: each source on one photograph a post-processing, all photographs untouched by any.

    Args:
        sources: that enlarge.
        posts: kinds and strengths.
    """
    made = [
        Trial(ENLARGED[(row + column) % len(ENLARGED)], source, kind, strength)
        for row, source in enumerate(sources)
        for column, (kind, strength) in enumerate(posts)
    ]
    return made + [Trial(photograph, ORIGINAL, *post) for photograph in PHOTOGRAPHS for post in posts]


def usable(enrolled: Sequence[str]) -> list[str]:
    """Name what can enlarge here, of what is enrolled.

    Args:
        enrolled: names of sources.
    """
    import model_zoo

    runnable = {manifest.name for manifest in model_zoo.list_networks(model_zoo.SHIPPED)} | KERNELS.keys()
    return [name for name in NETWORKS if name in runnable and name in enrolled]


@cache
def photograph(name: str, side: int = SIDE) -> np.ndarray:
    """Return the middle of a photograph.

    Args:
        name: key of `PHOTOGRAPHS`.
        side: in pixels, a multiple of 12.

    Returns:
        (side, side, 3) uint8, less where the photograph is smaller.
    """
    pixels = to_uint8(datasets.read_evidence(_folder() / PHOTOGRAPHS[name][0]).pixels)
    side = min(side, *(n // 12 * 12 for n in pixels.shape[:2]))
    top, left = ((n - side) // 2 for n in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def enlarged(pixels: np.ndarray, source: str) -> np.ndarray:
    """Reduce a picture and let a source enlarge it again.

    Args:
        pixels: sides are multiples of 12.
        source: `original`, one of `KERNELS`, or a network that ships.

    Returns:
        Of the same size.
    """
    if source == ORIGINAL:
        return pixels
    if source in KERNELS:
        kernel, scale = KERNELS[source]
        return datasets.resize(np.ascontiguousarray(datasets.downscale(pixels, scale)), pixels.shape[:2], kernel)
    import model_zoo

    network = model_zoo.load(source)
    return network.upscale(np.ascontiguousarray(datasets.downscale(pixels, network.scale)))


def judge(
    trials: Sequence[Trial],
    attributor: "Attributor",
    room: Path,
    advance: Callable[[int], None] = lambda _: None,
    workers: int = 2,
) -> Iterator[Judged]:
    """Make pictures and ask about them.

    Args:
        trials: which.
        attributor: answers.
        room: folder for the files.
        advance: called with 1 for each.
        workers: threads; the answers do not depend on it.

    Yields:
        What was said, in order.
    """
    made = {}
    for trial in trials:
        key = trial.photograph, trial.source
        if key not in made:
            made[key] = enlarged(photograph(trial.photograph), trial.source)

    def one(numbered: tuple[int, Trial]) -> Judged:
        number, trial = numbered
        pixels = made[trial.photograph, trial.source][MARGIN:-MARGIN, MARGIN:-MARGIN]
        folder = room / str(number)
        folder.mkdir()
        path = trial.post.write(np.ascontiguousarray(pixels), folder / trial.photograph)
        result = attributor.attribute(datasets.read_evidence(path))
        return Judged(trial, result, path.read_bytes(), path.suffix, failure_of(trial, result))

    with ThreadPoolExecutor(workers) as pool:
        for judged in pool.map(one, enumerate(trials)):
            advance(1)
            yield judged


def failure_of(trial: Trial, result: Result) -> str | None:
    """Tell how an answer fails.

    Args:
        trial: what is true.
        result: the answer.

    Returns:
        Key of `FAILURES`, None where it is right.
    """
    innocent, accused = trial.source == ORIGINAL, result.verdict in ACCUSATIONS
    if innocent and not trial.post.enlarges:
        return "accused" if accused else "innocent-open" if result.verdict == "inconclusive" else None
    if result.verdict in ("inconclusive", "not_upscaled"):
        return "open" if result.verdict == "inconclusive" else "missed"
    if innocent:
        return "network" if result.parameters["loss"].value != "interpolation" else None
    if result.verdict == "unknown_source":
        return "unknown"
    return "named" if result.candidates[0].source != trial.source else None


def chosen(judged: Sequence[Judged], each: int = EACH) -> list[Judged]:
    """Choose what is shown: of each kind of failure those that the answer is surest of, differently processed.

    Args:
        judged: all answers.
        each: how many of a kind, at most.
    """
    shown: list[Judged] = []
    for failure in FAILURES:
        of_kind = sorted((one for one in judged if one.failure == failure), key=_sureness, reverse=True)
        posts: dict[str, Judged] = {}
        for one in of_kind:
            posts.setdefault(one.trial.kind, one)
        shown += list(posts.values())[:each]
    return shown


def _sureness(judged: Judged) -> tuple[float, str]:
    """Return how sure an answer is: of a name, else of upscaled or not."""
    first = judged.result.candidates[0].probability if judged.result.verdict == "known_source" else 0.0
    return first + abs(judged.result.upscaled.log10_lr) / 100, judged.trial.words


def tallied(judged: Sequence[Judged]) -> Mapping[str, int]:
    """Count the answers: right ones, then each kind of failure.

    Args:
        judged: all answers.
    """
    counts = {"right": sum(one.failure is None for one in judged)}
    return counts | {failure: sum(one.failure == failure for one in judged) for failure in FAILURES}
