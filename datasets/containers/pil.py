"""Samples out of Pillow's decoders, reached directly: no format guessing and none of Pillow's global pixel limits."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

_BAND_PIXELS = 1 << 24
_WANTED = {  # from Pillow's mode: the mode to convert to ("L*": take the first channel) and how many channels to keep
    "1": ("L", 1),
    "L": ("L", 1),
    "LA": ("L*", 1),
    "P": ("RGB", 3),
    "RGB": ("RGB", 3),
    "RGBA": ("RGBA", 3),
    "RGBX": ("RGBX", 3),
    "CMYK": ("CMYK", 4),
}


def samples_of(plugin: Callable[[Any], Image.Image], core: bytes) -> np.ndarray:
    """Decode one picture with one of Pillow's plugins.

    Args:
        plugin: the plugin's image class.
        core: a stream with the picture alone.

    Returns:
        uint8, (H, W) for grey, (H, W, 3) for colour or (H, W, 4) for CMYK; alpha dropped without compositing.
    """
    image = plugin(io.BytesIO(core))
    image.load()
    image.info.pop("transparency", None)
    if image.mode not in _WANTED:
        raise ValueError(f"pixel layout {image.mode} is not supported")
    mode, channels = _WANTED[image.mode]
    width, height = image.size
    samples = np.empty((height, width, channels) if channels > 1 else (height, width), np.uint8)
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height))) if rows < height else image
        part = np.asarray(band if band.mode == mode else band.getchannel(0) if mode == "L*" else band.convert(mode))
        samples[top : top + rows] = part if channels == 1 else part[..., :channels]
    return samples
