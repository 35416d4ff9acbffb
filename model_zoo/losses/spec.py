"""What a loss is: a text such as `l1 + 0.001*gan`, taken apart and checked.

Only the standard library, so that a command line can check a loss at once.
"""

import dataclasses
import functools
import math
import re
from typing import Literal

PIXEL_KINDS = ("l1", "l2", "charbonnier", "fft")
GAN_KINDS = ("gan", "ragan")
KINDS = (*PIXEL_KINDS, "perceptual", *GAN_KINDS)

# The layer where a backbone's features are taken if the text names none.
BACKBONES = {
    "squeezenet": "fire4",
    "resnet56": "layer2",
    "vgg19": "relu5_4",
    "resnet18": "layer3",
    "resnet34": "layer3",
    "resnet50": "layer3",
}

# The first two are Vonderfecht & Liu's (TMLR 2022) with freely available backbones in the place of theirs, the next
# two with theirs: SRGAN's layer of VGG19 (Ledig et al., CVPR 2017) and layer 3 of a ResNet-18. ESRGAN's weights are
# those of its paper (Wang et al., ECCVW 2018, equation 3: 0.01 L1, 0.005 adversarial), features before activation.
RECIPES = {
    "paper-a": "perceptual:squeezenet + 0.001*gan",
    "paper-b": "perceptual:resnet56/layer2@32 + 0.001*gan",  # it was trained on pictures of 32 x 32
    "paper-vgg": "perceptual:vgg19/relu5_4 + 0.001*gan",
    "paper-resnet": "perceptual:resnet18/layer3 + 0.001*gan",
    "esrgan": "0.01*l1 + perceptual:vgg19/conv5_4 + 0.005*ragan",
}

_LAYERS = {
    "squeezenet": r"conv1|fire[2-9]",
    "vgg19": r"(conv|relu)([12]_[12]|[345]_[1-4])",
    "resnet56": r"stem|layer[123](\.[0-8])?",
    "resnet18": r"stem|layer[1-4](\.[01])?",
    "resnet34": r"stem|layer(1(\.[0-2])?|2(\.[0-3])?|3(\.[0-5])?|4(\.[0-2])?)",
    "resnet50": r"stem|layer(1(\.[0-2])?|2(\.[0-3])?|3(\.[0-5])?|4(\.[0-2])?)",
}


@dataclasses.dataclass(frozen=True)
class Term:
    """One weighted summand.

    Attributes:
        weight: what it is multiplied with, above 0.
        kind: one of :data:`KINDS`.
        argument: of a perceptual term `backbone/layer` or `backbone/layer@window`; of others empty.
    """

    weight: float
    kind: str
    argument: str = ""

    @property
    def label(self) -> str:
        """The term without its weight, such as `perceptual:squeezenet/fire4`."""
        return f"{self.kind}:{self.argument}" if self.argument else self.kind

    @property
    def text(self) -> str:
        """The term with its weight, if that is not 1."""
        short = f"{self.weight:g}"
        return (
            self.label if self.weight == 1 else f"{short if float(short) == self.weight else self.weight}*{self.label}"
        )


@dataclasses.dataclass(frozen=True)
class LossSpec:
    """A sum of weighted terms; hashable.

    Attributes:
        terms: the summands in the order written.
    """

    terms: tuple[Term, ...]

    @property
    def canonical(self) -> str:
        """The sum as text, recipes and default layers written out; parses into an equal loss."""
        return " + ".join(term.text for term in self.terms)

    @property
    def gan(self) -> Literal["gan", "ragan"] | None:
        """The kind of the adversarial term; None if there is none."""
        for term in self.terms:
            if term.kind == "gan" or term.kind == "ragan":
                return term.kind
        return None

    @property
    def adversarial_weight(self) -> float:
        """The weight of the adversarial term; 0 if there is none."""
        return sum((term.weight for term in self.terms if term.kind in GAN_KINDS), 0.0)

    @property
    def kind(self) -> Literal["fidelity", "adversarial"]:
        """`adversarial` if a discriminator takes part, else `fidelity`."""
        return "fidelity" if self.gan is None else "adversarial"

    @property
    def backbones(self) -> tuple[str, ...]:
        """The networks whose features are compared, in the order written."""
        return tuple(split_argument(term.argument)[0] for term in self.terms if term.kind == "perceptual")

    @property
    def recipe(self) -> str | None:
        """The name this sum has among :data:`RECIPES`; None if it has none."""
        return next((name for name in RECIPES if parse_loss(RECIPES[name]) == self), None)


