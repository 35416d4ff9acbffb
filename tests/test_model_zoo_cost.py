import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from model_zoo import standard
from model_zoo.cost import count_multiply_adds, hd_size, multiply_adds, training_multiply_adds
from model_zoo.functional import count_parameters, skeleton
from model_zoo.layers import convolve
from model_zoo.registry import ARCHITECTURES
from reports.commands.zoo import main

MATRIX = jax.ShapeDtypeStruct((4, 6), jnp.float32)
SQUARE = jax.ShapeDtypeStruct((6, 6), jnp.float32)
IMAGES = jax.ShapeDtypeStruct((2, 10, 12, 3), jnp.float32)
KERNEL = jax.ShapeDtypeStruct((3, 3, 3, 8), jnp.float32)


class TestCounting:
    def test_products_and_convolutions(self):
        assert count_multiply_adds(jnp.matmul, MATRIX, SQUARE) == 4 * 6 * 6
        batched = jax.ShapeDtypeStruct((5, 2, 7), jnp.float32)
        assert count_multiply_adds(lambda a: jnp.einsum("bij,bkj->bik", a, a), batched) == 5 * 2 * 2 * 7
        assert count_multiply_adds(convolve, IMAGES, KERNEL) == 2 * 10 * 12 * 9 * 3 * 8
        assert count_multiply_adds(lambda x, k: convolve(x, k, stride=2, padding="VALID"), IMAGES, KERNEL) == (
            2 * 4 * 5 * 9 * 3 * 8
        )
        assert count_multiply_adds(lambda x: jax.nn.softmax(jnp.exp(x) * x), MATRIX) == 0

    def test_what_stands_inside_calls_loops_and_conditions(self):
        once = 4 * 6 * 6

        def turned(a, b):
            return jax.lax.fori_loop(0, 7, lambda _, state: state @ b, a)

        def chosen(a, b):
            return jax.lax.cond(a.sum() > 0, lambda: a @ b @ b, lambda: a)

        assert count_multiply_adds(jax.jit(jnp.matmul), MATRIX, SQUARE) == once
        assert count_multiply_adds(jax.checkpoint(jnp.matmul), MATRIX, SQUARE) == once
        assert count_multiply_adds(turned, MATRIX, SQUARE) == 7 * once
        assert count_multiply_adds(chosen, MATRIX, SQUARE) == 2 * once
        assert count_multiply_adds(lambda a, b: jax.nn.relu(jax.nn.gelu(a @ b)), MATRIX, SQUARE) == once

    def test_a_product_in_a_loop_of_unknown_length_is_refused(self):
        def halved(a, b):
            return jax.lax.while_loop(lambda state: state.sum() > 1, lambda state: state @ b, a)

        with pytest.raises(ValueError, match="loop of unknown length, got 144 multiply-adds a turn"):
            count_multiply_adds(halved, MATRIX, SQUARE)
        assert count_multiply_adds(lambda a: jax.lax.while_loop(lambda s: s.sum() > 1, lambda s: s / 2, a), MATRIX) == 0

    def test_derivatives_cost_one_forward_pass_for_each_factor(self):
        def loss(images, kernel, stride):
            return convolve(images, kernel, stride=stride).sum()

        forward = 2 * 10 * 12 * 9 * 3 * 8
        by_both = jax.grad(lambda x, k: loss(x, k, 1), argnums=(0, 1))
        assert count_multiply_adds(by_both, IMAGES, KERNEL) == 3 * forward
        by_image = jax.grad(lambda x, k: loss(x, k, 2))
        assert count_multiply_adds(by_image, IMAGES, KERNEL) == 2 * forward // 4  # zeros in between are not counted


