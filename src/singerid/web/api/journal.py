"""The commands that changed a library, and taking them back."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from singerid.web.api.state import OfDesk
from singerid.web.correcting import correcting

router = APIRouter(tags=["journal"])


class Undo(BaseModel):
    """How many commands to take back, the latest first, and the number of the latest command that was shown.

    If another command was done meanwhile, nothing is taken back (409), because the user has not seen it.
    """

    model_config = ConfigDict(extra="forbid")
    count: Annotated[int, Field(ge=1, le=1000)] = 1
    latest: Annotated[int, Field(ge=0, lt=2**63)] | None = None


@router.get("/journal")
def journal(at: OfDesk, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> dict[str, Any]:
    """The commands that were done, the latest first."""
    with at.library() as library:
        return {"entries": [asdict(entry) for entry in library.journal(limit)]}


@router.post("/undo")
def undo(at: OfDesk, body: Undo) -> dict[str, Any]:
    """Take back the latest commands."""
    with correcting(at) as library:
        return {"undone": [asdict(entry) for entry in library.undo(body.count, body.latest)]}
