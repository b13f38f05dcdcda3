"""Exporting a library as JSON and npz for other programs and machines, and importing it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from singerid.data.names import folded_name
from singerid.encoders.back_end import is_unit
from singerid.errors import SingeridError
from singerid.library.core import LibraryCore, set_settings
from singerid.library.database import Change, text
from singerid.library.enroll import (
    enrolled_as,
    enrolled_no_more,
    fill,
    insert,
    is_waiting,
    nobody_sings,
    number_for,
)
from singerid.library.records import Recording, Settings, SoundMark
from singerid.system.files import atomic_write, read_json, writing
from singerid.text import printable

_NAME, _VECTORS = "library.json", "vectors.npz"
_EXPORT = 1  # the format's number


def export_library(core: LibraryCore, folder: Path) -> int:
    """Write a library into a folder; return the number of recordings.

    `library.json`: settings, singers, recordings, paths, and people's statements. `vectors.npz`: for each
    sound an array (recordings, D) float32, in the order of the recordings. Recordings that wait for their
    file after a `migrate` have no vectors; they are in `library.json` under "waiting". Sounds in which nobody
    sings, as a person said, are under "nobody".

    Raises:
        SingeridError: the folder cannot be written.
    """
    contents, settings = core.contents, core.settings
    places: dict[str, list[str]] = {}
    for recording, path in core.database.rows("SELECT recording, path FROM places ORDER BY rowid"):
        places.setdefault(recording, []).append(path)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)

    def told(one: Recording) -> dict[str, Any]:
        row = {
            **one._asdict(),
            "singer": None if one.singer is None else contents.names[one.singer],
            "places": places.get(one.id, []),
            "said": {
                contents.names[who]: is_them for who, is_them in contents.statements.get(one.id, {}).items()
            },
        }
        del row["exemplar"], row["voice"]  # an import computes them again
        return row

    waiting = core.database.rows(
        f"SELECT {', '.join(Recording._fields)} FROM recordings "
        "WHERE id IN (SELECT recording FROM waiting) ORDER BY rowid"
    )
    content = {
        "format": _EXPORT,
        "settings": asdict(settings),
        "singers": list(contents.names.values()),
        "recordings": [told(one) for one in contents.recordings],
        "waiting": [told(Recording._make(row)) for row in waiting],
        "nobody": sorted(contents.nobody),
    }
    with atomic_write(folder / _VECTORS) as file:
        arrays: Any = {sound: contents.vectors[:, at] for at, sound in enumerate(settings.sounds)}
        np.savez(file, **arrays)
    with atomic_write(folder / _NAME, "w") as file:
        json.dump(content, file, indent=1, ensure_ascii=True, allow_nan=False)
    return len(contents.recordings) + len(waiting)


@dataclass(frozen=True)
class _Exported:
    """A recording of an export.

    Attributes:
        recording: the recording, without its singer.
        singer: name of the singer that it is enrolled as; None: it is not enrolled.
        places: paths of its files.
        said: people's statements about it, by singer's name: whether it is that singer.
    """

    recording: Recording
    singer: str | None
    places: tuple[str, ...]
    said: Mapping[str, bool]

    def of_nobody(self) -> "_Exported":
        """The same without a singer, for a recording in which nobody sings, as a person has said here."""
        denied = {name: is_them for name, is_them in self.said.items() if not is_them}
        return _Exported(self.recording._replace(role="heard", stranger=""), None, self.places, denied)


def import_library(core: LibraryCore, entry: int | None, folder: Path) -> tuple[int, int]:
    """Read an export into a library; return the number of new recordings, and of those known already.

    For a recording that is known already, people's statements are added, and its singer if it has none. Where
    the two libraries disagree, the statements of this one stay.

    Raises:
        SingeridError: it is not an export, is damaged, or has vectors with other settings than the library's.
    """
    remedy = "give a folder that `singerid library export` wrote"
    content = read_json(folder / _NAME, remedy)
    where = printable(folder / _NAME)
    if not isinstance(content, dict) or content.get("format") != _EXPORT:
        raise SingeridError(f"{where}: is not a library export that this singerid can read; {remedy}")
    try:
        settings = Settings(**content["settings"])
        vectors = _vectors(folder / _VECTORS, settings)
        heard = [_read(one) for one in content["recordings"]]
        waiting = [_read(one) for one in content.get("waiting", [])]
        names = [str(name) for name in content["singers"]]
        nobody = [(str(one), int(scheme)) for one, scheme in content.get("nobody", [])]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SingeridError(f"{where}: is damaged ({error}); export the library again") from error
    if any(len(array) != len(heard) for array in vectors.values()):
        raise SingeridError(f"{where}: does not fit {_VECTORS}; export the library again")
    has = core.contents.settings
    if has is not None and has != settings:
        raise SingeridError(
            f"{where}: holds vectors by {settings.encoder} of the {settings.audio}, and the library by "
            f"{has.encoder} of the {has.audio}; import it into a new library, or migrate one of the two"
        )
    with core.database.changing(entry) as change:
        set_settings(change, asdict(settings))
        for name in names:
            number_for(change, name, folded_name(name))
    known: dict[Any, str] = {}
    for one, fingerprint, scheme in core.database.rows("SELECT id, fingerprint, scheme FROM recordings"):
        known[one] = one
        if fingerprint:
            known[fingerprint, scheme] = one
    new = 0
    nobody_here = core.contents.nobody
    for at, exported in enumerate((*heard, *waiting)):
        recording = exported.recording
        if (recording.fingerprint, recording.scheme) in nobody_here:
            exported = exported.of_nobody()
        here = known.get(recording.id) or known.get((recording.fingerprint, recording.scheme))
        own = {}
        if at < len(heard):
            own = {sound: array[at].astype("<f4").tobytes() for sound, array in vectors.items()}
        with core.database.changing(entry) as change:
            if here is None:
                _insert(change, exported, own)
            else:
                if own and is_waiting(core, here):
                    fill(change, here, recording.voice_seconds, own)
                _join(change, here, exported)
        new += here is None
    with core.database.changing(entry) as change:
        for sound in nobody:
            _join_nobody(change, sound)
    core.changed()
    core.fit(set(core.contents.singers))
    return new, len(heard) + len(waiting) - new


def _insert(change: Change, exported: _Exported, vectors: dict[str, bytes]) -> None:
    """Store a new recording; without vectors it waits for its file."""
    name, recording = exported.singer, exported.recording
    number = None if name is None else number_for(change, name, folded_name(name))
    insert(change, recording._replace(singer=number), vectors)
    if not vectors:
        change.run("INSERT INTO waiting (recording) VALUES (?)", (recording.id,))
    for path in exported.places:
        change.run(
            "INSERT INTO places (path, recording, size, changed_ns) "
            "VALUES (CAST(? AS TEXT), ?, -1, -1) ON CONFLICT (path) DO NOTHING",
            (text(path), recording.id),
        )
    for name, is_them in exported.said.items():
        _say(change, recording.id, name, is_them)


def _join(change: Change, recording: str, exported: _Exported) -> None:
    """Add an export's statements about a known recording, unless statements here contradict them."""
    denied = {
        row[0]
        for row in change.run(
            "SELECT singer FROM statements WHERE recording = ? AND is_them = 0", (recording,)
        )
    }
    named = change.run(
        "SELECT singer FROM statements WHERE recording = ? AND is_them = 1", (recording,)
    ).fetchone()
    for name, is_them in exported.said.items():
        number = number_for(change, name, folded_name(name))
        if named is None and is_them and number not in denied:
            _say(change, recording, name, True)
            enrolled_as(change, recording, number)
            named = (number,)
        elif not is_them and (named is None or number != named[0]):
            _say(change, recording, name, False)
            enrolled_no_more(change, recording, number)
            denied.add(number)
    if exported.singer is not None and named is None:
        number = number_for(change, exported.singer, folded_name(exported.singer))
        enrolled = change.run("SELECT singer FROM recordings WHERE id = ?", (recording,)).fetchone()[0]
        if enrolled is None and number not in denied:
            enrolled_as(change, recording, number)


