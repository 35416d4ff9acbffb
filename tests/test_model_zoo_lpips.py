import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy import signal

from model_zoo.lpips import BACKBONES, STEPS, Lpips, load_lpips
from tests.awkward import picture

# torchvision's `features`, written down once more: (kind, number, kernel, stride, padding), * where LPIPS compares
LAYERS = {
    "alex": ["c0:11/4+2*", "p3", "c3:5/1+2*", "p3", "c6:3/1+1*", "c8:3/1+1*", "c10:3/1+1*"],
    "vgg": [
        "c0:3/1+1", "c2:3/1+1*", "p2", "c5:3/1+1", "c7:3/1+1*", "p2", "c10:3/1+1", "c12:3/1+1", "c14:3/1+1*", "p2",
        "c17:3/1+1", "c19:3/1+1", "c21:3/1+1*", "p2", "c24:3/1+1", "c26:3/1+1", "c28:3/1+1*",
    ],
    "squeeze": ["c0:3/2+0*", "P3", "f3", "f4*", "P3", "f6", "f7*", "P3", "f9*", "f10*", "f11*", "f12*"],
}  # fmt: skip


def conv(x, weight, bias, stride, padding):
    """(C, H, W) by O I H W, in NumPy."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    sums = np.stack([sum(signal.correlate(p, k, "valid") for p, k in zip(x, ks, strict=True)) for ks in weight])
    return np.maximum(sums[:, ::stride, ::stride] + bias[:, None, None], 0)


def pool(x, size, ceil):
    starts = [range(0, n - size + 1 + (ceil and (n - size) % 2), 2) for n in x.shape[1:]]
    return np.stack([[x[:, i : i + size, j : j + size].max((1, 2)) for j in starts[1]] for i in starts[0]]).transpose(
        2, 0, 1
    )


def made_up(net, seed=0):
    """Weights of two to five channels a layer."""
    random = np.random.default_rng(seed)
    backbone, linear, channels, taps = {}, {}, 3, 0

    def add(layer, outputs, inputs, size):
        backbone[f"{layer}.weight"] = random.normal(0, 0.5, (outputs, inputs, size, size)).astype(np.float32)
        backbone[f"{layer}.bias"] = random.normal(0, 0.2, outputs).astype(np.float32)

    for layer in LAYERS[net]:
        if layer[0] == "c":
            number, rest = layer[1:].split(":")
            width = int(random.integers(2, 6))
            add(f"features.{number}", width, channels, int(rest.split("/")[0]))
            channels = width
        elif layer[0] == "f":
            number = layer[1:].rstrip("*")
            add(f"features.{number}.squeeze", 2, channels, 1)
            add(f"features.{number}.expand1x1", 3, 2, 1)
            add(f"features.{number}.expand3x3", 2, 2, 3)
            channels = 5
        if layer.endswith("*"):
            linear[f"lin{taps}.model.1.weight"] = random.random((1, channels, 1, 1)).astype(np.float32)
            taps += 1
    backbone["classifier.1.weight"] = np.zeros((2, 2), np.float32)  # more than is needed does no harm
    return backbone, linear


def features(net, backbone, pixels):
    """What LPIPS compares, by the formula."""
    shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    x = ((pixels / 127.5 - 1 - shift) / scale).transpose(2, 0, 1)
    found = []
    for layer in LAYERS[net]:
        name = f"features.{layer[1:].split(':')[0].rstrip('*')}"
        if layer[0] in "pP":
            x = pool(x, int(layer[1]), layer[0] == "P")
        elif layer[0] == "c":
            stride, padding = map(int, layer.rstrip("*").split("/")[1].split("+"))
            x = conv(x, backbone[f"{name}.weight"], backbone[f"{name}.bias"], stride, padding)
        else:
            parts = {p: (backbone[f"{name}.{p}.weight"], backbone[f"{name}.{p}.bias"]) for p in
                     ("squeeze", "expand1x1", "expand3x3")}  # fmt: skip
            s = conv(x, *parts["squeeze"], 1, 0)
            x = np.concatenate([conv(s, *parts["expand1x1"], 1, 0), conv(s, *parts["expand3x3"], 1, 1)])
        if layer.endswith("*"):
            found.append(x / (np.sqrt((x**2).sum(0)) + 1e-10))
    return found


@pytest.mark.parametrize("net", list(BACKBONES))
def test_the_distance_is_the_formulas(net):
    backbone, linear = made_up(net)
    first, second = picture(45, 36), picture(45, 36, seed=1)
    expected = sum(
        (((a - b) ** 2) * linear[f"lin{k}.model.1.weight"][0]).sum(0).mean()
        for k, (a, b) in enumerate(zip(features(net, backbone, first), features(net, backbone, second), strict=True))
    )
    distance = Lpips(net, backbone, linear)
    assert distance(first, second) == pytest.approx(expected, rel=1e-4)  # float32 against float64
    assert expected > 1e-4 and distance(first, first) < 1e-12
    assert sum(step.tap for step in STEPS[net]) == len(linear)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_weights_are_found_by_their_authors_names(tmp_path, suffix):
    save = np.savez if suffix == ".npz" else lambda path, **arrays: save_file(arrays, path)
    assert load_lpips(tmp_path) is None
    backbone, linear = made_up("squeeze")
    save(str(tmp_path / f"squeezenet1_1-b8a52dc0{suffix}"), **backbone)
    assert load_lpips(tmp_path) is None  # the channels' weights are missing
    save(str(tmp_path / f"squeeze{suffix}"), **linear)
    distance = load_lpips(tmp_path)
    assert distance is not None and distance.net == "squeeze"
    assert load_lpips(tmp_path, "alex") is None
    first, second = picture(32, 40), picture(32, 40, seed=1)
    assert distance(first, second) == Lpips("squeeze", backbone, linear)(first, second)


def test_the_data_folder_is_where_weights_are_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("WHORL_DATA", str(tmp_path / "nowhere"))
    assert load_lpips() is None
    monkeypatch.setenv("WHORL_DATA", str(tmp_path))
    (tmp_path / "lpips").mkdir()
    assert load_lpips() is None
    backbone, linear = made_up("alex")
    np.savez(tmp_path / "lpips" / "alexnet-owt-7be5be79.npz", **backbone)
    np.savez(tmp_path / "lpips" / "alex.npz", **linear)
    assert getattr(load_lpips(), "net", None) == "alex"


def test_weights_that_do_not_fit_are_named():
    backbone, linear = made_up("alex")
    with pytest.raises(ValueError, match="features.3.weight must be there and anyx[2-5]x5x5, got nothing"):
        Lpips("alex", {k: v for k, v in backbone.items() if k != "features.3.weight"}, linear)
    with pytest.raises(ValueError, match="features.0.weight must be there and anyx3x11x11, got .*3, 3"):
        Lpips("alex", made_up("vgg")[0], linear)
    with pytest.raises(ValueError, match="lin4.model.1.weight must be there"):
        Lpips("alex", backbone, {k: v for k, v in linear.items() if k[3] != "4"})
    with pytest.raises(ValueError, match="net must be one of alex, vgg, squeeze, got 'resnet'"):
        Lpips("resnet", backbone, linear)
    with pytest.raises(ValueError, match="net must be one of"):
        load_lpips(net="resnet")


def test_pictures_that_cannot_be_compared_are_refused():
    distance = Lpips("alex", *made_up("alex"))
    with pytest.raises(ValueError, match="one size of at least 32x32"):
        distance(picture(40, 40), picture(40, 41))
    with pytest.raises(ValueError, match="one size of at least 32x32"):
        distance(picture(31, 40), picture(31, 40))
