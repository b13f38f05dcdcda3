"""The API, under /api/v1: one file for each kind of thing that is asked for."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()
"""What the server answers; a new part is a file here and its name in this line."""