def _join_nobody(change: Change, sound: SoundMark) -> None:
    """Add the statement that nobody sings in a sound, unless a person has named a singer here."""
    named = change.run(
        "SELECT 1 FROM statements JOIN recordings ON recordings.id = recording "
        "WHERE is_them = 1 AND fingerprint = ? AND scheme = ?",
        sound,
    ).fetchone()
    if named is None:
        nobody_sings(change, sound)


def _say(change: Change, recording: str, name: str, is_them: bool) -> None:
    change.run(
        "INSERT INTO statements (recording, singer, is_them) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (recording, number_for(change, name, folded_name(name)), int(is_them)),
    )


def _vectors(path: Path, settings: Settings) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {sound: np.asarray(arrays[sound], np.float32) for sound in settings.sounds}
    except (OSError, KeyError, ValueError) as error:
        raise SingeridError(f"{path}: cannot be read ({error}); export the library again") from error
    if not all(array.ndim == 2 and is_unit(array).all() for array in found.values()):
        raise SingeridError(f"{path}: holds invalid vectors; export the library again")
    return found


def _read(one: dict[str, Any]) -> _Exported:
    recording = Recording(
        str(one["id"]),
        one["role"],
        None,
        None,
        str(one["stranger"]),
        str(one["album"]),
        0,
        str(one["fingerprint"]),
        int(one["scheme"]),
        float(one["seconds"]),
        float(one["voice_seconds"]),
        str(one["warning"]),
    )
    singer = one["singer"]
    if (recording.role == "enrolled") != (singer is not None):
        raise ValueError(f"recording {recording.id} is {recording.role}, its singer {singer}")
    said = {str(name): bool(is_them) for name, is_them in one["said"].items()}
    return _Exported(recording, singer, tuple(map(str, one["places"])), said)
