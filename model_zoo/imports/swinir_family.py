"""The layout of SwinIR, in its authors' and BasicSR's naming: classical, lightweight and real-world.

Reference:
    Liang et al., "SwinIR: Image Restoration Using Swin Transformer", ICCVW 2021.
"""

from collections.abc import Mapping
from typing import Any

from model_zoo.imports.layouts import Layout, Plan, Rule, Shapes, count, dim, numbered, renamed, root

_NUMBER = r"(\d{1,4})"
_BLOCK = rf"layers\.{_NUMBER}\.residual_group\.blocks\.{_NUMBER}"
_FIRST = "layers.0.residual_group.blocks.0"
_RULES: tuple[Rule, ...] = (
    ("conv_first", "head"),
    (r"patch_embed\.norm", "first_norm"),
    ("norm", "last_norm"),
    (rf"{_BLOCK}\.(norm[12]|attn\.qkv|attn\.proj)", r"groups.\1.blocks.\2.\3"),
    (rf"{_BLOCK}\.mlp\.(fc[12])", r"groups.\1.blocks.\2.\3"),
    (rf"{_BLOCK}\.attn\.relative_position_bias_table", r"groups.\1.blocks.\2.attn.offsets"),
    (rf"layers\.{_NUMBER}\.conv", r"groups.\1.conv.layers.0"),
    (rf"layers\.{_NUMBER}\.conv\.([024])", lambda m: f"groups.{m[1]}.conv.layers.{int(m[2]) // 2}"),
    ("conv_after_body", "body.layers.0"),
    numbered(r"conv_after_body\.([024])", "body.layers.{}", step=2),
    (r"conv_before_upsample\.0", "before"),
    numbered(r"upsample\.([024])", "up.{}", step=2),
    numbered(r"conv_up(\d)", "up.{}", first=1),
    ("conv_hr", "after"),
    ("conv_last", "tail"),
)


def _plan(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    del options
    width = dim(shapes, "conv_first.weight", 0)
    table = f"{_FIRST}.attn.relative_position_bias_table"
    offsets, heads = root(dim(shapes, table, 0)), dim(shapes, table, 1)
    window = (offsets + 1) // 2
    index = f"{_FIRST}.attn.relative_position_index"
    if offsets % 2 == 0 or (index in shapes and shapes[index] != (window**2, window**2)):
        raise ValueError("relative_position_bias_table and relative_position_index must belong to one window")
    hidden = dim(shapes, f"{_FIRST}.mlp.fc1.weight", 0)
    scale, ending, shuffles = _ending(shapes)
    config = {
        "width": width,
        "depth": count(shapes, rf"layers\.{_NUMBER}\.residual_group\.blocks\.0\.norm1\.weight"),
        "blocks": count(shapes, rf"layers\.0\.residual_group\.blocks\.{_NUMBER}\.norm1\.weight"),
        "heads": heads,
        "window": window,
        "mlp_ratio": _ratio(hidden, width),
        "residual": "1conv" if "layers.0.conv.weight" in shapes else "3conv",
    }
    return Plan(
        scale=scale,
        config=config | ending,
        names=renamed(shapes, _RULES),
        dropped=rf"{_BLOCK}\.(attn_mask|attn\.relative_position_index)",
        shuffles=shuffles,
    )


def _ending(shapes: Shapes) -> tuple[int, dict[str, Any], dict[str, int]]:
    """Scale, arguments and sub-pixel layers of the three kinds of enlargement."""
    if "conv_up1.weight" in shapes:
        features = dim(shapes, "conv_before_upsample.0.weight", 0)
        steps = count(shapes, r"conv_up(\d)\.weight", first=1)
        return 2**steps, {"upsampler": "nearest+conv", "features": features}, {}
    if "upsample.0.weight" not in shapes:
        raise ValueError("without enlargement (for denoising or JPEG artefacts) it is no super-resolution network")
    if "conv_before_upsample.0.weight" not in shapes:
        scale = root(dim(shapes, "upsample.0.weight", 0), 3)
        return scale, {"upsampler": "pixelshuffledirect"}, {"up.0": scale}
    features = dim(shapes, "conv_before_upsample.0.weight", 0)
    scale, shuffles = 1, {}
    while (name := f"upsample.{2 * len(shuffles)}.weight") in shapes:
        factor = root(dim(shapes, name, 0), features)
        shuffles[f"up.{len(shuffles)}"] = factor
        scale *= factor
    return scale, {"upsampler": "pixelshuffle", "features": features}, shuffles


def _ratio(hidden: int, width: int) -> float:
    """What `width` is to be multiplied by, and cut, to give `hidden`."""
    ratio = hidden / width
    return ratio if int(width * ratio) == hidden else (hidden + 0.5) / width


LAYOUTS = (
    Layout("SwinIR", "swinir", ("conv_first.weight", "patch_embed.norm.weight", f"{_FIRST}.norm1.weight"), _plan),
)
