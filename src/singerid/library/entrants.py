"""What to enroll: files, a folder of singers, or a table of tracks; and songs by strangers."""

import logging
from collections.abc import Sequence
from pathlib import Path

from singerid.data.names import notices_of
from singerid.data.tracks import read_manifest, scan_tree
from singerid.errors import SingeridError
from singerid.library.enroll import Entrant
from singerid.sound.listing import OnFailure, find_audio, find_files, passed_over_text

_log = logging.getLogger(__name__)


def entrants_of_files(paths: Sequence[Path], singer: str, on_failure: OnFailure) -> list[Entrant]:
    """Files, and the recordings in folders, as one singer's; a recording's folder is its album."""
    for notice in notices_of([singer]):
        _log.warning(notice)
    files, passed_over = find_files(paths, on_failure)
    if passed_over:
        _log.warning(passed_over_text(passed_over))
    # Files that are given one by one are not an album.
    named = set(paths)
    return [Entrant(file, singer, "" if file in named else str(file.parent.name)) for file in files]


def entrants_of_tree(root: Path, manifest: Path | None, on_failure: OnFailure) -> list[Entrant]:
    """The tracks of a folder laid out as SINGER/[ALBUM/]TRACK, or of a table.

    Raises:
        SingeridError: as `scan_tree` and `read_manifest`.
    """
    if manifest is not None:
        tracks = read_manifest(manifest, root, on_failure)
    else:
        tracks = scan_tree(root, on_failure)
    return [Entrant(root / track.path, track.singer, track.album) for track in tracks]


def strangers_of(folder: Path, on_failure: OnFailure) -> list[Entrant]:
    """Songs by people who are not in the library: one folder for each person, or loose files.

    The singers of loose files are not known, so each file counts as a singer of its own.
    """
    listing = find_audio(folder, on_failure)
    if listing.passed_over:
        _log.warning(passed_over_text(listing.passed_over))
    if not listing.audio:
        raise SingeridError(f"{folder}: holds no audio file; give another folder")
    return [
        Entrant(folder / path, stranger=path.split("/")[0], album="/".join(path.split("/")[1:-1]))
        for path in listing.audio
    ]
