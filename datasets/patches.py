"""Random training patches out of a bank that lives on the device.

The bank is uint8, padded to one size; batches are float32 in [0, 1], N H W C. A batch is a pure function of the bank,
the seed and the step, so a run that is resumed sees what it would have seen.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float32, Int, Int32, Key, UInt8

from datasets.degrade import crop_to_multiple, downscale
from datasets.resample import matlab_bicubic

DEGRADATIONS = ("pillow-bicubic", "matlab-bicubic", "blind")
"""What can make a bank's low resolution."""

VERSIONS = 4
"""How many versions of each picture a `blind` bank holds, if nothing else is said."""


class BankArrays(NamedTuple):
    """The bank on the device: a pytree to hand to jitted functions.

    Attributes:
        hr: (N, scale*H, scale*W, 3) uint8, zero beyond each picture's own size.
        lr: (M, H, W, 3) uint8, likewise; M is N, or N times the number of versions: row m belongs to picture m % N.
        sizes: (N, 2) int32, each picture's own LR height and width.
    """

    hr: UInt8[Array, "N sH sW 3"]
    lr: UInt8[Array, "M H W 3"]
    sizes: Int32[Array, "N 2"]


Batch = tuple[Float32[Array, "batch low low 3"], Float32[Array, "batch high high 3"]]


def sample(
    arrays: BankArrays, key: Key[Array, ""], step: Int[Array, ""] | int, batch: int, patch_lr: int, scale: int
) -> Batch:
    """Draw the batch of one step; pure, to be traced inside a jitted step.

    Args:
        arrays: the bank.
        key: the run's key (`jax.random.key(seed)`); the step is folded in here.
        step: the step's number, traced or not.
        batch: how many patches; static.
        patch_lr: side of an LR patch in pixels; static.
        scale: HR pixels to an LR pixel; static.

    Returns:
        LR (batch, patch_lr, patch_lr, 3) and HR (batch, scale*patch_lr, scale*patch_lr, 3), float32 in [0, 1]; place,
        picture and one of the eight flips and rotations are drawn uniformly.
    """
    key = jax.random.fold_in(key, step)
    picture_key, place_key, turn_key = jax.random.split(key, 3)
    versions = jax.random.randint(picture_key, (batch,), 0, arrays.lr.shape[0], dtype=jnp.int32)
    pictures = versions % jnp.int32(arrays.hr.shape[0])
    room = arrays.sizes[pictures] - jnp.int32(patch_lr - 1)
    places = jax.random.randint(place_key, (batch, 2), 0, room, dtype=jnp.int32)
    turns = jax.random.bernoulli(turn_key, shape=(batch, 3))
    cut = jax.vmap(_cut, in_axes=(None, 0, 0, 0, None, None))
    low = cut(arrays.lr, versions, places, turns, patch_lr, 1)
    high = cut(arrays.hr, pictures, places, turns, patch_lr, scale)
    return low, high


def _cut(
    bank: UInt8[Array, "N H W 3"],
    picture: Int32[Array, ""],
    place: Int32[Array, "2"],
    turn: Bool[Array, "3"],
    patch_lr: int,
    scale: int,
) -> Float32[Array, "side side 3"]:
    """Cut one patch, flip and transpose it, scale it to [0, 1]."""
    zero = jnp.int32(0)
    start = (picture, place[0] * jnp.int32(scale), place[1] * jnp.int32(scale), zero)
    side = patch_lr * scale
    patch = jax.lax.dynamic_slice(bank, start, (1, side, side, 3))[0]
    patch = jnp.where(turn[0], patch[::-1], patch)
    patch = jnp.where(turn[1], patch[:, ::-1], patch)
    patch = jnp.where(turn[2], patch.transpose(1, 0, 2), patch)
    return patch.astype(jnp.float32) / jnp.float32(255)


_jitted_sample = partial(jax.jit, static_argnames=("batch", "patch_lr", "scale"))(sample)


