"""A data set: its source, its folder layouts, and what its makers say about it.

The design follows mirdata (Bittner et al., "mirdata: Software for Reproducible Usage of Datasets",
ISMIR 2019): one file per data set, one test over all of them. How to add one: docs/data.md.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from singerid.data.splits import Split
from singerid.data.tracks import Track, scan_tree
from singerid.errors import SingeridError
from singerid.sound.listing import OnFailure


def _no_deviations(root: Path, tracks: Sequence[Track]) -> tuple[str, ...]:
    return ()


def _no_split(root: Path, tracks: Sequence[Track]) -> Split | None:
    return None


@dataclass(frozen=True)
class DataSet:
    """What is known about a data set; its name is its key in `DATASETS`.

    Attributes:
        title: what it is, in one line.
        source: address of its makers' page.
        terms: the licence or terms under which it may be used.
        how_to_get: how to get it, in one line.
        root: `root(folder)` -> the folder that the tracks' paths are relative to: the folder that the user
            gave, or a folder inside it, in one of the layouts of the data set. Raises SingeridError,
            which names the remedy, if the folder holds something else.
        tracks: `tracks(root, on_failure)` -> its labelled tracks, sorted by path, as `scan_tree`.
        deviations: `deviations(root, tracks)` -> how the tracks differ from the makers' description, and
            what was skipped, each in one line; empty if the data set is complete. Raises SingeridError
            if a file that comes with the data set is damaged.
        split: `split(root, tracks)` -> the split that comes with the data set; None if there is none.
            Raises SingeridError if the split cannot be made from these tracks.
    """

    title: str
    source: str
    terms: str
    how_to_get: str
    root: Callable[[Path], Path]
    tracks: Callable[[Path, OnFailure | None], tuple[Track, ...]] = scan_tree
    deviations: Callable[[Path, Sequence[Track]], tuple[str, ...]] = _no_deviations
    split: Callable[[Path, Sequence[Track]], Split | None] = _no_split

    def find(self, folder: Path, on_failure: OnFailure | None = None) -> tuple[Path, tuple[Track, ...]]:
        """The root and the tracks of the data set in a folder that the user gave.

        Args:
            folder: the root, or a folder that holds it.
            on_failure: called with each file that looks like a track but is none; without it the first one
                raises an error.

        Raises:
            SingeridError: the folder does not hold this data set, or holds no track of it.
        """
        root = self.root(folder)
        return root, self.tracks(root, on_failure)


def find_root(folder: Path, is_root: Callable[[Path], bool], wrappers: Iterable[str], problem: str) -> Path:
    """The root of a data set: `folder`, or the first folder inside it that `is_root` accepts.

    Args:
        folder: what the user gave.
        is_root: whether a folder is the root.
        wrappers: names of folders that the root may lie in, in any order and depth.
        problem: what is wrong if there is no root, and the remedy.

    Raises:
        SingeridError: there is no root; the message is "FOLDER: PROBLEM".
    """
    found = _inside(folder, is_root, tuple(wrappers))
    if found is None:
        raise SingeridError(f"{folder}: {problem}")
    return found


def _inside(folder: Path, is_root: Callable[[Path], bool], wrappers: tuple[str, ...]) -> Path | None:
    if not folder.is_dir():
        return None
    if is_root(folder):
        return folder
    found = (_inside(folder / wrapper, is_root, wrappers) for wrapper in wrappers)
    return next((inner for inner in found if inner is not None), None)


def folder_names(folder: Path) -> set[str]:
    """Names of the folders in `folder`."""
    return {path.name for path in folder.iterdir() if path.is_dir()}
