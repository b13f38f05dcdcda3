"""Enrolling recordings: each is heard once and stored in a transaction of its own."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from singerid.data.names import clean_name, folded_name
from singerid.errors import Failure
from singerid.library.core import LibraryCore, new_id
from singerid.library.database import Change, text
from singerid.library.finding import TAKEN_FOR, FoundFile, Fresh, by_sound, remember_place
from singerid.library.hearing import HeardVoice
from singerid.library.records import Recording, SoundMark
from singerid.listening.ahead import decoded_ahead
from singerid.sound.files import AudioError, one_warning
from singerid.text import printable, shell_word

NO_VOICE = "nobody is heard to sing in it; leave it out"
_SAY = "singerid library say LIBRARY FILE --is NAME"
SAID_NOBODY = f"a person said that nobody sings in it; if somebody does: {_SAY}"
OnStep = Callable[[], None]


@dataclass(frozen=True)
class Entrant:
    """A file to be added to the library, and who sings in it.

    Attributes:
        path: the file.
        singer: the singer; "": not known.
        album: the album; "": not known.
        stranger: the singer, if that is a stranger who is only used to calibrate; else "".
    """

    path: Path
    singer: str = ""
    album: str = ""
    stranger: str = ""


New = tuple[Entrant, FoundFile]
"""A file to be heard, and what `look` found about it."""
HeardNew = tuple[Entrant, FoundFile, tuple[HeardVoice, str] | Failure]
"""The same with the result: the voice and a warning, or the reason why the file could not be used."""
Hear = Callable[[Iterable[New]], Iterator[HeardNew]]
"""Hears files, one after the other."""


@dataclass
class EnrollReport:
    """What happened to the files.

    Attributes:
        added: number of new recordings.
        changed: number of known recordings that have a new singer or are enrolled now.
        unchanged: number of known recordings without a change.
        failures: files that could not be used, and why.
        voiceless: files in which nobody is heard to sing.
        warnings: files that were used although something is wrong with them.
        notices: other messages for the user.
        recordings: (file, id of its recording) for each usable file, in the order in which they were done.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    failures: list[Failure] = field(default_factory=list)
    voiceless: list[Path] = field(default_factory=list)
    warnings: list[Failure] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    recordings: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def usable(self) -> int:
        """Number of usable files."""
        return self.added + self.changed + self.unchanged

    @property
    def refused(self) -> list[Failure]:
        """The failures, and the files without a voice, which cannot be enrolled either."""
        return self.failures + [Failure(str(path), NO_VOICE) for path in self.voiceless]


def enroll(
    core: LibraryCore,
    entrants: Sequence[Entrant],
    entry: int | None,
    *,
    step: OnStep = lambda: None,
    hear: Hear | None = None,
) -> EnrollReport:
    """Add files to the library; files that are known already are not heard again.

    Args:
        core: the library, after `settle`.
        entrants: the files, and who sings in each.
        entry: entry of the journal.
        step: called after each file.
        hear: hears new files; None: they are heard in this process.
    """
    report, fresh = EnrollReport(), Fresh()
    touched: set[int] = set()
    report.notices += _respelt(core, entrants)
    new: list[New] = []
    for entrant in entrants:
        try:
            file = core.look(entrant.path)
        except AudioError as error:
            report.failures.append(Failure(str(entrant.path), error.reason))
            step()
            continue
        if _is_nobody(core, file, entrant, report):
            step()
            continue
        if file.recording is None and _is_voiceless(core, file):
            report.voiceless.append(entrant.path)
            step()
            continue
        if file.recording is None or is_waiting(core, file.recording):
            new.append((entrant, file))
            continue
        touched |= _again(core, entrant, file, entry, report)
        step()
    for entrant, file, outcome in (hear or partial(_heard, core))(_one_of_each(new, report, step)):
        if isinstance(outcome, Failure):
            report.failures.append(outcome)
        else:
            touched |= _add(core, entrant, file, *outcome, entry, report, fresh)
        step()
    core.changed()
    core.fit(touched)
    return report


