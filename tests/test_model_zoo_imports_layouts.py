import numpy as np
import pytest
from imports_names import CASES, GATHER, RANGED, RFDN, case, draw, edsr, numbered_blocks, theirs_of

from model_zoo.imports import recognise
from model_zoo.imports.layouts import count, dim, root
from model_zoo.imports.recognise import LAYOUTS
from model_zoo.network import Network


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
