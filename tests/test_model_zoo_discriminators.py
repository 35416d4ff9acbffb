import jax
import jax.numpy as jnp
import numpy as np
import pytest

from model_zoo.discriminators import DISCRIMINATORS, build_discriminator
from model_zoo.discriminators.spectral import largest_singular_value, power_iteration
from model_zoo.losses.gan import discriminator_loss

IMAGES = jnp.asarray(np.random.default_rng(0).random((2, 36, 33, 3)), jnp.float32)


@pytest.fixture(scope="module", params=DISCRIMINATORS)
def built(request):
    return build_discriminator(request.param, key=jax.random.key(0), width=4)


def test_any_patch_is_judged_finitely(built):
    function, params = built
    logits = jax.jit(function.apply)(params, IMAGES)
    assert logits.shape == ((2, 1) if function.name == "vgg" else (2, 36, 33, 1))
    assert logits.dtype == jnp.float32
    assert bool(jnp.isfinite(logits).all())
    assert 0 < float(jnp.std(logits)) < 2


def test_bfloat16_gives_about_the_same(built):
    function, params = built
    small = {name: value.astype(jnp.bfloat16) for name, value in params.items()}
    logits = jax.jit(function.apply)(small, IMAGES.astype(jnp.bfloat16))
    assert logits.dtype == jnp.bfloat16
    exact = jax.jit(function.apply)(params, IMAGES)
    np.testing.assert_allclose(logits.astype(jnp.float32), exact, atol=0.1)  # eight bits, through ten layers


def test_luma_is_judged_as_grey(built):
    function, params = built
    grey = jnp.broadcast_to(IMAGES[..., :1], IMAGES.shape)
    swing = (IMAGES[..., :1] * 219 + 16) / 255
    judge = jax.jit(function.apply)
    np.testing.assert_allclose(judge(params, swing), judge(params, grey), atol=1e-5)  # float32


def test_it_learns_to_tell_noise_from_ramps(built):
    function, params = built
    ramps = jnp.broadcast_to(jnp.linspace(0, 1, 32)[None, None, :, None], (2, 32, 32, 3))

    @jax.jit
    def step(params):
        def loss(params):
            return discriminator_loss("gan", function.apply(params, IMAGES[:, :32, :32]), function.apply(params, ramps))

        value, slopes = jax.value_and_grad(loss)(params)
        return value, slopes, function.refresh({name: p - 0.1 * slopes[name] for name, p in params.items()})

    first, slopes, params = step(params)
    for name, slope in slopes.items():
        assert bool(jnp.isfinite(slope).all()), name
        assert bool(slope.any()) != name.endswith(".u"), name
    for _ in range(10):
        last, _, params = step(params)
    assert float(last) < float(first)


def test_the_static_part_is_equal_for_equal_arguments(built):
    function, params = built
    same, others = build_discriminator(function.name, key=jax.random.key(1), width=4)
    assert same == function and hash(same) == hash(function)
    assert {k: v.shape for k, v in others.items()} == {k: v.shape for k, v in params.items()}


def test_one_power_iteration_a_refresh_finds_the_largest_singular_value():
    function, params = build_discriminator("unet-sn", key=jax.random.key(0), width=4)
    refresh = jax.jit(function.refresh)
    rough = params | {"body.0.u": jnp.full((4,), 0.5)}
    once = refresh(rough)
    np.testing.assert_allclose(once["body.0.u"], power_iteration(params["body.0.kernel"], rough["body.0.u"]), rtol=1e-5)
    for _ in range(200):
        rough = refresh(rough)
    kernel = rough["body.0.kernel"]
    exact = np.linalg.svd(np.asarray(kernel, np.float64).reshape(-1, 4), compute_uv=False)[0]
    assert float(largest_singular_value(kernel, rough["body.0.u"])) == pytest.approx(exact, rel=1e-5)
    assert all((rough[name] == params[name]).all() for name in params if not name.endswith(".u"))


def test_the_gradient_of_the_singular_value_holds_both_vectors_fixed():
    kernel = jax.random.normal(jax.random.key(0), (3, 3, 2, 4))
    u = power_iteration(kernel, jnp.full((4,), 0.5))
    matrix = np.asarray(kernel, np.float64).reshape(-1, 4)
    v = matrix @ np.asarray(u, np.float64)
    slope, beside = jax.jit(jax.grad(largest_singular_value, argnums=(0, 1)))(kernel, u)
    np.testing.assert_allclose(slope.reshape(-1, 4), np.outer(v / np.linalg.norm(v), u), atol=1e-6)  # float32
    assert not beside.any()


def test_without_spectral_normalisation_nothing_is_refreshed():
    function, params = build_discriminator("vgg", key=jax.random.key(0), width=4)
    assert function.refresh(params) == params


def test_the_full_vgg_has_srgans_convolutions():
    shapes = jax.eval_shape(lambda key: build_discriminator("vgg", key=key)[1], jax.random.key(0))
    assert [shapes[f"plain.{i}.kernel"].shape[-1] for i in range(4)] == [64, 128, 256, 512]
    assert [shapes[f"halving.{i}.kernel"].shape for i in range(4)] == [(4, 4, w, w) for w in (64, 128, 256, 512)]


def test_the_full_unet_has_real_esrgans_size():
    shapes = jax.eval_shape(lambda key: build_discriminator("unet-sn", key=key)[1], jax.random.key(0))
    assert sum(leaf.size for name, leaf in shapes.items() if not name.endswith(".u")) == 4_376_897  # the authors' too


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "patch"}, "discriminator must be one of vgg, unet-sn, got 'patch'"),
        ({"name": "vgg", "width": 0}, "discriminator_width must be at least 1, got 0"),
        ({"name": "unet-sn", "dense": 3}, "options \\['dense'\\] do not fit discriminator 'unet-sn'"),
    ],
)
def test_mistakes_name_the_argument_and_the_rule(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_discriminator(**arguments, key=jax.random.key(0))


def test_a_patch_too_small_to_halve_is_refused():
    function, params = build_discriminator("vgg", key=jax.random.key(0), width=2)
    with pytest.raises(ValueError, match="images must be at least 16 pixels a side"):
        function.apply(params, jnp.zeros((1, 15, 40, 3)))
