"""The length that a file declares: quick to read, and good enough for planning."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

_AT_ONCE = 256  # files that one task of a cluster reads
_BYTES_A_SECOND = 32_000  # assumed for a file that does not declare its length


def told_seconds(path: Path) -> float:
    """Length of a file in seconds from its header, or estimated from its size; 0 if it cannot be read.

    The decoded length may differ; everywhere else the decoded length counts.
    """
    import av

    try:
        with av.open(str(path)) as container:
            if container.duration:
                return float(container.duration) / 1_000_000
    except (OSError, ValueError, av.FFmpegError):
        pass
    return _by_size(path)


def _by_size(path: Path) -> float:
    try:
        return path.stat().st_size / _BYTES_A_SECOND
    except (OSError, ValueError):
        return 0.0


def lengths_on_cluster(ray: Any, paths: Sequence[str]) -> list[float]:
    """`told_seconds` of many files, read by a Ray cluster to which this process is connected."""
    read = ray.remote(_told).options(num_cpus=0.5)
    parts = [list(paths[first : first + _AT_ONCE]) for first in range(0, len(paths), _AT_ONCE)]
    lengths: list[float] = []
    for part, reply in [(part, read.remote(part)) for part in parts]:
        try:
            lengths += ray.get(reply)
        except ray.exceptions.RayError:  # a file that crashes the reader is reported when it is decoded
            lengths += [_by_size(Path(path)) for path in part]
    return lengths


def _told(paths: list[str]) -> list[float]:
    return [told_seconds(Path(path)) for path in paths]
