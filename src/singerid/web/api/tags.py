"""Names of singers in the tags of songs: what would change, writing it, and taking it back."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from singerid.web.api.songs import Id, Looks

router = APIRouter(prefix="/tags", tags=["tags"])
Songs = Annotated[list[Id], Field(min_length=1, max_length=100_000)] | None


class Tags(BaseModel):
    """Songs by their ids, null for the whole list; if `write` is false, only what would change is told."""

    model_config = ConfigDict(extra="forbid")
    songs: Songs = None
    write: bool
    force: bool = False


class TakeBack(BaseModel):
    """Songs by their ids; null for what was written last."""

    model_config = ConfigDict(extra="forbid")
    songs: Songs = None


@router.post("")
def tags(looks: Looks, body: Tags) -> dict[str, Any]:
    """What changes in the tags of songs, by their kept answers; nothing is heard.

    As with `singerid tag`, names are written if the library is calibrated to 1 %; otherwise they are held
    back, unless `force` is true. Files outside the roots, after all links are resolved, stay as they are.
    """
    return looks.tag(body.songs, body.write, body.force)


@router.post("/undo")
def undo(looks: Looks, body: TakeBack) -> dict[str, Any]:
    """Take back what was written: everything in some songs, or what was written last."""
    return looks.untag(body.songs)
