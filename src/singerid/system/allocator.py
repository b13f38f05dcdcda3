"""Memory that is asked for again and again: freed and kept, instead of handed back to the system each time.

A step of training allocates maps of tens of megabytes and frees them. The C library of Linux (glibc) gets
so large a piece from the system each time, page by page and filled with zeros, which takes a fifth of a
step (docs/performance.md).
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# mallopt(3): how much is kept at the heap's end; which pieces are mapped one by one, by size and number;
# how many heaps there are.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -3, -4, -8
# What is set stops glibc from raising its thresholds by itself: afterwards they stand where they would end.
_TRIM_THRESHOLD_AFTER, _MMAP_THRESHOLD_AFTER, _MMAP_MAX_DEFAULT = 2**26, 2**25, 65_536
_ALL = 2**31 - 1


@contextmanager
def memory_kept() -> Iterator[None]:
    """Within, freed memory stays with this process; afterwards it is handed back. Linux with glibc only.

    It concerns the whole process: of two that overlap, the end of the first is the end of both.
    """
    library = _glibc()
    if library is None:
        yield
        return
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_TRIM_THRESHOLD, _ALL)
    try:
        yield
    finally:
        library.mallopt(_MMAP_MAX, _MMAP_MAX_DEFAULT)
        library.mallopt(_TRIM_THRESHOLD, _TRIM_THRESHOLD_AFTER)
        library.mallopt(_MMAP_THRESHOLD, _MMAP_THRESHOLD_AFTER)
        library.malloc_trim(0)


def one_heap() -> None:
    """Let all threads of this process share one heap, for good. Linux with glibc only.

    glibc gives threads heaps of their own, and what one of them has freed no other can use: a process that
    listens to recordings takes a tenth more memory for it, and is no faster. It has to be called before there
    are threads. Programs call it, functions do not: it cannot be taken back.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(_ARENA_MAX, 1)


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc: others lack `gnu_get_libc_version`."""
    try:
        library = ctypes.CDLL(None)
        _ = library.gnu_get_libc_version, library.mallopt, library.malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return library
