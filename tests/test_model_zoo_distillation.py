"""Students and their teachers: losses, both programs, and what is written."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from test_model_zoo_networks import drawn

import datasets
from model_zoo.colour import luma_unit
from model_zoo.distillation import METHODS, DistilConfig, distil
from model_zoo.distillation.curves import QualityLog, privileged_psnr, read_quality
from model_zoo.distillation.methods import METHODS as LOSSES
from model_zoo.distillation.methods import Lesson
from model_zoo.distillation.queries import dead_leaves
from model_zoo.distillation.runs import privileged, student_job, train_student
from model_zoo.distillation.teachers import DECODER, NetworkTeacher, in_common, part
from model_zoo.evaluation import score
from model_zoo.functional import count_parameters, initialise
from model_zoo.network import Network, load
from model_zoo.registry import ARCHITECTURES
from model_zoo.runs import read_lines
from model_zoo.taps import apply_tapped

CONFIG = DistilConfig(width=6, depth=1, steps=4, batch=2, patch=6, log_every=2, checkpoint_every=2)
TEACHER = "whorl-edsr-x2"


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """A data folder with three small pictures as `bsds500/train` and no benchmark."""
    folder = tmp_path / "data" / "bsds500" / "train"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(random.integers(0, 256, (24, 30, 3), dtype=np.uint8)).save(folder / f"{number}.jpg")
    monkeypatch.setenv("WHORL_DATA", str(tmp_path / "data"))
    return folder


def taught(method, **more):
    teacher = None if method in ("none", "pisr") else TEACHER
    return dataclasses.replace(CONFIG, name="", method=method, teacher=teacher, **more)


def same(first, second):
    assert first.keys() == second.keys()
    return all(np.array_equal(np.asarray(first[name]), np.asarray(second[name])) for name in first)


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_every_network_shows_features_of_the_low_resolution_s_size(architecture):
    function, params = drawn(architecture, 4)
    images = jax.ShapeDtypeStruct((2, 8, 12, function.channels), jnp.float32)
    large, features = jax.eval_shape(lambda images: apply_tapped(function, params, images), images)
    assert large.shape == (2, 32, 48, function.channels)
    assert features.shape[:3] == (2, 8, 12) and features.shape[3] > 1


def lesson(seed=0):
    draw = np.random.default_rng(seed)
    pictures = (draw.random((2, 8, 8, 1)) for _ in range(2))
    return Lesson(*(jnp.asarray(x, jnp.float32) for x in (*pictures, *draw.normal(size=(2, 2, 4, 4, 3)))))


def test_output_loss_is_the_mean_absolute_difference():
    given = lesson()
    assert LOSSES["output"].loss({}, given) == pytest.approx(np.abs(given.made - given.shown).mean())


def test_feature_loss_is_the_share_of_variance_that_is_left():
    given = lesson()
    adapters = LOSSES["feature"].adapters(jax.random.key(0), 3, 3)
    nothing = {**adapters, "map.kernel": jnp.zeros((3, 3)), "map.bias": given.told.mean(axis=(0, 1, 2))}
    assert LOSSES["feature"].loss(nothing, given) == pytest.approx(1.0, rel=1e-4)
    equal = {**adapters, "map.kernel": jnp.eye(3)}
    assert LOSSES["feature"].loss(equal, given._replace(told=given.features)) == pytest.approx(0.0, abs=1e-6)


def test_information_loss_is_laplace_s_negative_log_likelihood():
    given = lesson()
    adapters = LOSSES["vid"].adapters(jax.random.key(0), 3, 3)

    def head(name):
        hidden = np.asarray(given.features, np.float64) @ adapters[f"{name}.first.kernel"]
        hidden = np.where(hidden > 0, hidden, 0.25 * hidden)
        return hidden @ adapters[f"{name}.second.kernel"]

    scale = 0.1 * np.logaddexp(head("scale"), 0) + 1e-8
    expected = (np.log(2 * scale) + np.abs(head("mean") - given.told) / scale).mean()
    assert LOSSES["vid"].loss(adapters, given) == pytest.approx(expected, rel=1e-4)


def test_pictures_are_compared_in_the_colours_that_both_have():
    colour, grey = jnp.full((1, 2, 2, 3), 0.5), jnp.full((1, 2, 2, 1), 0.4)
    assert [x.shape[-1] for x in in_common(colour, "rgb", colour, "rgb")] == [3, 3]
    assert [x.shape[-1] for x in in_common(colour, "rgb", grey, "luma")] == [1, 1]
    made, shown = in_common(grey, "luma", colour, "rgb")
    assert made is grey and shown[0, 0, 0, 0] == pytest.approx((16 + 219 / 2) / 255)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_privileged_teacher_is_the_paper_s(scale):
    teacher, params = privileged(DistilConfig(scale=scale))
    count = sum(value.size for name, value in params.items() if name.startswith("encoder.") and "slope" not in name)
    # 5x5 1 to 56, 5x5 56 to 56, 3x3 56 to 12, 3x3 12 to 1, with biases
    assert count == 25 * 56 + 56 + 25 * 56 * 56 + 56 + 9 * 56 * 12 + 12 + 9 * 12 + 1
    assert sum(value.size for value in part(params, DECODER).values()) == 12_809
    high = jnp.asarray(np.random.default_rng(0).random((1, 12, 12, 1)), jnp.float32)
    code = teacher.encode(params, high)
    assert code.shape == (1, 12 // scale, 12 // scale, 1)
    constant = teacher.encode(params, jnp.full((1, 24, 24, 1), 0.5))
    assert np.isfinite(constant).all()


def test_the_student_of_pisr_begins_as_the_decoder_and_its_twin_as_the_decoder_did():
    config = taught("pisr")
    given = privileged(config)
    moved = (given[0], {name: value + 0.25 for name, value in given[1].items()})
    job = student_job(config, moved)
    student = {name: value for name, value in job.state.params.items() if not name.startswith("adapter.")}
    assert same(student, part(moved[1], DECODER))
    assert same(student_job(taught("none"), None).state.params, part(given[1], DECODER))
    assert same(student, part(moved[1], DECODER))  # the teacher's arrays are not the ones that a step consumes


@pytest.mark.parametrize("method", ["none", "output", "feature", "vid", "pisr"])
def test_every_method_trains_and_says_how(photographs, tmp_path, method):
    seen, watched = [], []
    config = taught(method, truth=0.0 if method == "output" else 1.0)
    path, manifest = distil(
        config,
        tmp_path / "runs",
        report=lambda stage, progress: seen.append((stage, progress.step)),
        watch=lambda stage, step, params: watched.append((stage, step, len(params))),
    )
    stages = ["teacher", "student"] if method == "pisr" else ["student"]
    assert seen == [(stage, step) for stage in stages for step in (2, 4)]
    assert [w[:2] for w in watched] == seen
    assert manifest.name == f"fsrcnn-x2-{method}-s0" and manifest.parameters == count_parameters(load(str(path)).params)
    assert manifest.method == (None if method == "none" else method)
    assert manifest.teacher == {"none": None, "pisr": "a network that sees the truth"}.get(method, TEACHER)
    assert manifest.command.startswith(f"whorl zoo distill --name fsrcnn-x2-{method}-s0 ")
    lines = [json.loads(line) for line in (path.parent / "metrics.jsonl").read_text().splitlines()]
    assert ("teacher" in lines[0]) == (method != "none") and ("l1" in lines[0]) == (method != "output")


def test_a_killed_distillation_goes_on_with_the_same_bits(photographs, tmp_path):
    config = taught("pisr")
    whole = train_student(config, tmp_path / "whole")

    def kill(stage, step, params):
        if (stage, step) not in killed:
            killed.append((stage, step))
            raise KeyboardInterrupt

    killed = []
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            train_student(config, tmp_path / "killed", watch=kill)
    assert killed == [("teacher", 2), ("teacher", 4), ("student", 2), ("student", 4)]
    resumed = train_student(config, tmp_path / "killed")
    assert same(whole.params, resumed.params)
    for name in ("metrics.jsonl", "teacher/metrics.jsonl"):
        first, second = (
            [{**told, "seconds": None} for told in read_lines(run.folder / name)] for run in (whole, resumed)
        )
        assert first == second and len(first) == 2


def add_set5(folder):
    """Puts one small picture in the place of Set5."""
    place = folder.parents[1] / "set5"
    place.mkdir()
    Image.fromarray(np.random.default_rng(9).integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(place / "one.png")


def test_quality_is_told_at_checkpoints_and_after_a_kill_as_if_there_had_been_none(photographs, tmp_path):
    add_set5(photographs)
    config = taught("pisr")
    whole = train_student(config, tmp_path / "whole", watch=QualityLog(config, tmp_path, privileged(config)[0]))
    told = read_quality(tmp_path / "quality.jsonl")
    expected = [("teacher", 2), ("teacher", 4), ("student", 2), ("student", 4)]
    assert [(line["stage"], line["step"]) for line in told] == expected
    final = score(Network(whole.function, whole.params).upscale, 2, datasets.set5()).psnr
    assert told[-1]["psnr_set5"] == pytest.approx(final, abs=1e-4)
    again = QualityLog(config, tmp_path, privileged(config)[0])
    again("student", 4, whole.params)
    assert read_quality(tmp_path / "quality.jsonl") == told


def test_a_teacher_that_gives_the_truth_back_is_measured_against_the_truth(photographs):
    add_set5(photographs)

    class Oracle:
        colour = "luma"

        def look(self, params, low, high):
            return luma_unit(high) + params["off"], None

    oracle = Oracle()
    psnr = privileged_psnr(oracle, {"off": jnp.float32(1 / 255)}, datasets.set5(), 2)  # pyright: ignore[reportArgumentType]
    assert psnr == pytest.approx(20 * np.log10(255), abs=0.01)


def test_without_set5_no_quality_is_told(photographs, tmp_path):
    config = taught("none")
    path, _ = distil(config, tmp_path / "runs")
    assert not (path.parent / "quality.jsonl").exists() and read_quality(path.parent / "quality.jsonl") == []


def test_a_step_kills_no_teacher(photographs, tmp_path):
    function, params = initialise("edsr", scale=2, key=jax.random.key(0), width=6, depth=1)
    job = student_job(taught("feature"), (NetworkTeacher(function), params))
    before = {name: np.asarray(value) for name, value in params.items()}
    bank = datasets.PatchBank([np.zeros((24, 30, 3), np.uint8)], CONFIG.patch, 2)
    jax.jit(job.recipe.step, donate_argnums=0)(job.state, bank.arrays, job.key, job.frozen)
    assert same(before, params)


def test_queries_can_do_without_any_photograph(photographs, tmp_path, monkeypatch):
    monkeypatch.setattr("model_zoo.distillation.queries.LEAVES", 2)
    config = taught("output", truth=0.0, queries="leaves")
    student = train_student(config, tmp_path)
    assert student.corpus.about == "2 pictures of random discs"
    assert sorted(path.name for path in (student.folder / "queries").iterdir()) == ["leaves-00.png", "leaves-01.png"]


def test_leaves_have_edges_and_areas():
    picture = dead_leaves(np.random.default_rng(0), 96)
    assert picture.shape == (96, 96, 3) and picture.dtype == np.uint8
    steps = np.abs(np.diff(picture.astype(int), axis=1))
    assert picture.std() > 30 and np.median(steps) < 6 and np.quantile(steps, 0.95) > 20


def test_a_feature_method_refuses_features_of_another_size():
    function, params = drawn("rrdbnet", 2)  # works on squares of pixels at x2
    with pytest.raises(
        ValueError, match="features of one size, at patches of 6 the student's are 6x6, the teacher's 3x3"
    ):
        student_job(taught("feature"), (NetworkTeacher(function), params))
    student_job(taught("output"), (NetworkTeacher(function), params))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "output"}, "teacher must be given for method output"),
        ({"teacher": TEACHER}, "teacher must not be given for method pisr"),
        ({"architecture": "edsr"}, "pisr needs an fsrcnn student"),
        ({"loss": "l1 + 0.1*gan"}, "loss must have no adversarial part"),
        ({"truth": -1.0}, "must not be negative"),
        ({"method": "none", "truth": 0.0}, "truth must be above 0"),
        ({"teacher_steps": 0}, "teacher_steps must be at least 1"),
        ({"precision": "bfloat16"}, "precision must be float32"),
    ],
)
def test_what_cannot_run_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes)


def test_a_teacher_of_another_scale_is_refused_and_leaves_nothing(photographs, tmp_path):
    with pytest.raises(ValueError, match="teacher must enlarge by 2, 'whorl-edsr-x4' enlarges by 4"):
        distil(dataclasses.replace(taught("output"), teacher="whorl-edsr-x4"), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_methods_of_a_config_are_those_that_there_are():
    assert set(METHODS) == {"none", *LOSSES}
