"""Corrections by people: rename, merge, split and forget singers; say who sings in a recording."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from singerid.data.names import clean_name, folded_name
from singerid.errors import SingeridError
from singerid.library.cache import empty_cache
from singerid.library.core import LibraryCore
from singerid.library.database import SCRUB, Change, remove_damaged, text
from singerid.library.enroll import enrolled_as, enrolled_no_more, nobody_sings, number_for
from singerid.library.finding import paths_of
from singerid.library.records import SoundMark
from singerid.library.voiceprints import FloatArray


def rename(core: LibraryCore, entry: int | None, old: str, new: str) -> None:
    """Rename a singer.

    Raises:
        SingeridError: no singer has the old name, or another singer has the new one.
    """
    number = core.contents.require(old)
    name = proper(new)
    other = core.contents.number_of(name)
    if other is not None and other != number:
        raise SingeridError(
            f"the library has a singer '{core.contents.names[other]}' already; if the two are one "
            "person, merge them: singerid library merge"
        )
    with core.database.changing(entry) as change:
        change.run(
            "UPDATE singers SET name = CAST(? AS TEXT), folded = CAST(? AS TEXT) WHERE id = ?",
            (text(name), text(folded_name(name)), number),
        )
    core.changed()


def merge(core: LibraryCore, entry: int | None, name: str, into: str) -> int:
    """Make two singers one; return the number of recordings that were moved.

    Raises:
        SingeridError: the library has no singer of one of the names, or both names are the same singer.
    """
    source, target = core.contents.require(name), core.contents.require(into)
    if source == target:
        raise SingeridError(f"'{name}' and '{into}' are one singer already")
    with core.database.changing(entry) as change:
        moved = change.run(
            "UPDATE recordings SET singer = ?, exemplar = 0 WHERE singer = ?", (target, source)
        ).rowcount
        # A recording with statements about both singers: "is them" wins, then the statement about `into`.
        change.run(
            "UPDATE statements SET is_them = 1 WHERE singer = ? AND is_them = 0 AND recording IN "
            "(SELECT recording FROM statements WHERE singer = ? AND is_them = 1)",
            (target, source),
        )
        change.run(
            "DELETE FROM statements WHERE singer = ? AND recording IN "
            "(SELECT recording FROM statements WHERE singer = ?)",
            (source, target),
        )
        change.run("UPDATE statements SET singer = ? WHERE singer = ?", (target, source))
        # Merging them takes back "is not them" for recordings that were the other singer's.
        change.run(
            "DELETE FROM statements WHERE singer = ? AND is_them = 0 AND recording IN "
            "(SELECT id FROM recordings WHERE singer = ?)",
            (target, target),
        )
        change.run("DELETE FROM singers WHERE id = ?", (source,))
    core.changed()
    with core.afterwards():
        core.fit({target})
    return moved


@dataclass(frozen=True)
class Split:
    """What `split` did.

    Attributes:
        name: name of the new singer.
        moved: paths of the recordings that were moved to the new singer; the id where no path is known.
        stayed: number of recordings that stayed with the old singer.
    """

    name: str
    moved: tuple[str, ...]
    stayed: int


def split(
    core: LibraryCore,
    entry: int | None,
    name: str,
    into: str | None = None,
    recordings: Collection[str] | None = None,
) -> Split:
    """Make two singers of one.

    Args:
        core: the library.
        entry: entry of the journal.
        name: name of the singer.
        into: name of the new singer; None: the same name with a number after it.
        recordings: ids of the new singer's recordings; None: the smaller of two groups by voice.

    Raises:
        SingeridError: no singer has the name, another singer has the new name, or no recordings or all of
            them would move.
    """
    contents = core.contents
    number = contents.require(name)
    new = proper(into) if into else _free_name(core, contents.names[number])
    if contents.number_of(new) is not None:
        raise SingeridError(f"the library has a singer '{new}' already; choose another name with `into`")
    own = [contents.recordings[at] for at in contents.enrolled if contents.recordings[at].singer == number]
    if recordings is None:
        moved = _smaller_group(core, number, [recording.id for recording in own])
    else:
        moved = [recording.id for recording in own if recording.id in recordings]
    if not moved or len(moved) == len(own):
        raise SingeridError(
            f"'{name}': {len(moved)} of {len(own)} recordings would move; give some of this "
            "singer's files, but not all"
        )
    with core.database.changing(entry) as change:
        other = number_for(change, new, folded_name(new))
        marks = ", ".join("?" * len(moved))
        change.run(f"UPDATE recordings SET singer = ?, exemplar = 0 WHERE id IN ({marks})", (other, *moved))
        # A person's statement "this is them" moves to the new singer with its recording.
        change.run(
            f"UPDATE statements SET singer = ? WHERE singer = ? AND is_them = 1 AND recording IN ({marks})",
            (other, number, *moved),
        )
    core.changed()
    with core.afterwards():
        core.fit({number, other})
    places = paths_of(core.database, moved)
    return Split(new, tuple(places.get(one, one) for one in moved), len(own) - len(moved))


def say_is(core: LibraryCore, entry: int | None, recordings: Sequence[str], name: str) -> None:
    """Store that a person said who sings in recordings; the recordings are enrolled as that singer's."""
    touched = {recording.singer for recording in core.contents.recordings if recording.id in set(recordings)}
    name = proper(name)
    for recording in recordings:
        with core.database.changing(entry) as change:
            number = number_for(change, name, folded_name(name))
            change.run("DELETE FROM statements WHERE recording = ? AND is_them = 1", (recording,))
            change.run(_SOMEBODY, (recording,))
            change.run(
                "INSERT INTO statements (recording, singer, is_them) VALUES (?, ?, 1) "
                "ON CONFLICT (recording, singer) DO UPDATE SET is_them = 1",
                (recording, number),
            )
            enrolled_as(change, recording, number)
            touched.add(number)
    core.changed()
    with core.afterwards():
        core.fit({number for number in touched if number is not None})


