"""Layouts of EDSR and its relatives: RCAN, RDN, SRResNet, as BasicSR and as their authors write them.

BasicSR's and the authors' EDSR and RCAN subtract the same mean as ours and work on values up to 255; the authors' RDN
does so without subtracting. The factor 255 goes into the first kernel and comes out of the last convolution.

References:
    Lim et al., "Enhanced Deep Residual Networks", CVPRW 2017; Zhang et al., "Image Super-Resolution Using Very Deep
    Residual Channel Attention Networks", ECCV 2018; Zhang et al., "Residual Dense Network", CVPR 2018.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from model_zoo.imports.layouts import RANGE, Layout, Plan, Rule, Shapes, count, dim, numbered, renamed, root

_NUMBER = r"(\d{1,4})"
_MEAN = (0.4488, 0.4371, 0.4040)  # of DIV2K's training set
_WIDE = 256  # channels from which EDSR's authors scale each residual by 0.1, which no shape shows
_ENDS: dict[str, tuple[Rule, ...]] = {
    "basicsr": (
        ("conv_first", "head"), ("conv_after_body", "body"), numbered(rf"upsample\.{_NUMBER}", "up.{}", step=2),
        ("conv_last", "tail"),
    ),
    "authors": (("head.0", "head"), numbered(rf"tail\.0\.{_NUMBER}", "up.{}", step=2), ("tail.1", "tail")),
}  # fmt: skip


def _steps(shapes: Shapes, pattern: str, channels: int) -> list[int]:
    """The factors of the sub-pixel steps, from convolutions `pattern` numbered 0, 2, 4, to so many channels each."""
    factors = []
    while (name := pattern.format(2 * len(factors))) in shapes:
        factors.append(root(dim(shapes, name, 0), channels))
    return factors


def _product(factors: list[int]) -> int:
    scale = 1
    for factor in factors:
        scale *= factor
    return scale


def _shifts(shapes: Shapes, options: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The authors' files hold the mean as convolutions before and after, which our networks have of their own."""
    fixed = {}
    for module, sign in (("sub_mean", -1), ("add_mean", 1)):
        if f"{module}.weight" in shapes:
            fixed[f"{module}.weight"] = np.eye(3, dtype=np.float32)[:, :, None, None]
            fixed[f"{module}.bias"] = sign * _white(options) * np.array(_MEAN, np.float32)
    return fixed


def _white(options: Mapping[str, Any]) -> float:
    white = float(options.get(RANGE, 255.0))
    if not 0 < white < math.inf:
        raise ValueError(f"{RANGE} must be above 0, got {white}")
    return white


def _ranged(options: Mapping[str, Any]) -> dict[str, float]:
    white = _white(options)
    return {"head.kernel": white, "tail.kernel": 1 / white, "tail.bias": 1 / white}


