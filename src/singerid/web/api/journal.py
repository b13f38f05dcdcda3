"""What was done to a library, and how it is taken back."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from singerid.web.correcting import correcting
from singerid.web.desk import Desk, desk

router = APIRouter(tags=["journal"])
At = Annotated[Desk, Depends(desk)]


class Undo(BaseModel):
    """How many commands are taken back, the latest first."""

    model_config = ConfigDict(extra="forbid")
    count: Annotated[int, Field(ge=1, le=1000)] = 1


@router.get("/journal")
def journal(at: At, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> dict[str, Any]:
    """What was done, the latest first."""
    with at.library() as library:
        return {"entries": [asdict(entry) for entry in library.journal(limit)]}


@router.post("/undo")
def undo(at: At, body: Undo) -> dict[str, Any]:
    """Take back the latest commands."""
    with correcting(at) as library:
        return {"undone": [asdict(entry) for entry in library.undo(body.count)]}