def say_is_not(core: LibraryCore, entry: int | None, recording: str, name: str) -> None:
    """Store that a person said who does not sing in a recording; it is no longer enrolled as that singer's.

    Raises:
        SingeridError: no singer has the name.
    """
    number = core.contents.require(name)
    with core.database.changing(entry) as change:
        change.run(_SOMEBODY, (recording,))
        change.run(
            "INSERT INTO statements (recording, singer, is_them) VALUES (?, ?, 0) "
            "ON CONFLICT (recording, singer) DO UPDATE SET is_them = 0",
            (recording, number),
        )
        enrolled_no_more(change, recording, number)
    core.changed()
    with core.afterwards():
        core.fit({number})


def say_nobody(core: LibraryCore, entry: int | None, sounds: Sequence[SoundMark]) -> None:
    """Store that a person said that nobody sings in sounds; recordings with them lose their singers."""
    touched: set[int] = set()
    with core.database.changing(entry) as change:
        for sound in sounds:
            touched |= nobody_sings(change, sound)
    core.changed()
    with core.afterwards():
        core.fit(touched)


def somebody_sings(core: LibraryCore, entry: int | None, fingerprint: str, scheme: int) -> None:
    """Take back the statement that nobody sings in a sound."""
    with core.database.changing(entry) as change:
        change.run("DELETE FROM nobody WHERE fingerprint = ? AND scheme = ?", (fingerprint, scheme))
    core.changed()


def say_is_not_voice(core: LibraryCore, entry: int | None, recording: str, voice: int) -> None:
    """Store that a person said that a recording is not of an unnamed voice: it leaves the group for ever."""
    with core.database.changing(entry) as change:
        change.run(
            "INSERT INTO rejections (recording, voice) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (recording, voice),
        )
        change.run("UPDATE recordings SET voice = NULL WHERE id = ? AND voice = ?", (recording, voice))
    core.changed()


def forget(core: LibraryCore, name: str) -> int:
    """Remove a singer and all data of that voice, for ever; return the number of recordings removed.

    Exports, stores, tags and backups cannot be reached.

    Raises:
        SingeridError: no singer has the name.
    """
    number = core.contents.require(name)
    with core.database.command("forget", can_undo=False):
        with core.database.changing() as change:
            count = _forget(change, number)
            # Until the log is emptied, deleted data may still be read from it.
            change.run("INSERT OR REPLACE INTO settings (key, value) VALUES (?, '1')", (SCRUB,))
        core.changed()
        with core.afterwards():
            core.fit(set(core.contents.singers))
        core.database.scrub()
        remove_damaged(core.path)
        empty_cache(core.path)
    return count


