"""A training run as a folder: what it was is written before its first step, what came of it after its last."""

import datetime
import hashlib
import importlib.metadata
import json
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

import datasets
from model_zoo.config import TrainConfig, canonical_json
from model_zoo.evaluation import bicubic, set5_psnr
from model_zoo.functional import Functional, Params, as_float32, count_parameters, skeleton
from model_zoo.loop import Progress
from model_zoo.losses.spec import parse_loss
from model_zoo.manifests import Manifest, find_manifest, list_networks, weights_path
from model_zoo.network import Network, load
from model_zoo.training import start, train
from model_zoo.weights import encode_weights, write_atomically

_HALF_COST = 0.005  # dB on Set5 that storing float16 may cost
_PACKAGES = ("whorl", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "pillow")
_COLOUR = {
    "rgb": "RGB in, RGB out",
    "luma": "luma (BT.601) by the network, chroma by bicubic interpolation",
}


def run_folder(config: TrainConfig, root: Path) -> Path:
    """Where a run is kept."""
    return root / f"{config.name}-{config.run_id()}"


def run(
    config: TrainConfig,
    root: Path,
    *,
    report: Callable[[Progress], None] | None = None,
    devices: Sequence[Any] | None = None,
) -> tuple[Path, Manifest]:
    """Trains a network, or goes on where an earlier call was interrupted, and writes the finished files.

    The folder `NAME-RUNID` holds `run.json` (config, versions, hashes of the pictures; written before step 0),
    `checkpoints/`, `metrics.jsonl`, and in the end `NAME.safetensors` with its manifest `NAME.json`.

    Args:
        config: the run.
        root: folder of all runs.
        report: called at every log boundary.
        devices: what each batch is spread over; None: one device.

    Returns:
        The path of the weights and the manifest.

    Raises:
        ValueError: if the config does not fit, the pictures are not those the run began with, or the loss is not
            finite.
        OSError: if the pictures are missing or the folder cannot be written.
    """
    skeleton(config.architecture, scale=config.scale, **config.network())  # a mistake leaves no folder behind
    parent = None if config.warm_start is None else find_parent(config.warm_start, root)
    corpus = datasets.training_set(config.data)
    folder = run_folder(config, root)
    bank = open_run(config, corpus, folder)
    log = MetricsLog(folder / "metrics.jsonl", report)
    job = start(config, devices, parent=None if parent is None else load(str(parent)).params)
    function, params = train(config, bank, folder / "checkpoints", report=log, job=job)
    return export(config, function, params, folder, seconds=log.seconds, parent=parent and parent.stem)


