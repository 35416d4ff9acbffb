import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from skimage import data

from model_zoo.losses.backbones import BACKBONES, max_pool
from model_zoo.losses.perceptual import Features, load_features, perceptual
from model_zoo.losses.spec import BACKBONES as DEFAULT_LAYERS
from model_zoo.losses.spec import parse_loss
from model_zoo.losses.total import make_objective


def resized(picture, side):
    picture = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
    return jnp.asarray(np.asarray(picture, np.float32)[None] / 255)


def probabilities(scores):
    scores = np.exp(scores - scores.max())
    return scores / scores.sum()


@pytest.mark.data("perceptual")
@pytest.mark.parametrize(
    ("picture", "label", "probability"),
    [("coffee", 967, 0.99), ("chelsea", 285, 0.80)],  # espresso, Egyptian cat: as the data folder's description says
)
def test_squeezenet_sees_coffee_and_a_cat(data_root, picture, label, probability):
    features, params = load_features("squeezenet/fire9")
    last = np.asarray(jax.jit(features.apply)(params, resized(getattr(data, picture)(), 227)))[0] * 34.0  # its unit
    arrays = np.load(data_root / "perceptual" / "squeezenet-v1.0-imagenet.npz")
    kernel = arrays["conv_final.weight"].astype(np.float32)[:, :, 0, 0]
    padded = np.pad(last, ((1, 1), (1, 1), (0, 0)))
    scores = np.maximum(padded @ kernel.T + arrays["conv_final.bias"].astype(np.float32), 0).mean(axis=(0, 1))
    assert scores.argmax() == label
    assert probabilities(scores)[label] == pytest.approx(probability, abs=0.03)  # how it was resized isn't said


@pytest.mark.data("perceptual")
def test_resnet56_sees_a_cat(data_root):
    features, params = load_features("resnet56/layer3")
    last = np.asarray(jax.jit(features.apply)(params, resized(data.chelsea()[:, 75:375], 32)))[0]
    arrays = np.load(data_root / "perceptual" / "resnet56-cifar10.npz")
    scores = last.mean(axis=(0, 1)) @ arrays["linear.weight"].T + arrays["linear.bias"]
    assert probabilities(scores)[3] > 0.95  # of CIFAR-10's classes cat is the third from zero