class TestNetworks:
    @pytest.mark.parametrize("scale", [2, 4])
    def test_edsr_by_hand(self, scale):
        body = 9 * (3 * 16 + 2 * 2 * 16 * 16 + 16 * 16)  # head, two blocks of two layers, the layer behind them
        up = sum(4**step * 9 * 16 * 64 for step in range(scale // 2))
        tail = scale**2 * 9 * 16 * 3
        found = multiply_adds("edsr", scale=scale, size=(5, 7), width=16, depth=2)
        assert found == 35 * (body + up + tail)

    def test_training_costs_three_times_as_much_but_for_the_pictures_derivative(self):
        config = {"scale": 2, "size": (8, 8), "width": 16, "depth": 2}
        forward = multiply_adds("edsr", **config)
        head = 64 * 9 * 3 * 16
        assert training_multiply_adds("edsr", batch=3, **config) == 3 * (3 * forward - head)

    def test_no_picture_is_made(self):
        whole = multiply_adds("espcn", scale=4, size=(100_000, 100_000))  # 64 channels of it would take 2.6 TB
        assert whole == 10**10 * (25 * 64 + 9 * 64 * 32 + 9 * 32 * 16)

    def test_the_usual_size_is_what_is_enlarged_to_1280x720(self):
        assert [hd_size(scale) for scale in (2, 3, 4)] == [(360, 640), (240, 426), (180, 320)]


@pytest.mark.parametrize(
    ("architecture", "scale", "config", "parameters"),
    [
        ("edsr", 2, {}, 1_369_859),
        ("edsr", 4, {"width": 256, "depth": 32}, 43_089_923),
        ("rdn", 4, {}, 22_271_107),
        ("nlsn", 4, {}, 44_156_483),
        ("swinir", 4, {}, 929_628),
        ("fsrcnn", 3, {}, 12_809),
        ("fsrcnn", 3, {"tail": "subpixel"}, 8_777),
        ("espcn", 3, {}, 22_729),
        ("srresnet", 4, {}, 1_517_571),
        ("rrdbnet", 4, {}, 16_697_987),
        ("rrdbnet", 2, {}, 16_703_171),
        ("srvgg", 4, {}, 621_424),
        ("srvgg", 4, {"depth": 32}, 1_213_296),
        ("imdn", 2, {}, 694_404),
        ("imdn", 4, {}, 715_176),
        ("rfdn", 4, {}, 433_448),
        ("rlfn", 4, {}, 543_740),
        ("rlfn", 4, {"width": 46, "middle": 48, "depth": 4}, 317_218),
    ],
)
def test_standard_sizes_have_the_published_parameters(architecture, scale, config, parameters):
    assert count_parameters(skeleton(architecture, scale=scale, **config)[1]) == parameters


class TestStandardTable:
    def test_has_every_architecture_and_one_row_a_size(self):
        assert {size.architecture for size in standard.STANDARDS} == set(ARCHITECTURES)
        assert len({(size.name, size.scale) for size in standard.STANDARDS}) == len(standard.STANDARDS)
        assert all(size.source for size in standard.STANDARDS if size.parameters or size.multiply_adds)

    @pytest.mark.parametrize("size", standard.STANDARDS, ids=lambda size: f"{size.name}-x{size.scale}")
    def test_agrees_with_what_was_published_or_says_why_not(self, size):
        if not size.parameters or (size.architecture in ("rcan", "rdn", "nlsn", "swinir") and size.scale != 4):
            return  # these large ones differ by scale in their last layers alone
        counted = standard.count(size)
        if not size.note:
            assert counted.parameters == pytest.approx(standard.as_number(size.parameters), rel=0.005)
        if size.multiply_adds and (not size.note or size.size):
            # published counts add biases here and there, and round 1280 / 3 in several ways
            tolerance = 0.02 if size.note else 0.005
            assert counted.multiply_adds_at_size == pytest.approx(standard.as_number(size.multiply_adds), rel=tolerance)

    def test_published_counts_are_read_with_their_units(self):
        assert standard.as_number("40.9 G") == 40.9e9
        with pytest.raises(ValueError, match="printed must be a number and one of K, M, G, T, got '40.9'"):
            standard.as_number("40.9")

    def test_differences_that_notes_explain_are_of_the_size_they_give(self):
        tables = 24 * 6 * 15**2  # six heads' biases of 15x15 offsets in each of 24 layers
        assert count_parameters(skeleton("swinir", scale=4)[1]) - tables == pytest.approx(897e3, rel=0.001)
        parameters = count_parameters(skeleton("fsrcnn", scale=4)[1])
        assert parameters - 173 - 172 == 12_464  # biases and slopes
        low, high = np.prod(hd_size(4)), 720 * 1280
        naive = low * (25 * 56 + 2 * 56 * 12 + 4 * 9 * 12 * 12) + high * 81 * 56
        assert naive == pytest.approx(4.6e9, rel=0.01)
        body = multiply_adds("edsr", scale=4, size=hd_size(4), width=256, depth=32)
        convolutions = body + 5 * low * (9 * 256 * 64 + 256 * 256)  # of the five attention layers
        assert convolutions == pytest.approx(2956.6e9, rel=0.001)


class TestCommand:
    def test_writes_a_table(self, capsys):
        assert main(["architectures", "--only", "imdn"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert re.split(r"\s{2,}", lines[3]) == ["IMDN", "×4", "715,176", "715 K", "40.9 G", "40.9 G"]

    def test_writes_markdown_with_sources(self, capsys):
        assert main(["architectures", "--only", "rfdn", "--markdown"]) == 0
        head, rule, row = capsys.readouterr().out.splitlines()
        assert head.count("|") == rule.count("|") == row.count("|") == 8
        assert "27.10 G for 256×256 (here 27.0 G)" in row and "NTIRE 2022" in row

    def test_writes_json(self, capsys):
        assert main(["architectures", "--only", "espcn", "--json"]) == 0
        first, *_ = json.loads(capsys.readouterr().out)
        assert first["name"] == "ESPCN" and first["parameters"] == 21_284 and first["published"]["source"] is None

    def test_an_unknown_architecture_is_a_mistake(self):
        with pytest.raises(ValueError, match="--only must be one of edsr, .*, got 'vdsr'"):
            main(["architectures", "--only", "vdsr"])
