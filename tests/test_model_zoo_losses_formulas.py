import jax
import jax.numpy as jnp
import numpy as np
import pytest

from model_zoo.colour import luma_unit
from model_zoo.losses import pixel
from model_zoo.losses.gan import discriminator_loss, generator_loss
from model_zoo.losses.grey import as_rgb
from model_zoo.losses.spec import parse_loss
from model_zoo.losses.total import make_objective

EXACT = 1e-5  # relative: float32 sums of some hundred numbers against float64 ones


def pictures(dtype=np.float32, channels=3):
    random = np.random.default_rng(0)
    return tuple(jnp.asarray(random.random((2, 9, 12, channels)), dtype) for _ in range(2))


def by_hand(kind, estimate, truth):
    difference = np.asarray(estimate, np.float64) - np.asarray(truth, np.float64)
    if kind == "fft":
        spectrum = np.fft.fft2(difference, axes=(1, 2)) / np.sqrt(9 * 12)
        return np.abs(spectrum[:, :, : 12 // 2 + 1]).mean()
    return {
        "l1": np.abs(difference).mean(),
        "l2": (difference**2).mean(),
        "charbonnier": np.sqrt(difference**2 + 1e-6).mean(),
    }[kind]


@pytest.mark.parametrize("kind", pixel.PIXEL_LOSSES)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_pixel_losses_are_their_formulas(kind, dtype):
    estimate, truth = pictures(dtype)
    value = pixel.PIXEL_LOSSES[kind](estimate, truth)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(by_hand(kind, estimate, truth), rel=EXACT)


@pytest.mark.parametrize("kind", pixel.PIXEL_LOSSES)
def test_slopes_are_finite_where_pictures_are_equal(kind):
    estimate, _ = pictures()
    slope = jax.grad(pixel.PIXEL_LOSSES[kind])(estimate, estimate)
    assert bool(jnp.isfinite(slope).all())


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_adversarial_losses_are_their_formulas():
    random = np.random.default_rng(1)
    fake, real = random.normal(0, 2, (2, 5, 1))
    told = [jnp.asarray(x, jnp.float32) for x in (fake, real)]
    real_over_fake, fake_over_real = sigmoid(real - fake.mean()), sigmoid(fake - real.mean())
    expected = {
        (generator_loss, "gan"): -np.log(sigmoid(fake)).mean(),
        (discriminator_loss, "gan"): -np.log(sigmoid(real)).mean() - np.log(1 - sigmoid(fake)).mean(),
        (generator_loss, "ragan"): -np.log(1 - real_over_fake).mean() - np.log(fake_over_real).mean(),
        (discriminator_loss, "ragan"): -np.log(real_over_fake).mean() - np.log(1 - fake_over_real).mean(),
    }
    for (side, kind), value in expected.items():
        assert float(side(kind, *told)) == pytest.approx(value, rel=EXACT), (side, kind)


@pytest.mark.parametrize("kind", ["gan", "ragan"])
@pytest.mark.parametrize("side", [generator_loss, discriminator_loss])
def test_adversarial_losses_stay_finite_where_logits_are_huge(kind, side):
    fake, real = jnp.array([[-3e4], [2e4]]), jnp.array([[1e4], [-2e4]])
    value, slope = jax.value_and_grad(side, argnums=1)(kind, fake, real)
    assert bool(jnp.isfinite(value)) and bool(jnp.isfinite(slope).all())


def test_a_lost_generator_still_learns():
    slope = jax.grad(lambda logits: generator_loss("gan", logits))(jnp.full((4, 1), -50.0))
    np.testing.assert_allclose(slope, -0.25)  # -log D does not saturate, log(1 - D) would


def test_a_relativistic_loss_needs_real_logits():
    with pytest.raises(ValueError, match="real_logits must be given for the loss ragan, got None"):
        generator_loss("ragan", jnp.zeros((1, 1)))


def test_a_sum_weighs_its_terms():
    estimate, truth = pictures()
    objective, frozen = make_objective(parse_loss("0.5*l1 + 2*fft + 0.001*ragan"))
    fake, real = jnp.array([[0.3], [-1.0]]), jnp.array([[1.2], [0.1]])
    assert frozen == {}
    total, values = objective.generator(frozen, estimate, truth, fake, real)
    assert list(values) == ["l1", "fft", "ragan"]
    assert float(values["fft"]) == pytest.approx(by_hand("fft", estimate, truth), rel=EXACT)
    l1, fft, ragan = map(float, values.values())
    assert float(total) == pytest.approx(0.5 * l1 + 2 * fft + 0.001 * ragan, rel=EXACT)
    assert hash(objective) == hash(make_objective(objective.spec)[0])


def test_no_slope_reaches_the_truth():
    estimate, truth = pictures()
    objective, frozen = make_objective(parse_loss("l2"))
    slope = jax.grad(lambda truth: objective.generator(frozen, estimate, truth)[0])(truth)
    assert not slope.any()


def test_an_adversarial_sum_without_logits_is_refused():
    objective, frozen = make_objective(parse_loss("l1 + gan"))
    with pytest.raises(ValueError, match="fake_logits must be given for the loss 'l1 \\+ gan', got None"):
        objective.generator(frozen, *pictures())


def test_luma_becomes_the_grey_it_came_from():
    grey = jnp.broadcast_to(jnp.linspace(0, 1, 12).reshape(1, 3, 4, 1), (1, 3, 4, 3))
    np.testing.assert_allclose(as_rgb(luma_unit(grey)), grey, atol=5e-7)  # a few float32 roundings at 1
    assert as_rgb(grey) is grey
    with pytest.raises(ValueError, match="images must have 1 or 3 channels, got 2"):
        as_rgb(grey[..., :2])
