"""Filling a collection from the Parquet files of heard recordings.

The first step finds which recordings in the files are new. The second computes the mean of all recordings.
The third adds the new ones, each part at once or not at all. After a kill the next run skips what is already
there. It compares keys of eight bytes, so a run takes some tens of bytes of memory for each recording.

Letters in shapes: N recordings, K sounds, D size of a vector.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from singerid.errors import Failure, SingeridError
from singerid.library.collection import (
    PLAIN,
    TABLE,
    VECTOR,
    About,
    Collection,
    IndexChoice,
    connected,
    import_lancedb,
    lance_errors,
    open_table,
)
from singerid.library.collection_index import bring_up_to_date, put_back
from singerid.library.parquet_rows import (
    FILE_COLUMNS,
    SOUND_COLUMNS,
    FileKeys,
    HeardFiles,
    Kept,
    Keys,
    ParquetError,
    heard_files,
    keys_of,
    matrix_of,
    read_keys,
    read_rows,
)
from singerid.system.file_names import absolute
from singerid.system.files import locked
from singerid.system.places import is_url
from singerid.text import counted, names_text

if TYPE_CHECKING:
    pass

T = TypeVar("T")

_log = logging.getLogger(__name__)
PART = 32_768
"""Number of recordings that are added at once."""

# The mean that is subtracted may differ this much from the true mean of all recordings: that hardly changes
# the second decimal of a score. Beyond it all vectors are computed again, which happens while there are few.
_MOVED = 0.01
_FEW = 2  # for N recordings, N / (N + 2) of their mean is subtracted, as in a library
_FILES = 64  # files that are read in one task
_DELETED = 1000  # rows that one statement deletes

Spread = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[Any]]
"""Calls a function on each item, here or on other machines; yields the results in any order."""


@dataclass(frozen=True)
class CollectReport:
    """The result of `collect`.

    Attributes:
        added: number of recordings that were added.
        known: number of usable rows that were not added: recordings of the collection, or duplicates.
        unused: number of rows that could not be used, or in which nobody sings.
        count: number of recordings in the collection now.
        index: how the collection is searched.
        failures: files that could not be used.
    """

    added: int
    known: int
    unused: int
    count: int
    index: IndexChoice
    failures: tuple[Failure, ...]


def collect(
    parquet: str,
    where: str,
    spread: Spread = map,
    finish: Callable[..., IndexChoice] = bring_up_to_date,
) -> CollectReport:
    """Make a collection of heard recordings, or add to it the recordings that it does not have.

    What it does is logged (INFO).

    Args:
        parquet: folder or address of Parquet files.
        where: folder or address of the collection; made when missing.
        spread: runs the work on many machines; by default it runs here, one task after the other.
        finish: chooses how the collection is searched.

    Raises:
        SingeridError: no file can be used, the vectors of the files cannot be compared with each other or
            with the collection's, or the collection cannot be written.
    """
    lancedb = import_lancedb()
    _refuse_other_things(where)
    files = heard_files(parquet)
    with _alone(where):
        table = open_table(lancedb, where)
        collection = None if table is None else Collection(where, table)
        if collection is not None:
            _refuse_other_vectors(collection, files)
            put_back(collection)
        have = keys_in(collection)
        _log.info(f"{where}: reading {counted(len(files.paths), 'file')}")
        found = _look(files, have, spread)
        failures = (*files.failures, *found.failures)
        if found.added:
            collection = _ready(lancedb, where, collection, files, found)
            _log.info(f"{where}: adding {counted(found.added, 'recording')}")
            for _ in spread(partial(_write, files, _absolute(where)), _in_parts(found.chosen)):
                pass
            if len(collection) != len(have[0]) + found.added:  # a machine died, and its part was added twice
                keys_in(collection)
        elif collection is None:
            raise SingeridError(
                str(failures[0])
                if failures
                else f"{parquet}: nobody is heard to sing in any of {counted(found.rows, 'recording')}"
            )
        _tidy(collection)
        index = finish(collection)
        return CollectReport(
            found.added,
            found.usable - found.added,
            found.rows - found.usable,
            len(collection),
            index,
            failures,
        )


@dataclass(frozen=True, eq=False)
class _Found:
    """The recordings in the files.

    Attributes:
        chosen: the files with new recordings, and a mask of the new rows of each.
        total: (K, D) the sum of the new recordings' vectors.
        added: number of new recordings.
        usable: number of rows with a voice.
        rows: number of all rows.
        failures: files that cannot be used.
    """

    chosen: list[tuple[str, Kept]]
    total: NDArray[np.float64]
    added: int
    usable: int
    rows: int
    failures: tuple[Failure, ...]


def _look(files: HeardFiles, have: tuple[Keys, Keys], spread: Spread) -> _Found:
    keys: list[FileKeys] = []
    failures: list[Failure] = []
    for part in spread(partial(_keys_of_files, files), _chunks(files.paths)):
        for one in part:
            if isinstance(one, Failure):
                failures.append(one)
            else:
                keys.append(one)
    keys.sort(key=lambda one: one.path)
    while True:
        chosen = new_rows(keys, have)
        total = np.zeros((len(files.settings.sounds), files.size))
        damaged: set[str] = set()
        for own, refused in spread(partial(_sum_of_files, files), _chunks(chosen)):
            total += own
            damaged |= set(refused)
            failures += refused.values()
        if not damaged:  # otherwise choose again: their recordings may also be in other files
            break
        keys = [one for one in keys if one.path not in damaged]
    return _Found(
        chosen,
        total,
        sum(int(kept.sum()) for _, kept in chosen),
        sum(int(one.usable.sum()) for one in keys),
        sum(len(one.usable) for one in keys),
        tuple(failures),
    )


def new_rows(keys: Sequence[FileKeys], have: tuple[Keys, Keys]) -> list[tuple[str, Kept]]:
    """The files with new recordings, each as (path, (N,) mask of its new rows).

    Rows with the same sound or the same file are one recording: the first one is taken, and rows with a
    singer come before rows without.
    """
    if not keys:
        return []
    sounds, files, usable, named = (
        np.concatenate([getattr(one, name) for one in keys])
        for name in ("sounds", "files", "usable", "named")
    )
    order = np.flatnonzero(usable)
    order = order[np.argsort(~named[order], kind="stable")]
    is_new = np.zeros(len(order), bool)
    is_new[np.unique(sounds[order], return_index=True)[1]] = True
    first = np.zeros(len(order), bool)
    first[np.unique(files[order], return_index=True)[1]] = True
    is_new &= first & ~_is_in(sounds[order], have[0]) & ~_is_in(files[order], have[1])
    kept = np.zeros(len(sounds), bool)
    kept[order[is_new]] = True
    ends = np.cumsum([len(one.sounds) for one in keys])[:-1]
    parts = zip(keys, np.split(kept, ends), strict=True)
    return [(one.path, own) for one, own in parts if own.any()]


def _is_in(keys: Keys, known: Keys) -> Kept:
    """Whether each key is among the known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(keys), bool)
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.asarray(known[places] == keys)


