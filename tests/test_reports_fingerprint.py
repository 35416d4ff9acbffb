"""`whorl fingerprint`: what its commands print and write, and that mistakes are one line before any work."""

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fingerprint_fakes import SOURCES, reference, saved_reference, texture, written

import datasets
from fingerprint import evaluate, studies
from fingerprint import fit as fitting
from fingerprint import sources as known
from fingerprint.conditions import CONDITIONS
from fingerprint.reference import load, save
from fingerprint.samples import Sample
from reports.commands import fingerprint as command
from reports.commands.fingerprint import common
from reports.commands.fingerprint import evaluate as evaluating

PROG = "whorl fingerprint"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_reference(tmp_path_factory.mktemp("reference"))


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[str, str]:
    assert command.main([str(part) for part in argv], PROG) == 0
    out, err = capsys.readouterr()
    return out, err


def refused(match: str, *argv: object) -> None:
    with pytest.raises((ValueError, OSError), match=match) as error:
        command.main([str(part) for part in argv], PROG)
    assert len(str(error.value).splitlines()) == 1


# render


@pytest.mark.data("bsds500", "published")
def test_render_makes_what_evaluate_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = run(capsys, "render", tmp_path / "made", "whorl-fsrcnn-*", "--count", 1)
    assert (out, err) == (f"{tmp_path / 'made'}: 2 networks\n", "whorl-fsrcnn-x2\nwhorl-fsrcnn-x4\n")
    photograph = datasets.bsds500("val").paths[0].stem
    for name in ("whorl-fsrcnn-x2", "whorl-fsrcnn-x4"):
        assert [path.name for path in (tmp_path / "made" / name / "test").iterdir()] == [f"{photograph}.webp"]
    items = evaluate.test_items(tmp_path / "made")
    assert [(source, name) for source, name, _ in items] == [(f"whorl-fsrcnn-x{k}", photograph) for k in (2, 4)]
    assert {datasets.read_evidence(path).pixels.shape for *_, path in items} == {(192, 192, 3)}


@pytest.mark.data("bsds500", "published-weights")
def test_render_enlarges_photographs_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    networks = ("espcn-x3-opencv", "bicubic-x2-pil", "whorl-fsrcnn-*")
    out, err = run(capsys, "render", tmp_path, *networks, "--as-they-are", "--count", 2)
    names = ["espcn-x3-opencv", "bicubic-x2-pil", "whorl-fsrcnn-x2", "whorl-fsrcnn-x4"]
    assert (out, err.splitlines()) == (f"{tmp_path}: 4 sources\n", names)
    items = evaluate.test_items(tmp_path)
    assert sorted({source for source, *_ in items}) == sorted(names)
    assert {datasets.read_evidence(path).pixels.shape for *_, path in items} == {(192, 192, 3)}
    assert len(items) == 8


def test_render_needs_a_network(tmp_path: Path) -> None:
    refused(r"pattern for some, got 'none-of-\*'", "render", tmp_path, "none-of-*")


# show


