"""Asks `fork_server.py` for a fork; a shell does it by `python -I -S fork_client.py SOCKET ARGUMENTS`."""

import json
import os
import signal
import socket
import sys
from pathlib import Path

MAIN = "from singerid.cli import main; main()"


def ask(path: str, streams: dict[int, int], **request: object) -> socket.socket:
    """Ask for a fork; what is returned tells its number and, when it has ended, its exit code, in lines."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    text = json.dumps(request).encode()
    header = len(text).to_bytes(4, "big") + bytes([sum(1 << number for number in streams)])
    socket.send_fds(connection, [header], [streams[number] for number in sorted(streams)])
    connection.sendall(text)
    return connection


def stand_in(open_streams: list[int], path: str, *arguments: str) -> None:
    """Start a fork with the streams that this process has, and end as it does."""
    answer = ask(
        path,
        {number: number for number in open_streams},
        code=MAIN,
        arguments=arguments,
        folder=str(Path.cwd()),
        environment=dict(os.environ),
        file_limit=0,
    ).makefile("r")
    for number in open_streams:  # else a pipe would not end with the fork
        os.close(number)
    answer.readline()
    code = int(answer.readline())
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    stand_in([number for number in range(3) if is_open(number)], *sys.argv[1:])
