"""A real `singerid serve`, as a process of its own, and who asks it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

EARS = Path(__file__).parent.parent / "small_ears.py"
API = "/api/v1"


class Browser(requests.Session):
    """Asks one server; it keeps cookies, and follows nothing."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def request(self, method: str, url: str, *args: Any, **options: Any) -> requests.Response:
        options = {"timeout": 60} | options | {"allow_redirects": False}
        return super().request(method, self.base + url, *args, **options)


class Served:
    """A server that runs.

    Args:
        process: of it.
        address: that it printed.
    """

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.address = process, address
        self.base, _, self.token = address.partition("/?token=")
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

    def end(self, number: int = signal.SIGINT) -> int:
        self.http.close()
        self.process.send_signal(number)
        code = self.process.wait(20)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code


@contextmanager
def served(library: Path, *options: object, enter: bool = True) -> Iterator[Served]:
    """A server of a library, which small ears hear; it is ended when that was not done."""
    command = [
        sys.executable,
        "-m",
        "singerid",
        "--plugin",
        EARS,
        "serve",
        library,
        "--no-browser",
        "--device",
        "cpu",
    ]
    process = subprocess.Popen(
        [*map(str, command), *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://\S+/\?token=\S+", address), process.communicate(timeout=10)
        server = Served(process, address)
        server.until(lambda: _answers(server.base))
        yield server.enter() if enter else server
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _answers(base: str) -> bool:
    try:
        return requests.get(base, timeout=5).status_code == 401
    except requests.ConnectionError:
        return False