def enroll_heard(
    core: LibraryCore,
    heard: Iterable[tuple[Entrant, FoundFile, HeardVoice]],
    entry: int | None,
    *,
    step: OnStep = lambda: None,
) -> EnrollReport:
    """Like `enroll`, for files that were heard already."""
    report, fresh = EnrollReport(), Fresh()
    touched: set[int] = set()
    for entrant, file, voice in heard:
        touched |= _add(core, entrant, file, voice, "", entry, report, fresh)
        step()
    core.changed()
    core.fit(touched)
    return report


def number_for(change: Change, name: str, folded: str) -> int:
    """The number of the singer with this name; a new singer is added if there is none."""
    found = change.run("SELECT id FROM singers WHERE folded = CAST(? AS TEXT)", (text(folded),)).fetchone()
    if found:
        return int(found[0])
    row = change.run(
        "INSERT INTO singers (name, folded) VALUES (CAST(? AS TEXT), CAST(? AS TEXT))",
        (text(name), text(folded)),
    )
    assert row.lastrowid is not None  # a row was inserted
    return row.lastrowid


def assign(change: Change, recording: str, entrant: Entrant) -> int | None:
    """Enroll a known recording as the entrant's singer; return the singer's number, None: there is none."""
    if not entrant.singer:
        return None
    number = number_for(change, clean_name(entrant.singer), folded_name(entrant.singer))
    enrolled_as(change, recording, number)
    _fill_in_album(change, recording, entrant)
    return number


def _fill_in_album(change: Change, recording: str, entrant: Entrant) -> bool:
    """Store the entrant's album if no album of the recording is known; returns whether that was so."""
    album = clean_name(entrant.album)
    own = (recording,)
    if not album or not change.run("SELECT 1 FROM recordings WHERE id = ? AND album = ''", own).fetchone():
        return False
    change.run("UPDATE recordings SET album = CAST(? AS TEXT) WHERE id = ?", (text(album), recording))
    return True


def enrolled_as(change: Change, recording: str, singer: int) -> None:
    """Enroll a known recording as a singer's."""
    change.run(
        "UPDATE recordings SET role = 'enrolled', singer = ?, voice = NULL, stranger = '', exemplar = 0 "
        "WHERE id = ?",
        (singer, recording),
    )


def enrolled_no_more(change: Change, recording: str, singer: int) -> None:
    """If a recording is enrolled as this singer's, remove the singer from it."""
    change.run(
        "UPDATE recordings SET role = 'heard', singer = NULL, exemplar = 0 WHERE id = ? AND singer = ?",
        (recording, singer),
    )


def nobody_sings(change: Change, sound: SoundMark) -> set[int]:
    """Store that nobody sings in a sound; return the singers that its recordings had."""
    own = "FROM recordings WHERE fingerprint = ? AND scheme = ?"
    touched = {row[0] for row in change.run(f"SELECT singer {own} AND singer IS NOT NULL", sound)}
    change.run("INSERT INTO nobody (fingerprint, scheme) VALUES (?, ?) ON CONFLICT DO NOTHING", sound)
    change.run(
        f"DELETE FROM statements WHERE is_them = 1 AND recording IN (SELECT id {own})",
        sound,
    )
    change.run(
        "UPDATE recordings SET role = 'heard', singer = NULL, voice = NULL, stranger = '', exemplar = 0 "
        "WHERE fingerprint = ? AND scheme = ?",
        sound,
    )
    return touched


def insert(change: Change, recording: Recording, vectors: dict[str, bytes]) -> None:
    """Store a new recording."""
    values = [text(value) if isinstance(value, str) else value for value in recording]
    marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, bytes) else "?" for value in values)
    change.run(f"INSERT INTO recordings ({', '.join(Recording._fields)}) VALUES ({marks})", values)
    change.many(
        "INSERT INTO vectors (recording, sound, vector) VALUES (?, ?, ?)",
        [(recording.id, sound, content) for sound, content in vectors.items()],
    )


def _respelt(core: LibraryCore, entrants: Sequence[Entrant]) -> list[str]:
    """Notices about names that the library spells differently."""
    told = []
    for name in dict.fromkeys(entrant.singer for entrant in entrants if entrant.singer):
        number = core.contents.number_of(name)
        has = None if number is None else core.contents.names[number]
        if has is not None and has != clean_name(name):
            told.append(
                f"'{printable(name)}' is taken to be '{printable(has)}', the spelling in the library; "
                "`singerid library rename` changes it"
            )
    return told


