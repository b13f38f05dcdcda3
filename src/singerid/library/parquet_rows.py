"""Reading the Parquet files of heard recordings in parts; see `heard_schema`.

Letters in shapes: N recordings, K sounds, D size of a vector.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from singerid.encoders.back_end import is_unit
from singerid.errors import Failure, SingeridError
from singerid.library.heard_schema import read_metadata
from singerid.library.records import Settings
from singerid.library.voiceprints import FloatArray
from singerid.system.places import Place
from singerid.text import one_line

if TYPE_CHECKING:
    import pyarrow as pa

Keys = NDArray[np.uint64]
Kept = NDArray[np.bool_]

ROWS = 4096
"""Number of rows that are in memory at a time."""
SOUND_COLUMNS = ("fingerprint", "scheme")
FILE_COLUMNS = ("path", "size", "changed_ns")
"""The columns that identify a recording: by its sound, and by the file that it was heard from."""
_DAMAGED = "remove it, and hear its recordings again"


class ParquetError(SingeridError):
    """A Parquet file that cannot be used.

    Attributes:
        failure: the file, what is wrong with it, and the remedy.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.failure = Failure(path, reason)
        super().__init__(str(self.failure))

    def __reduce__(self) -> tuple[type["ParquetError"], tuple[str, str]]:  # crosses process borders
        return type(self), (self.failure.path, self.failure.reason)


@dataclass(frozen=True)
class HeardFiles:
    """Files of recordings that were heard with the same settings, so that they may be mixed.

    Attributes:
        place: the folder.
        settings: the settings that all of them were heard with.
        size: size of a vector, D.
        paths: paths of the files, relative to the folder, sorted.
        failures: files that cannot be used.
    """

    place: Place
    settings: Settings
    size: int
    paths: tuple[str, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, eq=False)
class FileKeys:
    """The keys of the recordings in a file.

    Attributes:
        path: path of the file.
        sounds: (N,) key of each recording's sound.
        files: (N,) key of each recording's audio file.
        usable: (N,) whether somebody is heard to sing in it.
        named: (N,) whether the singer is known.
    """

    path: str
    sounds: Keys
    files: Keys
    usable: Kept
    named: Kept


def heard_files(folder: str) -> HeardFiles:
    """The files of a folder.

    Raises:
        SingeridError: there are none, or they were heard with different settings.
    """
    place = Place(folder)
    place.require_folder()
    paths = place.files(".parquet")
    by: dict[tuple[Settings, int], list[str]] = defaultdict(list)
    failures = []
    for path in paths:
        try:
            by[_about(place, path)].append(path)
        except ParquetError as error:
            failures.append(error.failure)
    if not by:
        if failures:
            raise SingeridError(str(failures[0]))
        raise SingeridError(
            f"{folder}: has no Parquet files in it; give the folder that `parquet` named when recordings "
            "were heard"
        )
    if len(by) > 1:
        raise SingeridError(_several(place, by))
    [((settings, size), own)] = by.items()
    return HeardFiles(place, settings, size, tuple(own), tuple(failures))


def _about(place: Place, path: str) -> tuple[Settings, int]:
    """The settings that a file was heard with, and the size of its vectors."""
    with _reading(place, path) as file:
        schema = file.schema_arrow
        try:
            settings = read_metadata(place.shown(path), schema.metadata).settings
        except SingeridError as error:
            reason = str(error).removeprefix(f"{place.shown(path)}: ")
            raise ParquetError(place.shown(path), reason) from error
        missing = {"reason", "singer", "album", "seconds", "voice_seconds", *SOUND_COLUMNS, *FILE_COLUMNS}
        missing = (missing | set(settings.sounds)) - set(schema.names)
        if missing:
            raise ParquetError(place.shown(path), f"lacks the column {min(missing)}; {_DAMAGED}")
        sizes = {getattr(schema.field(sound).type, "list_size", 0) for sound in settings.sounds}
        if len(sizes) > 1 or not min(sizes):
            raise ParquetError(place.shown(path), f"its vectors do not all have one size; {_DAMAGED}")
        return settings, sizes.pop()


