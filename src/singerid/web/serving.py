"""Running the server: its address, and how it ends."""

import ipaddress
import logging
import os
import signal
import socket
import threading
import webbrowser
from types import FrameType

import uvicorn

from singerid.errors import SingeridError
from singerid.system.streams import say, tell
from singerid.web.app import create_app
from singerid.web.desk import Desk
from singerid.web.security import HEADER_BYTES, Pass
from singerid.web.settings import Settings

_END_SECONDS = 10.0  # in which it should end by itself; after them its process is ended


class _Server(uvicorn.Server):
    """Ends the streams of news as soon as it is to end: they would never end by themselves."""

    def __init__(self, config: uvicorn.Config, desk: Desk) -> None:
        super().__init__(config)
        self._desk = desk
        self._last: threading.Timer | None = None
        self.is_interrupted = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._desk.closing.set()
        self.is_interrupted |= sig == signal.SIGINT
        if self._last is None:
            # A thread may be waiting for another program that writes to the library. Every write is a
            # transaction, so the process may end at any moment.
            self._last = threading.Timer(_END_SECONDS, os._exit, (128 + sig,))
            self._last.daemon = True
            self._last.start()
        super().handle_exit(sig, frame)

    def ended(self) -> None:
        """Note that it has ended by itself."""
        if self._last is not None:
            self._last.cancel()


def is_local(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> is_local("127.0.0.1"), is_local("localhost"), is_local("192.168.0.7")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def run(settings: Settings, host: str, port: int, token: str | None, open_browser: bool) -> None:
    """Serve a library until it is interrupted.

    Args:
        settings: the settings of the server.
        host: the address to listen on.
        port: the port to listen on; 0: any free port.
        token: the token that lets a browser in; None: a random one.
        open_browser: open the page in a browser.

    Raises:
        SingeridError: the port is in use, or the address is not this machine's.
        KeyboardInterrupt: it was interrupted.
    """
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    passes, desk = Pass(token), Desk(settings)
    names = (host, socket.gethostname()) if not is_local(host) else (host,)
    app = create_app(desk, passes, names)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_graceful_shutdown=3,
    )
    say(f"http://{shown_host(host)}:{port}/?token={passes.token}")
    if is_any(host):
        tell(f"From another machine: http://{socket.gethostname()}:{port}/?token={passes.token}")
    tell(
        "Open that address; it lets one browser in. Ctrl-C ends the server."
        if token is None
        else "Open that address. Ctrl-C ends the server."
    )
    if open_browser:
        webbrowser.open(f"http://{shown_host(host)}:{port}/?token={passes.token}")
    server = _Server(config, desk)
    try:
        server.run([listening])
    finally:
        server.ended()
        listening.close()
    if server.is_interrupted:
        # A shell lets programs in the background ignore Ctrl-C; this server does not, and tells how it ended.
        raise KeyboardInterrupt


def is_any(host: str) -> bool:
    """Whether an address means all addresses of this machine, which no browser can open.

    >>> is_any("0.0.0.0"), is_any("::"), is_any("127.0.0.1")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""


def shown_host(host: str) -> str:
    """The host in the address of a page that this machine can open.

    >>> shown_host("0.0.0.0"), shown_host("::1")
    ('127.0.0.1', '[::1]')
    """
    if is_any(host):
        return "[::1]" if ":" in host else "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            opened.listen(128)  # whoever opens the address at once waits for the server
        except OSError:
            opened.close()
            raise
        return opened
    except OSError as error:
        raise SingeridError(
            f"`host={host!r}` `port={port}`: cannot listen there ({error.strerror or error}); leave out "
            "`port`, or give another one"
        ) from error
