"""Pictures compared by the features that a trained classifier sees in them.

Convention: RGB in [0, 1], N H W 3, any float type on the way in; features and loss are float32.

What a layer costs, in milliseconds of one core (AMD EPYC, jax 0.10.2): the loss and its gradient on 8 patches, the
least of six calls of `jax.jit(jax.value_and_grad(perceptual, argnums=2))`.

=====================  =====  =====
layer                  64x64  96x96
=====================  =====  =====
squeezenet/conv1          10     27
squeezenet/fire4          22     57
squeezenet/fire5          25     92
resnet56/layer1.2         67    190
resnet56/layer2          354    789
resnet56/layer2@32        78     78
=====================  =====  =====

SqueezeNet's default, fire4, is the last layer before its second pooling: a value every four pixels that sees 35x35 of
them. ResNet-56's, the end of its second stage, corresponds to the paper's third of ResNet-18's four: the one before the
last. Its 37 convolutions suit an accelerator; windows of 32x32, the size it was trained on, suit a CPU.
"""

import dataclasses
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from datasets.errors import DataMissingError
from datasets.locations import data_root
from model_zoo.imports.arrays import read_arrays
from model_zoo.losses.backbones import BACKBONES, UNITS, Backbone, FeatureParams
from model_zoo.losses.spec import split_argument

FOLDER = "perceptual"
_SUFFIXES = ("npz", "safetensors", "pth")
_NORM_EPSILON = 1e-5  # of the batch normalisation in every ResNet here


@dataclasses.dataclass(frozen=True)
class Features:
    """A classifier's first layers, without their weights: hashable, static under `jax.jit`.

    Attributes:
        backbone: its name.
        layer: the last layer that is used.
        window: side in pixels of the middle part that is looked at; None for the whole picture.
    """

    backbone: str
    layer: str
    window: int | None = None

    def apply(self, params: FeatureParams, images: Float[Array, "n h w 3"]) -> Float[Array, "n h2 w2 c"]:
        """Computes the features.

        Args:
            params: what :func:`load_features` gave.
            images: RGB in [0, 1].

        Returns:
            The features, float32, divided by their unit.

        Raises:
            ValueError: if the images are too small for the layer.
        """
        height, width = images.shape[1:3]
        rows, columns = (slice(None), slice(None)) if self.window is None else map(self._middle, (height, width))
        unit = UNITS.get(f"{self.backbone}/{self.layer}", 1.0)
        return self._network(params, images[:, rows, columns].astype(jnp.float32)) * (1.0 / unit)

    @property
    def _network(self) -> Backbone:
        return BACKBONES[self.backbone].until(self.layer)

    def _middle(self, length: int) -> slice:
        size = min(length, self.window or length)
        return slice((length - size) // 2, (length - size) // 2 + size)


def perceptual(
    features: Features,
    params: FeatureParams,
    estimate: Float[Array, "n h w 3"],
    truth: Float[Array, "n h w 3"],
) -> Float[Array, ""]:
    """Computes the mean squared difference of features.

    Args:
        features: the function that sees them.
        params: its weights.
        estimate: RGB in [0, 1].
        truth: RGB in [0, 1]; its features are held fixed.

    Returns:
        The mean over all values.

    Reference:
        Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016, equation 2.
    """
    wanted = jax.lax.stop_gradient(features.apply(params, truth))
    return jnp.mean(jnp.square(features.apply(params, estimate) - wanted))


def load_features(argument: str, folder: Path | None = None) -> tuple[Features, FeatureParams]:
    """Finds and reads a classifier's first layers.

    Args:
        argument: `backbone[/layer][@window]`, see :func:`model_zoo.losses.spec.parse_loss`.
        folder: where the weights lie as `backbone.suffix` or `backbone-anything.suffix` (`vgg19-dcbb9e9d.pth`), suffix
            `npz`, `safetensors` or `pth`; names inside are torchvision's (VGG19, ResNets) or Caffe's (SqueezeNet),
            kernels O I H W. None: `perceptual` in the data folder.

    Returns:
        The function, and its weights as float32.

    Raises:
        OSError: if there is no such file.
        ValueError: if there is no such backbone or layer, several files fit, or the file holds another network.
    """
    backbone, layer, window = split_argument(argument)
    features = Features(backbone, layer, window)
    path = _find(backbone, data_root() / FOLDER if folder is None else folder)
    arrays = read_arrays(path)
    network = BACKBONES[backbone].until(layer)
    params: dict[str, np.ndarray] = {}
    try:
        for step in network.steps:
            for name in step.convolutions:
                kernel, bias = _convolution(arrays, name, network.normalised)
                params |= {f"{name}.kernel": kernel, f"{name}.bias": bias}
        picture = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
        jax.eval_shape(network, {k: jax.ShapeDtypeStruct(v.shape, v.dtype) for k, v in params.items()}, picture)
    except KeyError as error:
        raise ValueError(f"{path} must hold the weights of {backbone}, but lacks {error.args[0]}") from None
    except (TypeError, ValueError):  # shapes that do not fit each other
        raise ValueError(f"{path} must hold the weights of {backbone}, but shapes do not fit") from None
    return features, {name: jnp.asarray(value) for name, value in params.items()}


def _find(backbone: str, folder: Path) -> Path:
    pattern = re.compile(rf"{backbone}(-.*)?\.({'|'.join(_SUFFIXES)})", re.IGNORECASE)
    found = sorted(path for path in folder.glob("*") if pattern.fullmatch(path.name))
    if not found:
        raise DataMissingError(f"no weights of {backbone} at {folder / backbone}*.{{{','.join(_SUFFIXES)}}}")
    if len(found) > 1:
        raise ValueError(f"{folder} must have one file for {backbone}, got {', '.join(path.name for path in found)}")
    return found[0]


def _convolution(arrays: dict[str, np.ndarray], name: str, normalised: bool) -> tuple[np.ndarray, np.ndarray]:
    """A convolution's kernel, H W I O, and bias, with the batch normalisation after it folded in; float32."""
    kernel = arrays[f"{name}.weight"].astype(np.float64).transpose(2, 3, 1, 0)
    if normalised:
        norm = re.sub(r"conv(\d)$", r"bn\1", name).replace("downsample.0", "downsample.1")
        gain, shift, mean, variance = (
            arrays[f"{norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain = gain / np.sqrt(variance + _NORM_EPSILON)
        kernel, bias = kernel * gain, shift - mean * gain
    else:
        bias = arrays[f"{name}.bias"].astype(np.float64)
    return kernel.astype(np.float32), bias.astype(np.float32)
