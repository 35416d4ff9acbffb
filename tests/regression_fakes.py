"""A made-up world for tests of `fingerprint.regression`: networks whose pictures show what made them."""

import numpy as np

from fingerprint.regression.draws import DRAWN
from fingerprint.regression.measured import Measurements
from fingerprint.regression.targets import TARGETS
from spectra import DIMENSIONS

DESIGNS = ("edsr", "rcan", "rfdn", "srvgg")


def hierarchy(
    rng: np.random.Generator, networks: int, pictures: tuple[int, int] = (2, 20), dimensions: int = 6
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, targets and networks of pictures: each network errs in its own way, and some show more than others."""
    names = np.repeat(np.arange(networks), rng.integers(*pictures, networks))
    slopes = np.linspace(1, 2, dimensions)
    own = rng.normal(size=(networks, dimensions))
    features = own[names] + 0.3 * rng.normal(size=(len(names), dimensions))
    wide = np.exp(0.7 * own[:, 0])
    target = own @ slopes + wide * rng.normal(size=networks)
    return features, target[names] + 0.2 * rng.normal(size=len(names)), names.astype(str)


def measurements(
    networks: int = 24, copies: int = 4, conditions: tuple[str, ...] = ("clean", "jpeg-90"), seed: int = 0
) -> Measurements:
    """Pictures of made-up networks, a fifth of them published and a sixth kernels, in real feature vectors' space."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(len(TARGETS), DIMENSIONS)) / 10
    rows = [(n, c, k) for n in range(networks) for c in conditions for k in range(copies)]
    number = np.array([row[0] for row in rows])
    names = np.array([f"network-{n:02}" for n in range(networks)])
    origins = np.array(["kernel" if n % 6 == 0 else "published" if n % 5 == 0 else "zoo" for n in range(networks)])
    own = np.stack([rng.uniform(4, 6, networks), rng.integers(5, 60, networks), rng.uniform(-4, -2, networks)], axis=1)
    own[origins == "kernel"] = np.nan
    ranges = {condition.name: (condition.lowest or 100, condition.highest or 100) for condition in DRAWN}
    after = np.array([rng.integers(ranges[c][0], ranges[c][1] + 1) for _, c, _ in rows], float)
    factor, before = rng.uniform(1.1, 6, len(rows)), rng.integers(30, 101, len(rows)).astype(float)
    values = np.column_stack([factor, own[number], before, after])
    shown = (np.nan_to_num(values) - [3, 5, 30, -3, 65, 70]) / [1.5, 0.6, 15, 0.6, 20, 20]
    features = shown @ directions + rng.normal(0, 0.3, (len(rows), DIMENSIONS))
    return Measurements(
        features.astype(np.float32),
        names[number],
        names[number],
        origins[number],
        np.array(DESIGNS)[number % len(DESIGNS)],
        np.array([row[1] for row in rows]),
        values,
        np.array([row[2] % 2 == 1 for row in rows]),
        np.array([f"photograph-{(7 * n + 3 * k) % 30}" for n, _, k in rows]),
    )
