"""The index of a data set as mirdata's loaders read it: where each file is, and its MD5.

R. Bittner et al., "mirdata: Software for Reproducible Usage of Datasets", ISMIR 2019. The form is that of
mirdata 1.0 (https://mirdata.readthedocs.io/en/stable/source/contributing.html):

    {"version": "1.1", "tracks": {"female1/scales/belt/f1_a": {"audio": [PATH, MD5]}}}

singerid ships no such file: checksums must come from the recordings, and those of artist20 may not be passed
on. Whoever has a copy makes the index once; two people whose indexes are equal have the same data set.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path, PurePosixPath
from typing import Any

from singerid.data.datasets.dataset import DataSet
from singerid.errors import SingeridError

AUDIO = "audio"
"""The key under which a track's recording stands."""


@dataclass(frozen=True)
class Deviations:
    """How a copy of a data set differs from an index.

    Attributes:
        missing: identifiers of tracks whose file is not there, sorted.
        changed: identifiers of tracks whose file has other bytes, sorted.
    """

    missing: tuple[str, ...]
    changed: tuple[str, ...]


def loader_index(dataset: DataSet, folder: Path, version: str) -> dict[str, Any]:
    """The index of a copy of a data set; a value for `json.dump`.

    The identifier of a track is its path without the ending, or with it where two files differ in nothing
    else. Files that singerid passes over (companion files, tracks without labels) are not in the index.

    Args:
        dataset: an entry of `DATASETS`.
        folder: the copy: its root, or a folder around it.
        version: the version of the data set, as its makers call it.

    Raises:
        SingeridError: the folder does not hold this data set, or a file of it cannot be read.
    """
    root, tracks = dataset.find(folder)
    stems = Counter(_stem(track.path) for track in tracks)
    return {
        "version": version,
        "tracks": {
            _stem(path) if stems[_stem(path)] == 1 else path: {AUDIO: [path, _md5(root / path)]}
            for path in (track.path for track in tracks)
        },
    }


def compare_with_index(dataset: DataSet, folder: Path, index: Mapping[str, Any]) -> Deviations:
    """How a copy of a data set differs from an index.

    Args:
        dataset: an entry of `DATASETS`.
        folder: the copy: its root, or a folder around it.
        index: what `loader_index` gave, read from JSON.

    Raises:
        SingeridError: the folder does not hold this data set, a file of it cannot be read, or this is no
            such index.
    """
    root = dataset.root(folder)
    missing, changed = [], []
    for name, (path, checksum) in sorted(_files(index).items()):
        if not (root / path).is_file():
            missing.append(name)
        elif _md5(root / path) != checksum:
            changed.append(name)
    return Deviations(tuple(missing), tuple(changed))


def _files(index: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    try:
        files = {name: entry[AUDIO] for name, entry in index["tracks"].items()}
        if all(isinstance(part, str) for path, checksum in files.values() for part in (path, checksum)):
            return files
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    raise SingeridError('this is no index of a data set; it holds {"tracks": {ID: {"audio": [PATH, MD5]}}}')


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def _md5(path: Path) -> str:
    # The checksum of mirdata's format; nothing here depends on nobody being able to forge it.
    try:
        with path.open("rb") as file:
            return file_digest(file, "md5").hexdigest()
    except OSError as error:
        raise SingeridError(
            f"{path}: cannot be read ({error.strerror or error}); check the file and its rights"
        ) from error