def _one_of_each(new: Sequence[New], report: EnrollReport, step: OnStep) -> Iterator[New]:
    """The files; those with one sound under two singers are reported as failures and left out."""
    same: dict[str, list[New]] = defaultdict(list)
    for entrant, file in new:
        same[file.fingerprint].append((entrant, file))
    for entrant, file in new:
        others = same[file.fingerprint]
        names = {(other.singer, other.stranger) for other, _ in others}
        if len(names) > 1:
            other = next(o for o, _ in others if (o.singer, o.stranger) != (entrant.singer, entrant.stranger))
            report.failures.append(
                Failure(
                    str(entrant.path),
                    f"has the same sound as {printable(other.path)}, under another singer; "
                    "neither is used: keep one of them",
                )
            )
            step()
        else:
            yield entrant, file


def _is_nobody(core: LibraryCore, file: FoundFile, entrant: Entrant, report: EnrollReport) -> bool:
    """Whether a person said that nobody sings in the file; if so, it is reported."""
    if (file.fingerprint, file.scheme) not in core.contents.nobody:
        return False
    if entrant.singer or entrant.stranger:
        report.failures.append(Failure(str(entrant.path), SAID_NOBODY))
    else:
        report.voiceless.append(entrant.path)
    return True


def _is_voiceless(core: LibraryCore, file: FoundFile) -> bool:
    sql = "SELECT 1 FROM voiceless WHERE fingerprint = ? AND scheme = ?"
    return core.database.value(sql, (file.fingerprint, file.scheme)) is not None


def _heard(core: LibraryCore, new: Iterable[New]) -> Iterator[HeardNew]:
    """Listen to files. The next file is decoded while one is heard, except where vocals are separated."""
    todo = list(new)
    if not todo:
        return
    hearing = core.hearing
    ahead = decoded_ahead((entrant.path for entrant, _ in todo), hearing.sample_rate)
    for entrant, file in todo:
        warnings: list[str] = []
        try:
            if hearing.separator is None:
                begun = next(ahead)
                heard = hearing(begun.read, warnings.append)
                warnings = begun.warnings + warnings
            else:
                heard = hearing(entrant.path, warnings.append)
        except AudioError as error:
            yield entrant, file, Failure(str(entrant.path), error.reason)
        else:
            yield entrant, file, (heard, one_warning(warnings))


def _add(
    core: LibraryCore,
    entrant: Entrant,
    file: FoundFile,
    heard: HeardVoice,
    warning: str,
    entry: int | None,
    report: EnrollReport,
    fresh: Fresh,
) -> set[int]:
    """Store a heard recording; return the singers whose recordings have changed."""
    if _is_nobody(core, file, entrant, report):
        return set()
    if heard.vectors is None:
        report.voiceless.append(entrant.path)
        with core.database.changing() as change:
            change.run(
                "INSERT INTO voiceless (fingerprint, scheme) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (file.fingerprint, file.scheme),
            )
        return set()
    if warning:
        report.warnings.append(Failure(str(entrant.path), warning))
    known = core.database.value(
        "SELECT id FROM recordings WHERE fingerprint = ? AND scheme = ?", (file.fingerprint, file.scheme)
    )
    if known is None:
        alike = by_sound(core.contents, heard)
        known = fresh.by_sound(heard) if alike is None else alike.id
        if known is not None:
            report.notices.append(f"{printable(entrant.path)}: {TAKEN_FOR}")
    if known is not None and is_waiting(core, known):
        with core.database.changing() as change:
            fill(change, known, heard.voice_seconds, _contents_of(core, heard))
    if known is not None:
        return _again(core, entrant, replace(file, recording=known), entry, report)
    if heard.short:
        report.notices.append(f"{printable(entrant.path)}: is very short; a longer recording is better")
    recording = new_id()
    vectors = _contents_of(core, heard)
    with core.database.changing(entry) as change:
        # First without a singer: `assign` finds the singer's number afterwards.
        insert(
            change,
            Recording(
                recording,
                "stranger" if entrant.stranger and not entrant.singer else "heard",
                None,
                None,
                entrant.stranger,
                clean_name(entrant.album),
                0,
                file.fingerprint,
                file.scheme,
                heard.seconds,
                heard.voice_seconds,
                warning,
            ),
            vectors,
        )
        number = assign(change, recording, entrant)
        if file.path:
            remember_place(change, file, recording)
    fresh.add(recording, heard)
    report.added += 1
    report.recordings.append((entrant.path, recording))
    return set() if number is None else {number}


