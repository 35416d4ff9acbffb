"""The networks that the protocol is run on, and the hyper-parameters that set them apart.

Ours are the reference sweep's; the published ones play the part of the paper's pretrained networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import datasets
from fingerprint.fit import ZOO
from fingerprint.sources import UNKNOWN, architecture_name

PARAMETERS = ("scale", "loss", "architecture", "training_set")
SEED = "seed"
L1 = "L1"
ADVERSARIAL = {"squeezenet": "SqueezeNet + adversarial", "resnet56": "ResNet-56 + adversarial"}
"""How a perceptual loss with an adversarial term is called, by the network whose features it compares."""
REAL_ESRGAN = "realesr"
"""How the names of Real-ESRGAN's family begin."""
_SETS = {"A (odd)": "A", "B (even)": "B", "first 25 of A (odd)": "A/4", "first 25 of B (even)": "B/4"}


@dataclass(frozen=True)
class Network:
    """One network and how it was made.

    Attributes:
        name: of the network.
        architecture: lower-case name of its design.
        scale: factor of enlargement.
        loss: what it was trained for.
        kind: fidelity or adversarial.
        training_set: name of its training pictures.
        seed: of its training, None where nobody says.
    """

    name: str
    architecture: str
    scale: int
    loss: str
    kind: str
    training_set: str
    seed: int | None = None

    def value(self, parameter: str) -> str:
        """Return one of `PARAMETERS`, `seed` or `kind` as text."""
        given = getattr(self, parameter)
        return f"×{given}" if parameter == "scale" else str(given)


def reference_networks() -> tuple[Network, ...]:
    """Return the reference sweep's networks as they ship, in the order of their names."""
    import model_zoo

    shipped = [m for m in model_zoo.list_networks(model_zoo.SHIPPED) if m.name.startswith(ZOO)]
    return tuple(
        Network(
            m.name,
            m.architecture,
            m.scale,
            loss_name(m.loss),
            model_zoo.parse_loss(m.loss).kind,
            set_name(m.training_data),
            m.seed,
        )
        for m in sorted(shipped, key=lambda m: m.name)
    )


def published_networks() -> tuple[Network, ...]:
    """Return the published networks whose pictures are there, without interpolation kernels, in order of their names.

    Raises:
        DataMissingError: the data folder lacks them.
    """
    there = set(datasets.published_sources())
    return tuple(
        Network(n.name, architecture_name(n.architecture), n.scale, n.loss, n.loss, n.training_data or UNKNOWN)
        for n in datasets.published_networks()
        if n.name in there and n.loss in ("fidelity", "adversarial")
    )


def loss_name(text: str) -> str:
    """Name a loss as the protocol's tables do: the paper's three kinds, whatever the adversarial term's weight.

    Args:
        text: a loss of `model_zoo.parse_loss`.

    Raises:
        ValueError: it is none of the reference sweep's kinds.
    """
    import model_zoo

    spec = model_zoo.parse_loss(text)
    if spec.kind == "adversarial" and len(spec.backbones) == 1 and spec.backbones[0] in ADVERSARIAL:
        return ADVERSARIAL[spec.backbones[0]]
    if spec.canonical == "l1":
        return L1
    raise ValueError(f"loss must be l1 or a perceptual one with an adversarial term, got {text!r}")


def set_name(text: str) -> str:
    """Name a training set in short: A, B, A/4 or B/4 for the reference sweep's parts of BSDS500, others as they are."""
    part = text.removeprefix("BSDS500 train, ")
    return _SETS.get(part, part)


def values_of(networks: Sequence[Network], parameter: str) -> tuple[str, ...]:
    """Return the values that a parameter takes among networks, each once, in order."""
    return tuple(sorted({network.value(parameter) for network in networks}))
