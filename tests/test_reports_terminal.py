"""What a person sees: verdict first, then sources, parameters and notes; nothing in a name can disturb it."""

import dataclasses
import io
from types import SimpleNamespace

import pytest
from reports_fakes import EVIDENCE, result_for

from fingerprint.result import Parameter, Result, Verdict
from reports.terminal import console_for, render


def shown(result: Result) -> list[str]:
    stream = io.StringIO()
    console_for(stream).print(render(result))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_a_known_source_reads_from_top_to_bottom() -> None:
    evidence = SimpleNamespace(**{**vars(EVIDENCE), "notes": ("alpha: the alpha channel was left out",)})
    assert shown(result_for(evidence)) == [
        "x.png  640 × 480, PNG, 8 bit",
        "  KNOWN SOURCE: upscaled, and of the enrolled sources by rlfn-x4",
        "",
        "  source                 probability   log10 LR",
        "  rlfn-x4                      0.930      +3.10",
        "  imdn-x4                    < 0.001      -0.40",
        "  upscaled by anything       > 0.999      +4.00",
        "",
        "  parsed          value                                probability",
        "  scale           4                                          0.990",
        "  architecture    rlfn                                       0.800",
        "  loss            fidelity                                   0.900",
        "  training data   not known",
        "  parameters      about 320,000 (130,000 to 790,000)",
        "",
        "  notes",
        "  alpha: the alpha channel was left out",
        "",
    ]


@pytest.mark.parametrize("verdict", ["known_source", "unknown_source", "not_upscaled", "inconclusive"])
def test_the_verdict_stands_above_all_figures(verdict: Verdict) -> None:
    lines = shown(result_for(EVIDENCE, verdict))
    assert lines[1].startswith(f"  {verdict.replace('_', ' ').upper()}: ")


def test_only_a_known_source_is_named_in_the_verdict() -> None:
    for verdict in ("unknown_source", "not_upscaled", "inconclusive"):
        assert "rlfn" not in shown(result_for(EVIDENCE, verdict))[1]


@pytest.mark.parametrize("name", ["[bold red]x[/].png", "a\nb.png", "\x1b[31mred.png", ":smile:.png", "\udcff.png"])
def test_a_name_is_shown_and_never_obeyed(name: str) -> None:
    lines = shown(result_for(SimpleNamespace(**{**vars(EVIDENCE), "path": name})))
    assert "\x1b" not in "".join(lines)
    assert lines[0].endswith("640 × 480, PNG, 8 bit")
    if name.isprintable():
        assert lines[0].startswith(name)


def test_what_is_not_known_is_said() -> None:
    names = ("scale", "architecture", "loss", "training_data", "log10_parameters")
    nothing = dataclasses.replace(result_for(EVIDENCE), parameters={name: Parameter(None) for name in names})
    assert sum("not known" in line for line in shown(nothing)) == 5


def test_plain_interpolation_is_said_to_be_no_network() -> None:
    result = dataclasses.replace(result_for(EVIDENCE), verdict="unknown_source")
    kernel = dataclasses.replace(result, parameters=result.parameters | {"loss": Parameter("interpolation")})
    assert "UNKNOWN SOURCE: enlarged by a plain kernel; no network is indicated" in "".join(shown(kernel))


def test_a_long_path_is_not_cut() -> None:
    path = "/".join(["folder"] * 40) + "/x.png"
    lines = shown(result_for(SimpleNamespace(**{**vars(EVIDENCE), "path": path})))
    assert path in "".join(lines)


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    def written() -> str:
        stream = Terminal()
        console_for(stream).print(render(result_for(EVIDENCE)))
        return stream.getvalue()

    assert "\x1b[1;35m" in written()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "35m" not in written()


def test_an_upscaled_picture_whose_source_is_open_is_not_said_to_allow_no_answer() -> None:
    evidence = SimpleNamespace(**{**vars(EVIDENCE), "notes": ("source: upscaled, but not told by what",)})
    result = dataclasses.replace(result_for(evidence), verdict="inconclusive")
    assert shown(result)[1] == "  INCONCLUSIVE: upscaled, but its source cannot be told"
