"""The page over HTTP: what it answers, what it refuses, and that nothing a browser sends can harm it."""

import io
import random
import re
import resource
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from page_fakes import finished, served
from PIL import Image
from reports_fakes import result_for

from fingerprint.gallery import GalleryError
from fingerprint.result import Region, RegionMap
from reports.commands.serve import _hosts, _is_local, main
from reports.page.desk import Desk, DeskError
from reports.page.guard import HEADERS


def png(seed=0, size=(60, 50)):
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def page(tmp_path):
    with served(tmp_path) as (address, desk), httpx.Client(base_url=address, timeout=60) as client:
        yield client, desk


def upload(client, *files, **headers):
    return client.post("/images", files=[("images", file) for file in files], headers={"HX-Request": "true", **headers})


def test_images_are_taken_answered_and_shown_and_a_bad_one_hurts_no_other(page):
    client, desk = page
    told = upload(client, ("a.png", png(1)), ("b <b>.png", b"no picture"), ("../../etc/c.png", png(2)))
    assert told.status_code == 200
    finished(desk)
    assert [item.state for item in desk.items()] == ["done", "failed", "done"]
    text = client.get("/table").text
    assert "b &lt;b&gt;.png" in text and "<b>.png" not in text and "not an image" in text
    assert str(desk.folder) not in text
    assert {path.parent for path in desk.folder.rglob("*") if path.is_file()} == {desk.folder}
    first = desk.items()[0]
    shown = client.get(f"/exhibits/{first.key}")
    assert shown.status_code == 200 and "rlfn-x4" in shown.text and "does not mean" in shown.text
    for name in ("thumbnail", "picture", "residual", "figures/ratios"):
        found = client.get(f"/exhibits/{first.key}/{name}.png")
        assert found.headers["content-type"] == "image/png" and Image.open(io.BytesIO(found.content)).size
    assert client.get(f"/exhibits/{first.key}/heat.png").status_code == 404


@pytest.mark.parametrize(("kind", "words"), [("upscaled", "a part was upscaled"), ("not_upscaled", "was not upscaled")])
def test_a_row_tells_of_a_part_that_differs(tmp_path, kind, words):
    regions = RegionMap(48, ((0.5,),), ((1,),), (Region(kind, (0, 0, 48, 48), 2304, 2.0),))

    def answer(evidence):
        return replace(result_for(evidence), verdict="inconclusive", regions=regions)

    with served(tmp_path, answer) as (address, desk), httpx.Client(base_url=address, timeout=60) as client:
        upload(client, ("a.png", png()))
        finished(desk)
        assert words in client.get(f"/rows/{desk.items()[0].key}").text


def test_nothing_asks_for_anything_from_elsewhere(page):
    client, desk = page
    upload(client, ("a.png", png()), ("b.png", png(1)))
    finished(desk)
    keys = [item.key for item in desk.items()]
    for path in ("/", f"/exhibits/{keys[0]}", f"/compare?key={keys[0]}&key={keys[1]}", "/nothing"):
        answer = client.get(path)
        targets = re.findall(r"(?:src|href|action|hx-get|hx-post|formaction)=\"([^\"]*)\"", answer.text)
        assert targets and all(target.startswith(("/", "#")) and not target.startswith("//") for target in targets)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "style=" not in answer.text and "<style" not in answer.text and "onclick" not in answer.text
    for name in ("page.css", "page.js", "htmx.js", "whorl.svg"):
        found = client.get(f"/static/{name}")
        assert found.status_code == 200
        assert name == "htmx.js" or b"http" not in found.content.replace(b"http://www.w3.org/2000/svg", b"")


def test_a_report_on_all_images_is_built(page):
    client, desk = page
    assert client.get("/report.pdf").status_code == 409
    upload(client, ("a.png", png(size=(120, 110))), ("bad.png", b"x"))
    finished(desk)
    report = client.get("/report.pdf", params={"number": "12/26", "examiner": "<Someone>"})
    assert report.content.startswith(b"%PDF-") and "attachment" in report.headers["content-disposition"]
    page_ = client.get("/report.html", params={"examiner": "<Someone>"}).text
    assert "&lt;Someone&gt;" in page_ and "bad.png" in page_ and "a.png" in page_
    assert client.get("/report.docx").status_code == 404


