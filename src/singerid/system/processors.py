"""How many processors this process may use: a container or `taskset` may allow fewer than the machine has."""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def usable_processors(root: Path = Path("/")) -> int:
    """Number of processors that this process may use, at least 1.

    It counts the processors that the process may run on, limited by the processor time that its control
    groups allow, rounded up: 0.5 processors count as one, 1.5 as two.

    Args:
        root: the folder that contains proc and sys.
    """
    if hasattr(os, "process_cpu_count"):  # since Python 3.13; heeds PYTHON_CPU_COUNT too
        allowed = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count()
    return max(1, min([allowed or 1, *(math.ceil(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """For each control group of this process that has a limit: the allowed processor time, in processors.

    Linux, both versions: https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max) and
    https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us).
    """
    own = dict(_groups(root))
    for kind, group, mounted in _hierarchies(root):
        if kind not in own:
            continue
        place = PurePosixPath(own[kind])
        # In a container, the group may have its outside path although only the group itself is mounted.
        below = place.relative_to(group) if place.is_relative_to(group) else PurePosixPath()
        folder = root / mounted.lstrip("/") / below
        if not folder.is_dir():
            below, folder = PurePosixPath(), root / mounted.lstrip("/")
        for each in [
            folder,
            *list(folder.parents)[: len(below.parts)],
        ]:  # the limits of the groups above hold too
            quota = _quota(each, kind)
            if quota is not None:
                yield quota


def _groups(root: Path) -> Iterator[tuple[str, str]]:
    """("cgroup" or "cgroup2", path) of each control group of this process that limits processor time."""
    for line in _lines(root / "proc/self/cgroup"):
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            yield "cgroup2", path
        elif "cpu" in controllers.split(","):
            yield "cgroup", path


def _hierarchies(root: Path) -> Iterator[tuple[str, str, str]]:
    """Kind, group at the root, and mount folder of each mounted tree of groups that limit processor time."""
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, (kind, _, options, *_) = before.split(), [*after.split(), "", "", ""]
        if len(fields) > 4 and (kind == "cgroup2" or (kind == "cgroup" and "cpu" in options.split(","))):
            yield kind, fields[3], fields[4]


def _quota(folder: Path, kind: str) -> float | None:
    """Processor time that one group allows, in processors; None: no limit."""
    if kind == "cgroup2":
        numbers = " ".join(_lines(folder / "cpu.max")).split()
    else:
        numbers = [*_lines(folder / "cpu.cfs_quota_us"), *_lines(folder / "cpu.cfs_period_us")]
    try:
        quota, period = map(int, numbers)
    except ValueError:  # "max", or no such file
        return None
    return quota / period if quota > 0 and period > 0 else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