def _keys_of_files(files: HeardFiles, paths: Sequence[str]) -> list[FileKeys | Failure]:
    found: list[FileKeys | Failure] = []
    for path in paths:
        try:
            found.append(read_keys(files, path))
        except ParquetError as error:
            found.append(error.failure)
    return found


def _sum_of_files(
    files: HeardFiles, chosen: Sequence[tuple[str, Kept]]
) -> tuple[NDArray[np.float64], dict[str, Failure]]:
    """The sum of the new vectors, (K, D), and the files that turn out to be damaged."""
    total = np.zeros((len(files.settings.sounds), files.size))
    refused = {}
    for path, kept in chosen:
        own = np.zeros_like(total)
        try:
            for _, vectors in read_rows(files, path, kept, ()):
                own += vectors.sum(0, dtype=np.float64)
        except ParquetError as error:
            refused[path] = error.failure
        else:
            total += own
    return total, refused


def _write(files: HeardFiles, where: str, chosen: Sequence[tuple[str, Kept]]) -> int:
    """Add new rows; return their number."""
    import pyarrow as pa

    collection = Collection.open(where)
    schema = collection.about.schema()
    waiting: list[pa.RecordBatch] = []
    written = 0

    def flush() -> None:
        with lance_errors(where):
            collection.table.add(pa.Table.from_batches(waiting, schema))
        waiting.clear()

    for path, kept in chosen:
        for plain, vectors in read_rows(files, path, kept, PLAIN):
            waiting.append(collection.about.rows(plain, collection.about.comparable(vectors)))
            written += len(vectors)
            if sum(map(len, waiting)) >= PART:
                flush()
    if waiting:
        flush()
    return written


