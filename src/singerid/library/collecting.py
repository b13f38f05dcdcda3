"""Filling a collection from the Parquet files of heard recordings.

First it is told which recordings of the files are new. Then, what all recordings share; then the new ones are
added, each part at once or not at all. Killed anywhere, the next time finds what is there already: by keys of
eight bytes, so a run takes some tens of bytes of memory for each recording.

Letters in shapes: N recordings, K sounds, D size of a vector.
"""

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

PART = 32_768
"""Recordings that are added at once."""

# What is taken off may differ by so much from what all recordings share: it hardly moves the second place of
# a score. Beyond that all vectors are made anew, which happens while they are few.
_MOVED = 0.01
_FEW = 2  # of few recordings a part of their mean is taken off, N / (N + 2), as a library does
_FILES = 64  # are looked into at a time
_DELETED = 1000  # rows in one statement

Spread = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[Any]]
"""Does something with each of a sequence, here or elsewhere; gives what came of each, in any order."""


@dataclass(frozen=True)
class CollectReport:
    """What came of collecting.

    Attributes:
        added: recordings.
        known: usable rows of recordings that the collection had already, or that came twice.
        unused: rows of recordings that could not be used, or in which nobody sings.
        count: recordings of the collection now.
        index: how it is searched.
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
    say: Callable[[str], None] = lambda _: None,
    finish: Callable[..., IndexChoice] = bring_up_to_date,
) -> CollectReport:
    """Make a collection of heard recordings, or add those that it does not have.

    Args:
        parquet: folder or address of Parquet files.
        where: folder or address of the collection; made when missing.
        spread: has files read and rows added on many machines; by default here, one after the other.
        say: told what is being done.
        finish: chooses how the collection is searched.

    Raises:
        SingeridError: no file can be used, the files or the collection hold other vectors, or the collection
            cannot be written.
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
        have = _keys_in(collection)
        say(f"looking into {counted(len(files.paths), 'file')}")
        found = _look(files, have, spread)
        failures = (*files.failures, *found.failures)
        if found.added:
            collection = _ready(lancedb, where, collection, files, found)
            say(f"adding {counted(found.added, 'recording')}")
            for _ in spread(partial(_write, files, _absolute(where)), _in_parts(found.chosen)):
                pass
            if len(collection) != len(have[0]) + found.added:  # a machine died, and its part came twice
                _keys_in(collection)
        elif collection is None:
            raise SingeridError(
                str(failures[0])
                if failures
                else f"{parquet}: nobody is heard to sing in any of {counted(found.rows, 'recording')}"
            )
        _tidy(collection)
        index = finish(collection, say)
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
    """What the files have.

    Attributes:
        chosen: files with new recordings, and which of their rows those are.
        total: (K, D) the sum of their vectors.
        added: how many they are.
        usable: rows that could be added.
        rows: all rows.
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
        if not damaged:  # else their recordings may be in other files, too
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
    """Of each file the rows of recordings that nobody has yet: (path, (N,)), without files that have none.

    Of rows that are one recording, by its sound or by its file, the first is taken; first comes what tells
    who sings.
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
    """Whether each key is among sorted ones."""
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
    """The sum of new vectors, (K, D), and files that turn out to be damaged."""
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
    """Add new rows; gives how many."""
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


def _keys_in(collection: Collection | None) -> tuple[Keys, Keys]:
    """Sorted keys of what is in a collection, by sound and by file; what is in it twice is taken out once."""
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
    """The collection, with what all of its recordings share, also those that are to be added."""
    count, total = found.added, found.total.copy()
    if collection is not None:
        count += len(collection)
        for batch in collection.batches([VECTOR]):
            total += collection.about.heard(matrix_of(batch[VECTOR])).sum(0)
    # The voice that one recording has is no mean to take off: what is left would be noise.
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
    """Join small parts, bring the index up to date, and remove what nothing needs any more."""
    with lance_errors(collection.where), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # others that read it now have to open it again
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
            "give an empty folder, or one that is not there yet"
        )


def _refuse_other_vectors(collection: Collection, files: HeardFiles) -> None:
    has, come = collection.settings, files.settings
    if has == come and collection.about.shared.shape == (len(come.sounds), files.size):
        return
    raise SingeridError(
        f"{collection.where}: holds vectors of {has.encoder} of the {has.audio} ({has.identity}), and "
        f"{files.place.address} those of {come.encoder} of the {come.audio} ({come.identity}), which cannot "
        "be compared; collect them into another folder"
    )


def _alone(where: str) -> AbstractContextManager[None]:
    if is_url(where):
        return nullcontext()
    return locked(Path(where), "another command is adding to it; run this one again when that has ended")


def _absolute(where: str) -> str:
    return where if is_url(where) else str(absolute(where))


def _chunks(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + _FILES] for start in range(0, len(items), _FILES)]


def _in_parts(chosen: Sequence[tuple[str, Kept]]) -> list[list[tuple[str, Kept]]]:
    """Files, put together until they have a part's recordings."""
    parts: list[list[tuple[str, Kept]]] = []
    room = 0
    for path, kept in chosen:
        if room <= 0:
            parts.append([])
            room = PART
        parts[-1].append((path, kept))
        room -= int(kept.sum())
    return parts
