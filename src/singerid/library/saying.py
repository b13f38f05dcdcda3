"""What a person says of a recording: who sings, who does not, or that nobody does."""

from collections.abc import Sequence
from pathlib import Path

from singerid.errors import SingeridError
from singerid.library import corrections
from singerid.library.core import LibraryCore
from singerid.library.discover import voice_number
from singerid.library.enroll import Entrant, enroll
from singerid.library.finding import look
from singerid.text import shell_word


def say(core: LibraryCore, what: Path | str, singer: str | None, never: str | None) -> int:
    """Who sings in it, or who does not; gives the number of recordings of which that was said.

    Args:
        core: the library.
        what: a file, the id of a recording, or an unnamed voice.
        singer: who sings.
        never: who does not sing; or an unnamed voice that a file is not of.

    Raises:
        SingeridError: nothing is said, or of what the library does not have.
    """
    if (singer is None) == (never is None):
        raise SingeridError(
            "say who it is or who it is not: --is NAME or --is-not NAME; or that nobody sings: --nobody"
        )
    group = None  # an unnamed voice that it is not of
    if singer is not None:
        corrections.proper(singer)
    elif never is not None and core.contents.number_of(never) is None:
        group = voice_number(never)
        if group is None:
            core.contents.require(never)
        else:
            members_of(core, group)
    with core.database.command("say") as entry:
        known = _known_ones(core, what)
        if known is not None:
            voice = None if known == [str(what)] else voice_number(str(what))
            # Who was said not to be of this voice is not of the singer either.
            refusing = [] if voice is None else _rejecting(core, voice)
            _said(core, entry, known, singer, never, group)
            for recording in refusing if singer is not None else ():
                corrections.say_is_not(core, entry, recording, singer or "")
            return len(known)
        core.settle(entry)
        try:
            with core.database.changing():  # a file that is new is heard and named at once
                file = look(core.database, Path(what))
                corrections.somebody_sings(core, entry, file.fingerprint, file.scheme)
                report = enroll(core, [Entrant(Path(what))], entry)
                if report.refused:
                    raise SingeridError(str(report.refused[0]))
                recordings = [recording for _, recording in report.recordings]
                _said(core, entry, recordings, singer, never, group)
        finally:
            core.changed()
    return len(recordings)


def say_nobody(core: LibraryCore, what: Path | str) -> int:
    """Nobody sings in it; gives the number of sounds of which that was said. A file need not be heard for it.

    Args:
        core: the library.
        what: a file, the id of a recording, or an unnamed voice.

    Raises:
        SingeridError: it is no file that can be read, and nothing that the library has.
    """
    with core.database.command("say") as entry:
        known = _known_ones(core, what)
        if known is None:
            file = look(core.database, Path(what))
            corrections.say_nobody(core, entry, [(file.fingerprint, file.scheme)])
            return 1
        own = [core.contents.recordings[core.contents.index[one]] for one in known]
        corrections.say_nobody(core, entry, [(one.fingerprint, one.scheme) for one in own])
    return len(known)


def members_of(core: LibraryCore, voice: int) -> list[str]:
    """The recordings of an unnamed voice; raises SingeridError where it has none."""
    found = [one.id for one in core.contents.recordings if one.voice == voice]
    if not found:
        raise SingeridError(
            f"voice {voice}: there is no such file and no such voice; "
            f"singerid discover {shell_word(core.path)} lists the voices"
        )
    return found


def _known_ones(core: LibraryCore, what: Path | str) -> list[str] | None:
    """The recordings that are meant, by their voice or id; None: a file is."""
    name = str(what)
    if Path(what).exists():
        return None
    if name in core.contents.index:
        return [name]
    voice = voice_number(name)
    return None if voice is None else members_of(core, voice)


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
