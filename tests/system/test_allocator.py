"""Memory that is kept between allocations: counted in pages that the system hands out.

Each test asks a process of its own: what earlier tests left free in this one's heap would be used first.
"""

import subprocess
import sys

import pytest

from singerid.system.allocator import glibc

pytestmark = pytest.mark.skipif(glibc() is None, reason="this system's C library is not glibc")

PREPARED = """
import resource
import torch
from singerid.system import allocator
from singerid.system.allocator import memory_kept

BYTES = 48 * 2**20  # more than the C library keeps by itself
PAGES = BYTES // resource.getpagesize()

def new_pages():
    # Pages that the system hands out while four tensors are made and dropped, each a little smaller.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for share in (1.0, 0.95, 0.9, 0.85):
        torch.ones(int(share * BYTES / 4))
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1])

def stays():
    # Pages that are still held once eight tensors are dropped. The C library keeps a few free pieces that
    # lie within its heap: how many depends on where the system put it, so new_pages() tells less here.
    before = resident()
    tensors = [torch.ones(BYTES // 4) for _ in range(8)]
    del tensors
    return resident() - before

def expect(held, *figures):
    assert held, (PAGES, *figures)
"""


def run(script: str) -> None:
    # Where the system puts a heap is drawn anew for each process, and it may take pages back meanwhile: a
    # process that is unlucky says nothing, three that are say something.
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", PREPARED + script], capture_output=True, text=True)
        if done.returncode == 0:
            return
    raise AssertionError(done.stderr)


def test_freed_memory_is_kept_in_the_context_and_handed_back_after_it():
    run("""
first = new_pages()
with memory_kept():
    within = new_pages()
    kept = stays()
after = stays()
expect(first > 3 * PAGES, first)
expect(within < 1.5 * PAGES, within)
expect(kept > 6 * PAGES, kept)
expect(after < 4 * PAGES, after)
""")


def test_an_error_ends_the_context():
    run("""
try:
    with memory_kept():
        raise KeyError
except KeyError:
    pass
after = stays()
expect(after < 4 * PAGES, after)
""")


def test_without_glibc_nothing_happens():
    run("""
allocator.glibc = lambda: None
with memory_kept():
    within = new_pages()
expect(within > 3 * PAGES, within)
""")


def test_afterwards_the_process_is_small_again():
    run("""
before = resident()
with memory_kept():
    for _ in range(3):
        tensors = [torch.ones(BYTES // 4) for _ in range(4)]
    del tensors
    within = resident() - before
after = resident() - before
expect(within > 2 * PAGES, within)
expect(after < PAGES, after)
""")


HEAPS = """
import ctypes, tempfile
from threading import Barrier, Thread

def heaps():
    # As the C library tells them, after threads that allocate and are there at once.
    barrier = Barrier(6)
    def work():
        piece = bytearray(10_000)
        barrier.wait()
    threads = [Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    library = ctypes.CDLL(None)
    library.fopen.restype = ctypes.c_void_p
    with tempfile.NamedTemporaryFile() as file:
        told = ctypes.c_void_p(library.fopen(file.name.encode(), b"w"))
        library.malloc_info(0, told)
        library.fclose(told)
        return file.read().count(b"<heap nr=")
"""


def test_threads_share_one_heap():
    run(HEAPS + "allocator.one_heap()\nfound = heaps()\nexpect(found == 1, found)")
    run(HEAPS + "found = heaps()\nexpect(found > 1, found)")
