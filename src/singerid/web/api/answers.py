"""The answers as files, in the formats of `singerid identify`."""

import io
import zipfile
from pathlib import PurePath

from fastapi import APIRouter
from fastapi.responses import Response

from singerid.identify.formats import FORMATS, Document
from singerid.identify.result import Result
from singerid.library.answers import Answer
from singerid.web.api.songs import Decision, Words
from singerid.web.api.state import OfDesk
from singerid.web.correcting import named
from singerid.web.uploads import shown_name

router = APIRouter(tags=["answers"])


@router.get("/answers.csv", response_class=Response)
def as_csv(
    at: OfDesk, decision: Decision | None = None, singer: Words | None = None, q: Words = ""
) -> Response:
    """CSV: one row per song."""
    return _file("csv", "text/csv", "csv", _chosen(at, decision, singer, q))


@router.get("/answers.json", response_class=Response)
def as_json(
    at: OfDesk, decision: Decision | None = None, singer: Words | None = None, q: Words = ""
) -> Response:
    """JSON Lines: one object per song."""
    return _file("json", "application/x-ndjson", "json", _chosen(at, decision, singer, q))


@router.get("/answers.rttm", response_class=Response)
def as_rttm(
    at: OfDesk, decision: Decision | None = None, singer: Words | None = None, q: Words = ""
) -> Response:
    """RTTM: who sings when, for diarization tools."""
    return _file("rttm", "text/plain", "rttm", _chosen(at, decision, singer, q))


@router.get("/answers.txt", response_class=Response)
def as_labels(
    at: OfDesk, decision: Decision | None = None, singer: Words | None = None, q: Words = ""
) -> Response:
    """Labels for Audacity: a text file for one song, a ZIP archive with one file per song for several."""
    found = _chosen(at, decision, singer, q)
    if len(found) == 1:
        return _file("audacity", "text/plain", "txt", found)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, answer in enumerate(found, 1):
            name = f"{number:05} {PurePath(shown_name(answer.name)).stem}.txt"
            archive.writestr(name.encode("utf-8", "replace").decode(), _written("audacity", [answer]))
    return _download(buffer.getvalue(), "application/zip", "zip")


def _chosen(at: OfDesk, decision: str | None, singer: str | None, q: str) -> list[Answer]:
    with at.library() as library:
        ids, _ = library.answers.choose(decision, singer and named(library, singer), q, "name")
        return library.answers.of(ids)


def _file(form: str, kind: str, ending: str, answers: list[Answer]) -> Response:
    return _download(_written(form, answers), f"{kind}; charset=utf-8", ending)


def _written(form: str, answers: list[Answer]) -> bytes:
    buffer = io.StringIO()
    results = [Result.from_json(answer.result) for answer in answers]
    FORMATS[form].write(results, Document(buffer, timelines=True))
    return buffer.getvalue().encode("utf-8", "backslashreplace")


def _download(content: bytes, kind: str, ending: str) -> Response:
    disposition = f'attachment; filename="answers.{ending}"'
    return Response(content, media_type=kind, headers={"content-disposition": disposition})
