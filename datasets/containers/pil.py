"""Samples out of Pillow's decoders, reached directly: no format guessing and none of Pillow's global pixel limits."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image


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
    if image.mode in ("L", "RGB", "CMYK"):
        return np.asarray(image)
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode == "LA":
        return np.asarray(image.getchannel("L"))
    if image.mode == "P":
        return np.asarray(image.convert("RGB"))
    if image.mode in ("RGBA", "RGBX"):
        return np.asarray(image)[..., :3]
    raise ValueError(f"pixel layout {image.mode} is not supported")
