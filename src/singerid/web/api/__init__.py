"""The API, under /api/v1: one module for each kind of thing that it offers."""

from fastapi import APIRouter

from singerid.web.api import answers, hear, journal, review, singers, songs, state, tags, trust, voices

ROUTERS: tuple[APIRouter, ...] = (
    *(state.router, songs.router, hear.router, answers.router),
    *(singers.router, review.router, voices.router, trust.router, tags.router, journal.router),
)
"""All parts of the API; a new part is a module here and its router in this tuple."""
