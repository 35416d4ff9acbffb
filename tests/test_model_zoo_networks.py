import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from model_zoo import layers
from model_zoo.backend import plan
from model_zoo.functional import build, count_parameters, initialise, skeleton, split
from model_zoo.registry import ARCHITECTURES, Registry

SMALL = {
    "rcan": {"width": 8, "depth": 1, "blocks": 1},
    "rdn": {"width": 8, "depth": 1, "layers": 2, "growth": 4},
    "rrdbnet": {"width": 8, "depth": 1, "growth": 4},
    "swinir": {"width": 12, "depth": 1, "blocks": 2, "heads": 2, "window": 4},
}
"""Arguments that keep a network small beyond `width=8, depth=1`."""


def small(architecture):
    return SMALL.get(architecture, {"width": 8, "depth": 1})


def drawn(architecture, scale):
    """A small network with small random weights, drawn without compiling the initialisers."""
    function, shapes = skeleton(architecture, scale=scale, **small(architecture))
    draw = np.random.default_rng(0)
    return function, {
        name: jnp.asarray(draw.normal(0, 0.1, shape.shape), jnp.float32) for name, shape in shapes.items()
    }


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
class TestEveryRegisteredArchitecture:
    def test_enlarges_pictures_of_any_size_and_either_float_type_by_its_scale(self, architecture, scale):
        function, shapes = skeleton(architecture, scale=scale, **small(architecture))
        for dtype in (jnp.float32, jnp.bfloat16):
            params = {name: jax.ShapeDtypeStruct(shape.shape, dtype) for name, shape in shapes.items()}
            for height, width in ((1, 1), (1, 6), (3, 2), (14, 15), (23, 16)):
                images = jax.ShapeDtypeStruct((2, height, width, function.channels), dtype)
                large = jax.eval_shape(function.apply, params, images)
                assert large.shape == (2, height * scale, width * scale, function.channels)
                assert large.dtype == dtype

    def test_sees_no_further_than_it_says(self, architecture, scale):
        function, params = drawn(architecture, scale)
        if function.radius is None:
            return  # the whole picture, or a grid that hangs on its corner
        side = 2 * function.radius + 5
        middle = side // 2
        images = jnp.full((1, side, side, function.channels), 0.5)
        poked = images.at[0, middle, middle].set(1.0)
        run = jax.jit(function.apply)
        found = np.asarray(run(params, images))
        assert np.isfinite(found).all()
        changed = np.abs(np.asarray(run(params, poked)) - found).max(axis=(0, 3)) > 1e-7
        rows = np.flatnonzero(changed.any(axis=1)) // scale
        assert changed.any()
        assert rows.min() >= middle - function.radius
        assert rows.max() <= middle + function.radius


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
class TestEveryRegisteredArchitectureAtScaleTwo:
    def test_has_the_skeleton_it_is_built_with(self, architecture):
        function, params = initialise(architecture, scale=2, key=jax.random.key(1), **small(architecture))
        same, shapes = skeleton(architecture, scale=2, **small(architecture))
        assert same == function and hash(same) == hash(function)
        assert {k: v.shape for k, v in shapes.items()} == {k: v.shape for k, v in params.items()}
        assert all(leaf.dtype == jnp.float32 for leaf in params.values())

    def test_has_finite_gradients_even_for_a_flat_picture_and_computes_the_same_in_bfloat16(self, architecture):
        function, params = drawn(architecture, 2)
        shape = (1, 5, 6, function.channels)
        images = jnp.concatenate([jnp.full(shape, 0.5), jnp.linspace(0, 1, math.prod(shape)).reshape(shape)])

        def weighed(params):
            large = function.apply(params, images)
            return (large * jnp.linspace(-1, 1, large.size).reshape(large.shape)).sum(), large

        def everything(params):
            halves = {name: leaf.astype(jnp.bfloat16) for name, leaf in params.items()}
            return jax.grad(weighed, has_aux=True)(params), function.apply(halves, images.astype(jnp.bfloat16))

        (slopes, exact), coarse = jax.jit(everything)(params)
        slopes = {name: np.asarray(slope) for name, slope in slopes.items()}
        assert all(np.isfinite(slope).all() for slope in slopes.values())
        still = [name for name, slope in slopes.items() if not slope.any()]
        assert len(still) < len(slopes) / 4  # a rectifier may be shut everywhere, but most parameters are used
        exact = np.asarray(exact)
        error = np.abs(np.asarray(coarse, np.float32) - exact).mean() / np.abs(exact).mean()
        assert error < 0.1  # 8 bits of precision, some ten layers


