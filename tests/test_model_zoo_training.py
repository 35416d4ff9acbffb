import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from datasets import PatchBank
from model_zoo import training
from model_zoo.backend import plan
from model_zoo.config import TrainConfig
from model_zoo.loop import NonFiniteLossError, Progress
from model_zoo.step import Recipe, schedule
from model_zoo.training import make_dispatch, start, train, train_seeds

CONFIG = TrainConfig(
    name="tiny", architecture="fsrcnn", width=4, depth=1, steps=6, batch=2, patch=6, log_every=2, checkpoint_every=3
)
ADVERSARIAL = dataclasses.replace(
    CONFIG, architecture="edsr", loss="l1 + 0.01*gan", discriminator_width=2, patch=16, learning_rate=1e-2
)


def pictures(count=3, shape=(30, 40, 3)):
    random = np.random.default_rng(0)
    return [random.integers(0, 256, shape, dtype=np.uint8) for _ in range(count)]


@pytest.fixture(scope="module")
def bank():
    return PatchBank(pictures(), CONFIG.patch, CONFIG.scale)


@pytest.fixture(scope="module")
def large():
    return PatchBank(pictures(shape=(40, 44, 3)), ADVERSARIAL.patch, ADVERSARIAL.scale)


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
    monkeypatch.setattr(training.backend, "plan", lambda: dataclasses.replace(plan(), steps_per_dispatch=2))
    _, params = train(CONFIG, bank, tmp_path)
    for name, value in undisturbed[0].items():
        # Adam divides by the root of tiny second moments: another order of sums is felt at 1e-3 of a step of 1e-3
        np.testing.assert_allclose(params[name], value, atol=1e-5, err_msg=name)


def test_the_state_is_donated(large):
    job = start(ADVERSARIAL)
    after, _ = make_dispatch(job.recipe, 1)(job.state, large.arrays, job.key, job.frozen)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(job.state))
    assert int(after.step) == 1


@pytest.mark.parametrize("bad", [0, 4])
def test_a_loss_that_is_not_finite_stops_with_its_step_and_is_not_kept(bank, tmp_path, monkeypatch, bad):
    def faulty(self, state, bank, key, frozen):
        state, metrics = healthy(self, state, bank, key, frozen)
        loss = jnp.where(state.step == bad + 1, jnp.float32(jnp.nan), metrics["loss"])
        return state, metrics | {"loss": loss}

    healthy = Recipe.step
    monkeypatch.setattr(Recipe, "step", faulty)
    with pytest.raises(NonFiniteLossError, match=f"the loss of step {bad} is not finite") as caught:
        train(CONFIG, bank, tmp_path)
    assert caught.value.step == bad
    kept = sorted(path.name for path in tmp_path.iterdir() if path.name.isdigit())
    assert kept == ([] if bad < 3 else ["3"])


class TestAdversarial:
    def test_trains_both_networks_and_tells_every_term(self, large, tmp_path):
        seen = []
        _, params = train(ADVERSARIAL, large, tmp_path, report=seen.append)
        assert seen[-1].terms.keys() == {"l1", "gan", "discriminator"}
        assert seen[-1].loss == pytest.approx(seen[-1].terms["l1"] + 0.01 * seen[-1].terms["gan"], rel=1e-4)
        assert any((params[name] != value).any() for name, value in start(ADVERSARIAL).state.params.items())

    def test_the_discriminator_learns_and_leaves_the_network_to_its_own_loss(self, large):
        job = start(ADVERSARIAL)
        before = {name: np.asarray(value) for name, value in job.state.critic.items()}
        after, _ = make_dispatch(job.recipe, 1)(job.state, large.arrays, job.key, job.frozen)
        assert all((np.asarray(after.critic[name]) != value).any() for name, value in before.items())

    def test_resumes_bit_for_bit(self, large, tmp_path):
        _, straight = train(ADVERSARIAL, large, tmp_path / "straight")
        train(ADVERSARIAL, large, tmp_path / "broken", stop_after=3)
        _, broken = train(ADVERSARIAL, large, tmp_path / "broken")
        assert_same(broken, straight)


class TestPrecision:
    def test_bfloat16_computes_small_and_keeps_large(self, large, tmp_path, undisturbed):
        config = dataclasses.replace(ADVERSARIAL, precision="bfloat16")
        job = start(config)
        program = make_dispatch(job.recipe, 1).lower(job.state, large.arrays, job.key, job.frozen).as_text()
        convolutions = [line for line in program.splitlines() if "stablehlo.convolution" in line]
        assert convolutions and all("bf16" in line for line in convolutions)
        _, params = train(config, large, tmp_path)
        assert {value.dtype for value in params.values()} == {np.dtype(np.float32)}


class TestAverage:
    def test_is_the_moving_average_of_the_weights(self, bank, tmp_path):
        config = dataclasses.replace(CONFIG, ema=0.75)
        path = [start(config).state.params]
        for step in range(1, 7):
            folder = tmp_path / str(step)
            path.append(train(CONFIG, bank, folder, stop_after=step)[1])
        expected = path[0]
        for params in path[1:]:
            expected = {name: 0.75 * mean + 0.25 * params[name] for name, mean in expected.items()}
        _, found = train(config, bank, tmp_path / "average")
        for name, value in found.items():
            np.testing.assert_allclose(value, expected[name], atol=1e-6, err_msg=name)  # float32 rounding of six sums


