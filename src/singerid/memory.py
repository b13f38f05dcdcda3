"""Memory that is asked for again and again: freed and kept, instead of handed back to the system each time.

A step of training allocates maps of tens of megabytes and frees them. The C library of Linux (glibc) gets
so large a piece from the system each time, page by page and filled with zeros, which takes a fifth of a
step (docs/performance.md).
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# mallopt(3): the number of pieces that may be mapped one by one, and what is handed back from the heap's end.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_MMAP_MAX_DEFAULT, _TRIM_THRESHOLD_DEFAULT = 65_536, 2**26
_ALL = 2**31 - 1


@contextmanager
def memory_kept() -> Iterator[None]:
    """Within, freed memory stays with this process; afterwards it is handed back. Linux with glibc only."""
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
        library.mallopt(_TRIM_THRESHOLD, _TRIM_THRESHOLD_DEFAULT)
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc: others lack `gnu_get_libc_version`."""
    try:
        library = ctypes.CDLL(None)
        _ = library.gnu_get_libc_version, library.mallopt, library.malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return library