@pytest.mark.data("perceptual")
@pytest.mark.parametrize("text", ["paper-a", "perceptual:resnet56/layer1.1@16 + 0.001*gan"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_papers_recipe_has_finite_slopes(text, channels):
    objective, frozen = make_objective(parse_loss(text))
    truth = jnp.asarray(np.random.default_rng(0).random((2, 24, 20, channels)), jnp.float32)
    estimate = (truth * 0.9).astype(jnp.bfloat16)

    def total(estimate, frozen):
        return objective.generator(frozen, estimate, truth, jnp.zeros((2, 1)))

    (value, terms), slope = jax.jit(jax.value_and_grad(total, has_aux=True))(estimate, frozen)
    assert value.dtype == jnp.float32 and slope.dtype == jnp.bfloat16
    assert bool(jnp.isfinite(slope).all()) and bool(slope.any())
    assert set(terms) == {"perceptual", "gan"}
    assert 0.001 < float(terms["perceptual"]) < 10


@pytest.mark.data("perceptual")
def test_natural_pictures_have_features_near_one():
    picture = resized(data.coffee()[:96, :96], 96)
    for argument in ("squeezenet", "resnet56/layer1.0"):
        features, params = load_features(argument)
        assert 0.3 < float(jnp.sqrt(jnp.mean(jnp.square(jax.jit(features.apply)(params, picture))))) < 3


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("ceil", [False, True])
def test_pooling_takes_the_largest_of_each_window(size, padding, ceil):
    height, width = 6, 9
    images = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype(np.float32)
    rows, columns = ((side + 2 * padding - size + ceil) // 2 + 1 for side in (height, width))
    padded = np.pad(images, ((0, 0), (padding, 4), (padding, 4), (0, 0)), constant_values=-np.inf)
    expected = [
        [padded[:, 2 * y : 2 * y + size, 2 * x : 2 * x + size].max(axis=(1, 2)) for x in range(columns)]
        for y in range(rows)
    ]
    pooled = jax.jit(lambda images: max_pool(images, size, padding, ceil=ceil))(images)
    np.testing.assert_array_equal(pooled, np.moveaxis(np.array(expected), 2, 0))


@pytest.mark.data("perceptual")
def test_a_window_is_the_middle_of_the_picture():
    images = jnp.asarray(np.random.default_rng(0).random((1, 21, 18, 3)), jnp.float32)
    features, params = load_features("resnet56/stem@8")
    whole, _ = load_features("resnet56/stem")
    np.testing.assert_array_equal(features.apply(params, images), whole.apply(params, images[:, 6:14, 5:13]))
    large = dataclasses.replace(features, window=64)
    np.testing.assert_array_equal(large.apply(params, images), whole.apply(params, images))


def test_the_loss_is_the_mean_square_of_the_features_difference():
    features = Features("vgg19", "conv1_1")
    random = np.random.default_rng(0)
    kernel = random.normal(size=(3, 3, 3, 2)).astype(np.float32)
    params = {"features.0.kernel": jnp.asarray(kernel), "features.0.bias": jnp.ones((2,))}
    estimate, truth = random.random((2, 1, 5, 6, 3)).astype(np.float32)
    std = np.array([0.229, 0.224, 0.225])
    difference = np.pad((estimate - truth) / std, ((0, 0), (1, 1), (1, 1), (0, 0)))[0]
    features_difference = [
        [np.einsum("yxi,yxio->o", difference[y : y + 3, x : x + 3], kernel) for x in range(6)] for y in range(5)
    ]
    value = perceptual(features, params, jnp.asarray(estimate), jnp.asarray(truth))
    assert float(value) == pytest.approx(np.square(features_difference).mean(), rel=1e-5)  # float32 sums


def torchvision(backbone, layer, seed=0):
    """Arrays with the names and the layout of torchvision's files, as far as the layer."""
    random = np.random.default_rng(seed)
    network, channels, arrays = BACKBONES[backbone].until(layer), 3, {}
    widths = {"basic": lambda s: (64 * 2**s,) * 2, "bottleneck": lambda s: (64 * 2**s, 64 * 2**s, 256 * 2**s)}
    for step in network.steps:
        if not step.convolutions:
            continue
        outputs = (64,) if step.kind == "conv" else widths[step.kind](int(step.name[5]) - 1)
        inputs = (channels, *outputs[:-1])
        shapes = [(o, i, 3, 3) for o, i in zip(outputs, inputs, strict=True)]
        if step.kind == "bottleneck":
            shapes = [(*shape[:2], size, size) for shape, size in zip(shapes, (1, 3, 1), strict=True)]
        if step.name == "conv1":
            shapes = [(64, 3, 7, 7)]
        if step.shortcut == "projection":
            shapes.append((outputs[-1], channels, 1, 1))
        for name, shape in zip(step.convolutions, shapes, strict=True):
            arrays[f"{name}.weight"] = random.normal(0, 0.05, shape)
            if network.normalised:
                norm = name.replace("downsample.0", "downsample.1").replace("conv", "bn")
                for part in ("weight", "bias", "running_mean", "running_var"):
                    arrays[f"{norm}.{part}"] = random.random(shape[0]) + 0.5
            else:
                arrays[f"{name}.bias"] = random.normal(size=shape[0])
        channels = outputs[-1]
    return {name: array.astype(np.float32) for name, array in arrays.items()}


@pytest.mark.parametrize(
    ("argument", "shape"),
    [("vgg19/relu1_2", (1, 40, 33, 64)), ("resnet18/layer2.0", (1, 5, 5, 128)), ("resnet50/layer1.1", (1, 10, 9, 256))],
)
def test_a_users_weights_are_found_and_used(tmp_path, argument, shape):
    backbone, layer = argument.split("/")
    save_file(torchvision(backbone, layer), tmp_path / f"{backbone}-0123abcd.safetensors")
    save_file({"x": np.zeros(1, np.float32)}, tmp_path / f"{backbone}_bn-0123abcd.safetensors")
    features, params = load_features(argument, tmp_path)
    images = jnp.asarray(np.random.default_rng(0).random((1, 40, 33, 3)), jnp.float32)
    seen = jax.eval_shape(features.apply, params, images)
    assert seen.shape == shape and seen.dtype == jnp.float32


def test_normalisation_is_folded_into_the_convolution(tmp_path):
    arrays = torchvision("resnet18", "stem")
    save_file(arrays, tmp_path / "resnet18.safetensors")
    features, params = load_features("resnet18/stem", tmp_path)
    images = np.random.default_rng(0).random((1, 9, 9, 3)).astype(np.float32)
    scaled = (images - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    window = np.pad(scaled, ((0, 0), (3, 3), (3, 3), (0, 0)))[0, 4:11, 4:11]  # around the pixel of row and column 4
    plain = np.einsum("yxi,oiyx->o", window, arrays["conv1.weight"])
    norm = [arrays[f"bn1.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    expected = np.maximum(norm[0] * (plain - norm[2]) / np.sqrt(norm[3] + 1e-5) + norm[1], 0)
    seen = features.apply(params, jnp.asarray(images))[0, 2, 2]
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-5)  # float32 sums of 147 numbers


def test_files_that_do_not_do_are_refused_in_one_line(tmp_path):
    with pytest.raises(OSError, match="no weights of vgg19 at .*vgg19"):
        load_features("vgg19", tmp_path)
    arrays = torchvision("vgg19", "relu1_2")
    save_file(arrays, tmp_path / "vgg19.safetensors")
    with pytest.raises(ValueError, match="must hold the weights of vgg19, but lacks features.5.weight"):
        load_features("vgg19", tmp_path)
    arrays["features.2.weight"] = arrays["features.2.weight"][:, :32]
    save_file(arrays, tmp_path / "vgg19.safetensors")
    with pytest.raises(ValueError, match="must hold the weights of vgg19, but shapes do not fit"):
        load_features("vgg19/relu1_2", tmp_path)
    save_file(arrays, tmp_path / "vgg19-copy.safetensors")
    with pytest.raises(ValueError, match="must have one file for vgg19, got vgg19-copy.safetensors, vgg19.safetensors"):
        load_features("vgg19/relu1_2", tmp_path)


def test_a_picture_too_small_for_the_layer_is_refused():
    shapes = {"conv1.kernel": (7, 7, 3, 96), "conv1.bias": (96,)}
    params = {name: jnp.zeros(shape) for name, shape in shapes.items()}
    with pytest.raises(ValueError, match="images must be larger for the features after conv1"):
        Features("squeezenet", "conv1").apply(params, jnp.zeros((1, 6, 9, 3)))
    with pytest.raises(ValueError, match="images must be larger, got 1 pixels where 3 are pooled"):
        Features("squeezenet", "fire2").apply(params, jnp.zeros((1, 8, 9, 3)))


@pytest.mark.parametrize("backbone", DEFAULT_LAYERS)
def test_every_layer_a_loss_may_name_is_there(backbone):
    labels = [step.label for step in BACKBONES[backbone].steps if step.label]
    for layer in (*labels, DEFAULT_LAYERS[backbone]):
        if layer != "pool":
            parse_loss(f"perceptual:{backbone}/{layer}")
            assert BACKBONES[backbone].until(layer).steps[-1].label.startswith(layer)
