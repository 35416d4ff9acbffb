import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from datasets import PatchBank
from model_zoo import training
from model_zoo.backend import Plan
from model_zoo.config import TrainConfig
from model_zoo.training import NonFiniteLossError, Progress, make_dispatch, start, train

CONFIG = TrainConfig(
    name="tiny", architecture="fsrcnn", width=4, depth=1, steps=6, batch=2, patch=6, log_every=2, checkpoint_every=3
)


def pictures(count=3, shape=(30, 40, 3)):
    random = np.random.default_rng(0)
    return [random.integers(0, 256, shape, dtype=np.uint8) for _ in range(count)]


@pytest.fixture(scope="module")
def bank():
    return PatchBank(pictures(), CONFIG.patch, CONFIG.scale)


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(np.asarray(first[name]), np.asarray(second[name]), err_msg=name)


@pytest.fixture(scope="module")
def undisturbed(bank, tmp_path_factory):
    seen = []
    _, params = train(CONFIG, bank, tmp_path_factory.mktemp("undisturbed"), report=seen.append)
    return params, seen


def test_tells_what_it_knows_at_log_and_checkpoint_boundaries_only(undisturbed):
    _, seen = undisturbed
    assert [progress.step for progress in seen] == [2, 3, 4, 6]
    assert all(progress.steps == 6 and 0 < progress.loss < 1 for progress in seen)


def test_a_resumed_run_is_the_same_run_bit_for_bit(bank, tmp_path, undisturbed):
    train(CONFIG, bank, tmp_path, stop_after=3)
    seen = []
    _, params = train(CONFIG, bank, tmp_path, report=seen.append)
    assert [progress.step for progress in seen] == [4, 6]
    assert_same(params, undisturbed[0])


def test_a_finished_run_takes_no_further_step(bank, tmp_path, undisturbed):
    train(CONFIG, bank, tmp_path)
    seen = []
    _, params = train(CONFIG, bank, tmp_path, report=seen.append)
    assert seen == []
    assert_same(params, undisturbed[0])


def test_several_steps_a_dispatch_give_the_same_network(bank, tmp_path, monkeypatch, undisturbed):
    monkeypatch.setattr(training.backend, "plan", lambda: Plan("native", 2))
    _, params = train(CONFIG, bank, tmp_path)
    for name, value in undisturbed[0].items():
        # Adam divides by the root of tiny second moments: another order of sums is felt at 1e-3 of a step of 1e-3
        np.testing.assert_allclose(params[name], value, atol=1e-5, err_msg=name)


def test_the_state_is_donated(bank):
    function, state, key = start(CONFIG)
    after, _ = make_dispatch(CONFIG, function, 1)(state, bank.arrays, key)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state))
    assert int(after.step) == 1


@pytest.mark.parametrize("bad", [0, 4])
def test_a_loss_that_is_not_finite_stops_with_its_step_and_is_not_kept(bank, tmp_path, monkeypatch, bad):
    def faulty(config, function, state, bank, key):
        state, loss = healthy(config, function, state, bank, key)
        return state, jnp.where(state.step == bad + 1, jnp.float32(jnp.nan), loss)

    healthy = training.train_step
    monkeypatch.setattr(training, "train_step", faulty)
    with pytest.raises(NonFiniteLossError, match=f"the loss of step {bad} is not finite") as caught:
        train(CONFIG, bank, tmp_path)
    assert caught.value.step == bad
    kept = sorted(path.name for path in tmp_path.iterdir() if path.name.isdigit())
    assert kept == ([] if bad < 3 else ["3"])


def test_a_bank_of_another_scale_or_patch_is_refused(bank, tmp_path):
    with pytest.raises(ValueError, match="bank must have scale 4 and patch 6, got 2 and 6"):
        train(dataclasses.replace(CONFIG, scale=4), bank, tmp_path)


def test_learning_makes_the_loss_smaller(tmp_path):
    config = dataclasses.replace(CONFIG, steps=60, log_every=20, checkpoint_every=60, learning_rate=3e-3)
    ramp = np.linspace(40, 200, 40).astype(np.uint8)[None, :, None].repeat(30, axis=0).repeat(3, axis=2)
    seen: list[Progress] = []
    train(config, PatchBank([ramp], config.patch, config.scale), tmp_path, report=seen.append)
    assert seen[-1].loss < 0.7 * seen[0].loss


def test_a_parents_weights_are_taken_over_where_they_fit(monkeypatch):
    parent = {name: value + jnp.float32(1) for name, value in start(CONFIG)[1].params.items()}
    parent["stranger"] = jnp.zeros(3)
    parent["enlarge.kernel"] = jnp.zeros((3, 3, 4, 1))
    fresh = start(CONFIG)[1].params
    child = training.inherit(fresh, parent)
    assert child.keys() == fresh.keys()
    np.testing.assert_array_equal(child["layers.0.kernel"], parent["layers.0.kernel"])
    np.testing.assert_array_equal(child["enlarge.kernel"], fresh["enlarge.kernel"])
    with pytest.raises(ValueError, match="nothing agrees"):
        training.inherit(fresh, {"stranger": jnp.zeros(3)})


class TestTrainConfig:
    def test_equal_runs_have_one_id_and_others_another(self):
        same = TrainConfig(**json.loads(CONFIG.canonical_json()))
        assert same == CONFIG and same.run_id() == CONFIG.run_id()
        assert len(CONFIG.run_id()) == 16
        assert dataclasses.replace(CONFIG, seed=1).run_id() != CONFIG.run_id()

    def test_the_command_names_what_differs_from_the_defaults(self):
        config = TrainConfig(name="a", scale=4, width=24, learning_rate=5e-4)
        assert config.command() == (
            "whorl zoo train --name a --architecture edsr --scale 4 --width 24 --seed 0 --steps 10000 "
            "--learning-rate 0.0005"
        )

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"steps": 0}, "steps must be at least 1, got 0"),
            ({"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
            ({"learning_rate": float("nan")}, "learning_rate must be positive, got nan"),
            ({"name": "a/b"}, "name must be letters, digits"),
            ({"name": ".."}, "name must not begin with a dot"),
            ({"name": ""}, "name must be letters, digits"),
        ],
    )
    def test_what_cannot_run_is_refused(self, change, message):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(CONFIG, **change)
