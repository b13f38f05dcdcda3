"""How a large collection is searched: exactly, or by an index whose recall was measured on the collection.

An index looks at a part of the recordings alone, so it misses some of the nearest. How many it misses depends
on the voices, and no setting is good for all. So each index is measured here against exact search, and kept
only if it finds nearly all; otherwise every recording is compared.

Letters in shapes: N recordings, Q queries, D size of a vector.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from singerid.library.collection import (
    VECTOR,
    Collection,
    IndexChoice,
    import_lancedb,
    lance_errors,
)
from singerid.library.parquet_rows import matrix_of
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
_AGAIN = 2.0  # so many times the recordings, and the index is chosen anew
_REFINE = (1, 2, 5, 10, 20, 50)
_ALBUM = 30  # recordings in a folder that is one
_FEW = 20  # queries that tell how long comparing all takes


@dataclass(frozen=True)
class Kind:
    """An index of LanceDB.

    Attributes:
        name: as LanceDB has it.
        options: of it.
        partition: recordings in each of its partitions, about.
        is_exact: what it looks at is compared exactly; else it keeps vectors in a coarser form.
    """

    name: str
    options: dict[str, Any]
    partition: int
    is_exact: bool = False

    def config(self, count: int) -> Any:
        """What LanceDB makes it by, of so many recordings."""
        index = import_lancedb().index
        return getattr(index, self.name)(
            distance_type="cosine", num_partitions=self.partitions(count), **self.options
        )

    def partitions(self, count: int) -> int:
        """How many it has of so many recordings."""
        return max(1, round(count / self.partition))


# The order is that of docs/collections.md: the fastest that was measured comes first.
KINDS: tuple[Kind, ...] = (
    Kind("IvfSq", {}, 1000),
    Kind("IvfPq", {"num_sub_vectors": 48}, 1000),
    Kind("IvfFlat", {}, 1000, is_exact=True),
)


@dataclass(frozen=True, eq=False)
class Exam:
    """Queries with their true answers.

    Attributes:
        queries: (Q, D), as the table has them.
        left_out: of each the row numbers that it is asked about as if they were not there.
        nearest: (Q, 10) of the other rows that are nearest to each.
    """

    queries: FloatArray
    left_out: tuple[IntArray, ...]
    nearest: IntArray

    def few(self) -> "Exam":
        """Some of it."""
        return Exam(self.queries[:_FEW], self.left_out[:_FEW], self.nearest[:_FEW])

    def measure(self, collection: Collection, choice: IndexChoice) -> IndexChoice:
        """The choice with its recall and how long queries take."""
        hits, seconds = 0, []
        for query, left_out, nearest in zip(self.queries, self.left_out, self.nearest, strict=True):
            most = NEAREST + len(left_out)
            start = time.perf_counter()
            found = collection.search(query, most, choice, ["_rowid", "_distance"])["_rowid"]
            seconds.append(time.perf_counter() - start)
            others = [row for row in found.to_pylist() if row not in left_out][:NEAREST]
            hits += len(set(others) & set(nearest.tolist()))
        middle, slow = (1000 * float(np.quantile(seconds, share)) for share in (0.5, 0.95))
        return replace(
            choice,
            count=len(collection),
            recall=hits / self.nearest.size,
            queries=len(self.queries),
            median_ms=round(middle, 2),
            slow_ms=round(slow, 2),
        )


def make_exam(collection: Collection, seed: int = 0) -> Exam:
    """Some recordings as queries, and by comparing all what is nearest to each.

    Each is asked about as if its folder were not there, which mostly is its album: that is most like it, and
    too easily found. Whoever asks about a new file has no other one of its album there.
    """
    count = len(collection)
    which = np.sort(np.random.default_rng(seed).choice(count, min(QUERIES, count), replace=False))
    with lance_errors(collection.where):
        taken = (
            collection.table.take_offsets(which.tolist()).select(["path", VECTOR]).with_row_id().to_arrow()
        )
    asked = matrix_of(taken[VECTOR].combine_chunks())
    left_out = _folders(collection, taken["path"].to_pylist(), taken["_rowid"].to_pylist())
    return Exam(asked, left_out, exact_nearest(collection, asked, left_out))


def _folders(collection: Collection, paths: Sequence[str], own: Sequence[int]) -> tuple[IntArray, ...]:
    """The row numbers of all recordings in each one's folder; of a folder of very many its own alone."""
    found: dict[str, list[int]] = {_folder(path): [] for path in paths}
    for batch in collection.batches(["path", "_rowid"]):
        for path, row in zip(batch["path"].to_pylist(), batch["_rowid"].to_pylist(), strict=True):
            rows = found.get(_folder(path))
            if rows is not None and len(rows) <= _ALBUM:
                rows.append(row)
    folders = (found[_folder(path)] for path in paths)
    return tuple(
        np.array(rows if len(rows) <= _ALBUM else [row], np.int64)
        for row, rows in zip(own, folders, strict=True)
    )