def _edsr(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    basicsr = "conv_first.weight" in shapes
    head, blocks = ("conv_first.weight", "conv1") if basicsr else ("head.0.weight", r"body\.0")
    width, depth = dim(shapes, head, 0), count(shapes, rf"body\.{_NUMBER}\.{blocks}\.weight")
    inner = ("conv1", "conv2") if basicsr else (r"body\.0", r"body\.2")
    factors = _steps(shapes, "upsample.{}.weight" if basicsr else "tail.0.{}.weight", width)
    rules: list[Rule] = [
        (rf"body\.{_NUMBER}\.{inner[0]}", r"blocks.\1.first"),
        (rf"body\.{_NUMBER}\.{inner[1]}", r"blocks.\1.second"),
        *_ENDS["basicsr" if basicsr else "authors"],
        (rf"body\.{depth}", "body"),
    ]
    return Plan(
        scale=_product(factors),
        config={"width": width, "depth": depth} | ({"res_scale": 0.1} if width >= _WIDE else {}),
        names=renamed(shapes, rules),
        fixed=_shifts(shapes, options),
        shuffles={f"up.{index}": factor for index, factor in enumerate(factors)},
        factors=_ranged(options),
    )


def _rcan_basicsr(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    block = rf"body\.{_NUMBER}\.residual_group\.{_NUMBER}\.rcab"
    rules: list[Rule] = [
        (rf"{block}\.0", r"groups.\1.blocks.\2.first"),
        (rf"{block}\.2", r"groups.\1.blocks.\2.second"),
        (rf"{block}\.3\.attention\.1", r"groups.\1.blocks.\2.attention.squeeze"),
        (rf"{block}\.3\.attention\.3", r"groups.\1.blocks.\2.attention.excite"),
        (rf"body\.{_NUMBER}\.conv", r"groups.\1.body"),
        *_ENDS["basicsr"],
    ]
    first = "body.0.residual_group.0.rcab.3.attention.1.weight"
    return _rcan(
        shapes,
        options,
        rules,
        depth=count(shapes, rf"body\.{_NUMBER}\.conv\.weight"),
        blocks=count(shapes, rf"body\.0\.residual_group\.{_NUMBER}\.rcab\.0\.weight"),
        squeeze=(dim(shapes, first, 1), dim(shapes, first, 0)),
        factors=_steps(shapes, "upsample.{}.weight", dim(shapes, first, 1)),
    )


def _rcan_authors(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    block = rf"body\.{_NUMBER}\.body\.{_NUMBER}"
    depth = count(shapes, rf"body\.{_NUMBER}\.body\.0\.body\.0\.weight")
    blocks = count(shapes, rf"body\.0\.body\.{_NUMBER}\.body\.0\.weight")
    rules: list[Rule] = [
        (rf"{block}\.body\.0", r"groups.\1.blocks.\2.first"),
        (rf"{block}\.body\.2", r"groups.\1.blocks.\2.second"),
        (rf"{block}\.body\.3\.conv_du\.0", r"groups.\1.blocks.\2.attention.squeeze"),
        (rf"{block}\.body\.3\.conv_du\.2", r"groups.\1.blocks.\2.attention.excite"),
        (rf"body\.{_NUMBER}\.body\.{blocks}", r"groups.\1.body"),
        (rf"body\.{depth}", "body"),
        *_ENDS["authors"],
    ]
    first = "body.0.body.0.body.3.conv_du.0.weight"
    squeeze = (dim(shapes, first, 1), dim(shapes, first, 0))
    factors = _steps(shapes, "tail.0.{}.weight", squeeze[0])
    return _rcan(shapes, options, rules, depth=depth, blocks=blocks, squeeze=squeeze, factors=factors)


def _rcan(
    shapes: Shapes,
    options: Mapping[str, Any],
    rules: list[Rule],
    *,
    depth: int,
    blocks: int,
    squeeze: tuple[int, int],
    factors: list[int],
) -> Plan:
    width, between = squeeze
    return Plan(
        scale=_product(factors),
        config={"width": width, "depth": depth, "blocks": blocks, "reduction": width // between},
        names=renamed(shapes, rules),
        fixed=_shifts(shapes, options),
        shuffles={f"up.{index}": factor for index, factor in enumerate(factors)},
        factors=_ranged(options),
    )


def _rdn(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    growth = dim(shapes, "RDBs.0.convs.0.conv.0.weight", 0)
    steps = len([name for name in shapes if re.fullmatch(r"UPNet\.\d\.weight", name)]) - 1  # the last makes colours
    factors = [root(dim(shapes, f"UPNet.{2 * step}.weight", 0), growth) for step in range(steps)]
    rules: list[Rule] = [
        ("SFENet1", "head"),
        ("SFENet2", "second"),
        (rf"RDBs\.{_NUMBER}\.convs\.{_NUMBER}\.conv\.0", r"blocks.\1.layers.\2"),
        (rf"RDBs\.{_NUMBER}\.LFF", r"blocks.\1.fuse"),
        (r"GFF\.0", "fuse"),
        (r"GFF\.1", "body"),
        (rf"UPNet\.{2 * len(factors)}", "tail"),
        numbered(rf"UPNet\.{_NUMBER}", "up.{}", step=2),
    ]
    return Plan(
        scale=_product(factors),
        config={
            "width": dim(shapes, "SFENet1.weight", 0),
            "depth": count(shapes, rf"RDBs\.{_NUMBER}\.LFF\.weight"),
            "layers": count(shapes, rf"RDBs\.0\.convs\.{_NUMBER}\.conv\.0\.weight"),
            "growth": growth,
        },
        names=renamed(shapes, rules),
        shuffles={f"up.{index}": factor for index, factor in enumerate(factors)},
        factors=_ranged(options),
    )


def _srresnet(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    del options
    width = dim(shapes, "conv_first.weight", 0)
    steps = count(shapes, r"upconv(\d)\.weight", first=1)
    factors = [root(dim(shapes, f"upconv{step + 1}.weight", 0), width) for step in range(steps)]
    rules: list[Rule] = [
        (rf"body\.{_NUMBER}\.(conv[12])", r"body.\1.\2"),
        numbered(r"upconv(\d)", "upconv.{}", first=1),
        ("conv_first|conv_hr|conv_last", r"\g<0>"),
    ]
    return Plan(
        scale=_product(factors),
        config={"width": width, "depth": count(shapes, rf"body\.{_NUMBER}\.conv1\.weight")},
        names=renamed(shapes, rules),
        shuffles={f"upconv.{index}": factor for index, factor in enumerate(factors)},
    )


LAYOUTS = (
    Layout("BasicSR's RCAN", "rcan", ("conv_first.weight", "body.0.residual_group.0.rcab.0.weight"), _rcan_basicsr),
    Layout("RCAN's authors'", "rcan", ("head.0.weight", "body.0.body.0.body.3.conv_du.0.weight"), _rcan_authors),
    Layout("BasicSR's EDSR", "edsr", ("conv_first.weight", "body.0.conv1.weight", "conv_after_body.weight"), _edsr),
    Layout("EDSR's authors'", "edsr", ("head.0.weight", "body.0.body.0.weight", "tail.0.0.weight"), _edsr),
    Layout("RDN's authors'", "rdn", ("SFENet1.weight", "RDBs.0.LFF.weight", "UPNet.0.weight"), _rdn),
    Layout("BasicSR's SRResNet", "srresnet", ("conv_first.weight", "upconv1.weight", "conv_hr.weight"), _srresnet),
)
