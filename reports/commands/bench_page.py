"""`whorl bench page`: whether the page answers everybody, how soon, and in how much memory."""

import http.client
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from reports.commandline import ANSWERED, Parser, emit, emit_json, positive_int
from reports.commands.bench import machine, make_picture

SIZE = (512, 512)
DROPS = 5  # single pictures, one after another, on a warm server
_PATIENCE = 900.0  # seconds that an answer may take
_POLL = 0.35  # seconds between a browser's questions
_BOUNDARY = "----whorl"


@dataclass(frozen=True)
class Answered:
    """One picture: until the upload was acknowledged, and until its answer stood in the table, in seconds."""

    taken: float
    answered: float


def main(argv: Sequence[str], prog: str = "whorl bench page") -> int:
    """Measure and print.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code 0.

    Raises:
        ValueError: The server does not start, or a picture got no answer.
    """
    parser = Parser(
        prog=prog,
        description="Start `whorl serve` on 127.0.0.1, drop single pictures, then many from clients side by side, and "
        "ask for each answer as a browser does.",
    )
    parser.add_argument("--uploads", type=positive_int, default=200, metavar="N", help="pictures (default: 200)")
    parser.add_argument("--clients", type=positive_int, default=8, metavar="N", help="side by side (default: 8)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write the figures to this file")
    parser.add_argument("--json", action="store_true", help="write one JSON object")
    options = parser.parse_args(argv)
    report = {"command": " ".join(["whorl bench page", *argv]), "machine": machine()}
    report |= _measure(options.uploads, options.clients)
    if options.out:
        import json

        options.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    if options.json:
        emit_json(report)
    else:
        emit("\n".join(_lines(report)))
    return ANSWERED


def _measure(uploads: int, clients: int) -> dict[str, Any]:
    command = [sys.executable, "-c", "import sys; from reports.cli import whorl_main; sys.exit(whorl_main())"]
    start = time.monotonic()
    # Only our own code is run here.
    with subprocess.Popen(  # noqa: S603
        [*command, "serve", "--port", "0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            address = (server.stdout.readline() if server.stdout else "").strip()
            if not address.startswith("http"):
                raise ValueError("whorl serve did not start; run it to see why")
            ready = time.monotonic() - start
            with tempfile.TemporaryDirectory(prefix="whorl-bench-") as folder:
                pictures = _pictures(Path(folder), DROPS + uploads)
            drops = [_drop(address, f"drop-{number}.png", data) for number, data in enumerate(pictures[:DROPS])]
            before, start = _peak(server.pid), time.monotonic()
            with ThreadPoolExecutor(clients) as pool:
                rest = enumerate(pictures[DROPS:])
                many = list(pool.map(lambda pair: _drop(address, f"many-{pair[0]}.png", pair[1]), rest))
            seconds, after = time.monotonic() - start, _peak(server.pid)
        finally:
            server.terminate()
    return {
        "ready_s": ready,
        "drop_s": {"median": median(one.answered for one in drops), "worst": max(one.answered for one in drops)},
        "uploads": uploads,
        "clients": clients,
        "answered": len(many),
        "seconds": seconds,
        "taken_s": {"median": median(one.taken for one in many), "worst": max(one.taken for one in many)},
        "peak_bytes": {"before": before, "after": after},
    }


def _pictures(folder: Path, count: int) -> list[bytes]:
    pictures = []
    for number in range(count):
        path = folder / "picture.png"
        make_picture(path, SIZE, seed=number + 1)
        pictures.append(path.read_bytes())
    return pictures


def _drop(address: str, name: str, data: bytes) -> Answered:
    """Upload one picture and ask for its row until the answer stands there."""
    start = time.monotonic()
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="images"; filename="{name}"\r\n'
    body = f"{head}Content-Type: image/png\r\n\r\n".encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}", "HX-Request": "true"}
    row = next((row for row in _ask(address, "POST", "/images", body, kind).split("<tr ") if f">{name}<" in row), "")
    taken = time.monotonic() - start
    key = re.match(r'id="row-([^"]+)"', row)
    if key is None:
        raise ValueError(f"{name}: the page lists no such picture")
    while '<strong class="verdict' not in row:
        if time.monotonic() - start > _PATIENCE:
            raise ValueError(f"{name}: no answer after {_PATIENCE:.0f} s")
        time.sleep(_POLL)
        row = _ask(address, "GET", f"/rows/{key[1]}")
    if "verdict failed" in row:
        raise ValueError(f"{name}: the page could not read it")
    return Answered(taken, time.monotonic() - start)


def _ask(address: str, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> str:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=_PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise ValueError(f"{method} {path} was answered with {response.status}")
    return text


def _peak(process: int) -> int | None:
    """Return the most memory that a process has held, in bytes; None where the system does not say."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text("ascii"))
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def _lines(report: dict[str, Any]) -> list[str]:
    about, taken, drop, peak = report["machine"], report["taken_s"], report["drop_s"], report["peak_bytes"]
    lines = [
        f"{about['processor']}, {about['cores']} cores",
        f"the server is ready after {report['ready_s']:.1f} s",
        f"one picture of 512 × 512 is answered after {drop['median']:.2f} s (worst of {DROPS}: {drop['worst']:.2f} s)",
        f"{report['answered']} of {report['uploads']} uploads by {report['clients']} clients answered in "
        f"{report['seconds']:.0f} s; acknowledged after {taken['median']:.2f} s (worst: {taken['worst']:.2f} s)",
    ]
    if peak["after"]:
        lines.append(
            f"most memory of the server: {peak['before'] / 1e6:.0f} MB before, {peak['after'] / 1e6:.0f} MB after"
        )
    return lines
