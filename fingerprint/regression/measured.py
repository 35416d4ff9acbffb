"""Features and true values of all training pictures, measured once and kept on disk.

Features are float16 on disk and float32 in memory; a block is what one network's or kernel's pictures give in one
processing condition.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

import datasets
from fingerprint.conditions import Condition
from fingerprint.regression import draws
from fingerprint.regression.targets import TARGETS, Truth
from spectra import DIMENSIONS, FEATURES_ID, tile_features

COPIES = 12
KERNEL_COPIES = 3  # times as many are drawn of a kernel: there are few kernels, with all factors between them
_VERSION = "1"
_MARGIN = 16  # pixels that are left out at a side where a network padded its input


@dataclass(frozen=True)
class Measurements:
    """Pictures of one processing condition or several.

    Attributes:
        features: (n, d) float32.
        names: (n,) str, the network or kernel.
        kin: (n,) str, what is held out together.
        origins: (n,) str.
        designs: (n,) str, architecture or kernel.
        conditions: (n,) str.
        values: (n, len(TARGETS)) float64, NaN where a target has none or it is not known.
        resized: (n,) bool, whether a resize followed a network.
        photographs: (n,) str, what the picture shows.
    """

    features: np.ndarray
    names: np.ndarray
    kin: np.ndarray
    origins: np.ndarray
    designs: np.ndarray
    conditions: np.ndarray
    values: np.ndarray
    resized: np.ndarray
    photographs: np.ndarray

    def take(self, chosen: np.ndarray) -> "Measurements":
        """Return the chosen pictures, (n,) bool or indices."""
        return Measurements(*(getattr(self, field.name)[chosen] for field in fields(self)))


def features_of(picture: np.ndarray) -> np.ndarray:
    """Return the (d,) float32 features of a picture, the same that an answer rests on."""
    return tile_features(picture).pooled()


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        truths: networks and kernels.
        cache: folder for the measured features; what is there already and fits is read instead.
        conditions: processing conditions.
        copies: draws of a network in each condition.
        seed: of all draws.
        workers: threads, all processors by default; the result does not depend on it.
    """

    truths: tuple[Truth, ...]
    cache: Path
    conditions: tuple[Condition, ...] = draws.DRAWN
    copies: int = COPIES
    seed: int = 0
    workers: int | None = None

    def count(self, truth: Truth) -> int:
        """Return how many pictures are drawn of a network or kernel in each condition."""
        return self.copies * (KERNEL_COPIES if truth.origin == "kernel" else 1)

    @property
    def pictures(self) -> int:
        """How many are measured in all."""
        return len(self.conditions) * sum(map(self.count, self.truths))


