"""Running the server: its address, and how it ends."""

import ipaddress
import logging
import socket
import webbrowser
from types import FrameType

import uvicorn

from singerid.errors import SingeridError
from singerid.system.streams import say, tell
from singerid.web.app import create_app
from singerid.web.desk import Desk
from singerid.web.security import HEADER_BYTES, Pass
from singerid.web.settings import Settings


class _Server(uvicorn.Server):
    """Ends the pages that listen for news as soon as it is to end: they would listen for ever."""

    def __init__(self, config: uvicorn.Config, desk: Desk) -> None:
        super().__init__(config)
        self._desk = desk

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._desk.closing.set()
        super().handle_exit(sig, frame)


def is_local(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def run(settings: Settings, host: str, port: int, token: str | None, open_browser: bool) -> None:
    """Serve a library until it is interrupted.

    Args:
        settings: of the server.
        host: where it listens.
        port: likewise; 0: any that is free.
        token: that lets in; None: one is made up.
        open_browser: open the page.

    Raises:
        SingeridError: the port is in use, or the address is not this machine's.
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
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}/?token={passes.token}"
    say(address)
    tell(
        "Open that address; it lets one browser in. Ctrl-C ends the server."
        if token is None
        else "Open that address. Ctrl-C ends the server."
    )
    if open_browser:
        webbrowser.open(address)
    try:
        _Server(config, desk).run([listening])
    finally:
        listening.close()


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
            f"--host {host} --port {port}: cannot listen there ({error.strerror or error}); leave out "
            "--port, or give another one"
        ) from error
