"""The singers of a library: who they are, how well their recordings fit, and corrections."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from singerid.errors import SingeridError
from singerid.library.library import Library
from singerid.library.likeness import alike, fits, likeness
from singerid.web.api.songs import Looks
from singerid.web.api.state import OfDesk
from singerid.web.clips import best_recordings, clip_of_recording
from singerid.web.correcting import correcting, named
from singerid.web.desk import NotThereError
from singerid.web.reach import readable

router = APIRouter(tags=["singers"])
Name = Annotated[str, Field(min_length=1, max_length=500)]
_MOST_ALIKE = 5


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Rename(_Body):
    """A new name for a singer."""

    name: Name
    to: Name


class Merge(_Body):
    """Two singers who are one person; with `preview` nothing is changed."""

    name: Name
    into: Name
    preview: bool


class Split(_Body):
    """A singer who is two people: the recordings of the new singer; null for the smaller group by voice."""

    name: Name
    into: Name | None = None
    recordings: Annotated[list[str], Field(min_length=1)] | None = None


class Forget(_Body):
    """A singer who is to be forgotten for ever."""

    name: Name
    sure: bool


@router.get("/singers")
def singers(at: OfDesk, q: str = "") -> dict[str, Any]:
    """All singers whose name contains the words of `q`, with a place to listen to each."""
    words = q.casefold().split()
    with at.library() as library:
        fit = fits(library.core.contents)
        rows = [row for row in library.overview() if all(word in row["singer"].casefold() for word in words)]
        return {"singers": [_card(library, row, fit) for row in rows]}


def _card(library: Library, row: dict[str, Any], fit: dict[int, list[float]]) -> dict[str, Any]:
    contents = library.core.contents
    number = contents.require(row["singer"])
    own = fit.get(number, [])
    return {
        "name": row["singer"],
        "recordings": row["recordings"],
        "seconds": row["voice_seconds"],
        "fit": round(min(1.0, max(0.0, sum(own) / len(own))), 3) if own else None,
        "clip": _clip(library, number),
    }


def _clip(library: Library, number: int) -> dict[str, Any] | None:
    """A place to listen to a singer: in the best fitting recording whose file is there."""
    for recording, _ in best_recordings(library, number):
        start, _ = clip_of_recording(library, recording, library.core.contents.names[number])
        return {"recording": recording, "start_s": start}
    return None


@router.get("/singer")
def singer(at: OfDesk, name: Annotated[str, Query(max_length=500)]) -> dict[str, Any]:
    """The recordings of a singer, and the singers with the most similar voices."""
    with at.library() as library:
        contents = library.core.contents
        number = contents.require(named(library, name))
        return {
            "name": contents.names[number],
            "recordings": [
                {
                    "id": row["id"],
                    "path": row["path"],
                    "name": Path(row["path"]).name or row["id"],
                    "album": row["album"],
                    "present": bool(row["path"]) and Path(row["path"]).is_file(),
                    "seconds": row["seconds"],
                    "voice_seconds": row["voice_seconds"],
                    "fit": row["score"],
                    "said": row["said"],
                }
                for row in library.recordings_of(contents.names[number])
            ],
            "alike": [
                {"name": other, "score": score} for other, score in alike(contents, number, _MOST_ALIKE)
            ],
        }


@router.get("/singer/picture.svg")
def picture(at: OfDesk, looks: Looks, name: Annotated[str, Query(max_length=500)]) -> Response:
    """The mean spectrum of the recording that fits a singer best; 404 if no file is there."""
    with at.library() as library:
        found = best_recordings(library, library.core.contents.require(named(library, name)))
    if not found:
        raise NotThereError(f"'{name}': all files of this singer have moved; put one back")
    return Response(looks.voice(readable(at.settings, found[0][1])), media_type="image/svg+xml")


@router.post("/singers/rename")
def rename(at: OfDesk, body: Rename) -> dict[str, Any]:
    """Rename a singer."""
    with correcting(at) as library:
        library.rename(named(library, body.name), body.to)
        contents = library.core.contents
        return {"name": contents.names[contents.require(body.to)]}


@router.post("/singers/merge")
def merge(at: OfDesk, body: Merge) -> dict[str, Any]:
    """Make two singers one, or tell which recordings that would move."""
    with at.library() as library:
        contents = library.core.contents
        first, second = (contents.require(named(library, one)) for one in (body.name, body.into))
        if first == second:
            raise SingeridError(f"'{body.name}' and '{body.into}' are one singer already")
        rows = library.recordings_of(contents.names[first])
        found = {
            "recordings": [
                {"name": Path(row["path"]).name or row["id"], "path": row["path"]} for row in rows
            ],
            "score": likeness(contents, first, second),
            "moved": len(rows),
        }
    if not body.preview:
        with correcting(at) as library:
            found["moved"] = library.merge(named(library, body.name), named(library, body.into))
    return found


@router.post("/singers/split")
def split(at: OfDesk, body: Split) -> dict[str, Any]:
    """Make two singers of one."""
    with correcting(at) as library:
        done = library.split(named(library, body.name), body.into, recordings=body.recordings)
    return {"name": done.name, "moved": list(done.moved), "stayed": done.stayed}


@router.post("/singers/forget")
def forget(at: OfDesk, body: Forget) -> dict[str, Any]:
    """Remove a singer and everything that was computed from that voice, for ever."""
    if not body.sure:
        raise SingeridError('forget cannot be undone: set "sure" to true if you mean it')
    with correcting(at) as library:
        return {"recordings": library.forget(named(library, body.name))}
