"""`whorl serve`: the page."""

import ipaddress
import secrets
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.commandline import ANSWERED, Parser, emit, positive_int

PORT = 8321
MAX_PIXELS = 100_000_000
MAX_BYTES = 512_000_000
EXTRA = "the page needs starlette, uvicorn, python-multipart and django-htmx: pip install 'whorl[page]'"


def main(argv: Sequence[str], prog: str = "whorl serve") -> int:
    """Serve the page until it is interrupted.

    Args:
        argv: The command's own arguments.
        prog: The command's name in messages.

    Returns:
        The exit code.
    """
    options = _parser(prog).parse_args(argv)
    try:
        import django_htmx  # noqa: F401
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn
    except ImportError:
        raise ValueError(EXTRA) from None
    local = _is_local(options.host)
    token = None if local else secrets.token_urlsafe(24)
    listener = _listener(options.host, options.port)
    port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="whorl-page-") as folder:
        app, close = _app(options, Path(folder) / "desk", _hosts(options.host, port), token)
        shown = f"[{options.host}]" if ":" in options.host else options.host
        emit(f"http://{shown}:{port}/" + (f"?token={token}" if token else ""))
        sys.stdout.flush()
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, date_header=False)
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            close()
    return ANSWERED


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Open a page on this machine: drop images, see results, look closely, build the report. Images are "
        "kept in a temporary folder until the command ends.",
    )
    add = parser.add_argument
    text = "address to listen on; another than this machine's own is served to whoever shows the token that is printed "
    add("--host", default="127.0.0.1", metavar="ADDRESS", help=text + "(default: %(default)s)")
    add("--port", type=int, default=PORT, metavar="N", help="0 for any that is free (default: %(default)s)")
    add("--gallery", type=Path, metavar="DIR", help="compare with the sources of this gallery, too, and enrol into it")
    text = "refuse an image of more pixels than this (default: %(default)s)"
    add("--max-pixels", type=positive_int, default=MAX_PIXELS, metavar="N", help=text)
    text = "refuse an upload of more bytes than this (default: %(default)s)"
    add("--max-bytes", type=positive_int, default=MAX_BYTES, metavar="N", help=text)
    return parser


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise ValueError(f"--host must be an address such as 127.0.0.1, got {host!r}") from None


def _listener(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise ValueError(f"--port must be 0 to 65535, got {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ValueError(f"--host {host} --port {port}: {error.strerror}; try another port") from None
    return listener


def _hosts(host: str, port: int) -> set[str]:
    """Return the values of `Host` that are served; behind a wildcard address, those of this machine."""
    names = {host, "127.0.0.1", "localhost", "[::1]"} if _is_local(host) else {host}
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not bound to
        names |= {socket.gethostname(), *(info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None))}
    return {f"[{name}]:{port}" if ":" in str(name) and "[" not in str(name) else f"{name}:{port}" for name in names}


def _app(options: Any, folder: Path, hosts: set[str], token: str | None) -> tuple[Any, Any]:
    """Open the reference, answer for one small picture so that nothing is compiled later, and make the page."""
    import numpy as np

    from fingerprint import Attributor
    from fingerprint.gallery import enrol
    from reports.page.app import Room, create_app
    from reports.page.desk import Desk
    from reports.page.guard import Guard

    plain = Attributor()
    current = {"attributor": plain}

    def add(name: str, paths: Sequence[Path], replace: bool) -> int:
        made = enrol(name, paths, options.gallery, plain, replace=replace, max_pixels=options.max_pixels)
        current["attributor"] = Attributor(gallery=options.gallery)
        return len(made.images)

    if options.gallery is not None and options.gallery.exists():
        current["attributor"] = Attributor(gallery=options.gallery)
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    plain.measure(noise)
    desk = Desk(folder, lambda evidence: current["attributor"].attribute(evidence), options.max_pixels)
    room = Room(desk, None if options.gallery is None else add)
    return Guard(create_app(room), hosts, options.max_bytes, token), desk.close