def _contents_of(core: LibraryCore, heard: HeardVoice) -> dict[str, bytes]:
    assert heard.vectors is not None
    return {sound: heard.vectors[at].astype("<f4").tobytes() for at, sound in enumerate(core.settings.sounds)}


def is_waiting(core: LibraryCore, recording: str) -> bool:
    """Whether the recording has no vectors, because `migrate` did not find its file."""
    found = core.database.value("SELECT 1 FROM waiting WHERE recording = ?", (recording,))
    return found is not None


def fill(change: Change, recording: str, voice_seconds: float, vectors: dict[str, bytes]) -> None:
    """Store the vectors of a recording that waits for them."""
    change.run("DELETE FROM waiting WHERE recording = ?", (recording,))
    change.run("UPDATE recordings SET voice_seconds = ? WHERE id = ?", (voice_seconds, recording))
    change.many(
        "INSERT OR REPLACE INTO vectors (recording, sound, vector) VALUES (?, ?, ?)",
        [(recording, sound, content) for sound, content in vectors.items()],
    )


def _again(
    core: LibraryCore, entrant: Entrant, file: FoundFile, entry: int | None, report: EnrollReport
) -> set[int]:
    """Handle a file whose recording is known; return the singers whose recordings have changed."""
    recording = file.recording
    assert recording is not None
    report.recordings.append((entrant.path, recording))
    role, singer, name, *sound = core.database.rows(
        "SELECT role, singer, name, fingerprint, scheme FROM recordings "
        "LEFT JOIN singers ON singers.id = singer WHERE recordings.id = ?",
        (recording,),
    )[0]
    said = {
        who: bool(is_them)
        for who, is_them in core.database.rows(
            "SELECT singer, is_them FROM statements WHERE recording = ?", (recording,)
        )
    }
    wanted = None
    if entrant.singer:
        wanted = core.database.value(
            "SELECT id FROM singers WHERE folded = CAST(? AS TEXT)", (text(folded_name(entrant.singer)),)
        )
    refused = _refusal(entrant, role, singer, name, wanted, said)
    if tuple(sound) in core.contents.nobody and (entrant.singer or entrant.stranger):
        refused = SAID_NOBODY
    if file.path:
        with core.database.changing() as change:
            remember_place(change, file, recording)
    if refused:
        report.failures.append(Failure(str(entrant.path), refused))
        return set()
    if not entrant.singer:
        report.unchanged += 1
        return set()
    if role == "enrolled" and singer == wanted:
        with core.database.changing(entry) as change:
            filled = _fill_in_album(change, recording, entrant)
        report.changed += filled
        report.unchanged += not filled
        return set()
    with core.database.changing(entry) as change:
        number = assign(change, recording, entrant)
    report.changed += 1
    return set() if number is None else {number}


def _refusal(
    entrant: Entrant,
    role: str,
    singer: int | None,
    name: str | None,
    wanted: int | None,
    said: dict[int, bool],
) -> str:
    """Why a known recording cannot get the entrant's singer; "": it can."""
    new = printable(entrant.singer)
    say = f"singerid library say LIBRARY {shell_word(entrant.path)} --is {shell_word(entrant.singer)}"
    if entrant.stranger and role == "enrolled":
        return f"is enrolled as '{printable(name or '')}', so it is not a stranger's song; leave it out"
    if not entrant.singer:
        return ""
    if wanted is not None and said.get(wanted) is False:
        return f"a person said that this is not '{new}'; if it is: {say}"
    if role == "enrolled" and singer != wanted:
        by = "a person said that it is" if singer is not None and said.get(singer) else "it is enrolled as"
        return f"{by} '{printable(name or '')}', not '{new}'; if that is wrong, say so: {say}"
    return ""