def measure(
    plan: Plan, step: Callable[[str], None] = lambda _: None, advance: Callable[[int], None] = lambda _: None
) -> Measurements:
    """Draw and measure all pictures of a plan.

    Args:
        plan: what is measured.
        step: told which network's pictures are made.
        advance: told how many pictures more have been measured.

    Returns:
        Their features and true values, sorted by network and condition.

    Raises:
        DataMissingError: the data folder lacks something.
        ValueError: a network's files are damaged.
    """
    plan.cache.mkdir(parents=True, exist_ok=True)
    photographs = tuple(datasets.bsds500("test").paths)
    parts = []
    with ThreadPoolExecutor(plan.workers or os.cpu_count()) as pool:
        for truth in sorted(plan.truths, key=lambda each: (each.design, each.scale, each.name)):
            parts.append(_Source(truth, plan, photographs).measured(pool, step, advance))
    parts.sort(key=lambda part: str(part.names[0]))
    names = [field.name for field in fields(Measurements)]
    return Measurements(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class _Source:
    truth: Truth
    plan: Plan
    photographs: tuple[Path, ...]

    def measured(
        self, pool: ThreadPoolExecutor, step: Callable[[str], None], advance: Callable[[int], None]
    ) -> Measurements:
        """Measure the source's pictures in all conditions, or read what was measured."""
        truth, plan = self.truth, self.plan
        runnable = is_runnable(truth)
        recipes = [draws.recipe(truth, k, plan.seed, runnable=runnable) for k in range(plan.count(truth))]
        identity = _identity(truth)
        paths = [plan.cache / f"{self._key(identity, recipes, condition)}.npy" for condition in plan.conditions]
        pictures: list[np.ndarray] = []
        blocks, values = [], []
        for path, condition in zip(paths, plan.conditions, strict=True):
            if not path.exists():
                if not pictures:
                    step(truth.name)
                    pictures = self._pictures(recipes, pool)
                _keep(path, self._block(pictures, recipes, condition, pool, advance))
            else:
                advance(len(recipes))
            blocks.append(np.load(path, allow_pickle=False).astype(np.float32))
            values += [self._values(recipe, condition) for recipe in recipes]
        n = len(values)
        return Measurements(
            np.concatenate(blocks),
            np.full(n, truth.name),
            np.full(n, truth.kin),
            np.full(n, truth.origin),
            np.full(n, truth.design),
            np.repeat([condition.name for condition in plan.conditions], len(recipes)),
            np.array(values),
            np.tile([recipe.resize != 1 for recipe in recipes], len(plan.conditions)),
            np.tile([self._shown(recipe).stem for recipe in recipes], len(plan.conditions)),
        )

    def _key(self, identity: str, recipes: Sequence[draws.Recipe], condition: Condition) -> str:
        names = [f"{path.name}:{path.stat().st_size}" for path in self.photographs]
        lines = [FEATURES_ID, _VERSION, repr(condition), str(self.plan.seed), identity, *names, *map(repr, recipes)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:24]

    def _pictures(self, recipes: Sequence[draws.Recipe], pool: ThreadPoolExecutor) -> list[np.ndarray]:
        if not is_runnable(self.truth):
            return list(pool.map(self._published, recipes))
        enlarge = None if self.truth.origin == "kernel" else _network(self.truth).upscale

        def one(recipe: draws.Recipe) -> np.ndarray:
            return draws.made(recipe, self.photographs, self.plan.seed, enlarge)

        return [one(recipes[0]), *pool.map(one, recipes[1:])]  # the first compiles

    def _shown(self, recipe: draws.Recipe) -> Path:
        """Return the photograph that is drawn, or the picture that the authors' code made of it."""
        if is_runnable(self.truth):
            return self.photographs[draws.photograph(recipe, self.plan.seed, len(self.photographs))]
        paths = datasets.published(self.truth.name, "train")
        rng = draws.generator("published", self.plan.seed, recipe.source, recipe.copy)
        return paths[int(rng.integers(len(paths)))]

    def _published(self, recipe: draws.Recipe) -> np.ndarray:
        """Return one of the pictures that the authors' code made, without the sides that the network padded."""
        path = self._shown(recipe)
        picture = datasets.read_evidence(path).pixels
        border = datasets.published_borders().get(("train", path.stem))
        touches = border.touches if border else frozenset()
        top, left = (_MARGIN * (side in touches) for side in ("top", "left"))
        bottom, right = (_MARGIN * (side in touches) for side in ("bottom", "right"))
        height, width = picture.shape[:2]
        return draws.resized(picture[top : height - bottom, left : width - right], recipe)

    def _block(
        self,
        pictures: Sequence[np.ndarray],
        recipes: Sequence[draws.Recipe],
        condition: Condition,
        pool: ThreadPoolExecutor,
        advance: Callable[[int], None],
    ) -> np.ndarray:
        block = np.empty((len(recipes), DIMENSIONS), np.float16)

        def one(picture: np.ndarray, recipe: draws.Recipe) -> np.ndarray:
            return features_of(draws.drawn(picture, recipe, condition, self.plan.seed))

        for row, features in enumerate(pool.map(one, pictures, recipes)):
            block[row] = features
            advance(1)
        return block

    def _values(self, recipe: draws.Recipe, condition: Condition) -> list[float]:
        changing = draws.values(recipe, condition, self.plan.seed)
        known = {**self.truth.values, **changing}
        return [known.get(target.name, np.nan) for target in TARGETS]


def is_runnable(truth: Truth) -> bool:
    """Whether a source's pictures can be made here: all but the published networks whose weights are not at hand."""
    if truth.origin != "published":
        return True
    return (datasets.data_root() / "published-weights" / truth.name / "weights.npz").is_file()


def _network(truth: Truth):
    import model_zoo

    return model_zoo.load(truth.name) if truth.origin == "zoo" else model_zoo.load_published(truth.name)


def _identity(truth: Truth) -> str:
    """Say what makes the source's pictures, so that other weights are measured anew."""
    if truth.origin == "kernel":
        return truth.name
    if truth.origin == "zoo":
        from model_zoo.manifests import SHIPPED

        file = SHIPPED / f"{truth.name}.safetensors"
    elif is_runnable(truth):
        file = datasets.data_root() / "published-weights" / truth.name / "weights.npz"
    else:
        pictures = datasets.published(truth.name, "train")
        return "|".join([truth.name, *(f"{path.name}:{path.stat().st_size}" for path in pictures)])
    return f"{truth.name}|{hashlib.sha256(file.read_bytes()).hexdigest()}"


def _keep(path: Path, block: np.ndarray) -> None:
    partial = path.with_suffix(".partial.npy")
    np.save(partial, block, allow_pickle=False)
    partial.replace(path)
