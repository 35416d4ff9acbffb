"""Small networks under the names that others give their arrays, written another way than the import reads them."""

import numpy as np

from model_zoo.functional import skeleton


def steps(scale):
    """How many sub-pixel steps lead to a scale, and the factor of each."""
    return [3] if scale == 3 else [2] * (scale.bit_length() - 1)


def ends(factors, names=("conv_first", "conv_after_body", "upsample", "conv_last")):
    """First and last layers of the EDSR family in BasicSR's names."""
    first, body, up, last = names
    pairs = [(first, "head"), (body, "body"), (last, "tail")]
    return pairs + [(f"{up}.{2 * k}", f"up.{k}") for k in range(len(factors))]


def edsr(depth, factors):
    blocks = [(f"body.{b}.conv{k}", f"blocks.{b}.{n}") for b in range(depth) for k, n in ((1, "first"), (2, "second"))]
    return blocks + ends(factors)


def authors(depth, factors):
    return [("head.0", "head"), (f"body.{depth}", "body"), ("tail.1", "tail")] + [
        (f"tail.0.{2 * k}", f"up.{k}") for k in range(len(factors))
    ]


def edsr_authors(depth, factors):
    inner = ((0, "first"), (2, "second"))
    blocks = [(f"body.{b}.body.{k}", f"blocks.{b}.{n}") for b in range(depth) for k, n in inner]
    return blocks + authors(depth, factors)


def rcan(depth, blocks, factors):
    layers = (
        ("0", "first"),
        ("2", "second"),
        ("3.attention.1", "attention.squeeze"),
        ("3.attention.3", "attention.excite"),
    )
    inner = [
        (f"body.{g}.residual_group.{b}.rcab.{theirs}", f"groups.{g}.blocks.{b}.{ours}")
        for g in range(depth) for b in range(blocks) for theirs, ours in layers
    ]  # fmt: skip
    return inner + [(f"body.{g}.conv", f"groups.{g}.body") for g in range(depth)] + ends(factors)


def rcan_authors(depth, blocks, factors):
    layers = (
        ("0", "first"),
        ("2", "second"),
        ("3.conv_du.0", "attention.squeeze"),
        ("3.conv_du.2", "attention.excite"),
    )
    inner = [
        (f"body.{g}.body.{b}.body.{theirs}", f"groups.{g}.blocks.{b}.{ours}")
        for g in range(depth) for b in range(blocks) for theirs, ours in layers
    ]  # fmt: skip
    groups = [(f"body.{g}.body.{blocks}", f"groups.{g}.body") for g in range(depth)]
    return inner + groups + authors(depth, factors)


def rdn(depth, layers, factors):
    pairs = [(f"RDBs.{d}.convs.{c}.conv.0", f"blocks.{d}.layers.{c}") for d in range(depth) for c in range(layers)]
    pairs += [(f"RDBs.{d}.LFF", f"blocks.{d}.fuse") for d in range(depth)]
    pairs += [("SFENet1", "head"), ("SFENet2", "second"), ("GFF.0", "fuse"), ("GFF.1", "body")]
    return (
        pairs + [(f"UPNet.{2 * k}", f"up.{k}") for k in range(len(factors))] + [(f"UPNet.{2 * len(factors)}", "tail")]
    )


def srresnet(depth, factors):
    pairs = [(f"body.{b}.conv{k}", f"body.{b}.conv{k}") for b in range(depth) for k in (1, 2)]
    pairs += [(f"upconv{k + 1}", f"upconv.{k}") for k in range(len(factors))]
    return pairs + [(name, name) for name in ("conv_first", "conv_hr", "conv_last")]


def rrdbnet(depth, ups):
    inner = [f"body.{b}.rdb{k}.conv{c}" for b in range(depth) for k in (1, 2, 3) for c in range(1, 6)]
    outer = ["conv_first", "conv_body", "conv_hr", "conv_last"]
    return [(name, name) for name in inner + outer] + [(f"conv_up{k + 1}", f"conv_up.{k}") for k in range(ups)]


