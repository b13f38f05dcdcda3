"""`singerid ...` as tests start it: a process each time, forked where it can be and new where it must be."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from types import TracebackType
from typing import IO

from fork_client import MAIN, ask

HERE = Path(__file__).parent
# What commands import. Nothing that keeps a thread, nor what only some machines have.
IMPORTED = """
import contextlib
with contextlib.suppress(ImportError):  # some versions of Typer import pydantic, late and by this
    import typer._adapters
import filelock, safetensors.torch, scipy.fft, scipy.signal, sklearn.linear_model, sklearn.manifold, soundfile
import lightning_fabric, matplotlib.backends.backend_agg, matplotlib.backends.backend_svg, rich.progress
import torch, sklearn.pipeline, sklearn.preprocessing, soxr
import singerid.analysis.attention, singerid.analysis.audit.report, singerid.analysis.embedding
import singerid.analysis.report, singerid.cli, singerid.data.synthetic.corpus, singerid.demo, singerid.doctor
import singerid.encoders.campplus, singerid.encoders.ge2e, singerid.encoders.onnx, singerid.encoders.registry
import singerid.evaluation.comparison, singerid.evaluation.report
import singerid.export, singerid.identifier, singerid.preparation.prepare, singerid.reproduce.rendering
import singerid.reproduce.run, singerid.reproduce.smoke, singerid.training.loop
"""
# Read by Python and by libraries when they start: a fork comes too late for them.
READ_AT_START = re.compile("PYTHON|LC_|LANG|HOME$|XDG_|MPL|NUMBA|MKL|OPENBLAS|LD_")


class Fork:
    """A program that runs, used as a `subprocess.Popen`."""

    def __init__(self, connection: socket.socket, stdout: IO[str] | None, stderr: IO[str] | None) -> None:
        self._connection = connection
        self._answer = connection.makefile("r")
        self.pid = int(self._answer.readline())
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None

    def __enter__(self) -> "Fork":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = int(self._answer.readline())
            self._answer.close()
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self) -> tuple[str, str]:
        read = ["", ""]

        def drain(place: int, stream: IO[str]) -> None:
            with stream:
                read[place] = stream.read()

        readers = [
            Thread(target=drain, args=(place, stream))
            for place, stream in enumerate((self.stdout, self.stderr))
            if stream is not None
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        self.wait()
        return read[0], read[1]


class Program:
    """Runs `singerid ARGUMENTS`, or any Python code, as a process of its own.

    Args:
        before: a command that is put before that of Python, for all that this starts.
        socket: where a server of forks answers that another process started, in an environment like ours.
    """

    def __init__(self, before: Sequence[str] = (), socket: str = "") -> None:
        self._before = before
        self._folder = TemporaryDirectory(prefix="forks-")
        self._socket = socket or str(Path(self._folder.name) / "socket")
        self._server: subprocess.Popen[str] | None = None
        self._is_ready = bool(socket)
        self._environment = dict(os.environ)

    def __call__(
        self, *arguments: object, code: str = MAIN, file_limit: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """What `singerid ARGUMENTS` gives, in a fork: what it imports is there already."""
        with self.start(*arguments, code=code, file_limit=file_limit, **environment) as process:
            stdout, stderr = process.communicate()
            return subprocess.CompletedProcess(list(arguments), process.wait(), stdout, stderr)

    def fresh(
        self, *arguments: object, code: str = MAIN, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """The same in a new process, for what happens at its start: imports, encodings, caches."""
        return subprocess.run(
            [*self._before, sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, **environment},
        )

    def start(
        self,
        *arguments: object,
        code: str = MAIN,
        stdout: int | None = None,
        stderr: int | None = None,
        file_limit: int = 0,
        **environment: str,
    ) -> "Fork | subprocess.Popen[str]":
        """Start it, to be read while it runs, or killed.

        Args:
            arguments: those of the program.
            code: Python code to run in place of `singerid`.
            stdout: where its output goes; None: a pipe, which the caller reads.
            stderr: where standard error goes, likewise.
            file_limit: bytes beyond which no file may grow; 0: none.
            environment: beside what there is.
        """
        if sys.platform != "linux":  # elsewhere some of what is imported may not be forked
            return subprocess.Popen(
                [*self._before, sys.executable, "-c", code, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=stdout or subprocess.PIPE,
                stderr=stderr or subprocess.PIPE,
                encoding="utf-8",
                env={**os.environ, **environment},
                preexec_fn=partial(_limit, file_limit),
            )
        path = self.socket
        wanted = {**os.environ, **environment}
        late = [
            name
            for name in sorted(
                wanted.keys() ^ self._environment.keys() | wanted.keys() & self._environment.keys()
            )
            if READ_AT_START.match(name) and wanted.get(name) != self._environment.get(name)
        ]
        assert not late, f"{late} are read when a program starts: use `fresh`"
        ours, theirs, opened = [], {}, []
        theirs[0] = os.open(os.devnull, os.O_RDONLY)
        opened.append(theirs[0])
        for number, given in ((1, stdout), (2, stderr)):
            if given is None:
                reading, given = os.pipe()
                opened.append(given)
                ours.append(os.fdopen(reading, encoding="utf-8"))
            else:
                ours.append(None)
            theirs[number] = given
        try:
            connection = ask(
                path,
                theirs,
                code=code,
                arguments=list(map(str, arguments)),
                folder=str(Path.cwd()),
                environment=wanted,
                file_limit=file_limit,
            )
        finally:
            for descriptor in opened:
                os.close(descriptor)
        return Fork(connection, *ours)

    def begin(self) -> None:
        """Start the server of forks; it is ready some seconds later."""
        self._environment = dict(os.environ)
        self._server = subprocess.Popen(
            [*self._before, sys.executable, HERE / "fork_server.py", self._socket, IMPORTED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Threads that a library starts as it is imported would be missing in a fork: of a pool, or of
            # the memory of pyarrow, which pandas imports where it is installed.
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "JE_ARROW_MALLOC_CONF": "background_thread:false",
            },
        )

    @property
    def socket(self) -> str:
        """Where the server of forks answers; it is started if it is not."""
        if not self._is_ready:
            if self._server is None:
                self.begin()
            assert self._server is not None
            assert self._server.stdout is not None
            assert self._server.stdout.readline() == "ready\n"
            self._is_ready = True
        return self._socket

    @property
    def shell_command(self) -> list[str]:
        """What starts the program in a shell, with the streams that it has there."""
        if sys.platform != "linux":
            return [sys.executable, "-m", "singerid"]
        return [sys.executable, "-I", "-S", str(HERE / "fork_client.py"), self.socket]

    def close(self) -> None:
        if self._server is not None:
            self._server.communicate()  # its input ends
        self._folder.cleanup()


def _limit(size: int) -> None:
    """In a new process, as `fork_server.become` does it in a fork."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if size:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
