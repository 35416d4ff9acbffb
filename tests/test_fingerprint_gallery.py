"""Galleries: enrolling sources from a handful of pictures, and comparing with them."""

import json
import shutil
from functools import cache
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save
from skimage import data

import model_zoo
from datasets import read_evidence
from fingerprint import Attributor
from fingerprint.attributor import weights_identity
from fingerprint.expert import PARSED
from fingerprint.gallery import FEATURES, GALLERIES, GalleryError, check_source_name, enrol, located, open_gallery
from fingerprint.reference import load
from fingerprint.regression.answers import ADDED
from reports import cli

PHOTOGRAPHS = (data.astronaut, data.coffee, data.chelsea, data.rocket)


@cache
def odd_network(seed: int = 8) -> model_zoo.Network:
    """A network that nobody enrolled: a shipped one with other weights."""
    network = model_zoo.load("whorl-fsrcnn-x2") if seed == 8 else odd_network()
    rng = np.random.default_rng(seed)
    params = {
        name: jnp.asarray(value * (1 + 0.1 * rng.normal(size=value.shape)), jnp.float32)
        for name, value in sorted(network.params.items())
    }
    return model_zoo.Network(network.function, params)


def odd_upscaler(low: Image.Image, grey: bool = False, twin: bool = False) -> Image.Image:
    """What that network makes of a picture, or one that differs from it a little."""
    network = odd_network(9) if twin else odd_network()
    high = Image.fromarray(network.upscale(np.asarray(low)))
    return high.convert("L") if grey else high


def parts(side: int = 96):
    """Reduced photographs, cut into squares: eight of each."""
    for photograph in PHOTOGRAPHS:
        image = Image.fromarray(photograph())
        small = image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC)
        places = [(left, top) for top in (0, 60) for left in range(0, small.width - side + 1, 28)][:8]
        yield [small.crop((left, top, left + side, top + side)) for left, top in places]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> dict[str, list[Path]]:
    """Pictures of the odd upscaler: `enrol` of three photographs, `ask` of another; of its twin; `grey`, and plain."""
    folder = tmp_path_factory.mktemp("pictures")
    found: dict[str, list[Path]] = {"enrol": [], "ask": [], "twin": [], "ask-twin": [], "grey": [], "plain": []}
    for number, squares in enumerate(parts()):
        for place, low in enumerate(squares):
            kind = "ask" if number == 2 else "enrol"
            for key, made in (
                (kind, odd_upscaler(low)),
                ("ask-twin" if number == 2 else "twin", odd_upscaler(low, twin=True)),
                ("grey", odd_upscaler(low, grey=True)),
                ("plain", low.resize((192, 192), Image.Resampling.BICUBIC)),
            ):
                path = folder / f"{key}-{number}-{place}.png"
                made.save(path, compress_level=1)
                found[key].append(path)
    return found


@pytest.fixture(scope="module")
def gallery(tmp_path_factory, pictures) -> Path:
    folder = tmp_path_factory.mktemp("gallery") / "mine"
    enrol("odd-x2", pictures["enrol"], folder, Attributor())
    return folder


def whorl(*arguments: object) -> int:
    return cli._run(cli.dispatch, ["fingerprint", *map(str, arguments)], "whorl")


def attribute(*arguments: object) -> int:
    return cli._run(cli._group("attribute"), list(map(str, arguments)), "attribute")


def state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_an_enrolled_source_is_named_beside_the_shipped_ones(gallery, pictures):
    alone, beside, without = Attributor(gallery=gallery, gallery_only=True), Attributor(gallery=gallery), Attributor()
    for path in pictures["ask"]:
        evidence = read_evidence(path)
        assert without.attribute(evidence).candidates[0].source != "odd-x2"
        for attributor in (alone, beside):
            result = attributor.attribute(evidence)
            assert result.candidates[0].source == "odd-x2" and result.upscaled.probability > 0.8
            assert sum(candidate.probability for candidate in result.candidates) <= result.upscaled.probability
        assert [candidate.source for candidate in alone.attribute(evidence).candidates] == ["odd-x2"]
    verdicts = [beside.attribute(read_evidence(path)).verdict for path in pictures["ask"]]
    assert verdicts.count("known_source") >= len(verdicts) / 2


def test_it_is_recognised_after_jpeg_though_enrolled_from_png(gallery, pictures, tmp_path):
    right = []
    for path in pictures["ask"]:
        copy = tmp_path / f"{path.stem}.jpg"
        Image.open(path).save(copy, quality=80)
        right.append(Attributor(gallery=gallery).attribute(read_evidence(copy)).candidates[0].source == "odd-x2")
    assert np.mean(right) >= 0.7


@pytest.fixture(scope="module")
def twins(tmp_path_factory, pictures) -> Path:
    """A gallery of two networks that are close relatives, `odd-x2` and `odder-x2`."""
    folder = tmp_path_factory.mktemp("twins") / "twins"
    attributor = Attributor()
    enrol("odd-x2", pictures["enrol"], folder, attributor)
    enrol("odder-x2", pictures["twin"], folder, attributor)
    return folder


