"""The API, under /api/v1: one file for each kind of thing that is asked for."""

from fastapi import APIRouter

from singerid.web.api import answers, hear, journal, review, singers, songs, state, tags, trust, voices

ROUTERS: tuple[APIRouter, ...] = (
    *(state.router, songs.router, hear.router, answers.router),
    *(singers.router, review.router, voices.router, trust.router, tags.router, journal.router),
)
"""What the server answers; a new part is a file here and its router in this line."""
