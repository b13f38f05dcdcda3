"""Keeping freed memory in the process for the next allocation, instead of handing it back to the system.

A step of training allocates maps of tens of megabytes and frees them. By default the C library of Linux
(glibc) asks the system for each such large block anew. The system delivers it page by page and filled with
zeros, which takes a fifth of a step (docs/performance.md).
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# mallopt(3): how much free memory stays at the heap's end; from which size on blocks are mapped one by one,
# and how many of them; how many heaps there are.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -3, -4, -8
# Once a threshold is set, glibc no longer raises it by itself. So afterwards they get the values that glibc
# would have raised them to.
_TRIM_THRESHOLD_AFTER, _MMAP_THRESHOLD_AFTER, _MMAP_MAX_DEFAULT = 2**26, 2**25, 65_536
_ALL = 2**31 - 1


@contextmanager
def memory_kept() -> Iterator[None]:
    """Inside this context, freed memory stays with the process; at its end it is handed back to the system.

    Linux with glibc only; elsewhere nothing changes. The setting holds for the whole process: when two such
    contexts overlap, it ends for both as soon as one of them ends.
    """
    library = glibc()
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
    """Let all threads of this process share one heap, until the process ends. Linux with glibc only.

    By default glibc gives each thread a heap of its own, and other threads cannot use the memory freed there.
    A process that listens to recordings then takes a tenth more memory and is no faster. Call this before
    any thread is started. It cannot be undone, so only programs should call it, not library functions.
    """
    library = glibc()
    if library is not None:
        library.mallopt(_ARENA_MAX, 1)


def glibc() -> ctypes.CDLL | None:
    """The C library if it is glibc, else None: other C libraries lack `gnu_get_libc_version`."""
    try:
        library = ctypes.CDLL(None)
        _ = library.gnu_get_libc_version, library.mallopt, library.malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return library
