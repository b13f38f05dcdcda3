"""Work in processes: every result arrives, and when a process dies only its own item is lost."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from singerid.system.processes import WorkerDied, each_in_processes


def double(item: int) -> int:
    return 2 * item


def die_of_seven(item: int) -> int:
    if item == 7:
        os.abort()
    return 2 * item


def refuse(item: int) -> int:
    raise ValueError(f"no {item}")


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_comes_with_its_own_result(workers: int) -> None:
    assert sorted(each_in_processes(double, range(20), workers)) == [(item, 2 * item) for item in range(20)]


def test_nothing_to_do_starts_nothing() -> None:
    assert list(each_in_processes(double, [], 8)) == []


def test_when_a_process_dies_only_its_item_is_lost() -> None:
    results = dict(each_in_processes(die_of_seven, range(12), 2))
    assert isinstance(results.pop(7), WorkerDied)
    assert results == {item: 2 * item for item in range(12) if item != 7}


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_work_raises_is_raised(workers: int) -> None:
    with pytest.raises(ValueError, match="no "):
        list(each_in_processes(refuse, range(5), workers))


class Numbered:
    """Work that returns how often this object was called."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, item: int) -> int:
        self.done += 1
        return self.done


def test_a_process_keeps_its_work_object_from_item_to_item() -> None:
    counts = [count for _, count in each_in_processes(Numbered(), range(20), 2)]
    assert max(counts) >= 10


ORPHANS = """
import os, sys, time
from singerid.system.processes import each_in_processes
def work(item):
    print(os.getpid(), flush=True)
    time.sleep(3600)
if __name__ == "__main__":
    list(each_in_processes(work, [1, 2], 2))
"""


def test_workers_do_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
    try:
        parent.communicate(timeout=60)  # the pipe ends only when all who could write to it are gone
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
