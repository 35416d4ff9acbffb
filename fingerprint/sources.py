"""What is known of every source: the labels that parsing learns and reports."""

from dataclasses import dataclass

import datasets

UNKNOWN = "unknown"
_ARCHITECTURES = {"RFDNFINALB5": "bsrn", "waifu2x upconv_7": "waifu2x-upconv7", "waifu2x cunet": "waifu2x-cunet"}


@dataclass(frozen=True)
class Source:
    """One source that can be enrolled.

    Attributes:
        name: of the source.
        architecture: lower-case name of the network's design or of the interpolation kernel.
        scale: factor of enlargement.
        loss: interpolation, fidelity or adversarial.
        training_data: name, or "unknown".
        parameters: how many weights, 0 for a kernel.
    """

    name: str
    architecture: str
    scale: int
    loss: str
    training_data: str
    parameters: int


def architecture_name(text: str) -> str:
    """Return the lower-case name of an architecture, without the remarks in brackets.

    Args:
        text: as its authors call it, such as "FSRCNN (sub-pixel variant)".
    """
    plain = text.split(" (")[0].strip()
    return _ARCHITECTURES.get(plain, plain.lower().replace(" ", "-"))


def published_source(network: datasets.PublishedNetwork) -> Source:
    """Describe one published network or kernel."""
    return Source(
        network.name,
        architecture_name(network.architecture),
        network.scale,
        network.loss,
        network.training_data or UNKNOWN,
        network.parameters,
    )


def known_sources() -> dict[str, Source]:
    """Return every published source (`original` excepted) and every network that ships here, by name.

    Raises:
        DataMissingError: the published table is not there.
    """
    import model_zoo

    sources = {n.name: published_source(n) for n in datasets.published_networks() if n.name != "original"}
    for manifest in model_zoo.list_networks(model_zoo.SHIPPED):
        sources[manifest.name] = Source(
            manifest.name,
            manifest.architecture,
            manifest.scale,
            model_zoo.parse_loss(manifest.loss).kind,
            manifest.training_data,
            manifest.parameters,
        )
    return sources