def rrdbnet_esrgan(depth, ups):
    words = (("body.", "RRDB_trunk."), ("rdb", "RDB"), ("conv_body", "trunk_conv"), ("conv_up", "upconv"))
    pairs = []
    for theirs, ours in rrdbnet(depth, ups):
        for old, new in (*words, ("conv_hr", "HRconv")):
            theirs = theirs.replace(old, new)
        pairs.append((theirs, ours))
    return pairs


def rrdbnet_old(depth, ups):
    places = {"conv_first": 0, "conv_up1": 3, "conv_up2": 6, "conv_hr": 2 + 3 * ups, "conv_last": 4 + 3 * ups}
    pairs = []
    for theirs, ours in rrdbnet(depth, ups):
        if theirs == "conv_body":
            pairs.append((f"model.1.sub.{depth}", ours))
        elif theirs in places:
            pairs.append((f"model.{places[theirs]}", ours))
        else:
            _, block, dense, conv = theirs.split(".")
            pairs.append((f"model.1.sub.{block}.{dense.upper()}.{conv}.0", ours))
    return pairs


def srvgg(depth):
    return [(f"body.{k}", f"body.{k}") for k in range(2 * depth + 3)]


def srvgg_ncnn(depth):
    return [(f"PRelu_{k}" if k % 2 else f"Conv_{k}", f"body.{k}") for k in range(2 * depth + 3)]


def swinir(depth, blocks, residual, last):
    convs = (
        [("", ".layers.0")] if residual == "1conv" else [(".0", ".layers.0"), (".2", ".layers.1"), (".4", ".layers.2")]
    )
    pairs = [("conv_first", "head"), ("patch_embed.norm", "first_norm"), ("norm", "last_norm")]
    pairs += [(f"conv_after_body{theirs}", f"body{ours}") for theirs, ours in convs]
    for g in range(depth):
        pairs += [(f"layers.{g}.conv{theirs}", f"groups.{g}.conv{ours}") for theirs, ours in convs]
        for b in range(blocks):
            names = [("norm1", "norm1"), ("norm2", "norm2"), ("attn.qkv", "attn.qkv"), ("attn.proj", "attn.proj")]
            names += [("mlp.fc1", "fc1"), ("mlp.fc2", "fc2")]
            stem = f"layers.{g}.residual_group.blocks.{b}"
            pairs += [(f"{stem}.{theirs}", f"groups.{g}.blocks.{b}.{ours}") for theirs, ours in names]
            pairs.append((f"{stem}.attn.relative_position_bias_table", f"groups.{g}.blocks.{b}.attn.offsets"))
    return pairs + last


def numbered_blocks(prefix, depth, inner, names):
    pairs = [(f"{prefix}{b + 1}.{name}", f"blocks.{b}.{name}") for b in range(depth) for name in inner]
    return pairs + names


ESA = [f"esa.{name}" for name in ("conv1", "conv2", "conv3", "conv4", "conv_f")]
ENDS = [("conv_1", "fea_conv"), ("conv_2", "lr_conv"), ("upsampler.0", "upsampler")]
GATHER = [("fea_conv", "fea_conv"), ("LR_conv", "lr_conv"), ("upsampler.0", "upsampler")]
IMDN = [(f"IMDB{b + 1}.cca.conv_du.{2 * k}", f"blocks.{b}.cca.conv_du.{k}") for b in range(2) for k in range(2)]
RFDN = ["c1_d", "c1_r", "c2_d", "c2_r", "c3_d", "c3_r", "c4", "c5", *ESA, "esa.conv_max", "esa.conv3_"]
RLFN = ["c1_r", "c2_r", "c3_r", "c5", *ESA]
REAL = {"upsampler": "nearest+conv", "features": 64}
ENDING = [("conv_before_upsample.0", "before"), ("conv_last", "tail")]
SWIN = {"width": 8, "depth": 2, "blocks": 2, "heads": 2, "window": 4, "mlp_ratio": 2.0}
SCALED = {"head.kernel": 255, "tail.kernel": 1 / 255, "tail.bias": 1 / 255}

