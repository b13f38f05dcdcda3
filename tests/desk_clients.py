"""A client of the API of `singerid serve`, served by a thread and without its door."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import requests
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from singerid.errors import SingeridError
from singerid.library.database import UnusableDatabaseError
from singerid.web.api import ROUTERS
from singerid.web.desk import Desk, NotThereError
from singerid.web.settings import Settings

API = "/api/v1"


class Page:
    """Asks the server at an address."""

    def __init__(self, address: str, desk: Desk) -> None:
        self.address, self.desk = address, desk

    def get(self, path: str, params: dict[str, Any] | None = None) -> requests.Response:
        return requests.get(f"{self.address}/{path}", params=params, timeout=60)

    def post(self, path: str, json: dict[str, Any]) -> requests.Response:
        return requests.post(f"{self.address}/{path}", json=json, timeout=60)


@contextmanager
def client(folder: Path) -> Iterator[Page]:
    """The API of a library."""
    app = FastAPI()
    desk = Desk(Settings(folder))
    app.state.desk = desk
    for router in ROUTERS:
        app.include_router(router, prefix=API)

    @app.exception_handler(SingeridError)
    def failed(_: Request, error: SingeridError) -> JSONResponse:
        kinds = {UnusableDatabaseError: 503, NotThereError: 404}
        return JSONResponse({"detail": str(error)}, kinds.get(type(error), 400))

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    until = monotonic() + 30
    while not server.started and monotonic() < until:
        sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Page(f"http://127.0.0.1:{port}{API}", desk)
    finally:
        server.should_exit = True
        thread.join(30)
        desk.close()
