"""The page in a real browser: from a drop to the report, by mouse and keyboard, small and large, dark and light."""

import io
import shutil
import time

import numpy as np
import pytest
from page_fakes import served
from PIL import Image
from reports_fakes import result_for

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def site(tmp_path):
    with served(tmp_path, enrol=lambda name, paths, replace: len(paths)) as (address, _):
        yield address


@pytest.fixture
def images(tmp_path):
    paths = []
    for seed in range(2):
        pixels = np.random.default_rng(seed).integers(0, 256, (150, 200, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"photo{seed}.png")
        paths.append(str(tmp_path / f"photo{seed}.png"))
    (tmp_path / "bad.png").write_text("no picture")
    return [*paths, str(tmp_path / "bad.png")]


class Watched:
    """A page whose requests and complaints are kept."""

    def __init__(self, browser, **settings):
        self.context = browser.new_context(accept_downloads=True, **settings)
        self.page = self.context.new_page()
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on(
            "console", lambda message: self.complaints.append(message.text) if message.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))


def wait_for(page, selector, count):
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_have_count(count)


def faults(page):
    from axe_playwright_python.sync_playwright import Axe

    return [(found["id"], found["nodes"][0]["html"][:120]) for found in Axe().run(page).response["violations"]]


def test_from_a_drop_to_the_downloaded_report(browser, site, images):
    watched = Watched(browser)
    page = watched.page
    page.goto(site)
    assert faults(page) == []
    started = time.monotonic()
    data = page.evaluate_handle(
        "files => { const t = new DataTransfer();"
        " for (const [n, b] of files) t.items.add(new File([Uint8Array.from(atob(b), c => c.charCodeAt(0))], n));"
        " return t; }",
        [[path.rsplit("/", 1)[1], _base64(path)] for path in images],
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": data})
    page.wait_for_selector("tr.done")
    assert time.monotonic() - started < 3
    wait_for(page, "tr.done", 2)
    wait_for(page, "tr.failed", 1)
    assert faults(page) == []
    page.click("tr.done a")
    page.wait_for_selector("figure img")
    assert faults(page) == []
    with page.expect_response("**/residual.png"):
        page.select_option("[data-layer]", "residual")
    page.fill("[data-gain]", "4")
    page.fill("[data-zoom]", "3")
    assert page.evaluate("getComputedStyle(document.querySelector('[data-residual]')).filter") == "contrast(4)"
    assert page.evaluate("document.querySelector('.layers').clientWidth") == 3 * 200
    page.goto(site)
    for box in page.query_selector_all("input[name=key]"):
        box.check()
    page.click("text=Compare two")
    page.wait_for_selector(".pair")
    assert faults(page) == []
    page.goto(site)
    page.fill("input[name=number]", "12")
    with page.expect_download() as download:
        page.click("text=Report as PDF/A")
    target = download.value.path()
    assert target.read_bytes().startswith(b"%PDF-")
    page.click("tr.failed button")
    wait_for(page, "tr.failed", 0)
    assert watched.complaints == []
    assert all(request.startswith((site, "data:", "blob:")) for request in watched.requests)


def _base64(path):
    import base64
    from pathlib import Path

    return base64.b64encode(Path(path).read_bytes()).decode()


def test_everything_is_reached_by_keyboard(browser, site, images):
    page = Watched(browser).page
    page.goto(site)
    page.set_input_files("#images", images[:1])
    page.wait_for_selector("tr.done")
    page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.outerHTML.slice(0, 160)"))
    for part in ("skip", "images", 'name="key"', "/exhibits/", "formaction", 'name="number"', 'name="name"'):
        assert any(part in html for html in reached), (part, reached)
    page.focus("tr.done a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/exhibits/**")  # and until it has loaded: the script listens from then on
    page.focus(".stage")
    page.keyboard.press("+")
    assert page.input_value("[data-zoom]") == "2"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(360, 740), (3840, 2160)])
def test_it_reads_well_small_and_large_dark_and_light(browser, site, images, size, scheme):
    page = Watched(browser, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme).page
    page.goto(site)
    page.set_input_files("#images", images)
    wait_for(page, "tr.done", 2)
    for path in ("", page.get_attribute("tr.done a", "href")):
        page.goto(site + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert faults(page) == []
    shot = Image.open(io.BytesIO(page.screenshot()))
    assert (np.asarray(shot.convert("L"))[-3, -3] < 60) == (scheme == "dark")


def test_a_browser_of_another_page_is_kept_out(browser, site, tmp_path):
    """A page elsewhere posts to this one and frames it: neither works."""
    with served(tmp_path / "other", result_for) as (other, _):
        page = Watched(browser).page
        page.goto(other)
        status = page.evaluate(
            "async (u) => { try { const f = new FormData(); f.append('images', new Blob(['x']), 'a.png');"
            " await fetch(u + '/images', {method: 'POST', body: f, mode: 'no-cors'}); return 'sent'; }"
            " catch (e) { return 'refused'; } }",
            site,
        )
        assert status == "refused"
        page.goto(site)
        assert page.query_selector("tr") is None
