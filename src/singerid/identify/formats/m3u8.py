"""A playlist of the songs in which somebody is named: extended M3U in UTF-8.

Each song has two lines: "#EXTINF:SECONDS,WHO - TITLE" and its path. There is no standard; this is what
players agree on.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from singerid.identify.formats.format import Document, Format, Outcome, results_of
from singerid.text import printable


def _write(outcomes: Iterable[Outcome], to: Document) -> None:
    to.file.write("#EXTM3U\n")
    for result in results_of(outcomes):
        if result.singers:
            who = " + ".join(one.singer for one in result.singers)
            title = printable(f"{who} - {Path(result.path).stem}")
            to.file.write(f"#EXTINF:{round(result.seconds)},{title}\n{_place(Path(result.path), to.path)}\n")
            to.file.flush()


def _place(song: Path, playlist: Path | None) -> str:
    """A song's path on one line, relative to the playlist's folder, so that both can move together."""
    place = str(song)
    if playlist is not None:
        # Links in folders are resolved first: after a link, ".." may lead to another folder.
        folders = os.path.realpath(song.parent), os.path.realpath(playlist.parent)
        try:
            place = str(Path(os.path.relpath(*folders), song.name))
        except ValueError:  # on another drive
            place = os.path.join(folders[0], song.name)  # noqa: PTH118
    if printable(place) != place or place != place.strip():
        return song.absolute().as_uri()  # a line cannot hold this path; a URI has escapes
    # "#..." would be a comment, "a:..." a URI.
    return place if not re.match("#|[^/]*:", place) or song.drive else f".{os.sep}{place}"


M3U8 = Format(_write, ".m3u8", about="singer")
