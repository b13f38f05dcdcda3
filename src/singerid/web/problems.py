"""Errors as HTTP responses: {"detail": one line that names the thing and the remedy}."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from singerid.errors import SingeridError
from singerid.library.database import UnusableDatabaseError
from singerid.library.journal import OvertakenError
from singerid.sound.files import AudioError
from singerid.text import printable
from singerid.web.desk import BusyError, NotThereError
from singerid.web.plain import PlainJSON
from singerid.web.security import TooMuchError
from singerid.web.uploads import UploadError

_AGAIN_SECONDS = "5"


class Problem(BaseModel):
    """What went wrong, in one line."""

    detail: str


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "What is wrong with the request, in one line."},
    "5XX": {"model": Problem, "description": "Why the library cannot be used now, in one line."},
}


class RefusedError(SingeridError):
    """A valid request that is not allowed: for a folder outside the roots, for example."""


class NotNowError(SingeridError):
    """A request that cannot be met yet: something else must be done first."""


def status_of(error: SingeridError) -> int:
    """The HTTP status for an error."""
    for kind, status in (
        (NotThereError, 404),
        (RefusedError, 403),
        (NotNowError, 409),
        (OvertakenError, 409),
        (BusyError, 503),
        (UnusableDatabaseError, 503),
        (AudioError, 422),
    ):
        if isinstance(error, kind):
            return status
    return 400


def tell_problems(app: FastAPI) -> None:
    """Let an app report all errors in this form."""

    @app.exception_handler(SingeridError)
    def _known(_: Request, error: SingeridError) -> JSONResponse:
        headers = {"retry-after": _AGAIN_SECONDS} if isinstance(error, BusyError) else None
        return problem(status_of(error), str(error), headers)

    @app.exception_handler(UploadError)
    def _upload(_: Request, error: UploadError) -> JSONResponse:
        return problem(error.status, error.detail)

    @app.exception_handler(TooMuchError)
    def _too_much(_: Request, error: TooMuchError) -> JSONResponse:
        return problem(413, "the request is too large; send less at once")

    @app.exception_handler(HTTPException)
    def _http(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body") or "the request"
        return problem(422, f"{where}: {first['msg']}; see /docs")

    @app.exception_handler(Exception)
    def _unexpected(_: Request, error: Exception) -> JSONResponse:
        return problem(500, f"unexpected {type(error).__name__}; the server's terminal shows more")


def problem(status: int, detail: str, headers: Any = None) -> JSONResponse:
    """The response that tells what is wrong."""
    return PlainJSON({"detail": printable(detail)}, status, headers)
