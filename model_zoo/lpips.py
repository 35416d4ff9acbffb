"""LPIPS, the learned perceptual distance, with weights that the user supplies (Zhang et al. 2018, eq. 1, version 0.1).

Convention: N H W 3 RGB in [0, 1] on the device, H W 3 uint8 on the host; kernels H W I O.

Pictures go through the convolutions of an ImageNet classifier; at five or seven places the features, scaled to unit
length over the channels, are subtracted, squared, weighted channel by channel, and averaged over the picture.

Two files make a distance, and lie in the folder `lpips` of the data folder under their authors' own names: the
classifier's as torchvision gives it out (`alexnet-owt-7be5be79.pth`, `vgg16-397923af.pth`,
`squeezenet1_1-b8a52dc0.pth`; what follows the first `-` does not matter) and the channels' weights as LPIPS gives them
out (`alex.pth`, `vgg.pth`, `squeeze.pth`); instead of `.pth` also `.safetensors` or `.npz` with arrays of these names.
"""

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, UInt8

import datasets

BACKBONES = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
"""The classifiers, and how their files' names begin."""

_SUFFIXES = (".safetensors", ".npz", ".pth", ".pt")
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_TINY = 1e-10  # keeps features of length 0 from being divided by it


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of a classifier.

    Attributes:
        kind: `conv` (with a rectifier behind it), `pool` (maximum, 3x3 or 2x2, stride 2) or `fire`.
        index: its number in torchvision's `features`.
        size: side of the convolution's kernel or the pooling window.
        stride: of the convolution.
        padding: of the convolution.
        ceil: whether the last pooling window may reach over the edge.
        tap: whether the features behind it are compared.
    """

    kind: str
    index: int = 0
    size: int = 3
    stride: int = 1
    padding: int = 1
    ceil: bool = False
    tap: bool = False

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of its convolutions in torchvision's file."""
        inner = {"conv": ("",), "fire": (".squeeze", ".expand1x1", ".expand3x3")}.get(self.kind, ())
        return tuple(f"features.{self.index}{name}" for name in inner)


def _alex() -> Iterator[Step]:
    yield Step("conv", 0, 11, stride=4, padding=2, tap=True)
    yield Step("pool")
    yield Step("conv", 3, 5, padding=2, tap=True)
    yield Step("pool")
    for index in (6, 8, 10):
        yield Step("conv", index, tap=True)


def _vgg() -> Iterator[Step]:
    for stage in ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)):
        if stage[0]:
            yield Step("pool", size=2)
        for index in stage:
            yield Step("conv", index, tap=index == stage[-1])


def _squeeze() -> Iterator[Step]:
    yield Step("conv", 0, stride=2, padding=0, tap=True)
    for stage in ((3, 4), (6, 7), (9, 10, 11, 12)):
        yield Step("pool", ceil=True)
        for index in stage:
            yield Step("fire", index, tap=index not in (3, 6))


STEPS = {"alex": tuple(_alex()), "vgg": tuple(_vgg()), "squeeze": tuple(_squeeze())}

Params = dict[str, Array]


class Lpips:
    """The distance with its weights.

    Attributes:
        net: which classifier: `alex`, `vgg` or `squeeze`.
    """

    def __init__(self, net: str, backbone: dict[str, np.ndarray], linear: dict[str, np.ndarray]) -> None:
        """Takes the weights that are needed.

        Args:
            net: `alex`, `vgg` or `squeeze`.
            backbone: torchvision's arrays by name; more than are needed do no harm.
            linear: the channels' weights, `lin0.model.1.weight` and so on.

        Raises:
            ValueError: if the classifier is unknown, or an array is missing or of another shape.
        """
        if net not in STEPS:
            raise ValueError(f"net must be one of {', '.join(STEPS)}, got {net!r}")
        self.net = net
        self._params = _collected(STEPS[net], backbone, linear)

    def distances(self, first: Float[Array, "n h w 3"], second: Float[Array, "n h w 3"]) -> Float[Array, " n"]:
        """Compares pictures on the device.

        Args:
            first: RGB in [0, 1].
            second: of the same size.

        Returns:
            One distance a pair, 0 for equal pictures.
        """
        return _distances(self.net, self._params, first, second)

    def __call__(self, first: UInt8[np.ndarray, "h w 3"], second: UInt8[np.ndarray, "h2 w2 3"]) -> float:
        """Compares two pictures.

        Args:
            first: RGB, 8 bits.
            second: of the same size.

        Returns:
            Their distance.

        Raises:
            ValueError: if their sizes differ, or are too small for the classifier.
        """
        if first.shape != second.shape or min(first.shape[:2]) < 32:
            raise ValueError(
                f"first and second must have one size of at least 32x32 pixels, got {first.shape} and {second.shape}"
            )
        images = [jnp.asarray(picture[None].astype(np.float32) / np.float32(255)) for picture in (first, second)]
        return float(_compiled(self.net)(self._params, *images)[0])


