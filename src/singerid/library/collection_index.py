"""How a large collection is searched: exactly, or by an index whose recall was measured on the collection.

An index looks at a part of the recordings alone, so it misses some of the nearest. How many it misses depends
on the voices, and no setting is good for all. So each index is measured here against exact search, by
recordings that are taken out of the table meanwhile; it is kept only if it finds nearly all. Otherwise every
recording is compared.

Letters in shapes: N recordings, Q queries, D size of a vector.
"""

import time
from collections.abc import Callable, Iterator, Sequence
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

EXACT_MOST = 200_000
"""Up to so many recordings all are compared with each query."""
NEEDED = 0.98
"""Share of the true ten nearest that an index has to find."""
FAST_MS = 20.0
"""Of 19 queries in 20: an index so fast ends the search for a better one."""
QUERIES = 500
NEAREST = 10

_NAME = "voices"
_HELD = "held"  # the table of what is taken out meanwhile
_AGAIN = 1.2  # so many times the recordings, and the index is chosen anew
_PIECES = 10  # of an index: each time that it learns of new rows there is one more, which takes time
_REFINE = (1, 2, 5, 10)
_ALBUM = 30  # recordings in a folder that is one
_ROUGH = 100  # queries that tell whether it is worth asking all
_FEW = 20  # queries that tell how long comparing all takes
_WORST_MISS = 0.03  # of a few queries, where all of them may still find enough


@dataclass(frozen=True)
class Kind:
    """An index of LanceDB.

    Attributes:
        name: as LanceDB has it.
        options: of it.
        partition: recordings in each of its partitions, about.
        is_exact: what it looks at is compared exactly; else it keeps vectors in a coarser form.
        is_graph: it walks from neighbour to neighbour, in all partitions; else it looks into some of them.
    """

    name: str
    options: dict[str, Any]
    partition: int
    is_exact: bool = False
    is_graph: bool = False

    def config(self, count: int) -> Any:
        """What LanceDB makes it by, of so many recordings."""
        index = import_lancedb().index
        return getattr(index, self.name)(
            distance_type="cosine", num_partitions=self.partitions(count), **self.options
        )

    def partitions(self, count: int) -> int:
        """How many it has of so many recordings."""
        return max(1, round(count / self.partition))

    def choices(self, count: int) -> list[IndexChoice]:
        """How it can be searched, the least work first."""
        partitions = self.partitions(count)
        start = IndexChoice(
            self.name, count, partitions, partitions, refine=0 if self.is_exact else _REFINE[-1]
        )
        steps = [round(2 ** (step / 2)) for step in range(24)]
        if self.is_graph:
            return [replace(start, walk=step) for step in steps if 30 < step <= 2000]
        return [replace(start, probes=step) for step in sorted({min(partitions, step) for step in steps})]


# The order is that of docs/collections.md: the quickest to make comes first. The partitions are as large as
# LanceDB has them: it joins smaller ones when an index learns of new rows, and the measure would be void.
KINDS: tuple[Kind, ...] = (
    Kind("IvfSq", {}, 8192),
    Kind("HnswSq", {}, 2**20, is_graph=True),
)


@dataclass(frozen=True, eq=False)
class Exam:
    """Queries with their true answers.

    Attributes:
        queries: (Q, D), as the table has them.
        nearest: (Q, 10) row numbers of what is nearest to each.
    """

    queries: FloatArray
    nearest: IntArray

    def first(self, count: int) -> "Exam":
        """Some of it."""
        return Exam(self.queries[:count], self.nearest[:count])

    def measure(self, collection: Collection, choice: IndexChoice) -> IndexChoice:
        """The choice with its recall, and how long queries take that ask for as many as `alike` does."""
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
    """Some recordings as queries, with what is nearest to each; they are taken out of the table meanwhile.

    What an index was made with it finds too easily: a graph leads to it. With each its folder is taken out,
    which mostly is its album: that is most like it, and too easily found as well. Whoever asks about a new
    file has no other one of its album there.
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
    """Put what was held out into the table again; after a kill, too."""
    database = connected(import_lancedb(), collection.where)
    with lance_errors(collection.where):
        try:
            held = database.open_table(_HELD).to_arrow()
        except ValueError:  # nothing is
            return
        there: set[int] = set()
        own = {int(key) for batch in held.to_batches() for key in keys_of(batch)[0]}
        for batch in collection.batches([*SOUND_COLUMNS, *FILE_COLUMNS]):
            there |= own & {int(key) for key in keys_of(batch)[0]}
        if not there:  # all of them were taken out at once, and so are they put back
            collection.table.add(held.cast(collection.table.schema))
        database.drop_table(_HELD)


def _folders(collection: Collection, paths: Sequence[str], own: Sequence[int]) -> list[int]:
    """Row numbers of some recordings, and of all in their folders; not of those in a folder of very many."""
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
    """Row numbers (Q, 10) of the nearest to each of (Q, D), nearest first, by comparing all."""
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
    say: Callable[[str], None] = lambda _: None,
    kinds: Sequence[Kind] = KINDS,
    exact_most: int = EXACT_MOST,
) -> IndexChoice:
    """Choose how a collection is searched, where that is due, and keep the choice with it.

    Args:
        collection: which.
        say: told what is being done.
        kinds: of indexes, the likeliest first.
        exact_most: up to so many recordings there is no index.
    """
    count, kept = len(collection), collection.index
    if count <= exact_most:
        choice = IndexChoice("", count)
        collection.index = choice
        _drop(collection)
        return choice
    # Up to EXACT_MOST nothing was measured.
    if kept is not None and kept.queries and count < _AGAIN * kept.count and _pieces(collection) <= _PIECES:
        return kept
    collection.index = None  # until one is measured every recording is compared
    say("finding the true nearest of some recordings, to measure by")
    with holding_out(collection) as exam:
        choice = _choose(collection, exam, kinds, say)
    with lance_errors(collection.where):
        collection.table.optimize()  # the index learns of those that were held out
    collection.index = choice
    return choice


def _choose(
    collection: Collection, exam: Exam, kinds: Sequence[Kind], say: Callable[[str], None]
) -> IndexChoice:
    found: list[tuple[Kind, IndexChoice]] = []
    tried = []
    last: Kind | None = None
    for kind in kinds:
        say(f"making an index, {kind.name}")
        seconds = build(collection, kind)
        last = kind
        tuned = replace(tune(collection, kind, exam), seconds=round(seconds, 1))
        tried.append(told(tuned))
        say(tried[-1])
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
    """Whether it is faster than comparing all."""
    return choice.median_ms < exact.median_ms


def build(collection: Collection, kind: Kind) -> float:
    """Make an index in place of the one that there is; gives the seconds that it took."""
    start = time.perf_counter()
    with lance_errors(collection.where):
        collection.table.create_index(VECTOR, config=kind.config(len(collection)), name=_NAME, replace=True)
    return time.perf_counter() - start


def tune(collection: Collection, kind: Kind, exam: Exam) -> IndexChoice:
    """The least work with which an index that was made finds enough; where none does, the most work."""
    choices = kind.choices(len(collection))
    rough = exam.first(_ROUGH)
    for choice in choices:
        is_last = choice is choices[-1]
        if not is_last and rough.measure(collection, choice).recall < NEEDED - _WORST_MISS:
            continue
        measured = exam.measure(collection, choice)
        if measured.recall >= NEEDED or is_last:
            break
    # As many as can be were compared exactly so far.
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
