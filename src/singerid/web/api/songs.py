"""The songs that were heard: their answers, their pictures and sound, and what people say about them."""

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field, model_validator

from singerid.errors import SingeridError
from singerid.library.answers import Answer, Order
from singerid.library.library import Library
from singerid.library.saying import KnownRecording
from singerid.text import in_utf8, printable
from singerid.web.api.asking import ask, inside
from singerid.web.api.state import OfDesk
from singerid.web.correcting import named
from singerid.web.desk import Desk, NotThereError, song_of
from singerid.web.kept import is_upload, remove_unheard
from singerid.web.looking import Looking
from singerid.web.problems import NotNowError
from singerid.web.reach import readable

router = APIRouter(tags=["songs"])

Decision = Literal["known", "ambiguous", "unknown", "no_voice"]
Id = Annotated[int, Field(ge=0, lt=2**63)]
Words = Annotated[str, Query(max_length=500)]


def looking(request: Request) -> Looking:
    """The server's `Looking`, as a dependency of FastAPI."""
    found: Looking = request.app.state.looking
    return found


Looks = Annotated[Looking, Depends(looking)]


class Said(BaseModel):
    """What a person says about a song: exactly one of these."""

    is_: Annotated[str | None, Field(alias="is", max_length=500)] = None
    is_not: Annotated[str | None, Field(max_length=500)] = None
    nobody: bool = False

    @model_validator(mode="after")
    def _one(self) -> "Said":
        if (self.is_ is not None) + (self.is_not is not None) + self.nobody != 1:
            raise ValueError("give exactly one of is, is_not and nobody")
        return self