def _several(place: Place, by: Mapping[tuple[Settings, int], Sequence[str]]) -> str:
    told = []
    for (settings, _), paths in by.items():
        # The files of each setting are in a folder of their own.
        own = place.shown(paths[0]).rpartition("/")[0]
        separator = f" by {settings.separator}" if settings.separator else ""
        told.append(f"{own} ({settings.encoder}, {settings.audio}{separator}, {settings.identity})")
    return (
        f"{place}: holds vectors of several settings, which cannot be compared; "
        f"give one of these folders: {', '.join(told)}"
    )


@contextmanager
def _reading(place: Place, path: str) -> Iterator[Any]:
    """An open Parquet file; every error while reading it becomes a ParquetError."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    where = place.shown(path)
    try:
        with place.open(path) as source, ParquetFile(source) as file:
            yield file
    except (FileNotFoundError, PermissionError) as error:
        reason = f"cannot be read ({one_line(error)}); check its permissions"
        raise ParquetError(where, reason) from error
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        reason = f"is damaged or not a Parquet file ({one_line(error)}); {_DAMAGED}"
        raise ParquetError(where, reason) from error


def read_keys(files: HeardFiles, path: str) -> FileKeys:
    """The keys of the recordings in a file; raises ParquetError."""
    place, sounds = files.place, files.settings.sounds
    parts: list[tuple[Any, ...]] = []
    columns = ["reason", "singer", *SOUND_COLUMNS, *FILE_COLUMNS, *sounds]
    with _reading(place, path) as file:
        for batch in file.iter_batches(ROWS, columns=columns):
            heard = batch["reason"].to_numpy(zero_copy_only=False) == ""
            for sound in sounds:
                heard &= batch[sound].is_valid().to_numpy(zero_copy_only=False)
            named = batch["singer"].to_numpy(zero_copy_only=False) != ""
            parts.append((*keys_of(batch), heard, named))
    if not parts:
        none = np.zeros(0, bool)
        return FileKeys(path, none.astype(np.uint64), none.astype(np.uint64), none, none)
    return FileKeys(path, *(np.concatenate(part) for part in zip(*parts, strict=True)))


def keys_of(batch: "pa.RecordBatch") -> tuple[Keys, Keys]:
    """The key of each recording's sound, and of its audio file: (N,) both."""
    files = _hashed(*(batch[name].to_pylist() for name in FILE_COLUMNS))
    prints = batch["fingerprint"].to_pylist()
    sounds = _hashed(prints, batch["scheme"].to_pylist())
    # A recording without a fingerprint is identified by its file alone.
    return np.where(np.array([bool(one) for one in prints], bool), sounds, files), files


def _hashed(*columns: Sequence[object]) -> Keys:
    """(N,) eight bytes of each row's hash, so that millions of keys take little memory."""
    digests = (
        hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for row in zip(*columns, strict=True)
    )
    return np.frombuffer(b"".join(digests), np.uint64)


def read_rows(
    files: HeardFiles, path: str, kept: Kept, columns: Sequence[str]
) -> Iterator[tuple["pa.RecordBatch", FloatArray]]:
    """Some rows of a file in parts: the wanted columns, and vectors (N, K, D).

    Args:
        files: the files that it is one of.
        path: the file.
        kept: whether each row is wanted; all wanted rows must have vectors.
        columns: columns that are wanted beside the vectors.

    Raises:
        ParquetError: the file is damaged.
    """
    import pyarrow as pa

    place, sounds = files.place, files.settings.sounds
    at = 0
    with _reading(place, path) as file:
        if file.metadata.num_rows != len(kept):
            raise ParquetError(place.shown(path), "has just changed; run the same command again")
        for batch in file.iter_batches(ROWS, columns=[*columns, *sounds]):
            wanted = kept[at : at + batch.num_rows]
            at += batch.num_rows
            if not wanted.any():
                continue
            batch = batch.filter(pa.array(wanted))
            vectors = np.stack([matrix_of(batch[sound]) for sound in sounds], axis=1)
            if not is_unit(vectors).all():  # this also finds NaN
                raise ParquetError(place.shown(path), f"its vectors are not of unit length; {_DAMAGED}")
            yield batch.select(columns), vectors


def matrix_of(column: "pa.FixedSizeListArray") -> FloatArray:
    """A column of vectors as (N, D)."""
    return np.asarray(column.flatten(), np.float32).reshape(len(column), -1)
