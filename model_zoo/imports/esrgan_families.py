"""Layouts of RRDBNet, in the three namings it has had, and of SRVGGNetCompact, as PyTorch and as ncnn name it.

References:
    Wang et al., "ESRGAN", ECCVW 2018; Wang, Xie, Dong, Shan, "Real-ESRGAN", ICCVW 2021.
"""

import re
from collections.abc import Mapping
from typing import Any

from model_zoo.imports.layouts import Layout, Plan, Rule, Shapes, count, dim, numbered, renamed, root

_NUMBER = r"(\d{1,4})"
_DENSE = r"conv([1-5])"
_NCNN_PADDING = "replicate-10"  # what the ncnn consumer of Real-ESRGAN's networks puts around each tile


def _rrdbnet(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    del options
    rules: list[Rule] = [
        (rf"body\.{_NUMBER}\.rdb([123])\.{_DENSE}", r"body.\1.rdb\2.conv\3"),
        numbered(r"conv_up(\d)", "conv_up.{}", first=1),
        ("conv_first|conv_body|conv_hr|conv_last", r"\g<0>"),
    ]
    return _plan(shapes, rules, "conv_first.weight", "body.0.rdb1.conv1.weight", rf"body\.{_NUMBER}\.rdb1.conv1.weight")


def _rrdbnet_esrgan(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    del options
    rules: list[Rule] = [
        (rf"RRDB_trunk\.{_NUMBER}\.RDB([123])\.{_DENSE}", r"body.\1.rdb\2.conv\3"),
        numbered(r"upconv(\d)", "conv_up.{}", first=1),
        ("trunk_conv", "conv_body"),
        ("HRconv", "conv_hr"),
        ("conv_first|conv_last", r"\g<0>"),
    ]
    first, blocks = "RRDB_trunk.0.RDB1.conv1.weight", rf"RRDB_trunk\.{_NUMBER}\.RDB1\.conv1\.weight"
    return _plan(shapes, rules, "conv_first.weight", first, blocks)


def _rrdbnet_old(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    """`model.N`: the first convolution, the blocks, as many enlargements as there are, and two more convolutions."""
    del options
    found = (re.fullmatch(rf"model\.{_NUMBER}\.weight", name) for name in shapes)
    order = sorted(int(match[1]) for match in found if match)
    if len(order) < 4:
        raise ValueError("there must be at least four convolutions 'model.N'")
    depth = count(shapes, rf"model\.1\.sub\.{_NUMBER}\.RDB1\.conv1\.0\.weight")
    ends = ["conv_first", *(f"conv_up.{index}" for index in range(len(order) - 3)), "conv_hr", "conv_last"]
    rules: list[Rule] = [
        (rf"model\.1\.sub\.{_NUMBER}\.RDB([123])\.{_DENSE}\.0", r"body.\1.rdb\2.conv\3"),
        (rf"model\.1\.sub\.{depth}", "conv_body"),
        *((rf"model\.{number}", ours) for number, ours in zip(order, ends, strict=True)),
    ]
    pattern = rf"model\.1\.sub\.{_NUMBER}\.RDB1\.conv1\.0\.weight"
    return _plan(shapes, rules, "model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight", pattern)


def _plan(shapes: Shapes, rules: list[Rule], head: str, first: str, blocks: str) -> Plan:
    names = renamed(shapes, rules)
    block = root(dim(shapes, head, 1), 3)
    steps = len({name for name in names.values() if re.fullmatch(r"conv_up\.\d", name)})
    if not 1 <= steps <= 3 or block not in (1, 2, 4) or 2**steps < block:
        raise ValueError(f"an RRDBNet must enlarge from 1 to 3 times, got {steps}, with {block}x{block} pixels packed")
    scale = 2**steps // block
    config: dict[str, Any] = {
        "width": dim(shapes, head, 0),
        "depth": count(shapes, blocks),
        "growth": dim(shapes, first, 0),
    }
    if block == 1 and scale in (1, 2):
        config["unshuffle"] = False
    return Plan(
        scale=scale, config=config, names=names, unshuffles={"conv_first": block} if block > 1 else {}
    )  # fmt: skip


def _srvgg(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    del options
    return _compact(shapes, renamed(shapes, [(rf"body\.{_NUMBER}", r"body.\1")]), "body.{}.weight", "zero")


def _srvgg_ncnn(shapes: Shapes, options: Mapping[str, Any]) -> Plan:
    del options
    rules: list[Rule] = [(rf"Conv_{_NUMBER}", r"body.\1"), (rf"PRelu_{_NUMBER}\.slope", r"body.\1")]
    return _compact(shapes, renamed(shapes, rules), "Conv_{}.weight", _NCNN_PADDING)


def _compact(shapes: Shapes, names: dict[str, str], pattern: str, border: str) -> Plan:
    last = max((int(ours.split(".")[1]) for ours in names.values()), default=0)
    if last < 4 or last % 2 or f"body.{last - 1}" not in names.values():
        raise ValueError("an SRVGGNetCompact must be convolutions and learnt slopes (PReLU) in turn")
    scale = root(dim(shapes, pattern.format(last), 0), 3)
    return Plan(
        scale=scale,
        config={"width": dim(shapes, pattern.format(0), 0), "depth": min(last, len(shapes)) // 2 - 1},
        names=names,
        shuffles={f"body.{last}": scale},
        border=border,
    )


LAYOUTS = (
    Layout("BasicSR's RRDBNet", "rrdbnet", ("conv_first.weight", "body.0.rdb1.conv1.weight"), _rrdbnet),
    Layout("ESRGAN's RRDBNet", "rrdbnet", ("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight"), _rrdbnet_esrgan),
    Layout("old ESRGAN's RRDBNet", "rrdbnet", ("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"), _rrdbnet_old),
    Layout("BasicSR's SRVGGNetCompact", "srvgg", ("body.0.weight", "body.1.weight", "body.2.weight"), _srvgg),
    Layout("ncnn's SRVGGNetCompact", "srvgg", ("Conv_0.weight", "PRelu_1.slope", "Conv_2.weight"), _srvgg_ncnn),
)