# layout, our architecture, scale, config as inferred, names, sub-pixel factors by our module, options
CASES = {
    **{
        f"edsr-x{s}": ("BasicSR's EDSR", "edsr", s, {"width": 4, "depth": 2}, edsr(2, steps(s)), steps(s))
        for s in (2, 3, 4, 8)
    },
    "edsr authors": ("EDSR's authors'", "edsr", 4, {"width": 4, "depth": 2}, edsr_authors(2, [2, 2]), [2, 2]),
    **{
        f"rcan-x{s}": (
            "BasicSR's RCAN", "rcan", s, {"width": 6, "depth": 2, "blocks": 3, "reduction": 3},
            rcan(2, 3, steps(s)), steps(s),
        )
        for s in (2, 3)
    },
    "rcan authors": (
        "RCAN's authors'", "rcan", 2, {"width": 6, "depth": 2, "blocks": 3, "reduction": 2},
        rcan_authors(2, 3, [2]), [2],
    ),
    **{
        f"rdn-x{s}": (
            "RDN's authors'", "rdn", s, {"width": 4, "depth": 2, "layers": 2, "growth": 3},
            rdn(2, 2, steps(s)), steps(s),
        )
        for s in (2, 4)
    },
    "srresnet": ("BasicSR's SRResNet", "srresnet", 4, {"width": 4, "depth": 2}, srresnet(2, [2, 2]), [2, 2]),
    "rrdbnet": ("BasicSR's RRDBNet", "rrdbnet", 4, {"width": 4, "depth": 2, "growth": 3}, rrdbnet(2, 2), []),
    "rrdbnet-x2": ("BasicSR's RRDBNet", "rrdbnet", 2, {"width": 4, "depth": 1, "growth": 3}, rrdbnet(1, 2), []),
    "rrdbnet-x1": ("BasicSR's RRDBNet", "rrdbnet", 1, {"width": 4, "depth": 1, "growth": 3}, rrdbnet(1, 2), []),
    "esrgan": ("ESRGAN's RRDBNet", "rrdbnet", 4, {"width": 4, "depth": 2, "growth": 3}, rrdbnet_esrgan(2, 2), []),
    "old esrgan": ("old ESRGAN's RRDBNet", "rrdbnet", 4, {"width": 4, "depth": 2, "growth": 3}, rrdbnet_old(2, 2), []),
    "old esrgan-x2": (
        "old ESRGAN's RRDBNet", "rrdbnet", 2, {"width": 4, "depth": 1, "growth": 3, "unshuffle": False},
        rrdbnet_old(1, 1), [],
    ),
    "srvgg": ("BasicSR's SRVGGNetCompact", "srvgg", 4, {"width": 4, "depth": 3}, srvgg(3), [4]),
    "srvgg ncnn": ("ncnn's SRVGGNetCompact", "srvgg", 2, {"width": 4, "depth": 3}, srvgg_ncnn(3), [2]),
    "swinir classical": (
        "SwinIR", "swinir", 4, SWIN | {"residual": "1conv", "upsampler": "pixelshuffle", "features": 64},
        swinir(2, 2, "1conv", [*ENDING, ("upsample.0", "up.0"), ("upsample.2", "up.1")]), [2, 2],
    ),
    "swinir lightweight": (
        "SwinIR", "swinir", 3, SWIN | {"residual": "1conv", "upsampler": "pixelshuffledirect", "mlp_ratio": 1.5},
        swinir(2, 2, "1conv", [("upsample.0", "up.0")]), [3],
    ),
    "swinir real-world": (
        "SwinIR", "swinir", 4, SWIN | {"residual": "1conv"} | REAL,
        swinir(2, 2, "1conv", [*ENDING, ("conv_up1", "up.0"), ("conv_up2", "up.1"), ("conv_hr", "after")]), [],
    ),
    "swinir real-world-x2, three convolutions": (
        "SwinIR", "swinir", 2, SWIN | {"residual": "3conv"} | REAL,
        swinir(2, 2, "3conv", [*ENDING, ("conv_up1", "up.0"), ("conv_hr", "after")]), [],
    ),
    "imdn": (
        "IMDN", "imdn", 3, {"width": 8, "depth": 2},
        numbered_blocks("IMDB", 2, ["c1", "c2", "c3", "c4", "c5"], [*IMDN, *GATHER, ("c.0", "c")]), [3],
    ),
    "rfdn": (
        "RFDN", "rfdn", 2, {"width": 8, "depth": 2}, numbered_blocks("B", 2, RFDN, [*GATHER, ("c.0", "c")]), [2],
    ),
    "rlfn ntire": (
        "RLFN, NTIRE 2022", "rlfn", 4, {"width": 6, "depth": 2, "middle": 5, "esa_channels": 4},
        numbered_blocks("B", 2, RLFN, GATHER), [4],
    ),
    "rlfn": (
        "RLFN", "rlfn", 4, {"width": 6, "depth": 2, "middle": 6, "esa_channels": 4},
        numbered_blocks("block_", 2, RLFN, ENDS), [4],
    ),
}  # fmt: skip
SUBPIXEL = {"srvgg": ["body.8"], "imdn": ["upsampler"], "rfdn": ["upsampler"], "rlfn": ["upsampler"]}
RANGED = ("imdn", "rfdn", "rlfn")


