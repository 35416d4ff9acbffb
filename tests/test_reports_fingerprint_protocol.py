"""`whorl fingerprint protocol`: what it prints, writes and draws, and that mistakes come first."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from protocol_fakes import NETWORKS, PUBLISHED, RECIPES, VIEWS, residuals, world

import datasets
from fingerprint import training_set
from fingerprint.protocol import networks, parsing, pictures, prnu, study
from fingerprint.protocol.networks import Network
from reports.commands import fingerprint as command
from reports.protocol_figures import draw_called, draw_plane, draw_ratios
from reports.protocol_table import percent, protocol_markdown

PROG = "whorl fingerprint"
HEADINGS = [
    "Attribution",
    "Networks that differ by seed alone",
    "Parsing networks that were never seen",
    "Published networks",
]


@pytest.fixture(autouse=True)
def small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that computes on real pictures is replaced; the protocol itself runs."""

    def paths(given: Sequence[Network], *_: object) -> dict[str, list[Path]]:
        return {network.name: [Path(network.name, "test", "p.webp")] for network in given}

    def gather(given: Mapping[str, Sequence[Path]], features: object) -> pictures.Pictures:
        return world(NETWORKS if NETWORKS[0].name in given else PUBLISHED).pictures

    def gather_residuals(given: Mapping[str, Sequence[Path]], *_: object) -> prnu.Residuals:
        return residuals(NETWORKS if NETWORKS[0].name in given else PUBLISHED)

    monkeypatch.setattr(parsing, "RECIPES", RECIPES)
    monkeypatch.setattr(networks, "reference_networks", lambda: NETWORKS)
    monkeypatch.setattr(networks, "published_networks", lambda: PUBLISHED)
    monkeypatch.setattr(pictures, "rendered", paths)
    monkeypatch.setattr(pictures, "published", paths)
    monkeypatch.setattr(pictures, "gather", gather)
    monkeypatch.setattr(pictures, "default_views", lambda: VIEWS)
    monkeypatch.setattr(prnu, "bm3d_denoiser", lambda: lambda picture: picture)
    monkeypatch.setattr(prnu, "gather_residuals", gather_residuals)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Numbers that all tests here share: only the first works them out."""
    return tmp_path_factory.mktemp("kept")


def run(capfd: pytest.CaptureFixture[str], cache: Path, *argv: object) -> tuple[str, str]:
    folders = ("--cache", cache, "--renders", cache / "renders", "--seeds", 1)
    assert command.main([str(part) for part in ("protocol", *folders, *argv)], PROG) == 0
    return capfd.readouterr()


def refused(match: str, tmp_path: Path, *argv: object) -> None:
    folders = ("--cache", tmp_path / "cache", "--renders", tmp_path / "renders")
    with pytest.raises((ValueError, OSError), match=match) as error:
        command.main([str(part) for part in ("protocol", *folders, *argv)], PROG)
    assert len(str(error.value).splitlines()) == 1
    assert not (tmp_path / "renders").is_dir()


def test_the_protocol_prints_tables_and_writes_and_draws_everything(
    cache: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = ("--out", tmp_path / "n.json", "--markdown", tmp_path / "n.md")
    out, err = run(capfd, cache, *files, "--figures", tmp_path / "figures", "--format", "svg")
    said = err.splitlines()
    assert said[:5] == [
        "pictures of our networks",
        "features of our networks",
        "residuals of our networks",
        "features of the published networks",
        "residuals of the published networks",
    ]
    assert said[5:7] == ["seed 1: attribution", "seed 1: parsers"]
    assert "seed 1: parsers, loss L1 withheld" in said
    assert [line[3:] for line in out.splitlines() if line.startswith("## ")] == HEADINGS
    assert (tmp_path / "n.md").read_text() == out
    report = json.loads((tmp_path / "n.json").read_text())
    assert protocol_markdown(report) == out
    about = report["about"]
    assert (about["networks"], about["published"], about["seeds"]) == (len(NETWORKS), len(PUBLISHED), [1])
    assert (about["photographs"], about["training"], about["test"]) == (16, 12, 4)
    assert "reference" not in report  # none is asked
    assert report["command"].startswith("whorl fingerprint protocol --cache ")
    assert str(tmp_path) not in report["command"]
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    assert drawn == {f"{name}.svg" for name in ("pictures", "distances", "published-distances", "published-parsed")}


def test_our_numbers_stand_beside_the_papers(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, _ = run(capfd, cache)
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in out.splitlines() if line.startswith("| ")}
    told = run(capfd, cache, "--json")[0]
    assert len(told.splitlines()) == 1
    zoo = json.loads(told)["zoo"]
    scale = zoo["attribution"]["scale"]["×2"]
    baseline = zoo["prnu"]["correlation"]["attribution"]["scale"]["×2"]
    assert rows["scale ×2"] == f"| scale ×2 | {percent(scale)} | 95.4 | {percent(baseline)} | 9.1 |"
    assert rows["all networks"].split(" | ")[2] == "96.0"
    assert rows["loss L1"].split(" | ")[2] == "89.2"
    # The paper's table, its numbers in brackets, and what could not be parsed.
    lines = out.splitlines()
    table = lines[lines.index("### As in the paper") :]
    head, seed = table[2].split(" | "), zoo["parsers"]["seed"]["3"]["scale"]["accuracy"]
    assert head[1:4] == ["chance", "seed 3", "training set B"]
    assert table[4].startswith(f"| scale | 33.3 (50.0) | {percent(seed)} (100.0) | ")
    assert table[4].endswith("(51.5) |")
    # SwinIR is not in the small world: five of the paper's columns are, the training set is parsed in two of them.
    assert sum(line.count("(") - 1 for line in table[4:8]) == 5 + 3 + 4 + 3 - 1
    called = zoo["published"]["parsers"]["scale"]
    assert f"| adversarial | {percent(called['accuracy']['adversarial'])} | - | " in out
    assert "| Real-ESRGAN's family (×4) | " in out
    assert rows["realesrgan-x4"].count("|") == 5  # its name and three scales


def test_the_report_says_how_the_data_differ_and_that_the_embedding_takes_no_part(
    cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, _ = run(capfd, cache)
    text = " ".join(out.split())
    assert "The learned embedding takes no part: it was trained on pictures of all these networks" in text
    for what in ("Networks", "Values", "Pictures", "Classifiers", "PRNU"):
        assert f"* **{what}.** " in text
    with pytest.raises(SystemExit):
        command.main(["protocol", "--help"], PROG)
    text = " ".join(capfd.readouterr().out.split())
    assert "Only the classical features are used: the learned embedding was trained on all these networks" in text


def test_parts_can_be_left_out(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, err = run(capfd, cache, "--no-prnu", "--no-published")
    assert "residuals" not in err and "published" not in err
    assert [line[3:] for line in out.splitlines() if line.startswith("## ")] == HEADINGS[:-1]
    row = next(line for line in out.splitlines() if line.startswith("| scale ×2 |"))
    assert row.endswith("| 95.4 | - | 9.1 |")


def test_an_interrupted_run_goes_on(
    cache: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = run(capfd, cache, "--json")

    def again(*_: object) -> None:
        raise AssertionError("worked out a second time")

    monkeypatch.setattr(study, "Column", again)
    monkeypatch.setattr(study, "_attributed", again)
    assert run(capfd, cache, "--json")[0] == before


def test_mistakes_are_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused("--seeds must differ and be at least 0, got 1 1", tmp_path, "--seeds", 1, 1)
    refused("--seeds must differ and be at least 0, got 2 -1", tmp_path, "--seeds", 2, -1)
    refused("--markdown must end in .md, got 'n.txt'", tmp_path, "--markdown", tmp_path / "n.txt")
    refused("--out must be a file in a folder that exists", tmp_path, "--out", tmp_path / "none" / "n.json")

    def missing() -> tuple[Network, ...]:
        raise datasets.DataMissingError("there is no data folder")

    monkeypatch.setattr(networks, "published_networks", missing)
    refused("there is no data folder", tmp_path)
    (tmp_path / "file").write_text("")
    folders = ["--renders", str(tmp_path / "r"), "--cache", str(tmp_path / "c")]
    with pytest.raises(ValueError, match="--figures .*: "):
        command.main(["protocol", "--no-published", *folders, "--figures", str(tmp_path / "file" / "x")], PROG)


def test_without_the_library_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking() -> None:
        raise ValueError(prnu.MISSING)

    monkeypatch.setattr(prnu, "bm3d_denoiser", lacking)
    refused(r"for non-commercial use only.*pip install .*\[prnu\].*--no-prnu", tmp_path)


@pytest.mark.parametrize("wrong", [("--seeds",), ("--seeds", "one"), ("--format", "gif"), ("--no-such",)])
def test_a_wrong_call_is_one_line(wrong: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(["protocol", *wrong], PROG)
    assert left.value.code == 2
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_pictures_are_measured_clean_into_the_cache(
    cache: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def measure(samples: Sequence[object], condition: Any, folder: Path, **_: object) -> None:
        asked.append((samples, condition.name, folder))

    def gather(given: Mapping[str, Sequence[Path]], features: Any) -> pictures.Pictures:
        features(["a sample"])
        return world(NETWORKS).pictures

    monkeypatch.setattr(training_set, "measure", measure)
    monkeypatch.setattr(pictures, "gather", gather)
    run(capfd, cache, "--no-prnu", "--no-published")
    assert asked == [(["a sample"], "clean", cache)]


def test_figures_change_with_what_they_show() -> None:
    made_by, rng = NETWORKS[:12], np.random.default_rng(0)
    at = rng.normal(size=(12, 2))
    one = draw_plane(at, made_by, ".svg")
    assert one == draw_plane(at, made_by, ".svg") != draw_plane(at[::-1], made_by, ".svg")
    near = np.eye(3)
    assert draw_ratios(PUBLISHED, {"a": near}, ".svg", 4.0) != draw_ratios(PUBLISHED, {"a": 1 - near}, ".svg", 4.0)
    with pytest.raises(ValueError, match="suffix must be one of"):
        draw_ratios(PUBLISHED, {"a": near}, ".gif")

    def called(share: float) -> dict[str, Any]:
        by = {"×2": {"mean": 1 - share}, "×4": {"mean": share}}
        kinds = {"fidelity": {"mean": share}, "adversarial": {"mean": 1 - share}}
        names = [network.name for network in PUBLISHED]
        return {"scale": {"called": dict.fromkeys(names, by)}, "loss": {"called": dict.fromkeys(names, kinds)}}

    assert draw_called(PUBLISHED, called(0.9), ".svg") != draw_called(PUBLISHED, called(0.2), ".svg")
