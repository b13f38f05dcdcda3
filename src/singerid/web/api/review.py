"""One question at a time about songs that no person has decided; every answer is kept."""

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.exceptions import HTTPException
from pydantic import BaseModel, ConfigDict, Field

from singerid.errors import SingeridError
from singerid.library.library import Library
from singerid.library.review import Question, next_question
from singerid.library.saying import KnownRecording
from singerid.web.api.state import OfDesk
from singerid.web.clips import answer_of, clip_of_recording
from singerid.web.correcting import correcting, named
from singerid.web.desk import Desk, version_of
from singerid.web.review_notes import ReviewNotes

router = APIRouter(tags=["review"])


class Reply(BaseModel):
    """A person's answer: the question's id, and the singer of the question or the right one."""

    model_config = ConfigDict(extra="forbid")
    id: Annotated[str, Field(max_length=100)]
    answer: Literal["yes", "no", "someone_else", "skip", "nobody"]
    singer: Annotated[str, Field(min_length=1, max_length=500)] | None = None


@router.get("/review")
def review(at: OfDesk, id: Annotated[str | None, Query(max_length=100)] = None) -> dict[str, Any]:
    """The most useful question, how many songs are left to ask about, and how many were answered.

    With the id of a question: that question, as long as it is open.
    """
    with at.library() as library:
        return _now(at, library, at.notes, id)


@router.post("/review")
def reply(at: OfDesk, body: Reply) -> dict[str, Any]:
    """Keep an answer and give the next question.

    "yes" confirms the singer of the question; "someone_else" names another singer; "no" keeps who does not
    sing; "nobody" keeps that nobody sings; "skip" puts the question last until the server is started again.
    """
    notes = at.notes
    if body.answer == "skip":
        with at.library() as library:
            _require(library, body.id)
            notes.skip(body.id)
            return _now(at, library, notes)
    with correcting(at) as library:
        _require(library, body.id)
        _keep(library, body)
    notes.answered()
    with at.library() as library:
        return _now(at, library, notes)


def _require(library: Library, recording: str) -> None:
    """Raise if the question is not open: somebody else may have answered it, or undone what it is about."""
    contents = library.core.contents
    at = contents.index.get(recording)
    if at is None or not contents.is_open(contents.recordings[at]):
        raise HTTPException(409, "that question was answered meanwhile; load the page again for the next one")


def _keep(library: Library, body: Reply) -> None:
    if body.answer == "nobody":
        library.say_nobody(KnownRecording(body.id))
        return
    if body.singer is None:
        raise SingeridError(f"{body.answer.replace('_', ' ')}: give the name of the singer")
    if body.answer == "no":
        library.say(KnownRecording(body.id), never=named(library, body.singer))
    else:
        library.say(KnownRecording(body.id), singer=named(library, body.singer))


def _unlisted(library: Library, question: Question) -> dict[str, Any]:
    """The form of a song in the list, without an id: a command grouped it, and it is not in the list."""
    contents = library.core.contents
    one = contents.recordings[contents.index[question.recording]]
    path = library.paths([one.id]).get(one.id, "")
    return {
        "id": None,
        "path": path,
        "name": Path(path).name or one.id,
        "decision": question.decision,
        "singers": [],
        "probability": None,
        "seconds": one.seconds,
        "voice_seconds": one.voice_seconds,
        "said": False,
        "present": bool(path) and Path(path).is_file(),
        "version": version_of(Path(path)) if path else "",
        "stale": False,
    }


def _now(at: Desk, library: Library, notes: ReviewNotes, wanted: str | None = None) -> dict[str, Any]:
    if library.core.contents.settings is None:  # nothing was heard yet
        return {"question": None, "left": 0, "answered": notes.count}
    rule, calibration = library.rule()
    question, left = next_question(
        library.core.contents, rule, notes.skipped, calibration is not None, wanted
    )
    counts = {"left": left, "answered": notes.count}
    if question is None:
        return {"question": None, **counts}
    start, end = clip_of_recording(library, question.recording, question.singer)
    kept = answer_of(library, question.recording)
    group = None if question.group is None else {"number": question.group, "size": question.group_size}
    return {
        "question": {
            "id": question.recording,
            "song": at.song(library, kept.id) if kept else _unlisted(library, question),
            "singer": question.singer,
            "group": group,
            "clip": {"start_s": start, "end_s": end},
            "candidates": [
                {"singer": singer, "probability": chance} for singer, chance in question.candidates
            ],
            "why": question.why,
        },
        **counts,
    }
