"""Filling a collection on many machines: Ray Data hands files and parts to them.

All machines must see the Parquet files and the collection under the same paths, in an object store for
example, and have singerid installed. A part whose machine died is done again; should it have been added all
the same, `collect` takes out what came twice.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from singerid.errors import SingeridError
from singerid.library.collecting import Spread
from singerid.system.ray_cluster import LOCAL, cluster, quiet_data
from singerid.text import one_line


@contextmanager
def spreading(address: str = LOCAL) -> Iterator[Spread]:
    """What `collect` spreads its work by.

    Args:
        address: of a Ray cluster, as in `reproduce.on_ray`.

    Raises:
        SingeridError: Ray is not installed, or there is no cluster at the address.
    """
    with cluster(address) as ray:
        yield lambda work, items: _spread(ray, work, items)


def _spread(ray: Any, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
    if not items:
        return
    quiet_data()
    rows = [{"item": item} for item in items]
    data = ray.data.from_items(rows, override_num_blocks=len(rows)).map(_Task(work))
    try:
        for row in data.iter_rows():
            found = row["found"]
            if isinstance(found, SingeridError):
                raise found
            yield found
    except ray.exceptions.RayError as error:
        text = one_line(error)[:300]
        raise SingeridError(
            f"--ray: a part of the work failed ({text}); run the same command again: it goes on"
        ) from error


class _Task:
    """In the worker; an error for people comes back as what was found."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._work = work

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            found = self._work(row["item"])
        except SingeridError as error:
            found = error
        return {"found": found}
