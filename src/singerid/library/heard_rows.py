"""What was heard of recordings, kept in Parquet files as it is heard: FOLDER/MARK/NAME.parquet.

A file is called after the recordings that it holds, by their paths, sizes and times of change: a load that
is heard twice, because its worker died, takes its own place. A recording that could not be used has a file
of its own, which makes room when it is heard after all. The folder itself says what is done.

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
"""Size of a file of which not even that could be read."""


@dataclass(frozen=True, eq=False)
class HeardRow:
    """A recording, and what was heard of it; see `heard_schema` for the columns.

    Attributes:
        path: absolute, as the user's machine calls it.
        size: in bytes.
        changed_ns: time of the file's last change.
        fingerprint: of its sound; "": it was not made.
        scheme: the way in which that was made.
        seconds: length.
        voice_seconds: of it, with voice.
        short: it is shorter than a window.
        warning: what was wrong with it, though it was used.
        reason: why it could not be used; "": it could.
        singer: who sings, as was told; "": that is not known.
        album: likewise.
        vectors: (K, D); None: nobody sings.
        decision: of a library or a network that was asked; "": none was.
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
    """The files of recordings that were heard in one way.

    Attributes:
        address: of the folder, a path or a URL.
        by: how they were heard.
        size: of a vector, D; 0: there are none.
        answers: whether somebody was asked about them, too.
    """

    address: str
    by: HeardBy
    size: int
    answers: bool = False

    @property
    def mark(self) -> str:
        """Name of the folder of these files."""
        settings = json.dumps(asdict(self.by.settings), sort_keys=True)
        mark = hashlib.sha256(settings.encode()).hexdigest()[:16]
        return f"{mark}-{self.by.state}" if self.answers else mark

    def write(self, rows: Sequence[HeardRow]) -> None:
        """Keep rows: those that were heard in one file, the others in a file each.

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
    """Text as Parquet takes it: in names that are no UTF-8, what cannot be written stands as its number."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def name_of(rows: Iterable[HeardRow]) -> str:
    """The name of the file that holds these recordings, whatever was heard of them."""
    mark = hashlib.sha256()
    for key in sorted(f"{clean(row.path)}\0{row.size}\0{row.changed_ns}" for row in rows):
        mark.update(key.encode() + b"\n")
    return mark.hexdigest()[:32]


Key = tuple[str, int, int]
"""What a file is found by: path, size and time of its last change."""


def is_heard_folder(address: str) -> bool:
    """Whether a folder holds Parquet files, or is one of an object store."""
    return is_url(address) or any(Path(address).glob(f"*/*{ENDING}"))


def ways(address: str, with_voices: bool = False) -> dict[str, HeardBy]:
    """How the recordings of each folder of Parquet files were heard, by the folder's name.

    Args:
        address: of the folder that holds those.
        with_voices: without those of answers by networks, which hold no vectors.

    Raises:
        SingeridError: there is no such folder, or what it holds is something else.
    """
    place = Place(address)
    firsts: dict[str, str] = {}
    for name in place.files(ENDING):
        firsts.setdefault(name.rpartition("/")[0], name)
    if not firsts:
        raise SingeridError(
            f"{place}: holds no Parquet files of heard recordings; give the folder that --parquet named"
        )
    found = {}
    for folder, name in firsts.items():
        columns = place.schema(name)
        by = read_metadata(f"{place}/{name}", columns.metadata)
        if not with_voices or set(by.settings.sounds) <= set(columns.names):
            found[folder] = by
    if not found:
        raise SingeridError(f"{place}: holds answers of networks alone, and no voices to read")
    return found


class Heard:
    """What a folder has of recordings now.

    Args:
        address: of the folder.
        folders: in which of its folders to look, by their names; None: in all.

    Raises:
        SingeridError: it cannot be read, or holds a file that is damaged or of something else.
    """

    def __init__(self, address: str, folders: Iterable[str] | None = None) -> None:
        self._place = Place(address)
        wanted = None if folders is None else set(folders)
        found = (name for name in self._place.files(ENDING) if wanted is None or name.split("/")[0] in wanted)
        # What was heard for a library comes first: it tells who sings, which answers do not.
        self._files = dict.fromkeys(sorted(found, key=lambda name: ("-" in name.split("/")[0], name)))
        self._heard: set[Key] = set()
        self._failed: dict[str, str] = {}  # the file that tells why, by path
        for name in self._files:
            keys = self._place.read(name, _KEYS).to_pydict()
            for path, size, changed, reason in zip(*(keys[column] for column in _KEYS), strict=True):
                if reason:
                    self._failed[path] = name
                else:
                    self._heard.add((path, size, changed))

    def has(self, path: str, size: int, changed_ns: int) -> bool:
        """Whether this very file was heard."""
        return (clean(path), size, changed_ns) in self._heard

    def forget_failures(self, paths: Iterable[str]) -> None:
        """Remove what is kept of recordings that could not be used: they are tried again."""
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
        SingeridError: it cannot be read, is damaged, or of something else.
    """
    table = place.read(name)
    by = read_metadata(f"{place}/{name}", table.schema.metadata)
    sounds = [sound for sound in by.settings.sounds if sound in table.column_names]
    stacked, silent = None, np.zeros(len(table), np.bool_)
    if sounds:
        columns = [table.column(sound).combine_chunks() for sound in sounds]
        silent = columns[0].is_null().to_numpy(zero_copy_only=False)
        # Behind a null there may be anything: it is not looked at.
        flat = [column.values.to_numpy(zero_copy_only=False) for column in columns]
        stacked = np.stack([values.reshape(len(table), -1) for values in flat], axis=1)
    plain = [one.name for one in fields(HeardRow) if one.name in table.column_names]
    values = [table.column(column).to_pylist() for column in plain]
    for at, row in enumerate(zip(*values, strict=True)):
        vectors = None if stacked is None or silent[at] else stacked[at]
        yield HeardRow(**dict(zip(plain, row, strict=True)), vectors=vectors)