def _forget(change: Change, number: int) -> int:
    """Delete every row with data of a voice, also those that an undo would restore."""
    recordings = {row[0] for row in change.run("SELECT id FROM recordings WHERE singer = ?", (number,))}
    recordings |= {
        row[0]
        for row in change.run("SELECT recording FROM statements WHERE singer = ? AND is_them = 1", (number,))
    }
    singers = {number}
    # Recordings that were taken from this singer or given to it, and singers that were merged into it.
    for one in recordings:
        for (before,) in change.run(
            "SELECT json_extract(before, '$.singer') FROM changes "
            "WHERE part = 'recordings' AND key = json_array(?) AND before IS NOT NULL",
            (one,),
        ).fetchall():
            if (
                before is not None
                and not change.run("SELECT 1 FROM singers WHERE id = ?", (before,)).fetchone()
            ):
                singers.add(before)
    # A singer without recordings and statements who was merged has left only a name in the journal. It does
    # not say into whom, so it may have been this singer.
    change.run(
        "DELETE FROM changes WHERE part = 'singers' AND before IS NOT NULL "
        "AND json_extract(key, '$[0]') NOT IN (SELECT id FROM singers) "
        "AND entry IN (SELECT id FROM journal WHERE command = 'merge') "
        "AND entry NOT IN (SELECT entry FROM changes WHERE part IN ('recordings', 'statements'))"
    )
    for singer in singers:
        change.run(
            "DELETE FROM changes WHERE (part = 'singers' AND key = json_array(?)) "
            "OR (part = 'statements' AND json_extract(key, '$[1]') = ?)",
            (singer, singer),
        )
        # Recordings that were this singer's before they were another's: an undo makes them nobody's.
        change.run(
            "UPDATE changes SET before = json_set(before, '$.role', 'heard', '$.singer', NULL) "
            "WHERE part = 'recordings' AND json_extract(before, '$.singer') = ?",
            (singer,),
        )
    for one in recordings:
        # Also records that "nobody sings in it" was said before the recording was this singer's.
        change.run(
            "DELETE FROM changes WHERE part = 'nobody' AND json_extract(key, '$[0]') IN "
            "(SELECT fingerprint FROM recordings WHERE id = ?)",
            (one,),
        )
        change.run("DELETE FROM changes WHERE json_extract(key, '$[0]') = ?", (one,))
        change.run("DELETE FROM recordings WHERE id = ?", (one,))
    change.run("UPDATE recordings SET role = 'heard', singer = NULL WHERE singer = ?", (number,))
    change.run("DELETE FROM singers WHERE id = ?", (number,))
    # Back ends, calibrations and groups were computed with that voice.
    change.run(
        "DELETE FROM changes WHERE part = 'settings' AND key IN ('[\"back_end\"]', '[\"calibration\"]')"
    )
    change.run("DELETE FROM settings WHERE key IN ('back_end', 'calibration')")
    change.run("DELETE FROM back_ends")
    change.run("DELETE FROM calibrations")
    change.run(
        "DELETE FROM voices WHERE id NOT IN (SELECT voice FROM recordings WHERE voice IS NOT NULL) "
        "AND id NOT IN (SELECT voice FROM rejections) "
        "AND id NOT IN (SELECT json_extract(before, '$.voice') FROM changes WHERE part = 'recordings' "
        "AND json_extract(before, '$.voice') IS NOT NULL) "
        "AND id NOT IN (SELECT json_extract(key, '$[1]') FROM changes WHERE part = 'rejections')"
    )
    change.run("DELETE FROM journal WHERE can_undo = 1 AND id NOT IN (SELECT entry FROM changes)")
    return len(recordings)


def proper(name: str) -> str:
    """A name in the form that is stored; raises SingeridError where it has no visible character.

    >>> proper("  Nina   Simone ")
    'Nina Simone'
    """
    cleaned = clean_name(name)
    if not cleaned:
        raise SingeridError("a name must have a visible character; give another one")
    return cleaned


def _free_name(core: LibraryCore, name: str) -> str:
    """The name with the first number after it that makes a new name."""
    number = 2
    while core.contents.number_of(f"{name} ({number})") is not None:
        number += 1
    return f"{name} ({number})"


def _smaller_group(core: LibraryCore, singer: int, recordings: Sequence[str]) -> list[str]:
    """The smaller of two groups of a singer's recordings, grouped by voice."""
    contents = core.contents
    place = contents.singers.index(singer)
    own = contents.voiceprints.recordings[contents.voiceprints.owners == place]
    if len(own) < 2:
        raise SingeridError("a singer with one recording cannot be split")
    labels = _two_groups(own)
    smaller = 1 if labels.sum() * 2 <= len(labels) else 0
    return [recording for recording, label in zip(recordings, labels, strict=True) if label == smaller]


def _two_groups(recordings: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    from sklearn.cluster import AgglomerativeClustering

    found: np.ndarray[tuple[int], np.dtype[np.int64]] = AgglomerativeClustering(
        2, metric="cosine", linkage="average"
    ).fit_predict(recordings)
    return found


_SOMEBODY = """
DELETE FROM nobody WHERE (fingerprint, scheme) IN (SELECT fingerprint, scheme FROM recordings WHERE id = ?)
"""
