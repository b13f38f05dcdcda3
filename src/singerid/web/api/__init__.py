"""The API, under /api/v1: one file for each kind of thing that is asked for."""

from fastapi import APIRouter

from singerid.web.api import journal, review, singers, tags, trust, voices

ROUTERS: tuple[APIRouter, ...] = (
    singers.router,
    review.router,
    voices.router,
    trust.router,
    tags.router,
    journal.router,
)
"""What the server answers; a new part is a file here and its name in this line."""
