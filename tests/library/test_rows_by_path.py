"""Heard recordings by their path, on the disk."""

import numpy as np

from singerid.library.heard_rows import HeardRow
from singerid.library.rows_by_path import RowsByPath


def row(path: str, **values: object) -> HeardRow:
    return HeardRow(path, size=3, changed_ns=2**62, **values)  # type: ignore[arg-type]


def test_rows_come_back_as_they_were() -> None:
    vectors = np.random.default_rng(0).standard_normal((2, 192)).astype(np.float32)
    rows = [
        row("/a", fingerprint="f", scheme=1, seconds=1.5, voice_seconds=0.25, short=True, vectors=vectors),
        row("/b", reason="is silent"),
        row("/a", decision="known", answer='{"singer": "Zoë"}', warning="w", singer="Zoë", album=""),
    ]
    found = RowsByPath(iter(rows))
    first, second = found.of("/a")
    assert first.vectors is not None
    np.testing.assert_array_equal(first.vectors, vectors)
    assert {**vars(first), "vectors": None} == {**vars(rows[0]), "vectors": None}
    assert vars(second) == vars(rows[2])
    assert [vars(one) for one in found.of("/b")] == [vars(rows[1])]
    assert list(found.of("/c")) == []


def test_many_rows_take_no_memory() -> None:
    import tracemalloc

    count, vectors = 20_000, np.ones((1, 192), np.float32)
    tracemalloc.start()
    found = RowsByPath(row(f"/{number}", answer="x" * 500, vectors=vectors) for number in range(count))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3e6, "Python holds the rows"  # 20,000 of them are 27 MB
    assert len(list(found.of("/19999"))) == 1
