"""Filling a collection on many machines: Ray Data distributes the files and parts.

All machines must see the Parquet files and the collection under the same paths, in an object store for
example, and have singerid installed. If a machine dies, its part is done again. If the part had already been
added, `collect` removes the duplicates.
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
    """Within, a function that runs the work of `collect` on a Ray cluster.

    Args:
        address: address of the cluster, as in `reproduce.on_ray`.

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
            f"`ray`: a part of the work failed ({text}); run the same command again: it continues"
        ) from error


class _Task:
    """The task in a worker; a SingeridError is returned as the result, to be raised by the caller."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._work = work

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            found = self._work(row["item"])
        except SingeridError as error:
            found = error
        return {"found": found}