def test_sources_of_a_gallery_are_told_from_each_other_by_their_own_pictures(twins, pictures, tmp_path):
    asked = [(path, "odd-x2") for path in pictures["ask"]] + [(path, "odder-x2") for path in pictures["ask-twin"]]
    before = tmp_path / "before"  # a gallery made when features were not kept
    before.mkdir()
    for path in twins.iterdir():
        content = path.read_bytes()
        if path.suffix == ".safetensors":
            with safe_open(str(path), framework="numpy") as file:
                arrays = {key: file.get_tensor(key) for key in file.keys() if not key.startswith(FEATURES)}  # noqa: SIM118
                content = save(arrays, metadata=file.metadata())
        (before / path.name).write_bytes(content)
    now, old = (
        [attributor.attribute(read_evidence(path)) for path, _ in asked]
        for attributor in (Attributor(gallery=twins), Attributor(gallery=before))
    )
    assert [answer.upscaled for answer in now] == [answer.upscaled for answer in old]
    right, without = (
        np.mean([answer.candidates[0].source == name for answer, (_, name) in zip(answers, asked, strict=True)])
        for answers in (now, old)
    )
    assert right >= 0.9 > without


def test_features_of_another_width_are_damage(twins, tmp_path):
    folder = tmp_path / "g"
    shutil.copytree(twins, folder)
    with safe_open(str(twins / "odd-x2.safetensors"), framework="numpy") as file:
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        arrays[f"{FEATURES}.clean"] = arrays[f"{FEATURES}.clean"][:, :-1]
        (folder / "odd-x2.safetensors").write_bytes(save(arrays, metadata=file.metadata()))
    with pytest.raises(GalleryError, match="odd-x2.safetensors is damaged: .*features.clean must be of"):
        open_gallery(folder, load().identity)


def test_a_gallery_changes_nothing_for_what_is_not_in_it(gallery, pictures):
    for path in pictures["plain"][:4]:
        evidence = read_evidence(path)
        with_it, without = (a.attribute(evidence) for a in (Attributor(gallery=gallery), Attributor()))
        assert with_it.candidates[0].source == without.candidates[0].source
        assert with_it.upscaled == without.upscaled
        told = Attributor(gallery=gallery, gallery_only=True).attribute(evidence)
        assert told.verdict in ("unknown_source", "inconclusive")


def test_nothing_of_the_gallery_is_known_but_its_name(gallery, pictures):
    result = Attributor(gallery=gallery, gallery_only=True).attribute(read_evidence(pictures["ask"][0]))
    assert result.parameters.keys() == {*PARSED, "log10_parameters", *ADDED}
    assert sum((result.parameters["scale"].probabilities or {}).values()) == pytest.approx(1, abs=1e-4)


def test_grey_pictures_are_compared_with_grey_ones_alone(pictures, tmp_path):
    made = enrol("grey-x2", pictures["grey"][:8], tmp_path / "g", Attributor())
    # WebP tints what is grey by a level, so that its copies are colour pictures, as such a file would be.
    assert {mode for mode, condition in made.vectors if condition != "webp"} == {"grey"}
    only = Attributor(gallery=tmp_path / "g", gallery_only=True)
    told = only.attribute(read_evidence(pictures["ask"][0]))
    assert told.verdict == "inconclusive" and any(note.startswith("uncompared: grey-x2") for note in told.image.notes)
    assert only.attribute(read_evidence(pictures["grey"][-1])).candidates[0].source == "grey-x2"


def test_jpeg_pictures_are_not_compared_with_milder_files(pictures, tmp_path):
    copies = []
    for path in pictures["enrol"][:6]:
        copies.append(tmp_path / f"{path.stem}.jpg")
        Image.open(path).save(copies[-1], quality=75)
    made = enrol("odd-x2", copies, tmp_path / "g", Attributor())
    assert {condition for _, condition in made.vectors} == {"jpeg-74", "jpeg-64", "jpeg-51"}
    told = Attributor(gallery=tmp_path / "g").attribute(read_evidence(pictures["ask"][0]))
    assert any(note.startswith("uncompared: odd-x2") for note in told.image.notes)


# commands


def test_enrol_list_and_remove(pictures, tmp_path, capfd):
    folder = tmp_path / "g"
    assert whorl("enrol", "a.b_c-1", *pictures["enrol"][:5], pictures["enrol"][0], "--gallery", folder) == 0
    said = capfd.readouterr()
    assert said.out == f"{folder}: a.b_c-1 enrolled from 5 pictures\n" and "the same as" in said.err
    assert whorl("list", "--gallery", folder, "--json") == 0
    (row,) = json.loads(capfd.readouterr().out)
    assert row["source"] == "a.b_c-1" and len(row["images"]) == 5 and "clean" in row["conditions"]
    assert whorl("list", "--gallery", folder) == 0
    assert "a.b_c-1" in capfd.readouterr().out
    assert whorl("remove", "a.b_c-1", "--gallery", folder) == 0
    assert whorl("remove", "a.b_c-1", "--gallery", folder) == 2
    assert capfd.readouterr().err.endswith(f"gallery {folder} has no such source\n")
    assert attribute(pictures["ask"][0], "--gallery", folder, "--gallery-only") == 2
    assert "has no source to compare with" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["", "A", "-a", ".a", "a/b", "..", "a b", "ä", "a" * 101])
