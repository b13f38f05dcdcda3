"""The contents of a library, read at once: its settings, singers, recordings and people's statements."""

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from singerid.config import AudioCondition
from singerid.data.names import folded_name
from singerid.encoders.back_end import BackEnd
from singerid.errors import SingeridError
from singerid.library.database import Database
from singerid.library.hearing import SOUNDS
from singerid.library.voiceprints import FloatArray, Voiceprints, fit_back_ends
from singerid.text import near_names, shell_word

Role = Literal["enrolled", "heard", "stranger"]
SoundMark = tuple[str, int]
"""What identifies a sound: its fingerprint, and the number of the fingerprint's scheme."""


class Recording(NamedTuple):
    """A recording that the library knows.

    Attributes:
        id: random id; it stays the same when the file is renamed.
        role: "enrolled": it has a singer; "heard": it has none; "stranger": it is by somebody who is not in
            the library, and is used to calibrate.
        singer: number of the singer; None: it is not enrolled.
        voice: number of the unnamed voice that it was grouped with; None: none.
        stranger: the singer, if the role is "stranger"; else "".
        album: the album; "": not known.
        exemplar: number of its singer's exemplar that it belongs to; 0: none.
        fingerprint: fingerprint of its sound.
        scheme: number of the scheme by which the fingerprint was made.
        seconds: length in seconds.
        voice_seconds: seconds with voice.
        warning: what was wrong with its file; "": nothing.
    """

    id: str
    role: Role
    singer: int | None
    voice: int | None
    stranger: str
    album: str
    exemplar: int
    fingerprint: str
    scheme: int
    seconds: float
    voice_seconds: float
    warning: str


_NONE = np.zeros((0, 0, 0), np.float32)


@dataclass(frozen=True)
class Settings:
    """How a library hears; vectors with different settings are never mixed.

    Attributes:
        encoder: name or address of the encoder.
        identity: identity of the encoder: its weights and how they are read.
        audio: what is listened to.
        separator: name of the separator; "": none.
        origin: version and weights of the separator.
    """

    encoder: str
    identity: str
    audio: AudioCondition
    separator: str = ""
    origin: str = ""

    @property
    def sounds(self) -> tuple[str, ...]:
        """The sounds that each recording has a vector for."""
        return SOUNDS[self.audio]


