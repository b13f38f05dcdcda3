"""The index of a data set in mirdata's form."""

import hashlib
import json
from pathlib import Path

import pytest

from singerid.data.datasets.loader_index import Deviations, compare_with_index, loader_index
from singerid.data.datasets.registry import DATASETS
from singerid.errors import SingeridError

FILES = {
    "vocalset": {
        "FULL/female1/scales/belt/f1_scales_belt_a.wav": b"one",
        "FULL/male2/excerpts/vibrato/m2_row.wav": b"two",
    },
    "artist20": {
        "artist20/mp3s-32k/u2/Boy/01-I_Will_Follow.mp3": b"three",
        "artist20/mp3s-32k/u2/Boy/01-I_Will_Follow.wav": b"four",
        "artist20/mp3s-32k/queen/Jazz/02-A. B..mp3": b"five",
    },
}
INDEXED = {
    "vocalset": {
        "female1/scales/belt/f1_scales_belt_a": ("female1/scales/belt/f1_scales_belt_a.wav", b"one"),
        "male2/excerpts/vibrato/m2_row": ("male2/excerpts/vibrato/m2_row.wav", b"two"),
    },
    "artist20": {
        "u2/Boy/01-I_Will_Follow.mp3": ("u2/Boy/01-I_Will_Follow.mp3", b"three"),
        "u2/Boy/01-I_Will_Follow.wav": ("u2/Boy/01-I_Will_Follow.wav", b"four"),
        "queen/Jazz/02-A. B.": ("queen/Jazz/02-A. B..mp3", b"five"),
    },
}
EACH = pytest.mark.parametrize("name", FILES)


@pytest.fixture
def copy(tmp_path: Path, name: str) -> Path:
    for path, content in {**FILES[name], "readme.txt": b"not a track"}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


@EACH
def test_each_track_stands_with_its_path_and_md5(name: str, copy: Path) -> None:
    index = loader_index(DATASETS[name], copy, "1.1")
    assert index["version"] == "1.1"
    assert index["tracks"] == {
        track: {"audio": [path, hashlib.md5(content).hexdigest()]}
        for track, (path, content) in INDEXED[name].items()
    }
    assert json.loads(json.dumps(index)) == index


@EACH
def test_a_copy_is_compared_with_the_index(name: str, copy: Path) -> None:
    index = loader_index(DATASETS[name], copy, "1.1")
    assert compare_with_index(DATASETS[name], copy, index) == Deviations((), ())
    changed, *_, gone = FILES[name]
    (copy / changed).write_bytes(b"other bytes")
    (copy / gone).unlink()
    by_content = {content: track for track, (_, content) in INDEXED[name].items()}
    assert compare_with_index(DATASETS[name], copy, index) == Deviations(
        missing=(by_content[FILES[name][gone]],), changed=(by_content[FILES[name][changed]],)
    )


@pytest.mark.parametrize(
    "index",
    [
        {},
        {"tracks": []},
        {"tracks": {"a": {}}},
        {"tracks": {"a": {"audio": ["x"]}}},
        {"tracks": {"a": {"audio": [1, 2]}}},
        [],
    ],
)
@pytest.mark.parametrize("name", ["vocalset"])
def test_what_is_no_index_is_refused(index: object, copy: Path) -> None:
    with pytest.raises(SingeridError, match="no index of a data set"):
        compare_with_index(DATASETS["vocalset"], copy, index)  # type: ignore[arg-type]


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SingeridError, match="holds no singer of VocalSet"):
        loader_index(DATASETS["vocalset"], tmp_path, "1.1")
