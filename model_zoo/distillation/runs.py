"""A distillation as a folder: both of its steps can be interrupted and go on with the same bits.

Each step is one program: a scan over training steps, with sampling and augmentation inside, whose state is donated;
Python sees it at log boundaries alone.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
from flax import nnx

import datasets
from model_zoo import backend
from model_zoo.distillation.config import DistilConfig
from model_zoo.distillation.curves import QualityLog
from model_zoo.distillation.methods import METHODS
from model_zoo.distillation.privileged import Encoder
from model_zoo.distillation.queries import corpus_of
from model_zoo.distillation.step import ADAPTER, StudentRecipe, TeacherRecipe, begin
from model_zoo.distillation.teachers import (
    DECODER,
    ENCODER,
    NetworkTeacher,
    PrivilegedTeacher,
    Teacher,
    part,
    prefixed,
)
from model_zoo.functional import Functional, Params, initialise, skeleton, split
from model_zoo.loop import Progress
from model_zoo.losses.spec import parse_loss
from model_zoo.losses.total import make_objective
from model_zoo.manifests import Manifest
from model_zoo.network import load
from model_zoo.runs import MetricsLog, export, find_parent, open_run, run_folder
from model_zoo.training import Job, inherit, train

STAGES = ("teacher", "student")
PRIVILEGED = "a network that sees the truth"
Report = Callable[[str, Progress], None]
Watch = Callable[[str, int, Params], None]
Taught = tuple[Teacher, Params]


class Student(NamedTuple):
    """What a distillation has come to.

    Attributes:
        folder: of the run.
        corpus: its pictures.
        function: the student.
        params: its parameters.
        seconds: spent on the student's training, over all calls.
        teacher: what it learnt from; None without one.
        parent: the network it started from; None if from none.
    """

    folder: Path
    corpus: datasets.Corpus
    function: Functional
    params: Params
    seconds: float
    teacher: str | None
    parent: str | None


def distil(
    config: DistilConfig, root: Path, *, report: Report | None = None, watch: Watch | None = None
) -> tuple[Path, Manifest]:
    """Trains a student, or goes on where an earlier call was interrupted, and writes the finished files.

    The folder `NAME-RUNID` is as :func:`model_zoo.runs.run` makes it; what belongs to the teacher of `pisr` lies in its
    `teacher`, and `quality.jsonl` says how good student and teacher were at their checkpoints, where Set5 is at hand.

    Args:
        config: the run.
        root: folder of all runs.
        report: called with "teacher" or "student" at every log boundary.
        watch: told stage, step and parameters wherever a checkpoint has been written.

    Returns:
        The path of the weights and the manifest.

    Raises:
        ValueError: if the config does not fit, the pictures are not those the run began with, or the loss is not
            finite.
        OSError: if the pictures are missing or the folder cannot be written.
    """
    quality = QualityLog(config, run_folder(config, root), privileged(config)[0] if config.method == "pisr" else None)

    def watched(stage: str, step: int, params: Params) -> None:
        quality(stage, step, params)
        if watch is not None:
            watch(stage, step, params)

    student = train_student(config, root, report=report, watch=watched)
    return export(
        config,
        student.function,
        student.params,
        student.folder,
        seconds=student.seconds,
        parent=student.parent,
        corpus=student.corpus,
        teacher=student.teacher,
        method=None if student.teacher is None else config.method,
    )


def train_student(
    config: DistilConfig,
    root: Path,
    *,
    report: Report | None = None,
    watch: Watch | None = None,
) -> Student:
    """Takes both steps of a distillation, and writes no finished files.

    Args:
        config: the run.
        root: folder of all runs.
        report: as in `distil`.
        watch: likewise.

    Returns:
        The student.

    Raises:
        ValueError: as `distil`.
        OSError: likewise.
    """
    skeleton(config.architecture, scale=config.scale, **config.network())  # a mistake leaves no folder behind
    parent = None if config.warm_start is None else find_parent(config.warm_start, root)
    given = None if config.teacher is None else _listed(config, root)
    folder = run_folder(config, root)
    corpus = corpus_of(config, folder)
    bank = open_run(config, corpus, folder)
    with backend.scanning(config.log_every):
        if config.method == "pisr":
            given = _privileged(config, bank, folder / "teacher", report, watch)
        job = student_job(config, given, None if parent is None else load(str(parent)).params)
        log = MetricsLog(folder / "metrics.jsonl", report and functools.partial(report, "student"))
        function, params = train(
            config,
            bank,
            folder / "checkpoints",
            report=log,
            job=job,
            watch=watch and (lambda step, params: watch("student", step, student_of(params))),
        )
    teacher = PRIVILEGED if config.method == "pisr" else config.teacher
    return Student(folder, corpus, function, student_of(params), log.seconds, teacher, parent and parent.stem)


def student_of(params: Params) -> Params:
    """Returns the student's parameters, without those of the method."""
    return {name: value for name, value in params.items() if not name.startswith(ADAPTER)}