def open_run(config: TrainConfig, corpus: datasets.Corpus, folder: Path) -> datasets.PatchBank:
    """Writes down what a run is, or checks that it is still the same, and makes its pairs of patches.

    Args:
        config: the run.
        corpus: its pictures.
        folder: its folder, made if need be.

    Returns:
        The bank.

    Raises:
        ValueError: if the pictures are not those the run began with.
        OSError: if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _describe(config, corpus, folder / "run.json")
    pictures = [datasets.read_evidence(path).pixels for path in corpus]
    return datasets.PatchBank(pictures, config.patch, config.scale, config.degradation, seed=config.seed)


def find_parent(name: str, root: Path) -> Path:
    """Finds the weights that a warm start names.

    Args:
        name: a listed network, a .safetensors file, or the folder name `NAME-RUNID` of a finished run, be it of a
            listed network.
        root: folder of all runs.

    Returns:
        The weights' path.

    Raises:
        ValueError: if there is no such network.
    """
    beside = sorted((root / name).glob("*.safetensors")) if "/" not in name else []
    listed = {f"{network.name}-{network.run}": network.name for network in list_networks()}
    try:
        return beside[0] if beside else weights_path(find_manifest(listed.get(name, name)))
    except ValueError:
        raise ValueError(
            f"warm_start must be a network, a trained .safetensors file or a finished run in {root}, got {name!r}"
        ) from None


def export(
    config: TrainConfig,
    function: Functional,
    params: Params,
    folder: Path,
    *,
    seconds: float | None = None,
    parent: str | None = None,
    corpus: datasets.Corpus | None = None,
    teacher: str | None = None,
    method: str | None = None,
) -> tuple[Path, Manifest]:
    """Scores a trained network and writes its weights and manifest.

    Weights are stored as float16 if that costs less than 0.005 dB on Set5, and as float32 if it costs more or Set5 is
    not at hand.

    Args:
        config: the run.
        function: the network.
        params: its trained parameters.
        folder: the run's folder.
        seconds: how long the training took.
        parent: name of the network it started from.
        corpus: the pictures, if they are not those that the config's `data` names.
        teacher: what it learnt from.
        method: how.

    Returns:
        The path of the weights and the manifest.
    """
    corpus, spec = corpus or datasets.training_set(config.data), parse_loss(config.loss)
    dtype, quality = _score(function, params)
    content = encode_weights(
        params, architecture=config.architecture, scale=config.scale, config=config.network(), dtype=dtype
    )
    manifest = Manifest(
        name=config.name,
        architecture=config.architecture,
        scale=config.scale,
        loss=spec.canonical,
        training_data=corpus.about,
        seed=config.seed,
        parameters=count_parameters(params),
        psnr_set5=quality.get("matlab"),
        bytes=len(content),
        origin="trained by whorl",
        config=config.network(),
        steps=config.steps,
        quality=quality,
        dtype=dtype,
        colour=_COLOUR[function.colour],
        command=config.command(),
        run=config.run_id(),
        versions=_versions(),
        licence=f"Apache-2.0; trained on {corpus.about}, whose licence is: {corpus.licence}",
        degradation=config.degradation,
        parent=parent,
        seconds=seconds,
        recipe=spec.recipe or "",
        adversarial_weight=spec.adversarial_weight or None,
        teacher=teacher,
        method=method,
    )
    path = folder / f"{config.name}.safetensors"
    write_atomically(path, content)
    write_atomically(path.with_suffix(".json"), manifest.to_json().encode())
    return path, manifest


def _score(function: Functional, params: Params) -> tuple[Literal["float16", "float32"], dict[str, float]]:
    """Finds how weights are to be stored, and what they then score beside bicubic; nothing where Set5 is missing."""
    scale = function.scale
    halved = as_float32({name: np.asarray(value).astype(np.float16) for name, value in params.items()})
    try:
        full = set5_psnr(Network(function, params).upscale, scale)
        half = set5_psnr(Network(function, halved).upscale, scale)
        plain = set5_psnr(bicubic(scale), scale)
    except datasets.DataMissingError:
        return "float32", {}
    cheap = all(full[kind] - half[kind] < _HALF_COST for kind in full)
    scores = (half if cheap else full) | {f"bicubic_{kind}": value for kind, value in plain.items()}
    rounded = {kind: round(value, 3) for kind, value in sorted(scores.items())}
    return ("float16" if cheap else "float32"), rounded


class MetricsLog:
    """A file of one JSON object a log boundary; after a resumed run it reads as if never interrupted."""

    def __init__(self, path: Path, report: Callable[[Progress], None] | None = None) -> None:
        """Remembers where, and who else is told; nothing is written yet."""
        self._path, self._report = path, report
        self._begun = False
        self._clock = time.perf_counter()
        self.seconds = 0.0
        """Time spent on the steps that count, over all calls."""

    def __call__(self, progress: Progress) -> None:
        """Adds a line; the first time, drops lines of steps that are being taken again."""
        if not self._begun:
            lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
            kept = [line for line in map(_whole, lines) if line is not None and line["step"] < progress.step]
            write_atomically(self._path, "".join(canonical_json(line) + "\n" for line in kept).encode())
            self._begun = True
            self.seconds = max((line.get("seconds", 0.0) for line in kept), default=0.0)
        now = time.perf_counter()
        self.seconds, self._clock = self.seconds + now - self._clock, now
        line = {"step": progress.step, "loss": progress.loss, **progress.terms, "seconds": round(self.seconds, 2)}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(canonical_json(line) + "\n")
        if self._report is not None:
            self._report(progress)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Reads what a run told along the way.

    Args:
        path: its `metrics.jsonl`, or another file of one JSON object a line.
    """
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _whole(line: str) -> dict | None:
    """A line's content, None if a kill cut it short."""
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def _describe(config: TrainConfig, corpus: datasets.Corpus, path: Path) -> None:
    """Writes down what the run is, or checks that it is still the same."""
    lines = [f"{picture.name} {hashlib.sha256(picture.read_bytes()).hexdigest()}" for picture in corpus]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))["data"]["sha256"]
        if known != digest:
            raise ValueError(f"data {config.data} is not what run {config.run_id()} began with: use another folder")
        return
    described = {
        "run": config.run_id(),
        "config": json.loads(config.canonical_json()),
        "command": config.command(),
        "versions": _versions(),
        "data": {"name": config.data, "pictures": len(corpus), "sha256": digest},
        "begun": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    write_atomically(path, (json.dumps(described, indent=2) + "\n").encode())


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