def test_names_that_are_refused(name):
    with pytest.raises(GalleryError, match="a source's name has at most 100 characters"):
        check_source_name(name)


def test_a_refusal_writes_nothing(gallery, pictures, tmp_path, capfd):
    before = state(gallery)
    junk = tmp_path / "junk.png"
    junk.write_bytes(b"no picture")
    full = tmp_path / "full"
    full.mkdir()
    (full / "notes.txt").write_text("mine")
    for arguments, message in (
        (["odd-x2", *pictures["enrol"], "--gallery", gallery], "--replace puts this in its place"),
        (["imdn-x4", *pictures["enrol"], "--gallery", gallery], "the reference has a source of this name"),
        (["imdn-x4", *pictures["enrol"], "--gallery", gallery, "--replace"], "the reference has a source of this name"),
        (["new", *pictures["enrol"][:4], junk, "--gallery", gallery], "at least 5 different pictures"),
        (["new", *pictures["enrol"][:4], "--gallery", tmp_path / "fresh"], "at least 5 different pictures"),
        (["New", *pictures["enrol"], "--gallery", tmp_path / "fresh"], "NAME 'New'"),
        (["new", *pictures["enrol"][:6], "--gallery", full], "the folder holds something else"),
    ):
        assert whorl("enrol", *arguments) == 2
        error = capfd.readouterr().err
        assert message in error.splitlines()[-1] and "Traceback" not in error
    assert (
        state(gallery) == before and not (tmp_path / "fresh").exists() and list(full.iterdir()) == [full / "notes.txt"]
    )


def test_replacing_takes_the_new_pictures(pictures, tmp_path):
    attributor = Attributor()
    enrol("a", pictures["enrol"][:5], tmp_path / "g", attributor)
    enrol("a", pictures["plain"][:6], tmp_path / "g", attributor, replace=True)
    (source,) = open_gallery(tmp_path / "g", attributor.reference.identity).sources.values()
    assert len(source.images) == 6 and source.vectors["colour", "clean"].shape[0] == 6


def test_another_embedding_is_refused_with_the_way_out(gallery, pictures, tmp_path, capfd):
    other = tmp_path / "other"
    other.mkdir()
    for name, content in state(gallery).items():
        (other / name).write_bytes(content)
    (other / "gallery.json").write_text(json.dumps({"format": 1, "embedding": "sha256:" + "0" * 64}))
    calls = (
        lambda: attribute(pictures["ask"][0], "--gallery", other),
        lambda: whorl("enrol", "new", *pictures["enrol"], "--gallery", other),
        lambda: whorl("list", "--gallery", other),
    )
    for call in calls:
        assert call() == 2
        assert "belongs to another embedding" in (error := capfd.readouterr().err) and "enrol" in error
    assert "new.safetensors" not in state(other)


def test_a_gallery_that_is_not_there_or_damaged_is_one_line(gallery, pictures, tmp_path, capfd):
    image = pictures["ask"][0]
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "gallery.json").write_bytes((gallery / "gallery.json").read_bytes())
    (damaged / "odd-x2.safetensors").write_bytes((gallery / "odd-x2.safetensors").read_bytes()[:200])
    for arguments, message in (
        (["--gallery", tmp_path / "none"], "there is no gallery"),
        (["--gallery-only"], "--gallery-only needs --gallery"),
        (["--gallery", tmp_path / "none", "--gallery-only"], "there is no gallery"),
        (["--gallery", damaged], "is damaged"),
    ):
        assert attribute(image, *arguments) == 2
        said = capfd.readouterr()
        assert said.out == "" and message in said.err and len(said.err.splitlines()) == 1


def test_a_gallery_that_ships_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ships = located(Path("students"))
    assert ships == GALLERIES / "students" and located(Path("none-such")) == Path("none-such")
    assert located(tmp_path / "students") == tmp_path / "students"
    names = {network.name for network in model_zoo.list_networks(model_zoo.SHIPPED)}
    sources = open_gallery(Path("students"), load().identity, needed=True).sources
    assert set(sources) == {name for name in names if name.startswith("whorl-student-")} and len(sources) == 3
    assert weights_identity(gallery=Path("students")) != weights_identity()
    (tmp_path / "students").mkdir()
    assert located(Path("students")) == Path("students")


def test_a_shipped_student_is_told_from_the_networks_that_it_began_as(tmp_path, repository):
    with Image.open(repository / "reports" / "samples" / "sample.png") as picture:
        small = np.asarray(picture.convert("RGB").resize((240, 160), Image.Resampling.BICUBIC))
    Image.fromarray(model_zoo.load("whorl-student-x2").upscale(small)).save(tmp_path / "student.png")
    answer = Attributor(gallery=Path("students")).attribute(read_evidence(tmp_path / "student.png"))
    assert answer.candidates[0].source == "whorl-student-x2" and answer.parameters["scale"].value == 2
