"""Writing and reading the vectors of heard recordings as Parquet files: FOLDER/MARK/NAME.parquet.

The name of a file is a hash of the paths, sizes and times of change of its recordings. So if a batch is heard
twice because its worker died, it replaces its own file. A recording that could not be used has a file of its
own, which is deleted when the recording is tried again. The files in the folder are the record of progress.

Letters in shapes: K sounds, D size of a vector.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from singerid.errors import SingeridError
from singerid.library.heard_schema import HeardBy, read_metadata, schema
from singerid.library.voiceprints import FloatArray
from singerid.system.places import Place, is_url

if TYPE_CHECKING:
    import pyarrow as pa

ENDING = ".parquet"
_KEYS = ["path", "size", "changed_ns", "reason"]
UNREADABLE = -1
"""Size of a file whose size could not be read."""


@dataclass(frozen=True, eq=False)
class HeardRow:
    """A recording and the result of hearing it; see `heard_schema` for the columns.

    Attributes:
        path: absolute path of the file on the user's machine.
        size: size of the file in bytes.
        changed_ns: time of the file's last change in ns.
        fingerprint: fingerprint of its sound; "": not computed.
        scheme: number of the scheme by which the fingerprint was made.
        seconds: length of the recording.
        voice_seconds: seconds of it with voice.
        short: whether it is shorter than a window.
        warning: what was wrong with it, although it was used.
        reason: why it could not be used; "": it was used.
        singer: the singer as given by the user; "": not known.
        album: the album as given by the user; "": not known.
        vectors: (K, D); None: nobody sings.
        decision: decision of the library or network that was asked; "": none was asked.
        answer: its answer, as JSON.
    """

    path: str
    size: int = UNREADABLE
    changed_ns: int = 0
    fingerprint: str = ""
    scheme: int = 0
    seconds: float = 0.0
    voice_seconds: float = 0.0
    short: bool = False
    warning: str = ""
    reason: str = ""
    singer: str = ""
    album: str = ""
    vectors: FloatArray | None = None
    decision: str = ""
    answer: str = ""


@dataclass(frozen=True)
class HeardFolder:
    """The files of recordings that were heard with the same settings.

    Attributes:
        address: the folder, as a path or a URL.
        by: settings that they were heard with.
        size: size of a vector, D; 0: there are no vectors.
        answers: whether the files also hold answers of a library or a network.
    """

    address: str
    by: HeardBy
    size: int
    answers: bool = False

    @property
    def mark(self) -> str:
        """Name of the folder inside `address` that holds these files."""
        settings = json.dumps(asdict(self.by.settings), sort_keys=True)
        mark = hashlib.sha256(settings.encode()).hexdigest()[:16]
        return f"{mark}-{self.by.state}" if self.answers else mark

    def write(self, rows: Sequence[HeardRow]) -> None:
        """Write rows: those of heard recordings into one file, each of the others into a file of its own.

        Raises:
            SingeridError: they cannot be written.
        """
        place = Place(self.address)
        heard = [row for row in rows if not row.reason]
        for part in ([heard] if heard else []) + [[row] for row in rows if row.reason]:
            place.write(f"{self.mark}/{name_of(part)}{ENDING}", self._table(part))

    def _table(self, rows: Sequence[HeardRow]) -> "pa.Table":
        import pyarrow as pa

        sounds = self.by.settings.sounds if self.size else ()
        columns = schema(sounds, self.size, self.by.settings, answers=self.answers, state=self.by.state)
        arrays = [
            _vectors(rows, sounds.index(column.name), self.size)
            if column.name in sounds
            else pa.array([clean(getattr(row, column.name)) for row in rows], column.type)
            for column in columns
        ]
        return pa.Table.from_arrays(arrays, schema=columns)


def _vectors(rows: Sequence[HeardRow], sound: int, size: int) -> "pa.Array":
    import pyarrow as pa

    silent = np.array([row.vectors is None for row in rows])
    values = np.zeros((len(rows), size), np.float32)
    for place, row in zip(values, rows, strict=True):
        if row.vectors is not None:
            place[:] = row.vectors[sound]
    flat = pa.array(values.ravel())
    return pa.FixedSizeListArray.from_arrays(flat, size, mask=pa.array(silent))


def clean(value: Any) -> Any:
    r"""A value for Parquet: in text, bytes that are not valid UTF-8 are replaced by escapes.

    >>> print(clean("caf\udce9"))
    caf\udce9
    """
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def name_of(rows: Iterable[HeardRow]) -> str:
    """The name of the file for these recordings; it depends on path, size and time of change only."""
    mark = hashlib.sha256()
    for key in sorted(f"{clean(row.path)}\0{row.size}\0{row.changed_ns}" for row in rows):
        mark.update(key.encode() + b"\n")
    return mark.hexdigest()[:32]


Key = tuple[str, int, int]
"""The key of a file: path, size and time of its last change."""


def is_heard_folder(address: str) -> bool:
    """Whether an address is a folder that holds Parquet files, or a URL."""
    return is_url(address) or any(Path(address).glob(f"*/*{ENDING}"))


def ways(address: str, with_voices: bool = False) -> dict[str, HeardBy]:
    """The settings of each folder of Parquet files, by the folder's name.

    Args:
        address: the folder that holds these folders.
        with_voices: leave out folders with answers of networks, which hold no vectors.

    Raises:
        SingeridError: there is no such folder, or it holds other files.
    """
    place = Place(address)
    firsts: dict[str, str] = {}
    for name in place.files(ENDING):
        firsts.setdefault(name.rpartition("/")[0], name)
    if not firsts:
        raise SingeridError(
            f"{place}: holds no Parquet files of heard recordings; give the folder that `parquet` named when "
            "they were heard"
        )
    found = {}
    for folder, name in firsts.items():
        columns = place.schema(name)
        by = read_metadata(f"{place}/{name}", columns.metadata)
        if not with_voices or set(by.settings.sounds) <= set(columns.names):
            found[folder] = by
    if not found:
        raise SingeridError(
            f"{place}: holds only answers of networks, which have no vectors; give a folder with vectors"
        )
    return found


class Heard:
    """The heard recordings that a folder holds now.

    Args:
        address: the folder.
        folders: names of the folders inside it to read; None: all.

    Raises:
        SingeridError: the folder cannot be read, or holds a file that is damaged or of another kind.
    """

    def __init__(self, address: str, folders: Iterable[str] | None = None) -> None:
        self._place = Place(address)
        wanted = None if folders is None else set(folders)
        found = (name for name in self._place.files(ENDING) if wanted is None or name.split("/")[0] in wanted)
        # Files that were heard for a library come first: they say who sings, files of answers do not.
        self._files = dict.fromkeys(sorted(found, key=lambda name: ("-" in name.split("/")[0], name)))
        self._heard: set[Key] = set()
        self._failed: dict[str, str] = {}  # by path of the recording: the Parquet file with the reason
        for name in self._files:
            keys = self._place.read(name, _KEYS).to_pydict()
            for path, size, changed, reason in zip(*(keys[column] for column in _KEYS), strict=True):
                if reason:
                    self._failed[path] = name
                else:
                    self._heard.add((path, size, changed))

    def has(self, path: str, size: int, changed_ns: int) -> bool:
        """Whether this file was heard, with this size and time of change."""
        return (clean(path), size, changed_ns) in self._heard

    def forget_failures(self, paths: Iterable[str]) -> None:
        """Delete the records of recordings that could not be used, as they are tried again."""
        for path in paths:
            if name := self._failed.pop(clean(path), None):
                self._place.remove(name)
                self._files.pop(name, None)

    def rows(self) -> Iterator[HeardRow]:
        """All recordings, each once, file by file."""
        seen: set[Key] = set()
        for name in self._files:
            for row in read_rows(self._place, name):
                key = (row.path, row.size, row.changed_ns)
                if key not in seen:
                    seen.add(key)
                    yield row


def read_rows(place: Place, name: str) -> Iterator[HeardRow]:
    """The rows of a file.

    Raises:
        SingeridError: the file cannot be read, is damaged, or is of another kind.
    """
    table = place.read(name)
    by = read_metadata(f"{place}/{name}", table.schema.metadata)
    sounds = [sound for sound in by.settings.sounds if sound in table.column_names]
    stacked, silent = None, np.zeros(len(table), np.bool_)
    if sounds:
        columns = [table.column(sound).combine_chunks() for sound in sounds]
        silent = columns[0].is_null().to_numpy(zero_copy_only=False)
        # The values of a null entry are undefined and are not used.
        flat = [column.values.to_numpy(zero_copy_only=False) for column in columns]
        stacked = np.stack([values.reshape(len(table), -1) for values in flat], axis=1)
    plain = [one.name for one in fields(HeardRow) if one.name in table.column_names]
    values = [table.column(column).to_pylist() for column in plain]
    for at, row in enumerate(zip(*values, strict=True)):
        vectors = None if stacked is None or silent[at] else stacked[at]
        yield HeardRow(**dict(zip(plain, row, strict=True)), vectors=vectors)
