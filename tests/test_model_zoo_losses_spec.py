import subprocess
import sys

import pytest

from model_zoo.losses.spec import BACKBONES, RECIPES, Term, parse_loss, split_argument


def test_a_sum_is_taken_apart():
    spec = parse_loss("l1 + perceptual:vgg19/relu5_4 + 0.005*ragan")
    assert spec.terms == (Term(1.0, "l1"), Term(1.0, "perceptual", "vgg19/relu5_4"), Term(0.005, "ragan"))
    assert spec.canonical == "l1 + perceptual:vgg19/relu5_4 + 0.005*ragan"
    assert (spec.gan, spec.adversarial_weight, spec.kind, spec.backbones) == ("ragan", 0.005, "adversarial", ("vgg19",))


def test_a_loss_without_a_discriminator_is_one_of_fidelity():
    spec = parse_loss(" charbonnier+0.1 * fft")
    assert spec.canonical == "charbonnier + 0.1*fft"
    assert (spec.gan, spec.adversarial_weight, spec.kind, spec.backbones) == (None, 0.0, "fidelity", ())
    assert isinstance(spec.adversarial_weight, float)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_a_loss_that_knows_its_name(name):
    assert parse_loss(name).recipe == name
    assert parse_loss(name) == parse_loss(RECIPES[name])


def test_the_papers_recipe_has_its_weights():
    for name, backbone in (("paper-a", "squeezenet"), ("paper-b", "resnet56")):
        spec = parse_loss(name)
        assert [(term.weight, term.kind) for term in spec.terms] == [(1.0, "perceptual"), (0.001, "gan")]
        assert spec.backbones == (backbone,)
    assert [(t.weight, t.kind) for t in parse_loss("esrgan").terms] == [
        (0.01, "l1"),
        (1.0, "perceptual"),
        (0.005, "ragan"),
    ]


@pytest.mark.parametrize("text", [*RECIPES, "0.123456789*l1 + 1e+3*l2", "1e-07*fft", "3*perceptual:resnet56@32"])
def test_the_canonical_text_gives_the_same_loss(text):
    spec = parse_loss(text)
    assert parse_loss(spec.canonical) == spec
    assert hash(parse_loss(spec.canonical)) == hash(spec)


def test_default_layers_and_windows_are_written_out():
    assert parse_loss("perceptual:squeezenet").canonical == "perceptual:squeezenet/fire4"
    assert split_argument("resnet56/layer1.2@32") == ("resnet56", "layer1.2", 32)
    for backbone, layer in BACKBONES.items():
        assert split_argument(backbone) == (backbone, layer, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("l3", "loss must be one of paper-a, .*, or a sum of terms l1, .*, got 'l3' in 'l3'"),
        ("", "got '' in ''"),
        ("l1 +", r"got '' in 'l1 \+'"),
        ("0*l1", "a weight in a loss must be a number above 0, got '0' in"),
        ("-1*l1", "got '-1'"),
        ("nan*l1", "got 'nan'"),
        ("x*l1", "got 'x'"),
        ("l1 + 2*l1", "loss must have each term once, got l1 twice"),
        ("gan + ragan", "loss must have one adversarial term at most"),
        ("perceptual", "a perceptual loss must name its backbone"),
        ("perceptual:vgg16", "backbone must be one of squeezenet, .*, got 'vgg16'"),
        ("perceptual:vgg19/relu1_3", "the layer of backbone vgg19 must match .*, got 'relu1_3'"),
        ("perceptual:vgg19@0", "the window of a perceptual loss must be a number of pixels, got '0'"),
        ("l1:3", "the loss l1 takes no argument"),
    ],
)
def test_what_is_no_loss_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as refused:
        parse_loss(text)
    assert "\n" not in str(refused.value)


def test_reading_a_loss_needs_the_standard_library_only():
    code = (
        "import sys; import model_zoo.losses.spec, model_zoo.discriminators;"
        "print({m.partition('.')[0] for m in sys.modules} & {'jax', 'numpy', 'flax', 'safetensors'})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
