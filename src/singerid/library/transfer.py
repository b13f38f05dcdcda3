"""A library as JSON and npz, for other programs and other machines; and back."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from singerid.data.names import folded_name
from singerid.errors import SingeridError
from singerid.library.core import LibraryCore, set_settings
from singerid.library.database import text
from singerid.library.enroll import insert, number_for
from singerid.library.records import Recording, Settings
from singerid.system.files import atomic_write, read_json, writing
from singerid.text import printable

_NAME, _VECTORS = "library.json", "vectors.npz"
_EXPORT = 1  # the format's number


def export_library(core: LibraryCore, folder: Path) -> int:
    """Write a library into a folder; gives the number of recordings.

    `library.json`: settings, singers, recordings, places, and what people said. `vectors.npz`: for each
    sound an array (recordings, D) float32, in the order of the recordings.

    Raises:
        SingeridError: it cannot be written.
    """
    contents, settings = core.contents, core.settings
    places: dict[str, list[str]] = {}
    for recording, path in core.database.rows("SELECT recording, path FROM places ORDER BY rowid"):
        places.setdefault(recording, []).append(path)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    recordings = [
        {
            **one._asdict(),
            "singer": None if one.singer is None else contents.names[one.singer],
            "places": places.get(one.id, []),
            "said": {
                contents.names[who]: is_them for who, is_them in contents.statements.get(one.id, {}).items()
            },
        }
        for one in contents.recordings
    ]
    for one in recordings:
        del one["exemplar"], one["voice"]  # made anew
    content = {
        "format": _EXPORT,
        "settings": asdict(settings),
        "singers": list(contents.names.values()),
        "recordings": recordings,
    }
    with atomic_write(folder / _VECTORS) as file:
        arrays: Any = {sound: contents.vectors[:, at] for at, sound in enumerate(settings.sounds)}
        np.savez(file, **arrays)
    with atomic_write(folder / _NAME, "w") as file:
        json.dump(content, file, indent=1, ensure_ascii=True, allow_nan=False)
    return len(recordings)


def import_library(core: LibraryCore, entry: int | None, folder: Path) -> tuple[int, int]:
    """Read an export into a library; gives the numbers of recordings that were new, and that were known.

    Raises:
        SingeridError: it is no export, is damaged, or of vectors that the library does not hold.
    """
    remedy = "give a folder that `singerid library export` wrote"
    content = read_json(folder / _NAME, remedy)
    where = printable(folder / _NAME)
    if not isinstance(content, dict) or content.get("format") != _EXPORT:
        raise SingeridError(f"{where}: is no export of a library that this singerid knows; {remedy}")
    try:
        settings = Settings(**content["settings"])
        vectors = _vectors(folder / _VECTORS, settings)
        rows = [_row(one) for one in content["recordings"]]
        names = [str(name) for name in content["singers"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SingeridError(f"{where}: is damaged ({error}); export the library again") from error
    if any(len(array) != len(rows) for array in vectors.values()):
        raise SingeridError(f"{where}: does not fit {_VECTORS}; export the library again")
    has = core.contents.settings
    if has is not None and has != settings:
        raise SingeridError(
            f"{where}: holds vectors of {settings.encoder}, {settings.audio}; the library has those of "
            f"{has.encoder}, {has.audio}: give a new folder for it, or migrate one of them"
        )
    with core.database.changing(entry) as change:
        set_settings(change, asdict(settings))
        for name in names:
            number_for(change, name, folded_name(name))
    known = {row[0] for row in core.database.rows("SELECT id FROM recordings")}
    sounds = {(one.fingerprint, one.scheme) for one in core.contents.recordings if one.fingerprint}
    new = 0
    for at, (recording, singer, places, said) in enumerate(rows):
        if recording.id in known or (recording.fingerprint, recording.scheme) in sounds:
            continue
        with core.database.changing(entry) as change:
            number = None if singer is None else number_for(change, singer, folded_name(singer))
            own = {sound: array[at].astype("<f4").tobytes() for sound, array in vectors.items()}
            insert(change, recording._replace(singer=number), own)
            for path in places:
                change.run(
                    "INSERT INTO places (path, recording, size, changed_ns) "
                    "VALUES (CAST(? AS TEXT), ?, -1, -1) ON CONFLICT (path) DO NOTHING",
                    (text(path), recording.id),
                )
            for name, is_them in said.items():
                who = number_for(change, name, folded_name(name))
                change.run(
                    "INSERT INTO statements (recording, singer, is_them) VALUES (?, ?, ?)",
                    (recording.id, who, int(is_them)),
                )
        new += 1
    core.changed()
    core.fit(set(core.contents.singers))
    return new, len(rows) - new


def _vectors(path: Path, settings: Settings) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {sound: np.asarray(arrays[sound], np.float32) for sound in settings.sounds}
    except (OSError, KeyError, ValueError) as error:
        raise SingeridError(
            f"{printable(path)}: cannot be read ({error}); export the library again"
        ) from error
    if not all(np.isfinite(array).all() and array.ndim == 2 for array in found.values()):
        raise SingeridError(f"{printable(path)}: holds what are no vectors; export the library again")
    return found


def _row(one: dict[str, Any]) -> tuple[Recording, str | None, list[str], dict[str, bool]]:
    """A recording, its singer's name, where it was found, and what was said of it."""
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
    return recording, singer, list(map(str, one["places"])), {str(k): bool(v) for k, v in one["said"].items()}
