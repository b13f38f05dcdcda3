"""A person's statements about a recording: who sings, who does not, or that nobody sings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from singerid.errors import SingeridError
from singerid.library import corrections
from singerid.library.core import LibraryCore
from singerid.library.discover import voice_number
from singerid.library.enroll import Entrant, enroll
from singerid.text import shell_word


@dataclass(frozen=True)
class UnnamedVoice:
    """A voice of `discover`, by its number."""

    number: int


@dataclass(frozen=True)
class KnownRecording:
    """A recording of the library, by its id."""

    id: str


What = Path | str | UnnamedVoice | KnownRecording
"""What a statement is about. Text can mean each of the other types: first a file of that name is tried."""


def say(core: LibraryCore, what: What, singer: str | None, never: str | UnnamedVoice | None) -> int:
    """Store who sings, or who does not; return the number of recordings that the statement is about.

    Args:
        core: the library.
        what: a file, a recording, or an unnamed voice.
        singer: who sings.
        never: who does not sing; or an unnamed voice that the file does not belong to.

    Raises:
        SingeridError: no statement is given, or the library does not have the recording or voice.
    """
    if (singer is None) == (never is None):
        raise SingeridError(
            "say who sings or who does not: `is_=NAME` or `is_not=NAME`; or that nobody sings: `nobody`"
        )
    group = None  # the unnamed voice that is ruled out
    refused: str | None = None  # the singer that is ruled out
    if singer is not None:
        corrections.proper(singer)
    elif isinstance(never, UnnamedVoice):
        group = never.number
    elif never is not None and core.contents.number_of(never) is None:
        group = voice_number(never)
        if group is None:
            core.contents.require(never)
    else:
        refused = never
    if group is not None:
        members_of(core, group)
    with core.database.command("say") as entry:
        meant = _meant(core, what)
        if not isinstance(meant, Path):
            known = _ids_of(core, meant)
            voice = meant.number if isinstance(meant, UnnamedVoice) else None
            # A recording that does not belong to this voice does not belong to the singer either.
            refusing = [] if voice is None else _rejecting(core, voice)
            _said(core, entry, known, singer, refused, group)
            for recording in refusing if singer is not None else ():
                corrections.say_is_not(core, entry, recording, singer or "")
            return len(known)
        core.settle(entry)
        try:
            with core.database.changing():  # a new file is heard and named in one transaction
                file = core.look(meant)
                corrections.somebody_sings(core, entry, file.fingerprint, file.scheme)
                report = enroll(core, [Entrant(meant)], entry)
                if report.refused:
                    raise SingeridError(str(report.refused[0]))
                recordings = [recording for _, recording in report.recordings]
                _said(core, entry, recordings, singer, refused, group)
        finally:
            core.changed()
    return len(recordings)


def say_nobody(core: LibraryCore, what: What) -> int:
    """Store that nobody sings; return the number of sounds that the statement is about. No file is heard.

    Args:
        core: the library.
        what: a file, a recording, or an unnamed voice.

    Raises:
        SingeridError: the file cannot be read, or the library does not have the recording or voice.
    """
    with core.database.command("say") as entry:
        meant = _meant(core, what)
        if isinstance(meant, Path):
            file = core.look(meant)
            corrections.say_nobody(core, entry, [(file.fingerprint, file.scheme)])
            return 1
        known = _ids_of(core, meant)
        own = [core.contents.recordings[core.contents.index[one]] for one in known]
        corrections.say_nobody(core, entry, [(one.fingerprint, one.scheme) for one in own])
    return len(known)


def members_of(core: LibraryCore, voice: int) -> list[str]:
    """Ids of the recordings of an unnamed voice; raises SingeridError where there is no such voice."""
    found = [one.id for one in core.contents.recordings if one.voice == voice]
    if not found:
        raise SingeridError(
            f"voice {voice}: there is no such file and no such voice; "
            f"singerid discover {shell_word(core.path)} lists the voices"
        )
    return found


def _meant(core: LibraryCore, what: What) -> Path | UnnamedVoice | KnownRecording:
    """The file, recording or voice that a text means; objects of the other types are returned as they are."""
    if isinstance(what, Path | UnnamedVoice | KnownRecording):
        return what
    if Path(what).exists():
        return Path(what)
    if what in core.contents.index:
        return KnownRecording(what)
    voice = voice_number(what)
    return Path(what) if voice is None else UnnamedVoice(voice)


def _ids_of(core: LibraryCore, meant: UnnamedVoice | KnownRecording) -> list[str]:
    if isinstance(meant, UnnamedVoice):
        return members_of(core, meant.number)
    if meant.id not in core.contents.index:
        raise SingeridError(f"recording {meant.id}: the library does not have it; reload the page")
    return [meant.id]


def _said(
    core: LibraryCore,
    entry: int | None,
    recordings: Sequence[str],
    singer: str | None,
    never: str | None,
    group: int | None,
) -> None:
    if singer is not None:
        corrections.say_is(core, entry, recordings, singer)
        return
    for recording in recordings:
        if group is not None:
            corrections.say_is_not_voice(core, entry, recording, group)
        else:
            corrections.say_is_not(core, entry, recording, never or "")


def _rejecting(core: LibraryCore, voice: int) -> list[str]:
    rows = core.database.rows("SELECT recording FROM rejections WHERE voice = ?", (voice,))
    return [recording for (recording,) in rows]
