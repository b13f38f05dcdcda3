"""The server as an ASGI app: the API, its documentation, and the page, behind the guard."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from singerid.version import __version__
from singerid.web.api import ROUTERS
from singerid.web.desk import Desk
from singerid.web.looking import Looking
from singerid.web.news import News
from singerid.web.plain import PlainJSON
from singerid.web.problems import PROBLEMS, tell_problems
from singerid.web.security import Guard, Pass, page_policy
from singerid.web.worker import Worker

PREFIX = "/api/v1"
NONCE = "__NONCE__"
"""Placeholder in the page for the nonce, which is new in each response."""
_HERE = Path(__file__).parent
_STATIC, _SWAGGER = _HERE / "static", _HERE / "swagger"


def create_app(desk: Desk, passes: Pass, hosts: tuple[str, ...] = (), *, works: bool = True) -> FastAPI:
    """The server of a library.

    Args:
        desk: the desk of the library.
        passes: the secrets that let a browser in.
        hosts: host names under which it may be reached, besides those of the loopback interface.
        works: whether jobs are done; if False, they wait.
    """

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        worker, news = Worker(desk.settings), News(desk)
        with desk.library() as library:
            can_work = works and library.core.database.writable
        if can_work:
            worker.start()
        news.start()
        try:
            yield
        finally:
            desk.closing.set()
            app.state.looking.close()
            if can_work:
                worker.close()
            news.close()
            desk.close()

    app = FastAPI(
        title="singerid serve",
        version=__version__,
        description="Everything that the page does, for other programs. See docs/serve.md.",
        lifespan=running,
        docs_url=None,
        redoc_url=None,
        default_response_class=PlainJSON,
    )
    app.state.desk = desk
    app.state.looking = Looking(desk.settings, desk.closing)
    desk.fingerprint_of = app.state.looking.fingerprint
    tell_problems(app)
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX, responses=PROBLEMS)
    app.mount("/docs-files", StaticFiles(directory=_SWAGGER))
    app.add_api_route("/docs", _documentation, include_in_schema=False)
    page = _STATIC / "index.html"
    if page.is_file():

        def index() -> HTMLResponse:
            return _page(page.read_text(encoding="utf-8"))

        app.add_api_route("/", index, include_in_schema=False)
        app.mount("/", StaticFiles(directory=_STATIC))
    app.add_middleware(Guard, passes=passes, hosts=hosts)
    return app


def _documentation() -> HTMLResponse:
    return _page(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>singerid serve: API</title>'
        '<meta name="viewport" content="width=device-width">'
        '<link rel="stylesheet" href="/docs-files/swagger-ui.css"><div id="page"></div>'
        '<script src="/docs-files/swagger-ui-bundle.js"></script>'
        f'<script nonce="{NONCE}">'
        'SwaggerUIBundle({url: "/openapi.json", dom_id: "#page", validatorUrl: null})</script></html>'
    )


def _page(text: str) -> HTMLResponse:
    nonce = secrets.token_urlsafe(18)
    return HTMLResponse(text.replace(NONCE, nonce), headers={"content-security-policy": page_policy(nonce)})