def keys_in(collection: Collection | None) -> tuple[Keys, Keys]:
    """Sorted keys of a collection's recordings, by sound and by file; duplicates are removed from it."""
    sounds: list[Keys] = [np.zeros(0, np.uint64)]
    files: list[Keys] = [np.zeros(0, np.uint64)]
    rows: list[Keys] = [np.zeros(0, np.uint64)]
    if collection is not None:
        for batch in collection.batches([*SOUND_COLUMNS, *FILE_COLUMNS, "_rowid"], PART):
            by_sound, by_file = keys_of(batch)
            sounds.append(by_sound)
            files.append(by_file)
            rows.append(batch["_rowid"].to_numpy(zero_copy_only=False))
    every = np.concatenate(sounds)
    once, first = np.unique(every, return_index=True)
    if len(once) < len(every) and collection is not None:
        twice = np.delete(np.concatenate(rows), first).tolist()
        for start in range(0, len(twice), _DELETED):
            some = ", ".join(map(str, twice[start : start + _DELETED]))
            with lance_errors(collection.where):
                collection.table.delete(f"_rowid IN ({some})")
    return once, np.unique(np.concatenate(files))


def _ready(
    lancedb: Any, where: str, collection: Collection | None, files: HeardFiles, found: _Found
) -> Collection:
    """The collection, centred by the mean of its recordings and of those that are to be added."""
    count, total = found.added, found.total.copy()
    if collection is not None:
        count += len(collection)
        for batch in collection.batches([VECTOR]):
            total += collection.about.heard(matrix_of(batch[VECTOR])).sum(0)
    # The mean of one recording is its own voice: subtracting it would leave noise.
    shared = total / count * (0.0 if count < 2 else count / (count + _FEW))
    about = About(files.settings, shared)
    with lance_errors(where):
        if collection is None:
            return Collection(where, connected(lancedb, where).create_table(TABLE, schema=about.schema()))
        moved = np.linalg.norm(shared - collection.about.shared, axis=1).max()
        if moved > _MOVED:
            collection.write_again(about)
    return collection


def _tidy(collection: Collection) -> None:
    """Join small parts, update the index, and remove old versions of the table."""
    with lance_errors(collection.where), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it says that other readers must open the table again
        collection.table.optimize(
            cleanup_older_than=timedelta(0), delete_unverified=not is_url(collection.where)
        )


def _refuse_other_things(where: str) -> None:
    folder = Path(where)
    if is_url(where) or not folder.exists():
        return
    if not folder.is_dir():
        raise SingeridError(f"{where}: is a file; give a folder for the collection")
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise SingeridError(f"{where}: cannot be read ({error.strerror}); check its permissions") from error
    if names - {".lock"} and f"{TABLE}.lance" not in names:
        raise SingeridError(
            f"{where}: holds other things ({names_text(sorted(names - {'.lock'}))}); "
            "give an empty or a new folder"
        )


def _refuse_other_vectors(collection: Collection, files: HeardFiles) -> None:
    has, come = collection.settings, files.settings
    if has == come and collection.about.shared.shape == (len(come.sounds), files.size):
        return
    raise SingeridError(
        f"{collection.where}: holds vectors by {has.encoder} of the {has.audio} ({has.identity}), and "
        f"{files.place.address} holds vectors by {come.encoder} of the {come.audio} ({come.identity}), which "
        "cannot be compared; collect them into another folder"
    )


def _alone(where: str) -> AbstractContextManager[None]:
    if is_url(where):
        return nullcontext()
    return locked(Path(where), "another command is adding to it; run this one again when that one has ended")


def _absolute(where: str) -> str:
    return where if is_url(where) else str(absolute(where))


def _chunks(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + _FILES] for start in range(0, len(items), _FILES)]


def _in_parts(chosen: Sequence[tuple[str, Kept]]) -> list[list[tuple[str, Kept]]]:
    """Group files into parts of about `PART` recordings."""
    parts: list[list[tuple[str, Kept]]] = []
    room = 0
    for path, kept in chosen:
        if room <= 0:
            parts.append([])
            room = PART
        parts[-1].append((path, kept))
        room -= int(kept.sum())
    return parts
