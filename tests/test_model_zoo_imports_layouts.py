import numpy as np
import pytest

from model_zoo.functional import skeleton
from model_zoo.imports import recognise
from model_zoo.imports.layouts import count, dim, root
from model_zoo.imports.recognise import LAYOUTS
from model_zoo.network import Network


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


@pytest.mark.parametrize("name", CASES)
def test_architecture_sizes_and_every_array_are_found(name):
    layout, function, params, config, arrays = case(name)
    options = {"value_range": 1.0} if function.architecture in RANGED else None
    found = recognise(arrays, options)
    assert found.layout == layout
    assert found.function == function
    wanted = config | ({"value_range": 1.0} if options else {})
    assert found.config == wanted
    assert found.border == ("replicate-10" if "ncnn" in layout else "zero")
    assert found.params.keys() == params.keys()
    for key, value in params.items():
        np.testing.assert_allclose(found.params[key], value, rtol=1e-6)  # times and by 255


def test_every_layout_is_tried_here():
    assert {layout.name for layout in LAYOUTS} == {spec[0] for spec in CASES.values()} | {
        "OpenCV's FSRCNN",
        "OpenCV's ESPCN",
    }


def cross_correlate(image, weight, bias):
    """What PyTorch's convolution with half a kernel of zeros around does, (C, H, W), written out."""
    size = weight.shape[-1]
    padded = np.pad(image, ((0, 0), (size // 2,) * 2, (size // 2,) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    return np.einsum("ihwyx,oiyx->ohw", windows, weight) + bias[:, None, None]


def test_basicsr_edsr_gives_what_its_definition_gives():
    _, _, _, _, arrays = case("edsr-x2")
    arrays = {name: array.astype(np.float64) for name, array in arrays.items()}
    pixels = np.random.default_rng(1).integers(0, 256, (7, 6, 3), dtype=np.uint8)
    mean = np.array([0.4488, 0.4371, 0.4040])[:, None, None]

    def layer(name, image):
        return cross_correlate(image, arrays[f"{name}.weight"], arrays[f"{name}.bias"])

    first = hidden = layer("conv_first", (pixels.transpose(2, 0, 1) / 255 - mean) * 255)
    for block in range(2):
        inner = np.maximum(layer(f"body.{block}.conv1", hidden), 0)
        hidden = hidden + layer(f"body.{block}.conv2", inner)
    spread = layer("upsample.0", layer("conv_after_body", hidden) + first)
    channels, height, width = spread.shape
    shuffled = spread.reshape(channels // 4, 2, 2, height, width).transpose(0, 3, 1, 4, 2).reshape(-1, 14, 12)
    wanted = (layer("conv_last", shuffled) / 255 + mean).transpose(1, 2, 0)

    found = recognise({name: array.astype(np.float32) for name, array in arrays.items()})
    made = Network(found.function, found.params, border=found.border).raw(pixels)
    assert np.abs(made - wanted).max() * 255 < 0.01


def test_opencv_layouts():
    for architecture, config, tail in (
        ("fsrcnn", {"width": 5, "depth": 2, "shrink": 3, "tail": "subpixel"}, "enlarge.expand"),
        ("espcn", {"width": 6, "depth": 1, "activation": "relu", "bounded": True}, None),
    ):
        function, params = draw(architecture, 3, config)
        layers = [name.removesuffix(".kernel") for name in params if name.endswith(".kernel")]
        order = sorted((name for name in layers if name != tail), key=lambda n: int(n.split(".")[1])) + [tail]
        arrays = {}
        for number, ours in enumerate((name for name in order if name), 1):
            arrays[f"f{number}"] = params[f"{ours}.kernel"].transpose(3, 2, 0, 1)
            arrays[f"b{number}"] = params["enlarge.bias" if ours == tail else f"{ours}.bias"]
            if architecture == "fsrcnn" and ours != tail:
                arrays[f"alpha{number}"] = params[f"slopes.{number - 1}.slope"]
        found = recognise(arrays)
        assert (found.function, found.config, found.chroma) == (function, config, "bilinear-opencv")
        for key, value in params.items():
            np.testing.assert_array_equal(found.params[key], value)


class TestWhatShapesDontTell:
    def test_the_range_of_values_is_found_by_trial(self):
        config = {"width": 8, "depth": 1}
        _, params = draw("rfdn", 2, config)
        params = {name: np.zeros_like(value) for name, value in params.items()}
        params["fea_conv.kernel"][1, 1, :, :3] = np.eye(3)
        params["upsampler.kernel"][1, 1, :3] = np.tile(np.eye(3), (1, 4))
        params["upsampler.bias"][:] = 5.0  # of 255: a detail; of 1: nonsense
        names = numbered_blocks("B", 1, RFDN, [*GATHER, ("c.0", "c")])
        assert recognise(theirs_of(params, names, [("upsampler", 2)])).config == config | {"value_range": 255.0}
        params["upsampler.kernel"] *= np.float32(0.9)
        params["upsampler.bias"][:] = 0.05  # of 1: makes up for the lower contrast; of 255: does not
        assert recognise(theirs_of(params, names, [("upsampler", 2)])).config == config

    def test_residuals_of_wide_edsr_are_scaled_as_its_authors_did(self):
        config = {"width": 256, "depth": 1}
        _, params = draw("edsr", 2, config)
        arrays = theirs_of(params, edsr(1, [2]), [("up.0", 2)])
        assert recognise(arrays).config == config | {"res_scale": 0.1}
        assert recognise(arrays, {"res_scale": 1.0}).config == config | {"res_scale": 1.0}

    def test_edsr_of_another_range(self):
        _, _, params, _, arrays = case("edsr-x2")
        found = recognise(arrays, {"value_range": 1.0})
        np.testing.assert_allclose(found.params["head.kernel"], params["head.kernel"] / 255, rtol=1e-6)
        assert found.config == {"width": 4, "depth": 2}
        with pytest.raises(ValueError, match="value_range must be above 0, got -1.0"):
            recognise(arrays, {"value_range": -1})

    def test_an_option_the_network_has_not_is_refused(self):
        with pytest.raises(
            ValueError, match=r"it looks like BasicSR's EDSR, but arguments \['depth', 'sped', 'width'\]"
        ):
            recognise(case("edsr-x2")[-1], {"sped": 2})


class TestWhatDoesNotFit:
    def test_unknown_arrays(self):
        with pytest.raises(ValueError, match="the arrays are of no known network: 'a', 'b' ..."):
            recognise({"b": np.zeros(3, np.float32), "a": np.zeros(3, np.float32)})

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"body.1.conv2.bias": None}, "no array for edsr's blocks.1.second.bias"),
            ({"extra": np.zeros(3)}, "array 'extra' has no place in edsr"),
            ({"conv_last.weight": np.zeros((1, 4, 3, 3))}, "'conv_last.weight' does not fit edsr, it is 1x4x3x3"),
            ({"conv_first.weight": np.zeros(4)}, "does not fit edsr"),
            ({"conv_last.bias": np.full(3, np.nan)}, "'conv_last.bias' holds what is no finite number"),
            ({"conv_last.bias": np.full(3, 1e300)}, "'conv_last.bias' holds what is no finite number"),
            ({"conv_last.bias": np.zeros((3, 0))}, "an array is empty"),
            ({"body.9.conv1.weight": np.zeros((4, 4, 3, 3))}, "must be numbered in a row from 0"),
            ({"upsample.0.weight": np.zeros((5, 4, 3, 3))}, "5 channels are no 4 times a square"),
            ({"upsample.0.weight": np.zeros((400, 4, 3, 3))}, "scale must be"),
            ({"sub_mean.weight": np.eye(3), "sub_mean.bias": np.ones(3)}, "other numbers than ours"),
        ],
    )  # fmt: skip
    def test_damaged_edsr(self, change, message):
        arrays = dict(case("edsr-x2")[-1])
        for name, array in change.items():
            arrays[name] = array
            if array is None:
                del arrays[name]
        with pytest.raises(ValueError, match=message):
            recognise(arrays)

    def test_the_authors_mean_must_be_ours(self):
        arrays = dict(case("edsr authors")[-1])
        mean = np.array([0.4488, 0.4371, 0.4040], np.float32)
        for name, sign in (("sub_mean", -1), ("add_mean", 1)):
            arrays[f"{name}.weight"] = np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)
            arrays[f"{name}.bias"] = sign * 255 * mean
        assert recognise(arrays).config == {"width": 4, "depth": 2}
        arrays["add_mean.bias"] = 255 * mean + 1
        with pytest.raises(ValueError, match="array 'add_mean.bias' holds other numbers than ours"):
            recognise(arrays)

    def test_networks_without_slopes_or_enlargement(self):
        arrays = {name: a for name, a in case("srvgg")[-1].items() if "1.weight" not in name or name == "body.1.weight"}
        del arrays["body.7.weight"]
        with pytest.raises(ValueError, match="must be convolutions and learnt slopes"):
            recognise(arrays)
        arrays = {name: array for name, array in case("swinir lightweight")[-1].items() if "upsample" not in name}
        with pytest.raises(ValueError, match="without enlargement .* it is no super-resolution network"):
            recognise(arrays)

    def test_swinir_with_a_window_of_two_sizes(self):
        arrays = dict(case("swinir classical")[-1])
        index = "layers.0.residual_group.blocks.0.attn.relative_position_index"
        arrays[index] = np.zeros((16, 16), np.int64)
        arrays["layers.0.residual_group.blocks.1.attn_mask"] = np.zeros((4, 16, 16), np.float32)
        assert recognise(arrays).config["window"] == 4
        arrays[index] = np.zeros((64, 64), np.int64)
        with pytest.raises(ValueError, match="must belong to one window"):
            recognise(arrays)

    def test_more_modules_than_arrays_are_not_built(self):
        arrays = dict(case("rcan-x2")[-1])
        with pytest.raises(ValueError, match="arrays are too few for"):
            recognise(arrays, {"depth": 100_000})


def test_sizes_are_read_or_refused():
    shapes = {"a.0.w": (4, 3), "a.1.w": (4, 3)}
    assert (count(shapes, r"a\.(\d+)\.w"), dim(shapes, "a.0.w", 1), root(48, 3)) == (2, 3, 4)
    with pytest.raises(ValueError, match="there is no array 'b' with 1 axes"):
        dim(shapes, "b", 0)
    with pytest.raises(ValueError, match="must be numbered in a row from 1"):
        count(shapes, r"a\.(\d+)\.w", first=1)
    with pytest.raises(ValueError, match="50 channels are no 3 times a square"):
        root(50, 3)
