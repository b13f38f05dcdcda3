"""Which recordings a table is about: artist20, or what else."""

from dataclasses import dataclass

from singerid.data.artist20 import ARTISTS, check_artist20
from singerid.data.tracks import singers_of
from singerid.errors import printable
from singerid.extract.store import Store


@dataclass(frozen=True)
class DataSet:
    """The recordings of a store.

    Attributes:
        text: them in words, for titles.
        singers: their singers, sorted.
        has_artist20_singers: they are those of artist20, so that published values can be compared with.
    """

    text: str
    singers: tuple[str, ...]
    has_artist20_singers: bool


def data_set(store: Store, name: str | None = None) -> DataSet:
    """What a store's recordings are: artist20 is known by its singers, albums and number of tracks.

    Args:
        store: the store.
        name: what to call other recordings; by default by the store's folder.
    """
    singers = singers_of(store.tracks)
    deviations = check_artist20(store.tracks)
    if singers != ARTISTS:
        called = name or printable(store.path.resolve().name)
        return DataSet(f"{called}: {store.summary}; not artist20", singers, False)
    if not deviations:
        return DataSet(f"artist20: {store.summary}", singers, True)
    more = f" and {len(deviations) - 1} more" if len(deviations) > 1 else ""
    return DataSet(f"artist20, but {deviations[0]}{more}: {store.summary}", singers, True)