def draw(architecture, scale, config):
    """A network's parameters, none of them zero."""
    function, shapes = skeleton(architecture, scale=scale, **config)
    random = np.random.default_rng(0)
    return function, {name: random.normal(0, 0.1, leaf.shape).astype(np.float32) for name, leaf in shapes.items()}


def theirs_of(params, names, shuffles, unshuffles=()):
    """Our parameters under their names and in their order: the inverse of the import, written another way."""
    arrays, shuffles, unshuffles = {}, dict(shuffles), dict(unshuffles)
    for their, ours in names:
        weight = next((params[f"{ours}.{k}"] for k in ("kernel", "scale", "slope") if f"{ours}.{k}" in params), None)
        if weight is None:
            arrays[their] = params[ours]  # a table
            continue
        bias = params.get(f"{ours}.bias")
        for factors, axis in ((shuffles, -1), (unshuffles, -2)):
            if ours in factors:
                weight = colours_first(weight, factors[ours], axis)
                bias = colours_first(bias, factors[ours], -1) if axis == -1 else bias
        if weight.ndim > 1:
            weight = np.moveaxis(weight, (-1, -2), (0, 1))
        arrays[f"{their}.slope" if their.startswith("PRelu") else f"{their}.weight"] = weight
        if bias is not None:
            arrays[f"{their}.bias"] = bias
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def colours_first(array, factor, axis):
    """From (row, column, colour) to (colour, row, column) along one axis."""
    moved = np.moveaxis(array, axis, -1)
    shape = moved.shape
    parts = moved.reshape(*shape[:-1], factor, factor, -1)
    return np.moveaxis(np.moveaxis(parts, -1, -3).reshape(shape), -1, axis)


def case(name):
    layout, architecture, scale, config, names, factors = CASES[name]
    function, params = draw(architecture, scale, config)
    modules = SUBPIXEL.get(architecture)
    if modules is None:
        modules = [f"upconv.{k}" if architecture == "srresnet" else f"up.{k}" for k in range(len(factors))]
    unshuffles = [("conv_first", 4 // scale)] if name in ("rrdbnet-x1", "rrdbnet-x2") else []
    stored = {key: value / SCALED.get(key, 1) for key, value in params.items()} if scaled(architecture) else params
    arrays = theirs_of(stored, names, zip(modules, factors, strict=True), unshuffles)
    return layout, function, params, config, arrays


def scaled(architecture):
    return architecture in ("edsr", "rcan", "rdn")
