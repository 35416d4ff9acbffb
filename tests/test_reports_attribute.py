"""`attribute`: one answer or one line for each file, in order, whatever the files are."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from reports_fakes import fake, picture, result_for

import datasets
from fingerprint.result import Priors, Result, Upscaled
from reports.commands import attribute

ENTRY = "import sys; from reports.cli import attribute_main; sys.exit(attribute_main())"


def run(capsys: pytest.CaptureFixture[str], *argv: str, make: Any = None) -> tuple[int, list[dict], list[str]]:
    code = attribute.main(["--json", *argv], "attribute", make or fake())
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err.splitlines()


def test_every_name_gets_one_answer_or_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = picture(tmp_path / "good one é.png")
    text = tmp_path / "text.png"
    text.write_text("no picture")
    empty = tmp_path / "empty.png"
    empty.touch()
    folder = tmp_path / "x.png"
    folder.mkdir()
    names = [str(path) for path in (good, text, tmp_path / "missing.png", good, empty, folder)]
    code, answers, errors = run(capsys, *names)
    assert code == 2
    assert [answer["image"]["path"] for answer in answers] == [str(good), str(good)]
    assert len(errors) == 4
    for line, name in zip(errors, (text, tmp_path / "missing.png", empty, folder), strict=True):
        assert line.startswith(f"attribute: {name}: ")


def test_folders_are_walked_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(7):
        picture(tmp_path / f"{number}.png", seed=number)
    code, answers, errors = run(capsys, str(tmp_path))
    assert (code, errors) == (0, [])
    assert [answer["image"]["path"] for answer in answers] == [str(tmp_path / f"{number}.png") for number in range(7)]


def test_order_holds_when_later_images_are_faster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(6):
        picture(tmp_path / f"{number}.png", seed=number)

    def slow_first(evidence: Any) -> Result:
        time.sleep(0.2 if evidence.path.endswith(("0.png", "3.png")) else 0.0)
        return result_for(evidence)

    _, answers, _ = run(capsys, str(tmp_path), make=fake(slow_first))
    assert [Path(answer["image"]["path"]).stem for answer in answers] == list("012345")


def test_inconclusive_is_1_and_2_goes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = str(picture(tmp_path / "a.png"))

    def unsure(evidence: Any) -> Result:
        return result_for(evidence, "inconclusive")

    assert run(capsys, good, make=fake(unsure))[0] == 1
    assert run(capsys, good, "missing.png", make=fake(unsure))[0] == 2
    assert run(capsys, "missing.png", good, make=fake(unsure))[0] == 2


def test_an_unforeseen_error_costs_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(picture(tmp_path / f"{number}.png", seed=number)) for number in range(3)]

    def fragile(evidence: Any) -> Result:
        if evidence.path == paths[1]:
            raise RuntimeError("two\nlines")
        return result_for(evidence)

    code, answers, errors = run(capsys, *paths, make=fake(fragile))
    assert code == 2
    assert [answer["image"]["path"] for answer in answers] == [paths[0], paths[2]]
    assert errors == [f"attribute: {paths[1]}: internal error: RuntimeError: two lines"]


def test_a_number_that_is_not_finite_is_no_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(picture(tmp_path / f"{number}.png", seed=number)) for number in range(2)]

    def infinite(evidence: Any) -> Result:
        good = result_for(evidence)
        if evidence.path == paths[1]:
            return good
        return Result(**{**vars(good), "upscaled": Upscaled(1.0, float("inf"))})

    code, answers, errors = run(capsys, *paths, make=fake(infinite))
    assert (code, len(answers), len(errors)) == (2, 1, 1)
    assert errors[0].startswith(f"attribute: {paths[0]}: ")


def test_a_reference_that_does_not_load_is_said_for_each_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(picture(tmp_path / f"{number}.png", seed=number)) for number in range(3)]
    calls = []

    def broken(options: Any) -> Any:
        calls.append(options)
        raise ValueError("the reference is damaged")

    code, answers, errors = run(capsys, *paths, make=broken)
    assert (code, answers) == (2, [])
    assert errors == [f"attribute: {path}: the reference is damaged" for path in paths]
    assert len(calls) == 1


def test_an_unreadable_file_needs_no_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def never(options: Any) -> Any:
        raise AssertionError("loaded")

    assert "loaded" not in run(capsys, str(tmp_path / "missing.png"), make=never)[2][0]


def test_few_images_are_held_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    for number in range(12):
        picture(tmp_path / f"{number:02}.png", seed=number)
    lock = threading.Lock()
    held, most = 0, 0
    real = datasets.read_evidence

    def counting_read(path: str, max_pixels: int) -> Any:
        nonlocal held, most
        evidence = real(path, max_pixels=max_pixels)
        with lock:
            held += 1
            most = max(most, held)
        return evidence

    def slow(evidence: Any) -> Result:
        nonlocal held
        time.sleep(0.02)
        with lock:
            held -= 1
        return result_for(evidence)

    monkeypatch.setattr(datasets, "read_evidence", counting_read)
    assert len(run(capsys, str(tmp_path), make=fake(slow))[1]) == 12
    assert most <= 3


def test_a_large_image_is_worked_on_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    from reports import batch

    sizes = [(40, 30), (80, 60), (40, 30), (40, 30), (80, 60), (40, 30)]
    for number, size in enumerate(sizes):
        picture(tmp_path / f"{number}.png", size, seed=number)
    monkeypatch.setattr(batch, "LARGE_PIXELS", 80 * 60)
    busy: set[str] = set()
    together: list[set[str]] = []

    def watch(evidence: Any) -> Result:
        busy.add(evidence.path)
        together.append(set(busy))
        time.sleep(0.03)
        busy.discard(evidence.path)
        return result_for(evidence)

    run(capsys, str(tmp_path), make=fake(watch))
    large = {str(tmp_path / "1.png"), str(tmp_path / "4.png")}
    assert all(len(group) == 1 for group in together if group & large)


def test_priors_reach_what_attributes() -> None:
    options = attribute._parser("attribute").parse_args(["--prior", "upscaled=0.1", "a.png"])
    assert Priors(**dict(options.prior)) == Priors(upscaled=0.1)
    assert set(attribute.PRIORS) == set(vars(Priors()))
    assert attribute.MAX_PIXELS == datasets.MAX_PIXELS


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "IMAGE"),
        (["--prior", "upscaled=1", "a.png"], "'1' is no probability"),
        (["--prior", "upscaled", "a.png"], "'' is no probability"),
        (["--prior", "likely=0.5", "a.png"], "'likely=0.5'"),
        (["--max-pixels", "0", "a.png"], "'0' is not a whole number above 0"),
        (["--js", "a.png"], "--js"),
    ],
)
def test_a_wrong_call_is_one_line(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        attribute.main(argv, "attribute", fake())
    out, err = capsys.readouterr()
    assert left.value.code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("attribute: ")
    assert said in err


@pytest.mark.parametrize("extra", [["--reference", "nowhere"], ["--prior", "upscaled=0.1", "--prior", "upscaled=0.2"]])
def test_a_wrong_value_is_refused_before_any_image(extra: list[str]) -> None:
    with pytest.raises(ValueError, match=extra[0]):
        attribute.main([*extra, "a.png"], "attribute", fake())


# The rest starts processes: what a shell sees.


def start(*argv: str | bytes, code: str = ENTRY, **settings: Any) -> subprocess.Popen:
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
    return subprocess.Popen([sys.executable, "-c", code, *argv], stdin=subprocess.DEVNULL, **settings)


FAKE_ENTRY = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from reports import cli
from reports.commands import attribute
import reports_fakes as helpers
def answer(evidence):
    time.sleep({pause})
    return helpers.result_for(evidence)
real = attribute.main
attribute.main = lambda argv, prog: real(argv, prog, helpers.fake(answer))
sys.exit(cli.attribute_main())
"""


