__all__: list[str]

from .config import TrainConfig as TrainConfig
from .evaluation import set5_psnr as set5_psnr
from .functional import (
    Functional as Functional,
    build as build,
    count_parameters as count_parameters,
    initialise as initialise,
)
from .imports import load_published as load_published
from .loop import NonFiniteLossError as NonFiniteLossError, Progress as Progress
from .losses.spec import LossSpec as LossSpec, parse_loss as parse_loss
from .manifests import Manifest as Manifest, SHIPPED as SHIPPED, list_networks as list_networks
from .metrics import psnr_luma as psnr_luma
from .network import Network as Network, load as load
from .registry import ARCHITECTURES as ARCHITECTURES, Registry as Registry
from .runs import run as run
from .training import train as train, train_seeds as train_seeds