class TestSchedule:
    def rates(self, **fields):
        config = dataclasses.replace(CONFIG, steps=100, learning_rate=1.0, **fields)
        return np.array([np.asarray(schedule(config, 1.0)(step)) for step in range(100)])

    def test_cosine_ends_at_its_fraction(self):
        rates = self.rates(final_rate=0.1)
        assert rates[0] == 1 and rates[50] == pytest.approx(0.55) and rates[-1] == pytest.approx(0.1, abs=1e-3)

    def test_warmup_rises_first(self):
        rates = self.rates(warmup=10)
        np.testing.assert_allclose(rates[:10], np.arange(10) / 10, atol=1e-6)
        assert rates[10] == 1 and (np.diff(rates[10:]) <= 0).all()

    def test_constant_and_halving(self):
        assert (self.rates(schedule="constant") == 1).all()
        assert sorted(set(self.rates(schedule="halving")), reverse=True) == [1, 0.5, 0.25, 0.125, 0.0625]

    def test_a_clipped_gradient_is_bounded(self, bank):
        def moved(clip):
            job = start(dataclasses.replace(CONFIG, clip=clip))
            state, _ = make_dispatch(job.recipe, 1)(job.state, bank.arrays, job.key, job.frozen)
            first = [leaf for leaf in jax.tree.leaves(state.optimiser) if leaf.ndim]
            return float(sum(jnp.sum(jnp.abs(leaf)) for leaf in first))

        assert moved(1e-6) < 1e-3 * moved(0.0)


class TestDevices:
    def test_two_devices_train_the_same_network(self, bank, tmp_path, undisturbed):
        devices = jax.devices()
        assert len(devices) == 2
        _, params = train(CONFIG, bank, tmp_path, devices=devices)
        for name, value in undisturbed[0].items():
            # sums over the batch are taken in another order, and Adam divides by small numbers at first
            np.testing.assert_allclose(params[name], value, atol=1e-5, err_msg=name)

    def test_the_work_is_shared(self, large):
        job = start(ADVERSARIAL, jax.devices())
        assert job.recipe.mesh is not None
        place = NamedSharding(job.recipe.mesh, PartitionSpec())
        arrays = jax.device_put(large.arrays, place)
        text = make_dispatch(job.recipe, 1).lower(job.state, arrays, job.key, job.frozen).compile().as_text()
        assert text is not None and "all-reduce" in text

    def test_a_batch_that_cannot_be_shared_is_refused(self):
        with pytest.raises(ValueError, match="batch must be a multiple of the 2 devices, got 3"):
            start(dataclasses.replace(CONFIG, batch=3), jax.devices())


class TestSeeds:
    CONFIGS = [dataclasses.replace(CONFIG, name=f"s{seed}", seed=seed) for seed in (1, 2)]

    @pytest.mark.parametrize("how", ["vmap", "sequential"])
    def test_each_is_trained_as_if_alone(self, bank, tmp_path, how):
        folders = [tmp_path / config.name for config in self.CONFIGS]
        seen = []
        found = train_seeds(self.CONFIGS, bank, folders, how=how, report=seen.append)
        for config, (_, params) in zip(self.CONFIGS, found, strict=True):
            _, alone = train(config, bank, tmp_path / "alone" / config.name)
            for name, value in alone.items():
                # a batched program sums in another order, and Adam divides by small numbers at first
                np.testing.assert_allclose(params[name], value, atol=1e-5, err_msg=name)
        assert {len(progress) for progress in seen} == ({2} if how == "vmap" else {1})

    def test_go_on_together_from_the_last_checkpoint_all_have(self, bank, tmp_path):
        straight = train_seeds(self.CONFIGS, bank, [tmp_path / "a1", tmp_path / "a2"], how="vmap")
        folders = [tmp_path / "b1", tmp_path / "b2"]
        train_seeds(self.CONFIGS, bank, folders, how="vmap", stop_after=3)
        found = train_seeds(self.CONFIGS, bank, folders, how="vmap")
        for (_, first), (_, second) in zip(straight, found, strict=True):
            assert_same(first, second)

    def test_may_differ_in_nothing_else(self, bank, tmp_path):
        other = dataclasses.replace(CONFIG, learning_rate=1e-4)
        with pytest.raises(ValueError, match="configs must differ in name, seed and warm_start only"):
            train_seeds([CONFIG, other], bank, [tmp_path / "1", tmp_path / "2"])


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
    parent = {name: value + jnp.float32(1) for name, value in start(CONFIG).state.params.items()}
    parent["stranger"] = jnp.zeros(3)
    parent["enlarge.kernel"] = jnp.zeros((3, 3, 4, 1))
    fresh = start(CONFIG).state.params
    child = training.inherit(fresh, parent)
    assert child.keys() == fresh.keys()
    np.testing.assert_array_equal(child["layers.0.kernel"], parent["layers.0.kernel"])
    np.testing.assert_array_equal(child["enlarge.kernel"], fresh["enlarge.kernel"])
    with pytest.raises(ValueError, match="nothing agrees"):
        training.inherit(fresh, {"stranger": jnp.zeros(3)})


class TestTrainConfig:
    def test_equal_runs_have_one_id_and_others_another(self):
        fields = json.loads(CONFIG.canonical_json())
        same = TrainConfig(**fields | {"options": tuple(fields["options"])})
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
            ({"ema": 1.0}, "ema must be at least 0 and below 1, got 1.0"),
            ({"clip": -1.0}, "clip must not be negative, got -1.0"),
            ({"warmup": 6}, "warmup must be at least 0 and below steps"),
            ({"options": ("a",)}, "options must be key=value with each key once, got 'a'"),
            ({"options": ("a=1", "a=2")}, "options must be key=value with each key once, got 'a=2'"),
            ({"loss": "l7"}, "l7"),
            ({"name": "a/b"}, "name must be letters, digits"),
            ({"name": ".."}, "name must not begin with a dot"),
            ({"name": ""}, "name must be letters, digits"),
        ],
    )
    def test_what_cannot_run_is_refused(self, change, message):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(CONFIG, **change)
