"""Importing recordings that were heard on a cluster into a library: `library import PARQUET`."""

from collections.abc import Iterator
from pathlib import Path

from singerid.errors import SingeridError
from singerid.library.core import LibraryCore
from singerid.library.enroll import EnrollReport, Entrant, OnStep, enroll_heard
from singerid.library.finding import FoundFile
from singerid.library.heard_rows import Heard, HeardRow, ways
from singerid.library.hearing import HeardVoice
from singerid.library.records import Settings
from singerid.text import names_text


def import_heard(
    core: LibraryCore, entry: int | None, address: str, step: OnStep = lambda: None
) -> EnrollReport:
    """Import recordings that were heard elsewhere into a library; no file is heard.

    Recordings with a singer are enrolled. The others have no singer, and `discover` groups them. Recordings
    that the library has already stay as they are.

    Args:
        core: the library.
        entry: entry of the journal.
        address: folder or address of the Parquet files.
        step: called after each recording.

    Raises:
        SingeridError: there are no such files, they are damaged, or they were heard with other settings.
    """
    found = ways(address, with_voices=True)
    settings = _chosen(core, {by.settings for by in found.values()}, address)
    if core.contents.settings is None:
        core.keep_settings(settings, entry)
    folders = [name for name, by in found.items() if by.settings == settings]
    return enroll_heard(core, _heard(core, Heard(address, folders)), entry, step=step)


def _chosen(core: LibraryCore, has: set[Settings], address: str) -> Settings:
    """The settings of the vectors to import."""
    wanted = core.contents.settings
    told = names_text(sorted(f"{one.encoder} on the {one.audio}" for one in has))
    if wanted is None:
        if len(has) > 1:
            raise SingeridError(
                f"{address}: holds vectors of several settings ({told}); enroll one recording "
                "first, with the encoder that the library is to have"
            )
        return next(iter(has))
    if wanted not in has:
        raise SingeridError(
            f"{address}: holds vectors by {told}, made with other settings or weights than the "
            f"library's ({wanted.encoder} on the {wanted.audio}); import them into a new library"
        )
    return wanted


def _heard(core: LibraryCore, heard: Heard) -> Iterator[tuple[Entrant, FoundFile, HeardVoice]]:
    known = "SELECT id FROM recordings WHERE fingerprint = ? AND scheme = ?"
    for row in heard.rows():
        if row.reason or not row.fingerprint:
            continue
        recording = core.database.value(known, (row.fingerprint, row.scheme))
        file = FoundFile(row.path, row.size, row.changed_ns, row.fingerprint, row.scheme, recording)
        yield Entrant(Path(row.path), row.singer, row.album), file, _voice(row)


def _voice(row: HeardRow) -> HeardVoice:
    return HeardVoice(row.vectors, row.seconds, row.voice_seconds, row.short, ())
