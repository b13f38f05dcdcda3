"""How many processors this process may use: a container or `taskset` may give it fewer than there are."""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def usable_processors(root: Path = Path("/")) -> int:
    """Processors that this process may use, at least 1.

    Those it may run on, and no more than its control groups let it use of their time: half a processor is
    one to start a worker on, and one and a half are two.

    Args:
        root: the folder that holds /proc and /sys.
    """
    if hasattr(os, "process_cpu_count"):  # since Python 3.13; heeds PYTHON_CPU_COUNT too
        allowed = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count()
    return max(1, min([allowed or 1, *(math.ceil(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """The processors' time that this process's control groups allow, in processors; of each that has a limit.

    Linux, both versions: https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max) and
    https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us).
    """
    own = dict(_groups(root))
    for kind, group, mounted in _hierarchies(root):
        if kind not in own:
            continue
        place = PurePosixPath(own[kind])
        # A container may see the name that its group has outside, though its own is all that is mounted.
        below = place.relative_to(group) if place.is_relative_to(group) else PurePosixPath()
        folder = root / mounted.lstrip("/") / below
        if not folder.is_dir():
            below, folder = PurePosixPath(), root / mounted.lstrip("/")
        for each in [
            folder,
            *list(folder.parents)[: len(below.parts)],
        ]:  # a group has no more than those above
            quota = _quota(each, kind)
            if quota is not None:
                yield quota


def _groups(root: Path) -> Iterator[tuple[str, str]]:
    """("cgroup" or "cgroup2", path) of the groups of this process that concern processors."""
    for line in _lines(root / "proc/self/cgroup"):
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            yield "cgroup2", path
        elif "cpu" in controllers.split(","):
            yield "cgroup", path


def _hierarchies(root: Path) -> Iterator[tuple[str, str, str]]:
    """Kind, group at its root, and folder of each mounted tree of groups that concern processors."""
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, (kind, _, options, *_) = before.split(), [*after.split(), "", "", ""]
        if len(fields) > 4 and (kind == "cgroup2" or (kind == "cgroup" and "cpu" in options.split(","))):
            yield kind, fields[3], fields[4]


def _quota(folder: Path, kind: str) -> float | None:
    """Processors' time that one group allows; None: as much as there is, or nothing is said."""
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