def test_show_lists_what_is_enrolled(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = run(capsys, "show", "--reference", folder)
    identity, blank, head, *rows = out.splitlines()
    assert (identity, blank, err) == (load(folder).identity, "", "")
    assert head.split()[:2] == ["SOURCE", "ARCHITECTURE"]
    assert [row.split()[0] for row in rows] == sorted(SOURCES)
    assert rows[0].split() == ["alpha-x2", "edsr", "x2", "fidelity", "div2k", "1,000,000"]


def test_show_json_holds_the_card(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = run(capsys, "show", "--json", "--reference", folder)
    told = json.loads(out)
    assert len(out.splitlines()) == 1
    assert told["reference"] == load(folder).identity
    assert [source["name"] for source in told["sources"]] == sorted(SOURCES)
    assert told["card"] == load(folder).card


def test_a_reference_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    refused("nowhere cannot be read: No such file", "show", "--reference", tmp_path / "nowhere")


# evaluate


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name in ("alpha-x2", "original", "odd\nname"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for seed in range(2):
            written(tmp_path / "set" / name / f"{seed}.png", texture(150, 150, seed))
    return tmp_path / "set"


@pytest.fixture
def without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> dict:
        raise datasets.DataMissingError("no data")

    monkeypatch.setattr(known, "known_sources", missing)


@pytest.mark.usefixtures("without_data")
def test_evaluate_prints_a_block_a_post_and_writes_everything(
    folder: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "numbers.json"
    posts = ("--post", "clean", "jpeg75", "--post", "clean")
    out, err = run(capsys, "evaluate", pictures, "--reference", folder, *posts, "--out", file)
    blocks = out.split("\n\n")
    assert [block.splitlines()[0].split(":")[0] for block in blocks] == ["clean", "jpeg75"]
    for line in ("  top-1", "  named, wrongly", "  scale", "  originals falsely accused", "  worst sources: "):
        assert all(line in block for block in blocks)
    assert "odd\\nname" in blocks[0]
    assert err.splitlines() == ["clean", "jpeg75"]
    told = json.loads(file.read_text())
    assert told["reference"] == load(folder).identity
    assert (told["folder"], set(told["posts"])) == (pictures.name, {"clean", "jpeg75"})
    assert sum(told["posts"]["clean"]["confusion"]["alpha-x2"].values()) == 2
    assert told["posts"]["clean"]["scale"]["images"] == 4  # what the unknown folder's scale is, nobody knows
    top = told["posts"]["clean"]["top1"]
    assert f"  top-1                      {top['share']:>6.3f}  {top['interval'][0]:.3f} to " in blocks[0]


@pytest.mark.usefixtures("without_data")
def test_evaluate_json_is_one_object(folder: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = run(capsys, "evaluate", "--json", "--reference", folder, "--post", "as-is", "--", pictures)
    assert set(json.loads(out)["posts"]) == {"as-is"}


def test_true_scales_come_from_reference_and_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "known_sources", lambda: {"elsewhere": replace(SOURCES["gamma-x4"], name="elsewhere")})
    scales = common.true_scales(load(folder))
    assert scales == {"original": 1, "elsewhere": 4, "alpha-x2": 2, "beta-x3": 3, "gamma-x4": 4, "kernel-x2": 2}


# innocents


def test_innocents_are_a_table_of_corpora_and_posts(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    item = ("original", "a", written(tmp_path / "a.png", texture(260, 260)))
    monkeypatch.setattr(studies, "innocent_corpora", lambda: {"set5": [item, item], "camera": [item]})
    folds = tmp_path / "folds"
    for fold in range(5):
        save(reference(), folds / f"fold{fold}")
    file = tmp_path / "n.json"
    options = ("--reference", folder, "--post", "as-is", "jpeg90", "--out", file)
    out, _ = run(capsys, "innocents", "--folds", folds, *options)
    head, *rows = out.splitlines()
    assert "FALSELY ACCUSED" in head
    assert [row.split()[:2] for row in rows] == [
        ["set5", "as-is"], ["set5", "jpeg90"], ["camera", "as-is"], ["camera", "jpeg90"],
    ]  # fmt: skip
    assert all(row.split()[2].endswith("/2") for row in rows[:2])
    assert set(json.loads(file.read_text())["corpora"]) == {"set5", "camera"}
    out, _ = run(capsys, "innocents", *options)
    assert [row.split()[0] for row in out.splitlines()[1:]] == ["set5", "set5"]


def test_folds_that_are_not_there_are_one_line(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies, "innocent_corpora", lambda: {"camera": []})
    refused("fold0 cannot be read", "innocents", "--reference", folder, "--folds", tmp_path)


# leave-out


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known sources without data, and nothing that takes time."""
    monkeypatch.setattr(known, "known_sources", lambda: SOURCES)
    monkeypatch.setattr(datasets, "published_sources", lambda: ("alpha-x2", "gamma-x4", "original"))

    def samples(renders: Path, extra: Any = (), without: Any = (), step: Any = print) -> tuple[Sample, ...]:
        step(f"renders in {renders.name}, extra {len(extra)}, without {' '.join(without)}")
        return (Sample("alpha-x2", "a", renders, copies=2), Sample("original:scan", "b", renders))

    monkeypatch.setattr(fitting, "default_samples", samples)


@pytest.mark.usefixtures("world")
def test_leave_out_is_a_row_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    shares = {"named": 0.25, "called_unknown": 0.5, "called_not_upscaled": 0.0, "right_scale": 1.0}
    open_set = {"auroc": 0.9, "fpr_at_95_tpr": 0.3, "oscr": 0.8, "calibration_error": 0.01}
    entry = {**open_set, **shares, "named_as": {"a": 1, "b": 4}, "images": 20, "known_images": 400}

    def left(samples: Any, sources: Any, cache: Path, networks: Any, condition: Any, step: Any) -> dict:
        asked.append((cache, tuple(networks), condition))
        step("working")
        return {**dict.fromkeys(networks, entry), "mean_auroc": 0.9}

    monkeypatch.setattr(studies, "leave_out", left)
    file, work = tmp_path / "n.json", tmp_path / "work"
    options = ("--work", work, "--network", "gamma-x4", "alpha-x2", "--condition", "jpeg-74", "--out", file)
    out, err = run(capsys, "leave-out", *options)
    assert asked == [(work / "features", ("gamma-x4", "alpha-x2"), CONDITIONS[4])]
    rows = out.splitlines()
    assert rows[1].split() == [
        "gamma-x4",
        "0.900",
        "0.300",
        "0.800",
        "0.010",
        "0.250",
        "0.500",
        "0.000",
        "1.000",
        "20",
        "b",
    ]
    assert rows[-1] == "mean AUROC 0.900, jpeg-74"
    assert err.splitlines() == ["renders in renders, extra 0, without ", "measuring jpeg-74", "working"]
    assert json.loads(file.read_text())["networks"]["gamma-x4"] == entry


@pytest.mark.usefixtures("world")
def test_leave_out_refuses_unknown_names(tmp_path: Path) -> None:
    refused("--condition must be one of clean, jpeg-96, .*, got 'jpeg'", "leave-out", "--condition", "jpeg")
    refused("--network must be one of alpha-x2, gamma-x4, got 'beta-x3'", "leave-out", "--network", "beta-x3")
    assert not list(tmp_path.iterdir())


# fit


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch, world: None) -> list[fitting.Plan]:
    """Plans that a fit was asked for; it writes a made-up reference."""
    plans: list[fitting.Plan] = []

    def fit(plan: fitting.Plan, step: Callable[[str], None], advance: Callable[[int], None]) -> None:
        plans.append(plan)
        step("measuring clean")
        advance(3)
        save(reference(), plan.out)

    monkeypatch.setattr(fitting, "fit", fit)
    return plans


def test_fit_writes_reference_and_card_and_says_how_good_it_is(
    fitted: list[fitting.Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "some where" / "beta-x3"
    own.mkdir(parents=True)
    out_folder, work = tmp_path / "new" / "reference", tmp_path / "work"
    options = ("--work", work, "--folds", tmp_path / "folds", "--workers", 3, "--without", "beta-x3", "alpha-x2")
    out, err = run(capsys, "fit", own, "--out", out_folder, *options)
    (plan,) = fitted
    assert (plan.cache, plan.out, plan.folds_out) == (work / "features", out_folder, tmp_path / "folds")
    assert plan.workers == 3
    assert err.splitlines() == ["renders in renders, extra 1, without beta-x3 alpha-x2", "measuring clean"]
    first, identity, _, head, *rows = out.splitlines()
    assert (first, identity) == (str(out_folder), load(out_folder).identity)
    assert head.split()[:2] == ["CONDITION", "PICTURES"]
    assert [row.split()[0] for row in rows] == [c.name for c in CONDITIONS for _ in range(2)]
    assert "0.010 (original:" in rows[0]
    card = (out_folder / "CARD.md").read_text(encoding="utf-8")
    assert identity in card
    assert "whorl fingerprint fit --out reference beta-x3 --without beta-x3 alpha-x2\n" in card
    assert str(tmp_path) not in card
    assert {path.name for path in out_folder.iterdir()} == {"CARD.md", "reference.json", "reference.safetensors"}


def test_fit_has_defaults_in_the_current_folder(
    fitted: list[fitting.Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(capsys, "fit")
    (plan,) = fitted
    assert (plan.cache, plan.out) == (Path("runs/fit/features"), Path("reference"))
    assert (plan.folds_out, plan.workers) == (None, None)


def test_fit_refuses_mistakes_before_any_work(fitted: list[fitting.Plan], tmp_path: Path) -> None:
    file, stranger = tmp_path / "file", tmp_path / "stranger"
    file.touch()
    stranger.mkdir()
    room = ("--out", tmp_path / "out", "--work", tmp_path / "work")
    refused("EXTRA_SOURCE_FOLDER .*missing is no folder", "fit", tmp_path / "missing", *room)
    refused("stranger: its name must be one of alpha-x2, .*, got 'stranger'", "fit", stranger, *room)
    refused("--without must be one of .*, got 'nobody'", "fit", "--without", "nobody", *room)
    refused("--out .*file", "fit", "--out", file)
    refused("--folds .*file/deep: Not a directory", "fit", *room, "--folds", file / "deep")
    assert fitted == []


class Terminal(io.StringIO):
    """Standard error of a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_drawn_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    with common.Counter(10) as bar:
        bar.say("measuring [clean]")
        bar.advance(4)
        bar.advance(6)
    assert "measuring [clean]\n" in shown.getvalue()
    assert "10/10" in shown.getvalue()
    plain = io.StringIO()
    monkeypatch.setattr(sys, "stderr", plain)
    with common.Counter(10) as bar:
        bar.say("measuring [clean]")
        bar.advance(10)
    assert plain.getvalue() == "measuring [clean]\n"


# all of them


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "a command is missing"),
        (["nonsense"], "'nonsense'"),
        (["fit", "--nonsense"], "--nonsense"),
        (["fit", "--workers", "0"], "'0' is not a whole number above 0"),
        (["evaluate"], "DIR"),
        (["show", "--ref", "x"], "--ref"),
    ],
)
def test_a_wrong_call_is_one_line(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(argv, PROG)
    out, err = capsys.readouterr()
    assert (left.value.code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith(PROG)
    assert said in err


def test_outputs_that_cannot_be_written_are_refused_first(folder: Path, pictures: Path, tmp_path: Path) -> None:
    for out, said in ((tmp_path, "is a folder"), (tmp_path / "no" / "n.json", "there is no folder")):
        for argv in (("evaluate", pictures, "--reference", folder), ("innocents",), ("leave-out",)):
            refused(said, *argv, "--out", out)


def test_unknown_posts_are_refused_first(folder: Path, pictures: Path) -> None:
    for argv in (("evaluate", pictures), ("innocents",)):
        refused("--post must be one of as-is, clean, .*, got 'blur'", *argv, "--reference", folder, "--post", "blur")


def test_a_folder_that_is_not_there_is_named(folder: Path, tmp_path: Path) -> None:
    refused("nowhere", "evaluate", tmp_path / "nowhere", "--reference", folder)


def test_defaults_are_posts_that_there_are() -> None:
    from fingerprint.evaluate import POSTS

    assert set(evaluating.POSTS) | set(studies.INNOCENT_POSTS) <= set(POSTS)
    assert len(studies.INNOCENT_POSTS) == 8  # the help says eight


def test_help_is_fast_and_loads_nothing_heavy() -> None:
    entry = "import sys; from reports.cli import whorl_main; sys.exit(whorl_main())"
    seconds = []
    for _ in range(3):
        begin = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", entry, "fingerprint", "fit", "--help"], capture_output=True, timeout=60, check=True
        )
        seconds.append(time.monotonic() - begin)
        assert b"EXTRA_SOURCE_FOLDER" in done.stdout
    # The promise is 0.5 s; another test may have the second core, hence the best of three.
    assert min(seconds) < 0.5
    probe = (
        "import sys, reports.cli, reports.commands.fingerprint; heavy = ('numpy', 'jax', 'PIL', 'rich', 'scipy', "
        "'fingerprint', 'datasets'); print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, timeout=60, check=True)
    assert done.stdout.decode().strip() == "[]"
