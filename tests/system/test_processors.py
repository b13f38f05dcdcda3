"""As many processors as this process may use: by affinity, and by control groups of both versions."""

import os
from pathlib import Path

import pytest
import torch

from programs import MAIN
from singerid.system.devices import use_threads
from singerid.system.processors import usable_processors

affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system does not bind processes to processors"
)


@pytest.fixture
def many(monkeypatch):
    """A process that may run on 64 processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 64, raising=False)


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def version_2(root: Path, group: str = "/", seen: str = "/") -> Path:
    """Write a tree of control groups of version 2, with this process's group and the mounted group."""
    write(
        root,
        **{
            "proc/self/cgroup": f"0::{group}\n",
            "proc/self/mountinfo": "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
            f"30 22 0:26 {seen} /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n",
        },
    )
    return root / "sys/fs/cgroup"


def version_1(root: Path, group: str = "/", seen: str = "/") -> Path:
    write(
        root,
        **{
            "proc/self/cgroup": f"12:pids:{group}\n4:cpu,cpuacct:{group}\n3:cpuset:{group}\n0::/\n",
            "proc/self/mountinfo": f"30 22 0:26 {seen} /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
            f"31 22 0:27 {seen} /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n",
        },
    )
    return root / "sys/fs/cgroup/cpu,cpuacct"


QUOTAS = [("200000", "100000", 2), ("150000", "100000", 2), ("50000", "100000", 1), ("6400000", "50000", 64)]


@pytest.mark.parametrize(("quota", "period", "expected"), [*QUOTAS, ("max", "100000", 64)])
def test_version_2(quota, period, expected, many, tmp_path):
    write(version_2(tmp_path), **{"cpu.max": f"{quota} {period}\n"})
    assert usable_processors(tmp_path) == expected


@pytest.mark.parametrize(("quota", "period", "expected"), [*QUOTAS, ("-1", "100000", 64)])
def test_version_1(quota, period, expected, many, tmp_path):
    write(version_1(tmp_path), **{"cpu.cfs_quota_us": f"{quota}\n", "cpu.cfs_period_us": f"{period}\n"})
    assert usable_processors(tmp_path) == expected


def test_no_group_has_more_than_those_above_it(many, tmp_path):
    tree = version_2(tmp_path, group="/user/job")
    write(tree / "user/job", **{"cpu.max": "800000 100000"})
    assert usable_processors(tmp_path) == 8
    write(tree / "user", **{"cpu.max": "300000 100000"})
    assert usable_processors(tmp_path) == 3
    write(tree / "other", **{"cpu.max": "100000 100000"})
    assert usable_processors(tmp_path) == 3


@pytest.mark.parametrize("seen", ["/docker/1234", "/"])
@pytest.mark.parametrize("version", [version_1, version_2])
def test_a_container_whose_group_has_its_outside_path(version, seen, many, tmp_path):
    """Only the container's own group is mounted, whatever path the mount shows."""
    tree = version(tmp_path, group="/docker/1234", seen=seen)
    write(tree, **{"cpu.max": "400000 100000", "cpu.cfs_quota_us": "400000", "cpu.cfs_period_us": "100000"})
    assert usable_processors(tmp_path) == 4


@pytest.mark.parametrize("text", ["", "rubbish", "200000", "0 0", "1 2 3", "\udcff"])
def test_files_that_say_nothing_limit_nothing(text, many, tmp_path):
    tree = version_2(tmp_path)
    tree.mkdir(parents=True)
    (tree / "cpu.max").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert usable_processors(tmp_path) == 64
    (tmp_path / "proc/self/mountinfo").write_text("rubbish\n - \n1 2 3 - cgroup2\n")
    (tmp_path / "proc/self/cgroup").write_text("rubbish\n:\n0::\n")
    assert usable_processors(tmp_path) == 64


def test_without_such_files_it_is_what_it_may_run_on(many, tmp_path):
    assert usable_processors(tmp_path) == 64


ONE_PROCESSOR = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"


@affinity
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="this machine has one processor")
def test_a_process_that_is_bound_to_one_uses_one(singerid):
    code = (
        f"{ONE_PROCESSOR}import torch; from types import SimpleNamespace as S\n"
        "from singerid.system.processors import usable_processors\n"
        "from singerid.system.devices import use_threads\n"
        "from singerid.preparation.prepare import usual_workers\n"
        "torch.set_num_threads(8); use_threads(None)\n"
        "jobs = [S(source=S(source_size=10**9))] * 9\n"
        "work = S(separator=None, trackers=(), encoders={})\n"
        "print(usable_processors(), torch.get_num_threads(), usual_workers(jobs, work))"
    )
    done = singerid(code=code)
    assert done.stdout == "1 1 1\n", done.stderr


@affinity
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="this machine has one processor")
def test_the_doctor_says_so(singerid):
    done = singerid("doctor", code=f"{ONE_PROCESSOR}{MAIN}", COLUMNS="200")
    assert f"{os.cpu_count()} cores, of which this process may use 1, 1 thread used" in done.stdout


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_torch_takes_no_more_threads_than_there_are_processors_to_use(threads, monkeypatch):
    monkeypatch.setattr("singerid.system.devices.usable_processors", lambda: 3)
    for before, after in ((8, 3), (2, 2)):
        threads(before)
        use_threads(None)
        assert torch.get_num_threads() == after
    use_threads(5)  # who says a number, means it
    assert torch.get_num_threads() == 5


def test_processors_are_counted_in_one_place():
    import singerid

    source = Path(singerid.__file__).parent
    counting = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if "cpu_count" in path.read_text(encoding="utf-8")
    }
    assert counting == {"system/processors.py", "doctor.py"}  # the doctor tells both numbers
    tools = Path(__file__).parents[2] / "tools"
    assert not [path for path in tools.rglob("*.py") if "cpu_count" in path.read_text(encoding="utf-8")]
