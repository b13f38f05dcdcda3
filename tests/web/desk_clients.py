"""A client of the API of a library's server, with its desk at hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from served import API, Within

from singerid.web.desk import Desk
from singerid.web.settings import Settings


class Page:
    """Asks a server, which runs in a thread of this process."""

    def __init__(self, server: Within) -> None:
        self._server = server

    @property
    def desk(self) -> Desk:
        return self._server.desk

    def get(self, path: str, params: dict[str, Any] | None = None) -> requests.Response:
        return self._server.http.get(f"{API}/{path}", params=params)

    def post(self, path: str, json: dict[str, Any]) -> requests.Response:
        return self._server.http.post(f"{API}/{path}", json=json)


@contextmanager
def client(folder: Path, *roots: Path) -> Iterator[Page]:
    """The API of a library; what lies in the roots may be heard and tagged."""
    with Within(Settings(folder, roots)) as server:
        yield Page(server)
