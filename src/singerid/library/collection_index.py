"""How a large collection is searched: exactly, or by an index whose recall was measured on the collection.

An index compares only a part of the recordings, so it misses some of the nearest. How many it misses depends
on the voices, and no setting is good for all collections. So each index is measured here against exact
search. The queries are recordings that are removed from the table for the measurement. The index is kept only
if it finds nearly all; otherwise every recording is compared.

Letters in shapes: N recordings, Q queries, D size of a vector.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from singerid.library.collection import (
    PLAIN,
    SPARE,
    VECTOR,
    Collection,
    IndexChoice,
    connected,
    import_lancedb,
    lance_errors,
)
from singerid.library.parquet_rows import FILE_COLUMNS, SOUND_COLUMNS, keys_of, matrix_of
from singerid.library.voiceprints import FloatArray, IntArray

_log = logging.getLogger(__name__)
EXACT_MOST = 200_000
"""Up to this many recordings, every query is compared with all of them."""
NEEDED = 0.98
"""Share of the true ten nearest recordings that an index has to find."""
FAST_MS = 20.0
"""If 19 of 20 queries take at most this many ms, no further kinds of index are tried."""
QUERIES = 500
NEAREST = 10

_NAME = "voices"
_HELD = "held"  # the table of the recordings that are removed for the measurement
_AGAIN = 1.2  # when a collection has grown by this factor, its index is chosen again
_PIECES = 10  # parts of an index, at most: each update with new rows adds one and makes queries slower
_REFINE = (1, 2, 5, 10)
_ALBUM = 30  # recordings in a folder, at most, for it to count as an album
_ROUGH = 100  # queries of a first rough measurement
_FEW = 20  # queries that measure how long comparing all takes
_WORST_MISS = 0.03  # a rough recall this far below `NEEDED` still gets the full measurement


@dataclass(frozen=True)
class Kind:
    """A kind of LanceDB index.

    Attributes:
        name: its name in LanceDB.
        options: its options.
        partition: approximate number of recordings in each partition.
        is_exact: it compares original vectors; otherwise it compares quantized ones.
        is_graph: it walks a graph of neighbours in all partitions; otherwise it searches some partitions.
    """

    name: str
    options: dict[str, Any]
    partition: int
    is_exact: bool = False
    is_graph: bool = False

    def config(self, count: int) -> Any:
        """LanceDB's configuration for this index over `count` recordings."""
        index = import_lancedb().index
        return getattr(index, self.name)(
            distance_type="cosine", num_partitions=self.partitions(count), **self.options
        )

    def partitions(self, count: int) -> int:
        """The number of partitions for `count` recordings."""
        return max(1, round(count / self.partition))

    def choices(self, count: int) -> list[IndexChoice]:
        """The ways to search it, the least work first."""
        partitions = self.partitions(count)
        start = IndexChoice(
            self.name, count, partitions, partitions, refine=0 if self.is_exact else _REFINE[-1]
        )
        steps = [round(2 ** (step / 2)) for step in range(24)]
        if self.is_graph:
            return [replace(start, walk=step) for step in steps if 30 < step <= 2000]
        return [replace(start, probes=step) for step in sorted({min(partitions, step) for step in steps})]


# The order is that of docs/collections.md: the quickest to make comes first. Partitions have LanceDB's own
# size: it joins smaller ones when it adds new rows to an index, and the measurement would no longer hold.
KINDS: tuple[Kind, ...] = (
    Kind("IvfSq", {}, 8192),
    Kind("HnswSq", {}, 2**20, is_graph=True),
)


@dataclass(frozen=True, eq=False)
class Exam:
    """Queries with their true answers.

    Attributes:
        queries: (Q, D), in the form of the table.
        nearest: (Q, 10) row numbers of the nearest recordings to each query.
    """

    queries: FloatArray
    nearest: IntArray

    def first(self, count: int) -> "Exam":
        """The first queries."""
        return Exam(self.queries[:count], self.nearest[:count])

    def measure(self, collection: Collection, choice: IndexChoice) -> IndexChoice:
        """The choice with its recall and the time of queries that ask for as many results as `alike`."""
        hits, seconds = 0, []
        for query, nearest in zip(self.queries, self.nearest, strict=True):
            start = time.perf_counter()
            found = collection.search(query, NEAREST + SPARE, choice, ["_rowid", "_distance"])["_rowid"]
            seconds.append(time.perf_counter() - start)
            hits += len(set(found.to_pylist()[:NEAREST]) & set(nearest.tolist()))
        middle, slow = (1000 * float(np.quantile(seconds, share)) for share in (0.5, 0.95))
        return replace(
            choice,
            recall=hits / self.nearest.size,
            queries=len(self.queries),
            median_ms=round(middle, 2),
            slow_ms=round(slow, 2),
        )


