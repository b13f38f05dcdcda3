"""Voices without a name: the groups of `discover`, naming them, and removing recordings from them."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from singerid.library.discover import has_grouped
from singerid.library.library import Library
from singerid.library.records import Recording
from singerid.library.review import open_songs
from singerid.library.saying import KnownRecording, UnnamedVoice
from singerid.web.api.asking import ask
from singerid.web.api.state import OfDesk
from singerid.web.clips import clip_of_recording
from singerid.web.correcting import correcting, named

router = APIRouter(prefix="/voices", tags=["voices"])
Number = Annotated[int, Field(ge=1, lt=2**63)]


class NameVoice(BaseModel):
    """The name of an unnamed voice."""

    model_config = ConfigDict(extra="forbid")
    number: Number
    singer: Annotated[str, Field(min_length=1, max_length=500)]


class NotOfVoice(BaseModel):
    """A recording that is not of an unnamed voice."""

    model_config = ConfigDict(extra="forbid")
    number: Number
    recording: Annotated[str, Field(min_length=1, max_length=100)]


@router.get("")
def voices(at: OfDesk) -> dict[str, Any]:
    """The groups, the biggest first, and how many songs by unknown singers are in no group."""
    with at.library() as library:
        contents = library.core.contents
        groups: dict[int, list[Recording]] = {}
        for one in contents.recordings:
            if one.voice is not None:
                groups.setdefault(one.voice, []).append(one)
        order = sorted(groups, key=lambda number: (-len(groups[number]), number))
        return {
            "groups": [{"number": number, "songs": _songs(library, groups[number])} for number in order],
            "alone": _alone(library),
            "discovered": has_grouped(library.core),
        }


def _alone(library: Library) -> int:
    contents = library.core.contents
    if contents.settings is None:
        return 0
    rule, _ = library.rule()
    songs = open_songs(contents, rule)
    return sum(one.voice is None and judged.decision != "known" for one, judged in songs)


def _songs(library: Library, recordings: list[Recording]) -> list[dict[str, Any]]:
    places = library.paths([one.id for one in recordings])
    found = []
    for one in recordings:
        path = places.get(one.id, "")
        start, end = clip_of_recording(library, one.id)
        found.append(
            {
                "recording": one.id,
                "name": Path(path).name or one.id,
                "path": path,
                "seconds": one.seconds,
                "present": bool(path) and Path(path).is_file(),
                "clip": {"start_s": start, "end_s": end},
            }
        )
    return found


@router.post("/discover")
def discover(at: OfDesk) -> dict[str, Any]:
    """Group the songs by unknown singers, as a job."""
    return ask(at, "discover", {})


@router.post("/name")
def name(at: OfDesk, body: NameVoice) -> dict[str, Any]:
    """Enroll the recordings of a group under a singer's name."""
    with correcting(at) as library:
        return {"recordings": library.say(UnnamedVoice(body.number), singer=named(library, body.singer))}


@router.post("/not")
def not_of(at: OfDesk, body: NotOfVoice) -> dict[str, Any]:
    """Take a recording out of a group for ever."""
    with correcting(at) as library:
        return {"recordings": library.say(KnownRecording(body.recording), never=UnnamedVoice(body.number))}