@functools.cache
def parse_loss(text: str) -> LossSpec:
    """Takes a loss apart.

    Args:
        text: the name of a recipe (see :data:`RECIPES`), or summands joined by `+`, each `kind` or `weight*kind`: `l1`,
            `l2`, `charbonnier`, `fft`, `perceptual:backbone[/layer][@window]`, `gan` (vanilla), `ragan` (relativistic
            average). With a window, features are compared in the middle `window` x `window` pixels of each patch: a
            deep layer at a shallow one's price. Example: `l1 + 0.1*perceptual:resnet56/layer2@32 + 0.001*gan`.

    Returns:
        The terms.

    Raises:
        ValueError: if a term, a weight, a backbone or a layer is none of these, a term is there twice, or there are two
            adversarial ones.
    """
    # A sign in an exponent (1e+3) joins no summands.
    terms = tuple(_term(part.strip(), text) for part in re.split(r"(?<![0-9.][eE])\+", RECIPES.get(text.strip(), text)))
    labels = [term.label for term in terms]
    twice = [label for label in labels if labels.count(label) > 1]
    if twice:
        raise ValueError(f"loss must have each term once, got {twice[0]} twice in {text!r}")
    if sum(term.kind in GAN_KINDS for term in terms) > 1:
        raise ValueError(f"loss must have one adversarial term at most, got {text!r}")
    return LossSpec(terms)


def split_argument(argument: str) -> tuple[str, str, int | None]:
    """Takes a perceptual term's argument apart.

    Args:
        argument: `backbone[/layer][@window]`.

    Returns:
        Backbone; layer, the default one if none is named; window in pixels a side, None if none is given.

    Raises:
        ValueError: if there is no such backbone or layer, or the window is no size.
    """
    place, at, size = argument.partition("@")
    backbone, slash, layer = place.strip().partition("/")
    if backbone not in BACKBONES:
        raise ValueError(f"a perceptual loss's backbone must be one of {', '.join(BACKBONES)}, got {backbone!r}")
    layer = layer if slash else BACKBONES[backbone]
    if not re.fullmatch(_LAYERS[backbone], layer):
        raise ValueError(f"the layer of backbone {backbone} must match {_LAYERS[backbone]}, got {layer!r}")
    if at and not re.fullmatch("[1-9][0-9]{0,4}", size.strip()):
        raise ValueError(f"the window of a perceptual loss must be a number of pixels, got {size.strip()!r}")
    return backbone, layer, int(size) if at else None


def _term(part: str, text: str) -> Term:
    factor, star, rest = part.partition("*")
    weight = _weight(factor.strip(), text) if star else 1.0
    kind, colon, argument = (rest if star else part).strip().partition(":")
    if kind not in KINDS:
        raise ValueError(
            f"loss must be one of {', '.join(RECIPES)}, or a sum of terms {', '.join(KINDS)}, got {kind!r} in {text!r}"
        )
    if kind == "perceptual":
        if not colon:
            raise ValueError(f"a perceptual loss must name its backbone (perceptual:squeezenet), got {text!r}")
        backbone, layer, window = split_argument(argument)
        return Term(weight, kind, f"{backbone}/{layer}" + (f"@{window}" if window else ""))
    if colon:
        raise ValueError(f"the loss {kind} takes no argument, got {text!r}")
    return Term(weight, kind)


def _weight(factor: str, text: str) -> float:
    try:
        weight = float(factor)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise ValueError(f"a weight in a loss must be a number above 0, got {factor!r} in {text!r}")
    return weight