class PatchBank:
    """Pairs of patches from HR pictures, whose LR is made here, once: `degradation` says how.

    * pillow-bicubic: Pillow's anti-aliased bicubic.
    * matlab-bicubic: MATLAB's `imresize`, the field's usual one (`resample.matlab_bicubic`).
    * blind: several versions of each picture with blur, noise and JPEG at random (`blind.REAL_ESRGAN`).

    A picture that is higher than wide is stored transposed (after its reduction), which saves padding and changes
    nothing, as patches are transposed at random anyway.

    Attributes:
        scale: HR pixels to an LR pixel.
        patch: side of an LR patch in pixels.
        degradation: what made the LR.
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        patch: int,
        scale: int,
        degradation: str = "pillow-bicubic",
        *,
        seed: int = 0,
        versions: int = VERSIONS,
    ) -> None:
        """Build the bank.

        Args:
            images: HR pictures, (H, W, 3) uint8, cropped here to multiples of `scale`.
            patch: side of an LR patch in pixels, at least 1.
            scale: HR pixels to an LR pixel, at least 1.
            degradation: one of `DEGRADATIONS`.
            seed: of what `blind` draws.
            versions: how many of each picture `blind` makes, at least 1.

        Raises:
            ValueError: no pictures, one whose LR is smaller than a patch, or an unknown degradation.
        """
        if degradation not in DEGRADATIONS:
            raise ValueError(f"degradation must be one of {', '.join(DEGRADATIONS)}, got {degradation!r}")
        if not len(images) or patch < 1 or scale < 1 or versions < 1:
            raise ValueError(
                "need images, patch >= 1, scale >= 1 and versions >= 1; "
                f"got {len(images)}, {patch}, {scale} and {versions}"
            )
        self.patch, self.scale, self.degradation = patch, scale, degradation
        highs = [self._high(np.asarray(image), index) for index, image in enumerate(images)]
        reduced = _reduced(highs, scale, degradation, seed, versions)
        self._sizes = np.array([sorted(high.shape[:2]) for high in highs], np.int32) // scale
        height, width = map(int, self._sizes.max(axis=0))
        count = versions if degradation == "blind" else 1
        self._lr = np.zeros((count, len(highs), height, width, 3), np.uint8)
        self._hr = np.zeros((len(highs), height * scale, width * scale, 3), np.uint8)
        for index, (high, lows) in enumerate(zip(highs, reduced, strict=True)):
            _put(self._hr[index], high)
            for version, low in enumerate(lows):
                _put(self._lr[version, index], low)
        self._lr = self._lr.reshape(-1, *self._lr.shape[2:])

    def _high(self, image: np.ndarray, index: int) -> np.ndarray:
        """Check a picture and crop it to a multiple of the scale."""
        need = self.patch * self.scale
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < need:
            raise ValueError(
                f"image {index} must be (H, W, 3) uint8 of at least {need}x{need}, got {image.shape} {image.dtype}"
            )
        return crop_to_multiple(image, self.scale)

    def __len__(self) -> int:
        """How many pictures the bank holds."""
        return len(self._sizes)

    @cached_property
    def arrays(self) -> BankArrays:
        """The bank on the default device, moved there once."""
        return BankArrays(jnp.asarray(self._hr), jnp.asarray(self._lr), jnp.asarray(self._sizes))

    def batch(self, seed: int, step: int, size: int = 16) -> Batch:
        """Draw a batch by random access.

        Args:
            seed: of the run.
            step: of the run; the same seed and step always give the same batch.
            size: how many patches.

        Returns:
            LR (size, patch, patch, 3) and HR (size, scale*patch, scale*patch, 3), float32 in [0, 1].
        """
        key = jax.random.key(seed)
        return _jitted_sample(self.arrays, key, np.int32(step), batch=size, patch_lr=self.patch, scale=self.scale)


def _reduced(
    highs: Sequence[np.ndarray], scale: int, degradation: str, seed: int, versions: int
) -> Iterable[Sequence[np.ndarray]]:
    """Make each picture's low resolutions, one after another."""
    if degradation == "blind":
        from datasets.blind import blind_versions

        return blind_versions(highs, scale, seed=seed, versions=versions)
    reduce = matlab_bicubic if degradation == "matlab-bicubic" else downscale
    return ([reduce(high, scale)] for high in highs)


def _put(place: np.ndarray, picture: np.ndarray) -> None:
    """Store a picture in the upper left of its place, wide side across."""
    if picture.shape[0] > picture.shape[1]:
        picture = picture.transpose(1, 0, 2)
    place[: picture.shape[0], : picture.shape[1]] = picture