@router.get("/songs")
def songs(
    at: OfDesk,
    decision: Decision | None = None,
    singer: Words | None = None,
    q: Words = "",
    sort: Order = "newest",
    offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """One page of the songs that were heard and fit the filter."""
    with at.library() as library:
        ids, counts = library.answers.choose(decision, singer and named(library, singer), q, sort)
        state = library.state
        found = library.answers.of(ids[offset : offset + limit])
    return {"total": len(ids), "counts": counts, "songs": [song_of(one, state) for one in found]}


@router.get("/songs/{song}")
def song(song: Id, at: OfDesk, looks: Looks) -> dict[str, Any]:
    """All that is known about a song."""
    with at.library() as library:
        answer = _answer(library, song)
        told = song_of(answer, library.state)
        result = answer.result | {"path": printable(answer.path)}
        nearest = [
            one | {"path": printable(one["path"]), "recording": _recording_at(library, one["path"])}
            for one in result.get("nearest", ())
        ]
    playable = _playable(at, looks, Path(answer.path)) if told["present"] else ""
    return told | {"result": result, "playable": playable, "nearest": nearest}


@router.delete("/songs/{song}")
def remove(song: Id, at: OfDesk) -> dict[str, Any]:
    """Take a song out of the list; its file stays, unless it was dropped on the page."""
    with at.library() as library:
        answer = _answer(library, song)
        library.answers.remove(song)
        remove_unheard(library, at.settings, [answer.path])
    at.tell("library", {})
    return {"removed": song}


@router.post("/songs/{song}/say")
def say(song: Id, said: Said, at: OfDesk) -> dict[str, Any]:
    """Say who sings in a song, who does not, or that nobody does; that outweighs every score, for ever."""
    with at.library() as library:
        answer = _answer(library, song)
        if said.nobody:
            recording = _recording(library, answer)
            library.say_nobody(recording or _present(answer))
            if recording is None and answer.content["decision"] == "no_voice":
                # The library knows nothing of it from which its answer could be renewed.
                library.answers.renew([(song, answer.content | {"said": True}, library.state)])
        else:
            what = _recording(library, answer) or _known(library, answer)
            singer, never = (name and named(library, name) for name in (said.is_, said.is_not))
            library.say(what, singer=singer, never=never)
        with library.core.afterwards():
            at.answer_again(library, [song])
        at.take_notices(library)
        told = at.song(library, song)
    at.tell("library", {})
    return told


def _recording(library: Library, answer: Answer) -> KnownRecording | None:
    """The recording of an answer; its file need not be there."""
    known = answer.recording is not None and answer.recording in library.core.contents.index
    return KnownRecording(answer.recording or "") if known else None


def _present(answer: Answer) -> Path:
    path = Path(answer.path)
    if not path.is_file():
        raise SingeridError(
            f"{path}: is not there any more, and the library does not know its voice; "
            "put it back, or add its new folder"
        )
    return path


def _known(library: Library, answer: Answer) -> KnownRecording:
    """The recording of a song's file; raises NotNowError if the library knows no voice of it to name.

    Nothing is heard here: untrusted files are heard by jobs, in processes of their own.
    """
    path = _present(answer)
    found = library.core.look(path).recording
    if found is not None and found in library.core.contents.index:
        return KnownRecording(found)
    if answer.content["decision"] == "no_voice":
        raise NotNowError(
            f"{path}: nobody is heard to sing in it, so there is no voice to name; nothing was "
            "kept. If somebody does sing, enroll another recording of that voice"
        )
    raise NotNowError(
        f"{path}: the library does not know its voice any more, so nothing was kept; hear the "
        "song again, then say it again"
    )


@router.post("/songs/{song}/hear", status_code=202)
def hear_again(song: Id, at: OfDesk) -> dict[str, Any]:
    """Hear a song again, as a job, even if it was dropped on the page or its answer is up to date."""
    with at.library() as library:
        answer = _answer(library, song)
    path = Path(answer.path)
    if not is_upload(at.settings, path):
        path = inside(at, answer.path)
    elif not path.is_file():
        raise NotThereError(f"{answer.name}: is not there any more; drop it again")
    names = {str(path): answer.content["name"]} if answer.content.get("name") else {}
    return ask(at, "hear", {"paths": [str(path)], "names": names, "again": True})


@router.get("/songs/{song}/peaks")
def peaks(song: Id, at: OfDesk, looks: Looks) -> Response:
    """The outline of the sound: {seconds, peaks: smallest and greatest sample in turn, -1 to 1}."""
    return _json(looks.peaks(_path(at, song)))


@router.get("/songs/{song}/spectrogram.png", response_class=Response)
def spectrogram(song: Id, at: OfDesk, looks: Looks) -> Response:
    """The spectrogram, low bands at the bottom, without axes."""
    return Response(looks.picture(_path(at, song)), media_type="image/png", headers=_KEPT)


@router.head("/songs/{song}/sound", include_in_schema=False)
@router.get("/songs/{song}/sound", response_class=FileResponse)
def sound(song: Id, at: OfDesk, looks: Looks) -> FileResponse:
    """The sound, with byte ranges; sound that browsers cannot play comes as Opus in Ogg, or as WAV."""
    return _sound(looks, _path(at, song))


@router.head("/recordings/{recording}/sound", include_in_schema=False)
@router.get("/recordings/{recording}/sound", response_class=FileResponse)
def recording_sound(recording: str, at: OfDesk, looks: Looks) -> FileResponse:
    """The sound of a recording of the library."""
    return _sound(looks, _recording_path(at, recording))


@router.get("/recordings/{recording}/peaks")
def recording_peaks(recording: str, at: OfDesk, looks: Looks) -> Response:
    """The outline of the sound of a recording of the library."""
    return _json(looks.peaks(_recording_path(at, recording)))


_KEPT = {"cache-control": "private, max-age=3600"}


def _playable(at: Desk, looks: Looking, path: Path) -> str:
    try:
        return looks.playable(readable(at.settings, path))
    except SingeridError:
        return ""


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json", headers=_KEPT)


def _sound(looks: Looking, path: Path) -> FileResponse:
    file, kind = looks.sound(path)
    return FileResponse(file, media_type=kind, headers=_KEPT)


def _answer(library: Library, song: int) -> Answer:
    found = library.answers.get(song)
    if found is None:
        raise NotThereError(f"song {song}: is not in the list; reload the list")
    return found


def _path(at: Desk, song: int) -> Path:
    with at.library() as library:
        path = Path(_answer(library, song).path)
    return readable(at.settings, path)


def _recording_path(at: Desk, recording: str) -> Path:
    with at.library() as library:
        path = library.paths([in_utf8(recording)]).get(recording)
    if path is None:
        raise NotThereError(f"recording {recording}: the place of its file is not known; enroll it again")
    return readable(at.settings, Path(path))


def _recording_at(library: Library, path: str) -> str | None:
    found: str | None = library.core.database.value(
        "SELECT recording FROM places WHERE path = CAST(? AS TEXT)",
        (path.encode("utf-8", "surrogateescape"),),
    )
    return found
