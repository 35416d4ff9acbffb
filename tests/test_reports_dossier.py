"""The report: one typed object as HTML and as PDF/A, readable, self-contained, and saying what it does not mean."""

import io
import json
import struct
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pikepdf
import pytest
from PIL import Image, PngImagePlugin
from reports_fakes import fake, picture, result_for

from datasets import read_evidence
from datasets.declared import declared
from fingerprint.result import Candidate, Parameter, Region, RegionMap, Upscaled, Verdict, result_from_json
from reports.commands import attribute
from reports.dossier.gather import render
from reports.dossier.html import render_html
from reports.dossier.model import CaseFacts, Report, exhibit, versions
from reports.dossier.pdf import render_pdf, shown
from reports.dossier.validation import Curve, Validation, condition_of, read_validation
from reports.dossier.wording import ENFSI, answer, limits_of, number, propositions, read_scale

HOSTILE = "a<script src=x>&\"'.png"
MADE = "2026-11-22T10:00:00+00:00"


class Parsed(HTMLParser):
    """What a browser would fetch or run, and which figures have texts."""

    def __init__(self, document):
        super().__init__()
        self.tags, self.fetched, self.images, self.captions = [], [], [], 0
        self.feed(document.decode())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.fetched += [found[name] for name in ("src", "href", "action", "data", "srcset") if found.get(name)]
        self.captions += tag == "figcaption"
        if tag == "img":
            self.images.append(found.get("alt"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("dossier")


def validation(agreement="", conditions=("clean",)):
    rng = np.random.default_rng(0)
    curves = {
        level: Curve("no processing", level, tuple(rng.normal(3, 1, 50)), tuple(rng.normal(-2, 1, 80)), (50, 80),
                     {"cllr": 0.1, "misleading_same": 0.01, "misleading_different": 0.02})
        for level in ("upscaled", "source")
    }  # fmt: skip
    by_condition = dict.fromkeys(conditions, curves)
    return Validation("sha256:" + "0" * 64, agreement, "whorl fingerprint calibration", 130, 20, by_condition)


def report_on(folder, verdict: Verdict = "known_source", **facts):
    path = folder / HOSTILE
    pixels = np.random.default_rng(3).integers(0, 255, (120, 160, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    evidence = read_evidence(path)
    heat = RegionMap(48, ((1.0, None, -1.0), (0.5, 0.0, 2.0)), ((0, 0, 0), (0, 0, 1)),
                     (Region("upscaled", (96, 48, 48, 48), 48 * 48, 2.0, Candidate("imdn-x2", 0.9, 2.0)),))  # fmt: skip
    notes = ("small: a side of 120 pixels",)
    result = result_for(evidence, verdict)
    result = replace(result, regions=heat, image=replace(result.image, notes=notes))
    one = exhibit(evidence, result, "Exhibit 1", validation=validation())
    return Report(CaseFacts("7/26", "", **facts), MADE, (one,), (("gone.png", "no such file"),), ENFSI, validation(),
                  versions([result]))  # fmt: skip


def test_html_holds_everything_and_asks_for_nothing(folder):
    report = report_on(folder, examiner="E & Co <b>")
    document = render_html(report)
    found = Parsed(document)
    assert len(document) < 3_000_000
    assert all(target.startswith(("data:image/png;base64,", "#")) for target in found.fetched)
    assert not {"script", "link", "iframe", "object", "form"} & set(found.tags)
    assert len(found.images) == found.captions == 7 and all(found.images)
    text = document.decode()
    assert "<script src" not in text and "&lt;script src=x&gt;" in text and "E &amp; Co &lt;b&gt;" in text
    assert "gone.png" in text and ENFSI.source in text and report.exhibits[0].result.image.sha256 in text
    assert render_html(report) == document


@pytest.mark.parametrize("verdict", ["known_source", "unknown_source", "not_upscaled", "inconclusive"])
def test_the_answer_comes_first_and_its_limits_follow(folder, verdict):
    report = report_on(folder, verdict)
    text = render_html(report).decode()
    one = report.exhibits[0]
    assert text.index("The answer") < text.index(one.answer.split(",")[0]) < text.index("does not mean")
    assert len({answer(replace(one.result, verdict=other, regions=None)) for other in
                ("known_source", "unknown_source", "not_upscaled", "inconclusive")}) == 4  # fmt: skip
    assert len(limits_of(one.result)) >= 3


def test_an_open_source_does_not_weaken_the_finding_of_upscaling(folder):
    result = replace(report_on(folder, "inconclusive").exhibits[0].result, regions=None)
    noted = replace(result, image=replace(result.image, notes=("source: upscaled, but not told by what",)))
    assert answer(noted).startswith("This image was upscaled; which source")
    assert "does not weaken" in limits_of(noted)[-1] and "no evidence" in limits_of(result)[-1]


def test_plain_interpolation_speaks_for_no_network(folder):
    result = replace(report_on(folder, "unknown_source").exhibits[0].result, regions=None)
    kernel = replace(result, parameters=result.parameters | {"loss": Parameter("interpolation")})
    network = replace(result, parameters=result.parameters | {"loss": Parameter("fidelity")})
    assert "plain interpolation" in answer(kernel) and "plain interpolation" not in answer(network)
    assert "does not exclude a network" in limits_of(kernel)[-1]


def test_pdf_is_what_pdf_a_demands(folder):
    """Identification in XMP, an output intent, tags and language, fonts inside, nothing that acts or lies elsewhere."""
    document = render_pdf(report_on(folder))
    with pikepdf.open(io.BytesIO(document)) as pdf:
        with pdf.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("2", "A")
            assert metadata["dc:title"] == "Examination of images for upscaling"
        assert pdf.Root.OutputIntents[0]["/S"] == "/GTS_PDFA1"
        assert "/DestOutputProfile" in pdf.Root.OutputIntents[0]
        assert bool(pdf.Root["/MarkInfo"]["/Marked"]) and str(pdf.Root.Lang) == "en"
        things = [thing for thing in pdf.objects if isinstance(thing, pikepdf.Dictionary)]
        fonts = [thing for thing in things if thing.get("/Type") == "/FontDescriptor"]
        assert fonts and all(any(str(key).startswith("/FontFile") for key in font.keys()) for font in fonts)  # noqa: SIM118
        assert not [key for thing in things for key in ("/JS", "/Launch", "/EF", "/URI", "/AA") if key in thing]
        assert not pdf.is_encrypted
        figures = [thing for thing in things if thing.get("/S") == "/Figure"]
        assert len(figures) >= 7 and all("/Alt" in thing for thing in figures)
    assert document == render_pdf(report_on(folder))


def test_characters_that_the_font_lacks_are_escaped():
    assert shown("é ж α – 猫😀") == "é ж α – \\u732b\\U0001f600"


def test_words_for_ratios_say_both_sides_and_the_number():
    assert ENFSI.words(0.0) == ENFSI.words(-0.2) == "do not, or hardly, support more"
    assert ENFSI.words(2.5) == ENFSI.words(-2.5) == "moderately strong support"
    assert ENFSI.words(9) == "extremely strong support"
    assert "about 320 times more probable if b than if a" in ENFSI.sentence(-2.5, "a", "b")
    assert "about 13,000 times" in ENFSI.sentence(4.1, "a", "b")
    assert (number(2.04), number(99.6), number(123_456)) == ("2.0", "100", "120,000")


def test_sources_are_not_weighed_where_nothing_was_upscaled(folder):
    result = report_on(folder).exhibits[0].result
    assert len(propositions(result, ENFSI)) == 2
    assert len(propositions(replace(result, upscaled=Upscaled(0.01, -2.0)), ENFSI)) == 1


def test_a_table_of_ones_own_is_read_and_a_wrong_one_refused(tmp_path):
    path = tmp_path / "words.toml"
    path.write_text('source = "ours"\n[[step]]\nfrom = 0\nwords = "nothing"\n[[step]]\nfrom = 1\nwords = "some"\n')
    assert read_scale(path).words(1.5) == "some"
    for text in ("", 'source = "x"\nstep = []', 'source = "x"\n[[step]]\nfrom = 1\nwords = "a"', "[[["):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"words.toml: .*a scale file has|words.toml: a scale file has"):
            read_scale(path)
    with pytest.raises(ValueError, match="No such file"):
        read_scale(tmp_path / "none.toml")


def test_tippett_plots_are_those_of_the_condition_and_of_this_reference_only(folder):
    result = report_on(folder).exhibits[0].result
    assert [curve.level for curve in validation().matching(result)] == ["upscaled", "source"]
    assert validation().matching(replace(result, tool=replace(result.tool, reference="sha256:1"))) == ()
    jpeg = replace(result, image=replace(result.image, format="JPEG", jpeg_quality=75))
    assert condition_of(jpeg) == "jpeg75" and validation().matching(jpeg) == ()


def test_after_a_lossy_step_the_validation_must_be_of_the_same_agreement(folder, monkeypatch):
    result = report_on(folder).exhibits[0].result
    jpeg = replace(result, image=replace(result.image, format="JPEG", jpeg_quality=75))
    monkeypatch.setattr("reports.dossier.validation.agreement_digest", lambda: "now")
    both = ("clean", "jpeg75")
    assert len(validation("now", both).matching(jpeg)) == 2
    assert validation("before", both).matching(jpeg) == ()
    assert len(validation("before", both).matching(result)) == 2


@pytest.mark.parametrize(
    ("facts", "condition"),
    [
        ({}, "clean"),
        ({"format": "JPEG", "jpeg_quality": 90}, "jpeg90"),
        ({"format": "JPEG", "jpeg_quality": 39}, None),
        ({"format": "WEBP"}, None),
        ({"notes": ("recompressed: by its pixels this picture went through a JPEG step",)}, None),
    ],
)
def test_no_condition_is_named_that_an_exhibit_may_not_be_in(folder, facts, condition):
    result = report_on(folder).exhibits[0].result
    assert condition_of(replace(result, image=replace(result.image, **facts))) == condition


def test_a_damaged_validation_is_one_line(tmp_path):
    path = tmp_path / "v.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"v.json cannot be read: KeyError"):
        read_validation(path)


def test_a_result_is_read_back_as_it_was(folder):
    result = report_on(folder).exhibits[0].result
    assert result_from_json(json.loads(json.dumps(result.to_json()))) == result
    with pytest.raises(ValueError, match="no result of attribute --json"):
        result_from_json({"schema_version": 1})
    with pytest.raises(ValueError, match="schema_version must be 1, got 2"):
        result_from_json({"schema_version": 2})


@pytest.mark.parametrize("suffix", [".html", ".pdf"])
def test_attribute_writes_one_report_on_all_images(tmp_path, capsys, suffix):
    names = [str(picture(tmp_path / f"{k}.png", (100, 90), seed=k)) for k in range(3)]
    out = tmp_path / f"r{suffix}"
    code = attribute.main([*names, str(tmp_path / "none.png"), "--report", str(out), "--json"], "attribute", fake())
    assert code == 2
    data = out.read_bytes()
    assert data.startswith(b"<!DOCTYPE html>" if suffix == ".html" else b"%PDF-")
    if suffix == ".html":
        places = [data.index(f"Exhibit {k}: ".encode()) for k in (1, 2, 3)]
        assert places == sorted(places) and b"none.png" in data


def test_a_report_is_whole_or_not_there(tmp_path, capsys):
    out = tmp_path / "r.html"
    with pytest.raises(ValueError, match="no image could be read"):
        attribute.main([str(tmp_path / "none.png"), "--report", str(out)], "attribute", fake())
    assert not out.exists()
    one = picture(tmp_path / "a.png")
    for wrong, message in ((tmp_path / "r.docx", "must end in one of"), (tmp_path / "no" / "r.pdf", "no")):
        with pytest.raises(ValueError, match=message):
            attribute.main([str(one), "--report", str(wrong)], "attribute", fake())
    page = tmp_path / "page.html"
    page.write_bytes(one.read_bytes())
    with pytest.raises(ValueError, match="one of the pictures"):
        attribute.main([str(page), "--report", str(page)], "attribute", fake())
    with pytest.raises(ValueError, match="--verbal-scale needs --report"):
        attribute.main([str(one), "--verbal-scale", str(page)], "attribute", fake())


def test_another_format_is_refused(folder):
    with pytest.raises(ValueError, match=r"must be .html or .pdf, got '.txt'"):
        render(report_on(folder), ".txt")


def png(**texts):
    chunks = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        chunks.add_text(key, text, zip=key == "parameters")
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "PNG", pnginfo=chunks)
    return stream.getvalue()


def test_what_a_file_says_of_its_making_is_shown():
    found = {one.kind: one.text for one in declared(png(Software="Upscayl 2", parameters="a cat"), "PNG")}
    assert found == {"PNG text: Software": "Upscayl 2", "PNG text: parameters": "a cat"}
    xmp = (b'<x:xmpmeta><rdf:Description xmp:CreatorTool="Tool 3" Iptc4xmpExt:DigitalSourceType='
           b'"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/></x:xmpmeta>')  # fmt: skip
    found = {one.kind: one.text for one in declared(b"\xff\xd8" + xmp, "JPEG")}
    assert found["IPTC DigitalSourceType"].startswith("trainedAlgorithmicMedia (made by a trained model)")
    assert found["XMP CreatorTool"] == "Tool 3"
    (manifest,) = declared(b"....jumb....c2pa....", "JPEG")
    assert manifest.kind == "C2PA manifest" and manifest.text.startswith("present")
    assert declared(b"\xff\xd8 nothing", "JPEG") == ()


def test_hostile_statements_cost_nothing():
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + b"\0\0\0\0"

    bomb = zlib.compress(b"x" * 10_000_000)
    head = b"\x89PNG\r\n\x1a\n"
    found = declared(head + chunk(b"zTXt", b"k\0\0" + bomb) + chunk(b"zTXt", b"k\0\0no zlib") + b"\xff" * 9, "PNG")
    assert len(found) == 1 and len(found[0].text) < 300
    assert declared(head + chunk(b"iTXt", b"key\0\0\0\0\0text"), "PNG")[0].text == "text"
    many = head + b"".join(chunk(b"tEXt", b"k%d\0v" % k) for k in range(500))
    assert len(declared(many, "PNG")) == 20
