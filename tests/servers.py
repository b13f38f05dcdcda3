"""A real `singerid serve` on a library, as a process of its own."""

import os
import re
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

EARS = Path(__file__).parent / "small_ears.py"
ADDRESS = re.compile(r"http://\S+:\d+/\?token=\S+")
START_S = 90  # a slow machine imports for long
END_S = 20


class Server:
    """A server that can be started, ended, and started again at the same port.

    Args:
        library: its folder.
        roots: folders whose songs may be heard.
        options: of `singerid serve` besides.
        plugin: of singerid, loaded first; None: none.
    """

    def __init__(
        self, library: Path, roots: Sequence[Path] = (), *options: object, plugin: Path | None = EARS
    ) -> None:
        self.library = library
        self.port = 0
        self.address = ""
        self.log: list[str] = []
        self._plugin = ["--plugin", str(plugin)] if plugin else []
        self._options = [word for root in roots for word in ("--root", str(root))] + [*map(str, options)]
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        """What runs."""
        assert self._process is not None, "it was not started, or has ended"
        return self._process

    def start(self) -> str:
        """Start it and give the address that it prints."""
        options = ["--port", str(self.port), "--no-browser", "--threads", "1", *self._options]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "singerid", *self._plugin, "serve", str(self.library), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env={**os.environ, "OMP_NUM_THREADS": "1"},
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
        with stream:
            for line in stream:
                self.log.append(line)

    def end(self, number: int = signal.SIGINT) -> int | None:
        """End the server by a signal to it alone, as Ctrl-C does; gives its exit code, None when none ran."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(number)
        try:
            code = process.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        self.log.clear()
        return code

    def kill(self) -> None:
        """Kill it and all that it started, as a power cut would: it has a session of its own."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self.end(signal.SIGKILL)


@contextmanager
def serving(library: Path, roots: Sequence[Path] = (), *options: object) -> Iterator[Server]:
    """A context in which the server runs; it may be ended there."""
    server = Server(library, roots, *options)
    server.start()
    try:
        yield server
    finally:
        server.end()
