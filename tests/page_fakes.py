"""A page that is served on loopback with answers that cost nothing."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from reports_fakes import result_for

from reports.page.app import Room, create_app
from reports.page.desk import Desk
from reports.page.guard import Guard


@contextlib.contextmanager
def served(
    folder: Path, answer: Any = result_for, most: int = 50_000_000, token: str | None = None, **room: Any
) -> Iterator[tuple[str, Desk]]:
    """Serve the page; yields its address and its desk."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    desk = Desk(folder / "desk", answer, 4_000_000)
    app = Guard(create_app(Room(desk, **room)), {host}, most, token)
    config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://{host}", desk
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        desk.close()


def finished(desk: Desk, seconds: float = 30) -> None:
    """Wait until every image has an answer."""
    end = time.monotonic() + seconds
    while any(item.state in ("waiting", "working") for item in desk.items()):
        assert time.monotonic() < end
        time.sleep(0.02)
