"""Memory that is kept between allocations: counted in pages that the system hands out."""

import resource
import subprocess
import sys

import pytest
import torch

from singerid.memory import _glibc, memory_kept

pytestmark = pytest.mark.skipif(_glibc() is None, reason="this system's C library is not glibc")

BYTES = 48 * 2**20  # more than the C library keeps by itself
PAGES = BYTES // resource.getpagesize()


def new_pages() -> int:
    """Pages that the system hands out while four tensors are made and dropped, each a little smaller."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for share in (1.0, 0.95, 0.9, 0.85):
        torch.ones(int(share * BYTES / 4))
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_freed_memory_is_kept_within_and_handed_back_after():
    assert new_pages() > 3 * PAGES
    with memory_kept():
        assert new_pages() < 1.5 * PAGES
    assert new_pages() > 3 * PAGES


def test_an_error_within_ends_it():
    with pytest.raises(KeyError), memory_kept():
        raise KeyError
    assert new_pages() > 3 * PAGES


def test_without_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr("singerid.memory._glibc", lambda: None)
    with memory_kept():
        assert new_pages() > 3 * PAGES


def test_afterwards_the_process_is_small_again():
    script = (
        "import torch\n"
        "from singerid.memory import memory_kept\n"
        "def resident(): return int(open('/proc/self/statm').read().split()[1])\n"
        "before = resident()\n"
        "with memory_kept():\n"
        f"    for _ in range(3): tensors = [torch.ones({BYTES // 4}) for _ in range(4)]\n"
        "    del tensors\n"
        f"    assert resident() - before > 2 * {PAGES}\n"
        f"assert resident() - before < {PAGES}\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