def _listed(config: DistilConfig, root: Path) -> Taught:
    """Loads the teacher that a config names."""
    assert config.teacher is not None  # noqa: S101 - told by the caller
    network = load(str(find_parent(config.teacher, root)))
    if network.scale != config.scale:
        raise ValueError(f"teacher must enlarge by {config.scale}, {config.teacher!r} enlarges by {network.scale}")
    return NetworkTeacher(network.function), network.params


def privileged(config: DistilConfig) -> tuple[PrivilegedTeacher, Params]:
    """Makes the teacher that sees the truth, as it is before its first step.

    Args:
        config: the run; the decoder is the student that the same run begins with where it has no teacher.

    Returns:
        Encoder and decoder, and their parameters under `encoder.` and `decoder.`.
    """
    student_key, _, encoder_key = _keys(config)
    decoder, params = initialise(config.architecture, scale=config.scale, key=student_key, **config.network())
    drawn = Encoder(scale=config.scale, rngs=nnx.Rngs(params=encoder_key))
    encoder, codes = split(drawn, "the encoder of pisr")
    return PrivilegedTeacher(encoder, decoder), {**prefixed(codes, ENCODER), **prefixed(params, DECODER)}


def _keys(config: DistilConfig) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Keys of the student's weights, of the data, and of what only the teacher or the method needs."""
    weights, data, more = jax.random.split(jax.random.key(config.seed), 3)
    return weights, data, more


def _privileged(
    config: DistilConfig,
    bank: datasets.PatchBank,
    folder: Path,
    report: Report | None,
    watch: Watch | None,
) -> Taught:
    """Trains the teacher that sees the truth: the first step of `pisr`."""
    job = teacher_job(config)
    recipe = job.recipe
    assert isinstance(recipe, TeacherRecipe)  # noqa: S101 - made just now
    folder.mkdir(parents=True, exist_ok=True)
    log = MetricsLog(folder / "metrics.jsonl", report and functools.partial(report, "teacher"))
    _, params = train(
        recipe.config,
        bank,
        folder / "checkpoints",
        report=log,
        job=job,
        watch=watch and functools.partial(watch, "teacher"),
    )
    return recipe.teacher, params


def teacher_job(config: DistilConfig) -> Job:
    """Makes what the training of the teacher that sees the truth needs before step 0.

    Args:
        config: the run.

    Returns:
        The job; its recipe's config has the teacher's number of steps.
    """
    teacher, params = privileged(config)
    course = dataclasses.replace(config, steps=config.teacher_steps or config.steps)
    return Job(TeacherRecipe(course, teacher), begin(course, params), {}, _keys(config)[1])


def student_job(config: DistilConfig, given: Taught | None, start: Params | None = None) -> Job:
    """Makes what the student's training needs before step 0.

    Args:
        config: the run.
        given: the teacher and its parameters; None without one.
        start: weights to begin from where name and shape agree; None for random ones, or the decoder of `pisr`.

    Returns:
        The job; the state's parameters are the student's, and the method's under `adapter.`.

    Raises:
        ValueError: the teacher shows no features, or some of another size than the student's.
    """
    weights, data, more = _keys(config)
    function, params = initialise(config.architecture, scale=config.scale, key=weights, **config.network())
    if start is not None:
        params = inherit(params, start)
    objective, frozen = make_objective(parse_loss(config.loss))
    if given is None:
        return Job(StudentRecipe(config, function, objective), begin(config, params), {"objective": frozen}, data)
    teacher, known = given
    method = METHODS[config.method]
    if config.method == "pisr":
        params = part(known, DECODER)
    adapters = method.adapters(more, *_channels(config, function, params, teacher, known))
    state = begin(config, params | prefixed(adapters, ADAPTER))
    recipe = StudentRecipe(config, function, objective, method, teacher)
    return Job(recipe, state, {"objective": frozen, "teacher": known}, data)


def _channels(
    config: DistilConfig, function: Functional, params: Params, teacher: Teacher, known: Params
) -> tuple[int, int]:
    """How many features student and teacher show, which must be of one size where the method looks at them."""
    from model_zoo.taps import apply_tapped

    def shapes(side: int, channels: int) -> Any:
        return jax.ShapeDtypeStruct((1, side, side, channels), "float32")

    low, high = shapes(config.patch, 3), shapes(config.patch * config.scale, 3)
    given = shapes(config.patch, function.channels)
    mine = jax.eval_shape(functools.partial(apply_tapped, function), params, given)[1].shape
    theirs = jax.eval_shape(teacher.look, known, low, high)[1].shape
    if METHODS[config.method].inside and mine[1:3] != theirs[1:3]:
        raise ValueError(
            f"method {config.method} needs features of one size, at patches of {config.patch} the student's are "
            f"{mine[1]}x{mine[2]}, the teacher's {theirs[1]}x{theirs[2]}"
        )
    return mine[3], theirs[3]
