"""What is to be heard: folders and files of this machine, and uploaded files."""

import os
import secrets
import shutil
from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from singerid.sound.files import AudioError
from singerid.sound.listing import is_audio_name
from singerid.text import printable
from singerid.web.api.asking import ask, check_room, inside
from singerid.web.api.songs import Looks
from singerid.web.api.state import OfDesk
from singerid.web.desk import Desk, NotThereError
from singerid.web.looking import Looking
from singerid.web.problems import RefusedError
from singerid.web.reach import within
from singerid.web.uploads import Upload, UploadError, receive

router = APIRouter(tags=["hear"])

_Path = Annotated[str, Field(min_length=1, max_length=4096)]


class Paths(BaseModel):
    """Files and folders, by their absolute paths."""

    paths: Annotated[list[_Path], Field(min_length=1, max_length=1000)]


class Migration(BaseModel):
    """The encoder that is to make the vectors."""

    encoder: Annotated[str | None, Field(max_length=500)] = None


@router.post("/hear")
def hear(wanted: Paths, at: OfDesk) -> dict[str, Any]:
    """Hear files and folders inside the roots; songs with an up-to-date answer are not heard again."""
    paths = [inside(at, path) for path in wanted.paths]
    return ask(at, "hear", {"paths": [str(path) for path in paths]})


@router.post("/migrate")
def migrate(wanted: Migration, at: OfDesk) -> dict[str, Any]:
    """Make all vectors again with an encoder, by default the library's own; this cannot be undone."""
    return ask(at, "migrate", {"encoder": wanted.encoder})


@router.get("/folders")
def folders(at: OfDesk, path: Annotated[str, Query(max_length=4096)] = "") -> dict[str, Any]:
    """The subfolders of a folder, and how many audio files it holds; without a path, the roots."""
    if not path:
        roots = [{"name": printable(root.name or root), "path": printable(root)} for root in at.roots]
        return {"path": "", "parent": None, "folders": roots, "files": 0}
    folder = inside(at, path)
    if not folder.is_dir():
        raise NotThereError(f"{path}: is not a folder; give a folder")
    found: list[dict[str, str]] = []
    files = 0
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith("."):
                    continue
                if entry.is_dir() and within(Path(entry.path), at.roots):
                    # A name that is not UTF-8, shown like this, can be sent back to find it (`inside`).
                    found.append({"name": printable(entry.name), "path": printable(entry.path)})
                files += entry.is_file() and is_audio_name(entry.name)
    except OSError as error:
        raise RefusedError(f"{path}: cannot be listed ({error.strerror}); check its permissions") from error
    is_root = folder in at.roots
    parent = None if is_root else printable(folder.parent)
    return {"path": printable(folder), "parent": parent, "folders": found, "files": files}


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}}
                    },
                }
            }
        },
    }
}


@router.post("/upload", openapi_extra=_BODY)
async def upload(request: Request, at: OfDesk, looks: Looks) -> dict[str, Any]:
    """Send files, in the field "files"; they are kept in the server's own folder, and heard."""
    await to_thread.run_sync(_check_queue, at)
    await to_thread.run_sync(at.settings.make, at.settings.uploads)
    folder = at.settings.uploads / secrets.token_hex(8)
    kind = request.headers.get("content-type", "")
    uploads = await receive(kind, request.stream(), folder, at.settings.limits)
    return await to_thread.run_sync(_heard, at, looks, folder, uploads)


def _check_queue(at: Desk) -> None:
    with at.library() as library:
        if not library.core.database.writable:
            raise RefusedError(f"{at.folder}: the library is read-only; copy it to hear more")
        check_room(at, library.jobs.unfinished)


def _heard(at: Desk, looks: Looking, folder: Path, uploads: list[Upload]) -> dict[str, Any]:
    refused: list[dict[str, str]] = []
    names: dict[str, str] = {}
    is_large = True
    try:
        for one in uploads:
            detail = one.detail
            if one.path is not None:
                is_large = False
                try:
                    looks.weigh(one.path)
                    names[str(one.path.absolute())] = one.name
                    continue
                except AudioError as error:
                    detail = error.reason
                    one.path.unlink(missing_ok=True)
            refused.append({"name": one.name, "detail": detail})
        if not names:
            told = "; ".join(f"{one['name']}: {one['detail']}" for one in refused[:5])
            raise UploadError(413 if is_large else 415, told)
        job = ask(at, "hear", {"paths": list(names), "names": names})
    except BaseException:  # no job will hear them
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return {"job": job, "refused": refused}
