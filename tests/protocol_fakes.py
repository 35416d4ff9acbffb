"""A small made-up zoo for tests of the protocol: features add up what each hyper-parameter does, and the photograph."""

from collections.abc import Sequence
from functools import cache, partial

import numpy as np

from fingerprint.protocol.networks import Network
from fingerprint.protocol.parsing import Recipe
from fingerprint.protocol.pictures import ALL, CHROMA, Pictures
from fingerprint.protocol.prnu import Residuals
from fingerprint.protocol.study import Group

DIMENSIONS = 40
PHOTOGRAPHS = tuple(f"p{k:02}" for k in range(16))
COPIES = 2
_LOSSES = {"l1": "L1", "a": "SqueezeNet + adversarial", "b": "ResNet-56 + adversarial"}


def _network(architecture: str, scale: int, loss: str, training_set: str, seed: int) -> Network:
    name = f"zoo-{architecture}-x{scale}-{loss}-{training_set}-s{seed}"
    kind = "fidelity" if loss == "l1" else "adversarial"
    return Network(name, architecture, scale, _LOSSES[loss], kind, training_set, seed)


def _networks() -> tuple[Network, ...]:
    base = [(a, s, loss, "A", 1) for a in ("edsr", "rcan", "rdn") for s in (2, 4) for loss in _LOSSES]
    base += [(a, s, "l1", "B", 1) for a in ("edsr", "rcan", "rdn") for s in (2, 4)]
    base += [("edsr", s, loss, "A", 3) for s in (2, 4) for loss in _LOSSES]
    base += [("edsr", 3, "l1", "A", 1)]
    return tuple(sorted((_network(*one) for one in base), key=lambda n: (n.kind != "fidelity", n.scale, n.name)))


NETWORKS = _networks()
VIEWS = {ALL: np.ones(DIMENSIONS, bool), CHROMA: np.arange(DIMENSIONS) < DIMENSIONS // 2}
RECIPES = (Recipe(), Recipe(within_scale=True), Recipe(CHROMA, spread=0.3, sharpness=1.0))
"""In the place of all that there are, so that tests are fast."""
PUBLISHED = tuple(
    Network(name, architecture, scale, kind, kind, "unknown")
    for name, architecture, scale, kind in (
        ("imdn-x2", "imdn", 2, "fidelity"),
        ("imdn-x4", "imdn", 4, "fidelity"),
        ("realesrgan-x4", "srvgg", 4, "adversarial"),
    )
)


def _effect(text: str, size: float, dimensions: int = DIMENSIONS) -> np.ndarray:
    return size * np.random.default_rng([ord(c) for c in text]).normal(size=dimensions)


@cache
def world(networks: tuple[Network, ...] = NETWORKS) -> Group:
    """Networks with pictures; those of others share what scale and kind of loss do."""
    rng = np.random.default_rng(0)
    photographs = {name: rng.normal(size=DIMENSIONS) for name in PHOTOGRAPHS}
    rows, names, shown = [], [], []
    for network in networks:
        own = _effect(f"x{network.scale}", 2.0) + _effect(network.kind, 1.5) + _effect(network.loss, 0.8)
        own += _effect(network.architecture, 0.7) + _effect(network.training_set, 0.5) + _effect(network.name, 0.3)
        for photograph in PHOTOGRAPHS:
            for _ in range(COPIES):
                rows.append(own + 0.3 * photographs[photograph] + rng.normal(0, 0.2, DIMENSIONS))
                names.append(network.name)
                shown.append(photograph)
    first = np.tile([True, False], len(rows) // COPIES)
    pictures = Pictures(np.array(rows, np.float32), np.array(names), np.array(shown), first)
    return Group(networks, pictures)


def residuals(networks: Sequence[Network]) -> Residuals:
    """Residuals with a pattern for each network."""

    def made(name: str) -> np.ndarray:
        rng = np.random.default_rng([ord(c) for c in name])
        pattern = rng.normal(size=(8, 8, 3))
        return (pattern + rng.normal(0, 1.0, (len(PHOTOGRAPHS), 8, 8, 3))).astype(np.float16)

    return Residuals({network.name: partial(made, network.name) for network in networks}, PHOTOGRAPHS)
