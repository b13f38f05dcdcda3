"""A Ray cluster of this machine, for all tests of a file, and ears that its workers know."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from singerid.plugins import LOADED

EARS = Path(__file__).parent / "small_ears.py"


@contextmanager
def cluster_here(*plugins: Path) -> Iterator[None]:
    """Within, `--ray local` finds this cluster, whose workers run the plugins first."""
    pytest.importorskip("ray.data", reason="the extra [scale] is not installed")
    from singerid.system.ray_cluster import cluster

    before = list(LOADED)
    LOADED.extend(plugins)
    try:
        with cluster("local"):
            yield
    finally:
        LOADED[:] = before
