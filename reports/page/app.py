"""The page's addresses. Nothing of a request ever becomes a path; ids are looked up in the desk."""

import asyncio
import datetime
import io
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from datasets import EvidenceError
from fingerprint.gallery import GalleryError
from reports.commandline import reason_of
from reports.dossier.gather import render
from reports.dossier.model import CaseFacts, Exhibit, Report, exhibit, versions
from reports.dossier.plates import Plate
from reports.dossier.validation import shipped_validation
from reports.dossier.wording import ENFSI, answer
from reports.figures import thumbnail
from reports.page.desk import Desk, DeskError, Item
from reports.words import log_ratio, probability
from spectra import to_uint8

FILES = 300
"""Of one request."""
_ASSETS = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_SMALL = 160  # pixels, of a thumbnail
_SIDE = 4096  # pixels a side of a picture at full size, at most
_ABOUT = "figures.json"
_GREY = 8  # grey levels that a residual is shown with, each side of the middle


@dataclass(frozen=True)
class Room:
    """What the page works with.

    Attributes:
        desk: the images.
        enrol: given a name, files, and whether to replace a source of that name, enrols it and returns from how many
            pictures; None where nothing can be enrolled.
    """

    desk: Desk
    enrol: Callable[[str, Sequence[Path], bool], int] | None = None


def create_app(room: Room) -> Starlette:
    """Make the page.

    Args:
        room: what it works with.
    """
    page = _Page(room)
    routes = [
        Route("/", page.index),
        Route("/images", page.upload, methods=["POST"]),
        Route("/table", page.table),
        Route("/rows/{key}", page.row),
        Route("/remove/{key}", page.remove, methods=["POST"]),
        Route("/exhibits/{key}", page.exhibit),
        Route("/exhibits/{key}/thumbnail.png", page.thumbnail),
        Route("/exhibits/{key}/picture.png", page.picture),
        Route("/exhibits/{key}/residual.png", page.residual),
        Route("/exhibits/{key}/heat.png", page.heat),
        Route("/exhibits/{key}/figures/{name}", page.figure),
        Route("/compare", page.compare),
        Route("/enrol", page.enrol, methods=["POST"]),
        Route("/report.{kind}", page.report),
        Route("/static/{name}", static),
    ]
    handlers: Any = {HTTPException: failure, 500: failure}
    return Starlette(routes=routes, exception_handlers=handlers)


async def static(request: Request) -> Response:
    """Return one of the page's own files, or htmx's."""
    name = request.path_params["name"]
    known = _assets()
    if name not in known:
        raise HTTPException(404)
    return Response(known[name], media_type=_TYPES[Path(name).suffix])


@cache
def _assets() -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in _ASSETS.iterdir() if path.suffix in _TYPES}
    shipped = files("django_htmx") / "static" / "django_htmx" / "htmx-2.min.js"
    return found | {"htmx.js": shipped.read_bytes()}


@cache
def _templates() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reports.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"probability": probability, "ratio": log_ratio, "answer": answer}
    return environment


