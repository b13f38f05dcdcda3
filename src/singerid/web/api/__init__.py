"""The API, under /api/v1: one file for each kind of thing that is asked for."""

from singerid.web.api import answers, hear, songs, state

ROUTERS = (state.router, songs.router, hear.router, answers.router)
"""What the server answers; a new part is a file here and its router in this line."""