def fake_entry(pause: float = 0.0) -> str:
    return FAKE_ENTRY.format(tests=str(Path(__file__).parent), pause=pause)


def test_names_that_are_no_text_come_out_safely(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    names = [folder + b"/caf\xe9.png", folder + b"/two\nlines.png", folder + b"/-dash.png"]
    for name in names:
        Image.new("RGB", (16, 16)).save(Path(os.fsdecode(name)))
    missing = [folder + b"/no\xff.png", folder + "/\u202egnp.exe".encode()]
    process = start("--json", *names, *missing, code=fake_entry(), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=60)
    answers = [json.loads(line) for line in out.decode("ascii").splitlines()]
    assert [os.fsencode(answer["image"]["path"]) for answer in answers] == names
    lines = err.decode("ascii").splitlines()
    assert len(lines) == 2
    assert "no\\xff.png: " in lines[0]
    assert "\\u202egnp.exe: " in lines[1]
    assert process.returncode == 2


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    for number in range(5):
        picture(tmp_path / f"{number}.png", seed=number)
    process = start("--json", str(tmp_path), code=fake_entry(0.2))
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(60) == 141
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = start("--json", str(picture(tmp_path / "a.png")), code=fake_entry(), stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.decode().splitlines() == ["attribute: No space left on device"]


def test_interrupting_leaves_at_once(tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / f"{number}.png", seed=number)
    code = fake_entry(30.0).replace("def answer(evidence):", WAITING)
    process = start("--json", str(tmp_path), code=code)
    assert process.stderr is not None
    assert process.stderr.readline().strip() == b"analysing"
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    assert process.wait(20) == 130
    assert time.monotonic() - begin < 10  # far less than the 30 s an image takes here
    assert b"Traceback" not in process.communicate()[1]


WAITING = "def answer(evidence):\n    sys.stderr.write('analysing\\n'); sys.stderr.flush()"


def test_help_is_fast_and_loads_nothing_heavy() -> None:
    seconds = []
    for _ in range(3):
        begin = time.monotonic()
        process = start("--help")
        out, err = process.communicate(timeout=60)
        seconds.append(time.monotonic() - begin)
        assert process.returncode == 0
        assert b"--prior" in out
        assert err == b""
    # The promise is 0.5 s; another test may have the second core, hence the best of three.
    assert min(seconds) < 0.5
    heavy = ("numpy", "jax", "PIL", "rich", "scipy", "fingerprint", "datasets")
    probe = "import sys, reports.cli, reports.commands.attribute as a; a._parser('x')"
    loaded, _ = start(code=f"{probe}; print([name for name in {heavy!r} if name in sys.modules])").communicate(
        timeout=60
    )
    assert loaded.decode().strip() == "[]"


def test_other_commands_show_their_groups() -> None:
    entry = "import sys; from reports.cli import whorl_main; sys.exit(whorl_main())"
    out, err = start("--help", code=entry).communicate(timeout=60)
    for group in ("datasets", "zoo", "spectra", "fingerprint", "bench"):
        assert group in out.decode()
    assert err == b""
    out, _ = start("--version", code=entry).communicate(timeout=60)
    assert out.decode().startswith("whorl ")
    for argv in ([], ["nonsense"], ["--nonsense"]):
        process = start(*argv, code=entry)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, len(err.splitlines())) == (2, b"", 1)