def load_lpips(folder: Path | None = None, net: str | None = None) -> Lpips | None:
    """Reads the distance from the user's files.

    Args:
        folder: where they lie; None for `lpips` in the data folder.
        net: `alex`, `vgg` or `squeeze`; None for the first of them that is there.

    Returns:
        The distance; None where a file is missing.

    Raises:
        ValueError: if the classifier is unknown, or a file is damaged or holds other arrays.
    """
    if net is not None and net not in BACKBONES:
        raise ValueError(f"net must be one of {', '.join(BACKBONES)}, got {net!r}")
    try:
        place = datasets.data_root() / "lpips" if folder is None else folder
    except datasets.DataMissingError:
        return None
    for name in BACKBONES if net is None else (net,):
        files = _found(place, BACKBONES[name]), _found(place, name)
        if files[0] is not None and files[1] is not None:
            from model_zoo.imports import read_arrays

            return Lpips(name, read_arrays(files[0]), read_arrays(files[1]))
    return None


def _found(folder: Path, stem: str) -> Path | None:
    """The file with this name, whatever follows a dash in it."""
    candidates = sorted(path for suffix in _SUFFIXES for path in folder.glob(f"{stem}*{suffix}"))
    return next((path for path in candidates if path.name.removesuffix(path.suffix).partition("-")[0] == stem), None)


def _collected(steps: tuple[Step, ...], backbone: dict[str, np.ndarray], linear: dict[str, np.ndarray]) -> Params:
    """Gathers what the steps need, kernels turned from O I H W, and checks that all fits together."""
    params: Params = {}
    channels, taps = 3, 0
    for step in steps:
        widths = []
        for place, layer in enumerate(step.layers):
            size = (1, 1, 3)[place] if step.kind == "fire" else step.size
            entering = widths[0] if place else channels
            kernel = _array(backbone, f"{layer}.weight", (None, entering, size, size))
            params[f"{layer}.weight"] = jnp.asarray(kernel.transpose(2, 3, 1, 0))
            params[f"{layer}.bias"] = jnp.asarray(_array(backbone, f"{layer}.bias", (len(kernel),)))
            widths.append(len(kernel))
        channels = sum(widths[1:]) if step.kind == "fire" else widths[0] if widths else channels
        if step.tap:
            weight = _array(linear, f"lin{taps}.model.1.weight", (1, channels, 1, 1))
            params[f"lin{taps}"] = jnp.asarray(weight.reshape(-1))
            taps += 1
    return params


def _array(arrays: dict[str, np.ndarray], name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """Takes out one array of the right shape; None stands for any length."""
    found = arrays.get(name)
    fits = found is not None and len(found.shape) == len(shape)
    if found is None or not fits or any(b not in (None, a) for a, b in zip(found.shape, shape, strict=True)):
        wanted = "x".join("any" if side is None else str(side) for side in shape)
        raise ValueError(f"{name} must be there and {wanted}, got {'nothing' if found is None else found.shape}")
    return np.asarray(found, np.float32)


@functools.cache
def _compiled(net: str) -> Any:
    return jax.jit(functools.partial(_distances, net))


def _distances(
    net: str, params: Params, first: Float[Array, "n h w 3"], second: Float[Array, "n h w 3"]
) -> Float32[Array, " n"]:
    """The sum over all compared layers."""
    shift, scale = (jnp.array(value, jnp.float32)[None, None, None, :] for value in (_SHIFT, _SCALE))
    features = (jnp.concatenate([first, second]).astype(jnp.float32) * 2 - 1 - shift) / scale
    total = jnp.zeros(len(first), jnp.float32)
    taps = 0
    for step in STEPS[net]:
        features = _taken(step, params, features)
        if step.tap:
            length = jnp.sqrt((features**2).sum(axis=-1, keepdims=True))
            one, other = jnp.split(features / (length + _TINY), 2)
            weight = params[f"lin{taps}"][None, None, None, :]
            total = total + ((one - other) ** 2 * weight).sum(axis=-1).mean(axis=(1, 2))
            taps += 1
    return total


def _taken(step: Step, params: Params, features: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c2"]:
    """Takes one step."""
    if step.kind == "pool":
        return _pooled(features, step.size, step.ceil)
    if step.kind == "conv":
        return _rectified(params, step.layers[0], features, step.stride, step.padding)
    squeezed = _rectified(params, step.layers[0], features, 1, 0)
    grown = [_rectified(params, step.layers[1], squeezed, 1, 0), _rectified(params, step.layers[2], squeezed, 1, 1)]
    return jnp.concatenate(grown, axis=-1)


def _rectified(
    params: Params, layer: str, features: Float[Array, "n h w c"], stride: int, padding: int
) -> Float[Array, "n h2 w2 c2"]:
    sums = jax.lax.conv_general_dilated(
        features, params[f"{layer}.weight"], (stride, stride), [(padding, padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"), precision=jax.lax.Precision.HIGHEST,
    )  # fmt: skip
    return jax.nn.relu(sums + params[f"{layer}.bias"][None, None, None, :])


def _pooled(features: Float[Array, "n h w c"], size: int, ceil: bool) -> Float[Array, "n h2 w2 c"]:
    """Takes maxima at stride 2."""
    over = [(0, (side - size) % 2 if ceil else 0) for side in features.shape[1:3]]
    return jax.lax.reduce_window(
        features, -jnp.inf, jax.lax.max, (1, size, size, 1), (1, 2, 2, 1), ((0, 0), *over, (0, 0))
    )