@contextmanager
def holding_out(collection: Collection, seed: int = 0) -> Iterator[Exam]:
    """Within, random recordings are queries with their true answers, and are removed from the table.

    An index finds a recording that it was made with too easily: its graph leads there. With each query its
    folder is removed, too, which mostly is its album. Songs of the same album are very similar and also found
    too easily, and a collection has no other song of a new file's album.
    """
    count = len(collection)
    which = np.sort(np.random.default_rng(seed).choice(count, min(QUERIES, count // 4), replace=False))
    database = connected(import_lancedb(), collection.where)
    with lance_errors(collection.where):
        asked = (
            collection.table.take_offsets(which.tolist()).select(["path", VECTOR]).with_row_id().to_arrow()
        )
        out = _folders(collection, asked["path"].to_pylist(), asked["_rowid"].to_pylist())
        held = collection.table.take_row_ids(out).select([*PLAIN, VECTOR]).to_arrow()
        database.create_table(_HELD, held, mode="overwrite")
        collection.write_again(collection.about, without=np.array(out, np.uint64))
    try:
        queries = matrix_of(asked[VECTOR].combine_chunks())
        yield Exam(queries, exact_nearest(collection, queries))
    finally:
        put_back(collection)


def put_back(collection: Collection) -> None:
    """Put the removed recordings back into the table, also those that a killed command has left out."""
    database = connected(import_lancedb(), collection.where)
    with lance_errors(collection.where):
        try:
            held = database.open_table(_HELD).to_arrow()
        except ValueError:  # nothing was removed
            return
        there: set[int] = set()
        own = {int(key) for batch in held.to_batches() for key in keys_of(batch)[0]}
        for batch in collection.batches([*SOUND_COLUMNS, *FILE_COLUMNS]):
            there |= own & {int(key) for key in keys_of(batch)[0]}
        if not there:  # all of them are removed at once and put back at once
            collection.table.add(held.cast(collection.table.schema))
        database.drop_table(_HELD)


def _folders(collection: Collection, paths: Sequence[str], own: Sequence[int]) -> list[int]:
    """Row numbers of some recordings and of all others in their folders; very large folders are left out."""
    found: dict[str, list[int]] = {_folder(path): [] for path in paths}
    for batch in collection.batches(["path", "_rowid"]):
        for path, row in zip(batch["path"].to_pylist(), batch["_rowid"].to_pylist(), strict=True):
            rows = found.get(_folder(path))
            if rows is not None and len(rows) <= _ALBUM:
                rows.append(row)
    albums = (rows for rows in found.values() if len(rows) <= _ALBUM)
    return sorted({*own, *(row for rows in albums for row in rows)})


def _folder(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[0]


def exact_nearest(collection: Collection, asked: FloatArray) -> IntArray:
    """Row numbers (Q, 10) of the nearest recordings to each of (Q, D), nearest first, by comparing all."""
    best = np.full((len(asked), NEAREST), -np.inf, np.float32)
    rows: NDArray[np.int64] = np.full((len(asked), NEAREST), -1, np.int64)
    for batch in collection.batches([VECTOR, "_rowid"]):
        numbers = batch["_rowid"].to_numpy(zero_copy_only=False).astype(np.int64)
        scores = np.concatenate((best, asked @ matrix_of(batch[VECTOR]).T), axis=1)
        every = np.concatenate((rows, np.broadcast_to(numbers, (len(asked), len(numbers)))), axis=1)
        first = np.argpartition(-scores, NEAREST - 1, axis=1)[:, :NEAREST]
        best, rows = np.take_along_axis(scores, first, 1), np.take_along_axis(every, first, 1)
    return np.take_along_axis(rows, np.argsort(-best, axis=1), 1)


def bring_up_to_date(
    collection: Collection,
    kinds: Sequence[Kind] = KINDS,
    exact_most: int = EXACT_MOST,
) -> IndexChoice:
    """Choose how a collection is searched, if a new choice is due, and store the choice in the collection.

    Args:
        collection: the collection.
        kinds: kinds of index, the most promising first.
        exact_most: up to this many recordings no index is made.
    """
    count, kept = len(collection), collection.index
    if count <= exact_most:
        choice = IndexChoice("", count)
        collection.index = choice
        _drop(collection)
        return choice
    # A stored choice without queries comes from a collection below EXACT_MOST and was not measured.
    if kept is not None and kept.queries and count < _AGAIN * kept.count and _pieces(collection) <= _PIECES:
        return kept
    collection.index = None  # until an index is measured, every recording is compared
    _log.info(f"{collection.where}: finding the true nearest recordings of some queries")
    with holding_out(collection) as exam:
        choice = _choose(collection, exam, kinds)
    with lance_errors(collection.where):
        collection.table.optimize()  # adds the recordings that were put back to the index
    collection.index = choice
    return choice


def _choose(collection: Collection, exam: Exam, kinds: Sequence[Kind]) -> IndexChoice:
    found: list[tuple[Kind, IndexChoice]] = []
    tried = []
    last: Kind | None = None
    for kind in kinds:
        _log.info(f"{collection.where}: making an index: {kind.name}")
        seconds = build(collection, kind)
        last = kind
        tuned = replace(tune(collection, kind, exam), seconds=round(seconds, 1))
        tried.append(told(tuned))
        _log.info(f"{collection.where}: {tried[-1]}")
        if tuned.recall >= NEEDED:
            found.append((kind, tuned))
            if tuned.slow_ms <= FAST_MS:
                break
    exact = exam.first(_FEW).measure(collection, IndexChoice("", len(collection)))
    tried.append(told(exact))
    best = min(found, key=lambda each: each[1].median_ms, default=None)
    if best is None or not _is_worth_it(best[1], exact):
        _drop(collection)
        return replace(exact, tried=tuple(tried))
    if best[0] is not last:
        build(collection, best[0])
    return replace(best[1], tried=tuple(tried))


def _is_worth_it(choice: IndexChoice, exact: IndexChoice) -> bool:
    """Whether an index is faster than comparing all recordings."""
    return choice.median_ms < exact.median_ms


def build(collection: Collection, kind: Kind) -> float:
    """Make an index in place of an older one; return the seconds that it took."""
    start = time.perf_counter()
    with lance_errors(collection.where):
        collection.table.create_index(VECTOR, config=kind.config(len(collection)), name=_NAME, replace=True)
    return time.perf_counter() - start


def tune(collection: Collection, kind: Kind, exam: Exam) -> IndexChoice:
    """The least work with which the index finds enough; if none is enough, the most work."""
    choices = kind.choices(len(collection))
    rough = exam.first(_ROUGH)
    for choice in choices:
        is_last = choice is choices[-1]
        if not is_last and rough.measure(collection, choice).recall < NEEDED - _WORST_MISS:
            continue
        measured = exam.measure(collection, choice)
        if measured.recall >= NEEDED or is_last:
            break
    # So far the largest number of candidates was compared exactly: try smaller numbers.
    for refine in () if kind.is_exact or measured.recall < NEEDED else _REFINE[:-1]:
        less = exam.measure(collection, replace(measured, refine=refine))
        if less.recall >= NEEDED:
            return less
    return measured


def told(choice: IndexChoice) -> str:
    """A choice in words."""
    if not choice.kind:
        measured = f": {choice.median_ms:.1f} ms a query" if choice.queries else ""
        return f"every recording is compared{measured}"
    work = f"{choice.probes} of {choice.partitions} partitions"
    work = f"walks of {choice.walk}" if choice.walk else work
    refine = f", {choice.refine} times as many compared exactly" if choice.refine else ""
    return (
        f"{choice.kind}: finds {choice.recall:.1%} of the true ten nearest of {choice.queries} recordings, "
        f"{choice.median_ms:.1f} ms a query, {choice.slow_ms:.1f} ms for 19 in 20 at most "
        f"({work}{refine}; made in {choice.seconds:.0f} s)"
    )


def _pieces(collection: Collection) -> int:
    with lance_errors(collection.where):
        statistics = collection.table.index_stats(_NAME)
    return 0 if statistics is None else statistics.num_indices or 0


def _drop(collection: Collection) -> None:
    with lance_errors(collection.where):
        if any(one.name == _NAME for one in collection.table.list_indices()):
            collection.table.drop_index(_NAME)
