"""Layouts of IMDN, RFDN and RLFN as their authors name them, and of OpenCV's FSRCNN and ESPCN.

Whether an RFDN or RLFN works on values up to 1 or up to 255 no shape shows; it is found by trial.

References:
    Hui et al., "Information Multi-distillation Network", ACM MM 2019; Liu, Tang, Wu, "Residual Feature Distillation
    Network", ECCVW 2020; Kong et al., "Residual Local Feature Network", CVPRW 2022; Dong, Loy, Tang, ECCV 2016; Shi et
    al., CVPR 2016.
"""

from collections.abc import Mapping
from typing import Any

from model_zoo.imports.layouts import RANGE, Layout, Plan, Rule, Shapes, count, dim, numbered, renamed, root

_NUMBER = r"(\d{1,4})"
_RANGES = (1.0, 255.0)


def _gathering(blocks: str) -> list[Rule]:
    """Names that IMDN, RFDN and RLFN share."""
    return [
        ("fea_conv|conv_1", "fea_conv"),
        numbered(rf"{blocks}{_NUMBER}\.(c\d(?:_[dr])?|esa\.[a-z]+\w*)", r"blocks.{}.\2", first=1),
        (r"c\.0", "c"),
        ("LR_conv|conv_2", "lr_conv"),
        (r"upsampler\.0", "upsampler"),
    ]


def _distilled(shapes: Shapes, options: Mapping[str, Any], config: dict[str, Any], rules: list[Rule]) -> Plan:
    scale = root(dim(shapes, "upsampler.0.weight", 0), 3)
    known = {RANGE: float(options[RANGE])} if RANGE in options else {}
    return Plan(
        scale=scale,
        config=config | known,
        names=renamed(shapes, rules),
        shuffles={"upsampler": scale},
        ranges=() if known else _RANGES,
    )


def _imdn(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    attention = numbered(rf"IMDB{_NUMBER}\.cca\.conv_du\.([02])", r"blocks.{}.cca.conv_du.\2", first=1)
    rules = [(attention[0], _halved(attention)), *_gathering("IMDB")]
    depth = count(shapes, rf"IMDB{_NUMBER}\.c1\.weight", first=1)
    return _distilled(shapes, options, {"width": dim(shapes, "fea_conv.weight", 0), "depth": depth}, rules)


def _halved(rule: Rule) -> Any:
    """The authors' `conv_du.2` is our `conv_du.1`: a rectifier lies between."""
    make = rule[1]
    return lambda match: make(match).replace("conv_du.2", "conv_du.1") if callable(make) else make


def _rfdn(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    depth = count(shapes, rf"B{_NUMBER}\.c1_d\.weight", first=1)
    config = {"width": dim(shapes, "fea_conv.weight", 0), "depth": depth}
    return _distilled(shapes, options, config, _gathering("B"))


def _rlfn(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    challenge = "fea_conv.weight" in shapes
    blocks, first = ("B", "fea_conv.weight") if challenge else ("block_", "conv_1.weight")
    config = {
        "width": dim(shapes, first, 0),
        "depth": count(shapes, rf"{blocks}{_NUMBER}\.c1_r\.weight", first=1),
        "middle": dim(shapes, f"{blocks}1.c1_r.weight", 0),
        "esa_channels": dim(shapes, f"{blocks}1.esa.conv1.weight", 0),
    }
    return _distilled(shapes, options, config, _gathering(blocks))


def _fsrcnn(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    del options
    last = count(shapes, rf"f{_NUMBER}", first=1)
    scale = root(dim(shapes, f"f{last}", 0))
    names = {f"f{index + 1}": f"layers.{index}" for index in range(last - 1)}
    names |= {f"b{index + 1}": f"layers.{index}.bias" for index in range(last - 1)}
    names |= {f"alpha{index + 1}": f"slopes.{index}" for index in range(last - 1)}
    return Plan(
        scale=scale,
        config={"width": dim(shapes, "f1", 0), "depth": last - 4, "shrink": dim(shapes, "f2", 0), "tail": "subpixel"},
        names=names | {f"f{last}": "enlarge.expand", f"b{last}": "enlarge.bias"},
        chroma="bilinear-opencv",
    )


def _espcn(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    del options
    last = count(shapes, rf"f{_NUMBER}", first=1)
    names = {f"f{index + 1}": f"layers.{index}" for index in range(last)}
    names |= {f"b{index + 1}": f"layers.{index}.bias" for index in range(last)}
    return Plan(
        scale=root(dim(shapes, f"f{last}", 0)),
        config={"width": dim(shapes, "f1", 0), "depth": last - 2, "activation": "relu", "bounded": True},
        names=names,
        chroma="bilinear-opencv",
    )


LAYOUTS = (
    Layout("IMDN", "imdn", ("fea_conv.weight", "IMDB1.c1.weight", "upsampler.0.weight"), _imdn),
    Layout("RFDN", "rfdn", ("fea_conv.weight", "B1.c1_d.weight", "upsampler.0.weight"), _rfdn),
    Layout("RLFN, NTIRE 2022", "rlfn", ("fea_conv.weight", "B1.c1_r.weight", "upsampler.0.weight"), _rlfn),
    Layout("RLFN", "rlfn", ("conv_1.weight", "block_1.c1_r.weight", "upsampler.0.weight"), _rlfn),
    Layout("OpenCV's FSRCNN", "fsrcnn", ("f1", "b1", "alpha1"), _fsrcnn),
    Layout("OpenCV's ESPCN", "espcn", ("f1", "b1", "f3"), _espcn),
)