@pytest.mark.parametrize(
    ("architecture", "scale", "parameters"),
    [
        ("edsr", 2, 1_369_859),  # the paper's baseline: 1.37 million
        ("edsr", 4, 1_517_571),  # 1.52 million
        ("fsrcnn", 2, 12_809),  # 12,464 weights, 173 biases, 172 slopes
        ("fsrcnn", 3, 12_809),
        ("fsrcnn", 4, 12_809),
    ],
)
def test_standard_configurations_have_the_published_size(architecture, scale, parameters):
    assert count_parameters(skeleton(architecture, scale=scale)[1]) == parameters


def test_a_taken_name_is_refused_and_changes_nothing():
    registry = Registry()
    registry.add("edsr", "model_zoo.edsr:EDSR")
    with pytest.raises(ValueError, match="'edsr' is registered already, as model_zoo.edsr:EDSR"):
        registry.add("edsr", "somewhere:Else")
    assert list(registry) == ["edsr"]
    assert registry.find("edsr").__name__ == "EDSR"


def test_mistakes_name_the_argument_and_the_rule():
    with pytest.raises(ValueError, match="architecture must be one of edsr, .*fsrcnn.*, got 'vdsr'"):
        build("vdsr", scale=2)
    with pytest.raises(ValueError, match="scale must be 2, 3, 4 or 8 for edsr, got 5"):
        build("edsr", scale=5)
    with pytest.raises(ValueError, match="scale must be 2, 3 or 4 for fsrcnn, got 8"):
        build("fsrcnn", scale=8)
    with pytest.raises(ValueError, match="'shrinc'.*do not fit architecture 'fsrcnn'"):
        build("fsrcnn", scale=2, shrinc=3)


def test_state_that_is_not_a_parameter_is_refused():
    class Counting(nnx.Module):
        def __init__(self):
            self.count = nnx.BatchStat(jnp.zeros(()))

    with pytest.raises(ValueError, match=r"must be nnx.Param only, 'counting' also keeps \['count'\]"):
        split(Counting(), "counting")


def test_one_step_a_dispatch_on_a_cpu_and_several_elsewhere():
    assert plan("cpu").steps_per_dispatch == 1
    assert plan("gpu").steps_per_dispatch > 1
    assert plan() == plan("cpu")


def test_depth_to_space_orders_phases_by_row_then_column():
    images = jnp.arange(8.0).reshape(1, 1, 1, 8)
    np.testing.assert_array_equal(layers.depth_to_space(images, 2)[0, :, :, 0], [[0, 2], [4, 6]])


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_deconvolution_is_the_transposed_convolution(factor):
    layer = layers.Deconv(2, 9, factor, rngs=nnx.Rngs(0), gain=1.0)
    images = np.asarray(jax.random.normal(jax.random.key(1), (1, 5, 4, 2)))
    kernel = np.asarray(layer.kernel[...])[..., 0]
    expected = np.zeros((5 * factor + 20, 4 * factor + 20))
    for row in range(5):
        for column in range(4):
            top, left = row * factor + (factor - 1) // 2 + 6, column * factor + (factor - 1) // 2 + 6
            expected[top : top + 9, left : left + 9] += kernel @ images[0, row, column]
    found = np.asarray(layer(jnp.asarray(images)))[0, :, :, 0]
    inside = expected[10 : 10 + 5 * factor, 10 : 10 + 4 * factor]
    np.testing.assert_allclose(found, inside, atol=1e-4)  # float32 sums of up to 50 products


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_fsrcnn_starts_near_interpolation(scale):
    function, params = initialise("fsrcnn", scale=scale, key=jax.random.key(0))
    flat = jax.jit(function.apply)(params, jnp.full((1, 24, 24, 1), 0.6))
    middle = np.asarray(flat)[0, 8 * scale : -8 * scale, 8 * scale : -8 * scale]
    assert math.isclose(float(middle.mean()), 0.6, abs_tol=0.05)  # the random channels add a little
