"""Names of singers in the tags of songs: what would change, writing it, and taking it back."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from singerid.errors import Failure
from singerid.identify.result import Result
from singerid.library.answers import Answer
from singerid.library.library import Library
from singerid.tags.plan import Change
from singerid.tags.report import summary
from singerid.tags.tagger import Tagger
from singerid.tags.undo import take_back
from singerid.web.api.songs import Id
from singerid.web.api.state import OfDesk

router = APIRouter(prefix="/tags", tags=["tags"])
Songs = Annotated[list[Id], Field(min_length=1, max_length=100_000)] | None
_OUT_OF_DATE = "its answer is out of date: hear it again first"


class Tags(BaseModel):
    """Songs by their ids, null for all of the list; without `write` only what would change is said."""

    model_config = ConfigDict(extra="forbid")
    songs: Songs = None
    write: bool
    force: bool = False


class TakeBack(BaseModel):
    """Songs by their ids; null for what was written last."""

    model_config = ConfigDict(extra="forbid")
    songs: Songs = None


@router.post("")
def tags(at: OfDesk, body: Tags) -> dict[str, Any]:
    """What changes in the tags of songs, by the answers that are kept: nothing is heard.

    As `singerid tag` does: names are written by a library that is calibrated to 1 %, else they are held back.
    """
    with at.library() as library:
        kept = _kept(library, body.songs)
        ask = partial(_answers, library, {answer.path: answer for answer in kept})
        with Tagger(library, write=body.write, force=body.force, ask=ask) as tagger:
            outcomes = list(tagger.outcomes([Path(answer.path) for answer in kept]))
            held_back = tagger.held_back
    changes = [one for one in outcomes if isinstance(one, Change)]
    return {
        "changes": [_told(one) for one in outcomes],
        "summary": summary(changes).removesuffix("; --write writes"),
        "held_back": held_back if any(one.status == "held back" for one in changes) else "",
    }


@router.post("/undo")
def undo(at: OfDesk, body: TakeBack) -> dict[str, Any]:
    """Take back what was written: all of some songs, or what was written last."""
    with at.library() as library:
        paths = [] if body.songs is None else [Path(answer.path) for answer in _kept(library, body.songs)]
        outcomes = list(take_back(library.path, paths))
    return {
        "undone": [one for one in outcomes if isinstance(one, str)],
        "failures": [
            {"path": one.path, "detail": one.reason} for one in outcomes if isinstance(one, Failure)
        ],
    }


def _kept(library: Library, songs: Sequence[int] | None) -> list[Answer]:
    return library.answers.of(library.answers.choose(order="name")[0] if songs is None else songs)


def _answers(library: Library, kept: dict[str, Answer], paths: Sequence[Path]) -> Iterator[Result | Failure]:
    """The answers that are kept of files, as long as neither file nor library has changed since."""
    for path in paths:
        answer = kept[str(path)]
        status = path.stat()
        is_same = (status.st_size, status.st_mtime_ns) == (answer.size, answer.changed_ns)
        if is_same and answer.state == library.state:
            yield Result.from_json(answer.result)
        else:
            yield Failure(str(path), _OUT_OF_DATE)


def _told(outcome: Change | Failure) -> dict[str, Any]:
    if isinstance(outcome, Failure):
        return {"path": outcome.path, "status": "failed", "added": [], "removed": [], "note": outcome.reason}
    return {
        "path": outcome.path,
        "status": outcome.status,
        "added": list(outcome.added),
        "removed": list(outcome.removed),
        "note": outcome.note,
    }
