"""A real server on a library, and a real browser that looks at its page and notes what goes wrong there."""

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO
from urllib.parse import urlsplit

import pytest

EARS = Path(__file__).parent / "small_ears.py"
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\?token=\S+")
START_S = 90  # a slow machine imports for long
REQUIRED = "SINGERID_REQUIRE_BROWSER"


def chromium() -> str:
    """The browser's path; without one the test is skipped, or fails where browsers are required."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    reason = "no chromium: install Debian's package of that name"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(reason)
    pytest.skip(reason)


class Server:
    """`singerid serve` on a library, in a process of its own.

    Args:
        library: its folder.
        roots: folders whose songs may be heard.
        plugin: of singerid, loaded first; None: none.
    """

    def __init__(self, library: Path, roots: Sequence[Path], plugin: Path | None = EARS) -> None:
        self.library = library
        self.roots = roots
        self._plugin = ["--plugin", str(plugin)] if plugin else []
        self.port = 0
        self.address = ""
        self._process: subprocess.Popen[str] | None = None
        self.log: list[str] = []

    def start(self) -> str:
        """Start it and give the address that it prints."""
        roots = [word for root in self.roots for word in ("--root", str(root))]
        options = [*roots, "--port", str(self.port), "--no-browser", "--threads", "1"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "singerid", *self._plugin, "serve", str(self.library), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )
        assert self._process.stdout is not None
        Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if found := ADDRESS.search("".join(self.log)):
                self.address = found[0]
                self.port = urlsplit(self.address).port or 0
                return self.address
            assert self._process.poll() is None, "".join(self.log)
            time.sleep(0.05)
        raise AssertionError(f"no address within {START_S} s: {''.join(self.log)}")

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self.log.append(line)

    def end(self, number: int = signal.SIGINT) -> None:
        """End it: as Ctrl-C does, or with all that it started at once by SIGKILL."""
        process, self._process = self._process, None
        if process is None:
            return
        if number == signal.SIGKILL:
            os.killpg(process.pid, number)  # its own session: nobody else's
        else:
            process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            if process.stdout is not None:
                process.stdout.close()
        self.log.clear()


@contextmanager
def serving(library: Path, roots: Sequence[Path]) -> Iterator[Server]:
    """Within, the server runs."""
    server = Server(library, roots)
    server.start()
    try:
        yield server
    finally:
        server.end()


@contextmanager
def browsing() -> Iterator[object]:
    """Within, there is a browser."""
    path = chromium()
    api = pytest.importorskip("playwright.sync_api", reason="needs the extra [dev]: playwright")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path,
            # Play without a click before, as a person's browser does after the first one.
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield browser
        browser.close()


class Watch:
    """Notes what a page must not do: errors, breaches of its policy, requests to elsewhere."""

    def __init__(self, page) -> None:
        self.wrong: list[str] = []
        self.asked: set[str] = set()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.context.on("request", self._request)

    def _console(self, message) -> None:
        # What the server refuses is told on the page; the browser notes it as an error as well.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.wrong.append(f"console: {message.text}")

    def _request(self, request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss"):
            self.asked.add(parts.hostname or "")


def drop(page, *paths: Path) -> None:
    """Drop files onto the page, as a person does."""
    files = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
    page.evaluate(
        """files => {
            const held = new DataTransfer();
            for (const [name, content] of files) {
                const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
                held.items.add(new File([bytes], name));
            }
            for (const kind of ["dragenter", "dragover", "drop"]) {
                const event = new DragEvent(kind, { dataTransfer: held, bubbles: true, cancelable: true });
                document.body.dispatchEvent(event);
            }
        }""",
        files,
    )


def ask(page, *requests: tuple[str, dict[str, object]]) -> None:
    """Post to the API as the page does, one after the other, each when the jobs before it have ended."""
    page.evaluate(
        """async requests => {
            const rest = () => new Promise(again => setTimeout(again, 200));
            for (const [path, body] of requests) {
                const answer = await fetch(`/api/v1${path}`, {
                    method: "POST",
                    headers: { "Content-Type": "application/json" },
                    body: JSON.stringify(body),
                });
                if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
                for (;;) {
                    const { jobs } = await (await fetch("/api/v1/jobs")).json();
                    if (jobs.every(job => !["waiting", "running"].includes(job.state))) break;
                    await rest();
                }
            }
        }""",
        [list(request) for request in requests],
    )
