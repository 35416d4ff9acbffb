import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from model_zoo.manifests import LISTED
from reports.commands.zoo import main


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "in.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(path)
    return path


def test_list_json_has_the_promised_fields(capsys):
    assert main(["list", "--json"], "whorl zoo") == 0
    networks = json.loads(capsys.readouterr().out)
    assert len(networks) >= 4
    assert all(list(network)[: len(LISTED)] == list(LISTED) for network in networks)


def test_list_shows_the_score_next_to_bicubics(capsys):
    assert main(["list"], "whorl zoo") == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert "SET5 PSNR" in head and "BICUBIC" in head
    assert [row.split()[0] for row in rows] == sorted(row.split()[0] for row in rows)
    assert all(" dB" in row for row in rows)


def test_each_listed_kind_of_network_upscales(capsys, picture, tmp_path):
    main(["list", "--json"], "whorl zoo")
    kinds = {(n["architecture"], n["scale"]): n for n in json.loads(capsys.readouterr().out)}
    assert len(kinds) >= 4
    for network in kinds.values():  # one of each kind: the others differ in their weights alone
        out = tmp_path / f"{network['name']}.png"
        assert main(["upscale", network["name"], str(picture), "-o", str(out)], "whorl zoo") == 0
        with Image.open(out) as large:
            assert large.size == (7 * network["scale"], 9 * network["scale"]) and large.mode == "RGB"
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".PNG", ".webp", ".tif", ".bmp"])
def test_every_output_format_holds_the_same_pixels(picture, tmp_path, suffix):
    arguments = ["upscale", "whorl-fsrcnn-x2", str(picture), "-o"]
    main([*arguments, str(tmp_path / "reference.png")], "whorl zoo")
    main([*arguments, str(tmp_path / f"out{suffix}")], "whorl zoo")
    with Image.open(tmp_path / "reference.png") as first, Image.open(tmp_path / f"out{suffix}") as second:
        np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


@pytest.mark.parametrize(
    "picture_of",
    [
        lambda: Image.new("L", (1, 1), 7),
        lambda: Image.fromarray(np.full((5, 6), 40000, np.uint16)),
        lambda: Image.new("RGBA", (3, 4), (1, 2, 3, 0)),
        lambda: Image.new("P", (3, 70)),
    ],
    ids=["1x1 grey", "16-bit grey", "alpha", "palette"],
)
def test_awkward_pictures_upscale(tmp_path, picture_of):
    path, out = tmp_path / "in.png", tmp_path / "out.png"
    picture_of().save(path)
    assert main(["upscale", "whorl-fsrcnn-x2", str(path), "-o", str(out)], "whorl zoo") == 0
    with Image.open(path) as small, Image.open(out) as large:
        assert large.size == (2 * small.width, 2 * small.height)


def test_mistakes_are_errors_before_any_work(picture, tmp_path):
    def wrong(match, *arguments):
        with pytest.raises((ValueError, OSError), match=match):
            main(["upscale", *map(str, arguments)], "whorl zoo")

    wrong("--output must end in one of .png", "whorl-edsr-x2", picture, "-o", tmp_path / "out.jpg")
    wrong("there is no folder", "whorl-edsr-x2", picture, "-o", tmp_path / "no" / "out.png")
    wrong("name must be one of whorl-edsr-x2", "nobody", picture, "-o", tmp_path / "out.png")
    (tmp_path / "folder.png").mkdir()
    wrong("is a folder", "whorl-edsr-x2", picture, "-o", tmp_path / "folder.png")
    (tmp_path / "text.png").write_text("hello")
    wrong("text.png: ", "whorl-edsr-x2", tmp_path / "text.png", "-o", tmp_path / "out.png")
    wrong("missing", "whorl-edsr-x2", tmp_path / "missing.png", "-o", tmp_path / "o.png")
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "a command is missing"),
        (["grow"], "there is no command 'grow'"),
        (["upscale", "whorl-edsr-x2", "in.png"], "-o/--output"),
        (["list", "--xml"], "unrecognized arguments: --xml"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        main(arguments, "whorl zoo")
    assert end.value.code == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and message in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--name"),
        (["--name", "a", "--steps", "0"], "steps must be at least 1, got 0"),
        (["--name", "a", "--scale", "two"], "--scale"),
        (["--name", "a", "--epochs", "3"], "Unrecognized options: --epochs"),
    ],
)
def test_wrong_training_options_are_one_line_and_exit_code_2(capsys, arguments, message):
    assert main(["train", *arguments], "whorl zoo") == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and message in said.err


@pytest.mark.parametrize("arguments", [["--help"], ["list", "--help"], ["upscale", "--help"], ["train", "--help"]])
def test_help_needs_nothing_heavy(repository, arguments):
    code = (
        "import sys\nfrom reports.commands.zoo import main\n"
        "try: end = main(sys.argv[1:], 'whorl zoo')\nexcept SystemExit as stop: end = stop.code\n"
        "assert not {'jax', 'flax', 'numpy', 'PIL'} & sys.modules.keys()\nsys.exit(end)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "usage: whorl zoo" in done.stdout


KILLS = 10
DRIVER = """
import os, random, shlex, signal, sys, time
from pathlib import Path
import jax, optax, flax.nnx, orbax.checkpoint  # what is imported before the fork need not be imported after it
import model_zoo.runs
from reports.commands.zoo import main

def train(runs):
    child = os.fork()
    if child:
        return child
    sys.stdout = open(os.devnull, "w")
    os._exit(main(shlex.split(sys.argv[3]) + ["--runs", runs], "whorl zoo"))

def newest(runs):
    return max((int(p.name) for p in Path(runs).glob("*/checkpoints/*") if p.name.isdigit()), default=0)

straight, broken = sys.argv[1:3]
assert os.waitstatus_to_exitcode(os.waitpid(train(straight), 0)[1]) == 0
chance = random.Random(0)
moments = []
while len(moments) < %d:
    child, before = train(broken), newest(broken)
    while newest(broken) == before and os.waitpid(child, os.WNOHANG) == (0, 0):
        time.sleep(0.002)
    time.sleep(chance.uniform(0, 0.12))
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "it ended before it could be killed"
    moments.append(newest(broken))
assert os.waitstatus_to_exitcode(os.waitpid(train(broken), 0)[1]) == 0
print(*moments)
"""


@pytest.mark.slow
def test_a_training_killed_ten_times_ends_with_the_weights_of_an_undisturbed_one(repository, tmp_path):
    folder = tmp_path / "data" / "bsds500" / "train"
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (72, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "1.jpg")
    arguments = (
        "train --name tiny --width 3 --depth 1 --batch 2 --patch 16 --log-every 1 --checkpoint-every 5 --steps 200 "
        "--discriminator-width 2 --ema 0.9 --loss 'l1 + 0.01*gan'"
    )
    done = subprocess.run(
        [sys.executable, "-c", DRIVER % KILLS, str(tmp_path / "straight"), str(tmp_path / "broken"), arguments],
        cwd=repository,
        env=os.environ
        | {
            "WHORL_DATA": str(tmp_path / "data"),
            "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled"),  # twelve starts, one compilation
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    moments = list(map(int, done.stdout.split()))
    assert len(moments) == KILLS and moments == sorted(set(moments)) and moments[-1] < 200
    finished = [next((tmp_path / name).glob("*/tiny.safetensors")).read_bytes() for name in ("straight", "broken")]
    assert finished[0] == finished[1]