def _folder(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[0]


def exact_nearest(
    collection: Collection, asked: FloatArray, left_out: Sequence[IntArray] | None = None
) -> IntArray:
    """Row numbers (Q, 10) of the nearest to each of (Q, D), nearest first, by comparing all.

    Args:
        collection: which.
        asked: the queries, as its table has them.
        left_out: row numbers that are no answer to each; None: all may be.
    """
    best = np.full((len(asked), NEAREST), -np.inf, np.float32)
    rows: NDArray[np.int64] = np.full((len(asked), NEAREST), -1, np.int64)
    for batch in collection.batches([VECTOR, "_rowid"]):
        numbers = batch["_rowid"].to_numpy(zero_copy_only=False).astype(np.int64)
        scores = asked @ matrix_of(batch[VECTOR]).T
        for line, out in zip(scores, left_out or (), strict=False):
            line[np.isin(numbers, out)] = -np.inf
        scores = np.concatenate((best, scores), axis=1)
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
        if kept is not None and kept.kind:
            collection.index = None
            _drop(collection)
        collection.index = choice
        return choice
    # Up to EXACT_MOST nothing was measured.
    was_measured = kept is not None and bool(kept.queries)
    if kept is not None and was_measured and kept.count == count:
        return kept
    is_due = kept is None or not was_measured or count >= _AGAIN * kept.made_of
    if kept is not None and not is_due and not kept.kind:  # no index was good, which few more do not change
        collection.index = replace(kept, count=count)
        return replace(kept, count=count)
    say("finding the true nearest of some recordings, to measure by")
    exam = make_exam(collection)
    if kept is not None and not is_due:
        say("measuring the index again")
        measured = exam.measure(collection, kept)
        if measured.recall >= NEEDED:
            collection.index = measured
            return measured
    return _choose(collection, exam, kinds, say)


def _choose(
    collection: Collection, exam: Exam, kinds: Sequence[Kind], say: Callable[[str], None]
) -> IndexChoice:
    collection.index = None  # until one is measured every recording is compared
    found: list[tuple[Kind, IndexChoice]] = []
    tried = []
    last: Kind | None = None
    for kind in kinds:
        say(f"making an index, {kind.name}")
        seconds = build(collection, kind)
        last = kind
        tuned = tune(collection, kind, exam)
        tuned = replace(tuned, seconds=round(seconds, 1))
        tried.append(told(tuned))
        say(tried[-1])
        if tuned.recall >= NEEDED:
            found.append((kind, tuned))
            if tuned.slow_ms <= FAST_MS:
                break
    exact = exam.few().measure(collection, IndexChoice("", len(collection), len(collection)))
    tried.append(told(exact))
    best = min(found, key=lambda each: each[1].median_ms, default=None)
    if best is None or not _is_worth_it(best[1], exact):
        _drop(collection)
        choice = exact
    else:
        if best[0] is not last:
            build(collection, best[0])
        choice = best[1]
    choice = replace(choice, tried=tuple(tried))
    collection.index = choice
    return choice


def _is_worth_it(choice: IndexChoice, exact: IndexChoice) -> bool:
    """Whether it is faster than comparing all."""
    return choice.median_ms < exact.median_ms


def build(collection: Collection, kind: Kind) -> float:
    """Make an index in place of the one that there is; gives the seconds that it took."""
    start = time.perf_counter()
    with lance_errors(collection.where):
        collection.table.create_index(VECTOR, config=kind.config(len(collection)), name=_NAME, replace=True)
    return time.perf_counter() - start


def tune(collection: Collection, kind: Kind, exam: Exam, needed: float = NEEDED) -> IndexChoice:
    """The least work with which an index that was made finds enough; where none does, the most work."""
    count = len(collection)
    partitions = kind.partitions(count)
    choice = IndexChoice(kind.name, count, count, partitions, refine=0 if kind.is_exact else _REFINE[-1])
    steps = sorted({min(partitions, round(2 ** (step / 2))) for step in range(24)})
    for probes in steps:  # what is asked for first is compared exactly as often as can be
        choice = exam.measure(collection, replace(choice, probes=probes))
        if choice.recall >= needed:
            break
    else:
        return choice
    for refine in () if kind.is_exact else _REFINE:
        less = exam.measure(collection, replace(choice, refine=refine))
        if less.recall >= needed:
            return less
    return choice


def told(choice: IndexChoice) -> str:
    """A choice in words."""
    if not choice.kind:
        measured = f": {choice.median_ms:.1f} ms a query" if choice.queries else ""
        return f"every recording is compared{measured}"
    refine = f", {choice.refine} times as many compared exactly" if choice.refine else ""
    return (
        f"{choice.kind}: finds {choice.recall:.1%} of the true ten nearest of {choice.queries} recordings, "
        f"{choice.median_ms:.1f} ms a query, {choice.slow_ms:.1f} ms for 19 in 20 at most "
        f"({choice.probes} of {choice.partitions} partitions{refine}; made in {choice.seconds:.0f} s)"
    )


def _drop(collection: Collection) -> None:
    with lance_errors(collection.where):
        if any(one.name == _NAME for one in collection.table.list_indices()):
            collection.table.drop_index(_NAME)
