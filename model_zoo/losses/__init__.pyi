__all__: list[str]

from .gan import discriminator_loss as discriminator_loss, generator_loss as generator_loss
from .perceptual import Features as Features, load_features as load_features
from .pixel import charbonnier as charbonnier, fft as fft, l1 as l1, l2 as l2
from .spec import LossSpec as LossSpec, Term as Term, parse_loss as parse_loss
from .total import Objective as Objective, make_objective as make_objective