def test_images_are_removed(page):
    client, desk = page
    upload(client, ("a.png", png()))
    finished(desk)
    (item,) = desk.items()
    client.get(f"/exhibits/{item.key}")
    assert client.post(f"/remove/{item.key}").status_code == 303
    assert desk.items() == [] and list(desk.folder.iterdir()) == []
    assert client.get(f"/exhibits/{item.key}").status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_other_pages_cannot_use_this_one(page, headers, status):
    client, desk = page
    answer = upload(client, ("a.png", png()), **headers)
    assert answer.status_code == status and desk.items() == []
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_our_own_page_may(page):
    client, desk = page
    address = str(client.base_url).rstrip("/")
    assert upload(client, ("a.png", png()), Origin=address, **{"Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert len(desk.items()) == 1


def test_a_token_is_asked_for_where_others_can_reach_the_page(tmp_path):
    with served(tmp_path, token="secret-token") as (address, _), httpx.Client(base_url=address) as client:  # noqa: S106
        assert client.get("/").status_code == 401
        assert client.get("/?token=wrong").status_code == 401
        assert client.get("/", headers={"Cookie": "whorl=wrong"}).status_code == 401
        first = client.get("/?token=secret-token")
        assert first.status_code == 303 and "httponly" in first.headers["set-cookie"].lower()
        assert client.get("/").status_code == 200


def test_uploads_and_pictures_have_limits(tmp_path):
    with served(tmp_path, most=200_000) as (address, desk), httpx.Client(base_url=address) as client:
        assert upload(client, ("big.png", png() + b"\0" * 300_000)).status_code == 413

        def unannounced():
            yield b'--b\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n'
            for _ in range(100):
                yield b"\0" * 10_000

        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        assert client.post("/images", content=unannounced(), headers=kind).status_code == 413
        large = io.BytesIO()
        Image.new("1", (9000, 9000)).save(large, "PNG")
        assert upload(client, ("bomb.png", large.getvalue())).status_code == 200
        finished(desk)
        assert desk.items()[-1].state == "failed" and "exceed the limit" in desk.items()[-1].reason


def test_two_hundred_uploads_by_eight_clients_all_get_their_answer(tmp_path):
    def answer(evidence):
        return result_for(evidence)

    with served(tmp_path, answer) as (address, desk):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        lock, statuses = threading.Lock(), []

        def client_of(number):
            with httpx.Client(base_url=address, timeout=120) as client:
                for k in range(25):
                    told = upload(client, (f"{number}-{k}.png", png(number * 100 + k, (300, 300))))
                    with lock:
                        statuses.append(told.status_code)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(client_of, range(8)))
        finished(desk, 120)
        assert statuses == [200] * 200
        items = desk.items()
        assert len(items) == 200 and {item.state for item in items} == {"done"}
        assert {item.name for item in items} == {f"{n}-{k}.png" for n in range(8) for k in range(25)}
        assert len({item.result.image.sha256 for item in items if item.result}) == 200
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert grown < 300  # MiB; 200 decoded pictures of these and their files are 95


def test_requests_of_every_kind_give_no_server_error(page):
    """2,000 requests made from wrong and right parts."""
    client, desk = page
    upload(client, ("a.png", png()))
    finished(desk)
    rng = random.Random(0)
    key = desk.items()[0].key
    words = ["", "/", "..", "%2e%2e", "%00", "a" * 300, key, "ß", "'", '"', "<x>", "\\", "figures", "ratios.png", "-1"]
    heads = ["images", "table", "rows", "remove", "exhibits", "compare", "enrol", "report.pdf", "static", "", "x"]
    form = "multipart/form-data"
    kinds = [form, f"{form}; boundary=x", "application/x-www-form-urlencoded", "text/x", ""]
    head = b"--x\r\nContent-Disposition: form-data; name="
    bodies = [
        b"",
        b"--x\r\n",
        head + b'"images"; filename=""\r\n\r\n\r\n--x--\r\n',
        b"key=" + key.encode(),
        b"name=a&key=b&key=c",
        b"\xff\xfe\x00" * 50,
        head + b'"name"\r\n\r\n' + b"z" * 2000 + b"\r\n--x--\r\n",
    ]
    statuses = {}
    for _ in range(2000):
        parts = [rng.choice(heads)] + rng.choices(words, k=rng.randrange(3))
        path = "/" + "/".join(quote(part, safe="%./\\<>'") for part in parts)
        if path.startswith("//"):
            path = f"/{key}{path}"
        query = {rng.choice(["key", "number", "token", "x"]): rng.choice(words) for _ in range(rng.randrange(3))}
        method = rng.choice(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
        headers = {"Content-Type": rng.choice(kinds), "HX-Request": rng.choice(["true", "false"])}
        body = rng.choice(bodies) if method not in ("GET", "HEAD") else None
        answer = client.request(method, path, params=query, content=body, headers=headers)
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        if not desk.items():
            upload(client, ("a.png", png()))
            finished(desk)
            key = desk.items()[0].key
    assert not [status for status in statuses if status >= 500], statuses
    assert statuses[200] > 50


def test_enrolment_says_what_is_wrong_and_what_was_done(tmp_path):
    made = []

    def enrol(name, paths, replace):
        if name == "taken":
            raise GalleryError("source 'taken' exists already")
        made.append((name, len(paths), replace))
        return len(paths)

    with served(tmp_path) as (address, _), httpx.Client(base_url=address) as client:
        assert client.post("/enrol", data={"name": "x"}).status_code == 409
    with served(tmp_path / "b", enrol=enrol) as (address, desk), httpx.Client(base_url=address) as client:
        upload(client, *((f"{k}.png", png(k)) for k in range(5)))
        finished(desk)
        keys = [item.key for item in desk.items()]
        told = client.post("/enrol", data={"name": "mine", "key": [*keys, "unknown"], "replace": "yes"})
        assert told.status_code == 200 and "mine is enrolled from 5 images" in told.text
        assert made == [("mine", 5, True)]
        told = client.post("/enrol", data={"name": "taken", "key": keys}, headers={"HX-Request": "true"})
        assert told.status_code == 400 and "exists already" in told.text


def test_a_full_desk_refuses_and_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("reports.page.desk.MOST", 1)
    desk = Desk(tmp_path / "d", result_for, 1000)

    def fails(path):
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        desk.take("a.png", fails)
    desk.take("a.png", lambda path: None if path.write_bytes(png(size=(9, 9))) else None)
    with pytest.raises(DeskError, match="1 images are here already"):
        desk.take("b.png", lambda path: None)
    desk.close()
    assert not (tmp_path / "d").exists()


def test_the_command_refuses_what_cannot_be_served():
    assert _is_local("127.0.0.1") and _is_local("::1") and not _is_local("0.0.0.0")  # noqa: S104
    assert _hosts("127.0.0.1", 80) == {"127.0.0.1:80", "localhost:80", "[::1]:80"}
    with pytest.raises(ValueError, match="--host must be an address"):
        main(["--host", "example.org"])
    with pytest.raises(ValueError, match="--port must be 0 to 65535, got 99999"):
        main(["--port", "99999"])