def _shown(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    return HTMLResponse(_templates().get_template(name).render(**values), status)


async def failure(request: Request, error: Exception) -> Response:
    """Say in a sentence what went wrong."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {404: "There is nothing here.", 405: "This cannot be done here.", 500: "This went wrong; see the terminal."}
    detail = error.detail if isinstance(error, HTTPException) and status not in words else words.get(status, "")
    if request.headers.get("hx-request") == "true":
        return _shown("problem.html.j2", status, text=detail)
    return _shown("failure.html.j2", status, text=detail)


class _Page:
    """The handlers."""

    def __init__(self, room: Room) -> None:
        self.room, self.desk = room, room.desk
        self._drawing = asyncio.Semaphore(1)

    def _item(self, request: Request, done: bool = False) -> Item:
        try:
            item = self.desk.item(request.path_params["key"])
        except KeyError:
            raise HTTPException(404) from None
        if done and item.state != "done":
            raise HTTPException(409, "This image has no answer yet.")
        return item

    def _table(self, problems: Sequence[str] = ()) -> dict[str, Any]:
        return {"items": self.desk.items(), "gallery": self.room.enrol is not None, "problems": problems}

    async def index(self, request: Request) -> Response:
        """Return the page."""
        del request
        return _shown("index.html.j2", **self._table())

    async def table(self, request: Request) -> Response:
        """Return the table of results."""
        del request
        return _shown("table.html.j2", **self._table())

    async def row(self, request: Request) -> Response:
        """Return one row, which asks again until there is an answer."""
        return _shown("row.html.j2", item=self._item(request))

    async def upload(self, request: Request) -> Response:
        """Take images; a bad one hurts no other."""
        problems, taken = [], 0
        async with request.form(max_files=FILES, max_fields=10) as form:
            for upload in form.getlist("images"):
                if isinstance(upload, str) or not upload.filename:
                    continue
                try:
                    await run_in_threadpool(self.desk.take, upload.filename, partial(_write, upload.file))
                    taken += 1
                except (DeskError, OSError) as error:
                    problems.append(f"{upload.filename}: {reason_of(error)}")
        if not taken and not problems:
            raise HTTPException(400, "This upload holds no image.")
        if request.headers.get("hx-request") != "true":
            return RedirectResponse("/", 303)
        return _shown("table.html.j2", **self._table(problems))

    async def remove(self, request: Request) -> Response:
        """Forget an image."""
        self.desk.remove(self._item(request).key)
        if request.headers.get("hx-request") != "true":
            return RedirectResponse("/", 303)
        return _shown("table.html.j2", **self._table())

    async def exhibit(self, request: Request) -> Response:
        """Return an image's own page."""
        item = self._item(request, done=True)
        drawn = await self._exhibit(item)
        return _shown("exhibit.html.j2", item=item, exhibit=drawn, scale=ENFSI)

    async def compare(self, request: Request) -> Response:
        """Return two images side by side."""
        chosen = [key for key in request.query_params.getlist("key") if key]
        if len(chosen) != 2:
            raise HTTPException(400, "Choose two images to compare.")
        try:
            items = [self.desk.item(key) for key in chosen]
        except KeyError:
            raise HTTPException(404) from None
        if any(item.state != "done" for item in items):
            raise HTTPException(409, "Both images need an answer first.")
        drawn = [(item, await self._exhibit(item)) for item in items]
        return _shown("compare.html.j2", pairs=drawn, scale=ENFSI)

    async def thumbnail(self, request: Request) -> Response:
        """Return a small picture."""
        return await self._picture(request, _small)

    async def picture(self, request: Request) -> Response:
        """Return the picture as it is."""
        return await self._picture(request, _whole)

    async def residual(self, request: Request) -> Response:
        """Return what is left when the content is taken away."""
        return await self._picture(request, _residual)

    async def heat(self, request: Request) -> Response:
        """Return the map of evidence, to be laid over the picture."""
        item = self._item(request, done=True)
        if item.result is None or item.result.regions is None:
            raise HTTPException(404)
        cells = np.array([[np.nan if v is None else v for v in row] for row in item.result.regions.log10_lr], float)
        return Response(_png(_coloured(cells)), media_type="image/png")

    async def figure(self, request: Request) -> Response:
        """Return one figure of an image's page."""
        drawn = await self._exhibit(self._item(request, done=True))
        found = {f"{plate.name}.png": plate.png for plate in drawn.plates}
        if request.path_params["name"] not in found:
            raise HTTPException(404)
        return Response(found[request.path_params["name"]], media_type="image/png")

    async def enrol(self, request: Request) -> Response:
        """Enrol a source from the chosen images."""
        if self.room.enrol is None:
            raise HTTPException(409, "Start with `whorl serve --gallery DIR` to enrol sources.")
        async with request.form(max_files=1, max_fields=2000) as form:
            name, keys = str(form.get("name", "")), [str(key) for key in form.getlist("key")]
            again = form.get("replace") == "yes"
        known = {item.key: item for item in self.desk.items()}
        paths = [known[key].path for key in keys if key in known]
        try:
            count = await run_in_threadpool(self.room.enrol, name, paths, again)
        except (GalleryError, ValueError) as error:
            raise HTTPException(400, reason_of(error)) from None
        text = f"{name} is enrolled from {count} images; drop images again to compare with it."
        return _shown("notice.html.j2", text=text)

    async def report(self, request: Request) -> Response:
        """Build the report on all images that have an answer."""
        kind = request.path_params["kind"]
        if kind not in ("pdf", "html"):
            raise HTTPException(404)
        query = request.query_params
        facts = CaseFacts(number=query.get("number", "")[:200], examiner=query.get("examiner", "")[:200])
        items = self.desk.items()
        done = [item for item in items if item.state == "done"]
        if not done:
            raise HTTPException(409, "No image has an answer yet.")
        exhibits = [replace(await self._exhibit(item), label=f"Exhibit {place}") for place, item in enumerate(done, 1)]
        unread = tuple((item.name, item.reason) for item in items if item.state == "failed")
        made = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        results = [one.result for one in exhibits]
        whole = Report(facts, made, tuple(exhibits), unread, ENFSI, shipped_validation(), versions(results))
        data = await run_in_threadpool(render, whole, f".{kind}")
        media = "application/pdf" if kind == "pdf" else "text/html; charset=utf-8"
        return Response(data, headers={"Content-Disposition": f'attachment; filename="report.{kind}"'},
                        media_type=media)  # fmt: skip

    async def _picture(self, request: Request, draw: Callable[[np.ndarray], bytes]) -> Response:
        item = self._item(request)
        try:
            data = await run_in_threadpool(lambda: draw(self.desk.evidence(item).pixels))
        except (EvidenceError, ValueError):
            raise HTTPException(404) from None
        return Response(data, media_type="image/png")

    async def _exhibit(self, item: Item) -> Exhibit:
        """Draw an image's figures, one image at a time; they lie on the disk afterwards."""
        async with self._drawing:
            return await run_in_threadpool(self._drawn, item)

    def _drawn(self, item: Item) -> Exhibit:
        if item.result is None:
            raise HTTPException(409, "This image has no answer yet.")
        result = replace(item.result, image=replace(item.result.image, path=item.name))
        evidence = replace(self.desk.evidence(item), path=item.name)
        folder = item.path.with_suffix(".figures")
        kept = _kept(folder)
        made = exhibit(evidence, result, f"Exhibit {item.order}", item.path, shipped_validation(), kept)
        if kept is None:
            _keep(folder, made.plates)
        return made


def _keep(folder: Path, plates: Sequence[Plate]) -> None:
    """Write figures to the disk, whole or not at all."""
    partial_folder = folder.with_suffix(".partial")
    shutil.rmtree(partial_folder, ignore_errors=True)
    partial_folder.mkdir()
    for plate in plates:
        (partial_folder / f"{plate.name}.png").write_bytes(plate.png)
    about = [{"name": plate.name, "caption": plate.caption, "alt": plate.alt} for plate in plates]
    (partial_folder / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
    partial_folder.replace(folder)


def _kept(folder: Path) -> tuple[Plate, ...] | None:
    """Read figures back, None where there are none."""
    if not folder.is_dir():
        return None
    about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    return tuple(Plate(**one, png=(folder / f"{one['name']}.png").read_bytes()) for one in about)


def _write(stream: Any, path: Path) -> None:
    with path.open("wb") as target:
        shutil.copyfileobj(stream, target, 1 << 20)


def _png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=3)
    return stream.getvalue()


def _small(pixels: np.ndarray) -> bytes:
    small = Image.fromarray(thumbnail(pixels)[0])
    small.thumbnail((_SMALL, _SMALL), Image.Resampling.LANCZOS)
    return _png(np.asarray(small))


def _middle(pixels: np.ndarray) -> np.ndarray:
    """Return the picture, of one beyond the limit its middle."""
    top, left = (max(0, (length - _SIDE) // 2) for length in pixels.shape[:2])
    return pixels[top : top + _SIDE, left : left + _SIDE]


def _whole(pixels: np.ndarray) -> bytes:
    return _png(to_uint8(_middle(pixels)))


def _residual(pixels: np.ndarray) -> bytes:
    """Draw the residual in grey, `_GREY` levels to each side of the middle."""
    from scipy.ndimage import median_filter

    luma = to_uint8(_middle(pixels)).astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    rest = luma - median_filter(luma, 3)
    return _png(np.clip(128 + rest * (127 / _GREY), 0, 255).astype(np.uint8))


def _coloured(cells: np.ndarray) -> np.ndarray:
    """Colour a map: orange for, blue against, clear where nothing can be told; a pixel a cell."""
    limit = max(1.0, float(np.nanmax(np.abs(cells), initial=0.0)))
    share = np.nan_to_num(cells / limit)
    colours = np.where(share[..., None] > 0, np.array([213, 94, 0]), np.array([0, 114, 178]))
    opacity = np.where(np.isnan(cells), 0, 40 + 160 * np.abs(share))
    return np.concatenate([colours, opacity[..., None]], axis=-1).astype(np.uint8)