@dataclass(frozen=True, eq=False)
class Contents:
    """The contents of a library at one moment.

    Attributes:
        settings: the settings; None: nothing was enrolled yet.
        names: names of the singers by number, sorted by name.
        recordings: all recordings that have vectors, in the order in which they were added.
        statements: people's statements: by recording, then by singer, whether it is that singer.
        back_end: id of the back end; "": none was fitted.
        back_ends: the back end of each sound.
        vectors: (R, K, D) vectors of all R recordings.
        nobody: sounds in which nobody sings, as a person said.
    """

    settings: Settings | None
    names: Mapping[int, str]
    recordings: tuple[Recording, ...]
    statements: Mapping[str, Mapping[int, bool]]
    back_end: str
    back_ends: tuple[BackEnd, ...]
    vectors: FloatArray
    nobody: frozenset[SoundMark] = frozenset()

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Numbers of the singers by folded name, which is the same for all spellings."""
        return {folded_name(name): number for number, name in self.names.items()}

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Place of each recording in `recordings`, by its id."""
        return {recording.id: place for place, recording in enumerate(self.recordings)}

    @cached_property
    def seconds(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Length of each recording in seconds."""
        return np.array([recording.seconds for recording in self.recordings], np.float64)

    @cached_property
    def enrolled(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Places of the enrolled recordings in `recordings`."""
        return np.array([at for at, own in enumerate(self.recordings) if own.role == "enrolled"], np.int64)

    @cached_property
    def singers(self) -> tuple[int, ...]:
        """Numbers of the singers who have a recording, in the order of the voiceprints."""
        present = {self.recordings[at].singer for at in self.enrolled}
        return tuple(number for number in self.names if number in present)

    @cached_property
    def voiceprints(self) -> Voiceprints:
        """The voiceprints of the singers."""
        place = {number: at for at, number in enumerate(self.singers)}
        own = [self.recordings[at] for at in self.enrolled]
        owners = np.array([place[recording.singer or 0] for recording in own], np.int64)
        vectors = self.vectors[self.enrolled]
        # A killed command may have left no back end.
        back_ends = self.back_ends or (fit_back_ends(vectors, owners) if len(owners) else ())
        exemplars = np.array([recording.exemplar for recording in own], np.int64)
        return Voiceprints(back_ends, vectors, owners, exemplars)

    def nobody_sings(self, recording: Recording) -> bool:
        """Whether a person said that nobody sings in the recording."""
        return (recording.fingerprint, recording.scheme) in self.nobody

    def is_open(self, recording: Recording) -> bool:
        """Whether the recording has no singer, and nobody has said that it has none."""
        return recording.role == "heard" and not self.nobody_sings(recording)

    def number_of(self, name: str) -> int | None:
        """The number of a singer; case and extra blanks in the name do not matter. None: there is none."""
        return self.numbers.get(folded_name(name))

    def require(self, name: str) -> int:
        """The number of a singer; if there is none, raises SingeridError with near names."""
        number = self.number_of(name)
        if number is None:
            near = f"; {near_names(name, self.names.values())}" if self.names else ""
            raise SingeridError(f"nobody in the library is called '{name}'{near}")
        return number


def read_settings(database: Database) -> Settings | None:
    """The library's settings; None: nothing was enrolled yet."""
    found = dict(database.rows("SELECT key, value FROM settings"))
    if "encoder" not in found:
        return None
    return Settings(
        found["encoder"],
        found["identity"],
        found["audio"],
        found.get("separator", ""),
        found.get("origin", ""),
    )


def read_contents(database: Database) -> Contents:
    """The contents of the library at one moment."""
    with database.reading():
        settings = read_settings(database)
        names = dict(database.rows("SELECT id, name FROM singers ORDER BY folded"))
        statements: dict[str, dict[int, bool]] = {}
        for recording, singer, is_them in database.rows("SELECT recording, singer, is_them FROM statements"):
            statements.setdefault(recording, {})[singer] = bool(is_them)
        sounds = settings.sounds if settings else ()
        rows = _recordings(database, sounds)
        back_end = database.setting("back_end") or ""
        back_ends = _back_ends(database, back_end, sounds)
        nobody = _nobody(database)
    recordings, columns = rows
    try:
        stacked = [_stacked(column) for column in columns]
        every = stacked[0][:, None] if len(stacked) == 1 else np.stack(stacked, axis=1) if stacked else _NONE
    except ValueError as error:
        raise SingeridError(
            f"{database.path}: holds vectors of unequal sizes; mend it: "
            f"singerid library check {shell_word(database.folder)}"
        ) from error
    return Contents(settings, names, recordings, statements, back_end, back_ends, every, nobody)


def _nobody(database: Database) -> frozenset[SoundMark]:
    # A read-only library of format 1 has no such table.
    if not database.has_table("nobody"):
        return frozenset()
    return frozenset((one, scheme) for one, scheme in database.rows("SELECT fingerprint, scheme FROM nobody"))


def _recordings(
    database: Database, sounds: tuple[str, ...]
) -> tuple[tuple[Recording, ...], list[Sequence[bytes]]]:
    """All recordings that have a vector for each sound, and their vectors, sound by sound."""
    was_on = gc.isenabled()
    gc.disable()  # it would scan the growing lists again and again, and nothing in them is garbage
    try:
        rows = database.rows(f"SELECT {', '.join(Recording._fields)} FROM recordings ORDER BY rowid")
        read = [
            database.rows("SELECT recording, vector FROM vectors WHERE sound = ? ORDER BY rowid", (sound,))
            for sound in sounds
        ]
        ids = [row[0] for row in rows]
        if all([row[0] for row in own] == ids for own in read):  # the usual case: the same order
            return tuple(map(Recording._make, rows)), [[row[1] for row in own] for own in read]
        by_id = [dict(own) for own in read]
        whole = [row for row in rows if all(row[0] in own for own in by_id)]
        return tuple(map(Recording._make, whole)), [[own[row[0]] for row in whole] for own in by_id]
    finally:
        if was_on:
            gc.enable()


def _stacked(vectors: Sequence[bytes]) -> FloatArray:
    if not vectors:
        return np.zeros((0, 0), np.float32)
    every = np.frombuffer(b"".join(vectors), "<f4").reshape(len(vectors), -1)
    return np.asarray(every, np.float32)


def _back_ends(database: Database, which: str, sounds: tuple[str, ...]) -> tuple[BackEnd, ...]:
    rows = database.rows("SELECT sound, mean, whitening FROM back_ends WHERE id = ?", (which,))
    found = {}
    for sound, mean, whitening in rows:
        size = len(mean) // 4
        matrix = np.frombuffer(whitening, "<f4").reshape(size, size) if whitening else np.eye(0)
        found[sound] = BackEnd(np.frombuffer(mean, "<f4"), matrix.astype(np.float32), bool(whitening))
    return tuple(found[sound] for sound in sounds if sound in found)
