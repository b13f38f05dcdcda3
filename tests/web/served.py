"""Clients of a real `singerid serve`, and a server within this process."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import requests
import uvicorn

from servers import Server, serving
from singerid.web.app import create_app
from singerid.web.desk import Desk
from singerid.web.security import Pass
from singerid.web.settings import Settings

API = "/api/v1"


class Browser(requests.Session):
    """Asks one server; it keeps cookies, and follows no redirect."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def request(self, method: str, url: str, *args: Any, **options: Any) -> requests.Response:
        options = {"timeout": 60} | options | {"allow_redirects": False}
        return super().request(method, self.base + url, *args, **options)


class Served:
    """Asks a server that is running."""

    def __init__(self, server: Server) -> None:
        self.server, self.process, self.address = server, server.process, server.address
        self.base, _, self.token = server.address.partition("/?token=")
        self.http = Browser(self.base)

    def enter(self) -> "Served":
        answer = self.http.get(f"/?token={self.token}")
        assert answer.status_code == 303, answer.text
        return self

    def get(self, path: str, **options: Any) -> Any:
        answer = self.http.get(API + path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, content: Any) -> Any:
        answer = self.http.post(API + path, json=content)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until(self, holds: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not so within {seconds} s"
            assert self.process.poll() is None, "the server has ended"
            time.sleep(0.1)

    def job(self, number: int) -> dict[str, Any]:
        return next(job for job in self.get("/jobs")["jobs"] if job["id"] == number)

    def done(self, number: int) -> dict[str, Any]:
        """The job, once it has ended."""
        self.until(lambda: self.job(number)["state"] not in ("waiting", "running"))
        return self.job(number)

    def hear(self, *paths: Path) -> dict[str, Any]:
        return self.done(self.post("/hear", {"paths": list(map(str, paths))})["id"])

    def end(self, number: int = signal.SIGINT) -> int | None:
        self.http.close()
        return self.server.end(number)

    def processes(self) -> list[int]:
        """The live processes of the server and of all that it started: they share one session (Linux)."""
        found = []
        for place in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has ended just now
                state, _, _, session, *_ = place.read_text().rpartition(")")[2].split()
                if int(session) == self.process.pid and state not in "ZX":
                    found.append(int(place.parent.name))
        return found


@contextmanager
def served(library: Path, *options: object, enter: bool = True) -> Iterator[Served]:
    """A server of a library with the small encoder of the tests; it is ended if the test has not done so."""
    with serving(library, (), "--device", "cpu", *options) as server:
        http = Served(server)
        yield http.enter() if enter else http
        http.http.close()


class Within:
    """A server in a thread of this process, with its desk for the test; jobs wait there, by default."""

    def __init__(self, settings: Settings, *, works: bool = False) -> None:
        self.desk, self.passes = Desk(settings), Pass()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        app = create_app(self.desk, self.passes, works=works)
        config = uvicorn.Config(app, http="h11", log_level="error", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run, args=([self._listening],))
        self.app = app
        self.http = Browser(f"http://127.0.0.1:{self.port}")

    def __enter__(self) -> "Within":
        self._thread.start()
        end = time.monotonic() + 30
        while not self._server.started:
            assert time.monotonic() < end
            time.sleep(0.02)
        assert self.http.get(f"/?token={self.passes.token}").status_code == 303
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self.desk.closing.set()
        self._server.should_exit = True
        self._thread.join(20)
        self._listening.close()

    def upload(self, *files: tuple[str, bytes]) -> requests.Response:
        return self.http.post(f"{API}/upload", files=[("files", file) for file in files])
